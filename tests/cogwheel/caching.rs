//! Validators and caching: what changes an `ETag`, what does not, and what a 304 and a HEAD look like.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rstest::rstest;

use crate::server::{Answer, Folder, Server, Shared, layer};
use crate::support::geo::ALIGNED;

const RGB: &str = "/tiles/rgb/11/1081/737";

fn server() -> Arc<Server> {
    static SHARED: Shared = Shared::new();
    let layers = [
        layer("rgb", "rgb_smooth_3857.tif", ""),
        layer("brighter", "rgb_smooth_3857.tif", "rescale = [[0, 200]]"),
        layer("palette", "palette.tif", "cache_control = 'public, max-age=7, immutable'"),
        layer("dem", "nodata_f32_tolerance.tif", ""),
    ];
    SHARED.get(|| Server::of(&layers.concat()))
}

fn tag_of(answer: &Answer) -> String {
    let tag = answer.header("etag");
    assert!(tag.len() > 4 && tag.starts_with('"') && tag.ends_with('"'), "\"{tag}\" is no strong entity tag");
    tag.to_owned()
}

fn tag(server: &Server, path: &str) -> String {
    tag_of(&server.get(path).ok())
}

#[test]
fn whatever_changes_the_answer_changes_the_tag() {
    let paths = [
        "/tiles/rgb/11/1081/737.png",
        "/tiles/rgb/11/1082/737.png",
        "/tiles/rgb/11/1081/736.png",
        "/tiles/rgb/12/2162/1474.png",
        "/tiles/rgb/11/1081/737.npy",
        "/tiles/rgb/11/1081/737@2x.png",
        "/tiles/rgb/11/1081/737.png?tilesize=128",
        "/tiles/rgb/11/1081/737.png?resampling=bilinear",
        "/tiles/rgb/11/1081/737.png?resampling=cubic",
        "/tiles/rgb/11/1081/737.png?nodata=7",
        "/tiles/rgb/11/1081/737.png?nodata=nan",
        "/tiles/rgb/11/1081/737.png?return_mask=false",
        "/tiles/rgb/11/1081/737.png?bidx=1",
        "/tiles/rgb/11/1081/737.png?bidx=3&bidx=2&bidx=1",
        "/tiles/rgb/11/1081/737.png?rescale=0,100",
        "/tiles/rgb/11/1081/737.png?rescale=0,100.5",
        "/tiles/rgb/11/1081/737.png?rescale=0,100&rescale=0,100&rescale=0,99",
        "/tiles/rgb/11/1081/737.png?bidx=1&colormap_name=viridis",
        "/tiles/rgb/11/1081/737.png?bidx=1&colormap_name=viridis_r",
        "/tiles/rgb/11/1081/737.png?bidx=1&colormap={%221%22:%22%23f00%22}",
        "/tiles/rgb/11/1081/737.png?bidx=1&colormap={%221%22:%22%23f00e%22}",
        "/tiles/rgb/11/1081/737.png?bidx=1&colormap=[[[1,2],%22%23f00%22]]",
        "/tiles/brighter/11/1081/737.png",
        "/tiles/palette/11/1081/737.png",
        "/layers/palette/legend.png",
        "/layers/palette/legend.png?width=300",
        "/layers/palette/legend.png?orientation=vertical",
        "/layers/dem/legend.png",
        "/",
        "/static/app.js",
    ];
    let mut seen: HashMap<String, &str> = HashMap::new();
    for path in paths {
        if let Some(other) = seen.insert(tag(&server(), path), path) {
            panic!("{path} and {other} have the same tag");
        }
    }
}

