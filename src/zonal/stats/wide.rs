//! Sums of products, exact to 256 bits.

use num_bigint::BigUint;

/// An unsigned number of 256 bits: squares of 64-bit values, weighed, over 2^72 cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wide {
    low: u128,
    high: u128,
}

impl Wide {
    /// Adds `a * b`.
    pub fn add_product(&mut self, a: u128, b: u128) {
        let (low, high) = a.carrying_mul(b, 0);
        self.add(Self { low, high });
    }

    /// Adds `a * b * 2^128`.
    pub fn add_high_product(&mut self, a: u128, b: u128) {
        self.high += a * b;
    }

    /// Adds another sum.
    pub fn add(&mut self, other: Self) {
        let (low, carry) = self.low.overflowing_add(other.low);
        self.low = low;
        self.high += other.high + u128::from(carry);
    }
}

impl From<Wide> for BigUint {
    fn from(wide: Wide) -> Self {
        (Self::from(wide.high) << 128) + wide.low
    }
}

impl From<Wide> for [u64; 4] {
    #[expect(clippy::cast_possible_truncation, reason = "the words are meant")]
    fn from(wide: Wide) -> Self {
        [(wide.high >> 64) as u64, wide.high as u64, (wide.low >> 64) as u64, wide.low as u64]
    }
}

impl From<[u64; 4]> for Wide {
    fn from([a, b, c, d]: [u64; 4]) -> Self {
        let join = |high: u64, low: u64| (u128::from(high) << 64) | u128::from(low);
        Self { low: join(c, d), high: join(a, b) }
    }
}
