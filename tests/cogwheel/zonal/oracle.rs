//! Agreement with rasterstats, exactextract, numpy and `GeographicLib`, case by case of `expected.json`.
//!
//! Made by `tests/fixtures/zonal/make.py` with rasterstats 0.21.0 (GDAL 3.10.3), exactextract 0.3.0, numpy 2.4.6 and
//! pyproj 3.7.2.

use std::collections::BTreeMap;

use rstest::rstest;
use serde::Deserialize;
use serde_json::Value;

use super::{ask, is_close, listed, number};
use crate::support::Maps;

/// Shapes so small that a millionth of them is less than what the boundary may be off by.
const TINY: [&str; 3] = ["tiny_with_a_centre", "tiny_between_centres", "sliver"];

#[derive(Deserialize)]
struct Case {
    raster: String,
    band: usize,
    shape: String,
    geometry: Value,
    center: Answer,
    all_touched: Option<Answer>,
    coverage: Answer,
    areas_m2: Option<BTreeMap<String, f64>>,
}

#[derive(Deserialize)]
struct Answer {
    counts: Option<BTreeMap<String, f64>>,
    nodata: Option<f64>,
    statistics: Option<BTreeMap<String, Option<f64>>>,
    histogram: Option<[Vec<f64>; 2]>,
    histogram_of_range: Option<[Vec<f64>; 2]>,
}

/// Asks about every case of a raster, and lists all that is wrong at once.
fn check(raster: &str, mut one: impl FnMut(&Maps, &Case, &mut Vec<String>)) {
    let maps = Maps::of(&format!("zonal/{raster}"));
    let cases: Vec<Case> = listed("cases");
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.raster == raster).collect();
    assert!(!cases.is_empty());
    let mut wrong = Vec::new();
    for case in &cases {
        let before = wrong.len();
        one(&maps, case, &mut wrong);
        wrong[before..].iter_mut().for_each(|line| line.insert_str(0, &format!("{} band {}: ", case.shape, case.band)));
    }
    assert!(wrong.is_empty(), "{raster}:\n{}", wrong.join("\n"));
}

fn counts(maps: &Maps, case: &Case, rule: &str) -> (BTreeMap<String, f64>, Value) {
    let answer = ask(maps, &format!("/layers/it/counts?cell_rule={rule}&bidx={}", case.band), &case.geometry);
    assert_eq!(answer["cell_rule"], rule);
    assert_eq!(answer["exact"], true);
    (serde_json::from_value(answer["counts"].clone()).unwrap(), answer)
}

#[rstest]
#[case("classes_5070.tif")]
#[case("mosaic_5070.vrt")]
#[case("wide_5070.tif")]
#[case("classes_4326.tif")]
#[case("masked_3857.tif")]
#[case("classes_utm.tif")]
fn cells_by_value_are_those_of_rasterstats(#[case] raster: &str) {
    check(raster, |maps, case, wrong| {
        for (rule, theirs) in [("center", Some(&case.center)), ("all_touched", case.all_touched.as_ref())] {
            let Some(theirs) = theirs else { continue };
            let (ours, answer) = counts(maps, case, rule);
            let counts = theirs.counts.as_ref().unwrap();
            if ours != *counts {
                wrong.push(format!("{rule}: {ours:?} instead of {counts:?}"));
            }
            if number(&answer["nodata"]) != theirs.nodata {
                wrong.push(format!("{rule}: {} without data instead of {:?}", answer["nodata"], theirs.nodata));
            }
            let total: f64 = ours.values().sum();
            if number(&answer["total"]) != Some(total) {
                wrong.push(format!("{rule}: the total is {} instead of {total}", answer["total"]));
            }
        }
    });
}

#[rstest]
#[case("classes_5070.tif")]
#[case("mosaic_5070.vrt")]
#[case("wide_5070.tif")]
#[case("classes_4326.tif")]
#[case("masked_3857.tif")]
#[case("classes_utm.tif")]
fn shares_of_cells_are_those_of_exactextract(#[case] raster: &str) {
    check(raster, |maps, case, wrong| {
        let (ours, answer) = counts(maps, case, "coverage");
        let theirs = case.coverage.counts.as_ref().unwrap();
        let share = if TINY.contains(&case.shape.as_str()) { 1e-5 } else { 1e-6 };
        let total: f64 = theirs.values().sum();
        if !is_close(number(&answer["total"]), Some(total), share) {
            wrong.push(format!("the total is {} instead of {total}", answer["total"]));
        }
        for value in ours.keys().chain(theirs.keys()) {
            // of a class with few cells at the edge, next to nothing may be covered
            let [a, b] = [&ours, theirs].map(|counts| counts.get(value).copied().unwrap_or(0.0));
            if (a - b).abs() > share * b.max(0.05 * total) {
                wrong.push(format!("value {value}: {a} cells instead of {b}"));
            }
        }
    });
}

