//! Polygons that cross the antimeridian or hold a pole, cut at ±180° (RFC 7946, 3.1.9).
//!
//! The map from -180° to 180° and from pole to pole is a rectangle. Rings that leave it on one side and come back on
//! the other are cut there into arcs. An arc that has left goes on along the border of the rectangle, counterclockwise
//! with the polygon on its left, to where the next arc comes in: on the same side, or past a pole on the other one.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::densify::{INVISIBLE, LonLat, Loop};
use super::geometry::round;

/// The border of the map, from its lower right corner counterclockwise: where its corners are, in degrees.
const CORNERS: [(f64, LonLat); 4] =
    [(180.0, [180.0, 90.0]), (540.0, [-180.0, 90.0]), (720.0, [-180.0, -90.0]), (1080.0, [180.0, -90.0])];

/// How long the border is.
const PERIMETER: f64 = 1080.0;

/// A polygon: the exterior, then the holes. The first place isn't repeated at the end.
pub type Polygon = Vec<Vec<LonLat>>;

/// Cuts a polygon, which is on the left of its loops; the first one is the exterior.
pub fn cut(loops: &[Loop]) -> Vec<Polygon> {
    if let Some(rings) = loops.iter().map(fit).collect() {
        return vec![rings];
    }
    let (mut rings, mut arcs) = (Vec::new(), Vec::new());
    for ring in loops {
        cut_ring(ring, &mut rings, &mut arcs);
    }
    link(&arcs, &mut rings);
    group(rings.iter().flat_map(|ring| part_at_touches(&round(ring))).collect())
}

/// A ring that is on the map, perhaps after some whole turns.
fn fit(ring: &Loop) -> Option<Vec<LonLat>> {
    let [[low, _], [high, _]] = bounds(&ring.places);
    let shift = -360.0 * ((low + 180.0 + INVISIBLE) / 360.0).floor();
    let fits = ring.turn == 0.0 && high + shift <= 180.0 + INVISIBLE;
    fits.then(|| ring.places.iter().map(|[lon, lat]| [(lon + shift).clamp(-180.0, 180.0), *lat]).collect())
}

/// Cuts a ring into arcs that begin and end on the antimeridian, and are beside it in between. Edges along it are left
/// out: the border of the map is there. A ring that is nowhere near goes to `rings`.
fn cut_ring(ring: &Loop, rings: &mut Vec<Vec<LonLat>>, arcs: &mut Vec<Vec<LonLat>>) {
    let places: Vec<LonLat> = ring.places.iter().map(|[lon, lat]| [snapped(*lon), *lat]).collect();
    let behind = places.first().map(|[lon, lat]| [lon + ring.turn, *lat]);
    let mut done: Vec<Vec<LonLat>> = Vec::new();
    let mut arc = Vec::new();
    for (from, to) in places.iter().zip(places[1..].iter().chain(&behind)) {
        if from[0] == to[0] && is_on_line(from[0]) {
            continue;
        }
        let mut at = *from;
        while at != *to {
            let next = first_crossing(at, *to);
            let turns = line_west_of(f64::midpoint(at[0], next[0])) + 180.0;
            if arc.is_empty() {
                arc.push([at[0] - turns, at[1]]);
            }
            arc.push([next[0] - turns, next[1]]);
            if is_on_line(next[0]) {
                done.push(std::mem::take(&mut arc));
            }
            at = next;
        }
    }
    // the ring began in the middle of its first arc, and has come back to there
    arc.pop();
    match done.first_mut() {
        Some(first) => {
            first.splice(..0, arc);
            arcs.append(&mut done);
        }
        None => rings.push(arc),
    }
}

/// The antimeridian, after so many turns that it is west of a longitude, or on it.
fn line_west_of(lon: f64) -> f64 {
    360.0 * ((lon + 180.0) / 360.0).floor() - 180.0
}

fn is_on_line(lon: f64) -> bool {
    lon == line_west_of(lon)
}

/// A longitude, or the antimeridian if it is next to it.
fn snapped(lon: f64) -> f64 {
    let nearest = line_west_of(lon + 180.0);
    if (lon - nearest).abs() < INVISIBLE { nearest } else { lon }
}

/// Where an edge first comes to the antimeridian, or its end.
fn first_crossing(from: LonLat, to: LonLat) -> LonLat {
    let line = match line_west_of(from[0]) {
        line if to[0] >= from[0] => line + 360.0,
        line if line == from[0] => line - 360.0,
        line => line,
    };
    let part = (line - from[0]) / (to[0] - from[0]);
    if part < 1.0 { [line, from[1] + (to[1] - from[1]) * part] } else { to }
}

