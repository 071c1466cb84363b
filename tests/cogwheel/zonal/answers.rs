//! What counts and statistics answer, and how they are asked: `TiTiler`'s names, options in the query or in the body.

use rstest::rstest;
use serde_json::{Value, json};

use super::{ask, rectangle, result};
use crate::support::Maps;
use crate::support::made::{Folder, Tiff};

/// 8 x 6 cells of a degree from 0° E, 6° N; -9 is no data.
const CELLS: [[i16; 8]; 6] = [
    [1, 1, 1, 2, 2, 2, 2, -9],
    [1, 1, 1, 2, 2, 2, 2, -9],
    [1, 1, 1, 2, 5, 5, 2, -9],
    [1, 1, 1, 2, 5, 5, 2, -9],
    [1, 1, 1, 2, 2, 2, 2, -9],
    [1, 1, 1, 2, 2, 2, 2, 300],
];

fn cells(settings: &str) -> (Folder, Maps) {
    let folder = Folder::new();
    let path = folder.path("cells.tif");
    let raster = Tiff { nodata: Some(-9.0), ..Tiff::new(&path, [8, 6], "EPSG:4326", [0.0, 6.0], 1.0) };
    raster.write(|col, row| CELLS[row][col]);
    let maps = Maps::from_toml(&format!("[layers.it]\nsource = '{path}'\n{settings}"));
    (folder, maps)
}

fn whole() -> Value {
    rectangle([-1.0, -1.0, 9.0, 7.0])
}

fn statistics(maps: &Maps, query: &str) -> Value {
    ask(maps, &format!("/layers/it/statistics?{query}"), &whole())["statistics"]["b1"].clone()
}

