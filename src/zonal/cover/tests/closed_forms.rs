//! Shapes whose cells are known.

use std::f64::consts::{PI, TAU};

use rstest::rstest;

use super::{RULES, Ring, Shape, covered, rectangle, signed_area, total, weights, window};
use crate::zonal::{CellRule, WHOLE, Window};

/// Sums under the three rules: centre, all touched, coverage.
fn totals(rings: &[Ring], window: Window) -> [f64; 3] {
    RULES.map(|rule| total(&covered(rings, window, rule)))
}

fn circle(center: [f64; 2], radius: f64, vertices: u32) -> Ring {
    let at = |i| {
        let (sin, cos) = (TAU * f64::from(i) / f64::from(vertices)).sin_cos();
        [center[0] + radius * cos, center[1] + radius * sin]
    };
    (0..vertices).map(at).collect()
}

#[rstest]
#[case::on_cell_borders(rectangle([2.0, 3.0], [5.0, 7.0]), [12.0, 12.0, 12.0])]
#[case::a_square_of_two_and_a_half(rectangle([1.0, 1.0], [3.5, 3.5]), [6.0, 9.0, 6.25])]
#[case::past_the_centres(rectangle([1.0, 1.0], [3.75, 3.75]), [9.0, 9.0, 7.5625])]
#[case::a_triangle(vec![[1.0, 1.0], [9.0, 1.0], [1.0, 9.0]], [36.0, 36.0, 32.0])]
#[case::smaller_than_a_cell(rectangle([4.25, 4.25], [4.375, 4.5]), [0.0, 1.0, 0.03125])]
#[case::around_one_centre(rectangle([4.375, 4.375], [4.625, 4.625]), [1.0, 1.0, 0.0625])]
#[case::across_a_corner(rectangle([3.75, 3.75], [4.25, 4.25]), [0.0, 4.0, 0.25])]
#[case::partly_outside(rectangle([-3.0, -5.0], [2.0, 1.5]), [2.0, 4.0, 3.0])]
#[case::outside(rectangle([-5.0, 2.0], [0.0, 8.0]), [0.0, 0.0, 0.0])]
#[case::right_and_below(rectangle([10.0, 10.0], [12.0, 12.0]), [0.0, 0.0, 0.0])]
#[case::around_everything(rectangle([-1e9, -1e9], [1e9, 1e9]), [100.0, 100.0, 100.0])]
#[case::a_flat_ring(vec![[1.5, 1.5], [4.5, 4.5], [3.0, 3.0]], [0.0, 4.0, 0.0])]
#[case::a_flat_ring_between_rows(vec![[1.5, 3.0], [6.5, 3.0]], [0.0, 0.0, 0.0])]
#[case::a_flat_ring_in_a_row(vec![[1.5, 3.25], [6.5, 3.25]], [0.0, 6.0, 0.0])]
#[case::one_point(vec![[1.5, 3.5]], [0.0, 1.0, 0.0])]
#[case::no_points(vec![], [0.0, 0.0, 0.0])]
#[case::not_a_number(vec![[1.0, 1.0], [9.0, f64::NAN], [1.0, 9.0]], [0.0, 0.0, 0.0])]
fn a_ring_covers_known_cells(#[case] ring: Ring, #[case] expected: [f64; 3]) {
    assert_eq!(totals(std::slice::from_ref(&ring), window(10, 10)), expected);
    let backwards: Ring = ring.iter().rev().copied().collect();
    assert_eq!(totals(&[backwards], window(10, 10)), expected);
    let closed: Ring = ring.iter().chain(ring.first()).copied().collect();
    assert_eq!(totals(&[closed], window(10, 10)), expected);
}

#[test]
fn a_centre_on_an_edge_belongs_to_the_polygon_above_right_of_it() {
    // Corners on the centres of cells 1 and 4, both ways.
    let cells = covered(&[rectangle([1.5, 1.5], [4.5, 4.5])], window(6, 6), CellRule::Center);
    let rows: Vec<String> =
        cells.chunks(6).map(|row| row.iter().map(|w| if *w == 0 { '.' } else { '#' }).collect()).collect();
    assert_eq!(rows, ["......", "..###.", "..###.", "..###.", "......", "......"]);
}

#[test]
fn a_hole_is_cut_out() {
    let rings = [rectangle([1.0, 1.0], [9.0, 9.0]), rectangle([3.25, 3.25], [5.75, 5.75])];
    // The hole holds the centres of three by three cells; its edges touch them, but for the cell in its middle.
    assert_eq!(totals(&rings, window(10, 10)), [55.0, 63.0, 57.75]);
}

