//! Projects paths, with extra vertices where straight lines on the map would stray from the edges that they stand for.

use super::{MAX_CELL_VERTICES, Position, ShapeError};

/// How far a projected edge may lie from its chords, in cells.
///
/// A quarter of a cell is what is promised. The number of vertices grows with the root of the precision only, so eight
/// times as many as for that make the error too small to be seen: a cell's share is right to half a percent.
pub const TOLERANCE_CELLS: f64 = 1.0 / 256.0;

/// The same where there is room for the vertices that it takes, 64 times as many at most: then the cells are those of
/// the curve itself, and areas right to a millionth.
const PRECISION_CELLS: f64 = 1.0 / 1_048_576.0;

/// The room: 4 MB, and a twentieth of a second of PROJ.
const PRECISE_VERTICES: usize = 1 << 18;

/// Edges are looked at every degree at least, or a curve that swings to both sides of its chord could be missed.
const MAX_STEP_DEG: f64 = 1.0;

/// The longest of four or more pieces of a straight edge, as a share of it; a cell's length may be one piece.
const MAX_UNEVENNESS: f64 = 0.9;

/// Splits into four, one after the other: what still is not straight then is torn apart.
const MAX_SPLITS: usize = 16;

/// Edges that are worked on together: enough for the transform to be called seldom, few enough to stay in the cache.
const BATCH: usize = 1 << 12;

/// Positions that may be transformed for one shape: PROJ takes about half a minute. Half a million short edges take two
/// million; only edges around the world by the ten thousand come near.
const MAX_TRANSFORMED: usize = 32_000_000;

/// What is known of the edge that starts at a vertex.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Edge {
    Open,
    /// To the tolerance; and so many pieces of it are to the precision.
    Straight(u32),
    /// None starts here: the path ends.
    End,
}

#[derive(Debug, Clone, Copy)]
struct Vertex {
    place: Position,
    cell: Position,
    edge: Edge,
}

/// The paths in cells, each from its first vertex to its last.
pub(super) fn project(
    paths: &[Vec<Position>], mut transform: impl FnMut(&mut [f64], &mut [f64]) -> Result<(), ShapeError>,
) -> Result<Vec<Vec<Position>>, ShapeError> {
    let mut transformed = 0;
    let mut transform = |lons: &mut [f64], lats: &mut [f64]| {
        transformed += lons.len();
        if transformed > MAX_TRANSFORMED {
            let what = "positions to be transformed";
            return Err(ShapeError::TooMany { what, count: transformed, limit: MAX_TRANSFORMED });
        }
        transform(lons, lats)
    };
    let places: Vec<Position> = paths.concat();
    let mut ends = paths.iter().scan(0, |end, path| {
        *end += path.len();
        Some(*end - 1)
    });
    let mut end = ends.next();
    let mut projected = Vec::with_capacity(paths.len());
    let mut path = Vec::new();
    let mut total = 0;
    for start in (0..places.len()).step_by(BATCH) {
        // one vertex more, at which the batch's last edge ends
        let batch = &places[start..places.len().min(start + BATCH + 1)];
        let mut vertices = cells(batch, &mut transform)?;
        for (index, vertex) in vertices.iter_mut().enumerate().take(BATCH) {
            if end == Some(start + index) {
                vertex.edge = Edge::End;
                end = ends.next();
            }
        }
        let vertices = refine(vertices, MAX_CELL_VERTICES - total, &mut transform)?;
        let vertices = bend(vertices, PRECISE_VERTICES * batch.len() / places.len(), &mut transform)?;
        let own = vertices.len() - batch.len().saturating_sub(BATCH);
        total += own;
        for vertex in &vertices[..own] {
            path.push(vertex.cell);
            if vertex.edge == Edge::End {
                projected.push(std::mem::take(&mut path));
            }
        }
    }
    Ok(projected)
}

/// Splits edges until all of them are straight enough, level by level, so that the transform is called for many places.
fn refine(
    mut vertices: Vec<Vertex>, limit: usize,
    mut transform: impl FnMut(&mut [f64], &mut [f64]) -> Result<(), ShapeError>,
) -> Result<Vec<Vertex>, ShapeError> {
    for _ in 0..MAX_SPLITS {
        let probes = cells(&probes(&vertices), &mut transform)?;
        if probes.is_empty() {
            break;
        }
        vertices = split(&vertices, &probes);
        if vertices.len() > limit {
            let what = "vertices at the resolution of the raster";
            return Err(ShapeError::TooMany { what, count: vertices.len(), limit: MAX_CELL_VERTICES });
        }
    }
    let torn = vertices.windows(2).find(|edge| edge[0].edge == Edge::Open);
    torn.map_or(Ok(()), |edge| Err(unprojectable(edge[0].place)))?;
    Ok(vertices)
}

