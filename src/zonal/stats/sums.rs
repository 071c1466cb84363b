//! Sums of values and of their squares, exact for every type of cells, and so the same bits in any order.
//!
//! A float is a whole number of 53 bits times a power of two. For each sign and exponent the whole numbers and their
//! squares are summed as integers (a "superaccumulator": R. Neal, "Fast exact summation using small and large
//! superaccumulators", 2015, arXiv:1505.05571); an answer joins them as one large integer and rounds once. So nothing
//! is lost to cancellation, and no updating formula (Chan, Golub, `LeVeque` 1983) is needed to merge.

use std::collections::BTreeMap;

use num_bigint::Sign::{Minus, Plus};
use num_bigint::{BigInt, BigUint};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cell::{Cell, NEGATIVE};
use super::tally::Tally;
use super::wide::Wide;
use crate::zonal::WHOLE;

/// Signs times exponents of an `f64`.
const SCALES: usize = 2 * NEGATIVE;

/// Power of two of the smallest unit, and so of everything below.
const UNIT: i64 = -1074;

/// Exact sums of values and squares.
#[derive(Debug, Clone)]
pub struct Sums {
    /// Of whole cells by scale: magnitudes, and squares in two words. Empty until there are some.
    whole: Vec<[u128; 3]>,
    /// Weighed, by scale.
    weighed: BTreeMap<u16, Weighed>,
}

/// Magnitudes and their squares of one scale, times weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[[u64; 4]; 2]", into = "[[u64; 4]; 2]")]
struct Weighed {
    first: Wide,
    second: Wide,
}

/// What the sums say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Of values times covered area in cells.
    pub sum: f64,
    /// Weighted.
    pub mean: f64,
    /// Of the population, as `numpy.var` has it; weighted.
    pub variance: f64,
}

impl Sums {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { whole: Vec::new(), weighed: BTreeMap::new() }
    }

    /// Adds valid cells of one weight.
    pub fn push<T: Cell>(&mut self, cells: &[T], weight: u64) {
        if weight != WHOLE {
            return cells.iter().for_each(|cell| self.add(cell.scaled(), Tally::of(1, weight)));
        }
        if self.whole.is_empty() {
            self.whole = vec![[0; 3]; SCALES];
        }
        for cell in cells {
            let (scale, magnitude) = cell.scaled();
            let [first, low, high] = &mut self.whole[scale];
            *first += u128::from(magnitude);
            let (sum, carry) = low.overflowing_add(u128::from(magnitude) * u128::from(magnitude));
            *low = sum;
            *high += u128::from(carry);
        }
    }

    /// Adds cells of one value, given as [`Cell::scaled`].
    #[expect(clippy::cast_possible_truncation, reason = "12 bits")]
    pub fn add(&mut self, (scale, magnitude): (usize, u64), tally: Tally) {
        let magnitude = u128::from(magnitude);
        let weighed = self.weighed.entry(scale as u16).or_default();
        weighed.first.add_product(magnitude, tally.weight);
        weighed.second.add_product(magnitude * magnitude, tally.weight);
    }

    /// Adds everything that another one holds.
    pub fn merge(&mut self, other: &Self) {
        for (scale, sums) in other.weighed() {
            self.weighed.entry(scale).or_default().add(sums);
        }
    }

    /// All sums in units of weight.
    #[expect(clippy::cast_possible_truncation, reason = "12 bits")]
    fn weighed(&self) -> BTreeMap<u16, Weighed> {
        let mut weighed = self.weighed.clone();
        for (scale, [first, low, high]) in self.whole.iter().enumerate().filter(|(_, sums)| **sums != [0; 3]) {
            let sums = weighed.entry(scale as u16).or_default();
            sums.first.add_product(*first, WHOLE.into());
            sums.second.add_product(*low, WHOLE.into());
            sums.second.add_high_product(*high, WHOLE.into());
        }
        weighed
    }

    /// What they say of cells that weigh so much together; `None` when that is nothing.
    pub fn moments(&self, weight: u128) -> Option<Moments> {
        if weight == 0 {
            return None;
        }
        let (mut first, mut second) = (BigInt::ZERO, BigInt::ZERO);
        for (scale, sums) in self.weighed() {
            let scale = usize::from(scale);
            let sign = if scale < NEGATIVE { Plus } else { Minus };
            let shift = (scale & (NEGATIVE - 1)).saturating_sub(1);
            first += BigInt::from_biguint(sign, BigUint::from(sums.first) << shift);
            second += BigInt::from_biguint(Plus, BigUint::from(sums.second) << (2 * shift));
        }
        let weight = BigInt::from(weight);
        let spread = &weight * second - &first * &first;
        Some(Moments {
            sum: quotient(&first, &WHOLE.into(), UNIT),
            mean: quotient(&first, &weight, UNIT),
            variance: quotient(&spread, &(&weight * &weight), 2 * UNIT),
        })
    }
}

impl Weighed {
    fn add(&mut self, other: Self) {
        self.first.add(other.first);
        self.second.add(other.second);
    }
}

/// `a / b * 2^exponent`, correctly rounded unless it is subnormal.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "64 bits are rounded to 53 here")]
fn quotient(a: &BigInt, b: &BigInt, exponent: i64) -> f64 {
    let shift = 63 + b.bits().cast_signed() - a.bits().cast_signed();
    let (dividend, divisor) = (a.magnitude() << shift.max(0), b.magnitude() << (-shift).max(0));
    // 63 or 64 bits; the last one tells that more would follow, so that a half is not taken for a tie
    let ratio = (&dividend / &divisor).iter_u64_digits().next().unwrap_or(0);
    let is_cut = dividend % divisor != BigUint::ZERO;
    let top = (ratio | u64::from(is_cut)) as f64;
    let exponent = (exponent - shift).clamp(-3000, 3000) as i32;
    // in two steps, as a power of two alone may be out of range
    let size = top * 2.0_f64.powi(exponent / 2) * 2.0_f64.powi(exponent - exponent / 2);
    if a.sign() == Minus { -size } else { size }
}

impl From<Weighed> for [[u64; 4]; 2] {
    fn from(sums: Weighed) -> Self {
        [sums.first.into(), sums.second.into()]
    }
}

impl From<[[u64; 4]; 2]> for Weighed {
    fn from([first, second]: [[u64; 4]; 2]) -> Self {
        Self { first: first.into(), second: second.into() }
    }
}

/// As `[scale, [sum of magnitudes, sum of squares]]`, in words of 64 bits from the highest.
impl Serialize for Sums {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.weighed())
    }
}

impl<'de> Deserialize<'de> for Sums {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let weighed: Vec<(u16, Weighed)> = Vec::deserialize(deserializer)?;
        if weighed.iter().any(|(scale, _)| usize::from(*scale) >= SCALES) {
            return Err(serde::de::Error::custom("a scale that no number has"));
        }
        let mut sums = Self::new();
        sums.weighed.extend(weighed);
        Ok(sums)
    }
}
