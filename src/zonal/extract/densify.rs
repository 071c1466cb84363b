//! Rings in longitude and latitude, with as many places as it takes to follow their edges.
//!
//! A straight edge in cell space may be bent in longitude and latitude. It is divided until the chords between its
//! places are close to it.

use super::Corner;
use super::corners::corners;

/// Longitude and latitude, in degrees.
pub type LonLat = [f64; 2];

/// Edges are no longer divided after as many rounds of three: by then they are 500,000 times shorter.
const MOST_ROUNDS: usize = 12;

/// An edge within one cell is looked at only if its ends have meridians as far apart, in degrees: near a pole.
const WIDE: f64 = 30.0;

/// What rounding hides, in degrees.
pub const INVISIBLE: f64 = 1e-7;

/// A ring in longitude and latitude.
#[derive(Debug, Clone)]
pub struct Loop {
    /// The places; longitudes leave ±180° rather than jump.
    pub places: Vec<LonLat>,
    /// The longitude gained by going around once: 0, or ±360 around a pole.
    pub turn: f64,
}

impl Loop {
    /// The same ring in the other direction.
    pub fn reverse(&mut self) {
        self.places.reverse();
        self.turn = -self.turn;
    }
}

/// A place on a ring, in cells and in degrees.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// In cells.
    pub cell: [f64; 2],
    /// In degrees.
    pub at: LonLat,
    /// The longitude to the next place, once it is settled that there are none between them.
    step: Option<f64>,
}

impl Place {
    /// Whether it has a longitude and latitude: a transform says otherwise by something infinite, or NaN.
    fn exists(&self) -> bool {
        self.at.iter().all(|degrees| degrees.abs() < 1e4)
    }
}

/// Something that transforms cell coordinates to longitude and latitude.
pub trait ToLonLat<E>: FnMut(&mut [f64], &mut [f64]) -> Result<(), E> {}
impl<E, F: FnMut(&mut [f64], &mut [f64]) -> Result<(), E>> ToLonLat<E> for F {}

/// Draws rings; `tolerance` in cells. Places that have no longitude and latitude are left out.
///
/// # Errors
/// Those of the transform.
pub fn draw<E>(rings: &[&Vec<Corner>], tolerance: f64, to_lon_lat: &mut impl ToLonLat<E>) -> Result<Vec<Loop>, E> {
    let mut places = corners(rings, to_lon_lat)?.into_iter();
    let mut rings: Vec<Vec<Place>> =
        rings.iter().map(|ring| places.by_ref().take(ring.len()).filter(Place::exists).collect()).collect();
    for _ in 0..MOST_ROUNDS {
        let edges = rings.iter().flat_map(|ring| edges(ring)).filter(|[from, to]| is_open(from, to));
        let thirds: Vec<[f64; 2]> = edges.flat_map(|[from, to]| thirds(from.cell, to.cell)).collect();
        if thirds.is_empty() {
            break;
        }
        let mut between = transform(&thirds, to_lon_lat)?.into_iter();
        for ring in &mut rings {
            *ring = divide(ring, &mut between, tolerance);
        }
    }
    Ok(rings.iter().map(|ring| unwrap(ring)).collect())
}

/// Whether the transform changes the sense of rotation, seen from a cell.
///
/// # Errors
/// Those of the transform.
#[expect(clippy::cast_precision_loss, reason = "cells are counted in 31 bits")]
pub fn is_mirrored<E>([col, row]: Corner, to_lon_lat: &mut impl ToLonLat<E>) -> Result<bool, E> {
    let (x, y) = (col as f64 + 0.3, row as f64 + 0.3);
    let places = transform(&[[x, y], [x + 0.01, y], [x, y + 0.01]], to_lon_lat)?;
    let [right, down] = [1, 2].map(|index| {
        let (from, to) = (places[0].at, places[index].at);
        [shortest(to[0] - from[0]), to[1] - from[1]]
    });
    Ok(right[0] * down[1] - right[1] * down[0] > 0.0)
}

