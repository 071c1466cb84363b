//! Extraction: the same cells and areas as `rasterio.features.shapes` (1.4.4), and what the answer looks like.

use cogwheel::geo::Crs;
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ask, listed, rectangle};
use crate::support::Maps;
use crate::support::made::{Folder, Tiff};

type Ring = Vec<[f64; 2]>;

#[derive(Deserialize)]
struct Case {
    raster: String,
    value: i64,
    geometry: Value,
    /// Of each row: where cells with the value begin and end, in turns.
    rows: Vec<Vec<usize>>,
    /// Cells of the regions, ascending.
    regions_4: Vec<u64>,
    regions_8: Vec<u64>,
    holes_4: usize,
}

/// Polygons of a geometry, each its rings.
fn polygons(geometry: &Value) -> Vec<Vec<Ring>> {
    let coordinates = &geometry["coordinates"];
    match geometry["type"].as_str().unwrap() {
        "Polygon" => vec![serde_json::from_value(coordinates.clone()).unwrap()],
        "MultiPolygon" => serde_json::from_value(coordinates.clone()).unwrap(),
        other => panic!("{other} is no area"),
    }
}

fn features(answer: &Value) -> &Vec<Value> {
    assert_eq!(answer["type"], "FeatureCollection");
    answer["features"].as_array().unwrap()
}

/// Twice the area, positive counterclockwise.
fn doubled_area(ring: &Ring) -> f64 {
    ring.windows(2).map(|edge| edge[0][0] * edge[1][1] - edge[1][0] * edge[0][1]).sum()
}

/// Whether a place is inside: a ray to the west crosses the rings an odd number of times.
fn is_inside(rings: &[Ring], [x, y]: [f64; 2]) -> bool {
    let crosses = |edge: &[[f64; 2]]| {
        let [[x0, y0], [x1, y1]] = [edge[0], edge[1]];
        (y0 <= y) != (y1 <= y) && x0 + (y - y0) / (y1 - y0) * (x1 - x0) < x
    };
    rings.iter().flat_map(|ring| ring.windows(2)).filter(|edge| crosses(edge)).count() % 2 == 1
}

/// Columns of the cells of a row whose centres are in a geometry.
fn drawn_rows(answer: &Value, features: &[Value]) -> Vec<Vec<usize>> {
    let grid = &answer["grid"];
    let transform: [f64; 6] = serde_json::from_value(grid["geotransform"].clone()).unwrap();
    let (width, height) = (grid["width"].as_u64().unwrap() as usize, grid["height"].as_u64().unwrap() as usize);
    let (crs, wgs84) = (Crs::parse(grid["crs"].as_str().unwrap()).unwrap(), Crs::wgs84());
    let all: Vec<Vec<Ring>> = features.iter().flat_map(|feature| polygons(&feature["geometry"])).collect();
    let row = |row: usize| {
        let centres = (0..width).map(|col| (col as f64 + 0.5, row as f64 + 0.5));
        let (mut lons, mut lats): (Vec<f64>, Vec<f64>) =
            centres.map(|(col, row)| (transform[0] + col * transform[1], transform[3] + row * transform[5])).unzip();
        crs.transform(&wgs84, &mut lons, &mut lats).unwrap();
        let holds = |col: usize| all.iter().any(|rings| is_inside(rings, [lons[col], lats[col]]));
        let inside: Vec<bool> = (0..width).map(holds).collect();
        let changes = (0..=width).filter(|col| {
            let at = |col: usize| inside.get(col).copied().unwrap_or(false);
            at(*col) != (*col > 0 && at(*col - 1))
        });
        changes.collect()
    };
    (0..height).map(row).collect()
}

fn cells(feature: &Value) -> u64 {
    feature["properties"]["cells"].as_u64().unwrap()
}

