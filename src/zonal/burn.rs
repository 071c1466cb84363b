//! What if: values that are burnt into a raster before it is analysed.

use serde::{Deserialize, Serialize};

use super::band::BandCells;
use super::cover::Part;
use super::{CellRule, Window};
use crate::each_samples;
use crate::raster::Sample;

/// A value for the cells whose centre is inside a shape. Later ones are burnt over earlier ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Burn {
    /// Where: what is near a chunk.
    pub part: Part,
    /// What: it makes the cells valid, too.
    pub value: f64,
}

/// Burns values, in order, into the cells of a window.
pub fn burn(burns: &[Burn], window: Window, cells: &mut BandCells) {
    for Burn { part, value } in burns {
        part.clip(window).runs(CellRule::Center, |run| {
            let at = |col: u32| run.row as usize * cells.width + col as usize;
            let range = at(run.start)..at(run.end);
            each_samples!(&mut cells.samples, values => values[range.clone()].fill(Sample::from_f64(*value)));
            if let Some(validity) = &mut cells.validity {
                validity[range].fill(u8::MAX);
            }
        });
    }
}
