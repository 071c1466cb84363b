//! Rings across the antimeridian and around poles.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn cw(mut ring: Ring) -> Ring {
    ring.reverse();
    ring
}

/// The ring with longitudes brought to -180..180: what a client sends that neither cuts nor goes on.
fn wrapped(ring: &[Position]) -> Ring {
    ring.iter().map(|[lon, lat]| [(lon + 180.0).rem_euclid(360.0) - 180.0, *lat]).collect()
}

/// `steps` vertices at equal distances on each edge.
fn fine(ring: &[Position], steps: u32) -> Ring {
    let between =
        |[a, b]: [Position; 2], i: u32| [0, 1].map(|k| a[k] + (b[k] - a[k]) * f64::from(i) / f64::from(steps));
    edges(ring).flat_map(|edge| (1..=steps).map(move |i| between(edge, i))).collect()
}

/// From west to east, a vertex every 10°.
fn parallel(lat: f64) -> Ring {
    (-18..=18).map(|i| [10.0 * f64::from(i), lat]).collect()
}

fn circle(lat: f64, steps: i32, step: f64) -> Ring {
    (0..steps).map(|i| [(f64::from(i) * step + 10.0 + 180.0).rem_euclid(360.0) - 180.0, lat]).collect()
}

#[rstest]
#[case::world(rectangle(-180.0, -90.0, 180.0, 90.0), 360.0 * 180.0, [0.0, 0.0])]
#[case::world_clockwise(cw(rectangle(-180.0, -90.0, 180.0, 90.0)), 360.0 * 180.0, [0.0, 0.0])]
#[case::world_from_0(rectangle(0.0, -90.0, 360.0, 90.0), 360.0 * 180.0, [0.0, 0.0])]
#[case::all_but_the_poles(rectangle(-180.0, -60.0, 180.0, 80.0), 360.0 * 140.0, [0.0, 0.0])]
#[case::all_but_antarctica_with_a_fine_coast(
    [parallel(-60.0), vec![[180.0, 90.0], [-180.0, 90.0]]].concat(), 360.0 * 150.0, [0.0, 0.0]
)]
#[case::antarctica_closed_by_the_client(
    [cw(parallel(-70.0)), vec![[-180.0, -90.0], [180.0, -90.0]]].concat(), 360.0 * 20.0, [0.0, -80.0]
)]
#[case::eastern_hemisphere(rectangle(0.0, -90.0, 180.0, 90.0), 180.0 * 180.0, [90.0, 0.0])]
#[case::western_hemisphere(rectangle(-180.0, -90.0, 0.0, 90.0), 180.0 * 180.0, [-90.0, 0.0])]
#[case::hemisphere_in_the_middle(rectangle(-90.0, -90.0, 90.0, 90.0), 180.0 * 180.0, [0.0, 0.0])]
#[case::a_box_340_wide(rectangle(-170.0, 0.0, 170.0, 10.0), 3400.0, [0.0, 5.0])]
#[case::the_same_with_vertices_between_either_way(
    cw(fine(&rectangle(-170.0, 0.0, 170.0, 10.0), 2)), 3400.0, [0.0, 5.0]
)]
#[case::west_more_than_east(rectangle(170.0, 0.0, -170.0, 10.0), 200.0, [175.0, 5.0])]
#[case::west_more_than_east_by_half_a_turn(rectangle(120.0, 0.0, -70.0, 10.0), 1700.0, [-100.0, 5.0])]
#[case::past_180(rectangle(170.0, 0.0, 190.0, 10.0), 200.0, [-175.0, 5.0])]
#[case::past_180_clockwise(cw(rectangle(170.0, 0.0, 190.0, 10.0)), 200.0, [-175.0, 5.0])]
#[case::past_minus_180(rectangle(-190.0, 0.0, -170.0, 10.0), 200.0, [175.0, 5.0])]
#[case::a_turn_off(rectangle(530.0, 0.0, 540.0, 10.0), 100.0, [175.0, 5.0])]
#[case::a_long_polygon_by_hand(
    vec![[-130.0, 60.0], [-120.0, -50.0], [0.0, -60.0], [100.0, -40.0], [110.0, 55.0]], 0.0, [0.0, 0.0]
)]
#[case::past_minus_180_and_wide(cw(rectangle(-190.0, 0.0, 150.0, 10.0)), 3400.0, [0.0, 5.0])]
#[case::around_the_north_pole_and_closed_at_360(
    (0..=36).map(|i| [10.0 * f64::from(i), 80.0]).collect(), 3600.0, [0.0, 85.0]
)]
#[case::around_the_north_pole(circle(80.0, 36, 10.0), 3600.0, [0.0, 85.0])]
#[case::around_the_north_pole_westwards(circle(80.0, 36, -10.0), 3600.0, [0.0, 85.0])]
#[case::around_the_north_pole_to_and_fro_across_180(
    wrapped(&[[0.0, 80.0], [60.0, 80.0], [120.0, 80.0], [190.0, 80.0], [172.0, 75.0], [200.0, 70.0], [280.0, 70.0]]),
    0.0, [179.0, 85.0]
)]
#[case::around_the_south_pole(circle(-70.0, 5, 72.0), 7200.0, [0.0, -85.0])]
#[case::around_the_south_pole_westwards(circle(-70.0, 5, -72.0), 7200.0, [0.0, -85.0])]
fn a_ring_is_read_as_the_rule_says(#[case] ring: Ring, #[case] square_degrees: f64, #[case] inside: Position) {
    let area = area(&[&ring]).expect("an area");
    assert!(holds(&area, inside), "{area:?}");
    assert!(square_degrees == 0.0 || (size(&area) - square_degrees).abs() < 1e-6, "{}", size(&area));
    assert!(area.rings().iter().flatten().all(|[lon, _]| lon.abs() <= 180.0));
}

