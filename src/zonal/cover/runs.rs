//! The covered cells of a window, row by row.

use super::clip::borders;
use super::edge::Edge;
use super::part::Part;
use super::shape::Bounds;
use crate::zonal::{CellRule, Run, WHOLE, Window};

/// A whole cell in the sums of [`CellRule::Coverage`]. Finer than [`WHOLE`], so that thousands of edges in one cell do
/// not round it away; and small enough for half a million polygons on top of each other.
const UNIT: i64 = 1 << 44;

/// What a touched cell adds to its level: more than any winding number could take away.
const TOUCHED: i64 = 1 << 32;

impl Part {
    /// Gives the covered cells by row, then by column; neighbours that weigh the same come as one run.
    ///
    /// Costs time for the cells that edges cross and for the runs, not for the cells of the window.
    pub fn runs(&self, rule: CellRule, mut each: impl FnMut(Run)) {
        let window = self.window();
        let mut waiting: Vec<Active> = self.edges().filter_map(|edge| Active::new(edge, window)).collect();
        waiting.sort_unstable_by_key(|edge| std::cmp::Reverse(edge.start));
        let (mut active, mut steps) = (Vec::new(), Steps { borders: borders(window), steps: Vec::new() });
        let mut row = 0;
        loop {
            if active.is_empty() {
                let Some(next) = waiting.last() else { break };
                row = next.start;
            }
            while let Some(edge) = waiting.pop_if(|edge| edge.start <= row) {
                active.push(edge);
            }
            for Active { edge, .. } in &active {
                steps.add(rule, edge, row);
            }
            steps.sweep(rule, window.width, |[start, end], weight| each(Run { row, start, end, weight }));
            row += 1;
            active.retain(|edge| edge.end > row);
        }
    }
}

/// An edge and the rows of the window that it passes.
struct Active {
    edge: Edge,
    start: u32,
    end: u32,
}

impl Active {
    /// `None` for an edge that passes none, for example one along the border between two rows.
    fn new(edge: Edge, window: Window) -> Option<Self> {
        let [_, top, ..] = borders(window);
        let start = to_u32(edge.y0.floor() - top, window.height);
        let end = to_u32(edge.y1.ceil() - top, window.height);
        (start < end).then_some(Self { edge, start, end })
    }
}

/// A row as a step function: where the level of the cells changes, and by how much.
///
/// The level is the winding number, with [`TOUCHED`] for each edge that touches the cell; or, for coverage, the covered
/// area times the winding number in [`UNIT`]s.
struct Steps {
    borders: Bounds,
    steps: Vec<(u32, i64)>,
}

impl Steps {
    /// What an edge changes in a row of the window that it passes.
    fn add(&mut self, rule: CellRule, edge: &Edge, row: u32) {
        let top = self.borders[1] + f64::from(row);
        match rule {
            CellRule::Center => self.add_center(edge, top),
            CellRule::AllTouched => {
                self.add_center(edge, top);
                let [min_x, max_x] = edge.reach(top, top + 1.0);
                self.push(min_x.floor(), TOUCHED);
                self.push(max_x.ceil(), -TOUCHED);
            }
            CellRule::Coverage => self.add_coverage(edge, top),
        }
    }

    /// Cells right of an edge, from the first whose centre is, wind by one more or less.
    fn add_center(&mut self, edge: &Edge, top: f64) {
        let center = top + 0.5;
        if edge.y0 <= center && center < edge.y1 {
            let x = edge.x_at(center);
            let first = if x - x.floor() < 0.5 { x.floor() } else { x.floor() + 1.0 };
            self.push(first, edge.winding);
        }
    }

    /// Cells right of an edge wind by one more or less over the height that it passes; the cells it crosses do so for
    /// what lies right of it, a trapezium each.
    fn add_coverage(&mut self, edge: &Edge, top: f64) {
        let [left, _, right, _] = self.borders;
        let bottom = top + 1.0;
        let [min_x, max_x] = edge.reach(top, bottom);
        let (start, end) = (edge.y0.max(top), edge.y1.min(bottom));
        let height = depth(end, top) - depth(start, top);
        if height == 0 {
            return;
        }
        // How much of the height the edge has passed between its leftmost point in this row and a column.
        let passed = |x: f64| {
            if x >= max_x {
                return height;
            }
            let y = edge.y_at(x).max(start).min(end);
            if edge.x0 < edge.x1 { depth(y, top) - depth(start, top) } else { depth(end, top) - depth(y, top) }
        };
        let mut done = if min_x < left { passed(left) } else { 0 };
        self.push(left, edge.winding * done);
        let mut col = min_x.floor().max(left);
        while col < right && done < height {
            let (enter, leave) = (min_x.max(col), max_x.min(col + 1.0));
            let next = passed(leave);
            let area = area(next - done, 1.0 - (f64::midpoint(enter, leave) - col));
            self.push(col, edge.winding * area);
            self.push(col + 1.0, edge.winding * (next - done - area));
            (done, col) = (next, col + 1.0);
        }
    }

    /// Notes a step, at the window's first column if it lies left of it.
    fn push(&mut self, col: f64, step: i64) {
        let [left, _, right, _] = self.borders;
        if col < right && step != 0 {
            self.steps.push((to_u32(col - left, u32::MAX), step));
        }
    }

    /// Gives what weighs more than nothing, and forgets the row.
    fn sweep(&mut self, rule: CellRule, width: u32, mut each: impl FnMut([u32; 2], u64)) {
        self.steps.sort_unstable_by_key(|(col, _)| *col);
        let (mut level, mut start, mut weight) = (0, 0, 0);
        for steps in self.steps.chunk_by(|a, b| a.0 == b.0) {
            let col = steps[0].0;
            level += steps.iter().map(|(_, step)| step).sum::<i64>();
            let next = weigh(rule, level);
            if next != weight {
                if weight > 0 {
                    each([start, col], weight);
                }
                (start, weight) = (col, next);
            }
        }
        if weight > 0 {
            each([start, width], weight);
        }
        self.steps.clear();
    }
}

/// What a cell of this level weighs.
fn weigh(rule: CellRule, level: i64) -> u64 {
    match rule {
        CellRule::Center | CellRule::AllTouched if level == 0 => 0,
        CellRule::Center | CellRule::AllTouched => WHOLE,
        CellRule::Coverage => {
            const STEP: u64 = UNIT.unsigned_abs() / WHOLE;
            ((level.unsigned_abs() + STEP / 2) / STEP).min(WHOLE)
        }
    }
}

/// How far a height lies below the top of its row, in [`UNIT`]s.
///
/// A vertex has one depth, whichever edge it belongs to: the heights that a ring passes add up to nothing exactly.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "from 0 to 2^44")]
fn depth(y: f64, top: f64) -> i64 {
    ((y - top) * UNIT as f64 + 0.5) as i64
}

/// A share of a height, both in [`UNIT`]s.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "from 0 to 2^44")]
fn area(height: i64, share: f64) -> i64 {
    (height as f64 * share + 0.5) as i64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
fn to_u32(value: f64, max: u32) -> u32 {
    (value as u32).min(max)
}
