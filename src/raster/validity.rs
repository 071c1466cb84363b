//! The validity of a window: from its values, and from what all bands share.

use super::{BandMask, DataType, Mask, MaskKind, Profile, ReadRequest, Sample, Samples};
use crate::each_samples;

/// The mask of what was read for a request: by value, unless another kind of mask says it, and by what all bands share.
#[must_use]
pub fn of_window(
    profile: &Profile, request: &ReadRequest, samples: &Samples, shared: Option<(MaskKind, Vec<u8>)>,
) -> Mask {
    let nodata = |band: &usize| {
        let own = &profile.bands[band - 1];
        request.nodata.or_else(|| own.nodata.filter(|_| own.mask == BandMask::Nodata))
    };
    let by_value = by_value(samples, &request.bands.iter().map(nodata).collect::<Vec<_>>());
    match shared {
        None => by_value,
        Some((kind, mask)) => combine(kind, mask, by_value, request.bands.len()),
    }
}

/// A mask that is 0 or anything else, as 0 and 255.
#[must_use]
pub fn zero_or_full(mut mask: Vec<u8>) -> Vec<u8> {
    for value in &mut mask {
        *value = if *value == 0 { 0 } else { 255 };
    }
    mask
}

/// What is not finite, or equal to its band's nodata value, is invalid; `nodata` has one entry a band.
fn by_value(samples: &Samples, nodata: &[Option<f64>]) -> Mask {
    if samples.dtype().is_integer() && nodata.iter().all(Option::is_none) {
        return Mask::AllValid;
    }
    let mask = each_samples!(samples, values => mask_by_value(values, nodata));
    match mask {
        None => Mask::AllValid,
        Some(mask) if nodata.len() == 1 => Mask::Shared(MaskKind::Binary, mask),
        Some(mask) => Mask::PerBand(mask),
    }
}

/// A mask that all bands share, and one by value.
#[must_use]
pub fn combine(kind: MaskKind, mut mask: Vec<u8>, by_value: Mask, bands: usize) -> Mask {
    // Most windows lie inside; without a branch a pixel, many are looked at at once.
    if mask.iter().fold(255, |lowest: u8, valid| lowest.min(*valid)) == 255 {
        return by_value;
    }
    match by_value {
        Mask::AllValid => Mask::Shared(kind, mask),
        Mask::Shared(_, values) => {
            for (shared, value) in mask.iter_mut().zip(values) {
                *shared = (*shared).min(value);
            }
            Mask::Shared(kind, mask)
        }
        Mask::PerBand(mut values) => {
            for (samples, shared) in values.chunks_exact_mut(bands.max(1)).zip(mask) {
                for value in samples {
                    *value = if shared >= 128 { *value } else { 0 };
                }
            }
            Mask::PerBand(values)
        }
    }
}

/// The cells of an alpha band as opacity.
#[must_use]
pub fn opacity(alpha: Samples) -> Vec<u8> {
    if let Samples::U8(alpha) = alpha {
        return alpha;
    }
    let opaque = match alpha.dtype() {
        DataType::U16 => f64::from(u16::MAX),
        DataType::F32 | DataType::F64 => 1.0,
        _ => 255.0,
    };
    each_samples!(&alpha, values => values.iter().map(|value| u8::from_f64(value.to_f64() / opaque * 255.0)).collect())
}

/// 0 or 255 for each sample; `None` when all are valid.
fn mask_by_value<T: Sample>(values: &[T], nodata: &[Option<f64>]) -> Option<Vec<u8>> {
    // A value that the type cannot hold never occurs.
    let wanted: Vec<Option<T>> = nodata
        .iter()
        .map(|value| value.map(T::from_f64).filter(|typed| equals(typed.to_f64(), value.unwrap_or(f64::NAN), T::DTYPE)))
        .collect();
    let is_invalid = |value: T, wanted: Option<T>| match T::DTYPE {
        DataType::F32 | DataType::F64 => {
            let value = value.to_f64();
            !value.is_finite() | wanted.is_some_and(|wanted| equals(value, wanted.to_f64(), T::DTYPE))
        }
        _ => wanted.is_some_and(|wanted| value == wanted),
    };
    // Without a branch a value, many are looked at at once; and mostly there is nothing to be found.
    if let [wanted] = wanted.as_slice()
        && !values.iter().fold(false, |any, value| any | is_invalid(*value, *wanted))
    {
        return None;
    }
    let mut mask = vec![255; values.len()];
    let mut any = false;
    for (samples, flags) in values.chunks_exact(nodata.len()).zip(mask.chunks_exact_mut(nodata.len())) {
        for ((value, flag), wanted) in samples.iter().zip(flags).zip(&wanted) {
            if is_invalid(*value, *wanted) {
                *flag = 0;
                any = true;
            }
        }
    }
    any.then_some(mask)
}

/// Equal up to the rounding of a float's last digits (GDAL's `ARE_REAL_EQUAL` uses the same two units).
fn equals(a: f64, b: f64, dtype: DataType) -> bool {
    let epsilon = match dtype {
        DataType::F32 => f64::from(f32::EPSILON),
        DataType::F64 => f64::EPSILON,
        _ => 0.0,
    };
    (a == b) | ((a - b).abs() <= 2.0 * epsilon * (a + b).abs()) | (a.is_nan() & b.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_nodata_matches_within_its_last_digits() {
        // float32 -3.4028235e38 against the text of a tag that was written with fewer digits
        let values = [f32::MIN, 0.0, 1.5, f32::NAN, f32::INFINITY];
        assert_eq!(mask_by_value(&values, &[Some(-3.402_823_4e38)]).unwrap(), [0, 255, 255, 0, 0]);
    }

    #[test]
    fn a_nodata_value_outside_the_type_masks_nothing() {
        assert_eq!(mask_by_value(&[0_u8, 255], &[Some(-9999.0)]), None);
        assert_eq!(mask_by_value(&[1_u8, 2], &[Some(1.5)]), None);
    }

    #[test]
    fn each_band_is_masked_by_its_own_value() {
        assert_eq!(mask_by_value(&[0_u8, 0, 7, 7], &[Some(0.0), Some(7.0)]).unwrap(), [0, 255, 255, 0]);
    }
}
