//! Whether rings bound an area: no two edges cross, and every place is wound around once or not at all.
//!
//! That is what counting cells needs, and a little less than OGC's simple features ask for: spikes, rings that touch
//! themselves or each other, and parts that share edges are accepted.
//!
//! Places nearer to each other than [`TOUCH_DEG`] are the same. A crossing that is no deeper is a touch, so plain
//! arithmetic does: its errors are a thousand times smaller. That leaves crossings at vertices, or along edges that
//! rings share. Around each of them some place is wound around twice or -1 times; and without crossings the winding
//! number beside an edge can change only where another one touches it. So [`Windings`] looks at both sides of every
//! edge that is touched, between touches, and of one edge of each ring: if they are right, all are.

use rstar::{AABB, RTree, RTreeObject};

use super::winding::Windings;
use super::{Position, Ring, ShapeError, clip, edges};

/// Ten micrometres on the ground; the rounding of longitudes that are shifted by 360° is 3e-14.
pub(super) const TOUCH_DEG: f64 = 1e-10;

/// What is shorter, between two touches, may lie between edges that are on the same place.
const SHORT_DEG: f64 = 4.0 * TOUCH_DEG;

/// Edges in one box of the index: neighbours along a ring, so boxes are small, and there are few of them.
pub(super) const EDGES_PER_BOX: usize = 4;

/// Edges, or pairs of them, to look at: a second or two. Coastlines have fifty an edge; long slanting slivers side by
/// side could have billions.
const MAX_VISITS: usize = 100_000_000;

/// An edge and the ring that it is of, and where in that ring.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) from: Position,
    pub(super) to: Position,
    ring: usize,
    index: usize,
}

/// Consecutive edges and the box around them.
pub(super) struct Stretch {
    pub(super) first: usize,
    pub(super) count: usize,
    bounds: AABB<Position>,
}

impl RTreeObject for Stretch {
    type Envelope = AABB<Position>;

    fn envelope(&self) -> AABB<Position> {
        self.bounds
    }
}

/// Where an edge is touched: its index, and the share of its length.
type Touch = (usize, f64);

/// Checks rings with longitudes from -180 to 180, exteriors counterclockwise and holes clockwise.
pub(super) fn check(rings: &[Ring]) -> Result<(), ShapeError> {
    let edges = distinct_edges(rings);
    let tree = RTree::bulk_load(stretches(&edges));
    let mut touches = touches(&edges, &tree)?;
    touches.extend(longest(&edges).map(|edge| (edge, 0.0)));
    touches.sort_unstable_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let mut windings = Windings::new(&edges, &tree, MAX_VISITS);
    for own in touches.chunk_by(|one, other| one.0 == other.0) {
        let shares = || own.iter().map(|(_, share)| *share);
        for (start, end) in std::iter::once(0.0).chain(shares()).zip(shares().chain([1.0])) {
            if (end - start) * length(&edges[own[0].0]) > SHORT_DEG {
                windings.check(&edges[own[0].0], f64::midpoint(start, end))?;
            }
        }
    }
    Ok(())
}

/// All edges but those of no length.
fn distinct_edges(rings: &[Ring]) -> Vec<Edge> {
    let mut all = Vec::with_capacity(rings.iter().map(Vec::len).sum());
    for (ring, vertices) in rings.iter().enumerate() {
        let distinct = edges(vertices).filter(|[from, to]| from != to).enumerate();
        all.extend(distinct.map(|(index, [from, to])| Edge { from, to, ring, index }));
    }
    all
}

fn stretches(edges: &[Edge]) -> Vec<Stretch> {
    let mut all = Vec::with_capacity(edges.len() / EDGES_PER_BOX + 1);
    let mut first = 0;
    // Two rings in one box could be far apart.
    for own in edges.chunk_by(|one, next| one.ring == next.ring).flat_map(|ring| ring.chunks(EDGES_PER_BOX)) {
        let [west, south, east, north] = clip::bounds(own.iter().flat_map(|edge| [&edge.from, &edge.to]));
        let bounds = AABB::from_corners([west - TOUCH_DEG, south - TOUCH_DEG], [east + TOUCH_DEG, north + TOUCH_DEG]);
        all.push(Stretch { first, count: own.len(), bounds });
        first += own.len();
    }
    all
}

