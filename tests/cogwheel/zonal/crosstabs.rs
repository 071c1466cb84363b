//! Cells by pairs of values: beside numpy, and with margins that are the counts of each layer.

use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ask, listed, rectangle};
use crate::support::Maps;

#[derive(Deserialize)]
struct Case {
    a: String,
    b: String,
    geometry: Value,
    total: u64,
    counts: Value,
}

fn maps(a: &str, b: &str) -> Maps {
    Maps::from_toml(&format!("[layers.a]\nsource = 'zonal/{a}'\n[layers.b]\nsource = 'zonal/{b}'\n"))
}

#[rstest]
fn pairs_are_those_of_numpy(#[values(0, 1, 2, 3)] index: usize) {
    let case = listed::<Case>("crosstabs").swap_remove(index);
    let answer = ask(&maps(&case.a, &case.b), "/layers/a/crosstab/b", &case.geometry);
    assert_eq!(answer["counts"], case.counts);
    assert_eq!(answer["total"], case.total);
    assert_eq!(answer["grid"]["layer"], "a");
}

#[rstest]
fn the_margins_are_the_counts(
    #[values("center", "all_touched", "coverage")] rule: &str, #[values(0, 1, 2, 3)] index: usize,
) {
    let case = listed::<Case>("crosstabs").swap_remove(index);
    let maps = maps(&case.a, &case.b);
    let pairs = ask(&maps, &format!("/layers/a/crosstab/b?cell_rule={rule}"), &case.geometry);
    let counts = ask(&maps, &format!("/layers/a/counts?cell_rule={rule}"), &case.geometry);
    let sum = |row: &Value| row.as_object().unwrap().values().map(|cells| cells.as_f64().unwrap()).sum::<f64>();
    for (value, row) in pairs["counts"].as_object().unwrap() {
        let expected = if value == "nodata" { &counts["nodata"] } else { &counts["counts"][value] };
        assert!((sum(row) - expected.as_f64().unwrap()).abs() < 1e-6, "{value}: {row} of {expected}");
    }
    assert_eq!(
        pairs["counts"].as_object().unwrap().keys().filter(|value| *value != "nodata").count(),
        counts["counts"].as_object().unwrap().len()
    );
}

#[test]
fn a_layer_with_itself_has_pairs_of_equals_only() {
    let maps = Maps::of("zonal/classes_5070.tif");
    let everywhere = rectangle([-106.0, 39.0, -104.0, 41.0]);
    let pairs = ask(&maps, "/layers/it/crosstab/it", &everywhere);
    let counts = ask(&maps, "/layers/it/counts", &everywhere);
    for (value, row) in pairs["counts"].as_object().unwrap() {
        let expected = if value == "nodata" { &counts["nodata"] } else { &counts["counts"][value] };
        assert_eq!(*row, json!({ value: expected }));
    }
    assert_eq!(pairs["total"], counts["total"]);
}

#[test]
fn bands_are_named_for_both() {
    let maps = Maps::of("zonal/bands_strips_utm.tif");
    let place = rectangle([-105.201, 39.899, -105.199, 39.901]);
    let pairs = ask(&maps, "/layers/it/crosstab/it?bidx=3&bidx=1", &place);
    let counts = ask(&maps, "/layers/it/counts?bidx=3", &place);
    let values = |counts: &Value| counts["counts"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let of_pairs: Vec<String> = values(&pairs).into_iter().filter(|value| value != "nodata").collect();
    assert_eq!(of_pairs, values(&counts));
    for (query, message) in [("bidx=1", "1 bands are named for 2 layers"), ("bidx=1&bidx=9", "no band 9")] {
        let answer = maps.post(&format!("/layers/it/crosstab/it?{query}"), &place);
        assert_eq!(answer.status, 400);
        assert!(answer.detail().contains(message), "{}", answer.detail());
    }
}

#[test]
fn a_layer_that_is_not_there_is_named() {
    let maps = Maps::of("zonal/classes_5070.tif");
    let place = rectangle([-106.0, 39.0, -104.0, 41.0]);
    for path in ["/layers/it/crosstab/nope", "/layers/nope/crosstab/it"] {
        let answer = maps.post(path, &place);
        assert_eq!((answer.status, answer.detail().contains("\"nope\"")), (404, true), "{path}");
    }
}
