//! What a cell is to the accumulators: a key that sorts as its value, and its value in exact parts.

use serde_json::Number;

use crate::raster::{DataType, Sample};

/// The scale of whole numbers: a magnitude at scale `s` counts in units of 2^(s - 1075), as in the bits of an `f64`.
const UNIT_SCALE: usize = 1075;

/// Scales of negative values come after those of the others.
pub const NEGATIVE: usize = 1 << 11;

/// Bits of an ordered `f64` below sign, exponent and the first 11 bits of the mantissa.
const BELOW_BUCKET: u32 = 41;

/// A type of cells that can be accumulated.
pub trait Cell: Sample {
    /// A number that sorts as the values do: from 0 for the lowest integer; the ordered bits of an `f64` for floats.
    fn key(self) -> u64;

    /// Sign and exponent, and the magnitude at that scale (below [`NEGATIVE`] for what is not negative).
    fn scaled(self) -> (usize, u64);

    /// Where it belongs in a [`super::sketch::Sketch`]: sign, exponent and 11 bits, in the order of the values.
    fn bucket(self) -> u32;

    /// Whether all are numbers: NaN and infinity are none (rio-tiler masks them too).
    fn are_numbers(_cells: &[Self]) -> bool {
        true
    }

    /// The cells as bytes, for types of one byte.
    fn bytes(_cells: &[Self]) -> Option<&[u8]> {
        None
    }
}

macro_rules! integer_cell {
    ($type:ident, $unsigned:ident, $is_negative:expr, $magnitude:expr $(, $bytes:expr)?) => {
        #[expect(clippy::allow_attributes, reason = "the casts are lossless for some types only")]
        #[allow(clippy::cast_lossless, clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "bits are meant")]
        impl Cell for $type {
            fn key(self) -> u64 {
                (self as $unsigned ^ <$type>::MIN as $unsigned) as u64
            }
            fn scaled(self) -> (usize, u64) {
                (if $is_negative(self) { NEGATIVE | UNIT_SCALE } else { UNIT_SCALE }, $magnitude(self) as u64)
            }
            fn bucket(self) -> u32 {
                let size = truncated($magnitude(self) as u64);
                bucket_of(if $is_negative(self) { -size } else { size })
            }
            $(fn bytes(cells: &[Self]) -> Option<&[u8]> { $bytes(cells) })?
        }
    };
}

integer_cell!(u8, u8, |_| false, |value| value, Some);
integer_cell!(u16, u16, |_| false, |value| value);
integer_cell!(u32, u32, |_| false, |value| value);
integer_cell!(u64, u64, |_| false, |value| value);
integer_cell!(i8, u8, |value| value < 0, i8::unsigned_abs, |cells| Some(bytemuck::cast_slice(cells)));
integer_cell!(i16, u16, |value| value < 0, i16::unsigned_abs);
integer_cell!(i32, u32, |value| value < 0, i32::unsigned_abs);
integer_cell!(i64, u64, |value| value < 0, i64::unsigned_abs);

macro_rules! float_cell {
    ($type:ident) => {
        impl Cell for $type {
            fn key(self) -> u64 {
                ordered(self.to_f64())
            }
            fn scaled(self) -> (usize, u64) {
                scaled(self.to_f64())
            }
            fn bucket(self) -> u32 {
                bucket_of(self.to_f64())
            }
            fn are_numbers(cells: &[Self]) -> bool {
                // without a branch a cell, many are looked at at once
                cells.iter().fold(true, |all, cell| all & cell.is_finite())
            }
        }
    };
}

float_cell!(f32);
float_cell!(f64);

/// Sign with exponent, and mantissa with its hidden bit; the exponent of subnormals is that of the smallest normals.
fn scaled(value: f64) -> (usize, u64) {
    let bits = value.to_bits();
    let (scale, fraction) = ((bits >> 52) as usize, bits & ((1 << 52) - 1));
    let is_normal = scale & (NEGATIVE - 1) != 0;
    (scale | usize::from(!is_normal), fraction | (u64::from(is_normal) << 52))
}

/// A whole number as a float that is not above it and lies in the same bucket: 53 of its bits.
#[expect(clippy::cast_precision_loss, reason = "what would be rounded is cut off before")]
fn truncated(magnitude: u64) -> f64 {
    (if magnitude >> 53 == 0 { magnitude } else { magnitude & !0x7ff }) as f64
}

/// Bits that sort as the numbers do; -0.0 is 0.0.
fn ordered(value: f64) -> u64 {
    let bits = (value + 0.0).to_bits();
    if bits >> 63 == 0 { bits | (1 << 63) } else { !bits }
}

