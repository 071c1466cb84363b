//! From a request's GeoJSON to a checked shape in the cell space of a raster, and points along lines.
//!
//! The steps, each a type:
//!
//! 1. [`parse`] reads a [`Geometry`]: polygons, a line, or points, their positions in the world, nothing else checked.
//! 2. [`Area::new`] brings polygons to one form, whatever way they came across the antimeridian (`sphere`), and makes
//!    sure that every place is inside once or not at all (`valid`).
//! 3. [`Area::project`] gives the rings in cells of one raster, with as many vertices as its projection needs.
//! 4. [`along`] gives the points of a [`Geometry::Line`] at equal distances on the ground.
//!
//! Edges are straight in longitude and latitude, as RFC 7946 has it, and all longitudes are degrees.

mod area;
mod clip;
mod densify;
mod error;
mod geojson;
mod geometry;
mod line;
mod project;
mod seam;
mod sphere;
#[cfg(test)]
mod tests;
mod valid;
mod winding;

pub use area::Area;
pub use densify::TOLERANCE_CELLS;
pub use error::{Fault, ShapeError};
pub use geojson::{Feature, parse, read_features};
pub use geometry::{Geometry, Polygon};
pub use line::{LinePoint, MAX_POINTS, Steps, along};

/// Longitude and latitude in degrees, or column and row in cells.
pub type Position = [f64; 2];

/// Vertices of a closed path; the first one is not repeated at its end.
pub type Ring = Vec<Position>;

/// Vertices that the polygons of one request may have: 500,000 take about a second on one core, all steps together.
pub const MAX_VERTICES: usize = 1_000_000;

/// Vertices that a shape may have in cell space: 64 MB.
pub const MAX_CELL_VERTICES: usize = 4_000_000;

/// The edges of a closed path.
fn edges(ring: &[Position]) -> impl Iterator<Item = [Position; 2]> + '_ {
    let last = ring.len().saturating_sub(1);
    ring.iter().enumerate().map(move |(i, to)| [ring[if i == 0 { last } else { i - 1 }], *to])
}

/// The area of a ring, positive if it runs counterclockwise; from its first vertex: large values cost no digits.
fn signed_area(ring: &[Position]) -> f64 {
    let Some(&[x0, y0]) = ring.first() else { return 0.0 };
    edges(ring).map(|[a, b]| (a[0] - x0) * (b[1] - y0) - (b[0] - x0) * (a[1] - y0)).sum::<f64>() / 2.0
}
