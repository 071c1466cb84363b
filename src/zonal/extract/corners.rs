//! The corners of rings in longitude and latitude, and what is different at a pole.
//!
//! Grids around a pole often have it at a corner of cells, and longitudes mean nothing there: those of the edges that
//! meet there, and on which side they pass it, show a little inside the ring.

use std::collections::HashMap;

use super::Corner;
use super::densify::{INVISIBLE, Place, ToLonLat, transform};

/// How far inside of a ring its edges are looked at, in cells: nothing that could be seen, but no edge then runs
/// through a pole.
const HAIR: f64 = 1e-9;

/// How far rings come apart that touch at a pole, in cells: on the map, a pole is no place but a line.
const APART: f64 = 0.1;

/// A corner of a ring in cells.
struct Angle {
    at: [f64; 2],
    /// The way inside: both of its edges move by 1.
    inward: [f64; 2],
    turns_right: bool,
}

/// The corners of rings: where they are, so that rings that touch still do so, but a little beside a pole.
///
/// # Errors
/// Those of the transform.
pub fn corners<E>(rings: &[&Vec<Corner>], to_lon_lat: &mut impl ToLonLat<E>) -> Result<Vec<Place>, E> {
    let angles: Vec<Angle> = rings.iter().flat_map(|ring| angles(ring)).collect();
    let mut places = transform(&angles.iter().map(|angle| angle.at).collect::<Vec<_>>(), to_lon_lat)?;
    for (place, angle) in places.iter_mut().zip(&angles) {
        place.cell = angle.moved(HAIR);
    }
    let is_at_pole = |place: &Place| place.at[1].abs() > 90.0 - INVISIBLE;
    let mut polar: Vec<_> = places.iter_mut().zip(&angles).filter(|(place, _)| is_at_pole(place)).collect();
    // where rings of one part touch, both turn right
    let mut right_turns = HashMap::new();
    for (_, angle) in polar.iter().filter(|(_, angle)| angle.turns_right) {
        *right_turns.entry(angle.at.map(f64::to_bits)).or_insert(0) += 1;
    }
    let touches = |angle: &Angle| angle.turns_right && right_turns.get(&angle.at.map(f64::to_bits)) > Some(&1);
    let cells: Vec<_> =
        polar.iter().map(|(_, angle)| angle.moved(if touches(angle) { -APART } else { HAIR })).collect();
    if !cells.is_empty() {
        for ((place, _), beside) in polar.iter_mut().zip(transform(&cells, to_lon_lat)?) {
            **place = beside;
        }
    }
    Ok(places)
}

#[expect(clippy::cast_precision_loss, reason = "cells are counted in 31 bits")]
fn angles(ring: &[Corner]) -> impl Iterator<Item = Angle> {
    let at = move |index: usize| ring[index % ring.len()].map(|v| v as f64);
    let direction = |from: [f64; 2], to: [f64; 2]| {
        let length = (to[0] - from[0]).hypot(to[1] - from[1]);
        [(to[0] - from[0]) / length, (to[1] - from[1]) / length]
    };
    (0..ring.len()).map(move |index| {
        let corner = at(index);
        let (before, behind) = (direction(at(index + ring.len() - 1), corner), direction(corner, at(index + 1)));
        Angle {
            at: corner,
            // the left of both directions, with rows that go down
            inward: [before[1] + behind[1], -before[0] - behind[0]],
            turns_right: before[0] * behind[1] - before[1] * behind[0] > 0.0,
        }
    })
}

impl Angle {
    /// The corner, moved inwards by so many cells, or at least by what a number as large can tell apart.
    fn moved(&self, by: f64) -> [f64; 2] {
        let least = 4.0 * f64::EPSILON * self.at[0].max(self.at[1]);
        let by = by.signum() * by.abs().max(least);
        [self.at[0] + by * self.inward[0], self.at[1] + by * self.inward[1]]
    }
}
