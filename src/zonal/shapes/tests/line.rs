//! Points along lines.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn length(line: &[Position]) -> f64 {
    along(line, Steps::Count(2)).expect("two points").last().expect("a point").distance_m
}

#[rstest]
// a quarter of the meridian of WGS 84 is 10,001,965.729 m (Karney 2013, quarter meridian Q)
#[case::a_quarter_meridian(&[[7.0, 0.0], [7.0, 90.0]], 10_001_965.729_31, 1e-4)]
#[case::a_whole_meridian(&[[7.0, -90.0], [7.0, 90.0]], 20_003_931.458_62, 1e-4)]
// 2 pi 6378137 / 360
#[case::a_degree_of_the_equator(&[[0.0, 0.0], [1.0, 0.0]], 111_319.490_793_27, 1e-7)]
#[case::half_the_equator(&[[-90.0, 0.0], [90.0, 0.0]], 20_037_508.342_789_24, 1e-5)]
// 2 pi a cos(60) / sqrt(1 - e2 sin2(60)) / 36
#[case::along_a_parallel(&[[0.0, 60.0], [10.0, 60.0]], 558_002.0, 1e3)]
#[case::across_the_antimeridian(&[[179.5, 0.0], [-179.5, 0.0]], 111_319.490_793_27, 1e-7)]
#[case::past_180(&[[179.5, 0.0], [180.5, 0.0]], 111_319.490_793_27, 1e-7)]
#[case::cut_at_180(&[[179.5, 0.0], [180.0, 0.0], [-180.0, 0.0], [-179.5, 0.0]], 111_319.490_793_27, 1e-7)]
#[case::repeated_vertices(&[[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0]], 111_319.490_793_27, 1e-7)]
fn lengths_are_those_of_the_ellipsoid(#[case] line: &[Position], #[case] metres: f64, #[case] error: f64) {
    assert!((length(line) - metres).abs() < error, "{}", length(line));
}

#[test]
fn a_number_of_points_is_spread_evenly_and_has_both_ends() {
    let points = along(&[[0.0, 0.0], [0.5, 0.0], [2.0, 0.0]], Steps::Count(5)).expect("five points");
    let lons: Vec<f64> = points.iter().map(|point| (point.lon * 1e9).round() / 1e9).collect();
    assert_eq!(lons, [0.0, 0.5, 1.0, 1.5, 2.0]);
    assert_eq!(points[4].lon, 2.0);
}

#[test]
fn a_spacing_ends_with_a_shorter_distance() {
    let points = along(&[[0.0, 0.0], [1.0, 0.0]], Steps::SpacingM(50_000.0)).expect("points");
    assert_eq!(points.iter().map(|point| point.distance_m.round()).collect::<Vec<_>>(), [0.0, 50e3, 100e3, 111_319.0]);
    assert_eq!(points[3].lon, 1.0);
}

#[test]
fn a_spacing_that_divides_the_line_has_no_rest() {
    let line = [[0.0, 0.0], [1.0, 0.0]];
    for parts in 1..=30_u32 {
        let points = along(&line, Steps::SpacingM(length(&line) / f64::from(parts))).expect("points");
        assert_eq!(points.len(), parts as usize + 1);
    }
    assert_eq!(along(&line, Steps::SpacingM(1e9)).expect("the ends").len(), 2);
}

#[test]
fn a_line_without_length_has_one_point() {
    for steps in [Steps::Count(7), Steps::SpacingM(1.0)] {
        let points = along(&[[190.0, 5.0], [190.0, 5.0]], steps).expect("a point");
        assert_eq!(points, [LinePoint { distance_m: 0.0, lon: -170.0, lat: 5.0 }]);
    }
}

#[test]
fn longitudes_come_back_to_the_world() {
    let points = along(&[[170.0, 0.0], [-170.0, 0.0]], Steps::Count(5)).expect("five points");
    let lons: Vec<f64> = points.iter().map(|point| point.lon.round()).collect();
    assert_eq!([lons[0], lons[1], lons[2].abs(), lons[3], lons[4]], [170.0, 175.0, 180.0, -175.0, -170.0]);
}

#[rstest]
#[case::one_point(
    Steps::Count(1),
    Fault::Invalid,
    "1 points: a line takes 2 points or more, or a spacing in metres that is positive"
)]
#[case::no_spacing(Steps::SpacingM(0.0), Fault::Invalid, "a spacing of 0 m: a line takes")]
#[case::not_a_spacing(Steps::SpacingM(f64::NAN), Fault::Invalid, "a spacing of NaN m")]
#[case::many_points(Steps::Count(10_001), Fault::TooLarge, "10001 points along the line: one request may have 10000")]
#[case::a_short_spacing(
    Steps::SpacingM(1.0),
    Fault::TooLarge,
    "111321 points along the line: one request may have 10000"
)]
#[case::the_shortest_spacing(Steps::SpacingM(1e-300), Fault::TooLarge, "18446744073709551615 points along the line")]
fn steps_that_cannot_be_are_refused(#[case] steps: Steps, #[case] fault: Fault, #[case] message: &str) {
    let error = along(&[[0.0, 0.0], [1.0, 0.0]], steps).expect_err("refused");
    assert_eq!(error.fault(), fault);
    assert!(error.to_string().starts_with(message), "{error}");
}

/// The way in steps of a thousandth of its segments, each the hypotenuse of its meridional and parallel parts.
fn summed(line: &[Position]) -> f64 {
    let part = |[a, b]: [Position; 2], i: u32| {
        let lat = (a[1] + (b[1] - a[1]) * (f64::from(i) + 0.5) / 1000.0).to_radians();
        let e2 = 0.006_694_379_990_141_316;
        let w = (1.0 - e2 * lat.sin().powi(2)).sqrt();
        let [dx, dy] = [0, 1].map(|k| (b[k] - a[k]).to_radians() / 1000.0);
        6_378_137.0 * ((1.0 - e2) / w.powi(3) * dy).hypot(lat.cos() / w * dx)
    };
    line.windows(2).flat_map(|edge| (0..1000).map(move |i| part([edge[0], edge[1]], i))).sum()
}

fn any_line() -> impl Strategy<Value = Vec<Position>> {
    prop::collection::vec((-85.0..85.0f64, -85.0..85.0f64), 2..8)
        .prop_map(|line| line.into_iter().map(|(lon, lat)| [lon, lat]).collect())
}

proptest! {
    #[test]
    fn the_length_is_the_sum_of_its_parts(line in any_line()) {
        prop_assert!((length(&line) / summed(&line) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn points_are_on_the_line_at_their_distances(line in any_line(), count in 2..50_usize) {
        let points = along(&line, Steps::Count(count)).expect("points");
        prop_assert_eq!(points.len(), count);
        prop_assert_eq!([points[0].lon, points[0].lat], line[0]);
        prop_assert_eq!([points[count - 1].lon, points[count - 1].lat], line[line.len() - 1]);
        let step = length(&line) / (count - 1) as f64;
        for (i, point) in points.iter().enumerate() {
            prop_assert!((point.distance_m - step * i as f64).abs() < 1e-6);
            // the line up to the point has that length
            let place = [point.lon, point.lat];
            let off = |k: usize| {
                let [a, b] = [line[k], line[k + 1]];
                (length(&[a, place]) + length(&[place, b]) - length(&[a, b])).abs()
                    + (length(&line[..=k]) + length(&[a, place]) - point.distance_m).abs()
            };
            let nearest = (0..line.len() - 1).map(off).fold(f64::INFINITY, f64::min);
            prop_assert!(nearest < 1e-3, "{} m", nearest);
        }
    }
}
