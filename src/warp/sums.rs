//! What a kernel sums in: types, rounding, and the limits of its results.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use wide::{f32x4, f64x2};

use super::Resampling;
use super::lanes::Bands;
use super::phases::Phases;
use crate::raster::DataType;

/// The floating-point type in which a kernel sums: `f32` holds 16-bit values exactly, `f64` the rest.
pub trait Accumulator: Copy + Default + Send + Sync + 'static {
    /// What changes nothing when it is added. That is -0.0: 0.0 makes 0.0 of it, so processors would have to add it.
    const NOTHING: Self;
    /// Rounds to this type.
    fn from_f64(value: f64) -> Self;
    /// Widens.
    fn to_f64(self) -> f64;
    /// `self + a * b`.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// The same for several numbers.
    fn add_products<const LANES: usize>(sums: &mut [Self; LANES], weight: Self, values: &[Self; LANES]);
    /// Gives the tables of weights that this thread keeps.
    fn with_tables<R>(job: impl FnOnce(&mut Vec<Rc<Phases<Self>>>) -> R) -> R;
    /// Whether a share is all there is, but for rounding.
    fn is_whole(self) -> bool;
    /// The mean of what is valid: `self / share`, and `self` as it is where everything is, so that holes elsewhere
    /// change nothing.
    fn share_of(self, share: Self) -> Self;
}

impl Accumulator for f32 {
    const NOTHING: Self = -0.0;
    #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is asked for")]
    fn from_f64(value: f64) -> Self {
        value as Self
    }
    fn to_f64(self) -> f64 {
        f64::from(self)
    }
    fn add_product(self, a: Self, b: Self) -> Self {
        self + a * b
    }
    fn with_tables<R>(job: impl FnOnce(&mut Vec<Rc<Phases<Self>>>) -> R) -> R {
        thread_local! {
            static TABLES: RefCell<Vec<Rc<Phases<f32>>>> = const { RefCell::new(Vec::new()) };
        }
        TABLES.with_borrow_mut(job)
    }
    #[inline]
    fn add_products<const LANES: usize>(sums: &mut [Self; LANES], weight: Self, values: &[Self; LANES]) {
        let (wide_sums, sums) = sums.as_chunks_mut::<4>();
        let (wide_values, values) = values.as_chunks::<4>();
        for (sums, values) in wide_sums.iter_mut().zip(wide_values) {
            *sums = (f32x4::from(*sums) + f32x4::from(*values) * f32x4::splat(weight)).into();
        }
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = sum.add_product(weight, *value);
        }
    }
    fn is_whole(self) -> bool {
        (self - 1.0).abs() < 1e-6
    }
    fn share_of(self, share: Self) -> Self {
        if share.is_whole() { self } else { self / share }
    }
}

impl Accumulator for f64 {
    const NOTHING: Self = -0.0;
    fn from_f64(value: f64) -> Self {
        value
    }
    fn to_f64(self) -> f64 {
        self
    }
    fn add_product(self, a: Self, b: Self) -> Self {
        self + a * b
    }
    fn with_tables<R>(job: impl FnOnce(&mut Vec<Rc<Phases<Self>>>) -> R) -> R {
        thread_local! {
            static TABLES: RefCell<Vec<Rc<Phases<f64>>>> = const { RefCell::new(Vec::new()) };
        }
        TABLES.with_borrow_mut(job)
    }
    #[inline]
    fn add_products<const LANES: usize>(sums: &mut [Self; LANES], weight: Self, values: &[Self; LANES]) {
        let (wide_sums, sums) = sums.as_chunks_mut::<2>();
        let (wide_values, values) = values.as_chunks::<2>();
        for (sums, values) in wide_sums.iter_mut().zip(wide_values) {
            *sums = (f64x2::from(*sums) + f64x2::from(*values) * f64x2::splat(weight)).into();
        }
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = sum.add_product(weight, *value);
        }
    }
    fn is_whole(self) -> bool {
        (self - 1.0).abs() < 1e-14
    }
    fn share_of(self, share: Self) -> Self {
        if share.is_whole() { self } else { self / share }
    }
}

