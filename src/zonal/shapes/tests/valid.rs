//! What is accepted as an area, and where it is said to be wrong.

use proptest::collection::vec;
use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn with_hole(exterior: Ring, hole: Ring) -> Vec<Polygon> {
    vec![Polygon { exterior, holes: vec![hole] }]
}

#[rstest]
#[case::a_bow_tie(&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]], [1.0, 1.0])]
#[case::a_late_crossing(&[[0.0, 0.0], [5.0, 0.0], [9.0, 0.0], [0.0, 3.0], [9.0, 3.0]], [4.5, 1.5])]
#[case::across_the_antimeridian(&[[179.0, 0.0], [-179.0, 2.0], [-179.0, 0.0], [179.0, 2.0]], [180.0, 1.0])]
fn a_ring_that_crosses_itself_is_refused_with_the_place(#[case] ring: &[Position], #[case] place: Position) {
    let error = area(&[ring]).expect_err("it crosses itself");
    assert_eq!(error.fault(), Fault::Invalid);
    let near = |lon: f64, lat: f64| (lon - place[0]).abs() < 2.0 && (lat - place[1]).abs() < 1.0;
    match error {
        ShapeError::Crossing { lon, lat } if place[0] < 180.0 => assert_eq!([lon, lat], place),
        ShapeError::Crossing { lon, lat } | ShapeError::Overlap { lon, lat } => {
            assert!(near(lon.abs(), lat), "{lon} {lat}");
        }
        other => panic!("{other}"),
    }
}

#[rstest]
#[case::a_bow_tie_with_a_vertex_where_it_crosses(
    vec![polygon(&[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])]
)]
#[case::a_bow_tie_with_one_strand_through_a_vertex(
    vec![polygon(&[[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [1.0, 1.0], [0.0, 2.0]])]
)]
#[case::a_crossing_along_a_shared_edge(
    vec![polygon(&[[0.0, 0.0], [1.0, 1.0], [3.0, 1.0], [4.0, 2.0], [4.0, 0.0], [3.0, 1.0], [1.0, 1.0], [0.0, 2.0]])]
)]
#[case::a_hole_outside(with_hole(rectangle(0.0, 0.0, 4.0, 4.0), rectangle(5.0, 0.0, 6.0, 1.0)))]
#[case::a_hole_around(with_hole(rectangle(1.0, 1.0, 3.0, 3.0), rectangle(0.0, 0.0, 4.0, 4.0)))]
#[case::a_part_in_another(vec![polygon(&rectangle(0.0, 0.0, 4.0, 4.0)), polygon(&rectangle(1.0, 1.0, 2.0, 2.0))])]
#[case::a_part_in_another_that_starts_with_next_to_nothing(
    vec![polygon(&rectangle(0.0, 0.0, 4.0, 4.0)), polygon(&[[1.0, 1.0], [1.0 + 1e-12, 1.0], [2.0, 1.0], [2.0, 2.0]])]
)]
#[case::a_part_twice(vec![polygon(&rectangle(0.0, 0.0, 4.0, 4.0)); 2])]
#[case::a_ring_that_goes_round_twice(
    vec![polygon(&[rectangle(0.0, 0.0, 4.0, 4.0), rectangle(0.0, 0.0, 4.0, 4.0)].concat())]
)]
#[case::parts_that_overlap_on_the_sphere(
    vec![polygon(&rectangle(170.0, 0.0, 190.0, 9.0)), polygon(&rectangle(-175.0, 1.0, -171.0, 2.0))]
)]
fn rings_that_do_not_fit_are_refused(#[case] polygons: Vec<Polygon>) {
    let error = Area::new(&polygons).expect_err("they do not fit");
    assert!(matches!(error, ShapeError::Overlap { .. }), "{error}");
}

#[rstest]
#[case::clockwise(vec![polygon(&[[0.0, 0.0], [0.0, 4.0], [4.0, 4.0], [4.0, 0.0]])], 16.0)]
#[case::repeated_vertices(
    vec![polygon(&[[0.0, 0.0], [4.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0], [0.0, 4.0]])], 16.0
)]
#[case::a_spike(vec![polygon(&[[0.0, 0.0], [4.0, 0.0], [6.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])], 16.0)]
#[case::a_spike_inwards(
    vec![polygon(&[[0.0, 0.0], [4.0, 0.0], [4.0, 2.0], [1.0, 2.0], [4.0, 2.0], [4.0, 4.0], [0.0, 4.0]])], 16.0
)]
#[case::a_ring_that_touches_itself(
    vec![polygon(&[[0.0, 0.0], [2.0, 1.0], [4.0, 0.0], [4.0, 4.0], [2.0, 1.0], [0.0, 4.0]])], 8.0
)]
#[case::a_hole_either_way(with_hole(rectangle(0.0, 0.0, 4.0, 4.0), rectangle(1.0, 1.0, 2.0, 2.0)), 15.0)]
#[case::a_hole_that_touches(with_hole(rectangle(0.0, 0.0, 4.0, 4.0), vec![[0.0, 2.0], [2.0, 1.0], [2.0, 3.0]]), 14.0)]
#[case::a_hole_along_an_edge(with_hole(rectangle(0.0, 0.0, 4.0, 4.0), rectangle(0.0, 1.0, 2.0, 3.0)), 12.0)]
#[case::all_hole(with_hole(rectangle(0.0, 0.0, 4.0, 4.0), rectangle(0.0, 0.0, 4.0, 4.0)), 0.0)]
#[case::parts_that_share_an_edge(
    vec![polygon(&rectangle(0.0, 0.0, 4.0, 4.0)), polygon(&rectangle(4.0, 1.0, 6.0, 3.0))], 20.0
)]
#[case::parts_whose_shared_edges_differ_by_rounding(
    (0..100_u32).map(|i| [f64::from(i % 10) * 0.1, f64::from(i / 10) * 0.1]).map(|[x, y]| polygon(&rectangle(x, y, x + 0.1, y + 0.1))).collect(),
    1.0
)]
#[case::an_island_in_a_lake(
    [with_hole(rectangle(0.0, 0.0, 9.0, 9.0), rectangle(1.0, 1.0, 8.0, 8.0)), vec![polygon(&rectangle(2.0, 2.0, 3.0, 3.0))]].concat(), 33.0
)]
#[case::nothing_but_a_line(vec![polygon(&[[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])], 0.0)]
fn harmless_shapes_are_accepted(#[case] polygons: Vec<Polygon>, #[case] expected: f64) {
    let size = size(&Area::new(&polygons).expect("harmless"));
    assert!((size - expected).abs() < 1e-12, "{size}");
}

