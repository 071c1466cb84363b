//! DESIGN's error table, from outside: what a caller did wrong, the status, and who may keep the answer.

use std::sync::Arc;

use rstest::rstest;

use crate::server::{Answer, Server, Shared, layer};

/// A tile of `rgb` with data in it.
const RGB: &str = "/tiles/rgb/11/1081/737";

/// No message is longer, whatever it quotes.
const LONGEST_DETAIL: usize = 1_000;

fn server() -> Arc<Server> {
    static SHARED: Shared = Shared::new();
    let layers = [
        layer("rgb", "rgb_smooth_3857.tif", ""),
        layer("dem", "nodata_f32_tolerance.tif", "min_zoom = 2"),
        layer("palette", "palette.tif", ""),
        layer("seven", "dtypes/seven_bands.tif", ""),
        layer("wide", "dtypes/uint64.tif", ""),
    ];
    SHARED.get(|| Server::of(&layers.concat()))
}

/// The shape that every error has: JSON with a sentence and a code, and nothing about the server's disk.
pub fn assert_is_error(answer: &Answer, status: u16, code: &str) -> String {
    assert_eq!(answer.status, status, "{}", answer.excerpt());
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.excerpt());
    let body = answer.json();
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "detail"]);
    assert_eq!(body["code"], code);
    let detail = body["detail"].as_str().unwrap().to_owned();
    assert!(!detail.is_empty() && detail.len() <= LONGEST_DETAIL, "{} bytes of detail", detail.len());
    assert!(!detail.contains(crate::server::ROOT) && !detail.contains("fixtures"), "a path leaks: {detail}");
    assert!(answer.has("x-request-id") && answer.has("access-control-allow-origin"), "{:?}", answer.headers);
    assert!(!answer.has("etag"), "an error has no validator: {:?}", answer.headers);
    detail
}

/// A 400 whose message begins with the parameter's name.
fn assert_names(answer: &Answer, code: &str, parameter: &str) {
    let detail = assert_is_error(answer, 400, code);
    assert_eq!(answer.header("cache-control"), "no-store");
    let rest = detail.strip_prefix(parameter).unwrap_or_else(|| panic!("\"{detail}\" does not begin with {parameter}"));
    assert!(rest.starts_with([':', '=']), "\"{detail}\" does not name {parameter}");
}

#[rstest]
#[case("999/0/0", "bad_tile", "z")]
#[case("31/0/0.png", "bad_tile", "z")]
#[case("4294967296/0/0", "bad_tile", "z")]
#[case("18446744073709551616/0/0", "bad_parameter", "z")]
#[case("-1/0/0.png", "bad_parameter", "z")]
#[case("z/0/0", "bad_parameter", "z")]
#[case("0x3/0/0", "bad_parameter", "z")]
#[case("3/8/0", "bad_tile", "x")]
#[case("0/1/0.npy", "bad_tile", "x")]
#[case("30/1073741824/0", "bad_tile", "x")]
#[case("3/-1/0", "bad_parameter", "x")]
#[case("3/+1/0", "bad_parameter", "x")]
#[case("3/1e0/0", "bad_parameter", "x")]
#[case("3/99999999999999999999999999/0", "bad_parameter", "x")]
#[case("3/%D9%A3/0", "bad_parameter", "x")] // an Arabic three
#[case("3/%00/0", "bad_parameter", "x")]
#[case("3/0/8.png", "bad_tile", "y")]
#[case("3/0/8@2x.png", "bad_tile", "y")]
#[case("3/0/-1.png", "bad_parameter", "y")]
#[case("3/0/@2x", "bad_parameter", "y")]
#[case("3/0/.png", "bad_parameter", "y")]
#[case("3/0/%zz", "bad_parameter", "y")]
#[case("3/0/%", "bad_parameter", "y")]
#[case("3/0/0@0x", "bad_parameter", "scale")]
#[case("3/0/0@5x.png", "bad_parameter", "scale")]
#[case("3/0/0@2.png", "bad_parameter", "scale")]
#[case("3/0/0@x", "bad_parameter", "scale")]
#[case("3/0/0@+2x", "bad_parameter", "scale")]
#[case("3/0/0@2X", "bad_parameter", "scale")]
#[case("3/0/0@2x@2x", "bad_parameter", "scale")]
#[case("3/0/0@99999999999x", "bad_parameter", "scale")]
#[case("3/0/0.jpg", "bad_parameter", "format")]
#[case("3/0/0.PNG", "bad_parameter", "format")]
#[case("3/0/0.", "bad_parameter", "format")]
#[case("3/0/0.png.png", "bad_parameter", "format")]
#[case("3/0/0.png@2x", "bad_parameter", "format")]
fn an_impossible_tile_is_a_400_that_names_the_part(#[case] tile: &str, #[case] code: &str, #[case] parameter: &str) {
    assert_names(&server().get(&format!("/tiles/rgb/{tile}")), code, parameter);
}

