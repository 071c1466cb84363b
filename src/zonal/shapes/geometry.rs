//! The geometries that requests may have.

use super::{Position, Ring, ShapeError};

/// A geometry of a request, every position in the world; that polygons are areas is for
/// [`Area::new`](super::Area::new) to check.
#[derive(Debug, Clone, PartialEq)]
pub enum Geometry {
    /// A `Polygon`, a `MultiPolygon`, or a collection of them.
    Areas(Vec<Polygon>),
    /// A `LineString`, or a `MultiLineString` whose parts join: a line that was cut at the antimeridian.
    Line(Vec<Position>),
    /// A `Point` or a `MultiPoint`.
    Points(Vec<Position>),
}

/// The rings of a polygon, as they came.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon {
    /// Its outline.
    pub exterior: Ring,
    /// What is cut out of it.
    pub holes: Vec<Ring>,
}

impl Geometry {
    /// The polygons.
    ///
    /// # Errors
    ///
    /// It is something else.
    pub fn into_areas(self) -> Result<Vec<Polygon>, ShapeError> {
        match self {
            Self::Areas(polygons) => Ok(polygons),
            Self::Line(_) | Self::Points(_) => Err(self.not("a Polygon or a MultiPolygon")),
        }
    }

    /// What is said of it when something else is expected.
    #[must_use]
    pub fn not(&self, expected: &'static str) -> ShapeError {
        let found = match self {
            Self::Areas(_) => "polygon",
            Self::Line(_) => "line",
            Self::Points(_) => "set of points",
        };
        ShapeError::WrongType { expected, found }
    }
}
