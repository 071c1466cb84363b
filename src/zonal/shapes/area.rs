//! Polygons that are known to be areas.

use super::{Polygon, Ring, ShapeError, sphere, valid};

/// Rings that bound an area on Earth.
///
/// Longitudes are -180 to 180: what lies across the antimeridian is cut there. Exteriors run counterclockwise, holes
/// clockwise, and the rings wind around every place once (inside) or not at all, but for slivers of ten micrometres.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    pub(super) rings: Vec<Ring>,
}

impl Area {
    /// Takes polygons as clients send them.
    ///
    /// Accepted beyond the letter of the standards: rings in either direction, across the antimeridian in any of the
    /// ways that `sphere` tells, around a pole; repeated vertices; spikes without area; rings that touch themselves or
    /// each other; parts of a multipolygon, or holes, that share edges.
    ///
    /// # Errors
    ///
    /// Edges cross, rings overlap, a hole is not within its polygon, a ring winds more than once about a pole, or all
    /// that is too intricate to be checked.
    pub fn new(polygons: &[Polygon]) -> Result<Self, ShapeError> {
        let mut rings = Vec::new();
        for (index, polygon) in polygons.iter().enumerate() {
            sphere::cut(polygon, index, &mut rings)?;
        }
        valid::check(&rings)?;
        Ok(Self { rings })
    }

    /// The rings: exteriors counterclockwise, holes clockwise, longitudes from -180 to 180.
    #[must_use]
    pub fn rings(&self) -> &[Ring] {
        &self.rings
    }
}
