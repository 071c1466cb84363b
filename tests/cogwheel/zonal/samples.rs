//! Profiles and points: places, distances on the ground and values, beside `GeographicLib` and numpy.

use rstest::rstest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ask, listed};
use crate::support::Maps;
use crate::support::made::{Folder, Tiff};

/// A hundredth of a millimetre: `GeographicLib`'s error over 40,000 pieces.
const CLOSE_M: f64 = 1e-5;

/// The same in degrees, and what interpolating places between them costs.
const CLOSE_DEG: f64 = 1e-9;

#[derive(Deserialize)]
struct Case {
    raster: String,
    line: Vec<[f64; 2]>,
    distance_m: Vec<f64>,
    lon: Vec<f64>,
    lat: Vec<f64>,
    nearest: Vec<Option<f64>>,
    bilinear: Vec<Option<f64>>,
}

#[derive(Deserialize)]
struct Point {
    distance_m: Option<f64>,
    lon: f64,
    lat: f64,
    values: Vec<Option<f64>>,
}

fn sample(maps: &Maps, query: &str, geometry: &Value) -> Vec<Point> {
    let answer = ask(maps, &format!("/layers/it/sample?{query}"), geometry);
    serde_json::from_value(answer["points"].clone()).unwrap()
}

fn line(coordinates: &[[f64; 2]]) -> Value {
    json!({ "type": "LineString", "coordinates": coordinates })
}

#[rstest]
fn a_profile_has_the_places_distances_and_values_of_others(
    #[values(0, 1)] index: usize, #[values("nearest", "bilinear")] resampling: &str,
) {
    let case = listed::<Case>("samples").swap_remove(index);
    let maps = Maps::of(&format!("zonal/{}", case.raster));
    let points = sample(&maps, &format!("n=41&resampling={resampling}"), &line(&case.line));
    assert_eq!(points.len(), 41);
    let values = if resampling == "nearest" { &case.nearest } else { &case.bilinear };
    assert!(values.iter().any(Option::is_none) && values.iter().filter(|value| value.is_some()).count() > 10);
    for (index, (point, theirs)) in points.iter().zip(values).enumerate() {
        assert!(
            (point.distance_m.unwrap() - case.distance_m[index]).abs() < CLOSE_M,
            "{index}: {:?}",
            point.distance_m
        );
        assert!((point.lon - case.lon[index]).abs() < CLOSE_DEG && (point.lat - case.lat[index]).abs() < CLOSE_DEG);
        match (point.values[0], theirs) {
            (Some(ours), Some(theirs)) => assert!((ours - theirs).abs() < 1e-3, "{index}: {ours}, not {theirs}"),
            (ours, theirs) => assert_eq!(ours, *theirs, "point {index}"),
        }
    }
}

/// 20 x 10 degrees at the equator, a value for each: 10 * row + column.
fn degrees() -> (Folder, Maps) {
    let folder = Folder::new();
    let path = folder.path("degrees.tif");
    Tiff::new(&path, [20, 10], "EPSG:4326", [0.0, 5.0], 1.0).write(|col, row| (10 * row + col) as f32);
    let maps = Maps::of(&path);
    (folder, maps)
}

#[test]
fn both_ends_are_included_and_spacing_may_leave_a_rest() {
    let (_folder, maps) = degrees();
    // a degree of the equator has 111,319.4908 m (6,378,137 m * pi / 180)
    let line = line(&[[1.5, 0.0], [6.0, 0.0]]);
    let points = sample(&maps, "spacing_m=111319.49079327358", &line);
    let lons: Vec<f64> = points.iter().map(|point| (point.lon * 1e6).round() / 1e6).collect();
    assert_eq!(lons, [1.5, 2.5, 3.5, 4.5, 5.5, 6.0]);
    let distances: Vec<f64> = points.iter().map(|point| point.distance_m.unwrap().round()).collect();
    assert_eq!(distances, [0.0, 111_319.0, 222_639.0, 333_958.0, 445_278.0, 500_938.0]);
    for (n, expected) in [(2, 2), (3, 3), (10_000, 10_000)] {
        assert_eq!(sample(&maps, &format!("n={n}"), &line).len(), expected);
    }
    assert_eq!(sample(&maps, "", &line).len(), 150, "the default");
    assert_eq!(sample(&maps, "spacing_m=1e9", &line).len(), 2, "a step longer than the line");
}

