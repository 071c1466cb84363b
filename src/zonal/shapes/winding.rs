//! Winding numbers on both sides of an edge.

use rstar::{AABB, RTree};

use super::ShapeError;
use super::valid::{EDGES_PER_BOX, Edge, Stretch, TOUCH_DEG};

/// Edges that a ray meets within this of where it starts lie on the same place as the edge that it starts from.
///
/// The ray meets its own edge at 45° or more, so a gap of [`TOUCH_DEG`] is up to 1.5 times as wide along it.
const SAME_DEG: f64 = 2.0 * TOUCH_DEG;

/// Looks at winding numbers, with a limit on the work.
pub(super) struct Windings<'a> {
    edges: &'a [Edge],
    tree: &'a RTree<Stretch>,
    left: usize,
    limit: usize,
}

impl<'a> Windings<'a> {
    /// `limit` is how many edges all rays together may look at.
    pub(super) fn new(edges: &'a [Edge], tree: &'a RTree<Stretch>, limit: usize) -> Self {
        Self { edges, tree, left: limit, limit }
    }

    /// That both sides of an edge, at a share of its length, are wound around once or not at all.
    ///
    /// A ray from there, along the axis that the edge is steeper to, counts what crosses it (Sunday 2001): the edges
    /// that are farther off for the far side, and those on the same place besides for the near side.
    pub(super) fn check(&mut self, edge: &Edge, share: f64) -> Result<(), ShapeError> {
        let [dx, dy] = [edge.to[0] - edge.from[0], edge.to[1] - edge.from[1]];
        // the axis along which the ray runs, and the one across it
        let (along, across) = if dy.abs() >= dx.abs() { (0, 1) } else { (1, 0) };
        let place = [edge.from[0] + dx * share, edge.from[1] + dy * share];
        let level = place[across];
        let start = meets(edge, along, level);
        let mut end = place;
        end[along] = 360.0;
        let mut begin = place;
        begin[along] = start - SAME_DEG;
        let (mut far, mut same) = (0, 0);
        for stretch in self.tree.locate_in_envelope_intersecting(AABB::from_corners(begin, end)) {
            self.left = self.left.checked_sub(EDGES_PER_BOX).ok_or(ShapeError::TooIntricate { limit: self.limit })?;
            for other in &self.edges[stretch.first..stretch.first + stretch.count] {
                let upwards = other.from[across] <= level && level < other.to[across];
                let downwards = other.to[across] <= level && level < other.from[across];
                if !upwards && !downwards {
                    continue;
                }
                let ahead = meets(other, along, level) - start;
                // Seen along y instead of x the plane is mirrored.
                let count = if upwards == (along == 0) { 1 } else { -1 };
                far += if ahead > SAME_DEG { count } else { 0 };
                same += if ahead.abs() <= SAME_DEG { count } else { 0 };
            }
        }
        let fits = |winding| (0..=1).contains(&winding);
        if fits(far) && fits(far + same) { Ok(()) } else { Err(ShapeError::overlap(place)) }
    }
}

/// Where an edge meets the line across an axis at `level`: the same for both directions.
fn meets(edge: &Edge, along: usize, level: f64) -> f64 {
    super::clip::crossing([edge.from, edge.to], 1 - along, level)[along]
}
