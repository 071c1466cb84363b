//! What the server says of its layers: the catalogue, profiles, TileJSON and the values under a point.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use crate::server::{Server, Shared, layer};
use crate::support::Picture;
use crate::support::geo::tile;

fn server() -> Arc<Server> {
    static SHARED: Shared = Shared::new();
    let layers = [
        layer(
            "rgb",
            "rgb_smooth_3857.tif",
            "title = 'Smooth'\nattribution = '<a href=\"x\">Nobody</a>'\ndescription = 'd'",
        ),
        layer("palette", "palette.tif", "classes = { 1 = 'one', 3 = 'three' }"),
        layer("broken", "not_a_raster.txt", "title = 'Broken'"),
        layer("nan", "nodata_nan_f32.tif", ""),
        layer("dateline", "antimeridian_utm60.tif", ""),
        layer("world", "lon_0_360.tif", ""),
        layer("global", "global_4326.tif", ""),
        layer("pole", "polar_3031_pole.tif", ""),
        layer("south_up", "south_up.tif", ""),
        layer("gaps", "vrt/gaps.vrt", ""),
        layer("mask", "mask_dataset.tif", ""),
        layer("alpha", "alpha_rgba.tif", ""),
        layer("one_band", "rgb_one_band_nodata.tif", ""),
        layer("only_min", "nodata_f32_tolerance.tif", "min_zoom = 12"),
        layer("only_max", "nodata_f32_tolerance.tif", "max_zoom = 3"),
    ];
    SHARED.get(|| Server::of(&layers.concat()))
}

fn get(path: &str) -> Value {
    server().get(path).ok().json()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn the_catalogue_keeps_the_order_and_lists_what_is_broken_with_a_reason() {
    let answer = server().get("/layers").ok();
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        ("application/json", "public, max-age=60")
    );
    let body = answer.json();
    let layers = body["layers"].as_array().unwrap();
    let ids: Vec<&str> = layers.iter().map(|layer| layer["id"].as_str().unwrap()).collect();
    assert_eq!(ids[..4], ["rgb", "palette", "broken", "nan"]);
    assert_eq!((&layers[0]["title"], &layers[0]["status"]), (&json!("Smooth"), &json!("ok")));
    assert_eq!(layers[1]["title"], "palette", "the name stands in for a title");
    let broken = &layers[2];
    assert_eq!((&broken["status"], &broken["title"]), (&json!("error"), &json!("Broken")));
    let detail = broken["detail"].as_str().unwrap();
    assert!(detail.contains("broken") && !detail.contains(crate::server::ROOT) && !detail.contains(".txt"), "{detail}");
    for layer in layers.iter().filter(|layer| layer["status"] == "ok") {
        let [west, south, east, north] = numbers(&layer["bounds"])[..] else { panic!("{layer}") };
        assert!((-180.0..=180.0).contains(&west) && (-180.0..=180.0).contains(&east), "{layer}");
        assert!(-90.0 <= south && south < north && north <= 90.0, "{layer}");
    }
}

#[test]
fn a_legend_of_classes_names_them() {
    let legend = &get("/layers/palette")["legend"];
    assert_eq!((&legend["kind"], &legend["image"]), (&json!("classes"), &json!("layers/palette/legend.png")));
    let named: Vec<_> = legend["classes"].as_array().unwrap().iter().map(|c| (&c["value"], &c["name"])).collect();
    assert_eq!(named, [(&json!(1), &json!("one")), (&json!(3), &json!("three"))]);
}

#[rstest]
#[case("rgb", "EPSG:3857", 3, json!([2, 4]), json!(null))]
#[case("palette", "EPSG:32632", 1, json!([2, 4]), json!(255.0))]
#[case("nan", "EPSG:3857", 1, json!([]), json!("nan"))]
#[case("dateline", "EPSG:32660", 2, json!([]), json!(null))]
#[case("pole", "EPSG:3031", 2, json!([]), json!(null))]
#[case("alpha", "EPSG:32632", 4, json!([]), json!(null))]
fn a_profile_says_what_the_raster_is(
    #[case] name: &str, #[case] crs: &str, #[case] bands: usize, #[case] overviews: Value, #[case] nodata: Value,
) {
    let profile = get(&format!("/layers/{name}"));
    assert_eq!((&profile["id"], &profile["crs"], &profile["overviews"]), (&json!(name), &json!(crs), &overviews));
    assert_eq!(profile["bands"].as_array().unwrap().len(), bands);
    assert_eq!((&profile["bands"][0]["nodata"], &profile["bands"][0]["index"]), (&nodata, &json!(1)));
    assert_eq!(profile["reader"], "cog");
    for key in ["bounds", "minzoom", "maxzoom", "width", "height", "geotransform", "version"] {
        assert!(!profile[key].is_null(), "{key} is missing in {profile}");
    }
}