/// The number that [`ordered`] made these bits of.
fn from_ordered(bits: u64) -> f64 {
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

fn bucket_of(value: f64) -> u32 {
    (ordered(value) >> BELOW_BUCKET) as u32
}

/// The magnitudes in a bucket, low and high end, with their sign: `(low, high, sign)`.
pub fn bucket_bounds(bucket: u32) -> (f64, f64, f64) {
    let first = u64::from(bucket) << BELOW_BUCKET;
    let last = first | ((1 << BELOW_BUCKET) - 1);
    let (a, b) = (from_ordered(first), from_ordered(last));
    if a.is_sign_negative() { (-b, -a, -1.0) } else { (a, b, 1.0) }
}

/// The whole number behind a key; `None` for floats.
fn integer(dtype: DataType, key: u64) -> Option<i128> {
    let lowest = match dtype {
        DataType::U8 | DataType::U16 | DataType::U32 | DataType::U64 => 0,
        DataType::I8 => i8::MIN.into(),
        DataType::I16 => i16::MIN.into(),
        DataType::I32 => i32::MIN.into(),
        DataType::I64 => i64::MIN.into(),
        DataType::F32 | DataType::F64 => return None,
    };
    Some(i128::from(key) + lowest)
}

/// The value behind a key, as `f64`: integers above 2^53 round.
#[expect(clippy::cast_precision_loss, reason = "rounding is documented")]
pub fn number(dtype: DataType, key: u64) -> f64 {
    integer(dtype, key).map_or_else(|| from_ordered(key), |value| value as f64)
}

/// The value behind a key, as text that reads back to it in its own type: "11", "-3", "0.5".
#[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
pub fn text(dtype: DataType, key: u64) -> String {
    let digits = match (integer(dtype, key), dtype) {
        (Some(value), _) => return value.to_string(),
        (None, DataType::F32) => format!("{:?}", from_ordered(key) as f32),
        (None, _) => format!("{:?}", from_ordered(key)),
    };
    digits.strip_suffix(".0").map_or_else(|| digits.clone(), str::to_owned)
}

/// The value behind a key, as numpy's `tolist` gives it: whole for integers, otherwise an `f64`.
pub fn json(dtype: DataType, key: u64) -> Number {
    let whole = integer(dtype, key).and_then(Number::from_i128);
    whole.or_else(|| Number::from_f64(number(dtype, key))).unwrap_or_else(|| 0.into())
}

/// The key of a number; `None` when the type does not hold it.
pub fn key_of(dtype: DataType, value: f64) -> Option<u64> {
    fn exact<T: Cell>(value: f64) -> Option<u64> {
        let typed = T::from_f64(value);
        (typed.to_f64() == value).then(|| typed.key())
    }
    match dtype {
        DataType::U8 => exact::<u8>(value),
        DataType::I8 => exact::<i8>(value),
        DataType::U16 => exact::<u16>(value),
        DataType::I16 => exact::<i16>(value),
        DataType::U32 => exact::<u32>(value),
        DataType::I32 => exact::<i32>(value),
        DataType::U64 => exact::<u64>(value),
        DataType::I64 => exact::<i64>(value),
        // as numpy casts categories to the type of the cells: 0.1 is meant to find the float32 0.1
        DataType::F32 => Some(f32::from_f64(value).key()),
        DataType::F64 => Some(value.key()),
    }
}

/// [`Cell::scaled`] of the value behind a key.
#[expect(clippy::cast_possible_truncation, reason = "keys hold 64 bits")]
pub fn scaled_of(dtype: DataType, key: u64) -> (usize, u64) {
    let Some(value) = integer(dtype, key) else { return scaled(from_ordered(key)) };
    (if value < 0 { NEGATIVE | UNIT_SCALE } else { UNIT_SCALE }, value.unsigned_abs() as u64)
}

/// Whether a type has so few values that one counter each is the best way: those of 8 and 16 bits.
pub fn is_narrow(dtype: DataType) -> bool {
    dtype.size_bytes() <= 2
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, clippy::cast_precision_loss, reason = "as they are printed; 53 bits")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(11_u8.key(), DataType::U8, "11", 11.0)]
    #[case((-3_i8).key(), DataType::I8, "-3", -3.0)]
    #[case(i16::MIN.key(), DataType::I16, "-32768", -32768.0)]
    #[case(u64::MAX.key(), DataType::U64, "18446744073709551615", 1.8446744073709552e19)]
    #[case(i64::MIN.key(), DataType::I64, "-9223372036854775808", -9.223372036854776e18)]
    #[case(0.5_f32.key(), DataType::F32, "0.5", 0.5)]
    #[case(0.1_f32.key(), DataType::F32, "0.1", 0.10000000149011612)]
    #[case((-0.0_f64).key(), DataType::F64, "0", 0.0)]
    #[case((-1e300_f64).key(), DataType::F64, "-1e300", -1e300)]
    #[case(10.0_f64.key(), DataType::F64, "10", 10.0)]
    fn a_key_gives_its_value_back(#[case] key: u64, #[case] dtype: DataType, #[case] digits: &str, #[case] value: f64) {
        assert_eq!(text(dtype, key), digits);
        assert_eq!(number(dtype, key), value);
        assert!(key_of(dtype, value).is_none_or(|back| back == key || value.abs() > 9e15));
    }

    #[test]
    fn a_category_that_the_type_does_not_hold_has_no_key() {
        assert_eq!(key_of(DataType::U8, 256.0), None);
        assert_eq!(key_of(DataType::I16, 0.5), None);
        assert_eq!(key_of(DataType::F32, 0.1), Some(0.1_f32.key()));
    }

    proptest! {
        #[test]
        fn keys_and_buckets_sort_as_values(a in any::<f64>(), b in any::<f64>(), i in any::<i64>(), j in any::<i64>()) {
            prop_assume!(a.is_finite() && b.is_finite());
            prop_assert_eq!(a.partial_cmp(&b), Some(a.key().cmp(&b.key())));
            prop_assert!((a <= b && a.bucket() <= b.bucket()) || (a >= b && a.bucket() >= b.bucket()));
            prop_assert_eq!(i.cmp(&j), i.key().cmp(&j.key()));
            prop_assert!((i <= j && i.bucket() <= j.bucket()) || (i >= j && i.bucket() >= j.bucket()));
        }

        #[test]
        fn scale_and_magnitude_are_the_value(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let (scale, magnitude) = value.scaled();
            let exponent = i32::try_from(scale & (NEGATIVE - 1)).unwrap() - 1075;
            // in two steps, as 2^-1074 has no reciprocal
            let size = magnitude as f64 * 2.0_f64.powi(exponent / 2) * 2.0_f64.powi(exponent - exponent / 2);
            prop_assert_eq!(if scale >= NEGATIVE { -size } else { size }, value);
        }
    }
}
