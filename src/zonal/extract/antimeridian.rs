//! Polygons that cross the antimeridian or hold a pole, cut at ±180° (RFC 7946, 3.1.9).
//!
//! The map from -180° to 180° and from pole to pole is a rectangle. Rings that leave it on one side and come back on
//! the other are cut there into arcs. An arc that has left goes on along the border of the rectangle, counterclockwise
//! with the polygon on its left, to where the next arc comes in: on the same side, or past a pole on the other one.

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
    group(rings.into_iter().flat_map(|ring| part_at_touches(&without_spikes(round(&ring)))).collect())
}

/// A ring that is on the map, perhaps after some whole turns.
fn fit(ring: &Loop) -> Option<Vec<LonLat>> {
    let lons = || ring.places.iter().map(|place| place[0]);
    let (low, high) = (lons().fold(f64::INFINITY, f64::min), lons().fold(f64::NEG_INFINITY, f64::max));
    let shift = -360.0 * ((low + 180.0 + INVISIBLE) / 360.0).floor();
    let fits = ring.turn == 0.0 && high + shift <= 180.0 + INVISIBLE;
    fits.then(|| ring.places.iter().map(|[lon, lat]| [(lon + shift).clamp(-180.0, 180.0), *lat]).collect())
}

/// Cuts a ring into arcs; it goes to `rings` if it needs none.
fn cut_ring(ring: &Loop, rings: &mut Vec<Vec<LonLat>>, arcs: &mut Vec<Vec<LonLat>>) {
    let sheet = |lon: f64| ((lon + 180.0) / 360.0).floor();
    let behind = ring.places.first().map(|[lon, lat]| [lon + ring.turn, *lat]);
    let mut done: Vec<Vec<LonLat>> = Vec::new();
    let mut arc = Vec::new();
    for (from, to) in ring.places.iter().zip(ring.places[1..].iter().chain(&behind)) {
        let mut at = sheet(from[0]);
        arc.push([from[0] - 360.0 * at, from[1]]);
        while at != sheet(to[0]) {
            let east = to[0] > from[0];
            let lon = 360.0 * at + if east { 180.0 } else { -180.0 };
            let lat = from[1] + (to[1] - from[1]) * (lon - from[0]) / (to[0] - from[0]);
            let side = if east { 180.0 } else { -180.0 };
            arc.push([side, lat]);
            done.push(std::mem::replace(&mut arc, vec![[-side, lat]]));
            at += if east { 1.0 } else { -1.0 };
        }
    }
    // the ring began in the middle of its first arc
    match done.first_mut() {
        Some(first) => {
            arc.append(first);
            *first = arc;
            arcs.append(&mut done);
        }
        None => rings.push(arc),
    }
}

/// Joins arcs to rings along the border of the map.
fn link(arcs: &[Vec<LonLat>], rings: &mut Vec<Vec<LonLat>>) {
    let mut starts: Vec<(f64, usize)> = arcs.iter().enumerate().map(|(i, arc)| (on_border(arc.first()), i)).collect();
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut used = vec![false; arcs.len()];
    for first in 0..arcs.len() {
        let (mut ring, mut index) = (Vec::new(), first);
        while !std::mem::replace(&mut used[index], true) {
            ring.extend_from_slice(&arcs[index]);
            let end = on_border(arcs[index].last());
            let next = starts.partition_point(|(start, _)| *start < end);
            let (start, next) = starts[next % starts.len()];
            let start = if start < end { start + PERIMETER } else { start };
            for turn in [0.0, PERIMETER] {
                let passed = CORNERS.iter().filter(|(at, _)| (end..start).contains(&(at + turn)));
                ring.extend(passed.map(|(_, corner)| *corner));
            }
            index = next;
        }
        if !ring.is_empty() {
            rings.push(ring);
        }
    }
}

/// Without places between others on ±180°: where something so thin was cut that rounding made a line of it, a ring
/// would run along the antimeridian to and fro.
fn without_spikes(mut ring: Vec<LonLat>) -> Vec<LonLat> {
    let first = ring.iter().position(|place| place[0].abs() != 180.0);
    ring.rotate_left(first.unwrap_or(0));
    let mut places: Vec<LonLat> = Vec::with_capacity(ring.len());
    for place in ring {
        if let [.., before, last] = places.as_slice()
            && place[0].abs() == 180.0
            && before[0] == place[0]
            && last[0] == place[0]
        {
            places.pop();
        }
        places.push(place);
    }
    places
}

/// The simple rings of a ring that touches itself: a hole that was cut is part of the exterior, and they may have
/// touched at corners.
fn part_at_touches(ring: &[LonLat]) -> Vec<Vec<LonLat>> {
    let (mut rings, mut path, mut seen) = (Vec::new(), Vec::new(), HashMap::new());
    for place in ring {
        if let Some(start) = seen.insert(place.map(f64::to_bits), path.len()) {
            rings.push(path.split_off(start));
            seen.retain(|_, index| *index < start);
            seen.insert(place.map(f64::to_bits), start);
        }
        path.push(*place);
    }
    rings.push(path);
    rings.retain(|ring| ring.len() > 2);
    rings
}

/// How far along the border of the map a place on ±180° is.
fn on_border(place: Option<&LonLat>) -> f64 {
    place.map_or(0.0, |[lon, lat]| if *lon > 0.0 { lat + 90.0 } else { 540.0 + 90.0 - lat })
}

/// Holes go to the exteriors that they are in.
fn group(rings: Vec<Vec<LonLat>>) -> Vec<Polygon> {
    let (exteriors, holes): (Vec<_>, Vec<_>) = rings.into_iter().partition(|ring| signed_area(ring) >= 0.0);
    let mut polygons: Vec<Polygon> = exteriors.into_iter().map(|ring| vec![ring]).collect();
    for hole in holes {
        // rings touch at their corners only: the middle of an edge is inside
        let middle = [0, 1].map(|axis| f64::midpoint(hole[0][axis], hole[1][axis]));
        if let Some(polygon) = polygons.iter_mut().find(|polygon| contains(&polygon[0], middle)) {
            polygon.push(hole);
        }
    }
    polygons
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
