//! From values to a picture of 8-bit channels.

use std::borrow::Cow;

use super::RenderOptions;
use super::options::{Rescale, Style};
use crate::catalog::OpenLayer;
use crate::color::{self, Colormap, Painted};
use crate::each_samples;
use crate::encode::Picture;
use crate::raster::{Pixels, RasterError, Sample, Samples};

/// A style whose ranges are known.
#[derive(Debug)]
pub enum Brush {
    /// One or three bands as they are or rescaled.
    Direct(Vec<Option<[f64; 2]>>),
    /// One band through a colormap.
    Mapped(Colormap, Option<[f64; 2]>),
}

impl Brush {
    /// Looks up the ranges that the style leaves to the layer's statistics.
    pub async fn prepare(layer: &OpenLayer, options: &RenderOptions) -> Result<Self, RasterError> {
        Ok(match &options.style {
            Style::Raw => Self::Direct(Vec::new()),
            Style::Direct(rescales) => {
                let mut ranges = Vec::new();
                for (rescale, band) in rescales.iter().zip(&options.bands) {
                    ranges.push(range(layer, *rescale, *band, options.nodata).await?);
                }
                Self::Direct(ranges)
            }
            Style::Mapped(map, rescale) => {
                Self::Mapped(map.clone(), range(layer, *rescale, options.bands[0], options.nodata).await?)
            }
        })
    }

    /// Paints; without `mask` every pixel is opaque.
    pub fn paint(&self, pixels: Pixels, mask: bool) -> Picture {
        let opacity = if mask { pixels.pixel_mask().map(Cow::into_owned) } else { None };
        match self {
            Self::Mapped(map, range) => through(map, *range, &pixels.samples, opacity.as_deref()),
            Self::Direct(ranges) => direct(ranges, pixels, opacity.as_deref()),
        }
    }
}

async fn range(
    layer: &OpenLayer, rescale: Rescale, band: usize, nodata: Option<f64>,
) -> Result<Option<[f64; 2]>, RasterError> {
    Ok(match rescale {
        Rescale::Identity => None,
        Rescale::Range(range) => Some(range),
        Rescale::Auto => Some(layer.range(band, nodata).await?),
    })
}

fn through(map: &Colormap, range: Option<[f64; 2]>, samples: &Samples, mask: Option<&[u8]>) -> Picture {
    let painted = match (range, samples) {
        (Some(range), _) => {
            let scaled = each_samples!(samples, values => rescaled(values, |_| Some(range), 1));
            color::paint_u8(map, &scaled, mask)
        }
        (None, Samples::U8(values)) => color::paint_u8(map, values, mask),
        (None, Samples::I8(values)) => color::paint(map, values, mask),
        (None, Samples::U16(values)) => color::paint(map, values, mask),
        (None, Samples::I16(values)) => color::paint(map, values, mask),
        (None, Samples::U32(values)) => color::paint(map, values, mask),
        (None, Samples::I32(values)) => color::paint(map, values, mask),
        (None, Samples::U64(values)) => color::paint(map, &as_f64(values), mask),
        (None, Samples::I64(values)) => color::paint(map, &as_f64(values), mask),
        (None, Samples::F32(values)) => color::paint(map, values, mask),
        (None, Samples::F64(values)) => color::paint(map, values, mask),
    };
    match painted {
        Painted::Palette { indices, palette } => Picture::Palette { indices, palette },
        Painted::Rgba(data) => Picture::Rgba(data),
    }
}

fn as_f64<T: Sample>(values: &[T]) -> Vec<f64> {
    values.iter().map(|value| value.to_f64()).collect()
}

fn direct(ranges: &[Option<[f64; 2]>], pixels: Pixels, mask: Option<&[u8]>) -> Picture {
    let (bands, of_band) = (pixels.bands, |band: usize| ranges.get(band).copied().flatten());
    let data = match pixels.samples {
        Samples::U8(values) if ranges.iter().all(Option::is_none) => values,
        Samples::U8(values) => rescaled_u8(values, of_band, bands),
        samples => each_samples!(&samples, values => rescaled(values, of_band, bands)),
    };
    match (bands, mask) {
        (3, None) => Picture::Rgb(data),
        (3, Some(mask)) => Picture::Rgba(with_alpha::<3>(&data, mask)),
        (_, None) => Picture::Gray(data),
        (_, Some(mask)) => Picture::GrayAlpha(with_alpha::<1>(&data, mask)),
    }
}

/// Appends opacity to each pixel; what is fully transparent becomes 0, which compresses best.
fn with_alpha<const BANDS: usize>(data: &[u8], mask: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mask.len() * (BANDS + 1));
    for (pixel, alpha) in data.as_chunks::<BANDS>().0.iter().zip(mask) {
        out.extend_from_slice(if *alpha == 0 { &[0; BANDS] } else { pixel });
        out.push(*alpha);
    }
    out
}

