//! Tests of the covered cells: closed forms, slow and simple oracles, and windows against the whole.
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]

mod closed_forms;
mod oracles;
mod strategies;
mod windows;

use super::{Part, Shape};
use crate::zonal::{CellRule, Run, WHOLE, Window};

pub type Ring = Vec<[f64; 2]>;

pub const RULES: [CellRule; 3] = [CellRule::Center, CellRule::AllTouched, CellRule::Coverage];

/// The cells from the origin.
pub fn window(width: u32, height: u32) -> Window {
    Window { col: 0, row: 0, width, height }
}

/// A rectangle from its corners.
pub fn rectangle([x0, y0]: [f64; 2], [x1, y1]: [f64; 2]) -> Ring {
    vec![[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
}

/// The weight of each cell of the window, row by row; checks what is promised of runs.
pub fn weights(part: &Part, rule: CellRule) -> Vec<u64> {
    let Window { width, height, .. } = part.window();
    let mut weights = vec![0; width as usize * height as usize];
    let mut last: Option<Run> = None;
    part.runs(rule, |run| {
        assert!(run.start < run.end && run.end <= width && run.row < height, "{run:?}");
        assert!((1..=WHOLE).contains(&run.weight), "{run:?}");
        if let Some(last) = last {
            assert!((last.row, last.end) <= (run.row, run.start), "{run:?} after {last:?}");
            let merged = last.row != run.row || last.end < run.start || last.weight != run.weight;
            assert!(merged, "{run:?} goes on from {last:?}");
        }
        last = Some(run);
        let row = run.row as usize * width as usize;
        weights[row + run.start as usize..row + run.end as usize].fill(run.weight);
    });
    weights
}

/// The same of one polygon's rings.
pub fn covered(rings: &[Ring], window: Window, rule: CellRule) -> Vec<u64> {
    weights(&Shape::new(&[rings.to_vec()]).clip(window), rule)
}

/// The sum in cells.
pub fn total(weights: &[u64]) -> f64 {
    weights.iter().map(|weight| *weight as f64).sum::<f64>() / WHOLE as f64
}

/// Signed area of an open or closed ring: positive when x turns towards y.
pub fn signed_area(ring: &[[f64; 2]]) -> f64 {
    let next = ring.iter().cycle().skip(1);
    ring.iter().zip(next).map(|(a, b)| (a[0] * b[1] - b[0] * a[1]) / 2.0).sum()
}

/// Polygons as one list of rings, each in the direction that its place asks for.
pub fn directed(polygons: &[Vec<Ring>]) -> Vec<Ring> {
    let direct = |(index, ring): (usize, &Ring)| {
        let mut ring = ring.clone();
        if (signed_area(&ring) < 0.0) == (index == 0) {
            ring.reverse();
        }
        ring
    };
    polygons.iter().flat_map(|polygon| polygon.iter().enumerate().map(direct)).collect()
}

/// Polygons further right and down.
pub fn shifted(polygons: &[Vec<Ring>], by: f64) -> Vec<Vec<Ring>> {
    let shift = |ring: &Ring| ring.iter().map(|[x, y]| [x + by, y + by]).collect();
    polygons.iter().map(|rings| rings.iter().map(shift).collect()).collect()
}
