//! Points along a line at equal distances on the ground.
//!
//! Between its vertices a line is straight in longitude and latitude (RFC 7946, 3.1.1): that is no geodesic, and its
//! length is that of the way itself on the WGS 84 ellipsoid, integrated by Gauss and Legendre's rule; geodesics of
//! `GeographicLib` between 20,000 places along it add up to the same within their own error, 2e-9. A line across the
//! antimeridian goes on past 180, or jumps from one side to the other: a step of more than 180° is taken the short way,
//! for a line has no direction that could tell it from the long one.

use super::{Position, ShapeError};
use crate::geo::{EARTH_RADIUS_M, WGS84_ECCENTRICITY_2};

/// Points that one request may ask for: a megabyte of answers.
pub const MAX_POINTS: usize = 10_000;

/// Segments are integrated in pieces of this many degrees at most.
const MAX_PIECE_DEG: f64 = 1.0;

/// Nodes (from the middle of -1 to 1) and weights of Gauss and Legendre's rule with five nodes.
const GAUSS: [(f64, f64); 5] = [
    (0.0, 0.568_888_888_888_888_9),
    (0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
    (-0.538_469_310_105_683_1, 0.478_628_670_499_366_47),
    (0.906_179_845_938_664, 0.236_926_885_056_189_08),
    (-0.906_179_845_938_664, 0.236_926_885_056_189_08),
];

/// Which points of a line are wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Steps {
    /// So many, both ends included, at equal distances.
    Count(usize),
    /// One every so many metres from the start, and the end: the last distance may be shorter.
    SpacingM(f64),
}

/// A point of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinePoint {
    /// Distance from the start along the line, in metres.
    pub distance_m: f64,
    /// Longitude, -180 to 180.
    pub lon: f64,
    /// Latitude.
    pub lat: f64,
}

/// A straight piece of the line, and where it starts along it.
struct Piece {
    from: Position,
    to: Position,
    start_m: f64,
}

/// Points along a line, both ends included; its vertices are not, unless a distance falls on them.
///
/// A line without length has one point.
///
/// # Errors
///
/// `steps` is no number of points or no distance, or asks for too many points.
#[expect(clippy::cast_precision_loss, reason = "limited")]
pub fn along(line: &[Position], steps: Steps) -> Result<Vec<LinePoint>, ShapeError> {
    let (Some(first), Some(last)) = (line.first(), line.last()) else { return Err(ShapeError::Empty) };
    check(steps)?;
    let (pieces, length) = pieces(line);
    if length == 0.0 {
        return Ok(vec![point(*first, 0.0)]);
    }
    let (count, spacing) = intervals(steps, length)?;
    let mut points = vec![point(*first, 0.0)];
    let mut piece = 0;
    for i in 1..count {
        let distance = spacing * i as f64;
        piece += pieces[piece + 1..].iter().take_while(|next| next.start_m <= distance).count();
        points.push(point(pieces[piece].at(distance), distance));
    }
    points.push(point(*last, length));
    Ok(points)
}

fn check(steps: Steps) -> Result<(), ShapeError> {
    match steps {
        Steps::Count(count) if count < 2 => Err(ShapeError::BadSteps { given: format!("{count} points") }),
        Steps::SpacingM(spacing) if !(spacing > 0.0 && spacing.is_finite()) => {
            Err(ShapeError::BadSteps { given: format!("a spacing of {spacing} m") })
        }
        Steps::Count(count) if count > MAX_POINTS => {
            Err(ShapeError::TooMany { what: "points along the line", count, limit: MAX_POINTS })
        }
        Steps::Count(_) | Steps::SpacingM(_) => Ok(()),
    }
}

/// How many distances the line is divided into, and how long all but the last are.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "limited")]
fn intervals(steps: Steps, length: f64) -> Result<(usize, f64), ShapeError> {
    let (count, spacing) = match steps {
        Steps::Count(count) => (count - 1, length / (count - 1) as f64),
        // A rest that is due to rounding is no distance.
        Steps::SpacingM(spacing) => (((length / spacing * (1.0 - 1e-12)).ceil() as usize).max(1), spacing),
    };
    if count >= MAX_POINTS {
        return Err(ShapeError::TooMany {
            what: "points along the line",
            count: count.saturating_add(1),
            limit: MAX_POINTS,
        });
    }
    Ok((count, spacing))
}

/// The pieces of a line that have a length, and the length of all.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a segment spans 360 degrees at most")]
fn pieces(line: &[Position]) -> (Vec<Piece>, f64) {
    let mut pieces = Vec::with_capacity(line.len());
    let mut length = 0.0;
    for segment in line.windows(2) {
        let (from, [to_lon, lat]) = (segment[0], segment[1]);
        let step = to_lon - from[0];
        let lon = if step.abs() > 180.0 { to_lon - 360.0 * (step / 360.0).round() } else { to_lon };
        let [dx, dy] = [lon - from[0], lat - from[1]];
        let count = (dx.abs().max(dy.abs()) / MAX_PIECE_DEG).ceil() as u32;
        let at =
            |i: u32| [from[0] + dx * f64::from(i) / f64::from(count), from[1] + dy * f64::from(i) / f64::from(count)];
        for i in 0..count {
            let piece = Piece { from: at(i), to: at(i + 1), start_m: length };
            length += piece.length(1.0);
            pieces.push(piece);
        }
    }
    (pieces, length)
}

impl Piece {
    fn place(&self, share: f64) -> Position {
        [0, 1].map(|axis| self.from[axis] + (self.to[axis] - self.from[axis]) * share)
    }

    /// Metres for each share of the piece at a place of it: along the meridian and along the parallel.
    fn speed(&self, share: f64) -> f64 {
        let [d_lon, d_lat] = [0, 1].map(|axis| (self.to[axis] - self.from[axis]).to_radians());
        let (sin, cos) = self.place(share)[1].to_radians().sin_cos();
        let w2 = 1.0 - WGS84_ECCENTRICITY_2 * sin * sin;
        let normal = EARTH_RADIUS_M / w2.sqrt();
        let meridian = normal * (1.0 - WGS84_ECCENTRICITY_2) / w2;
        (meridian * d_lat).hypot(normal * cos * d_lon)
    }

    /// The length of the first `share` of the piece.
    fn length(&self, share: f64) -> f64 {
        let half = share / 2.0;
        GAUSS.iter().map(|(node, weight)| weight * self.speed(half + half * node)).sum::<f64>() * half
    }

    /// The place at a distance along the line, by Newton's method: the speed hardly changes within a piece.
    fn at(&self, distance: f64) -> Position {
        let target = distance - self.start_m;
        let mut share = target / self.length(1.0);
        for _ in 0..4 {
            let speed = self.speed(share);
            if speed > 0.0 {
                share = (share + (target - self.length(share)) / speed).clamp(0.0, 1.0);
            }
        }
        self.place(share)
    }
}

fn point([lon, lat]: Position, distance_m: f64) -> LinePoint {
    // 180 and -180 stay as they came.
    let lon = if lon.abs() > 180.0 { lon - 360.0 * (lon / 360.0).round() } else { lon };
    LinePoint { distance_m, lon, lat }
}