#[rstest]
#[case("", ".png")]
#[case("", "?tilesize=256")]
#[case("", "@1x")]
#[case("@2x", "?tilesize=512")]
#[case("", "?return_mask=true")]
#[case("?return_mask=false", "?return_mask=0")]
#[case("", "?bidx=1&bidx=2&bidx=3")]
#[case("", "?utm_source=mail&v=3")]
#[case("?rescale=0,10", "?rescale=[0,10]")]
#[case("?rescale=0,10", "?rescale=%5B0,%2010.0%5D")]
#[case("?rescale=0,10", "?rescale=0e0,1e1")]
#[case("?rescale=0,10", "?rescale=0,10&rescale=0,10&rescale=0,10")]
#[case("?rescale=0,10,0,20,0,30", "?rescale=0,10&rescale=0,20&rescale=0,30")]
#[case("?tilesize=128&nodata=0", "?nodata=0.0&tilesize=128")]
#[case("?resampling=%6Eearest", "?resampling=nearest")]
#[case(
    "?bidx=1&colormap={%221%22:%22%23f00%22,%222%22:[0,0,0]}",
    "?bidx=1&colormap={%222%22:%22%23000000ff%22,%20%221%22:[255,0,0,255]}"
)]
#[case(".npy", ".npy?rescale=0,10")] // raw values have no colours
fn the_same_options_spelled_otherwise_are_the_same_tile(#[case] one: &str, #[case] other: &str) {
    let server = server();
    let [one, other] = [one, other].map(|rest| server.get(&format!("{RGB}{rest}")).ok());
    assert_eq!(tag_of(&one), tag_of(&other));
    assert_eq!(one.body, other.body);
    assert_eq!(one.header("content-type"), other.header("content-type"));
}

#[test]
fn the_layers_default_written_out_is_the_same_tile() {
    assert_eq!(
        tag(&server(), "/tiles/brighter/11/1081/737"),
        tag(&server(), "/tiles/brighter/11/1081/737?rescale=0,200")
    );
}

#[rstest]
#[case("TAG", 304)]
#[case("W/TAG", 304)]
#[case("*", 304)]
#[case("\"other\", TAG", 304)]
#[case("\"a,b\",W/TAG,\"c\"", 304)]
#[case("\"other\"", 200)]
#[case("W/\"other\"", 200)]
#[case("", 200)]
#[case("no quotes at all, \"", 200)]
fn if_none_match_is_compared_as_the_rfc_says(
    #[case] value: &str, #[case] status: u16,
    #[values("/tiles/palette/11/1076/736.png", "/layers/palette/legend.png", "/static/app.js", "/")] path: &str,
    #[values("GET", "HEAD")] method: &str,
) {
    let server = server();
    let full = server.get(path).ok();
    let value = value.replace("TAG", &tag_of(&full));
    let answer = server.send(method, path, &[("If-None-Match", &value)]);
    assert_eq!(answer.status, status);
    if status == 304 {
        assert!(answer.body.is_empty());
        assert!(
            !answer.has("content-type") && ["", "0"].contains(&answer.header("content-length")),
            "{:?}",
            answer.headers
        );
        assert!(answer.has("access-control-allow-origin") && answer.has("x-request-id"));
        for name in ["etag", "cache-control"] {
            assert_eq!(answer.header(name), full.header(name));
        }
    }
}

#[test]
fn a_tag_without_its_quotes_is_another_tag() {
    let bare = tag(&server(), RGB).replace('"', "");
    assert_eq!(server().send("GET", RGB, &[("If-None-Match", &bare)]).status, 200);
}

#[test]
fn several_if_none_match_lines_are_one_list() {
    let tag = tag(&server(), RGB);
    assert_eq!(server().send("GET", RGB, &[("If-None-Match", "\"other\""), ("If-None-Match", &tag)]).status, 304);
}

#[test]
fn a_bad_parameter_is_refused_even_with_if_none_match() {
    let path = format!("{RGB}?rescale=9,5");
    assert_eq!(server().send("GET", &path, &[("If-None-Match", "*")]).status, 400);
    assert_eq!(server().send("GET", "/tiles/nope/0/0/0", &[("If-None-Match", "*")]).status, 404);
}

#[test]
fn the_layer_says_how_long_its_tiles_are_kept() {
    for path in ["/tiles/palette/11/1076/736.png", "/tiles/palette/11/1076/736.npy", "/layers/palette/legend.png"] {
        assert_eq!(server().get(path).ok().header("cache-control"), "public, max-age=7, immutable");
    }
    assert_eq!(server().get(RGB).ok().header("cache-control"), "public, max-age=3600");
}

