//! What is not answered: what is sent is no shape, or too much of one, or the source can't be read. Never a part.

use std::fmt::Write as _;
use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::{ask, polygon, rectangle};
use crate::server::{Server, Shared, layer};
use crate::status_table::assert_is_error;
use crate::support::made::{Folder, Tiff};
use crate::support::{LIMITS, Maps, Setup};

/// Over `classes_5070.tif`.
const PLACE: [f64; 4] = [-105.21, 39.89, -105.19, 39.91];

fn server() -> Arc<Server> {
    static SHARED: Shared = Shared::new();
    let overlay = "[overlays.mix.layers.it]\nscores = '21:24=10'\n";
    let layers = [layer("it", "zonal/classes_5070.tif", ""), layer("block", "broken_block.tif", "")];
    SHARED.get(|| Server::of(&[&layers.concat(), overlay].concat()))
}

/// Every route that takes a shape with an area.
const AREAS: [&str; 7] = [
    "/layers/it/counts",
    "/layers/it/statistics",
    "/layers/it/extract/42",
    "/layers/it/extract?values=42",
    "/layers/it/crosstab/it",
    "/overlays/mix/counts",
    "/overlays/mix/statistics",
];

#[rstest]
#[case::nothing("", 400, "EOF")]
#[case::no_json("<html>", 400, "not JSON")]
#[case::cut_off(r#"{"type":"Polygon","coordinates":[[["#, 400, "not JSON")]
#[case::not_utf_8("{\"type\":\"\u{fffd}", 400, "not JSON")]
#[case::no_object("[1,2]", 400, "GeoJSON")]
#[case::a_number("7", 400, "GeoJSON")]
#[case::null("null", 400, "GeoJSON")]
#[case::no_geometry("{}", 400, "member \"geometry\"")]
#[case::options_only(r#"{"cell_rule":"center"}"#, 400, "member \"geometry\"")]
#[case::a_feature_without(r#"{"type":"Feature","properties":{}}"#, 400, "member \"geometry\"")]
#[case::a_null_geometry(r#"{"type":"Feature","geometry":null,"properties":{}}"#, 422, "empty")]
#[case::an_unknown_type(r#"{"type":"Circle","coordinates":[0,0]}"#, 400, "GeoJSON")]
#[case::no_coordinates(r#"{"type":"Polygon"}"#, 400, "GeoJSON")]
#[case::null_coordinates(r#"{"type":"Polygon","coordinates":null}"#, 400, "GeoJSON")]
#[case::text_coordinates(r#"{"type":"Polygon","coordinates":"0,0"}"#, 400, "GeoJSON")]
#[case::too_flat(r#"{"type":"Polygon","coordinates":[[0,0],[1,0],[1,1],[0,0]]}"#, 400, "GeoJSON")]
#[case::too_deep(r#"{"type":"Polygon","coordinates":[[[[0,0]]]]}"#, 400, "GeoJSON")]
#[case::one_number(r#"{"type":"Polygon","coordinates":[[[0],[1,0],[1,1],[0]]]}"#, 400, "position")]
#[case::nan(r#"{"type":"Polygon","coordinates":[[[NaN,0],[1,0],[1,1],[0,0]]]}"#, 400, "JSON")]
#[case::a_null_number(r#"{"type":"Polygon","coordinates":[[[null,0],[1,0],[1,1],[0,0]]]}"#, 400, "GeoJSON")]
#[case::beyond_numbers(r#"{"type":"Polygon","coordinates":[[[1e999,0],[1,0],[1,1],[0,0]]]}"#, 400, "")]
#[case::a_huge_number(r#"{"type":"Polygon","coordinates":[[[1e300,0],[1,0],[1,1],[0,0]]]}"#, 422, "coordinates[0][0]")]
#[case::no_latitude(
    r#"{"type":"Polygon","coordinates":[[[0,91],[1,0],[1,1],[0,91]]]}"#,
    422,
    "latitudes are -90 to 90"
)]
#[case::metres(
    r#"{"type":"Polygon","coordinates":[[[500000,4400000],[500100,4400000],[500100,4400100],[500000,4400000]]]}"#,
    422,
    "longitudes"
)]
#[case::no_rings(r#"{"type":"Polygon","coordinates":[]}"#, 422, "empty")]
#[case::an_empty_ring(r#"{"type":"Polygon","coordinates":[[]]}"#, 422, "takes 4")]
#[case::two_positions(r#"{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,0]]]}"#, 422, "takes 4")]
#[case::no_polygons(r#"{"type":"MultiPolygon","coordinates":[]}"#, 422, "empty")]
#[case::an_empty_collection(r#"{"type":"GeometryCollection","geometries":[]}"#, 422, "empty")]
#[case::a_point(r#"{"type":"Point","coordinates":[0,0]}"#, 422, "Polygon")]
#[case::a_line(r#"{"type":"LineString","coordinates":[[0,0],[1,1]]}"#, 422, "Polygon")]
#[case::points_in_a_collection(
    r#"{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[0,0]}]}"#,
    422,
    "polygons"
)]
#[case::a_collection(r#"{"type":"FeatureCollection","features":[]}"#, 422, "one geometry or Feature at a time")]
#[case::nested("[", 400, "JSON")]
fn a_body_that_is_no_shape_is_refused_everywhere(#[case] body: &str, #[case] status: u16, #[case] message: &str) {
    let code = if status == 400 { "bad_geojson" } else { "invalid_geometry" };
    for path in AREAS {
        let answer = server().post(path, body);
        let detail = assert_is_error(&answer, status, code);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(detail.contains(message), "\"{message}\" is not in: {detail}");
    }
}

