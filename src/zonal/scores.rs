//! Scores of the cells of an overlay, of tiles and of chunks alike.

use serde::{Deserialize, Serialize};

use crate::ops::Rules;
use crate::raster::DataType;

/// What a layer adds to the score of an overlay.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scoring {
    /// Scores by value.
    pub rules: Rules,
    /// What they are multiplied by.
    pub weight: f64,
}

/// Scores of cells that lie on each other, layer by layer: their sums, and where all layers have data.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Sums.
    pub sums: Vec<f64>,
    /// 1 where there is data, 0 where there is none.
    pub validity: Vec<u8>,
}

impl Scores {
    /// Nothing added yet.
    #[must_use]
    pub fn new(cells: usize) -> Self {
        Self { sums: vec![0.0; cells], validity: vec![1; cells] }
    }

    /// Adds a layer, of whose values of this type some are valid.
    pub fn add(
        &mut self, Scoring { rules, weight }: &Scoring, dtype: DataType, values: impl Iterator<Item = f64>,
        is_valid: impl Fn(usize) -> bool,
    ) {
        let table = Rules::table(rules, dtype);
        for (index, value) in values.enumerate() {
            match table.score(value).filter(|_| is_valid(index)) {
                Some(score) => self.sums[index] += score * weight,
                None => self.validity[index] = 0,
            }
        }
    }

    /// The sums as cells hold them.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "scores are small numbers")]
    pub fn into_f32(self) -> (Vec<f32>, Vec<u8>) {
        (self.sums.into_iter().map(|sum| sum as f32).collect(), self.validity)
    }
}