#[rstest]
#[case("/tiles/rgb/11/1081/737.png")]
#[case("/tiles/rgb/11/1081/737.npy")]
#[case("/tiles/rgb/8/3/200.png")]
#[case("/tiles/nope/0/0/0.png")]
#[case("/tiles/rgb/0/0/7.png")]
#[case("/layers")]
#[case("/layers/palette")]
#[case("/layers/palette/tilejson.json")]
#[case("/layers/palette/legend.png")]
#[case("/layers/rgb/point/10.1,44.95")]
#[case("/colorMaps")]
#[case("/colorMaps/viridis")]
#[case("/colorMaps/viridis?format=png")]
#[case("/healthz")]
#[case("/")]
#[case("/static/vendor/leaflet/leaflet.js")]
fn head_has_the_headers_of_get_and_no_body(#[case] path: &str) {
    let server = server();
    let stable = |answer: &Answer| -> Vec<(String, String)> {
        let mut headers = answer.headers.clone();
        headers.retain(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()));
        headers.sort();
        headers
    };
    let (get, head) = (server.get(path), server.send("HEAD", path, &[]));
    assert_eq!((head.status, head.body.len()), (get.status, 0));
    assert_eq!(stable(&head), stable(&get));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
}

fn own_server(files: &[&str], toml: &str) -> Server {
    let folder = Folder::new();
    for file in files {
        folder.copy(file);
    }
    folder.write("cogwheel.toml", toml);
    Server::start(folder, &[])
}

#[test]
fn tags_survive_a_restart() {
    let server = own_server(&["palette.tif"], "[layers.p]\nsource = 'palette.tif'");
    let paths = ["/tiles/p/11/1076/736.png", "/tiles/p/11/1076/736.npy?nodata=3", "/layers/p/legend.png", "/"];
    let before = paths.map(|path| tag(&server, path));
    let server = server.restart();
    assert_eq!(before, paths.map(|path| tag(&server, path)));
}

#[rstest]
#[case(&["palette.tif"], "palette.tif", "palette.tif", "11/1076/736")]
#[case(&["vrt/gaps.vrt", "vrt/ten.tif", "vrt/thirty.tif"], "gaps.vrt", "ten.tif", ALIGNED)]
#[case(&["vrt/nested.vrt", "vrt/gaps.vrt", "vrt/ten.tif", "vrt/twenty.tif", "vrt/thirty.tif"], "nested.vrt", "thirty.tif", ALIGNED)]
#[case(&["vrt/with_ovr.vrt", "vrt/with_ovr.vrt.ovr", "vrt/five.tif"], "with_ovr.vrt", "with_ovr.vrt.ovr", ALIGNED)]
fn touching_any_file_of_a_source_changes_its_tags(
    #[case] files: &[&str], #[case] source: &str, #[case] touched: &str, #[case] tile: &str,
) {
    let server = own_server(files, &format!("[layers.l]\nsource = '{source}'"));
    let path = format!("/tiles/l/{tile}.png");
    let before = server.get(&path).ok();
    let file = File::options().write(true).open(server.folder.path().join(touched)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_hours(1)).unwrap();
    let server = server.restart();
    let after = server.get(&path).ok();
    assert_ne!(tag_of(&before), tag_of(&after));
    assert_eq!(before.body, after.body);
    let old = tag_of(&before);
    assert_eq!(server.send("GET", &path, &[("If-None-Match", &old)]).status, 200);
}

#[test]
fn a_changed_configuration_changes_the_tags() {
    let server = own_server(&["palette.tif"], "[layers.p]\nsource = 'palette.tif'");
    let before = tag(&server, "/tiles/p/11/1076/736.png");
    server.folder.write("cogwheel.toml", "[layers.p]\nsource = 'palette.tif'\nnodata = 3");
    assert_ne!(before, tag(&server.restart(), "/tiles/p/11/1076/736.png"));
}

#[test]
fn the_tag_is_checked_before_any_read() {
    let server = own_server(&["columns_3857.tif"], "[layers.c]\nsource = 'columns_3857.tif'\nrescale = [[0, 512]]");
    let path = "/tiles/c/13/4325/2948.npy";
    let known = tag(&server, path);
    // the pixels go bad, the header, the size and the time stay
    let file = server.folder.path().join("columns_3857.tif");
    let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[1_000..].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    let server = server.restart();
    assert_eq!(server.get("/layers/c").status, 200, "the header is fine");
    assert_eq!(server.get(path).status, 502, "the pixels are not");
    assert_eq!(server.send("GET", path, &[("If-None-Match", &known)]).status, 304);
    assert_eq!(server.send("GET", path, &[("If-None-Match", "\"other\"")]).status, 502);
}