/// Puts vertices into straight edges as far as they are bent, and as there is room.
fn bend(
    vertices: Vec<Vertex>, room: usize, transform: impl FnMut(&mut [f64], &mut [f64]) -> Result<(), ShapeError>,
) -> Result<Vec<Vertex>, ShapeError> {
    let most = u32::try_from(room / vertices.len().max(1)).unwrap_or(u32::MAX);
    let pieces = |vertex: &Vertex| if let Edge::Straight(pieces) = vertex.edge { pieces.min(most) } else { 1 };
    let between = vertices.windows(2).flat_map(|edge| places_between(edge, pieces(&edge[0])));
    let places: Vec<Position> = between.collect();
    if places.is_empty() {
        return Ok(vertices);
    }
    let mut bends = cells(&places, transform)?.into_iter().map(|vertex| Vertex { edge: Edge::Straight(1), ..vertex });
    let mut all = Vec::with_capacity(vertices.len() + places.len());
    for vertex in vertices {
        all.push(vertex);
        all.extend(bends.by_ref().take(pieces(&vertex).saturating_sub(1) as usize));
    }
    Ok(all)
}

/// Where an edge is cut into so many pieces.
fn places_between(edge: &[Vertex], pieces: u32) -> impl Iterator<Item = Position> + use<> {
    let (from, to) = (edge[0].place, edge[1].place);
    let share = move |i: u32| f64::from(i) / f64::from(pieces);
    (1..pieces).map(move |i| [0, 1].map(|axis| from[axis] + (to[axis] - from[axis]) * share(i)))
}

/// Places along all edges that have to be looked at.
fn probes(vertices: &[Vertex]) -> Vec<Position> {
    let mut probes = Vec::new();
    for edge in vertices.windows(2).filter(|edge| edge[0].edge == Edge::Open) {
        probes.extend(places_between(edge, pieces(edge)));
    }
    probes
}

/// Into how many pieces an edge is split to look at it, and if it is not straight.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an edge spans 360 degrees at most")]
fn pieces(edge: &[Vertex]) -> u32 {
    let spans = |axis: usize| (edge[1].place[axis] - edge[0].place[axis]).abs();
    let steps = (spans(0).max(spans(1)) / MAX_STEP_DEG).ceil() as u32;
    // Within a cell a curve has no room for more than one bend that matters.
    if steps <= 1 && chord_squared([edge[0].cell, edge[1].cell]) <= 1.0 { 2 } else { steps.max(4) }
}

/// Puts the probes into the edges that are not straight.
fn split(vertices: &[Vertex], mut probes: &[Vertex]) -> Vec<Vertex> {
    let mut all = Vec::with_capacity(vertices.len());
    for edge in vertices.windows(2) {
        if edge[0].edge != Edge::Open {
            all.push(edge[0]);
            continue;
        }
        let (own, rest) = probes.split_at(pieces(edge) as usize - 1);
        probes = rest;
        if is_straight(edge, own) {
            all.push(Vertex { edge: Edge::Straight(precise_pieces(edge, own)), ..edge[0] });
        } else {
            all.push(edge[0]);
            all.extend(own);
        }
    }
    all.extend(vertices.last());
    all
}

/// Whether all probes of an edge are near its chord, and spread along it: at a tear they gather at its ends.
fn is_straight(edge: &[Vertex], probes: &[Vertex]) -> bool {
    let chord = [edge[0].cell, edge[1].cell];
    let longest = chord_squared(chord).max(1.0) * MAX_UNEVENNESS.powi(2);
    let ends = probes.iter().chain([&edge[1]]);
    std::iter::once(&edge[0]).chain(probes).zip(ends).all(|(from, to)| chord_squared([from.cell, to.cell]) <= longest)
        && probes.iter().all(|probe| squared_distance(probe.cell, chord) <= TOLERANCE_CELLS.powi(2))
}

/// Into how many pieces an edge is cut so that none is seen to be bent: half as long is four times as straight.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
fn precise_pieces(edge: &[Vertex], probes: &[Vertex]) -> u32 {
    let chord = [edge[0].cell, edge[1].cell];
    let off = probes.iter().map(|probe| squared_distance(probe.cell, chord)).fold(0.0, f64::max).sqrt();
    (off / PRECISION_CELLS).sqrt().ceil() as u32
}

fn chord_squared([from, to]: [Position; 2]) -> f64 {
    (to[0] - from[0]).powi(2) + (to[1] - from[1]).powi(2)
}

/// The squared distance of a position from a straight edge.
fn squared_distance([x, y]: Position, [from, to]: [Position; 2]) -> f64 {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let [px, py] = [x - from[0], y - from[1]];
    let length = dx * dx + dy * dy;
    let share = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
    (px - share * dx).powi(2) + (py - share * dy).powi(2)
}

/// Vertices at some places.
fn cells(
    places: &[Position], mut transform: impl FnMut(&mut [f64], &mut [f64]) -> Result<(), ShapeError>,
) -> Result<Vec<Vertex>, ShapeError> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut cols: Vec<f64> = places.iter().map(|place| place[0]).collect();
    let mut rows: Vec<f64> = places.iter().map(|place| place[1]).collect();
    transform(&mut cols, &mut rows)?;
    let vertex = |((place, col), row): ((&Position, f64), f64)| {
        let is_finite = col.is_finite() && row.is_finite();
        is_finite
            .then_some(Vertex { place: *place, cell: [col, row], edge: Edge::Open })
            .ok_or_else(|| unprojectable(*place))
    };
    places.iter().zip(cols).zip(rows).map(vertex).collect()
}

fn unprojectable([lon, lat]: Position) -> ShapeError {
    ShapeError::Unprojectable { lon, lat }
}
