//! How cells are distributed, to 1 part in 4,096: for types that have too many values to count each.
//!
//! A value belongs to the bucket of its sign, its exponent and the first 11 bits of its mantissa, as in an HDR
//! histogram (G. Tene, hdrhistogram.org) or `DDSketch` (Masson, Rim, Lee, "`DDSketch`: a fast and fully-mergeable quantile
//! sketch with relative-error guarantees", VLDB 2019), but with counters of integers: merging in any order gives the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cell::{Cell, bucket_bounds};
use super::pages::Pages;
use super::tally::Tally;
use crate::zonal::WHOLE;

/// Bits of a bucket's number.
const KEY_BITS: u32 = 23;

/// How far the middle of a bucket may be from a value in it, as a share of the value.
///
/// Values below the smallest normal `f64` are given by the lower end of their bucket, 2^-1033 off at most.
pub const RELATIVE_ERROR: f64 = 1.0 / 4096.0;

/// Cells and weight by bucket.
#[derive(Debug, Clone)]
pub struct Sketch {
    whole: Pages,
    parts: BTreeMap<u32, Tally>,
}

impl Sketch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { whole: Pages::new(KEY_BITS), parts: BTreeMap::new() }
    }

    /// Adds valid cells of one weight.
    pub fn push<T: Cell>(&mut self, cells: &[T], weight: u64) {
        if weight == WHOLE {
            for cell in cells {
                self.whole.add(cell.bucket() as usize, 1);
            }
        } else {
            for cell in cells {
                *self.parts.entry(cell.bucket()).or_default() += Tally::of(1, weight);
            }
        }
    }

    /// Adds everything that another one holds.
    #[expect(clippy::cast_possible_truncation, reason = "23 bits")]
    pub fn merge(&mut self, other: &Self) {
        other.whole.entries().for_each(|(bucket, cells)| self.whole.add(bucket as usize, cells));
        other.parts.iter().for_each(|(bucket, tally)| *self.parts.entry(*bucket).or_default() += *tally);
    }

    /// The value that stands for each bucket, in ascending order.
    #[expect(clippy::cast_possible_truncation, reason = "23 bits")]
    pub fn entries(&self, are_integers: bool) -> Vec<(f64, Tally)> {
        let mut entries = self.parts.clone();
        for (bucket, cells) in self.whole.entries() {
            *entries.entry(bucket as u32).or_default() += Tally::of(cells, WHOLE);
        }
        entries.into_iter().map(|(bucket, tally)| (middle(bucket, are_integers), tally)).collect()
    }
}

/// The middle of the values that a bucket can hold; a bucket with one integer gives that one, so all below 4,096.
fn middle(bucket: u32, are_integers: bool) -> f64 {
    let (low, high, sign) = bucket_bounds(bucket);
    let size = if low < f64::MIN_POSITIVE {
        low
    } else if are_integers {
        let (low, high) = (low.ceil(), high.floor());
        low + (high - low) / 2.0
    } else {
        low + (high - low) / 2.0
    };
    sign * size
}

/// How it travels: only what occurs.
#[derive(Serialize, Deserialize)]
struct Wire {
    whole: Vec<(u64, u64)>,
    parts: Vec<(u32, Tally)>,
}

impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = self.parts.iter().map(|(bucket, tally)| (*bucket, *tally)).collect();
        Wire { whole: self.whole.entries().collect(), parts }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Sketch {
    #[expect(clippy::cast_possible_truncation, reason = "23 bits, checked")]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let mut sketch = Self::new();
        let mut buckets = wire.whole.iter().map(|entry| entry.0).chain(wire.parts.iter().map(|entry| entry.0.into()));
        if !buckets.all(|bucket| sketch.whole.holds(bucket)) {
            return Err(serde::de::Error::custom("a bucket that no number has"));
        }
        wire.whole.into_iter().for_each(|(bucket, cells)| sketch.whole.add(bucket as usize, cells));
        sketch.parts.extend(wire.parts);
        Ok(sketch)
    }
}