/// The longest edge of each ring.
fn longest(edges: &[Edge]) -> impl Iterator<Item = usize> + '_ {
    let mut first = 0;
    edges.chunk_by(|one, next| one.ring == next.ring).filter_map(move |ring| {
        let own = first..first + ring.len();
        first = own.end;
        own.max_by(|one, other| length(&edges[*one]).total_cmp(&length(&edges[*other])))
    })
}

/// Where edges touch others, neighbours aside; an error if two cross.
fn touches(edges: &[Edge], tree: &RTree<Stretch>) -> Result<Vec<Touch>, ShapeError> {
    let mut touches = Vec::new();
    let mut visits = 0;
    for (one, other) in tree.intersection_candidates_with_other_tree(tree) {
        if one.first > other.first {
            continue;
        }
        visits += EDGES_PER_BOX * EDGES_PER_BOX;
        if visits > MAX_VISITS {
            return Err(ShapeError::TooIntricate { limit: MAX_VISITS });
        }
        for i in one.first..one.first + one.count {
            for j in other.first.max(i + 1)..other.first + other.count {
                match meeting(&edges[i], &edges[j]) {
                    Meeting::Apart => {}
                    Meeting::Touch => {
                        for (touched, by) in [(i, &edges[j]), (j, &edges[i])] {
                            touches.extend([by.from, by.to].map(|end| (touched, share(&edges[touched], end))));
                        }
                    }
                    Meeting::Crossing(place) => return Err(ShapeError::crossing(place)),
                }
            }
        }
    }
    Ok(touches)
}

#[derive(Debug, PartialEq)]
enum Meeting {
    Apart,
    Touch,
    Crossing(Position),
}

fn meeting(one: &Edge, other: &Edge) -> Meeting {
    let apart = |axis: usize| {
        let ([a, b], [c, d]) = ([one.from[axis], one.to[axis]], [other.from[axis], other.to[axis]]);
        a.max(b) + TOUCH_DEG < c.min(d) || c.max(d) + TOUCH_DEG < a.min(b)
    };
    if apart(0) || apart(1) {
        return Meeting::Apart;
    }
    let same_side = |[p, q]: [f64; 2]| (p > TOUCH_DEG && q > TOUCH_DEG) || (p < -TOUCH_DEG && q < -TOUCH_DEG);
    let [a, b] = [distance(other, one.from), distance(other, one.to)];
    if same_side([a, b]) {
        return Meeting::Apart;
    }
    let [c, d] = [distance(one, other.from), distance(one, other.to)];
    if same_side([c, d]) {
        return Meeting::Apart;
    }
    if [a, b, c, d].iter().all(|distance| distance.abs() > TOUCH_DEG) {
        let share = a / (a - b);
        return Meeting::Crossing([0, 1].map(|axis| one.from[axis] + (one.to[axis] - one.from[axis]) * share));
    }
    // Neighbours share a vertex, and that is no news unless one runs back along the other.
    let are_neighbours = one.ring == other.ring && one.index.abs_diff(other.index) == 1;
    if are_neighbours { neighbours(one, other) } else { Meeting::Touch }
}

/// Whether neighbours along a ring meet in more than their common vertex.
fn neighbours(one: &Edge, other: &Edge) -> Meeting {
    let [first, second] = if one.index < other.index { [one, other] } else { [other, one] };
    let ([ax, ay], [bx, by]) = (vector(first.from, first.to), vector(second.from, second.to));
    let aside = distance(first, second.to).abs().max(distance(second, first.from).abs());
    if ax * bx + ay * by < 0.0 && aside <= TOUCH_DEG { Meeting::Touch } else { Meeting::Apart }
}

/// The share of an edge at which it is nearest to a place.
fn share(edge: &Edge, place: Position) -> f64 {
    let ([dx, dy], [px, py]) = (vector(edge.from, edge.to), vector(edge.from, place));
    ((dx * px + dy * py) / (dx * dx + dy * dy)).clamp(0.0, 1.0)
}

/// How far left of an edge's line a place lies, in degrees.
fn distance(edge: &Edge, place: Position) -> f64 {
    let ([dx, dy], [px, py]) = (vector(edge.from, edge.to), vector(edge.from, place));
    (dx * py - dy * px) / length(edge)
}

fn length(edge: &Edge) -> f64 {
    let [dx, dy] = vector(edge.from, edge.to);
    (dx * dx + dy * dy).sqrt()
}

fn vector(from: Position, to: Position) -> Position {
    [to[0] - from[0], to[1] - from[1]]
}