#[test]
fn bounds_across_the_antimeridian_have_west_above_east() {
    let [west, _, east, _] = numbers(&get("/layers/dateline")["bounds"])[..] else { panic!() };
    assert!(west > 170.0 && east < -170.0, "{west} {east}");
}

#[rstest]
fn a_tilejson_is_one_by_the_specification(
    #[values(
        "rgb", "palette", "nan", "dateline", "world", "global", "pole", "south_up", "gaps", "mask", "alpha",
        "only_min", "only_max"
    )]
    name: &str,
) {
    let body = get(&format!("/layers/{name}/tilejson.json"));
    assert_eq!((&body["tilejson"], &body["scheme"]), (&json!("3.0.0"), &json!("xyz")));
    let tiles = body["tiles"].as_array().unwrap();
    let url = tiles[0].as_str().unwrap();
    assert!(tiles.len() == 1 && ["{z}", "{x}", "{y}"].iter().all(|part| url.matches(part).count() == 1), "{url}");
    let [w, s, e, n] = numbers(&body["bounds"])[..] else { panic!("{body}") };
    assert!(-180.0 <= w && w < e && e <= 180.0 && -90.0 <= s && s < n && n <= 90.0, "{body}");
    let [minzoom, maxzoom] = ["minzoom", "maxzoom"].map(|key| body[key].as_u64().unwrap());
    assert!(minzoom <= maxzoom && maxzoom <= 30, "{minzoom} to {maxzoom}");
    let [lon, lat, zoom] = numbers(&body["center"])[..] else { panic!("{body}") };
    assert!(w <= lon && lon <= e && s <= lat && lat <= n, "{body}");
    assert!(zoom.fract() == 0.0 && (minzoom..=maxzoom).contains(&(zoom as u64)), "{body}");
}

#[rstest]
fn at_the_centre_of_a_tilejson_there_is_data(
    #[values("rgb", "palette", "nan", "dateline", "world", "global", "pole", "south_up", "mask", "alpha")] name: &str,
) {
    let body = get(&format!("/layers/{name}/tilejson.json"));
    let [lon, lat, zoom] = numbers(&body["center"])[..] else { panic!("{body}") };
    let (x, y) = tile(zoom as u32, lon, lat.clamp(-85.0, 85.0));
    let url = body["tiles"][0].as_str().unwrap();
    let path = url.strip_prefix("http://127.0.0.1").unwrap();
    let path = path.replace("{z}", &zoom.to_string()).replace("{x}", &x.to_string()).replace("{y}", &y.to_string());
    let picture = Picture::parse(&server().get(&path).ok().body);
    assert!(!picture.is_transparent(), "nothing at {path}");
}

#[test]
fn a_tilejson_has_the_words_of_the_configuration() {
    let body = get("/layers/rgb/tilejson.json");
    assert_eq!((&body["name"], &body["description"]), (&json!("Smooth"), &json!("d")));
    assert_eq!(body["attribution"], "<a href=\"x\">Nobody</a>");
    let plain = get("/layers/world/tilejson.json");
    assert!(plain["name"] == "world" && plain.get("attribution").is_none() && plain.get("description").is_none());
}

#[rstest]
#[case(&[("Host", "maps.example:8080")], "http://maps.example:8080")]
#[case(&[("Host", "[::1]:8080")], "http://[::1]:8080")]
#[case(&[("X-Forwarded-Proto", "https")], "https://127.0.0.1")]
#[case(&[("X-Forwarded-Host", "maps.example"), ("X-Forwarded-Proto", "https")], "https://maps.example")]
#[case(&[("X-Forwarded-Host", "a.example, b.example"), ("X-Forwarded-Proto", "https,http")], "https://a.example")]
#[case(&[("X-Forwarded-Prefix", "/prod")], "http://127.0.0.1/prod")]
#[case(&[("X-Forwarded-Prefix", "/prod/v1/")], "http://127.0.0.1/prod/v1")]
#[case(&[("X-Forwarded-Prefix", "prod")], "http://127.0.0.1/prod")]
#[case(&[("X-Forwarded-Prefix", "/")], "http://127.0.0.1")]
#[case(&[("X-Forwarded-Host", "evil\"><script>")], "http://127.0.0.1")]
#[case(&[("X-Forwarded-Host", "")], "http://127.0.0.1")]
#[case(&[("X-Forwarded-Proto", "https://evil.example/?")], "http://127.0.0.1")]
fn addresses_in_a_tilejson_are_the_callers(#[case] headers: &[(&str, &str)], #[case] base: &str) {
    let body = server().send("GET", "/layers/rgb/tilejson.json", headers).ok().json();
    assert_eq!(body["tiles"], json!([format!("{base}/tiles/rgb/{{z}}/{{x}}/{{y}}.png")]));
}