#[test]
fn points_are_answered_in_their_order_without_distances() {
    let (_folder, maps) = degrees();
    let places = [[0.5, 4.5], [19.5, -4.5], [25.0, 0.0], [0.5, 4.5], [360.5, 4.5], [-359.5, 4.5]];
    let points = sample(&maps, "", &json!({ "type": "MultiPoint", "coordinates": places }));
    let values: Vec<Option<f64>> = points.iter().map(|point| point.values[0]).collect();
    assert_eq!(values, [Some(0.0), Some(109.0), None, Some(0.0), Some(0.0), Some(0.0)]);
    assert!(points.iter().all(|point| point.distance_m.is_none() && point.lon.abs() <= 180.0));
    let [point] = &sample(&maps, "", &json!({ "type": "Point", "coordinates": [3.2, 1.1, 250.0] }))[..] else {
        panic!("one point")
    };
    assert_eq!((point.values.as_slice(), point.lon, point.lat), (&[Some(33.0)][..], 3.2, 1.1));
}

#[test]
fn a_line_in_pieces_is_one_line_and_goes_on_over_the_antimeridian() {
    let (_folder, maps) = degrees();
    let whole = line(&[[1.0, 1.0], [3.0, 1.0], [3.0, -2.0]]);
    let pieces =
        json!({ "type": "MultiLineString", "coordinates": [[[1.0, 1.0], [3.0, 1.0]], [[3.0, 1.0], [3.0, -2.0]]] });
    let [a, b] = [whole, pieces].map(|geometry| ask(&maps, "/layers/it/sample?n=50", &geometry));
    assert_eq!(a, b);
    let gap =
        json!({ "type": "MultiLineString", "coordinates": [[[1.0, 1.0], [3.0, 1.0]], [[3.0, 1.5], [3.0, -2.0]]] });
    let answer = maps.post("/layers/it/sample", gap);
    assert_eq!(answer.status, 422);
    assert!(answer.detail().contains("coordinates[1]"), "{}", answer.detail());
    let maps = Maps::of("lon_0_360.tif");
    for geometry in [line(&[[178.5, 0.2], [-178.5, 0.2]]), line(&[[178.5, 0.2], [181.5, 0.2]])] {
        let points = sample(&maps, "n=4", &geometry);
        let columns: Vec<Option<f64>> = points.iter().map(|point| point.values[0]).collect();
        assert_eq!(columns, [178.0, 179.0, 180.0, 181.0].map(Some), "{geometry}");
        assert!((points[3].distance_m.unwrap() / 333_958.0 - 1.0).abs() < 1e-4);
        assert!(points.iter().all(|point| point.lon.abs() <= 180.0));
    }
}

#[test]
fn every_band_that_is_asked_for_is_answered_in_this_order() {
    let maps = Maps::of("zonal/bands_strips_utm.tif");
    let place = json!({ "type": "Point", "coordinates": [-105.2, 39.9] });
    let all = ask(&maps, "/layers/it/sample", &place);
    assert_eq!(all["band_names"], json!(["b1", "b2", "b3"]));
    let some = ask(&maps, "/layers/it/sample?bidx=3&bidx=1", &place);
    assert_eq!(some["band_names"], json!(["b3", "b1"]));
    let [all, some] = [all, some].map(|answer| answer["points"][0]["values"].clone());
    assert_eq!(some, json!([all[2], all[0]]));
}

#[rstest]
#[case("n=1", 400, "n: ")]
#[case("n=0", 400, "n: ")]
#[case("n=10001", 413, "10000")]
#[case("n=18446744073709551615", 413, "10000")]
#[case("n=99999999999999999999999", 400, "n: ")]
#[case("n=-1", 400, "n: ")]
#[case("n=2.5", 400, "n: ")]
#[case("n=two", 400, "n: ")]
#[case("n=", 400, "n: ")]
#[case("n=5&n=5", 400, "n: ")]
#[case("n=5&spacing_m=5", 400, "n: ")]
#[case("spacing_m=0", 400, "spacing_m: ")]
#[case("spacing_m=-5", 400, "spacing_m: ")]
#[case("spacing_m=nan", 400, "spacing_m: ")]
#[case("spacing_m=inf", 400, "spacing_m: ")]
#[case("spacing_m=1e-300", 413, "10000")]
#[case("spacing_m=far", 400, "spacing_m: ")]
#[case("resampling=cubic", 400, "resampling: ")]
#[case("bidx=0", 400, "bidx: ")]
#[case("bidx=2", 400, "bidx: ")]
fn a_wrong_step_is_refused_with_what_would_do(#[case] query: &str, #[case] status: u16, #[case] message: &str) {
    let (_folder, maps) = degrees();
    let answer = maps.post(&format!("/layers/it/sample?{query}"), line(&[[1.0, 1.0], [3.0, 1.0]]));
    assert_eq!(answer.status, status, "{query}: {}", answer.detail());
    assert!(answer.detail().contains(message), "{query}: {}", answer.detail());
}
