//! The answer, with the names and the rules of `TiTiler` (rio-tiler 9, `BandStatistics` and `get_array_statistics`).

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::DISTINCT_LIMIT;
use super::band::{BandPartial, Wanted};
use super::cell;
use super::histogram::{Bins, Edges, HistogramError};
use super::tally::Tally;
use super::view::View;
use crate::raster::DataType;
use crate::zonal::CellRule;

/// What the answer shall hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StatisticsOptions {
    /// How cells were chosen; it decides what a percentile is.
    pub rule: CellRule,
    /// From 0 to 100 (`p`).
    pub percentiles: Vec<f64>,
    /// Whether the histogram counts values instead of bins (`categorical`).
    pub categorical: bool,
    /// The values to count then, all where there are none (`c`).
    pub categories: Vec<f64>,
    /// `histogram_bins`.
    pub bins: Bins,
    /// `histogram_range`: without it, from the lowest to the highest value.
    pub range: Option<[f64; 2]>,
}

impl Default for StatisticsOptions {
    fn default() -> Self {
        Self {
            rule: CellRule::Coverage,
            percentiles: vec![2.0, 98.0],
            categorical: false,
            categories: Vec::new(),
            bins: Bins::Count(10),
            range: None,
        }
    }
}

impl StatisticsOptions {
    /// What to find out in the first pass.
    ///
    /// # Errors
    /// The options make no histogram.
    pub fn wanted(&self, dtype: DataType) -> Result<Wanted, HistogramError> {
        let are_fixed = self.range.is_some() || matches!(self.bins, Bins::Edges(_));
        // asked for in any case: bins that cannot be are the client's mistake, whatever the data
        let edges = self.edges(dtype, None)?;
        Ok(Wanted {
            moments: true,
            distribution: true,
            distinct: Some(DISTINCT_LIMIT),
            histogram: Some(edges).filter(|_| are_fixed && !self.categorical),
        })
    }

    /// The edges that numpy chooses for cells of this type and range.
    pub(super) fn edges(&self, dtype: DataType, data: Option<[f64; 2]>) -> Result<Edges, HistogramError> {
        match (&self.bins, self.range) {
            (Bins::Edges(edges), _) => Edges::new(edges.clone()),
            (Bins::Count(bins), Some(range)) => Edges::uniform(*bins, range, dtype, false),
            (Bins::Count(bins), None) => Edges::uniform(*bins, data.unwrap_or([0.0, 1.0]), dtype, data.is_some()),
        }
    }
}

/// Statistics of one band. What is not known is null, as all but the counts are where no cell is valid.
///
/// `TiTiler` adds the `description` of the band, which is not known here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandStatistics {
    /// Lowest value, however little of its cell is covered.
    pub min: Option<f64>,
    /// Highest value, likewise.
    pub max: Option<f64>,
    /// Weighted by coverage.
    pub mean: Option<f64>,
    /// Covered area of the valid cells, in cells.
    pub count: f64,
    /// Of values times covered area.
    pub sum: Option<f64>,
    /// Standard deviation of the population, weighted by coverage.
    pub std: Option<f64>,
    /// The percentile 50.
    pub median: Option<f64>,
    /// The value of most cells, the lowest of several; each cell counts as one.
    pub majority: Option<f64>,
    /// The value of fewest cells, the lowest of several; each cell counts as one.
    pub minority: Option<f64>,
    /// How many values occur.
    pub unique: Option<f64>,
    /// `[[cells], [edges or categories]]`; each cell counts as one.
    pub histogram: Option<(Vec<u64>, Vec<Number>)>,
    /// Share of the cells inside the shape that are valid, to two digits.
    pub valid_percent: f64,
    /// Cells inside the shape without data. (`TiTiler` also counts those of the bounding box that lie outside.)
    pub masked_pixels: f64,
    /// Cells inside the shape with data.
    pub valid_pixels: f64,
    /// `percentile_2` and so on.
    #[serde(flatten)]
    pub percentiles: IndexMap<String, Option<f64>>,
    /// How far median and percentiles may be off, relative to the values they lie between: 0 or 2^-12.
    pub percentile_error: Option<f64>,
}

impl BandPartial {
    /// The answer. [`BandPartial::second_pass`] says whether its histogram takes another pass.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "numbers of cells")]
    pub fn finish(&self, options: &StatisticsOptions) -> BandStatistics {
        let view = View::new(self);
        let (range, moments, ranked) = (view.range(), view.moments(), view.ranked());
        let percentile = |p| finite(ranked.as_ref()?.0.percentile(p, options.rule)?);
        let values = || view.entries.iter().flatten();
        let (valid, inside) = (self.valid.cells as f64, (self.valid.cells + self.nodata.cells) as f64);
        BandStatistics {
            min: range.map(|[low, _]| low),
            max: range.map(|[_, high]| high),
            mean: moments.and_then(|moments| finite(moments.mean)),
            count: self.valid.area(),
            sum: if valid == 0.0 { Some(0.0) } else { moments.and_then(|moments| finite(moments.sum)) },
            std: moments.and_then(|moments| finite(moments.variance.sqrt())),
            median: percentile(50.0),
            // of several, `max_by_key` gives the last: so from the highest value down
            majority: values().rev().max_by_key(|entry| entry.1.cells).map(|entry| view.number(entry.0)),
            minority: values().min_by_key(|entry| entry.1.cells).map(|entry| view.number(entry.0)),
            unique: view.entries.as_ref().map(|entries| entries.len() as f64),
            histogram: binned(&view, self.dtype, options),
            valid_percent: if inside == 0.0 { 0.0 } else { (valid / inside * 1e4).round_ties_even() / 100.0 },
            masked_pixels: self.nodata.cells as f64,
            valid_pixels: valid,
            percentiles: options.percentiles.iter().map(|p| (format!("percentile_{p}"), percentile(*p))).collect(),
            percentile_error: ranked.as_ref().map(|(_, error)| *error).filter(|_| valid > 0.0),
        }
    }
}

fn binned(view: &View<'_>, dtype: DataType, options: &StatisticsOptions) -> Option<(Vec<u64>, Vec<Number>)> {
    if options.categorical {
        return categories(dtype, view.entries.as_ref()?, &options.categories);
    }
    let histogram = view.histogram(options.edges(dtype, view.range()).ok()?)?;
    let edges = histogram.edges().as_slice().iter().filter_map(|edge| Number::from_f64(*edge));
    Some((histogram.cells().to_vec(), edges.collect()))
}

/// Cells of each category, or of every value when none are named.
fn categories(dtype: DataType, entries: &[(u64, Tally)], wanted: &[f64]) -> Option<(Vec<u64>, Vec<Number>)> {
    if wanted.is_empty() {
        return Some(entries.iter().map(|(key, tally)| (tally.cells, cell::json(dtype, *key))).unzip());
    }
    let cells_of = |key| entries.binary_search_by_key(&key, |entry| entry.0).map_or(0, |found| entries[found].1.cells);
    let category = |value: &f64| match cell::key_of(dtype, *value) {
        Some(key) => Some((cells_of(key), cell::json(dtype, key))),
        None => Some((0, Number::from_f64(*value)?)),
    };
    wanted.iter().map(category).collect()
}

/// JSON has no infinity: a sum beyond the numbers is not known.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