#[test]
fn counts_say_what_was_counted_and_how() {
    let (_folder, maps) = cells("classes = { 1 = 'Water', 300 = 'Rock', 7 = 'Ice' }");
    let answer = maps.post("/layers/it/counts", whole());
    let text = String::from_utf8(answer.ok().to_vec()).unwrap();
    assert!(text.contains(r#""counts":{"1":18,"2":20,"5":4,"300":1}"#), "in the order of the values: {text}");
    let answer = answer.json();
    assert_eq!(answer["total"], 43);
    assert_eq!(answer["nodata"], 5);
    assert_eq!(answer["classes"], json!({ "1": "Water", "300": "Rock" }));
    assert_eq!((&answer["cell_rule"], &answer["exact"]), (&json!("center"), &json!(true)));
    let grid = json!({ "layer": "it", "crs": "EPSG:4326", "width": 8, "height": 6, "geotransform": [0.0, 1.0, 0.0, 6.0, 0.0, -1.0], "overview": 0 });
    assert_eq!(answer["grid"], grid);
    assert_eq!((&answer["plan"]["chunks"], &answer["plan"]["cells"]), (&json!(1), &json!(48)));
}

#[test]
fn statistics_have_titilers_names() {
    let (_folder, maps) = cells("");
    let statistics = statistics(&maps, "");
    let names: Vec<&str> = statistics.as_object().unwrap().keys().map(String::as_str).collect();
    // rio-tiler 9: BandStatistics, without the description
    for name in [
        "min",
        "max",
        "mean",
        "count",
        "sum",
        "std",
        "median",
        "majority",
        "minority",
        "unique",
        "histogram",
        "valid_percent",
        "masked_pixels",
        "valid_pixels",
        "percentile_2",
        "percentile_98",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let expected = json!({
        "min": 1.0, "max": 300.0, "count": 43.0, "sum": 378.0, "median": 2.0, "majority": 2.0, "minority": 300.0,
        "unique": 4.0, "valid_percent": 89.58, "masked_pixels": 5.0, "valid_pixels": 43.0, "percentile_2": 1.0,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(statistics[name], *value, "{name}");
    }
    assert_eq!(statistics["histogram"][0], json!([42, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "ten bins");
    assert_eq!(statistics["histogram"][1].as_array().unwrap().len(), 11);
}

#[rstest]
#[case("p=50", "percentile_50", json!(2.0))]
#[case("p=0&p=100", "percentile_100", json!(300.0))]
#[case("p=0,100", "percentile_0", json!(1.0))]
#[case("p=99.5", "percentile_99.5", json!(238.05))] // numpy.percentile: 5 + 295 * (0.995 * 42 - 41)
#[case("categorical=true", "histogram", json!([[18, 20, 4, 1], [1, 2, 5, 300]]))]
#[case("categorical=true&c=5&c=7&c=1", "histogram", json!([[4, 0, 18], [5, 7, 1]]))]
#[case("categorical=true&c=5,1", "histogram", json!([[4, 18], [5, 1]]))]
#[case("categorical=1&c=-9", "histogram", json!([[0], [-9]]))]
#[case("histogram_bins=2", "histogram", json!([[42, 1], [1.0, 150.5, 300.0]]))]
#[case("histogram_bins=2&histogram_range=1,5", "histogram", json!([[38, 4], [1.0, 3.0, 5.0]]))]
#[case("histogram_bins=1,2,5", "histogram", json!([[18, 24], [1.0, 2.0, 5.0]]))]
#[case("histogram_bins=1&histogram_bins=2&histogram_bins=5", "histogram", json!([[18, 24], [1.0, 2.0, 5.0]]))]
#[case("histogram_bins=2&histogram_range=400,500", "histogram", json!([[0, 0], [400.0, 450.0, 500.0]]))]
#[case("histogram_bins=2&histogram_range=2,2", "histogram", json!([[0, 20], [1.5, 2.0, 2.5]]))]
fn options_ask_for_percentiles_and_histograms(#[case] query: &str, #[case] name: &str, #[case] expected: Value) {
    let (_folder, maps) = cells("");
    let found = &statistics(&maps, query)[name];
    match (found.as_f64(), expected.as_f64()) {
        (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-9, "{found}"),
        _ => assert_eq!(*found, expected),
    }
}

#[test]
fn nothing_under_the_shape_is_zero_and_null() {
    let (_folder, maps) = cells("");
    for place in [rectangle([7.0, 3.0, 8.0, 6.0]), rectangle([100.0, 3.0, 101.0, 6.0])] {
        let answer = ask(&maps, "/layers/it/statistics", &place);
        let band = &answer["statistics"]["b1"];
        assert_eq!((&band["count"], &band["sum"], &band["valid_percent"]), (&json!(0.0), &json!(0.0), &json!(0.0)));
        for name in ["min", "max", "mean", "std", "median", "majority", "minority", "percentile_2"] {
            assert!(band[name].is_null(), "{name}: {}", band[name]);
        }
        let counts = ask(&maps, "/layers/it/counts", &place);
        assert_eq!((&counts["total"], &counts["counts"]), (&json!(0), &json!({})));
    }
}

#[test]
fn a_geometry_a_feature_and_an_object_with_options_ask_the_same() {
    let (_folder, maps) = cells("");
    let geometry = rectangle([0.5, 1.2, 6.8, 4.4]);
    let expected = ask(&maps, "/layers/it/counts", &geometry);
    for body in [
        json!({ "type": "Feature", "properties": null, "geometry": geometry }),
        json!({ "type": "Feature", "id": 7, "properties": { "name": "x", "cell_rule": "coverage" }, "geometry": geometry }),
        json!({ "geometry": geometry }),
        json!({ "geometry": geometry, "cell_rule": "center", "bidx": 1, "overview": 0 }),
        json!({ "geometry": geometry, "plan": false, "modifications": [] }),
        json!({ "geometry": geometry, "modifications": null, "cell_rule": null }),
        json!({ "type": "GeometryCollection", "geometries": [geometry] }),
    ] {
        assert_eq!(ask(&maps, "/layers/it/counts", &body), expected, "{body}");
    }
}

#[test]
fn options_are_in_the_query_or_the_body_and_the_query_wins() {
    let (_folder, maps) = cells("");
    let geometry = rectangle([0.5, 1.2, 6.8, 4.4]);
    let by_query = ask(&maps, "/layers/it/statistics?cell_rule=coverage&p=10&p=20&histogram_bins=3", &geometry);
    for body in [
        json!({ "geometry": geometry, "cell_rule": "coverage", "p": [10, 20], "histogram_bins": 3 }),
        json!({ "geometry": geometry, "cell_rule": "coverage", "p": "10,20", "histogram_bins": "3" }),
        json!({ "type": "Feature", "properties": {}, "geometry": geometry, "cell_rule": "coverage", "p": [10, 20], "histogram_bins": [3] }),
    ] {
        assert_eq!(ask(&maps, "/layers/it/statistics", &body), by_query, "{body}");
    }
    let body = json!({ "geometry": geometry, "cell_rule": "all_touched", "p": 50, "histogram_bins": 9 });
    let path = "/layers/it/statistics?cell_rule=coverage&p=10&p=20&histogram_bins=3";
    assert_eq!(ask(&maps, path, &body), by_query);
}

#[rstest]
#[case("center", "[0.6,1,4.4,6]", 15.0)]
#[case("all_touched", "[0.6,1,4.4,6]", 25.0)]
#[case("coverage", "[0.6,1,4.4,6]", 19.0)]
#[case("coverage", "[0.25,0.25,2.75,2.75]", 6.25)]
fn a_rule_decides_which_cells_count(#[case] rule: &str, #[case] bounds: &str, #[case] expected: f64) {
    let (_folder, maps) = cells("");
    let place = rectangle(serde_json::from_str(bounds).unwrap());
    let answer = ask(&maps, &format!("/layers/it/counts?cell_rule={rule}"), &place);
    // shares are counted in parts of 2^32
    assert!((answer["total"].as_f64().unwrap() - expected).abs() < 1e-8, "{answer}");
    assert_eq!(answer["total"].is_f64(), rule == "coverage", "whole cells are whole numbers");
}

#[test]
fn modifications_are_burnt_in_in_their_order() {
    let (_folder, maps) = cells("");
    let body = |modifications: Value| json!({ "geometry": whole(), "modifications": modifications });
    let whole = whole();
    for (modifications, expected) in [
        (json!([{ "geometry": whole, "value": 4 }]), json!({ "4": 48 })),
        (
            json!([{ "geometry": whole, "value": 4 }, { "geometry": rectangle([0.0, 0.0, 2.0, 2.0]), "value": 1 }]),
            json!({ "1": 4, "4": 44 }),
        ),
        (
            json!([{ "geometry": rectangle([0.0, 0.0, 2.0, 2.0]), "value": 1 }, { "geometry": whole, "value": 4 }]),
            json!({ "4": 48 }),
        ),
        (
            json!([{ "geometry": rectangle([50.0, 0.0, 52.0, 2.0]), "value": 9 }]),
            json!({ "1": 18, "2": 20, "5": 4, "300": 1 }),
        ),
    ] {
        assert_eq!(ask(&maps, "/layers/it/counts", &body(modifications))["counts"], expected);
    }
}

#[test]
fn the_nodata_value_burns_a_hole() {
    let (_folder, maps) = cells("");
    let hole = json!([{ "geometry": rectangle([0.0, 0.0, 2.0, 2.0]), "value": -9 }]);
    let answer = ask(&maps, "/layers/it/counts", &json!({ "geometry": whole(), "modifications": hole }));
    assert_eq!((&answer["nodata"], &answer["counts"]), (&json!(9), &json!({ "1": 14, "2": 20, "5": 4, "300": 1 })));
}

#[rstest]
#[case(json!([{ "geometry": null, "value": 4 }]), 422, "modifications: [0]: the geometry is empty")]
#[case(json!([{ "value": 4 }]), 400, "[0]: it has no geometry")]
#[case(json!([{ "geometry": rectangle([0.0, 0.0, 2.0, 2.0]) }]), 400, "[0]: its value")]
#[case(json!([{ "geometry": rectangle([0.0, 0.0, 2.0, 2.0]), "value": "4" }]), 400, "[0]: its value")]
#[case(json!([{ "geometry": rectangle([0.0, 0.0, 2.0, 2.0]), "value": 4 }, 5]), 400, "[1]: its value")]
#[case(json!([{ "geometry": rectangle([0.0, 0.0, 2.0, 2.0]), "value": 40_000 }]), 400, "int16")]
#[case(json!([{ "geometry": rectangle([0.0, 0.0, 2.0, 2.0]), "value": 1.5 }]), 400, "int16")]
#[case(json!([{ "geometry": { "type": "Point", "coordinates": [1, 1] }, "value": 4 }]), 422, "modifications: [0]: ")]
#[case(json!({ "geometry": rectangle([0.0, 0.0, 2.0, 2.0]), "value": 4 }), 400, "modifications: it is a list")]
#[case(json!("all"), 400, "modifications: it is a list")]
fn a_wrong_modification_is_named(#[case] modifications: Value, #[case] status: u16, #[case] message: &str) {
    let (_folder, maps) = cells("");
    let answer = maps.post("/layers/it/counts", json!({ "geometry": whole(), "modifications": modifications }));
    assert_eq!(answer.status, status, "{}", answer.detail());
    assert!(answer.detail().contains(message), "{}", answer.detail());
}

#[rstest]
#[case("p=101", "p")]
#[case("p=-1", "p")]
#[case("p=nan", "p")]
#[case("p=", "p")]
#[case("p=50,x", "p")]
#[case("c=x&categorical=true", "c")]
#[case("categorical=maybe", "categorical")]
#[case("histogram_bins=0", "histogram_bins")]
#[case("histogram_bins=-3", "histogram_bins")]
#[case("histogram_bins=2.5", "histogram_bins")]
#[case("histogram_bins=1000000", "histogram_bins")]
#[case("histogram_bins=99999999999999999999999999", "histogram_bins")]
#[case("histogram_bins=3,1", "histogram_bins")]
#[case("histogram_range=5", "histogram_range")]
#[case("histogram_range=5,1", "histogram_range")]
#[case("histogram_range=1,2,3", "histogram_range")]
#[case("histogram_range=nan,1", "histogram_range")]
#[case("bidx=0", "bidx")]
#[case("bidx=2", "bidx")]
#[case("bidx=1.5", "bidx")]
#[case("bidx=red", "bidx")]
#[case("cell_rule=centre", "cell_rule")]
#[case("cell_rule=", "cell_rule")]
#[case("cell_rule=center&cell_rule=center", "cell_rule")]
#[case("overview=-1", "overview")]
#[case("overview=best", "overview")]
#[case("overview=1", "overview")]
#[case("overview=99999999999999999999", "overview")]
#[case("plan=perhaps", "plan")]
fn a_wrong_option_is_a_400_that_begins_with_its_name(#[case] query: &str, #[case] option: &str) {
    let (_folder, maps) = cells("");
    let answer = maps.post(&format!("/layers/it/statistics?{query}"), whole());
    assert_eq!(answer.status, 400, "{query}: {}", String::from_utf8_lossy(&answer.body));
    assert!(answer.detail().starts_with(&format!("{option}: ")), "{query}: {}", answer.detail());
    let (name, value) = query.split('&').next().unwrap().split_once('=').unwrap();
    if !query.contains('&') {
        let answer = maps.post("/layers/it/statistics", json!({ "geometry": whole(), name: value }));
        assert_eq!((answer.status, answer.detail().starts_with(option)), (400, true), "in the body: {query}");
    }
}

#[test]
fn an_estimate_says_so_and_names_its_level() {
    let maps = Maps::of("overviews_4326.tif");
    let place = rectangle([-180.0, -90.0, 180.0, 90.0]);
    let exact = ask(&maps, "/layers/it/counts", &place);
    assert_eq!((&exact["exact"], &exact["grid"]["overview"]), (&json!(true), &json!(0)));
    for level in 1..=4_u32 {
        let answer = ask(&maps, &format!("/layers/it/counts?overview={level}"), &place);
        assert_eq!((&answer["exact"], &answer["grid"]["overview"]), (&json!(false), &json!(level)));
        // the value is the level, and a cell of it covers as much as so many
        let side = 2048_u64 >> level;
        assert_eq!(answer["counts"], json!({ level.to_string(): side * side }));
        let [ours, theirs] =
            [&answer["areas_m2"][level.to_string()], &exact["areas_m2"]["0"]].map(|area| area.as_f64().unwrap());
        assert!((ours / theirs - 1.0).abs() < 1e-4, "{ours} m² instead of {theirs}");
    }
    let auto = ask(&maps, "/layers/it/counts?overview=auto", &place);
    assert_eq!(result(auto), result(exact), "auto is exact where that is not too large");
}
