//! Where the centre of each output pixel of a block lies in the source, in pixels of full resolution.

use super::BLOCK_PX;
use super::cells::CellMap;
use super::projector::{Axis, Projector};
use crate::geo::{CrsError, OutputGrid};

/// Positions of the pixels of a block.
#[derive(Debug)]
pub enum Mapping {
    /// Columns depend on columns only, rows on rows only: the source is in EPSG:3857 or in longitude and
    /// latitude, along its axes.
    Separable {
        /// By output column.
        cols: Axis,
        /// By output row.
        rows: Axis,
    },
    /// Anything else.
    Cells(CellMap),
}

impl Mapping {
    /// Size of the output pixels of a whole block in source pixels, along the source's axes: `[x, y]`.
    #[expect(clippy::cast_precision_loss, reason = "blocks are small")]
    pub fn mean_size(&self) -> Option<[f64; 2]> {
        let mean = |sizes: &[f64]| sizes.iter().sum::<f64>() / sizes.len() as f64;
        match self {
            Self::Separable { cols, rows } => Some([mean(&cols.size), mean(&rows.size)]),
            Self::Cells(cells) => cells.mean_size(),
        }
    }

    /// The mapping of a block, in pixels of full resolution.
    pub fn of(projector: &Projector<'_>, grid: &OutputGrid) -> Result<Self, CrsError> {
        debug_assert!(grid.width == BLOCK_PX && grid.height == BLOCK_PX);
        if projector.is_separable() {
            let (cols, rows) = projector.axes(grid);
            return Ok(Self::Separable { cols, rows });
        }
        Ok(Self::Cells(CellMap::coarse(projector, grid)?))
    }
}
