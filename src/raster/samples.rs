//! Sample types: what a cell can be, and buffers of cells.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a cell. Complex types are read as their real part, `float16` as `float32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum DataType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl DataType {
    /// Bytes a sample.
    #[must_use]
    pub fn size_bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether it holds whole numbers only.
    #[must_use]
    pub fn is_integer(self) -> bool {
        !matches!(self, Self::F32 | Self::F64)
    }

    /// Whether a cell can hold a value as it is; of floats, rounded, but not to infinity.
    #[must_use]
    pub fn holds(self, value: f64) -> bool {
        let held = crate::with_sample_type!(self, T => T::from_f64(value).to_f64());
        held == value || (!self.is_integer() && (held.is_finite() || !value.is_finite()))
    }

    /// numpy's type string, little-endian.
    #[must_use]
    pub fn numpy(self) -> &'static str {
        match self {
            Self::U8 => "|u1",
            Self::I8 => "|i1",
            Self::U16 => "<u2",
            Self::I16 => "<i2",
            Self::U32 => "<u4",
            Self::I32 => "<i4",
            Self::U64 => "<u8",
            Self::I64 => "<i8",
            Self::F32 => "<f4",
            Self::F64 => "<f8",
        }
    }

    /// The smallest type that holds every value of both (numpy's promotion rules).
    #[must_use]
    pub fn promote(self, other: Self) -> Self {
        use DataType::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
        match (self, other) {
            (a, b) if a == b => a,
            (F64, _)
            | (_, F64)
            | (F32, U32 | I32 | U64 | I64)
            | (U32 | I32 | U64 | I64, F32)
            | (U64, I8 | I16 | I32 | I64)
            | (I8 | I16 | I32 | I64, U64) => F64,
            (F32, _) | (_, F32) => F32,
            (U64, _) | (_, U64) => U64,
            (I64, _) | (_, I64) | (U32, I8 | I16 | I32) | (I8 | I16 | I32, U32) => I64,
            (U32, _) | (_, U32) => U32,
            (I32, _) | (_, I32) | (U16, I8 | I16) | (I8 | I16, U16) => I32,
            (U16, _) | (_, U16) => U16,
            (I16 | I8 | U8, _) => I16,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::U16 => "uint16",
            Self::I16 => "int16",
            Self::U32 => "uint32",
            Self::I32 => "int32",
            Self::U64 => "uint64",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
        })
    }
}

/// A Rust type that a cell can have.
pub trait Sample: Copy + Default + PartialOrd + Send + Sync + fmt::Debug + 'static {
    /// Its name.
    const DTYPE: DataType;

    /// As `f64`; integers above 2^53 round.
    fn to_f64(self) -> f64;

    /// The nearest value of this type: rounded, clamped to its range, NaN becomes 0 for integers.
    fn from_f64(value: f64) -> Self;

    /// Appends its bytes, little-endian.
    fn write_le(self, out: &mut Vec<u8>);

    /// Wraps a buffer.
    fn wrap(values: Vec<Self>) -> Samples;

    /// The buffer inside, when it is of this type, to read.
    fn unwrap(samples: &Samples) -> Option<&[Self]>;

    /// The buffer inside, when it is of this type.
    fn unwrap_mut(samples: &mut Samples) -> Option<&mut [Self]>;
}

/// A buffer of cells of one type.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Samples {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Runs one expression on the typed vector inside a [`Samples`], whatever its type.
#[macro_export]
macro_rules! each_samples {
    ($samples:expr, $values:ident => $body:expr) => {
        match $samples {
            $crate::raster::Samples::U8($values) => $body,
            $crate::raster::Samples::I8($values) => $body,
            $crate::raster::Samples::U16($values) => $body,
            $crate::raster::Samples::I16($values) => $body,
            $crate::raster::Samples::U32($values) => $body,
            $crate::raster::Samples::I32($values) => $body,
            $crate::raster::Samples::U64($values) => $body,
            $crate::raster::Samples::I64($values) => $body,
            $crate::raster::Samples::F32($values) => $body,
            $crate::raster::Samples::F64($values) => $body,
        }
    };
}

/// Runs one expression with `$T` bound to the Rust type of a [`DataType`].
#[macro_export]
macro_rules! with_sample_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::raster::DataType::U8 => {
                type $T = u8;
                $body
            }
            $crate::raster::DataType::I8 => {
                type $T = i8;
                $body
            }
            $crate::raster::DataType::U16 => {
                type $T = u16;
                $body
            }
            $crate::raster::DataType::I16 => {
                type $T = i16;
                $body
            }
            $crate::raster::DataType::U32 => {
                type $T = u32;
                $body
            }
            $crate::raster::DataType::I32 => {
                type $T = i32;
                $body
            }
            $crate::raster::DataType::U64 => {
                type $T = u64;
                $body
            }
            $crate::raster::DataType::I64 => {
                type $T = i64;
                $body
            }
            $crate::raster::DataType::F32 => {
                type $T = f32;
                $body
            }
            $crate::raster::DataType::F64 => {
                type $T = f64;
                $body
            }
        }
    };
}