#[test]
fn deep_nesting_ends_with_a_400() {
    for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000), "{\"geometry\":".repeat(100_000)] {
        assert_is_error(&server().post("/layers/it/counts", &deep), 400, "bad_geojson");
    }
    let mut collection = r#"{"type":"Point","coordinates":[0,0]}"#.to_owned();
    for _ in 0..2_000 {
        collection = format!(r#"{{"type":"GeometryCollection","geometries":[{collection}]}}"#);
    }
    let answer = server().post("/layers/it/counts", &collection);
    assert!([400, 422].contains(&answer.status), "{}", answer.excerpt());
    server().post("/layers/it/counts", &rectangle(PLACE).to_string()).ok();
}

#[rstest]
#[case::a_bow_tie(polygon(&[[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]]), "crosses itself", [5.0, 5.0])]
#[case::a_late_crossing(polygon(&[[0.0, 0.0], [8.0, 0.0], [8.0, 8.0], [4.0, -2.0], [0.0, 8.0]]), "crosses itself", [4.0, 0.0])]
#[case::a_hole_outside(json!({ "type": "Polygon", "coordinates": [
    rectangle([0.0, 0.0, 4.0, 4.0])["coordinates"][0], [[6.0, 6.0], [6.0, 7.0], [7.0, 7.0], [6.0, 6.0]],
] }), "hole", [6.0, 6.0])]
#[case::parts_that_overlap(json!({ "type": "MultiPolygon", "coordinates": [
    rectangle([0.0, 0.0, 4.0, 4.0])["coordinates"], rectangle([1.0, 1.0, 3.0, 3.0])["coordinates"],
] }), "overlap", [1.0, 1.0])]
fn a_shape_that_crosses_itself_is_a_422_with_the_place(
    #[case] shape: Value, #[case] message: &str, #[case] place: [f64; 2],
) {
    for path in AREAS {
        let detail = assert_is_error(&server().post(path, &shape.to_string()), 422, "invalid_geometry");
        assert!(detail.contains(message), "{detail}");
        let after = |word: &str| -> f64 {
            let rest = detail.split_once(word).unwrap_or_else(|| panic!("no {word}: {detail}")).1;
            rest.split([',', ' ']).next().unwrap().parse().unwrap()
        };
        let found = [after("longitude "), after("latitude ")];
        let off = (found[0] - place[0]).hypot(found[1] - place[1]);
        assert!(off < 1.5, "{detail}, not at {place:?}");
    }
}

#[rstest]
#[case::a_polygon(rectangle(PLACE), "LineString")]
#[case::a_collection(json!({ "type": "FeatureCollection", "features": [] }), "one geometry")]
#[case::one_position(json!({ "type": "LineString", "coordinates": [[0, 0]] }), "takes 2")]
#[case::nothing(json!({ "type": "LineString", "coordinates": [] }), "empty")]
#[case::no_points(json!({ "type": "MultiPoint", "coordinates": [] }), "empty")]
fn what_can_not_be_sampled_says_what_can(#[case] shape: Value, #[case] message: &str) {
    let detail = assert_is_error(&server().post("/layers/it/sample", &shape.to_string()), 422, "invalid_geometry");
    assert!(detail.contains(message), "{detail}");
}

