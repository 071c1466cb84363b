//! Shapes that make trouble: over the antimeridian, round a pole, round the world, across the edge of a raster.

use cogwheel::geo::Crs;
use rstest::rstest;
use serde_json::{Value, json};

use super::{ask, polygon, rectangle, result};
use crate::support::Maps;
use crate::support::made::{Folder, Tiff};

/// The surface of the ellipsoid in square metres (WGS 84; `GeographicLib`: 510065621724088.44).
const EARTH_M2: f64 = 510_065_621_724_088.0;

/// How many centres of cells lie in a rectangle of degrees, by its own account of the grid. Longitudes go on past 180.
fn centres(answer: &Value, [west, south, east, north]: [f64; 4]) -> u64 {
    let grid = &answer["grid"];
    let transform: [f64; 6] = serde_json::from_value(grid["geotransform"].clone()).unwrap();
    let (width, height) = (grid["width"].as_u64().unwrap() as usize, grid["height"].as_u64().unwrap() as usize);
    let (crs, wgs84) = (Crs::parse(grid["crs"].as_str().unwrap()).unwrap(), Crs::wgs84());
    let cells = (0..height).flat_map(|row| (0..width).map(move |col| (col as f64 + 0.5, row as f64 + 0.5)));
    let (mut lons, mut lats): (Vec<f64>, Vec<f64>) =
        cells.map(|(col, row)| (transform[0] + col * transform[1], transform[3] + row * transform[5])).unzip();
    crs.transform(&wgs84, &mut lons, &mut lats).unwrap();
    let is_inside = |(lon, lat): (&f64, &f64)| {
        let lon = west + (lon - west).rem_euclid(360.0);
        (west..east).contains(&lon) && (south..north).contains(lat)
    };
    lons.iter().zip(&lats).filter(|place| is_inside(*place)).count() as u64
}

/// A rectangle across 180° in all the ways in which it is sent.
fn spellings([west, south, east, north]: [f64; 4]) -> Vec<Value> {
    assert!(west < 180.0 && east > 180.0);
    let past = rectangle([west, south, east, north]);
    let before = rectangle([west - 360.0, south, east - 360.0, north]);
    let jumping = polygon(&[[west, south], [east - 360.0, south], [east - 360.0, north], [west, north]]);
    let clockwise = polygon(&[[west, south], [west, north], [east, north], [east, south]]);
    let halves = [rectangle([west, south, 180.0, north]), rectangle([-180.0, south, east - 360.0, north])];
    let rings = halves.map(|half| half["coordinates"].clone());
    let split = json!({ "type": "MultiPolygon", "coordinates": rings });
    vec![past, before, jumping, clockwise, split]
}

#[rstest]
#[case::degrees_from_0("lon_0_360.tif", [170.3, -20.2, 193.7, 31.4])]
#[case::degrees_from_minus_180("global_4326.tif", [170.3, -20.2, 193.7, 31.4])]
#[case::degrees_from_a_centre("lon_0_360_centres.tif", [170.3, -20.2, 193.7, 31.4])]
#[case::utm("antimeridian_utm60.tif", [179.31, 51.52, 180.63, 52.17])]
#[case::polar("polar_3031_pole.tif", [170.3, -80.2, 193.7, -65.3])]
fn a_shape_over_the_antimeridian_is_the_same_in_every_spelling(#[case] raster: &str, #[case] bounds: [f64; 4]) {
    let maps = Maps::of(raster);
    for rule in ["center", "all_touched", "coverage"] {
        let path = format!("/layers/it/statistics?bidx=1&p=50&cell_rule={rule}");
        let answers: Vec<Value> = spellings(bounds).iter().map(|shape| ask(&maps, &path, shape)).collect();
        for (index, answer) in answers.iter().enumerate() {
            assert_eq!(result(answer.clone()), result(answers[0].clone()), "{rule}, spelling {index}");
        }
        if rule == "center" {
            let expected = centres(&answers[0], bounds);
            assert!(expected > 100);
            assert_eq!(answers[0]["plan"]["cells"], expected, "cells inside");
        }
    }
}

#[rstest]
#[case::with_many_vertices(polygon(&std::array::from_fn::<_, 36, _>(|step| [10.0 * step as f64 - 180.0, -80.0])))]
#[case::with_four(polygon(&[[0.0, -80.0], [90.0, -80.0], [180.0, -80.0], [-90.0, -80.0]]))]
#[case::as_a_rectangle(rectangle([-180.0, -90.0, 180.0, -80.0]))]
#[case::clockwise(polygon(&std::array::from_fn::<_, 36, _>(|step| [180.0 - 10.0 * step as f64, -80.0])))]
fn a_ring_round_a_pole_encloses_it(#[case] shape: Value) {
    for raster in ["polar_3031_pole.tif", "global_4326.tif", "lon_0_360.tif"] {
        let answer = ask(&Maps::of(raster), "/layers/it/counts?bidx=1", &shape);
        assert_eq!(answer["total"], centres(&answer, [-180.0, -90.0, 180.0, -80.0]), "{raster}");
    }
}

#[test]
fn a_shape_with_a_hole_at_the_pole_leaves_it_out() {
    let ring = |lat: f64| -> Vec<[f64; 2]> { (0..=36).map(|step| [10.0 * f64::from(step) - 180.0, lat]).collect() };
    let mut exterior = ring(-70.0);
    exterior.reverse();
    let shape = json!({ "type": "Polygon", "coordinates": [exterior, ring(-80.0)] });
    let answer = ask(&Maps::of("polar_3031_pole.tif"), "/layers/it/counts?bidx=1", &shape);
    assert_eq!(answer["total"], centres(&answer, [-180.0, -80.0, 180.0, -70.0]));
}