#[rstest]
#[case("classes_5070.tif")]
#[case("wide_5070.tif")]
#[case("classes_4326.tif")]
#[case("heights_4326.tif")]
#[case("depths_utm.tif")]
#[case("masked_3857.tif")]
#[case("bands_strips_utm.tif")]
fn statistics_are_those_of_rasterstats_and_numpy(#[case] raster: &str) {
    check(raster, |maps, case, wrong| {
        for (rule, theirs) in [("center", Some(&case.center)), ("all_touched", case.all_touched.as_ref())] {
            let Some(theirs) = theirs.and_then(|theirs| theirs.statistics.as_ref()) else { continue };
            let ours = statistics(maps, case, &format!("cell_rule={rule}&p=2&p=98&p=33.3"));
            let is_empty = theirs["count"] == Some(0.0);
            for (name, theirs) in theirs {
                let ours = number(&ours[name]);
                // of nothing the sum is 0, and no value occurs
                let theirs = if is_empty && matches!(name.as_str(), "sum" | "unique") { Some(0.0) } else { *theirs };
                let ours = if is_empty && name == "unique" { Some(0.0) } else { ours };
                if !is_close(ours, theirs, 1e-12) {
                    wrong.push(format!("{rule}: {name} is {ours:?} instead of {theirs:?}"));
                }
            }
        }
    });
}

fn statistics(maps: &Maps, case: &Case, query: &str) -> Value {
    let path = format!("/layers/it/statistics?bidx={}&{query}", case.band);
    let answer = ask(maps, &path, &case.geometry);
    let bands: Vec<&String> = answer["statistics"].as_object().unwrap().keys().collect();
    assert_eq!(bands, [&format!("b{}", case.band)]);
    answer["statistics"][bands[0]].clone()
}

#[rstest]
#[case("classes_5070.tif")]
#[case("heights_4326.tif")]
#[case("depths_utm.tif")]
#[case("masked_3857.tif")]
#[case("bands_strips_utm.tif")]
fn weighted_statistics_are_those_of_exactextract(#[case] raster: &str) {
    check(raster, |maps, case, wrong| {
        let Some(theirs) = &case.coverage.statistics else { return };
        let ours = statistics(maps, case, "cell_rule=coverage");
        if theirs["count"] == Some(0.0) {
            return;
        }
        // the sum of values of both signs may be next to nothing
        let scale = theirs["max"].unwrap().abs().max(theirs["min"].unwrap().abs());
        let count = theirs["count"].unwrap();
        let share = if TINY.contains(&case.shape.as_str()) { 1e-4 } else { 1e-6 };
        for (name, theirs) in theirs {
            let ours = number(&ours[name]).unwrap();
            let size = match name.as_str() {
                "sum" => scale * count,
                "count" => count,
                _ => scale,
            };
            if (ours - theirs.unwrap()).abs() > share * size {
                wrong.push(format!("{name} is {ours} instead of {theirs:?}"));
            }
        }
    });
}

#[rstest]
#[case("classes_5070.tif")]
#[case("heights_4326.tif")]
#[case("depths_utm.tif")]
#[case("bands_strips_utm.tif")]
fn histograms_are_those_of_numpy(#[case] raster: &str) {
    check(raster, |maps, case, wrong| {
        let (Some(bins), Some(range)) = (&case.center.histogram, &case.center.histogram_of_range) else { return };
        let edges = &range[1];
        let (low, high) = (edges[0], edges[edges.len() - 1]);
        let given: Vec<String> = edges.iter().map(f64::to_string).collect();
        for (query, theirs) in [
            ("histogram_bins=7".to_owned(), bins),
            (format!("histogram_bins=5&histogram_range={low},{high}"), range),
            (format!("histogram_bins={}", given.join(",")), range),
        ] {
            let ours = &statistics(maps, case, &query)["histogram"];
            let ours: [Vec<f64>; 2] = serde_json::from_value(ours.clone()).unwrap();
            let same_edges = ours[1].len() == theirs[1].len()
                && ours[1].iter().zip(&theirs[1]).all(|(a, b)| (a - b).abs() <= 1e-6 * b.abs().max(1.0));
            if ours[0] != theirs[0] || !same_edges {
                wrong.push(format!("{query}: {ours:?} instead of {theirs:?}"));
            }
        }
    });
}

/// Areas of polygons on the ellipsoid (`pyproj.Geod`), the sides of each cell cut into eight.
#[rstest]
#[case::an_equal_area_projection("classes_5070.tif", 1e-8)]
#[case::degrees("classes_4326.tif", 1e-6)]
#[case::mercator("masked_3857.tif", 1e-6)]
#[case::metres_that_are_none("classes_utm.tif", 1e-6)]
fn square_metres_are_those_of_the_ellipsoid(#[case] raster: &str, #[case] share: f64) {
    check(raster, |maps, case, wrong| {
        let Some(theirs) = &case.areas_m2 else { return };
        let (_, answer) = counts(maps, case, "center");
        for (value, theirs) in theirs {
            let ours = number(&answer["areas_m2"][value]);
            if !is_close(ours, Some(*theirs), share) {
                wrong.push(format!("{value}: {ours:?} m² instead of {theirs}"));
            }
        }
    });
}

#[test]
fn a_mosaic_of_four_files_answers_as_one_file() {
    let (one, four) = (Maps::of("zonal/classes_5070.tif"), Maps::of("zonal/mosaic_5070.vrt"));
    for case in listed::<Case>("cases").iter().filter(|case| case.raster == "classes_5070.tif") {
        for path in ["counts?cell_rule=coverage", "statistics", "extract/42"] {
            let path = format!("/layers/it/{path}");
            let [a, b] = [&one, &four].map(|maps| super::result(ask(maps, &path, &case.geometry)));
            assert_eq!(a, b, "{path} of {}", case.shape);
        }
    }
}
