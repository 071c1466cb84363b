//! Against slow and simple formulas, cell by cell.

use proptest::prelude::*;

use super::strategies::{FINE, SIZE, any_polygons, polygons, star_polygon};
use super::{Ring, Shape, directed, rectangle, shifted, signed_area, total, weights, window};
use crate::zonal::{CellRule, WHOLE, Window};

/// Twice the signed area of a triangle; exact for the coordinates of these tests. Negative where `a` is above `b` and
/// `c` is right of the edge.
fn cross(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
}

fn edges(rings: &[Ring]) -> impl Iterator<Item = [[f64; 2]; 2]> {
    rings.iter().flat_map(|ring| ring.iter().copied().zip(ring.iter().copied().cycle().skip(1)).map(|(a, b)| [a, b]))
}

/// Winding number of a point: edges that pass strictly left of it, each with its upper end and without its lower one.
fn winding(rings: &[Ring], point: [f64; 2]) -> i32 {
    let step = |[a, b]: [[f64; 2]; 2]| {
        let (top, bottom, sign) = if a[1] < b[1] { (a, b, -1) } else { (b, a, 1) };
        let passes = top[1] <= point[1] && point[1] < bottom[1] && cross(top, bottom, point) < 0.0;
        if passes { sign } else { 0 }
    };
    edges(rings).map(step).sum()
}

/// Whether an edge has a point strictly inside a cell: no axis separates the two.
fn passes_through([a, b]: [[f64; 2]; 2], [col, row]: [f64; 2]) -> bool {
    let overlaps = |axis: usize, low: f64| a[axis].max(b[axis]) > low && a[axis].min(b[axis]) < low + 1.0;
    let corners = [[col, row], [col + 1.0, row], [col, row + 1.0], [col + 1.0, row + 1.0]];
    let sides = corners.map(|corner| cross(a, b, corner));
    let is_cut = a == b || (sides.iter().any(|side| *side > 0.0) && sides.iter().any(|side| *side < 0.0));
    overlaps(0, col) && overlaps(1, row) && is_cut
}

/// The part of a ring on one side of a border (Sutherland and Hodgman 1974).
fn cut(ring: &[[f64; 2]], axis: usize, border: f64, above: bool) -> Ring {
    let is_kept = |p: &[f64; 2]| if above { p[axis] >= border } else { p[axis] <= border };
    let mut kept = Ring::new();
    for (a, b) in ring.iter().zip(ring.iter().cycle().skip(1)) {
        if is_kept(a) {
            kept.push(*a);
        }
        if is_kept(a) != is_kept(b) {
            let share = (border - a[axis]) / (b[axis] - a[axis]);
            let mut at = [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])];
            at[axis] = border;
            kept.push(at);
        }
    }
    kept
}

/// The covered share of a cell.
fn share(rings: &[Ring], [col, row]: [f64; 2]) -> f64 {
    let of_ring = |ring: &Ring| {
        let cols = cut(&cut(ring, 0, col, true), 0, col + 1.0, false);
        let cell = cut(&cut(&cols, 1, row, true), 1, row + 1.0, false);
        signed_area(&cell.iter().map(|[x, y]| [x - col, y - row]).collect::<Ring>())
    };
    rings.iter().map(of_ring).sum::<f64>().abs().min(1.0)
}

