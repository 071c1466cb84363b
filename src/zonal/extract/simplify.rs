//! Fewer corners: the algorithm of Visvalingam and Whyatt (1993), with rings that stay valid.
//!
//! The corner whose triangle with its neighbours is smallest goes first. None goes while another corner, of any ring
//! of the region, is in or on its triangle: a new edge then crosses no other, and no ring comes to lie on the other
//! side of an edge. All corners are whole numbers, so there is no doubt about it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rstar::primitives::GeomWithData;
use rstar::{AABB, RTree};

use super::{Corner, Part};

/// A ring keeps as many corners, so that a single cell stays one.
const FEWEST_CORNERS: usize = 4;

type Point = [i64; 2];

/// The parts of a region without corners whose triangles are at most half a square of `tolerance`, in cells: with 1,
/// single steps go and staircases become diagonals.
pub fn simplify(parts: &[Part], tolerance: f64) -> Vec<Part> {
    let mut rings = Rings::new(parts.iter().flat_map(Part::rings));
    rings.thin_out(tolerance * tolerance);
    let mut rest = rings.corners.as_slice();
    let mut kept = |ring: &Vec<Corner>| {
        let (corners, behind) = rest.split_at(ring.len());
        rest = behind;
        ring.iter().zip(corners).filter(|(_, corner)| corner.kept).map(|(at, _)| *at).collect()
    };
    parts
        .iter()
        .map(|part| Part { exterior: kept(&part.exterior), holes: part.holes.iter().map(&mut kept).collect() })
        .collect()
}

struct Link {
    at: Point,
    previous: usize,
    next: usize,
    ring: usize,
    kept: bool,
}

/// A corner that may go. Those of equal triangles go in the order in which they came up: every other one of a
/// staircase, so that what remains is straight.
type Candidate = Reverse<(i64, usize, [usize; 3])>;

struct Rings {
    corners: Vec<Link>,
    /// How many are left of each ring.
    left: Vec<usize>,
    /// Where the corners are, also those that are gone.
    index: RTree<GeomWithData<Point, usize>>,
    queue: BinaryHeap<Candidate>,
    queued: usize,
}

impl Rings {
    fn new<'a>(rings: impl Iterator<Item = &'a Vec<Corner>>) -> Self {
        let (mut corners, mut left) = (Vec::new(), Vec::new());
        for ring in rings {
            let (first, count) = (corners.len(), ring.len());
            corners.extend(ring.iter().enumerate().map(|(index, corner)| Link {
                at: corner.map(u64::cast_signed),
                previous: first + (index + count - 1) % count,
                next: first + (index + 1) % count,
                ring: left.len(),
                kept: true,
            }));
            left.push(count);
        }
        let points = corners.iter().enumerate().map(|(index, corner)| GeomWithData::new(corner.at, index)).collect();
        Self { corners, left, index: RTree::bulk_load(points), queue: BinaryHeap::new(), queued: 0 }
    }

    /// Takes away corners until all triangles have at least this area, doubled.
    fn thin_out(&mut self, area: f64) {
        (0..self.corners.len()).for_each(|corner| self.enqueue(corner, area));
        while let Some(Reverse((doubled, _, [a, b, c]))) = self.queue.pop() {
            let Link { previous, next, ring, kept, .. } = self.corners[b];
            let is_current = kept && [a, c] == [previous, next];
            let fewest = if doubled == 0 { 3 } else { FEWEST_CORNERS };
            if is_current && self.left[ring] > fewest && self.is_free([a, b, c]) {
                self.corners[b].kept = false;
                self.corners[a].next = c;
                self.corners[c].previous = a;
                self.left[ring] -= 1;
                self.enqueue(a, area);
                self.enqueue(c, area);
            }
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "exact where it matters: tolerances are a few cells")]
    fn enqueue(&mut self, corner: usize, most: f64) {
        let Link { previous, next, .. } = self.corners[corner];
        let triangle = [previous, corner, next];
        let [a, b, c] = triangle.map(|corner| self.corners[corner].at);
        let area = cross(a, b, c).abs();
        if area as f64 <= most {
            self.queue.push(Reverse((area, self.queued, triangle)));
            self.queued += 1;
        }
    }

    /// Whether no other corner is in or on a triangle.
    fn is_free(&self, triangle: [usize; 3]) -> bool {
        let [a, b, c] = triangle.map(|corner| self.corners[corner].at);
        let bounds = AABB::from_points([&a, &b, &c]);
        let mut near = self.index.locate_in_envelope(bounds).map(|point| (*point.geom(), point.data));
        !near.any(|(at, corner)| {
            let sides = [cross(a, b, at), cross(b, c, at), cross(c, a, at)];
            let inside = sides.iter().all(|side| *side >= 0) || sides.iter().all(|side| *side <= 0);
            inside && self.corners[corner].kept && !triangle.contains(&corner)
        })
    }
}

/// Twice the area of a triangle, with a sign for its direction. GDAL counts cells in 31 bits: nothing overflows.
fn cross(a: Point, b: Point, c: Point) -> i64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}