#[test]
fn overlapping_and_nested_polygons_unite() {
    let shape = Shape::new(&[
        vec![rectangle([0.0, 0.0], [4.5, 4.5])],
        vec![rectangle([1.0, 1.0], [3.0, 3.0])],
        vec![rectangle([2.0, 2.0], [8.0, 8.0])],
    ]);
    let part = shape.clip(window(10, 10));
    assert_eq!(
        RULES.map(|rule| total(&weights(&part, rule))),
        [20.0 + 36.0 - 6.0, 25.0 + 36.0 - 9.0, 20.25 + 36.0 - 6.25]
    );
}

#[test]
fn polygons_that_touch_in_a_corner_stay_apart() {
    let shape = Shape::new(&[vec![rectangle([1.0, 1.0], [3.0, 3.0])], vec![rectangle([3.0, 3.0], [5.0, 5.0])]]);
    let part = shape.clip(window(6, 6));
    assert_eq!(RULES.map(|rule| total(&weights(&part, rule))), [8.0, 8.0, 8.0]);
}

#[rstest]
#[case(0.4, 16)]
#[case(3.0, 64)]
#[case(100.0, 5_000)]
#[case(499.9, 100_000)]
fn a_circle_covers_its_area(#[case] radius: f64, #[case] vertices: u32) {
    let ring = circle([500.1, 500.2], radius, vertices);
    let area = total(&covered(std::slice::from_ref(&ring), window(1001, 1001), CellRule::Coverage));
    // Each crossed cell is rounded to 2^-32.
    assert!((area - signed_area(&ring)).abs() < 1e-7 * radius.max(1.0), "{area} is {}", signed_area(&ring));
    // An n-gon lacks 2/3 pi^2 / n^2 of its circle's area.
    let lacking = 2.0 / 3.0 * PI * PI / f64::from(vertices).powi(2);
    assert!((area / (PI * radius * radius) - 1.0 + lacking).abs() < 0.05 * lacking + 1e-9);
}

#[test]
fn the_inside_weighs_exactly_one_cell_each_and_the_outside_nothing() {
    let ring = circle([500.1, 500.2], 400.0, 9_999);
    let cells = covered(&[ring], window(1001, 1001), CellRule::Coverage);
    for (index, weight) in cells.iter().enumerate() {
        let (x, y) = ((index % 1001) as f64 + 0.5 - 500.1, (index / 1001) as f64 + 0.5 - 500.2);
        match x.hypot(y) {
            distance if distance < 399.0 => assert_eq!(*weight, WHOLE),
            distance if distance > 401.0 => assert_eq!(*weight, 0),
            _ => {}
        }
    }
}

#[test]
fn a_sliver_is_as_long_as_it_is() {
    // 2^-20 cells high at its left end, 10,000 long, falling by 1,000.
    let ring = vec![[0.0, 0.0], [10_000.0, 1_000.0], [0.0, 2.0_f64.powi(-20)]];
    let area = total(&covered(std::slice::from_ref(&ring), window(10_000, 1_001), CellRule::Coverage));
    let rounding = 11_000.0 * 2.0_f64.powi(-33);
    assert!((area - 10_000.0 * 2.0_f64.powi(-21)).abs() < rounding, "{area}");
    let touched = total(&covered(&[ring], window(10_000, 1_001), CellRule::AllTouched));
    assert!((10_000.0..=11_001.0).contains(&touched), "{touched}");
}

#[rstest]
#[case(10_000_000, 1e-8)]
#[case(1 << 40, 1e-3)]
fn far_cells_are_as_good_as_their_coordinates(#[case] at: u64, #[case] tolerance: f64) {
    let ring = |x: f64, y: f64| vec![[x + 1.0, y + 1.0], [x + 9.5, y + 2.0], [x + 4.25, y + 8.75]];
    for rule in RULES {
        let near = covered(&[ring(0.0, 0.0)], window(12, 12), rule);
        let far = covered(&[ring(at as f64, at as f64)], Window { col: at, row: at, width: 12, height: 12 }, rule);
        for (near, far) in near.iter().zip(far) {
            assert!((near.abs_diff(far) as f64) < tolerance * WHOLE as f64, "{rule:?}");
        }
    }
}

#[test]
fn many_edges_in_one_cell_do_not_round_it_away() {
    let ring = circle([0.5, 0.5], 0.4, 1_000_000);
    let cells = covered(std::slice::from_ref(&ring), window(1, 1), CellRule::Coverage);
    assert!((total(&cells) - signed_area(&ring)).abs() < 1e-9);
}

#[rstest]
#[case(0.25, 0)]
#[case(0.75, 1)]
#[case(1.25, 1)]
fn a_share_is_rounded(#[case] units: f64, #[case] weight: u64) {
    let ring = rectangle([0.0, 0.0], [1.0, units / WHOLE as f64]);
    assert_eq!(covered(&[ring], window(1, 1), CellRule::Coverage), [weight]);
}
