//! Rings on the sphere: across the antimeridian, around a pole, and back to longitudes from -180 to 180.
//!
//! # How an edge is read that spans more than 180° of longitude
//!
//! It can be the long way round, straight in longitude and latitude (RFC 7946, 3.1.1), or the short way across the
//! antimeridian by a client that did not cut there (3.1.9). The direction of the ring tells, as the RFC fixes it
//! (3.1.6) and as Elasticsearch reads it: **if an exterior ring, taken literally, runs counterclockwise, and clockwise
//! if its long edges go the short way, it is meant literally; otherwise they go the short way.** So the rectangle
//! (-170, 0) (170, 0) (170, 10) (-170, 10) is 340° wide, and the one from west 170 to east -170, (170, 0) (-170, 0)
//! (-170, 10) (170, 10), is 20° wide. A ring that has no width the short way, like the whole world's, is meant
//! literally, and so is one with longitudes beyond 180: its client goes on past the antimeridian. If the short way
//! leads once around the Earth the ring encloses a pole, unless a long edge spans less than 270°, or the ring has a vertex at
//! a pole already: then, too, it is meant literally. The pole is the one nearer to the ring, whatever its direction.
//! Holes are read as their exterior was if that has long edges, and otherwise by their own direction, which is
//! clockwise.
//!
//! A client that wants to be understood in any case cuts at the antimeridian, or goes on past 180, or sets a vertex
//! into the long edge.

use super::clip::{bounds, clip, crossing};
use super::{Polygon, Position, Ring, ShapeError, edges, signed_area};

/// Steps the short way that are longer than this do not lead around a pole.
const MAX_POLAR_STEP: f64 = 90.0;

/// Longitudes of clients that do not go on past the antimeridian, rounding included.
const MAX_WRAPPED_LON: f64 = 180.000_001;

/// What a ring bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Exterior,
    Hole,
}

/// Which way long edges go.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reading {
    Literal,
    ShortWay,
}

/// Adds the rings of a polygon, cut at the antimeridian, exteriors counterclockwise and holes clockwise.
pub(super) fn cut(polygon: &Polygon, index: usize, rings: &mut Vec<Ring>) -> Result<(), ShapeError> {
    let exterior = has_long_edges(&polygon.exterior).then(|| reading(&polygon.exterior, Role::Exterior));
    let all = std::iter::once((&polygon.exterior, Role::Exterior)).chain(polygon.holes.iter().map(|h| (h, Role::Hole)));
    for (number, (ring, role)) in all.enumerate() {
        let place = || format!("ring {number} of polygon {index}");
        let is_short = has_long_edges(ring) && exterior.unwrap_or_else(|| reading(ring, role)) == Reading::ShortWay;
        let mut ring = if is_short {
            closed(unwrapped(ring)).map_err(|turns| ShapeError::Turns { place: place(), turns })?
        } else {
            ring.clone()
        };
        let [west, _, east, _] = bounds(&ring);
        // The short way around a pole, a ring may run to and fro across its own end.
        if !is_short && east - west > 360.0 {
            return Err(ShapeError::TooWide { place: place(), span: east - west });
        }
        if (signed_area(&ring) < 0.0) == (role == Role::Exterior) {
            ring.reverse();
        }
        push_bands(ring, rings);
    }
    Ok(())
}

fn has_long_edges(ring: &[Position]) -> bool {
    edges(ring).any(|[from, to]| (to[0] - from[0]).abs() > 180.0)
}

fn reading(ring: &[Position], role: Role) -> Reading {
    let short = unwrapped(ring);
    let touches_pole = || ring.iter().any(|[_, lat]| lat.abs() == 90.0);
    let in_short_steps = || {
        let long = edges(ring).map(|[from, to]| (to[0] - from[0]).abs()).filter(|span| *span > 180.0);
        long.map(|span| (span - turn(span)).abs()).all(|step| step <= MAX_POLAR_STEP)
    };
    let literal = if turns(&short) == 0.0 {
        let [west, _, east, _] = bounds(&short.ring);
        let goes_on = ring.iter().any(|[lon, _]| lon.abs() > MAX_WRAPPED_LON);
        let direction = if role == Role::Exterior { 1.0 } else { -1.0 };
        let (literal, short) = (direction * signed_area(ring), direction * signed_area(&short.ring));
        goes_on || west == east || (literal > 0.0 && short < 0.0)
    } else {
        touches_pole() || !in_short_steps()
    };
    if literal { Reading::Literal } else { Reading::ShortWay }
}

