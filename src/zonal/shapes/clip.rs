//! Cuts rings along meridians and parallels.

use super::{Position, Ring, edges};

/// West, south, east, north.
pub(super) type Bounds = [f64; 4];

/// The box around some positions; from infinity to minus infinity if there are none.
pub(super) fn bounds<'a>(positions: impl IntoIterator<Item = &'a Position>) -> Bounds {
    let empty = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    positions.into_iter().fold(empty, |[w, s, e, n], [x, y]| [w.min(*x), s.min(*y), e.max(*x), n.max(*y)])
}

/// What of a ring lies in a box, as one ring with edges along the box (Sutherland and Hodgman 1974).
///
/// Where the ring leaves the box and comes back those edges overlap, each there and back: what they enclose is right,
/// and whoever looks at the edges themselves must cancel them. Empty if nothing is left.
pub(super) fn clip(ring: &[Position], [west, south, east, north]: Bounds) -> Ring {
    let mut ring = ring.to_vec();
    for (axis, limit, sign) in [(0, west, 1.0), (1, south, 1.0), (0, east, -1.0), (1, north, -1.0)] {
        if ring.iter().any(|vertex| (vertex[axis] - limit) * sign < 0.0) {
            ring = clip_side(&ring, axis, limit, sign);
        }
    }
    ring
}

fn clip_side(ring: &[Position], axis: usize, limit: f64, sign: f64) -> Ring {
    let mut kept = Vec::with_capacity(ring.len());
    for [from, to] in edges(ring) {
        let (before, after) = ((from[axis] - limit) * sign, (to[axis] - limit) * sign);
        if before * after < 0.0 {
            kept.push(crossing([from, to], axis, limit));
        }
        if after >= 0.0 {
            kept.push(to);
        }
    }
    if kept.len() < 3 { Vec::new() } else { kept }
}

/// Where an edge meets a meridian (axis 0) or a parallel (axis 1): the same for both directions, to the last bit.
pub(super) fn crossing([from, to]: [Position; 2], axis: usize, limit: f64) -> Position {
    let [low, high] = if from[axis] < to[axis] { [from, to] } else { [to, from] };
    let share = (limit - low[axis]) / (high[axis] - low[axis]);
    let other = low[1 - axis] + (high[1 - axis] - low[1 - axis]) * share;
    if axis == 0 { [limit, other] } else { [other, limit] }
}
