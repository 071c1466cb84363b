//! The statistics of one band, or of a part of it.

use serde::{Deserialize, Serialize};

use super::StatsError;
use super::answer::StatisticsOptions;
use super::cell::{Cell, is_narrow};
use super::histogram::{Edges, Histogram};
use super::sketch::Sketch;
use super::sums::Sums;
use super::tally::Tally;
use super::valid::each_valid;
use super::values::Values;
use super::view::View;
use crate::raster::DataType;

/// What to find out about a band whose cells are wider than 16 bits. For the others one table of counts tells it all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Sum, mean and variance.
    pub moments: bool,
    /// Median and percentiles.
    pub distribution: bool,
    /// Values one by one, while there are no more than this; see [`super::DISTINCT_LIMIT`]. It makes the others exact.
    pub distinct: Option<usize>,
    /// A histogram between these edges.
    pub histogram: Option<Edges>,
}

/// What is known of the cells of one band: of a chunk, or of chunks that were merged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BandPartial {
    pub(super) dtype: DataType,
    pub(super) valid: Tally,
    pub(super) nodata: Tally,
    /// Keys of the lowest and highest value; for cells up to 16 bits, `values` tells.
    pub(super) range: Option<[u64; 2]>,
    pub(super) values: Option<Values>,
    pub(super) sums: Option<Sums>,
    pub(super) sketch: Option<Sketch>,
    pub(super) histogram: Option<Histogram>,
}

impl BandPartial {
    /// Nothing yet.
    #[must_use]
    pub fn new(dtype: DataType, wanted: &Wanted) -> Self {
        let is_wide = !is_narrow(dtype);
        let limit = if is_wide { wanted.distinct } else { Some(0) };
        Self {
            dtype,
            valid: Tally::default(),
            nodata: Tally::default(),
            range: None,
            values: limit.map(|limit| Values::new(dtype, limit)),
            sums: (is_wide && wanted.moments).then(Sums::new),
            sketch: (is_wide && wanted.distribution).then(Sketch::new),
            histogram: wanted.histogram.clone().filter(|_| is_wide).map(Histogram::new),
        }
    }

    /// Adds cells of one weight; `validity` has one byte a cell, 0 where there is no data.
    ///
    /// # Errors
    /// Cells of another type.
    pub fn push<T: Cell>(&mut self, cells: &[T], validity: Option<&[u8]>, weight: u64) -> Result<(), StatsError> {
        if T::DTYPE != self.dtype {
            return Err(StatsError::Mismatch);
        }
        if weight > 0 {
            let masked = each_valid(cells, validity, |valid| self.push_valid(valid, weight));
            self.nodata += Tally::of(masked, weight);
        }
        Ok(())
    }

    fn push_valid<T: Cell>(&mut self, cells: &[T], weight: u64) {
        self.valid += Tally::of(cells.len() as u64, weight);
        if let Some(values) = &mut self.values {
            // too many values is an answer here: there is no majority
            let _ = values.push(cells, weight);
        }
        if is_narrow(self.dtype) {
            return;
        }
        self.extend_range(range(cells));
        if let Some(sums) = &mut self.sums {
            sums.push(cells, weight);
        }
        if let Some(sketch) = &mut self.sketch {
            sketch.push(cells, weight);
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.push(cells);
        }
    }

    fn extend_range(&mut self, range: Option<[u64; 2]>) {
        self.range = match (self.range, range) {
            (Some([low, high]), Some([lower, higher])) => Some([low.min(lower), high.max(higher)]),
            (known, new) => known.or(new),
        };
    }

    /// Adds everything that another one holds.
    ///
    /// # Errors
    /// Another type of cells, or other things that were wanted.
    pub fn merge(&mut self, other: &Self) -> Result<(), StatsError> {
        if self.dtype != other.dtype {
            return Err(StatsError::Mismatch);
        }
        merge_both(&mut self.values, other.values.as_ref(), |a, b| a.merge(b) != Err(StatsError::Mismatch))?;
        merge_both(&mut self.sums, other.sums.as_ref(), |a, b| {
            a.merge(b);
            true
        })?;
        merge_both(&mut self.sketch, other.sketch.as_ref(), |a, b| {
            a.merge(b);
            true
        })?;
        merge_both(&mut self.histogram, other.histogram.as_ref(), Histogram::merge)?;
        self.valid += other.valid;
        self.nodata += other.nodata;
        self.extend_range(other.range);
        Ok(())
    }

    /// What to find out in a second pass over the same cells: a histogram whose edges depend on the data, where not
    /// all values are known. [`BandPartial::set_histogram`] takes the result.
    #[must_use]
    pub fn second_pass(&self, options: &StatisticsOptions) -> Option<Wanted> {
        let view = View::new(self);
        let edges = options.edges(self.dtype, view.range()).ok().filter(|_| !options.categorical)?;
        let is_known = view.histogram(edges.clone()).is_some();
        (!is_known).then(|| Wanted { histogram: Some(edges), ..Wanted::default() })
    }

    /// Takes over the histogram of a second pass, for which nothing but a histogram was wanted.
    pub fn set_histogram(&mut self, second: Self) {
        self.histogram = second.histogram;
    }
}

/// Merges what both have; an error when one has it and the other has not.
fn merge_both<A>(to: &mut Option<A>, from: Option<&A>, merge: impl Fn(&mut A, &A) -> bool) -> Result<(), StatsError> {
    match (to, from) {
        (None, None) => Ok(()),
        (Some(to), Some(from)) => merge(to, from).then_some(()).ok_or(StatsError::Mismatch),
        _ => Err(StatsError::Mismatch),
    }
}

/// Keys of the lowest and highest cell.
fn range<T: Cell>(cells: &[T]) -> Option<[u64; 2]> {
    const LANES: usize = 16;
    let (blocks, rest) = cells.as_chunks::<LANES>();
    let keys = rest.iter().map(|cell| cell.key());
    let (mut lowest, mut highest) = (keys.clone().min(), keys.max());
    if let Some((first, blocks)) = blocks.split_first() {
        // lanes that do not wait for each other, without a branch a cell
        let (mut low, mut high) = (*first, *first);
        for block in blocks {
            for lane in 0..LANES {
                low[lane] = if block[lane] < low[lane] { block[lane] } else { low[lane] };
                high[lane] = if block[lane] > high[lane] { block[lane] } else { high[lane] };
            }
        }
        lowest = low.iter().map(|cell| cell.key()).chain(lowest).min();
        highest = high.iter().map(|cell| cell.key()).chain(highest).max();
    }
    Some([lowest?, highest?])
}
