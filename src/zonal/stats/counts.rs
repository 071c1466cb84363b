//! The area of each value under a shape.

use serde::{Deserialize, Serialize};

use super::StatsError;
use super::cell::{self, Cell};
use super::tally::Tally;
use super::valid::each_valid;
use super::values::Values;
use crate::raster::DataType;

/// Cells and weight of each value of one band, and of what has no data: of a chunk, or of chunks that were merged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Counts {
    values: Values,
    nodata: Tally,
}

impl Counts {
    /// Nothing yet. Types wider than 16 bits may have up to `limit` values: millions of keys are no answer.
    #[must_use]
    pub fn new(dtype: DataType, limit: usize) -> Self {
        Self { values: Values::new(dtype, limit), nodata: Tally::default() }
    }

    /// Adds cells of one weight; `validity` has one byte a cell, 0 where there is no data.
    ///
    /// # Errors
    /// More values than the limit, or cells of another type. What was counted is lost then.
    pub fn push<T: Cell>(&mut self, cells: &[T], validity: Option<&[u8]>, weight: u64) -> Result<(), StatsError> {
        if T::DTYPE != self.values.dtype() {
            return Err(StatsError::Mismatch);
        }
        if weight == 0 {
            return Ok(());
        }
        let mut pushed = Ok(());
        let masked = each_valid(cells, validity, |valid| {
            if pushed.is_ok() {
                pushed = self.values.push(valid, weight);
            }
        });
        self.nodata += Tally::of(masked, weight);
        pushed
    }

    /// Adds everything that another one holds.
    ///
    /// # Errors
    /// More values than the limit together, or another type of cells or limit.
    pub fn merge(&mut self, other: &Self) -> Result<(), StatsError> {
        self.values.merge(&other.values)?;
        self.nodata += other.nodata;
        Ok(())
    }

    /// Each value that occurs, by its key and as text ("11", "-3", "0.5"), in ascending order.
    #[must_use]
    pub fn values(&self) -> Vec<(u64, String, Tally)> {
        let entries = self.values.entries().unwrap_or_default();
        entries.into_iter().map(|(key, tally)| (key, cell::text(self.values.dtype(), key), tally)).collect()
    }

    /// Cells inside the shape that have no data.
    #[must_use]
    pub fn nodata(&self) -> Tally {
        self.nodata
    }
}
