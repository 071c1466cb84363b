//! What a window needs of a shape.

use std::ops::Range;

use super::Part;
use super::edge::Edge;
use super::shape::{Bounds, FANOUT, Shape, bounds};
use crate::zonal::Window;

impl Shape {
    /// What a window needs of the shape: in time for what is near the window, however much there is elsewhere.
    #[must_use]
    pub fn clip(&self, window: Window) -> Part {
        let mut clip = Clip { shape: self, view: View::new(window) };
        if let Some(top) = self.levels.len().checked_sub(1) {
            clip.descend(top, 0);
        }
        clip.view.finish()
    }
}

impl Part {
    /// What a window inside this one needs: the same as the shape would give it.
    #[must_use]
    pub fn clip(&self, window: Window) -> Self {
        let mut view = View::new(window);
        for [from, to] in &self.left {
            view.pass_rows(*from, *to);
        }
        for edge in self.lines.iter().flat_map(|line| line.windows(2)) {
            view.take([edge[0], edge[1]]);
        }
        view.finish()
    }
}

/// Where something lies, seen from a window.
enum Side {
    /// Above, below or right of it: what is there does not change the winding number of its cells.
    Apart,
    /// Left of it: only the rows that are passed matter.
    Left,
    /// At least partly in it.
    Within,
}

/// A window, and what it needs so far.
struct View {
    borders: Bounds,
    part: Part,
}

impl View {
    fn new(window: Window) -> Self {
        Self { borders: borders(window), part: Part::empty(window) }
    }

    fn finish(mut self) -> Part {
        self.part.left.retain(|[from, to]| from != to);
        self.part
    }

    /// Takes what matters of an edge.
    fn take(&mut self, edge: [[f64; 2]; 2]) {
        match self.side_of_edge(edge) {
            Side::Apart => {}
            Side::Left => self.pass_rows(edge[0][1], edge[1][1]),
            Side::Within => self.part.push(edge),
        }
    }

    /// Notes a way from one height to another on the left, as one with the last if it goes on from there.
    fn pass_rows(&mut self, from: f64, to: f64) {
        let [_, top, _, bottom] = self.borders;
        let (from, to) = (from.max(top).min(bottom), to.max(top).min(bottom));
        match self.part.left.last_mut() {
            Some(last) if last[1] == from => last[1] = to,
            Some(last) if last[0] == last[1] => *last = [from, to],
            _ => self.part.left.push([from, to]),
        }
    }

    fn side_of_box(&self, [min_x, min_y, max_x, max_y]: Bounds) -> Side {
        let [left, top, right, bottom] = self.borders;
        if max_y <= top || min_y >= bottom || min_x >= right {
            Side::Apart
        } else if max_x <= left {
            Side::Left
        } else {
            Side::Within
        }
    }

    fn side_of_edge(&self, ends: [[f64; 2]; 2]) -> Side {
        let [left, top, right, bottom] = self.borders;
        match self.side_of_box(bounds(ends)) {
            // A slanted edge may still pass beside the window.
            Side::Within => match Edge::new(ends).reach(top, bottom) {
                [min_x, _] if min_x >= right => Side::Apart,
                [_, max_x] if max_x <= left => Side::Left,
                _ => Side::Within,
            },
            side => side,
        }
    }
}

/// The way through the index of a shape.
struct Clip<'a> {
    shape: &'a Shape,
    view: View,
}

impl Clip<'_> {
    /// Takes what is under one box of the index.
    fn descend(&mut self, level: usize, index: usize) {
        let shape = self.shape;
        match self.view.side_of_box(shape.levels[level][index]) {
            Side::Apart => {}
            Side::Left => {
                let size = FANOUT.pow(u32::try_from(level).unwrap_or(u32::MAX) + 1);
                self.pass(index * size..((index + 1) * size).min(shape.points.len() - 1));
            }
            Side::Within if level == 0 => self.take_edges(index),
            Side::Within => {
                for child in index * FANOUT..((index + 1) * FANOUT).min(shape.levels[level - 1].len()) {
                    self.descend(level - 1, child);
                }
            }
        }
    }

    fn take_edges(&mut self, index: usize) {
        let Shape { points, starts, .. } = self.shape;
        let (first, end) = (index * FANOUT, ((index + 1) * FANOUT).min(points.len() - 1));
        let mut next_ring = starts[ring_of(starts, first) + 1..].iter().copied().peekable();
        for at in first..end {
            // From the end of one ring to the start of the next there is no edge.
            if next_ring.next_if_eq(&(at + 1)).is_none() {
                self.view.take([points[at], points[at + 1]]);
            }
        }
    }

    /// Notes the rows that the edges between two vertices pass on the left. Whole rings pass none, on balance.
    fn pass(&mut self, vertices: Range<usize>) {
        let Shape { points, starts, .. } = self.shape;
        let (from, to) = (vertices.start, vertices.end);
        let (first, last) = (ring_of(starts, from), ring_of(starts, to));
        if first == last {
            self.view.pass_rows(points[from][1], points[to][1]);
        } else {
            // A ring ends where it starts.
            self.view.pass_rows(points[from][1], points[starts[first]][1]);
            self.view.pass_rows(points[starts[last]][1], points[to][1]);
        }
    }
}

/// The ring of a vertex.
fn ring_of(starts: &[usize], vertex: usize) -> usize {
    starts.partition_point(|start| *start <= vertex) - 1
}

/// A window's borders in cell space.
#[expect(clippy::cast_precision_loss, reason = "rasters are far below 2^53 cells wide and high")]
pub(super) fn borders(window: Window) -> Bounds {
    let (left, top) = (window.col as f64, window.row as f64);
    [left, top, left + f64::from(window.width), top + f64::from(window.height)]
}
