//! Polygons in cell space, and an index that finds what is near a window.

use crate::zonal::Window;

/// Edges, or boxes, under one box of the index.
pub(super) const FANOUT: usize = 16;

/// A rectangle in cell space: `[min x, min y, max x, max y]`.
pub(super) type Bounds = [f64; 4];

/// Polygons in cell space, their rings directed: the winding number is 1 inside, 0 outside and in holes.
///
/// Rings stay as they are, vertex after vertex, under a tree of boxes: as much of a ring as lies left of a window then
/// matters by its two ends only (see [`Part`](super::Part)), and no window costs time for what is far from it.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The vertices of all rings; each ring ends with its first vertex.
    pub(super) points: Vec<[f64; 2]>,
    /// Where each ring starts in `points`.
    pub(super) starts: Vec<usize>,
    /// Boxes around [`FANOUT`] edges, boxes around as many of those, and so on up to one box.
    pub(super) levels: Vec<Vec<Bounds>>,
}

impl Shape {
    /// Polygons as rings of `[column, row]`, the first ring of each its exterior, the others its holes.
    ///
    /// Rings may be closed or open, in either direction. Coordinates must be finite: a polygon with others is left out.
    #[must_use]
    pub fn new(polygons: &[Vec<Vec<[f64; 2]>>]) -> Self {
        let (mut points, mut starts) = (Vec::new(), Vec::new());
        let is_finite =
            |polygon: &&Vec<Vec<[f64; 2]>>| polygon.iter().flatten().flatten().all(|value| value.is_finite());
        for polygon in polygons.iter().filter(is_finite) {
            for (index, ring) in polygon.iter().enumerate().filter(|(_, ring)| !ring.is_empty()) {
                let start = points.len();
                starts.push(start);
                points.extend(ring);
                if ring.len() == 1 || ring.first() != ring.last() {
                    points.push(ring[0]);
                }
                let (is_exterior, is_negative) = (index == 0, doubled_area(&points[start..]) < 0.0);
                if is_exterior == is_negative {
                    points[start..].reverse();
                }
            }
        }
        let levels = levels(&points);
        Self { points, starts, levels }
    }

    /// How many edges the rings have.
    #[must_use]
    pub fn edges(&self) -> usize {
        self.points.len() - self.starts.len()
    }

    /// Its area in cells, about: what lies outside the raster counts too.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    pub fn area(&self) -> u64 {
        let ends = self.starts.iter().skip(1).copied().chain([self.points.len()]);
        let rings = self.starts.iter().zip(ends).map(|(start, end)| doubled_area(&self.points[*start..end]));
        (rings.sum::<f64>().abs() / 2.0) as u64
    }

    /// The cells of a raster of `width` × `height` that can be touched; `None` if there are none.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
    pub fn bounds(&self, width: u64, height: u64) -> Option<Window> {
        let [min_x, min_y, max_x, max_y] = *self.levels.last()?.first()?;
        let range = |min: f64, max: f64, size: u64| {
            let (from, to) = (min.floor() as u64, (max.ceil() as u64).min(size));
            Some((from, u32::try_from(to.checked_sub(from).filter(|count| *count > 0)?).unwrap_or(u32::MAX)))
        };
        let ((col, width), (row, height)) = (range(min_x, max_x, width)?, range(min_y, max_y, height)?);
        Some(Window { col, row, width, height })
    }
}

/// Twice the signed area of a closed ring, from its first vertex so that large coordinates cost no digits.
fn doubled_area(ring: &[[f64; 2]]) -> f64 {
    let [x, y] = ring[0];
    ring.windows(2).map(|edge| (edge[0][0] - x) * (edge[1][1] - y) - (edge[1][0] - x) * (edge[0][1] - y)).sum()
}

/// The tree of boxes, from the lowest level to the one box at the top; none without edges.
fn levels(points: &[[f64; 2]]) -> Vec<Vec<Bounds>> {
    let around = |boxes: &[Bounds]| {
        boxes.iter().fold([f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY], |all, one| {
            [all[0].min(one[0]), all[1].min(one[1]), all[2].max(one[2]), all[3].max(one[3])]
        })
    };
    let mut below: Vec<Bounds> = points.windows(2).map(|edge| bounds([edge[0], edge[1]])).collect();
    let mut levels = Vec::new();
    while !below.is_empty() {
        let level: Vec<Bounds> = below.chunks(FANOUT).map(around).collect();
        below = if level.len() > 1 { level.clone() } else { Vec::new() };
        levels.push(level);
    }
    levels
}

/// The box around an edge.
pub(super) fn bounds([a, b]: [[f64; 2]; 2]) -> Bounds {
    [a[0].min(b[0]), a[1].min(b[1]), a[0].max(b[0]), a[1].max(b[1])]
}