/// Whether results must be kept between their inputs: sums of wide types are off by their last digits, those of
/// narrower ones are exact once they are rounded to the type. Cubic and Lanczos overshoot by design.
pub fn must_clamp<T: Filterable>(resampling: Resampling) -> bool {
    let wide = match T::DTYPE {
        DataType::F64 | DataType::U64 | DataType::I64 => true,
        DataType::U8 | DataType::I8 | DataType::U16 | DataType::I16 | DataType::U32 | DataType::I32 | DataType::F32 => {
            false
        }
    };
    wide && matches!(resampling, Resampling::Bilinear | Resampling::Average)
}

/// Keeps one output pixel between the smallest and largest valid source pixel under its taps, band by band.
pub fn clamp_to_taps<T: Filterable>([cols, rows]: [Range<usize>; 2], bands: &Bands<'_, T>, pixel: &mut [T]) {
    let Bands { values, source, range: of } = bands;
    for (band, sample) in of.clone().zip(pixel) {
        let mut range: Option<[T; 2]> = None;
        for at in rows.clone().flat_map(|row| cols.clone().map(move |col| row * source.width + col)) {
            if source.mask.is_valid(at, band, source.bands) {
                let value = values[at * source.bands + band];
                let [min, max] = range.unwrap_or([value; 2]);
                range = Some([if value < min { value } else { min }, if value > max { value } else { max }]);
            }
        }
        if let Some([min, max]) = range {
            *sample = if *sample < min {
                min
            } else if *sample > max {
                max
            } else {
                *sample
            };
        }
    }
}

/// A sample type with the accumulator that holds it.
pub trait Filterable: crate::raster::Sample {
    /// What sums of it are kept in.
    type Acc: Accumulator;
    /// As a summand.
    fn load(self) -> Self::Acc;
    /// Back, rounded and clamped to the type.
    fn store(value: Self::Acc) -> Self;
}

macro_rules! filterable_by_f32 {
    ($($type:ident + $offset:literal + $offset_and_half:literal),*) => {$(
        impl Filterable for $type {
            type Acc = f32;
            fn load(self) -> f32 { f32::from(self) }
            /// Adds an offset that makes every value positive, so that truncation rounds: `floor` is a call.
            #[expect(clippy::cast_possible_truncation, reason = "clamped")]
            #[expect(clippy::allow_attributes, reason = "signed types lose no sign")]
            #[allow(clippy::cast_sign_loss, reason = "clamped")]
            fn store(value: f32) -> Self {
                let rounded = (value + $offset_and_half) as i32 - $offset;
                rounded.clamp(i32::from($type::MIN), i32::from($type::MAX)) as $type
            }
        }
    )*};
}

macro_rules! filterable_by_f64 {
    ($($type:ident),*) => {$(
        impl Filterable for $type {
            type Acc = f64;
            fn load(self) -> f64 { crate::raster::Sample::to_f64(self) }
            fn store(value: f64) -> Self { <$type as crate::raster::Sample>::from_f64(value) }
        }
    )*};
}

impl Filterable for u8 {
    type Acc = f32;
    fn load(self) -> f32 {
        f32::from(self)
    }
    /// Adds a number whose last digit is the unit: the whole number is in the lowest bits, without a conversion. What is
    /// half is rounded up, and what is less than 1/16384 below.
    #[expect(clippy::cast_possible_truncation, reason = "the lowest byte is asked for")]
    #[expect(clippy::cast_precision_loss, reason = "powers of two are exact")]
    fn store(value: f32) -> Self {
        const UNIT: f32 = (1 << 23) as f32;
        const HALF_UP: f32 = 1.0 / 16384.0;
        let value = if value > 0.0 { value } else { 0.0 };
        let value = if value < 255.0 { value } else { 255.0 };
        (value + HALF_UP + UNIT).to_bits() as Self
    }
}

filterable_by_f32!(i8 + 1024 + 1024.5, u16 + 131_072 + 131_072.5, i16 + 131_072 + 131_072.5);
filterable_by_f64!(u32, i32, u64, i64, f32, f64);