/// Places of cells.
///
/// # Errors
/// Those of the transform.
pub fn transform<E>(cells: &[[f64; 2]], to_lon_lat: &mut impl ToLonLat<E>) -> Result<Vec<Place>, E> {
    let (mut x, mut y): (Vec<f64>, Vec<f64>) = cells.iter().map(|[x, y]| (*x, *y)).unzip();
    to_lon_lat(&mut x, &mut y)?;
    Ok(cells.iter().zip(x).zip(y).map(|((cell, lon), lat)| Place { cell: *cell, at: [lon, lat], step: None }).collect())
}

fn edges(ring: &[Place]) -> impl Iterator<Item = [&Place; 2]> {
    ring.iter().zip(ring.iter().cycle().skip(1)).map(|(from, to)| [from, to])
}

/// Whether an edge has yet to be looked at.
fn is_open(from: &Place, to: &Place) -> bool {
    let is_short = length(from.cell, to.cell) < 1.01 && shortest(to.at[0] - from.at[0]).abs() < WIDE;
    from.step.is_none() && !is_short
}

/// Two places, so that a bend to both sides is seen as well.
fn thirds(from: [f64; 2], to: [f64; 2]) -> [[f64; 2]; 2] {
    [1.0 / 3.0, 2.0 / 3.0].map(|t| [from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])])
}

/// Divides the open edges that are too far from their chords; `between` has the thirds of all open edges.
fn divide(ring: &[Place], between: &mut impl Iterator<Item = Place>, tolerance: f64) -> Vec<Place> {
    let mut places = Vec::with_capacity(ring.len());
    for [from, to] in edges(ring) {
        let thirds = if is_open(from, to) { between.next().zip(between.next()) } else { None };
        let Some((a, b)) = thirds.filter(|(a, b)| a.exists() && b.exists()) else {
            let step = from.step.unwrap_or_else(|| shortest(to.at[0] - from.at[0]));
            places.push(Place { step: Some(step), ..*from });
            continue;
        };
        let edge = [*from, a, b, *to];
        if bend(edge.map(|place| place.at)) * length(from.cell, to.cell) > tolerance {
            places.extend([*from, a, b]);
        } else {
            let step = edge.windows(2).map(|pair| shortest(pair[1].at[0] - pair[0].at[0])).sum();
            places.push(Place { step: Some(step), ..*from });
        }
    }
    places
}

/// How far the thirds of an edge are from those of its chord, on the ground, in lengths of the edge.
fn bend([from, a, b, to]: [LonLat; 4]) -> f64 {
    let steps = [(from, a), (a, b), (b, to)].map(|(p, q)| [shortest(q[0] - p[0]), q[1] - p[1]]);
    let total = [0, 1].map(|axis| steps.iter().map(|step| step[axis]).sum::<f64>() / 3.0);
    let ground = |[lon, lat]: [f64; 2], at: f64| (lon * at.to_radians().cos()).hypot(lat);
    let first = ground([steps[0][0] - total[0], steps[0][1] - total[1]], a[1]);
    let second = ground([steps[2][0] - total[0], steps[2][1] - total[1]], b[1]);
    let middles = [from[1] + a[1], a[1] + b[1], b[1] + to[1]].map(|sum| sum / 2.0);
    let length: f64 = steps.into_iter().zip(middles).map(|(step, at)| ground(step, at)).sum();
    if first.max(second) > INVISIBLE { first.max(second) / length } else { 0.0 }
}

/// A ring whose longitudes are continuous.
fn unwrap(ring: &[Place]) -> Loop {
    let mut lon = ring.first().map_or(0.0, |place| place.at[0]);
    let first = lon;
    let mut places = Vec::with_capacity(ring.len());
    for [from, to] in edges(ring) {
        // longitudes as they came, but for whole turns: sums of steps would gather errors
        places.push([from.at[0] + 360.0 * ((lon - from.at[0]) / 360.0).round(), from.at[1]]);
        lon += from.step.unwrap_or_else(|| shortest(to.at[0] - from.at[0]));
    }
    Loop { places, turn: 360.0 * ((lon - first) / 360.0).round() }
}

fn length(from: [f64; 2], to: [f64; 2]) -> f64 {
    (to[0] - from[0]).hypot(to[1] - from[1])
}

/// A difference of longitudes, the shorter way around.
pub fn shortest(difference: f64) -> f64 {
    difference - 360.0 * (difference / 360.0).round()
}