#[test]
fn a_zoom_too_deep_is_quoted_as_it_was_asked() {
    let detail = assert_is_error(&server().get("/tiles/rgb/4294967296/0/0"), 400, "bad_tile");
    assert!(detail.contains("4294967296"), "{detail}");
}

#[test]
fn a_zoom_below_the_layers_own_is_a_400() {
    assert_names(&server().get("/tiles/dem/1/1/0"), "bad_parameter", "z");
}

#[rstest]
#[case("bidx=0", "bidx")]
#[case("bidx=99", "bidx")]
#[case("bidx=-1", "bidx")]
#[case("bidx=red", "bidx")]
#[case("bidx=", "bidx")]
#[case("bidx=1,2,3", "bidx")]
#[case("bidx=1.0", "bidx")]
#[case("bidx=18446744073709551617", "bidx")]
#[case("rescale=low,high", "rescale")]
#[case("rescale=", "rescale")]
#[case("rescale=5", "rescale")]
#[case("rescale=5,5", "rescale")]
#[case("rescale=0,-0", "rescale")]
#[case("rescale=9,5", "rescale")]
#[case("rescale=nan,5", "rescale")]
#[case("rescale=0,nan", "rescale")]
#[case("rescale=0,inf", "rescale")]
#[case("rescale=-inf,inf", "rescale")]
#[case("rescale=-1e308,1e308", "rescale")]
#[case("rescale=0,1e999", "rescale")]
#[case("rescale=0,1,2", "rescale")]
#[case("rescale=0,1&rescale=0,2", "rescale")]
#[case("rescale=0,1,0,2,0,3,0,4", "rescale")]
#[case("rescale=0,10&rescale=", "rescale")]
#[case("rescale=[0,10", "rescale")]
#[case("bidx=1&colormap_name=nope", "colormap_name")]
#[case("bidx=1&colormap_name=Viridis", "colormap_name")]
#[case("bidx=1&colormap_name=", "colormap_name")]
#[case("bidx=1&colormap=", "colormap")]
#[case("bidx=1&colormap={", "colormap")]
#[case("bidx=1&colormap=7", "colormap")]
#[case("bidx=1&colormap={}", "colormap")]
#[case("bidx=1&colormap=[]", "colormap")]
#[case("bidx=1&colormap={%22one%22:[1,2,3]}", "colormap")]
#[case("bidx=1&colormap={%221%22:%22red%22}", "colormap")]
#[case("bidx=1&colormap={%221%22:[1,2,300]}", "colormap")]
#[case("bidx=1&colormap={%221%22:[1,2]}", "colormap")]
#[case("bidx=1&colormap=[[0,%22%23fff%22]]", "colormap")]
#[case("bidx=1&colormap=[[1,%22%23fff%22],[0,%22%23000%22]]", "colormap")]
#[case("bidx=1&colormap=[[[5,1],%22%23fff%22]]", "colormap")]
#[case("bidx=1&colormap={%221%22:%22%23f00%22}&colormap_name=viridis", "colormap")]
#[case("colormap_name=viridis", "colormap_name")] // three bands
#[case("colormap={%221%22:%22%23f00%22}", "colormap")] // three bands
#[case("resampling=linear", "resampling")]
#[case("resampling=Nearest", "resampling")]
#[case("resampling=", "resampling")]
#[case("resampling=%FF%FE", "resampling")]
#[case("bidx=1&colormap={%221%22:%22%23f00%22}&resampling=cubic", "resampling")] // classes
#[case("nodata=none", "nodata")]
#[case("nodata=", "nodata")]
#[case("nodata=1,2", "nodata")]
#[case("nodata=%FF", "nodata")]
#[case("tilesize=63", "tilesize")]
#[case("tilesize=1025", "tilesize")]
#[case("tilesize=0", "tilesize")]
#[case("tilesize=-1", "tilesize")]
#[case("tilesize=big", "tilesize")]
#[case("tilesize=", "tilesize")]
#[case("tilesize=4294967552", "tilesize")]
#[case("return_mask=maybe", "return_mask")]
#[case("return_mask=", "return_mask")]
#[case("colormap_name=viridis&colormap_name=viridis", "colormap_name")]
#[case("colormap={}&colormap={}", "colormap")]
#[case("resampling=cubic&resampling=cubic", "resampling")]
#[case("nodata=0&nodata=0", "nodata")]
#[case("tilesize=256&tilesize=256", "tilesize")]
#[case("return_mask=true&return_mask=false", "return_mask")]
fn a_bad_parameter_is_a_400_that_names_it(#[case] query: &str, #[case] parameter: &str) {
    assert_names(&server().get(&format!("{RGB}.png?{query}")), "bad_parameter", parameter);
    // the address of the tiles in a TileJSON must work, so it is refused there too
    assert_names(&server().get(&format!("/layers/rgb/tilejson.json?{query}")), "bad_parameter", parameter);
}

