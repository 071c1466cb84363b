//! Takes out the sides along which an area was cut, where the raster shows both sides of the cut next to each other.
//!
//! Cuts run along meridians. There, the edges of pieces on both sides run in opposite directions: what remains when
//! they are subtracted is the true boundary. Without them rings are open paths, which are then joined to new rings.

use std::collections::HashMap;

use super::clip::Bounds;
use super::{Position, Ring, ShapeError, edges};

/// Two meridians are the same for a raster that shows them nearer to each other than this, in cells.
const SAME_CELLS: f64 = 1e-3;

/// A boundary in pieces: paths in degrees, and which of them make up each ring, in order.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// A path ends at the start of the next one of its ring, as the raster shows it, and the last at that of the first.
    pub(super) paths: Vec<Vec<Position>>,
    pub(super) loops: Vec<Vec<usize>>,
}

/// Meridians of cuts, each with the first of those that the raster shows at the same place.
struct Seams(Vec<(f64, usize)>);

/// A place on a seam: the index of its meridian, and the bits of its latitude.
type Node = (usize, u64);

/// Opens the rings at seams and joins what remains.
pub(super) fn open(
    rings: &[Ring], boxes: &[Bounds], transform: impl FnMut(&mut [f64], &mut [f64]) -> Result<(), ShapeError>,
) -> Result<Outline, ShapeError> {
    let is_seam = |lon: f64| (lon - 180.0) % 360.0 == 0.0 || boxes.iter().any(|view| lon == view[0] || lon == view[2]);
    let is_cut = |[from, to]: &[Position; 2]| from[0] == to[0] && is_seam(from[0]);
    let cuts: Vec<[Position; 2]> = rings.iter().flat_map(|ring| edges(ring).filter(is_cut)).collect();
    let seams = Seams::new(&cuts, transform)?;

    let mut outline = Outline::default();
    let mut open = seams.remaining(&cuts);
    for ring in rings {
        match edges(ring).position(|edge| is_cut(&edge)) {
            None => {
                outline.loops.push(vec![outline.paths.len()]);
                outline.paths.push(ring.iter().chain(ring.first()).copied().collect());
            }
            // Edge i ends at vertex i.
            Some(first) => {
                let vertices: Ring = ring[first..].iter().chain(&ring[..=first]).copied().collect();
                open.extend(
                    vertices
                        .chunk_by(|from, to| !is_cut(&[*from, *to]))
                        .filter(|path| path.len() > 1)
                        .map(<[_]>::to_vec),
                );
            }
        }
    }
    join(open, &seams, &mut outline);
    Ok(outline)
}

impl Seams {
    fn new(
        cuts: &[[Position; 2]], mut transform: impl FnMut(&mut [f64], &mut [f64]) -> Result<(), ShapeError>,
    ) -> Result<Self, ShapeError> {
        if cuts.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let mut meridians: Vec<f64> = cuts.iter().map(|[from, _]| from[0]).collect();
        meridians.sort_by(f64::total_cmp);
        meridians.dedup();
        let lats = || cuts.iter().flatten().map(|place| place[1]);
        let (south, north) = (lats().fold(f64::INFINITY, f64::min), lats().fold(f64::NEG_INFINITY, f64::max));
        // Meridians meet at the poles, so one latitude would not do.
        let levels = [south, f64::midpoint(south, north), north];
        let mut cols: Vec<f64> = meridians.iter().flat_map(|lon| [*lon; 3]).collect();
        let mut rows: Vec<f64> = meridians.iter().flat_map(|_| levels).collect();
        transform(&mut cols, &mut rows)?;
        let is_same = |one: usize, other: usize| {
            (0..3).all(|k| {
                (cols[3 * one + k] - cols[3 * other + k]).hypot(rows[3 * one + k] - rows[3 * other + k]) < SAME_CELLS
            })
        };
        let first = |i: usize| (0..i).find(|other| is_same(*other, i)).unwrap_or(i);
        Ok(Self(meridians.iter().enumerate().map(|(i, lon)| (*lon, first(i))).collect()))
    }

    /// The index of a place's meridian; `None` off the seams.
    fn meridian(&self, lon: f64) -> Option<usize> {
        self.0.iter().find(|(seam, _)| *seam == lon).map(|(_, first)| *first)
    }

    fn node(&self, [lon, lat]: Position) -> Option<Node> {
        Some((self.meridian(lon)?, (lat + 0.0).to_bits()))
    }

    /// What is left of cuts when those in opposite directions are subtracted.
    fn remaining(&self, cuts: &[[Position; 2]]) -> Vec<Vec<Position>> {
        let mut remaining = Vec::new();
        for (index, (lon, _)) in self.0.iter().enumerate() {
            // latitudes at which the number of edges that run north, less those that run south, changes
            let mut steps = Vec::new();
            for [from, to] in cuts.iter().filter(|[from, _]| self.meridian(from[0]) == Some(index)) {
                steps.extend([(from[1], 1), (to[1], -1)]);
            }
            steps.sort_by(|one, other| one.0.total_cmp(&other.0));
            let mut net: i32 = 0;
            for pair in steps.windows(2) {
                net += pair[0].1;
                let [south, north] = [[*lon, pair[0].0], [*lon, pair[1].0]];
                let edge = if net > 0 { vec![south, north] } else { vec![north, south] };
                if south[1] < north[1] {
                    remaining.extend(std::iter::repeat_n(edge, net.unsigned_abs() as usize));
                }
            }
        }
        remaining
    }
}

/// Joins open paths to rings: as many start at each node as end there, because rings were closed and cuts cancel.
fn join(open: Vec<Vec<Position>>, seams: &Seams, outline: &mut Outline) {
    let ends = |path: &[Position]| Some([seams.node(*path.first()?)?, seams.node(*path.last()?)?]);
    let (paths, ends): (Vec<_>, Vec<_>) =
        open.into_iter().filter_map(|path| Some((ends(&path)?, path))).map(|(e, p)| (p, e)).unzip();
    let mut starting: HashMap<Node, Vec<usize>> = HashMap::new();
    for (index, [start, _]) in ends.iter().enumerate() {
        starting.entry(*start).or_default().push(index);
    }
    let base = outline.paths.len();
    for [start, _] in &ends {
        let mut parts = Vec::new();
        let mut node = *start;
        while let Some(next) = starting.get_mut(&node).and_then(Vec::pop) {
            parts.push(base + next);
            node = ends[next][1];
        }
        // A ring that never leaves a pole is a point; and most starts are used up by the rings before.
        let lats = || parts.iter().flat_map(|part| &paths[part - base]).map(|[_, lat]| *lat);
        let is_pole = |pole: f64| lats().all(|lat| lat == pole);
        if !is_pole(90.0) && !is_pole(-90.0) {
            outline.loops.push(parts);
        }
    }
    outline.paths.extend(paths);
}