#[rstest]
fn only_a_post_asks_for_an_analysis(#[values("GET", "HEAD", "PUT", "DELETE")] method: &str) {
    for path in AREAS.iter().chain(&["/layers/it/sample"]) {
        let answer = server().send(method, path, &[("Content-Length", "0")]);
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method} {path}");
        if method != "HEAD" {
            assert_is_error(&answer, 405, "method_not_allowed");
        }
    }
}

#[test]
fn a_layer_that_is_not_there_is_a_404() {
    for path in ["/layers/nope/counts", "/layers/nope/sample", "/layers/it/crosstab/nope", "/overlays/nope/counts"] {
        assert_is_error(&server().post(path, &rectangle(PLACE).to_string()), 404, "not_found");
    }
}

/// A ring of so many vertices.
fn circle(vertices: usize) -> Value {
    let vertex = |index: usize| {
        let angle = std::f64::consts::TAU * index as f64 / vertices as f64;
        [-105.2 + 0.01 * angle.cos(), 39.9 + 0.01 * angle.sin()]
    };
    polygon(&(0..vertices).map(vertex).collect::<Vec<_>>())
}

#[test]
fn limits_are_413_that_say_limit_and_size() {
    let environment = [
        ("COGWHEEL_MAX_CELLS", "1000"),
        ("COGWHEEL_MAX_VERTICES", "50"),
        ("COGWHEEL_MAX_RINGS", "3"),
        ("COGWHEEL_MAX_FEATURES", "2"),
    ];
    let layers = [layer("it", "zonal/classes_5070.tif", ""), layer("heights", "zonal/heights_4326.tif", "")];
    let server = Server::with(&layers.concat(), &environment);
    let four = json!({ "type": "MultiPolygon", "coordinates": std::array::from_fn::<_, 4, _>(|index| {
        let west = -105.21 + 0.004 * index as f64;
        rectangle([west, 39.9, west + 0.002, 39.901])["coordinates"].clone()
    }) });
    let small = rectangle([-105.205, 39.897, -105.202, 39.9]);
    for (path, body, parts) in [
        ("it/counts", rectangle(PLACE), &["cells", "1000", "overview=auto"][..]),
        ("it/statistics", rectangle(PLACE), &["cells", "1000"]),
        ("it/counts?plan=true", rectangle(PLACE), &["cells", "1000"]),
        ("it/counts", rectangle([-180.0, -90.0, 180.0, 90.0]), &["cells", "1000"]),
        ("it/counts", circle(51), &["51 vertices", "50", "simplify"]),
        ("it/counts", four, &["4 rings", "3"]),
        ("it/extract?values=22,81,82", small.clone(), &["regions", "2"]),
        ("heights/counts", small, &["values", "2"]),
    ] {
        let detail = assert_is_error(&server.post(&format!("/layers/{path}"), &body.to_string()), 413, "too_large");
        for part in parts {
            assert!(detail.contains(part), "\"{part}\" is not in: {detail}");
        }
    }
}

#[test]
fn the_size_is_that_of_the_shape() {
    let limits = cogwheel::zonal::Limits { cells: 2_110, ..LIMITS };
    let maps = Setup { limits, ..Setup::default() }.maps("[layers.it]\nsource = 'zonal/classes_5070.tif'\n");
    let whole = ask(&Maps::of("zonal/classes_5070.tif"), "/layers/it/counts?plan=true", &rectangle(PLACE));
    let cells = whole["plan"]["cells"].as_u64().unwrap();
    assert!(cells > 2_110);
    let detail = maps.post("/layers/it/counts", rectangle(PLACE)).detail();
    assert!(detail.starts_with(&format!("{cells} cells")), "{cells}: {detail}");
}