#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
#[case(3)]
#[case(4)]
#[case(5)]
#[case(6)]
fn regions_are_those_of_rasterio(#[case] index: usize) {
    let case = listed::<Case>("extractions").swap_remove(index);
    let maps = Maps::of(&format!("zonal/{}", case.raster));
    for (connectivity, theirs) in [(4, &case.regions_4), (8, &case.regions_8)] {
        let path = format!("/layers/it/extract/{}?connectivity={connectivity}", case.value);
        let answer = ask(&maps, &path, &case.geometry);
        let features = features(&answer);
        let mut ours: Vec<u64> = features.iter().map(cells).collect();
        ours.sort_unstable();
        assert_eq!(ours, *theirs, "cells of the regions with {connectivity} neighbours");
        assert_eq!(drawn_rows(&answer, features), case.rows, "cells with {connectivity} neighbours");
        if connectivity == 4 {
            let all: Vec<_> = features.iter().flat_map(|feature| polygons(&feature["geometry"])).collect();
            assert_eq!(all.iter().map(|rings| rings.len() - 1).sum::<usize>(), case.holes_4, "holes");
        }
    }
}

/// 12 x 8 cells of a tenth of a degree, from 10° E, 50° N: letters by value.
const PICTURE: [&str; 8] = [
    "aaaaaaaabbbb", //
    "a......abbbb",
    "a.cc...abb.b",
    "a.cc.d.abbbb",
    "a....d.a....",
    "a......a.e.e",
    "aaaaaaaa..e.",
    ".........e.e",
];

fn picture(settings: &str) -> (Folder, Maps) {
    let folder = Folder::new();
    let path = folder.path("picture.tif");
    let raster = Tiff { nodata: Some(0.0), ..Tiff::new(&path, [12, 8], "EPSG:4326", [10.0, 50.0], 0.1) };
    raster.write(|col, row| match PICTURE[row].as_bytes()[col] {
        b'.' => 0,
        letter => letter - b'a' + 1,
    });
    let maps = Maps::from_toml(&format!("[layers.it]\nsource = '{path}'\n{settings}"));
    (folder, maps)
}

fn everywhere() -> Value {
    rectangle([9.0, 48.0, 13.0, 51.0])
}

#[test]
fn rings_are_closed_oriented_and_keep_their_holes() {
    let (_folder, maps) = picture("");
    for (value, rings, count) in [(1, 2, 26), (2, 2, 15), (3, 1, 4), (4, 1, 2)] {
        let answer = ask(&maps, &format!("/layers/it/extract/{value}"), &everywhere());
        let [feature] = &features(&answer)[..] else { panic!("one region of {value}: {answer}") };
        assert_eq!(feature["properties"], json!({ "value": value, "cells": count }));
        assert_eq!(feature["geometry"]["type"], "Polygon");
        let polygon = polygons(&feature["geometry"]).swap_remove(0);
        assert_eq!(polygon.len(), rings, "rings of {value}");
        for (index, ring) in polygon.iter().enumerate() {
            assert_eq!(ring.first(), ring.last(), "a ring is closed");
            // RFC 7946, 3.1.6: exteriors counterclockwise, holes clockwise
            assert_eq!(doubled_area(ring) > 0.0, index == 0, "ring {index} of {value}");
        }
        let area: f64 = polygon.iter().map(doubled_area).sum::<f64>() / 2.0;
        assert!((area - f64::from(count) * 0.01).abs() < 1e-7, "{area} square degrees of {count} cells");
    }
}