/// To 0..=255: linear, rounded and clamped; without a range, clamped only. NaN becomes 0 (it is masked).
fn rescaled<T: Sample>(values: &[T], range: impl Fn(usize) -> Option<[f64; 2]>, bands: usize) -> Vec<u8> {
    let factors: Vec<[f64; 2]> =
        (0..bands).map(|band| range(band).map_or([0.0, 1.0], |[min, max]| [min, 255.0 / (max - min)])).collect();
    let scale = |value: &T, [min, factor]: [f64; 2]| to_byte((value.to_f64() - min) * factor);
    if let [only] = factors.as_slice() {
        return values.iter().map(|value| scale(value, *only)).collect();
    }
    let mut out = Vec::with_capacity(values.len());
    for pixel in values.chunks_exact(bands.max(1)) {
        out.extend(pixel.iter().zip(&factors).map(|(value, factor)| scale(value, *factor)));
    }
    out
}

/// The same for 8-bit values, by a table a band.
fn rescaled_u8(mut values: Vec<u8>, range: impl Fn(usize) -> Option<[f64; 2]>, bands: usize) -> Vec<u8> {
    let every: Vec<u8> = (0..=u8::MAX).collect();
    let table = |band: usize| {
        let mut table = [0; 256];
        table.copy_from_slice(&rescaled(&every, |_| range(band), 1));
        table
    };
    let tables: Vec<[u8; 256]> = (0..bands).map(table).collect();
    match tables.as_slice() {
        [first, others @ ..] if others.iter().all(|other| other == first) => {
            for value in &mut values {
                *value = first[usize::from(*value)];
            }
        }
        _ => {
            for pixel in values.chunks_exact_mut(bands.max(1)) {
                for (value, table) in pixel.iter_mut().zip(&tables) {
                    *value = table[usize::from(*value)];
                }
            }
        }
    }
    values
}

/// Rounded, half up, and clamped; NaN becomes 0.
#[expect(clippy::cast_possible_truncation, reason = "the lowest byte is asked for")]
#[expect(clippy::cast_precision_loss, reason = "powers of two are exact")]
fn to_byte(value: f64) -> u8 {
    // The last digit of a number of this size is the unit: the whole number is in the lowest bits, without a conversion.
    const UNIT: f64 = (1_u64 << 52) as f64;
    // Half goes to the even number when it is added.
    const HALF_UP: f64 = 1.0 / (1_u64 << 33) as f64;
    let value = if value > 0.0 { value } else { 0.0 };
    let value = if value < 255.0 { value } else { 255.0 };
    (value + HALF_UP + UNIT).to_bits() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::{Mask, MaskKind};

    #[test]
    fn rescaling_rounds_and_clamps() {
        let scaled = rescaled(&[-5.0_f32, 0.0, 1.0, 1.9, 100.0, 300.0], |_| Some([0.0, 100.0]), 1);
        // 1.0 * 2.55 = 2.55 -> 3, 1.9 * 2.55 = 4.845 -> 5
        assert_eq!(scaled, [0, 0, 3, 5, 255, 255]);
    }

    #[test]
    fn each_band_has_its_own_range() {
        let ranges = [[0.0, 10.0], [0.0, 100.0], [0.0, 1000.0]];
        assert_eq!(rescaled(&[10_u16, 10, 1000], |band| Some(ranges[band]), 3), [255, 26, 255]);
        assert_eq!(rescaled_u8(vec![10, 10, 250], |band| Some(ranges[band]), 3), [255, 26, 64]);
    }

    #[test]
    fn a_masked_pixel_becomes_transparent_and_an_opaque_picture_has_no_alpha() {
        let pixels = Pixels {
            width: 2,
            height: 1,
            bands: 3,
            samples: Samples::U8(vec![1, 2, 3, 4, 5, 6]),
            mask: Mask::Shared(MaskKind::Binary, vec![255, 0]),
        };
        let brush = Brush::Direct(vec![None; 3]);
        assert_eq!(brush.paint(pixels.clone(), true), Picture::Rgba(vec![1, 2, 3, 255, 0, 0, 0, 0]));
        assert_eq!(brush.paint(pixels.clone(), false), Picture::Rgb(vec![1, 2, 3, 4, 5, 6]));
        let opaque = Pixels { mask: Mask::AllValid, ..pixels };
        assert_eq!(brush.paint(opaque, true), Picture::Rgb(vec![1, 2, 3, 4, 5, 6]));
    }
}