#[rstest]
#[case("bidx=0", "bidx")]
#[case("rescale=low,high", "rescale")]
#[case("rescale=9,5", "rescale")]
#[case("bidx=1&colormap_name=nope", "colormap_name")]
#[case("bidx=1&colormap={", "colormap")]
#[case("bidx=1&colormap={%221%22:%22%23f00%22}&colormap_name=viridis", "colormap")]
#[case("resampling=linear", "resampling")]
#[case("nodata=none", "nodata")]
#[case("tilesize=63", "tilesize")]
#[case("return_mask=maybe", "return_mask")]
fn raw_values_do_not_forgive_a_bad_parameter(#[case] query: &str, #[case] parameter: &str) {
    assert_names(&server().get(&format!("{RGB}.npy?{query}")), "bad_parameter", parameter);
}

#[rstest]
#[case("/tiles/rgb/11/1081/737?bidx=1&bidx=2", "bidx")] // a picture of two bands
#[case("/tiles/seven/10/540/360?bidx=1&bidx=2&bidx=3&bidx=4", "bidx")]
#[case("/tiles/rgb/11/1081/737@4x?tilesize=513", "tilesize")]
#[case("/tiles/rgb/11/1081/737@3x.npy?tilesize=1024", "tilesize")]
#[case("/tiles/palette/11/1076/736?resampling=bilinear", "resampling")]
#[case("/tiles/palette/11/1076/736?resampling=average", "resampling")]
#[case("/layers/palette/legend.png?width=0", "width")]
#[case("/layers/palette/legend.png?width=2049", "width")]
#[case("/layers/palette/legend.png?height=tall", "height")]
#[case("/layers/palette/legend.png?width=9&width=9", "width")]
#[case("/layers/palette/legend.png?orientation=diagonal", "orientation")]
#[case("/colorMaps/viridis?format=jpg", "format")]
#[case("/colorMaps/viridis?format=png&format=png", "format")]
#[case("/colorMaps/viridis?format=png&height=-1", "height")]
#[case("/layers/rgb/point/10", "lon,lat")]
#[case("/layers/rgb/point/10;45", "lon,lat")]
#[case("/layers/rgb/point/east,45", "lon")]
#[case("/layers/rgb/point/541,45", "lon")]
#[case("/layers/rgb/point/nan,45", "lon")]
#[case("/layers/rgb/point/,45", "lon")]
#[case("/layers/rgb/point/10,", "lat")]
#[case("/layers/rgb/point/10,90.01", "lat")]
#[case("/layers/rgb/point/10,inf", "lat")]
#[case("/layers/rgb/point/10,45,3", "lat")]
fn so_is_what_only_one_route_knows(#[case] path: &str, #[case] parameter: &str) {
    assert_names(&server().get(path), "bad_parameter", parameter);
}

#[test]
fn a_tile_of_too_many_bytes_names_bidx_and_the_limit() {
    let bands = "&bidx=1".repeat(3);
    let answer = server().get(&format!("/tiles/wide/10/540/360@4x.npy?tilesize=512{bands}"));
    let detail = assert_is_error(&answer, 400, "bad_parameter");
    assert!(detail.starts_with("bidx:") && detail.contains("67108864"), "{detail}");
}

#[rstest]
#[case("/tiles/%FF/3/0/0.png")]
#[case("/tiles/rgb/%FF/0/0.png")]
#[case("/tiles/rgb/3/%C3%28/0.png")]
#[case("/layers/%FF")]
#[case("/layers/%FF/tilejson.json")]
#[case("/layers/%FF/legend.png")]
#[case("/layers/%FF/point/10,45")]
#[case("/layers/rgb/point/%FF,45")]
#[case("/colorMaps/%FF")]
#[case("/static/%FF")]
#[case("/%FF")]
fn a_path_that_is_no_text_is_refused_in_json(#[case] path: &str) {
    let answer = server().get(path);
    let (status, code) = if answer.status == 404 { (404, "not_found") } else { (400, "bad_parameter") };
    assert_is_error(&answer, status, code);
}

#[rstest]
#[case("%")]
#[case("%F")]
#[case("=")]
#[case("&&&===&")]
#[case("%FF=%FF")]
#[case("bidx[]=1&__proto__=2")]
#[case("\u{1}%00%0d%0aSet-Cookie:%20a=b")]
fn a_strange_query_that_nobody_asked_for_is_ignored(#[case] query: &str) {
    let query = query.replace('\u{1}', "%01");
    let answer = server().get(&format!("{RGB}?{query}")).ok();
    assert!(!answer.has("set-cookie"));
}