#[rstest]
#[case("lon_0_360.tif", 360 * 180)]
#[case("global_4326.tif", 360 * 180)]
#[case("polar_3031_pole.tif", 256 * 256)]
#[case("antimeridian_utm60.tif", 512 * 400)]
#[case("rgb_smooth_3857.tif", 512 * 400)]
#[case("zonal/wide_5070.tif", 150 * 96)]
fn the_whole_world_holds_every_cell_once(#[case] raster: &str, #[case] cells: u64) {
    let maps = Maps::of(raster);
    let world = rectangle([-180.0, -90.0, 180.0, 90.0]);
    let halves = json!({ "type": "GeometryCollection", "geometries": [
        rectangle([-180.0, -90.0, 0.0, 90.0]), rectangle([0.0, -90.0, 180.0, 90.0]),
    ]});
    for rule in ["center", "all_touched", "coverage"] {
        for shape in [&world, &halves, &rectangle([0.0, -90.0, 360.0, 90.0])] {
            let answer = ask(&maps, &format!("/layers/it/counts?bidx=1&cell_rule={rule}"), shape);
            let [total, nodata] = ["total", "nodata"].map(|name| answer[name].as_f64().unwrap());
            assert!((total + nodata - cells as f64).abs() < 1e-3, "{rule}: {total} and {nodata} of {cells}");
            if raster.starts_with("lon") {
                let area: f64 =
                    answer["areas_m2"].as_object().unwrap().values().map(|area| area.as_f64().unwrap()).sum();
                assert!((area / EARTH_M2 - 1.0).abs() < 1e-8, "{rule}: {area} m²");
            }
        }
    }
}

#[rstest]
#[case::beside([50.0, 10.0, 51.0, 11.0])]
#[case::on_the_other_side([-170.0, -45.0, -160.0, -40.0])]
#[case::next_to_it([9.0, 40.0, 9.999, 50.0])]
fn a_shape_outside_the_raster_has_no_cells(#[case] bounds: [f64; 4]) {
    let folder = Folder::new();
    let path = folder.path("here.tif");
    Tiff::new(&path, [20, 20], "EPSG:4326", [10.0, 47.0], 0.1).write(|col, _| col as u8);
    let (maps, shape) = (Maps::of(&path), rectangle(bounds));
    for rule in ["center", "all_touched", "coverage"] {
        let counts = ask(&maps, &format!("/layers/it/counts?cell_rule={rule}"), &shape);
        assert_eq!((counts["total"].as_f64(), &counts["counts"]), (Some(0.0), &json!({})), "{rule}");
        assert_eq!(counts["plan"], json!({ "chunks": 0, "cells": 0, "bytes": 0 }));
    }
    let regions = ask(&maps, "/layers/it/extract/1", &shape);
    assert_eq!((&regions["type"], &regions["features"]), (&json!("FeatureCollection"), &json!([])));
    assert_eq!(ask(&maps, "/layers/it/crosstab/it", &shape)["counts"], json!({}));
    assert_eq!(ask(&maps, "/layers/it/statistics", &shape)["statistics"]["b1"]["count"], 0.0);
}

/// A raster in degrees on both sides of 180°: cells with the value 1 make a cross over the antimeridian.
#[rstest]
#[case::from_170(170.0)]
#[case::from_minus_190(-190.0)]
fn regions_over_the_antimeridian_are_cut_there(#[case] west: f64) {
    let folder = Folder::new();
    let path = folder.path("cross.tif");
    let is_cross = |col: usize, row: usize| (8..12).contains(&col) || (4..6).contains(&row);
    Tiff::new(&path, [20, 10], "EPSG:4326", [west, 5.0], 1.0).write(|col, row| u8::from(is_cross(col, row)));
    let maps = Maps::of(&path);
    let answer = ask(&maps, "/layers/it/extract/1", &rectangle([165.0, -8.0, 195.0, 8.0]));
    let [feature] = answer["features"].as_array().unwrap().as_slice() else { panic!("one region: {answer}") };
    assert_eq!(feature["properties"]["cells"], 4 * 10 + 2 * 16);
    assert_eq!(feature["geometry"]["type"], "MultiPolygon", "RFC 7946, 3.1.9");
    let polygons: Vec<Vec<Vec<[f64; 2]>>> = serde_json::from_value(feature["geometry"]["coordinates"].clone()).unwrap();
    let area = |ring: &Vec<[f64; 2]>| ring.windows(2).map(|e| e[0][0] * e[1][1] - e[1][0] * e[0][1]).sum::<f64>() / 2.0;
    assert_eq!(polygons.len(), 2);
    for rings in &polygons {
        assert!(rings[0].iter().all(|[lon, _]| lon.abs() <= 180.0), "{rings:?}");
        assert!((area(&rings[0]) - 36.0).abs() < 1e-4, "{}", area(&rings[0]));
    }
    // and what was answered can be asked about
    let again = ask(&maps, "/layers/it/counts", feature);
    assert_eq!(again["counts"], json!({ "1": 72 }));
}

#[test]
fn a_region_that_was_extracted_holds_its_own_cells() {
    let maps = Maps::of("zonal/wide_5070.tif");
    let answer = ask(&maps, "/layers/it/extract/42", &rectangle([-140.0, 15.0, -50.0, 60.0]));
    let features = answer["features"].as_array().unwrap();
    assert!(features.len() > 20);
    for feature in features {
        let again = ask(&maps, "/layers/it/counts", feature);
        assert_eq!(again["counts"], json!({ "42": feature["properties"]["cells"] }));
    }
}
