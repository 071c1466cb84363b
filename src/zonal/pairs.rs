//! How often values of two bands come together.

use std::collections::HashMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Run;
use super::band::BandCells;
use super::stats::{Cell, StatsError, Tally};
use crate::each_samples;
use crate::raster::DataType;

/// Cells and weight of each pair of values; `None` is "no data".
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct Pairs {
    dtypes: [DataType; 2],
    limit: usize,
    found: HashMap<Pair, Tally>,
}

/// The keys of two values.
pub type Pair = [Option<u64>; 2];

/// How it travels: JSON has no keys that are pairs.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Wire {
    dtypes: [DataType; 2],
    limit: usize,
    pairs: Vec<(Pair, Tally)>,
}

impl Pairs {
    /// None yet, and not more than so many.
    #[must_use]
    pub fn new(dtypes: [DataType; 2], limit: usize) -> Self {
        Self { dtypes, limit, found: HashMap::new() }
    }

    /// The types of the values.
    #[must_use]
    pub fn dtypes(&self) -> [DataType; 2] {
        self.dtypes
    }

    /// Adds the cells of the runs.
    ///
    /// # Errors
    /// When there are more pairs than the limit.
    pub fn push(&mut self, a: &BandCells, b: &BandCells, runs: &[Run]) -> Result<(), StatsError> {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for run in runs {
            let range = run.range(a.width);
            keys(a, range.clone(), &mut left);
            keys(b, range, &mut right);
            // Neighbours are often equal: one look a stretch.
            let mut index = 0;
            while let Some((a, b)) = left.get(index).zip(right.get(index)) {
                let rest = left[index..].iter().zip(&right[index..]);
                let cells = rest.take_while(|(left, right)| (*left, *right) == (a, b)).count();
                self.add([*a, *b], Tally::of(cells as u64, run.weight))?;
                index += cells;
            }
        }
        Ok(())
    }

    fn add(&mut self, pair: Pair, tally: Tally) -> Result<(), StatsError> {
        *self.found.entry(pair).or_default() += tally;
        if self.found.len() > self.limit { Err(StatsError::TooManyValues { limit: self.limit }) } else { Ok(()) }
    }

    /// Adds everything that another one holds.
    ///
    /// # Errors
    /// When there are more pairs than the limit together.
    pub fn merge(&mut self, other: &Self) -> Result<(), StatsError> {
        other.found.iter().try_for_each(|(pair, tally)| self.add(*pair, *tally))
    }

    /// All of them, in the order of their values.
    #[must_use]
    pub fn sorted(&self) -> Vec<(Pair, Tally)> {
        let mut pairs: Vec<(Pair, Tally)> = self.found.iter().map(|(pair, tally)| (*pair, *tally)).collect();
        pairs.sort_unstable_by_key(|(pair, _)| *pair);
        pairs
    }
}

/// The keys of some cells, in the place of what `out` held.
fn keys(band: &BandCells, range: Range<usize>, out: &mut Vec<Option<u64>>) {
    out.clear();
    each_samples!(&band.samples, cells => out.extend(range.map(|index| {
        let cell = &cells[index..=index];
        (band.is_valid(index) && Cell::are_numbers(cell)).then(|| cell[0].key())
    })));
}

impl From<Wire> for Pairs {
    fn from(Wire { dtypes, limit, pairs }: Wire) -> Self {
        Self { dtypes, limit, found: pairs.into_iter().collect() }
    }
}

impl From<Pairs> for Wire {
    fn from(pairs: Pairs) -> Self {
        Self { dtypes: pairs.dtypes, limit: pairs.limit, pairs: pairs.sorted() }
    }
}
