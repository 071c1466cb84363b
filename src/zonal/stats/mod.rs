//! Statistics of the cells under a shape: accumulators that are fed runs of cells, merged, sent and asked.
//!
//! Any split into chunks and any order of merging gives the same answer, to the bit: weights are integers, integer and
//! float cells are summed exactly ([`BandPartial`]), and distributions are counters. [`Counts`] has the area of each
//! value, [`StatisticsPartial`] what `TiTiler` calls statistics. Which cells belong to a shape, and what they weigh, is
//! decided by others; so is the version of what travels.

mod answer;
mod band;
mod bytes;
mod cell;
mod counts;
mod histogram;
mod pages;
mod percentile;
mod sketch;
mod sums;
mod tally;
mod valid;
mod values;
mod view;
mod wide;
mod words;

#[cfg(test)]
mod tests;

pub use answer::{BandStatistics, StatisticsOptions};
pub use band::{BandPartial, Wanted};
pub use cell::{Cell, text};
pub use counts::Counts;
pub use histogram::{Bins, Edges, Histogram, HistogramError, MAX_BINS};
pub use sketch::RELATIVE_ERROR;
pub use tally::Tally;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Up to so many values of wide cells are kept one by one: as many as 16 bits have. A chunk's share then takes about a
/// megabyte to send.
pub const DISTINCT_LIMIT: usize = 1 << 16;

/// Why cells or chunks cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum StatsError {
    #[error("more than {limit} different values; this is meant for classes, not for measurements")]
    TooManyValues { limit: usize },
    #[error("cells of another type, or chunks of which different things were wanted")]
    Mismatch,
}

/// What is known of several bands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatisticsPartial {
    /// Each to be fed by itself.
    pub bands: Vec<BandPartial>,
}

impl StatisticsPartial {
    /// Adds everything that another one holds, band by band.
    ///
    /// # Errors
    /// Other bands, or bands of which other things were wanted.
    pub fn merge(&mut self, other: &Self) -> Result<(), StatsError> {
        if self.bands.len() != other.bands.len() {
            return Err(StatsError::Mismatch);
        }
        self.bands.iter_mut().zip(&other.bands).try_for_each(|(band, more)| band.merge(more))
    }

    /// The answer, a band each.
    #[must_use]
    pub fn finish(&self, options: &StatisticsOptions) -> Vec<BandStatistics> {
        self.bands.iter().map(|band| band.finish(options)).collect()
    }
}