/// The whole turns in a difference of longitudes, in degrees; none up to 180°.
fn turn(difference: f64) -> f64 {
    if difference.abs() > 180.0 { 360.0 * (difference / 360.0).round() } else { 0.0 }
}

/// A ring whose edges all go the short way, and the longitude at which it comes back to its first vertex.
struct Unwrapped {
    ring: Ring,
    end: f64,
}

fn unwrapped(ring: &[Position]) -> Unwrapped {
    let mut shift = 0.0;
    let mut last = ring[0][0];
    let mut place = |lon: f64| {
        shift -= turn(lon - last);
        last = lon;
        lon + shift
    };
    let unwrapped = ring.iter().map(|[lon, lat]| [place(*lon), *lat]).collect();
    Unwrapped { ring: unwrapped, end: place(ring[0][0]) }
}

/// Turns about the axis, eastwards positive.
fn turns(unwrapped: &Unwrapped) -> f64 {
    ((unwrapped.end - unwrapped.ring[0][0]) / 360.0).round()
}

/// A ring in the plane: one that winds about a pole is opened at the antimeridian and led over the pole.
fn closed(unwrapped: Unwrapped) -> Result<Ring, f64> {
    let turns = turns(&unwrapped);
    let Unwrapped { ring, .. } = unwrapped;
    match turns.abs() {
        0.0 => Ok(ring),
        1.0 => Ok(over_the_pole(&ring, 360.0 * turns)),
        _ => Err(turns),
    }
}

/// Starts where the ring, which ends `turn` degrees east of its first vertex, meets the antimeridian, so that the seam
/// that leads to the pole lies there like every other cut.
fn over_the_pole(ring: &[Position], turn: f64) -> Ring {
    let path: Ring = ring.iter().copied().chain([[ring[0][0] + turn, ring[0][1]]]).collect();
    let lowest = path[0][0].min(path[0][0] + turn);
    let seam = 180.0 + 360.0 * ((lowest + 180.0) / 360.0).floor();
    let meets = |edge: &[Position]| (edge[0][0] < seam) != (edge[1][0] < seam);
    let at = path.windows(2).position(meets).unwrap_or(0);
    let start = crossing([path[at], path[at + 1]], 0, seam);
    let pole = if latitude_integral(&path) * turn < 0.0 { -90.0 } else { 90.0 };
    let onwards = path[at + 1..path.len() - 1].iter().copied();
    let shifted = path[..=at].iter().map(|[lon, lat]| [lon + turn, *lat]);
    let end = [seam + turn, start[1]];
    std::iter::once(start).chain(onwards).chain(shifted).chain([end, [end[0], pole], [start[0], pole]]).collect()
}

/// Its sign, times that of the turn, is that of the mean latitude.
fn latitude_integral(path: &[Position]) -> f64 {
    path.windows(2).map(|edge| (edge[1][0] - edge[0][0]) * (edge[0][1] + edge[1][1]) / 2.0).sum()
}

/// Cuts a ring at the antimeridian and brings the pieces to longitudes from -180 to 180.
#[expect(clippy::cast_possible_truncation, reason = "a few turns")]
fn push_bands(ring: Ring, rings: &mut Vec<Ring>) {
    let [west, _, east, _] = bounds(&ring);
    let (first, last) = (((west + 180.0) / 360.0).floor() as i32, ((east - 180.0) / 360.0).ceil() as i32);
    let shifted = |ring: Ring, band: i32| ring.into_iter().map(|[x, y]| [x - 360.0 * f64::from(band), y]).collect();
    if first >= last {
        rings.push(if first == 0 { ring } else { shifted(ring, first) });
        return;
    }
    for band in first..=last {
        let middle = 360.0 * f64::from(band);
        let piece = clip(&ring, [middle - 180.0, -90.0, middle + 180.0, 90.0]);
        if !piece.is_empty() {
            rings.push(shifted(piece, band));
        }
    }
}
