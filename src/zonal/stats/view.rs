//! What a band says, read from whichever of its accumulators knows it best.

use super::band::BandPartial;
use super::cell::{self, scaled_of};
use super::histogram::{Edges, Histogram};
use super::percentile::Ranked;
use super::sketch::RELATIVE_ERROR;
use super::sums::{Moments, Sums};
use super::tally::Tally;
use super::values::Values;

/// A band, and every value of it if they are known.
pub struct View<'a> {
    band: &'a BandPartial,
    /// By key, in ascending order.
    pub entries: Option<Vec<(u64, Tally)>>,
}

impl<'a> View<'a> {
    pub fn new(band: &'a BandPartial) -> Self {
        Self { band, entries: band.values.as_ref().and_then(Values::entries) }
    }

    /// Lowest and highest value, whatever they weigh.
    pub fn range(&self) -> Option<[f64; 2]> {
        let ends = || self.entries.as_ref().and_then(|entries| Some([entries.first()?.0, entries.last()?.0]));
        Some(self.band.range.or_else(ends)?.map(|key| self.number(key)))
    }

    /// Sum, mean and variance.
    pub fn moments(&self) -> Option<Moments> {
        let weight = self.band.valid.weight;
        if let Some(sums) = &self.band.sums {
            return sums.moments(weight);
        }
        let mut sums = Sums::new();
        for (key, tally) in self.entries.as_ref()? {
            sums.add(scaled_of(self.band.dtype, *key), *tally);
        }
        sums.moments(weight)
    }

    /// What percentiles are read from, and their relative error: none while all values are known.
    pub fn ranked(&self) -> Option<(Ranked, f64)> {
        let range = self.range()?;
        if let Some(entries) = &self.entries {
            let numbers = entries.iter().map(|(key, tally)| (self.number(*key), *tally));
            return Some((Ranked::new(numbers, range), 0.0));
        }
        let buckets = self.band.sketch.as_ref()?.entries(self.band.dtype.is_integer());
        Some((Ranked::new(buckets, range), RELATIVE_ERROR))
    }

    /// The histogram between these edges; `None` when neither are all values known nor was it wanted.
    pub fn histogram(&self, edges: Edges) -> Option<Histogram> {
        if let Some(histogram) = self.band.histogram.as_ref().filter(|histogram| *histogram.edges() == edges) {
            return Some(histogram.clone());
        }
        let mut histogram = Histogram::new(edges);
        if self.band.valid.cells > 0 {
            let entries = self.entries.as_ref()?;
            for (key, tally) in entries {
                histogram.add(self.number(*key), tally.cells);
            }
        }
        Some(histogram)
    }

    /// The value behind a key.
    pub fn number(&self, key: u64) -> f64 {
        cell::number(self.band.dtype, key)
    }
}
