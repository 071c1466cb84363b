//! Regions: connected cells of one class, as polygons.
//!
//! [`trace`] draws the outlines in one chunk and reads nothing around it; [`Regions`] joins the chunks, in any order.
//! What lies on a seam is decided there, from the cells on both sides, so that the result is the same for any
//! chunking. [`to_lon_lat`] makes GeoJSON coordinates of a region.
//!
//! A *part* is a 4-connected set of cells, and a polygon: one exterior ring and any number of holes. A region is one
//! part, or for 8-connectivity several that touch at corners. All is in *cell space*: corners are whole numbers,
//! cell (c, r) covers [c, c+1) × [r, r+1), rows go down. A ring has its part on its left as one sees it with row 0 at
//! the top: exteriors run counterclockwise (down along the left side of a cell, right along its bottom), holes
//! clockwise. Rings are simple; they touch at corners only.

mod antimeridian;
mod chains;
mod corners;
mod densify;
mod geometry;
mod join;
mod labels;
mod parts;
mod ring;
mod seams;
mod simplify;
mod sweep;
#[cfg(test)]
mod tests;
mod trace;

use serde::{Deserialize, Serialize};

pub use geometry::{Drawing, Geometry, to_lon_lat};
pub use join::Regions;
pub use trace::{Traced, trace};

/// A corner of cells: column, row.
pub type Corner = [u64; 2];

/// Which cells belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connectivity {
    /// Those that share a side.
    #[serde(rename = "4")]
    Four,
    /// Those that share a side or a corner.
    #[serde(rename = "8")]
    Eight,
}

/// Which regions are wanted; the same for all chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Which cells belong together.
    pub connectivity: Connectivity,
    /// Regions of fewer cells are left out.
    pub min_cells: u64,
}

/// How large a result may become. Whether it is too large does not depend on the chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Regions, without those that are left out.
    pub regions: u64,
    /// Corners of their rings.
    pub corners: u64,
}

/// Connected cells of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// What [`trace`] was given for these cells.
    pub class: u16,
    /// Cells.
    pub cells: u64,
    /// Ordered by their first cells; regions are ordered likewise, by row and column.
    pub parts: Vec<Part>,
}

/// Cells that are connected by their sides, as a polygon.
///
/// Every ring starts at its first corner by row and column, and has no corner where it goes straight on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Starts at the upper left corner of the part's first cell, and goes down.
    pub exterior: Vec<Corner>,
    /// Ordered by their first corners.
    pub holes: Vec<Vec<Corner>>,
}

impl Part {
    /// The exterior and the holes.
    pub fn rings(&self) -> impl Iterator<Item = &Vec<Corner>> {
        std::iter::once(&self.exterior).chain(&self.holes)
    }
}

/// Why there are no regions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ExtractError {
    /// More regions than allowed.
    #[error("there are {found} regions or more, {limit} are allowed: a smaller area or larger min_cells gives fewer")]
    TooManyRegions {
        /// Regions that were found until then.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// More corners than allowed.
    #[error(
        "the regions have {found} corners or more, {limit} are allowed: a smaller area or larger min_cells gives fewer"
    )]
    TooManyCorners {
        /// Corners that were found until then.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The outlines of the chunks don't fit together.
    #[error(
        "the chunks overlap, or were traced with different selections: an outline breaks at {corner:?} (column, row)"
    )]
    Unmatched {
        /// Where an outline has no continuation.
        corner: Corner,
    },
}
