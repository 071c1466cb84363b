//! Percentiles of values that are counted or weighed.

use super::tally::Tally;
use crate::zonal::CellRule;

/// Values in ascending order, with what lies at or below each.
#[derive(Debug, Clone)]
pub struct Ranked {
    values: Vec<(f64, Tally)>,
    low: f64,
    high: f64,
}

impl Ranked {
    /// `entries` in ascending order, each near its values, which lie between `low` and `high`.
    pub fn new(entries: impl IntoIterator<Item = (f64, Tally)>, [low, high]: [f64; 2]) -> Self {
        let mut below = Tally::default();
        let running = |(value, tally): (f64, Tally)| {
            below += tally;
            (value.clamp(low, high), below)
        };
        Self { values: entries.into_iter().map(running).collect(), low, high }
    }

    /// The percentile `p`, from 0 to 100, as the rule has it; `None` when there are no cells or no such percentile.
    pub fn percentile(&self, p: f64, rule: CellRule) -> Option<f64> {
        if self.values.is_empty() || !(0.0..=100.0).contains(&p) {
            return None;
        }
        if p == 0.0 || p == 100.0 {
            return Some(if p == 0.0 { self.low } else { self.high });
        }
        match rule {
            CellRule::Center | CellRule::AllTouched => self.linear(p / 100.0),
            CellRule::Coverage => self.inverted_cdf(p / 100.0),
        }
    }

    /// numpy's default: the cell of rank `(cells - 1) q`, between its two neighbours if there is none.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks")]
    fn linear(&self, q: f64) -> Option<f64> {
        let last = self.values.last()?.1.cells - 1;
        let rank = last as f64 * q;
        let (below, share) = (rank as u64, rank.fract());
        let low = self.at(below)?;
        let high = self.at((below + 1).min(last))?;
        let step = high - low;
        // from the nearer end, so that a share of 1 gives it exactly (numpy's `_lerp`)
        Some(if share >= 0.5 { high - step * (1.0 - share) } else { low + step * share })
    }

    /// The lowest value at or below which lies at least the share `q` of the weight, in the arithmetic of rio-tiler 7 to
    /// 9 (`_weighted_quantiles`: `searchsorted(cumsum(weights), q * total)`); it is `numpy.percentile` with weights.
    #[expect(clippy::cast_precision_loss, reason = "as in rio-tiler; both sides of the comparison round alike")]
    fn inverted_cdf(&self, q: f64) -> Option<f64> {
        let wanted = q * self.values.last()?.1.weight as f64;
        let index = self.values.partition_point(|(_, below)| (below.weight as f64) < wanted);
        self.values.get(index).map(|(value, _)| *value)
    }

    /// The value of the cell with so many before it.
    fn at(&self, rank: u64) -> Option<f64> {
        let index = self.values.partition_point(|(_, below)| below.cells <= rank);
        self.values.get(index).map(|(value, _)| *value)
    }
}
