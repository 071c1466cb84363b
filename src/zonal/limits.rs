//! What one analysis may ask for.

use super::ZonalError;
use super::shapes::Polygon;

/// Limits of analyses; the operator may set each.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Cells under the shape.
    pub cells: u64,
    /// Vertices of all shapes.
    pub vertices: u64,
    /// Rings of all shapes.
    pub rings: u64,
    /// Features of an answer; values of counts, pairs of a crosstab.
    pub features: u64,
    /// Bytes of an answer.
    pub answer_bytes: u64,
    /// Cells of a chunk, about.
    pub chunk_cells: u64,
}

impl Limits {
    /// Whether the shapes of an analysis may be looked at at all.
    ///
    /// # Errors
    /// When they have too many rings or vertices.
    pub fn check(&self, polygons: &[&Polygon]) -> Result<(), ZonalError> {
        let rings = || polygons.iter().flat_map(|polygon| polygon.holes.iter().chain([&polygon.exterior]));
        let advice = "simplify the shape, or send it in parts";
        let within = |what: &'static str, size: usize, limit: u64| match size as u64 {
            size if size > limit => Err(ZonalError::TooLarge { what, size, limit, advice }),
            _ => Ok(()),
        };
        within("rings", rings().count(), self.rings)?;
        within("vertices", rings().map(Vec::len).sum(), self.vertices)
    }

    /// How many values an answer may have.
    #[must_use]
    pub fn values(&self) -> usize {
        usize::try_from(self.features).unwrap_or(usize::MAX)
    }
}