#[rstest]
#[case::in_a_box_that_crosses(rectangle(160.0, 0.0, -160.0, 20.0), rectangle(170.0, 5.0, -170.0, 10.0), 800.0 - 100.0)]
#[case::drawn_the_other_way(
    rectangle(160.0, 0.0, -160.0, 20.0), cw(rectangle(170.0, 5.0, -170.0, 10.0)), 800.0 - 100.0
)]
#[case::past_180_in_a_box_that_jumps(rectangle(160.0, 0.0, -160.0, 20.0), rectangle(170.0, 5.0, 190.0, 10.0), 700.0)]
#[case::that_jumps_in_a_box_past_180(
    rectangle(160.0, 0.0, 200.0, 20.0), cw(rectangle(170.0, 5.0, -170.0, 10.0)), 700.0
)]
#[case::on_one_side(rectangle(160.0, 0.0, -160.0, 20.0), rectangle(-175.0, 5.0, -170.0, 10.0), 775.0)]
#[case::across_the_seam_of_the_world(
    rectangle(-180.0, -90.0, 180.0, 90.0), rectangle(170.0, 5.0, 190.0, 10.0), 64_800.0 - 100.0
)]
#[case::wide_in_the_world(
    rectangle(-180.0, -90.0, 180.0, 90.0), rectangle(-170.0, 5.0, 170.0, 10.0), 64_800.0 - 1700.0
)]
#[case::across_the_seam_of_a_cap(circle(60.0, 36, 10.0), rectangle(170.0, 70.0, 190.0, 80.0), 10_800.0 - 200.0)]
#[case::around_the_pole_of_a_cap(circle(60.0, 36, 10.0), circle(80.0, 36, -10.0), 10_800.0 - 3600.0)]
fn a_hole_follows_its_polygon(#[case] exterior: Ring, #[case] hole: Ring, #[case] square_degrees: f64) {
    let area = Area::new(&[Polygon { exterior, holes: vec![hole] }]).expect("an area");
    assert!((size(&area) - square_degrees).abs() < 1e-6, "{}", size(&area));
}

#[test]
fn a_ring_wider_than_the_world_is_refused() {
    let error = area(&[&rectangle(-200.0, 0.0, 200.0, 10.0)]).expect_err("too wide");
    assert_eq!(error.to_string(), "ring 0 of polygon 0 spans 400 degrees of longitude: the world has 360");
}

#[test]
fn a_ring_twice_around_the_pole_is_refused() {
    let ring: Ring = (0..24).map(|i| [(f64::from(i) * 30.0).rem_euclid(360.0) - 180.0, 60.0 + f64::from(i)]).collect();
    let error = area(&[&ring]).expect_err("two turns");
    assert_eq!(error.to_string(), "ring 0 of polygon 0 winds 2 times about the pole");
}

/// A star around a place, counterclockwise.
fn star(lon: f64, lat: f64, radii: &[f64]) -> Ring {
    let vertex = |(i, radius): (usize, &f64)| {
        let angle = std::f64::consts::TAU * i as f64 / radii.len() as f64;
        [lon + radius * angle.cos(), lat + radius * angle.sin()]
    };
    radii.iter().enumerate().map(vertex).collect()
}

proptest! {
    #[test]
    fn a_shape_is_the_same_jumping_or_going_on(
        radii in prop::collection::vec(2.0..60.0f64, 5..40), offset in -1.9..1.9f64, lat in -20.0..20.0f64,
    ) {
        let ring = star(180.0 + offset, lat, &radii);
        let past = area(&[&ring]).expect("past 180");
        let jumping = area(&[&wrapped(&ring)]).expect("jumping");
        let before: Ring = ring.iter().map(|[lon, lat]| [lon - 360.0, *lat]).collect();
        let before = area(&[&before]).expect("past -180");
        let split = past.rings().iter().map(Vec::as_slice).collect::<Vec<_>>();
        let split = area(&split).expect("already cut");
        for other in [&jumping, &before, &split] {
            prop_assert!((size(&past) - size(other)).abs() < 1e-7, "{} {}", size(&past), size(other));
            for i in 0..200_u32 {
                let place = [f64::from(i * 37 % 360) - 179.5, f64::from(i * 53 % 170) - 84.7];
                prop_assert_eq!(holds(&past, place), holds(other, place));
            }
        }
    }
}
