//! From a shape in cell space to runs of covered cells.
//!
//! In cell space, cell (column c, row r) is the square from (c, r) to (c + 1, r + 1), and rows count downwards. A
//! [`Shape`] holds the polygons and finds what of them a window needs; that is a [`Part`], which may be sent to another
//! machine; and [`Part::runs`] gives the covered cells. Each cell weighs the same, bit for bit, in every window that
//! holds it: positions come from whole edges, never from clipped ones, and all sums are sums of integers.
//!
//! What is inside is what the polygons wind around: rings that overlap or nest unite, holes are cut out. The rules:
//!
//! * [`Center`](super::CellRule::Center): a centre exactly on an edge is inside if the area lies left of it, or below a
//!   horizontal one. Cells are then never counted twice or lost between polygons that share an edge. GDAL breaks ties
//!   in the same way, but for edges that run along a row of centres: north up, it counts these cells in both polygons.
//! * [`AllTouched`](super::CellRule::AllTouched): the boundary passes through the cell's inside, or the centre is
//!   inside. An edge along a border between cells, or one that ends there, touches only what is on the polygon's side.
//!   GDAL agrees, but for edges within 1e-4 cells of a border, which it takes to be on it, and for cells that an edge
//!   meets in one point of their border, of which it marks some.
//! * [`Coverage`](super::CellRule::Coverage): the exact share. Where several polygons overlap within one cell their
//!   shares are added, up to the whole cell; and where a ring crosses itself within one cell the parts on the two sides
//!   of the crossing are subtracted.

mod clip;
mod edge;
mod part;
mod runs;
mod shape;
#[cfg(test)]
mod tests;

pub use part::{Part, Relation};
pub use shape::Shape;
