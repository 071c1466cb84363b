//! Cells counted and weighed.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::zonal::WHOLE;

/// How many cells, and what they weigh together in units of a cell / [`WHOLE`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 3]", into = "[u64; 3]")]
pub struct Tally {
    /// Cells that take part, however little of them is covered.
    pub cells: u64,
    /// The sum of their weights.
    pub weight: u128,
}

impl Tally {
    /// Cells of the same weight.
    #[must_use]
    pub fn of(cells: u64, weight: u64) -> Self {
        Self { cells, weight: u128::from(cells) * u128::from(weight) }
    }

    /// The covered area in cells.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an answer is an f64")]
    pub fn area(self) -> f64 {
        self.weight as f64 / WHOLE as f64
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.cells += other.cells;
        self.weight += other.weight;
    }
}

/// Words of 64 bits pass through every JSON reader of serde; `u128` does not where values are buffered (tagged enums).
impl From<Tally> for [u64; 3] {
    #[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
    fn from(tally: Tally) -> Self {
        [tally.cells, (tally.weight >> 64) as u64, tally.weight as u64]
    }
}

impl From<[u64; 3]> for Tally {
    fn from([cells, high, low]: [u64; 3]) -> Self {
        Self { cells, weight: (u128::from(high) << 64) | u128::from(low) }
    }
}