#[rstest]
#[case::by_side("extract/5", &[1, 1, 1, 1, 1])]
#[case::by_corner("extract/5?connectivity=8", &[5])]
#[case::small_ones_left_out("extract/5?min_cells=2", &[])]
#[case::small_ones_together("extract/5?connectivity=8&min_cells=5", &[5])]
#[case::several_values("extract?values=3&values=4", &[2, 4])]
#[case::with_commas("extract?values=3,4", &[2, 4])]
#[case::a_range("extract?range=3,4", &[2, 4])]
#[case::a_range_dissolves("extract?range=1,2", &[41])]
#[case::values_do_not("extract?values=1,2", &[15, 26])]
#[case::nothing_of_it("extract/77", &[])]
#[case::a_negative_value("extract/-1", &[])]
#[case::a_value_between("extract/2.5", &[])]
fn regions_have_as_many_cells(#[case] path: &str, #[case] expected: &[u64]) {
    let (_folder, maps) = picture("");
    let answer = ask(&maps, &format!("/layers/it/{path}"), &everywhere());
    let mut found: Vec<u64> = features(&answer).iter().map(cells).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn corners_that_touch_make_one_feature_of_several_polygons() {
    let (_folder, maps) = picture("");
    let answer = ask(&maps, "/layers/it/extract/5?connectivity=8", &everywhere());
    let [feature] = &features(&answer)[..] else { panic!("one region: {answer}") };
    assert_eq!(feature["geometry"]["type"], "MultiPolygon");
    assert_eq!(polygons(&feature["geometry"]).len(), 5);
}

#[test]
fn a_region_ends_where_the_shape_does() {
    let (_folder, maps) = picture("");
    let found = |path: &str, rectangle: [f64; 4]| -> Vec<u64> {
        let answer = ask(&maps, &format!("/layers/it/{path}"), &super::rectangle(rectangle));
        features(&answer).iter().map(cells).collect()
    };
    // six columns
    assert_eq!(found("extract/1", [10.0, 49.2, 10.56, 50.0]), [17]);
    // in a corner of a cell
    let corner = [10.31, 49.91, 10.34, 49.94];
    assert!(found("extract/1", corner).is_empty());
    assert_eq!(found("extract/1?cell_rule=all_touched", corner), [1]);
}

#[test]
fn classes_and_ranges_are_named_in_the_properties() {
    let (_folder, maps) = picture("classes = { 1 = 'Wall', 3 = 'Bed' }");
    let answer = ask(&maps, "/layers/it/extract?values=3,4", &everywhere());
    let properties: Vec<&Value> = features(&answer).iter().map(|feature| &feature["properties"]).collect();
    let expected = [json!({ "value": 3, "class": "Bed", "cells": 4 }), json!({ "value": 4, "cells": 2 })];
    assert!(expected.iter().all(|one| properties.contains(&one)), "{properties:?}");
    let answer = ask(&maps, "/layers/it/extract?range=3,4", &everywhere());
    assert_eq!(features(&answer)[0]["properties"]["value"], "3:4");
}

#[test]
fn simplifying_leaves_out_corners_and_no_region() {
    let maps = Maps::of("zonal/wide_5070.tif");
    let everywhere = rectangle([-140.0, 20.0, -60.0, 55.0]);
    let corners = |query: &str| {
        let answer = ask(&maps, &format!("/layers/it/extract/42{query}"), &everywhere);
        let rings = features(&answer).iter().flat_map(|feature| polygons(&feature["geometry"])).flatten();
        (features(&answer).len(), rings.map(|ring| ring.len()).sum::<usize>())
    };
    let ((regions, exact), (simple, fewer)) = (corners(""), corners("?simplify=1.5"));
    assert_eq!(regions, simple);
    assert!(fewer < exact * 3 / 4, "{fewer} corners of {exact}");
}

#[rstest]
#[case("extract", "values")]
#[case("extract?values=1&range=1,2", "range")]
#[case("extract?range=2", "range")]
#[case("extract?range=2,1", "range")]
#[case("extract?range=nan,1", "range")]
#[case("extract?values=a", "values")]
#[case("extract?values=1,,2", "values")]
#[case("extract/one", "value")]
#[case("extract/nan", "value")]
#[case("extract/1e999", "value")]
#[case("extract/1?connectivity=6", "connectivity")]
#[case("extract/1?min_cells=-1", "min_cells")]
#[case("extract/1?min_cells=many", "min_cells")]
#[case("extract/1?simplify=-1", "simplify")]
#[case("extract/1?simplify=nan", "simplify")]
#[case("extract/1?cell_rule=coverage", "cell_rule")]
#[case("extract/1?bidx=2", "bidx")]
#[case("extract/1?bidx=1&bidx=1", "bidx")]
fn a_wrong_option_is_named(#[case] path: &str, #[case] option: &str) {
    let (_folder, maps) = picture("");
    let answer = maps.post(&format!("/layers/it/{path}"), everywhere());
    assert_eq!(answer.status, 400, "{path}");
    assert!(answer.detail().starts_with(&format!("{option}: ")), "{path}: {}", answer.detail());
}