/// A comb of slanting teeth, each next to all others in its box.
#[test]
fn a_shape_that_takes_too_long_to_check_is_refused() {
    let teeth = 60_000;
    let tooth = |i: i32| {
        let x = 50.0 * f64::from(i) / f64::from(teeth);
        [[x, x - 60.0], [x + 50.0 - 1e-5, x - 10.0]]
    };
    let mut ring: Ring = (0..teeth).flat_map(tooth).collect();
    ring.push([80.0, -70.0]);
    let error = area(&[&ring]).expect_err("intricate");
    assert_eq!(error.fault(), Fault::TooLarge, "{error}");
}

/// Whether rings on whole numbers bound an area, each pair of edges and both sides of each edge looked at.
///
/// Twice the coordinates and eighths of a unit beside the edges keep everything exact.
fn brute(rings: &[Ring]) -> bool {
    let edges: Vec<_> = rings.iter().flat_map(|ring| edges(ring)).filter(|[a, b]| a != b).collect();
    let side = |[a, b]: [Position; 2], p: Position| {
        let cross = (b[0] - a[0]) * (p[1] - a[1]) - (p[0] - a[0]) * (b[1] - a[1]);
        f64::from(i8::from(cross > 0.0) - i8::from(cross < 0.0))
    };
    let cross = |one: [Position; 2], other: [Position; 2]| {
        side(one, other[0]) * side(one, other[1]) < 0.0 && side(other, one[0]) * side(other, one[1]) < 0.0
    };
    let crosses = edges.iter().enumerate().any(|(i, one)| edges[..i].iter().any(|other| cross(*one, *other)));
    // Between neighbouring places where others meet an edge nothing changes: many places along it find them all.
    let fits = |[a, b]: &[Position; 2]| {
        (0..64).all(|i| {
            let t = (f64::from(i) + 0.5) / 64.0;
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            [1e-6, -1e-6].iter().all(|aside| {
                let place = [a[0] + dx * t - dy * aside, a[1] + dy * t + dx * aside];
                (0..=1).contains(&winding(rings, place))
            })
        })
    };
    !crosses && edges.iter().all(fits)
}

/// Rings on a small grid touch, overlap and cross all the time.
fn snapped(size: i32, vertices: std::ops::Range<usize>) -> impl Strategy<Value = Ring> {
    vec((0..size, 0..size), vertices)
        .prop_map(|ring| ring.iter().map(|(x, y)| [f64::from(*x), f64::from(*y)]).collect())
}

fn oriented(mut ring: Ring) -> Ring {
    if signed_area(&ring) < 0.0 {
        ring.reverse();
    }
    ring
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn one_ring_is_judged_as_by_looking_at_everything(ring in snapped(5, 3..9)) {
        prop_assert_eq!(area(&[&ring]).is_ok(), brute(&[oriented(ring)]));
    }

    #[test]
    fn many_rings_are_judged_as_by_looking_at_everything(
        rings in vec(prop_oneof![snapped(6, 3..5), snapped(3, 3..4)], 1..4),
    ) {
        let polygons: Vec<_> = rings.iter().map(|ring| polygon(ring)).collect();
        prop_assert_eq!(Area::new(&polygons).is_ok(), brute(&rings.into_iter().map(oriented).collect::<Vec<_>>()));
    }

    #[test]
    fn holes_are_judged_as_by_looking_at_everything(
        exterior in prop_oneof![snapped(6, 3..7), Just(rectangle(0.0, 0.0, 5.0, 5.0))], holes in vec(snapped(6, 3..5), 1..3),
    ) {
        let mut rings: Vec<_> = holes.iter().map(|hole| oriented(hole.iter().rev().copied().collect())).collect();
        rings.iter_mut().for_each(|hole| hole.reverse());
        rings.push(oriented(exterior.clone()));
        prop_assert_eq!(Area::new(&[Polygon { exterior, holes }]).is_ok(), brute(&rings));
    }
}

proptest! {
    /// Stars are simple; where they stand and how large they are must not matter.
    #[test]
    fn a_star_is_an_area_anywhere(
        radii in vec(0.05..1.0f64, 3..200), lon in -180.0..180.0f64, lat in -70.0..70.0f64, scale in prop::sample::select(&[1e-6, 1e-3, 1.0, 15.0]),
    ) {
        let vertex = |(i, radius): (usize, &f64)| {
            let angle = std::f64::consts::TAU * i as f64 / radii.len() as f64;
            [lon + scale * radius * angle.cos(), lat + scale * radius * angle.sin()]
        };
        let ring: Ring = radii.iter().enumerate().map(vertex).collect();
        prop_assert!(area(&[&ring]).is_ok());
    }
}