fn corners() -> impl Iterator<Item = [f64; 2]> {
    (0..SIZE).flat_map(|row| (0..SIZE).map(move |col| [f64::from(col), f64::from(row)]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_cell_is_inside_when_its_centre_is(polygons in polygons(FINE)) {
        let rings = directed(&polygons);
        let cells = weights(&Shape::new(&polygons).clip(window(SIZE, SIZE)), CellRule::Center);
        for (cell, [col, row]) in cells.iter().zip(corners()) {
            prop_assert_eq!(*cell == WHOLE, winding(&rings, [col + 0.5, row + 0.5]) != 0, "{} {}", col, row);
        }
    }

    #[test]
    fn a_cell_is_touched_when_an_edge_passes_through_it_or_its_centre_is_inside(polygons in polygons(FINE)) {
        let rings = directed(&polygons);
        let cells = weights(&Shape::new(&polygons).clip(window(SIZE, SIZE)), CellRule::AllTouched);
        for (cell, [col, row]) in cells.iter().zip(corners()) {
            let touched = edges(&rings).any(|edge| passes_through(edge, [col, row]))
                || winding(&rings, [col + 0.5, row + 0.5]) != 0;
            prop_assert_eq!(*cell == WHOLE, touched, "{} {}", col, row);
        }
    }

    #[test]
    fn a_cell_weighs_the_area_that_is_cut_out_of_it(polygons in polygons(FINE)) {
        let rings = directed(&polygons);
        let cells = weights(&Shape::new(&polygons).clip(window(SIZE, SIZE)), CellRule::Coverage);
        for (cell, [col, row]) in cells.iter().zip(corners()) {
            let (weight, share) = (*cell as f64 / WHOLE as f64, share(&rings, [col, row]));
            prop_assert!((weight - share).abs() < 1e-9, "{} {}: {} is {}", col, row, weight, share);
        }
    }

    #[test]
    fn cells_of_a_polygon_add_up_to_its_area(rings in star_polygon(Just(FINE))) {
        let area: f64 = directed(std::slice::from_ref(&rings)).iter().map(|ring| signed_area(ring)).sum();
        let cells = weights(&Shape::new(&shifted(&[rings], 80.0)).clip(window(256, 256)), CellRule::Coverage);
        prop_assert!((total(&cells) - area).abs() < 1e-6, "{} is {area}", total(&cells));
    }

    #[test]
    fn centres_and_shares_lie_in_touched_cells(
        polygons in any_polygons(), at in prop::sample::select(vec![0, 10_000_000, 1 << 40]),
    ) {
        let window = Window { col: at, row: at, width: SIZE, height: SIZE };
        let part = Shape::new(&shifted(&polygons, at as f64)).clip(window);
        let [center, touched, coverage] = super::RULES.map(|rule| weights(&part, rule));
        for ((touched, center), coverage) in touched.iter().zip(center).zip(coverage) {
            prop_assert!(*touched == WHOLE || (center == 0 && coverage == 0));
        }
    }

    #[test]
    fn polygons_that_share_an_edge_share_out_the_cells(
        cut in prop::collection::vec((0..32).prop_map(|x| f64::from(x) / 2.0), 2..20), fine in any::<bool>(),
    ) {
        // Two halves of a rectangle, cut by a line from the top to the bottom.
        let step = 12.0 / (cut.len() - 1) as f64;
        let shift = if fine { 0.123_456_789 } else { 0.0 };
        let height = |i: usize| (i as f64 * step * 2.0).round() / 2.0;
        let line: Ring = cut.iter().enumerate().map(|(i, x)| [x + shift, height(i)]).collect();
        let frame = rectangle([-1.0, 0.0], [18.0, 12.0]);
        let left: Ring = [frame[0]].into_iter().chain(line.iter().copied()).chain([frame[3]]).collect();
        let right: Ring = line.iter().rev().copied().chain([frame[1], frame[2]]).collect();
        for (rule, slack) in [(CellRule::Center, 0), (CellRule::Coverage, 1)] {
            let half = |ring: &Ring| super::covered(std::slice::from_ref(ring), window(18, 12), rule);
            let [left, right] = [half(&left), half(&right)];
            for (left, right) in left.iter().zip(right) {
                prop_assert!((left + right).abs_diff(WHOLE) <= slack, "{left} {right}");
            }
        }
        let both = Shape::new(&[vec![left], vec![right]]);
        prop_assert!(weights(&both.clip(window(18, 12)), CellRule::Coverage).iter().all(|weight| *weight == WHOLE));
    }
}
