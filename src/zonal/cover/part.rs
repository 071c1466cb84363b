//! What a window needs of a shape, ready to be sent.

use serde::{Deserialize, Serialize};

use super::clip::borders;
use super::edge::Edge;
use crate::zonal::Window;

/// What a window needs of a shape: its edges there, whole and in the shape's coordinates, and what passes on the left.
///
/// The winding number of a cell is counted from the left. What lies right of the window does not enter it, and what
/// lies left of it enters by the heights at which it starts and ends only: a coast of any length is one step.
/// As JSON it must keep each bit of its numbers (`serde_json` with `float_roundtrip`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    window: Window,
    /// Pieces of rings, vertex after vertex.
    pub(super) lines: Vec<Vec<[f64; 2]>>,
    /// Ways left of the window from one height to another.
    pub(super) left: Vec<[f64; 2]>,
}

/// How a window lies to a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// No cell is covered, whatever the rule.
    Outside,
    /// Every cell is wholly covered, whatever the rule.
    Inside,
    /// Edges of the shape are in the window.
    Crossing,
}

impl Part {
    pub(super) fn empty(window: Window) -> Self {
        Self { window, lines: Vec::new(), left: Vec::new() }
    }

    /// Adds an edge; edges come in the order of their rings.
    pub(super) fn push(&mut self, [from, to]: [[f64; 2]; 2]) {
        match self.lines.last_mut() {
            Some(line) if line.last() == Some(&from) => line.push(to),
            _ => self.lines.push(vec![from, to]),
        }
    }

    /// The window in which [`Self::runs`] gives cells.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// Whether the window is outside the shape or inside, for certain, so that its cells need not be looked at.
    #[must_use]
    pub fn relation(&self) -> Relation {
        if !self.lines.is_empty() {
            return Relation::Crossing;
        }
        // Without edges in the window its cells wind alike: what passes on the left passes all rows.
        let [_, top, ..] = borders(self.window);
        let passes = |[from, to]: &[f64; 2]| i64::from(*from <= top) - i64::from(*to <= top);
        match self.left.iter().map(passes).sum::<i64>() {
            0 => Relation::Outside,
            _ => Relation::Inside,
        }
    }

    /// Everything that changes the winding number; what passes on the left does so at the window's left border.
    pub(super) fn edges(&self) -> impl Iterator<Item = Edge> {
        let [left, ..] = borders(self.window);
        let passing = self.left.iter().map(move |[from, to]| Edge::new([[left, *from], [left, *to]]));
        let lines = self.lines.iter().flat_map(|line| line.windows(2).map(|edge| Edge::new([edge[0], edge[1]])));
        passing.chain(lines)
    }
}