#[test]
fn a_long_answer_is_a_413() {
    let limits = cogwheel::zonal::Limits { answer_bytes: 2_000, ..LIMITS };
    let maps = Setup { limits, ..Setup::default() }.maps("[layers.it]\nsource = 'zonal/classes_5070.tif'\n");
    for path in ["extract/42", "counts", "statistics?histogram_bins=500"] {
        let everywhere = rectangle([-106.0, 39.0, -104.0, 41.0]);
        let answer = maps.post(&format!("/layers/it/{path}"), everywhere);
        if path == "counts" {
            answer.ok();
        } else {
            // a corner takes sixteen bytes at least
            let says_limit = ["2000", "125"].iter().any(|limit| answer.detail().contains(limit));
            assert_eq!((answer.status, says_limit), (413, true), "{path}: {}", answer.detail());
        }
    }
}

#[test]
fn a_body_that_is_too_long_is_a_413() {
    let mut body = String::with_capacity(20 << 20);
    body.push_str(r#"{"type":"Polygon","coordinates":[["#);
    while body.len() < 17 << 20 {
        write!(body, "[{},0.1234567890123456],", body.len() % 90).unwrap();
    }
    body.push_str("[0,0]]]}");
    let detail = assert_is_error(&server().post("/layers/it/counts", &body), 413, "too_large");
    assert!(detail.contains("16777216"), "{detail}");
    server().post("/layers/it/counts", &rectangle(PLACE).to_string()).ok();
}

#[test]
fn an_estimate_is_taken_where_the_exact_answer_is_too_large() {
    let limits = cogwheel::zonal::Limits { cells: 300_000, ..LIMITS };
    let maps = Setup { limits, ..Setup::default() }.maps("[layers.it]\nsource = 'overviews_4326.tif'\n");
    let world = rectangle([-180.0, -90.0, 180.0, 90.0]);
    assert_eq!(maps.post("/layers/it/counts", &world).status, 413);
    let answer = ask(&maps, "/layers/it/counts?overview=auto", &world);
    // 512 x 512 cells are the first that are few enough
    assert_eq!((&answer["exact"], &answer["grid"]["overview"]), (&json!(false), &json!(2)));
    assert_eq!(answer["counts"], json!({ "2": 262_144 }));
}

#[test]
fn a_broken_block_is_a_502_and_never_a_part_of_a_sum() {
    let server = server();
    let everywhere = rectangle([-180.0, -85.0, 180.0, 85.0]).to_string();
    for path in ["counts", "statistics", "extract/1", "crosstab/block"] {
        let answer = server.post(&format!("/layers/block/{path}"), &everywhere);
        assert_is_error(&answer, 502, "source_unreadable");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    // what is not read can't fail: a plan, and a shape that stays away from the block
    let plan = server.post("/layers/block/counts?plan=true", &everywhere).ok().json();
    let cells = plan["grid"]["width"].as_u64().unwrap() * plan["grid"]["height"].as_u64().unwrap();
    assert_eq!((&plan["plan"]["cells"], plan.get("counts")), (&json!(cells), None));
}

#[test]
fn a_plan_counts_the_cells_that_are_then_counted() {
    let maps = Maps::of("zonal/classes_5070.tif");
    for rule in ["center", "all_touched", "coverage"] {
        let plan = ask(&maps, &format!("/layers/it/counts?plan=true&cell_rule={rule}"), &rectangle(PLACE));
        let counts = ask(&maps, &format!("/layers/it/counts?cell_rule={rule}"), &rectangle(PLACE));
        assert_eq!((&plan["plan"], &plan["grid"]), (&counts["plan"], &counts["grid"]));
        if rule != "coverage" {
            let total = counts["total"].as_u64().unwrap() + counts["nodata"].as_u64().unwrap();
            assert_eq!(plan["plan"]["cells"], total, "{rule}");
        }
    }
}

#[test]
fn a_modification_that_crosses_itself_is_a_422() {
    let folder = Folder::new();
    let path = folder.path("it.tif");
    Tiff::new(&path, [20, 20], "EPSG:4326", [10.0, 47.0], 0.1).write(|col, _| col as u8);
    let bow_tie = polygon(&[[10.0, 45.0], [11.0, 46.0], [11.0, 45.0], [10.0, 46.0]]);
    let body = json!({ "geometry": rectangle([10.0, 45.0, 12.0, 47.0]), "modifications": [{ "geometry": bow_tie, "value": 1 }] });
    let answer = Maps::of(&path).post("/layers/it/counts", body);
    assert_eq!((answer.status, answer.detail().contains("crosses itself at longitude 10.5")), (422, true));
}
