//! What if: values that are burnt into a raster before it is analysed.

use serde::{Deserialize, Serialize};

use super::band::BandCells;
use super::cover::Part;
use super::{CellRule, Window};
use crate::raster::{DataType, Sample};
use crate::{each_samples, with_sample_type};

/// A value for the cells whose centre is inside a shape. Later ones are burnt over earlier ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Burn {
    /// Where: what is near a chunk.
    pub part: Part,
    /// What: it makes the cells valid, too, unless it is the nodata value.
    pub value: f64,
}

/// Whether two values are the same one of a type.
fn are_equal(dtype: DataType, one: f64, other: f64) -> bool {
    with_sample_type!(dtype, T => <T as Sample>::from_f64(one) == <T as Sample>::from_f64(other))
}

/// Burns values, in order, into the cells of a window; the nodata value makes a hole.
pub fn burn(burns: &[Burn], nodata: Option<f64>, window: Window, cells: &mut BandCells) {
    for Burn { part, value } in burns {
        let is_hole = nodata.is_some_and(|nodata| are_equal(cells.samples.dtype(), *value, nodata));
        if is_hole && cells.validity.is_none() {
            cells.validity = Some(vec![u8::MAX; cells.samples.len()]);
        }
        part.clip(window).runs(CellRule::Center, |run| {
            let range = run.range(cells.width);
            each_samples!(&mut cells.samples, values => values[range.clone()].fill(Sample::from_f64(*value)));
            if let Some(validity) = &mut cells.validity {
                validity[range].fill(if is_hole { 0 } else { u8::MAX });
            }
        });
    }
}