#[test]
fn a_message_stays_short_however_long_the_input_is() {
    let long = "a".repeat(20_000);
    for path in [
        format!("{RGB}?resampling={long}"),
        format!("{RGB}?nodata={long}"),
        format!("{RGB}?rescale={long}"),
        format!("{RGB}?bidx=1&colormap_name={long}"),
        format!("{RGB}?bidx=1&colormap={{%22{long}%22:1}}"),
        format!("/tiles/rgb/3/0/{long}"),
        format!("/layers/rgb/point/{long},1"),
    ] {
        assert_is_error(&server().get(&path), 400, "bad_parameter");
    }
    for path in [format!("/{long}"), format!("/layers/{long}"), format!("/colorMaps/{long}"), format!("/static/{long}")]
    {
        assert_is_error(&server().get(&path), 404, "not_found");
    }
}

#[test]
fn an_over_long_query_is_refused_and_the_server_goes_on() {
    let nested = "[".repeat(40_000);
    assert_names(&server().get(&format!("{RGB}?bidx=1&colormap={nested}")), "bad_parameter", "colormap");
    // over 65,534 bytes the HTTP library itself refuses: with 414, and never with a 500 or silence
    for bytes in [65_500, 66_000, 100_000, 300_000] {
        let answer = server().get(&format!("{RGB}?x={}", "a".repeat(bytes)));
        assert!([400, 414, 431].contains(&answer.status), "{bytes} bytes: {}", answer.status);
    }
    server().get(RGB).ok();
}

#[rstest]
#[case("/tiles/nope/3/0/0.png", "nope")]
#[case("/tiles//3/0/0.png", "layer")]
#[case("/tiles/RGB/3/0/0.png", "RGB")]
#[case("/layers/nope", "nope")]
#[case("/layers/nope/tilejson.json", "nope")]
#[case("/layers/nope/legend.png", "nope")]
#[case("/layers/nope/point/10,45", "nope")]
#[case("/layers/rgb/legend.png", "rgb")] // colours that mean nothing but themselves
#[case("/colorMaps/nope", "nope")]
#[case("/colorMaps/VIRIDIS", "VIRIDIS")]
#[case("/colorMaps/viridis_r_r", "viridis_r_r")]
#[case("/static/nope.js", "nope.js")]
#[case("/nope", "/nope")]
#[case("/tiles", "/tiles")]
#[case("/tiles/rgb/3/0", "/tiles/rgb/3/0")]
#[case("/tiles/rgb/3/0/0/", "/tiles/rgb/3/0/0/")]
#[case("/layers/", "/layers/")]
#[case("//", "//")]
fn what_does_not_exist_is_a_404_kept_for_a_short_time(#[case] path: &str, #[case] named: &str) {
    let answer = server().get(path);
    let detail = assert_is_error(&answer, 404, "not_found");
    assert!(detail.contains(named), "{detail}");
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
}

#[rstest]
fn another_method_is_a_405_that_says_what_is_allowed(
    #[values("POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW")] method: &str,
    #[values("/", "/static/app.js", "/tiles/rgb/3/0/0", "/layers", "/layers/rgb", "/colorMaps/viridis", "/healthz")]
    path: &str,
) {
    let answer = server().send(method, path, &[("Content-Length", "0")]);
    assert_is_error(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("cache-control"), "no-store");
    let allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
    assert!(allowed.contains(&"GET") && allowed.contains(&"HEAD") && !allowed.contains(&method), "{allowed:?}");
}

#[rstest]
#[case::no_json("counts", "[", 400, "bad_geojson")]
#[case::no_geojson("counts", r#"{"type":"Circle"}"#, 400, "bad_geojson")]
#[case::no_area("counts", r#"{"type":"Point","coordinates":[1,2]}"#, 422, "invalid_geometry")]
#[case::crossing(
    "counts",
    r#"{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}"#,
    422,
    "invalid_geometry"
)]
#[case::a_wrong_option(
    "counts?cell_rule=all",
    r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#,
    400,
    "bad_parameter"
)]
#[case::too_many_points("sample?n=10001", r#"{"type":"LineString","coordinates":[[0,0],[1,0]]}"#, 413, "too_large")]
#[case::a_range_without_end(
    "extract?range=1",
    r#"{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}"#,
    400,
    "bad_parameter"
)]
fn an_analysis_that_can_not_be_is_refused_by_its_kind(
    #[case] path: &str, #[case] body: &str, #[case] status: u16, #[case] code: &str,
) {
    let answer = server().post(&format!("/layers/rgb/{path}"), body);
    assert_is_error(&answer, status, code);
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[rstest]
fn an_analysis_is_a_post(
    #[values("counts", "statistics", "extract", "extract/1", "sample", "crosstab/rgb")] path: &str,
) {
    let answer = server().get(&format!("/layers/rgb/{path}"));
    assert_is_error(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "POST");
}