/// Joins arcs to rings along the border of the map.
fn link(arcs: &[Vec<LonLat>], rings: &mut Vec<Vec<LonLat>>) {
    let mut starts: Vec<(OnBorder, usize)> = arcs.iter().map(|arc| on_border(arc[0], arc[1])).zip(0..).collect();
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut used = vec![false; arcs.len()];
    for first in 0..arcs.len() {
        let (mut ring, mut index) = (Vec::new(), first);
        while !std::mem::replace(&mut used[index], true) {
            let arc = &arcs[index];
            ring.extend_from_slice(arc);
            let end = on_border(arc[arc.len() - 1], arc[arc.len() - 2]);
            let next = starts.partition_point(|(start, _)| start.total_cmp(&end).is_lt());
            let (start, next) = starts[next % starts.len()];
            let start = if start.total_cmp(&end).is_lt() { start.at + PERIMETER } else { start.at };
            // no further than to the other side: what crosses the antimeridian is on both
            ring.extend(CORNERS.iter().filter(|(at, _)| (end.at..start).contains(at)).map(|(_, corner)| *corner));
            index = next;
        }
        if !ring.is_empty() {
            rings.push(ring);
        }
    }
}

/// Where an arc comes to the border of the map.
#[derive(Clone, Copy)]
struct OnBorder {
    /// How far along the border, in degrees.
    at: f64,
    /// The slope of the arc there, seen from the border: those that touch are passed one after the other.
    slope: f64,
}

impl OnBorder {
    fn total_cmp(&self, other: &Self) -> Ordering {
        self.at.total_cmp(&other.at).then(self.slope.total_cmp(&other.slope))
    }
}

/// `place` is on ±180°, `beside` is next to it on the arc.
fn on_border([lon, lat]: LonLat, beside: LonLat) -> OnBorder {
    let slope = (beside[1] - lat) / (beside[0] - lon).abs();
    if lon > 0.0 { OnBorder { at: lat + 90.0, slope } } else { OnBorder { at: 630.0 - lat, slope: -slope } }
}

/// The simple rings of a ring that touches itself: a hole that was cut is part of the exterior, and they may have
/// touched at corners.
fn part_at_touches(ring: &[LonLat]) -> Vec<Vec<LonLat>> {
    let (mut rings, mut path, mut seen) = (Vec::new(), Vec::new(), HashMap::new());
    let key = |place: &LonLat| place.map(f64::to_bits);
    for place in ring {
        if let Some(start) = seen.get(&key(place)) {
            let ring: Vec<LonLat> = path.split_off(*start);
            for place in &ring {
                seen.remove(&key(place));
            }
            rings.push(ring);
        }
        seen.insert(key(place), path.len());
        path.push(*place);
    }
    rings.push(path);
    rings.retain(|ring| ring.len() > 2);
    rings
}

/// Holes go to the exteriors that they are in.
fn group(rings: Vec<Vec<LonLat>>) -> Vec<Polygon> {
    let (mut exteriors, holes): (Vec<_>, Vec<_>) = rings.into_iter().partition(|ring| signed_area(ring) >= 0.0);
    // mostly a large one on each side, and small ones: those are looked at first
    exteriors.sort_by_key(Vec::len);
    let boxes: Vec<[LonLat; 2]> = exteriors.iter().map(|ring| bounds(ring)).collect();
    let mut polygons: Vec<Polygon> = exteriors.into_iter().map(|ring| vec![ring]).collect();
    for hole in holes {
        // rings touch at their corners only: the middle of an edge is inside
        let middle = [0, 1].map(|axis| f64::midpoint(hole[0][axis], hole[1][axis]));
        let in_box = |[low, high]: &[LonLat; 2]| (0..2).all(|axis| (low[axis]..=high[axis]).contains(&middle[axis]));
        let candidates: Vec<usize> = (0..boxes.len()).filter(|index| in_box(&boxes[*index])).collect();
        let Some((largest, smaller)) = candidates.split_last() else { continue };
        let around = smaller.iter().find(|index| contains(&polygons[**index][0], middle)).unwrap_or(largest);
        polygons[*around].push(hole);
    }
    polygons
}

/// The least and the largest longitude and latitude of a ring.
pub fn bounds(ring: &[LonLat]) -> [LonLat; 2] {
    let along = |axis: usize| ring.iter().map(move |place| place[axis]);
    [
        [0, 1].map(|axis| along(axis).fold(f64::INFINITY, f64::min)),
        [0, 1].map(|axis| along(axis).fold(f64::NEG_INFINITY, f64::max)),
    ]
}

/// Twice the area of a ring, positive if it runs counterclockwise.
pub fn signed_area(ring: &[LonLat]) -> f64 {
    let origin = ring.first().copied().unwrap_or_default();
    let from_origin = |place: &LonLat| [place[0] - origin[0], place[1] - origin[1]];
    let pairs = ring.iter().zip(ring.iter().cycle().skip(1)).map(|(p, q)| (from_origin(p), from_origin(q)));
    pairs.map(|(p, q)| p[0] * q[1] - q[0] * p[1]).sum()
}

/// Whether a place is inside of a ring (even-odd).
fn contains(ring: &[LonLat], [lon, lat]: LonLat) -> bool {
    let crossed = ring
        .iter()
        .zip(ring.iter().cycle().skip(1))
        .filter(|(p, q)| (p[1] > lat) != (q[1] > lat) && lon < p[0] + (q[0] - p[0]) * (lat - p[1]) / (q[1] - p[1]));
    crossed.count() % 2 == 1
}
