//! Histograms as numpy has them: bins `[lo, hi)`, the last one closed.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::cell::Cell;
use crate::raster::DataType;

/// As many bins as 16-bit values: more is a table, not a picture of one.
pub const MAX_BINS: usize = 1 << 16;

/// How the bins are chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Bins {
    /// So many of the same width.
    Count(usize),
    /// Between these edges, which do not fall.
    Edges(Vec<f64>),
}

/// Why a histogram cannot be made.
#[derive(Debug, Clone, PartialEq, Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum HistogramError {
    #[error("a histogram has 1 to {MAX_BINS} bins, not {bins}")]
    BinCount { bins: usize },
    #[error("a histogram goes from a number to one that is not lower, not from {low:?} to {high:?}")]
    Range { low: f64, high: f64 },
    #[error("edge {index} of the histogram is {edge:?}: edges are finite and do not fall")]
    Edge { index: usize, edge: f64 },
    #[error("{bins} bins between {low:?} and {high:?} would be narrower than the numbers are apart")]
    TooNarrow { bins: usize, low: f64, high: f64 },
}

/// Edges of bins: finite, two at least, in ascending order.
///
/// They travel as the bits of the numbers: a decimal fraction may come back as its neighbour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct Edges(Vec<f64>);

impl Edges {
    /// Edges as they are given.
    ///
    /// # Errors
    /// They fall, are not finite, or are less than two or too many.
    pub fn new(edges: Vec<f64>) -> Result<Self, HistogramError> {
        let bins = edges.len().saturating_sub(1);
        if !(1..=MAX_BINS).contains(&bins) {
            return Err(HistogramError::BinCount { bins });
        }
        let falls = |index: &usize| !edges[*index].is_finite() || (*index > 0 && edges[*index] < edges[*index - 1]);
        match (0..edges.len()).find(falls) {
            Some(index) => Err(HistogramError::Edge { index, edge: edges[index] }),
            None => Ok(Self(edges)),
        }
    }

    /// Bins of one width from `low` to `high`, half a unit to both sides where these are the same (numpy's rule).
    ///
    /// Edges for `float32` cells are such numbers, as in numpy; `from_data` says that the ends are values of the cells,
    /// as it then computes with their precision too.
    ///
    /// # Errors
    /// No bins or too many, ends that fall or are not finite, or bins narrower than the numbers are apart.
    pub fn uniform(
        bins: usize, [low, high]: [f64; 2], dtype: DataType, from_data: bool,
    ) -> Result<Self, HistogramError> {
        if !(1..=MAX_BINS).contains(&bins) {
            return Err(HistogramError::BinCount { bins });
        }
        if !(low.is_finite() && high.is_finite() && low <= high) {
            return Err(HistogramError::Range { low, high });
        }
        let (low, high) = if low == high { (low - 0.5, high + 0.5) } else { (low, high) };
        let edges = match dtype {
            DataType::F32 if from_data => linspace_f32(low, high, bins),
            DataType::F32 => linspace(low, high, bins).into_iter().map(to_single).collect(),
            _ => linspace(low, high, bins),
        };
        let edges = Self::new(edges)?;
        let rise = edges.0.is_sorted_by(|a, b| a < b);
        if rise { Ok(edges) } else { Err(HistogramError::TooNarrow { bins, low, high }) }
    }

    /// The numbers.
    #[must_use]
    pub fn as_slice(&self) -> &[f64] {
        &self.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "few bins")]
fn linspace(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let step = (high - low) / bins as f64;
    (0..bins).map(|bin| bin as f64 * step + low).chain([high]).collect()
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "few bins; the ends are f32")]
fn linspace_f32(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let (low, high) = (low as f32, high as f32);
    let step = (high - low) / bins as f32;
    (0..bins).map(|bin| bin as f32 * step + low).chain([high]).map(f64::from).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is asked for")]
fn to_single(value: f64) -> f64 {
    f64::from(value as f32)
}

impl From<Edges> for Vec<u64> {
    fn from(edges: Edges) -> Self {
        edges.0.into_iter().map(f64::to_bits).collect()
    }
}

impl TryFrom<Vec<u64>> for Edges {
    type Error = HistogramError;

    fn try_from(bits: Vec<u64>) -> Result<Self, HistogramError> {
        Self::new(bits.into_iter().map(f64::from_bits).collect())
    }
}

/// Cells between fixed edges; each counts as one, however little of it is covered (rio-tiler's rule).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "(Edges, Vec<u64>)", into = "(Edges, Vec<u64>)")]
pub struct Histogram {
    edges: Edges,
    cells: Vec<u64>,
}

impl Histogram {
    /// Nothing yet.
    #[must_use]
    pub fn new(edges: Edges) -> Self {
        Self { cells: vec![0; edges.0.len() - 1], edges }
    }

    /// Counts valid cells.
    pub fn push<T: Cell>(&mut self, cells: &[T]) {
        for cell in cells {
            self.add(cell.to_f64(), 1);
        }
    }

    /// Counts cells of one value; what lies outside the edges is left out.
    pub fn add(&mut self, value: f64, cells: u64) {
        if let Some(bin) = self.bin(value) {
            self.cells[bin] += cells;
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a guess that is checked"
    )]
    fn bin(&self, value: f64) -> Option<usize> {
        let (edges, last_bin) = (self.edges.0.as_slice(), self.cells.len() - 1);
        let (low, high) = (edges[0], edges[last_bin + 1]);
        if value < low || value > high {
            return None;
        }
        // where it is if all bins are as wide; the search is for the others, and for what lies next to an edge
        let guess = ((value - low) / (high - low) * self.cells.len() as f64) as usize;
        if guess < last_bin && edges[guess] <= value && value < edges[guess + 1] {
            return Some(guess);
        }
        Some(edges.partition_point(|edge| *edge <= value).saturating_sub(1).min(last_bin))
    }

    /// Adds everything that another one holds; `false` when the edges differ.
    #[must_use]
    pub fn merge(&mut self, other: &Self) -> bool {
        self.cells.iter_mut().zip(&other.cells).for_each(|(cells, more)| *cells += more);
        self.edges == other.edges
    }

    /// The edges.
    #[must_use]
    pub fn edges(&self) -> &Edges {
        &self.edges
    }

    /// Cells a bin.
    #[must_use]
    pub fn cells(&self) -> &[u64] {
        &self.cells
    }
}

impl From<Histogram> for (Edges, Vec<u64>) {
    fn from(histogram: Histogram) -> Self {
        (histogram.edges, histogram.cells)
    }
}

impl TryFrom<(Edges, Vec<u64>)> for Histogram {
    type Error = HistogramError;

    fn try_from((edges, cells): (Edges, Vec<u64>)) -> Result<Self, HistogramError> {
        let fits = cells.len() + 1 == edges.0.len();
        if fits { Ok(Self { edges, cells }) } else { Err(HistogramError::BinCount { bins: cells.len() }) }
    }
}