#[test]
fn tile_parameters_of_a_tilejson_go_into_the_address_of_its_tiles() {
    let query = "bidx=1&colormap_name=viridis&rescale=0,100&colour=blue%20%26%20red";
    let url = get(&format!("/layers/rgb/tilejson.json?{query}"))["tiles"][0].clone();
    let url = url.as_str().unwrap();
    assert!(url.ends_with(&format!("/tiles/rgb/{{z}}/{{x}}/{{y}}.png?{query}")), "{url}");
}

#[rstest]
#[case("world", "-90.5,10.5", json!([269, 79]))] // 0..360: column 269 of 360, row 79 of 180
#[case("world", "269.5,10.5", json!([269, 79]))]
#[case("world", "-450.5,10.5", json!([269, 79]))]
#[case("world", "0,0", json!([0, 90]))] // a shared edge belongs to the pixel right and below
#[case("world", "359.999,89.999", json!([359, 0]))]
#[case("world", "180,-45.5", json!([180, 135]))]
#[case("world", "-180,-45.5", json!([180, 135]))]
#[case("world", "%2090.5%20,%2010.5%20", json!([90, 79]))]
#[case("world", "9.05e1,1.05e1", json!([90, 79]))]
#[case("gaps", "9.9,46.98", json!([10]))]
#[case("gaps", "10.15,46.86", json!([30]))]
#[case("gaps", "10.15,46.98", json!([null]))] // a gap of the VRT
#[case("gaps", "0,0", json!([null]))] // outside
#[case("gaps", "-169.9,46.98", json!([null]))] // the other side of the world
#[case("dateline", "0,52", json!([null, null]))]
#[case("rgb", "10.085,-44.953", json!([null, null, null]))]
#[case("mask", "9.1854,45.01395", json!([null, null, null]))] // the middle of the hole
fn a_point_gives_the_values_of_its_cell(#[case] name: &str, #[case] place: &str, #[case] values: Value) {
    let body = get(&format!("/layers/{name}/point/{place}"));
    let found: Vec<Option<f64>> = serde_json::from_value(body["values"].clone()).unwrap();
    let expected: Vec<Option<f64>> = serde_json::from_value(values).unwrap();
    assert_eq!(found, expected);
    assert_eq!(body["band_names"].as_array().unwrap().len(), expected.len());
    let [lon, _] = numbers(&body["coordinates"])[..] else { panic!("{body}") };
    assert!((-180.0..=180.0).contains(&lon), "{lon}");
}

#[test]
fn a_point_across_the_antimeridian_is_the_same_from_both_sides() {
    let [east, west] = ["180.5,51.8", "-179.5,51.8"].map(|place| get(&format!("/layers/dateline/point/{place}")));
    assert!(east["values"][0].is_number(), "{east}");
    assert_eq!((&east["values"], &east["coordinates"]), (&west["values"], &west["coordinates"]));
}

#[test]
fn a_point_tells_the_validity_of_each_band() {
    let hole = get("/layers/one_band/point/9.1854,45.01395")["values"].clone();
    assert!(hole[0].is_null() && hole[1].is_number() && hole[2].is_number(), "{hole}");
    let valid = get("/layers/one_band/point/9.1501,45.0368")["values"].clone();
    assert!(valid.as_array().unwrap().iter().all(Value::is_number), "{valid}");
    let clear = get("/layers/alpha/point/9.1854,45.01395")["values"].clone();
    assert_eq!(clear, json!([null, null, null]), "alpha is no value, and here it is 0");
}

#[test]
fn a_cell_of_nan_is_null() {
    let profile = get("/layers/nan");
    let [west, south, east, north] = numbers(&profile["bounds"])[..] else { panic!("{profile}") };
    let (lon, lat) = (west + 0.35 * (east - west), north - 0.4 * (north - south));
    assert_eq!(get(&format!("/layers/nan/point/{lon},{lat}"))["values"], json!([null]));
}