impl Samples {
    /// The type of its cells.
    #[must_use]
    pub fn dtype(&self) -> DataType {
        match self {
            Self::U8(_) => DataType::U8,
            Self::I8(_) => DataType::I8,
            Self::U16(_) => DataType::U16,
            Self::I16(_) => DataType::I16,
            Self::U32(_) => DataType::U32,
            Self::I32(_) => DataType::I32,
            Self::U64(_) => DataType::U64,
            Self::I64(_) => DataType::I64,
            Self::F32(_) => DataType::F32,
            Self::F64(_) => DataType::F64,
        }
    }

    /// How many cells.
    #[must_use]
    pub fn len(&self) -> usize {
        each_samples!(self, values => values.len())
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One cell as `f64`.
    #[must_use]
    pub fn value(&self, index: usize) -> f64 {
        each_samples!(self, values => values[index].to_f64())
    }
}

macro_rules! integer_sample {
    ($($type:ident $variant:ident),*) => {$(
        impl Sample for $type {
            const DTYPE: DataType = DataType::$variant;
            #[expect(clippy::allow_attributes, reason = "the casts are lossless for some types only")]
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "rounding is documented")]
            fn to_f64(self) -> f64 { self as f64 }
            #[expect(clippy::allow_attributes, reason = "the casts are lossless for some types only")]
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
            fn from_f64(value: f64) -> Self { value.round() as $type }
            fn write_le(self, out: &mut Vec<u8>) { out.extend_from_slice(&self.to_le_bytes()); }
            fn wrap(values: Vec<Self>) -> Samples { Samples::$variant(values) }
            fn unwrap(samples: &Samples) -> Option<&[Self]> {
                if let Samples::$variant(values) = samples { Some(values) } else { None }
            }
            fn unwrap_mut(samples: &mut Samples) -> Option<&mut [Self]> {
                if let Samples::$variant(values) = samples { Some(values) } else { None }
            }
        }
    )*};
}

integer_sample!(u8 U8, i8 I8, u16 U16, i16 I16, u32 U32, i32 I32, u64 U64, i64 I64);

impl Sample for f32 {
    const DTYPE: DataType = DataType::F32;
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is asked for")]
    fn from_f64(value: f64) -> Self {
        value as f32
    }
    fn write_le(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn wrap(values: Vec<Self>) -> Samples {
        Samples::F32(values)
    }
    fn unwrap(samples: &Samples) -> Option<&[Self]> {
        if let Samples::F32(values) = samples { Some(values) } else { None }
    }
    fn unwrap_mut(samples: &mut Samples) -> Option<&mut [Self]> {
        if let Samples::F32(values) = samples { Some(values) } else { None }
    }
}

impl Sample for f64 {
    const DTYPE: DataType = DataType::F64;
    fn to_f64(self) -> f64 {
        self
    }
    fn from_f64(value: f64) -> Self {
        value
    }
    fn write_le(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }
    fn wrap(values: Vec<Self>) -> Samples {
        Samples::F64(values)
    }
    fn unwrap(samples: &Samples) -> Option<&[Self]> {
        if let Samples::F64(values) = samples { Some(values) } else { None }
    }
    fn unwrap_mut(samples: &mut Samples) -> Option<&mut [Self]> {
        if let Samples::F64(values) = samples { Some(values) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DataType::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    use rstest::rstest;

    // python -c "import numpy as np; print(np.promote_types('uint16','int8'))"
    #[rstest]
    #[case(U8, I8, I16)]
    #[case(U16, I8, I32)]
    #[case(U16, I16, I32)]
    #[case(U32, I32, I64)]
    #[case(U64, I8, F64)]
    #[case(U64, U8, U64)]
    #[case(F32, I16, F32)]
    #[case(F32, I32, F64)]
    #[case(F32, U64, F64)]
    #[case(I64, U32, I64)]
    #[case(U8, I16, I16)]
    #[case(F64, U8, F64)]
    fn promotion_is_numpys(#[case] a: DataType, #[case] b: DataType, #[case] expected: DataType) {
        assert_eq!(a.promote(b), expected);
        assert_eq!(b.promote(a), expected);
    }

    #[test]
    fn a_value_out_of_range_is_clamped_and_a_half_rounds_away_from_zero() {
        assert_eq!(u8::from_f64(300.0), 255);
        assert_eq!(u8::from_f64(-3.0), 0);
        assert_eq!(i16::from_f64(-2.5), -3);
        assert_eq!(u8::from_f64(f64::NAN), 0);
    }
}
