//! numpy's array format, version 1.0 (`numpy.lib.format`).

use crate::each_samples;
use crate::raster::{DataType, Pixels, Sample};

/// Bytes before the header's text: magic, version, length.
const PREAMBLE_BYTES: usize = 10;

/// The header is padded so that the data start at a multiple of this.
const ALIGNMENT_BYTES: usize = 64;

/// An array of shape (bands, rows, columns) in C order; with `mask`, one more band that is 0 where there is no data
/// and 255 where there is. Only `int8` can't hold 255: with a mask it becomes `int16`, as numpy would promote it.
#[must_use]
pub fn encode(pixels: &Pixels, mask: bool) -> Vec<u8> {
    let dtype = if mask { pixels.dtype().promote(DataType::U8) } else { pixels.dtype() };
    let bands = pixels.bands + usize::from(mask);
    let count = pixels.width * pixels.height;
    let mut out = header(dtype, [bands, pixels.height, pixels.width]);
    out.reserve_exact(count * bands * dtype.size_bytes());
    if dtype == pixels.dtype() {
        each_samples!(&pixels.samples, values => planes(values, pixels.bands, &mut out));
    } else {
        each_samples!(&pixels.samples, values => {
            let wider: Vec<i16> = values.iter().map(|value| i16::from_f64(value.to_f64())).collect();
            planes(&wider, pixels.bands, &mut out);
        });
    }
    if mask {
        let opacity = pixels.pixel_mask();
        crate::with_sample_type!(dtype, T => {
            for index in 0..count {
                let value = opacity.as_ref().map_or(255, |mask| mask[index]);
                T::from_f64(f64::from(value)).write_le(&mut out);
            }
        });
    }
    out
}

fn header(dtype: DataType, [bands, height, width]: [usize; 3]) -> Vec<u8> {
    let text =
        format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({bands}, {height}, {width}), }}", dtype.numpy());
    let padded = (PREAMBLE_BYTES + text.len() + 1).next_multiple_of(ALIGNMENT_BYTES) - PREAMBLE_BYTES;
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend_from_slice(&u16::try_from(padded).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(format!("{text:<width$}\n", width = padded - 1).as_bytes());
    out
}

/// From interleaved to one band after the other.
fn planes<T: Sample>(values: &[T], bands: usize, out: &mut Vec<u8>) {
    for band in 0..bands {
        for value in values[band.min(values.len())..].iter().step_by(bands) {
            value.write_le(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::{Mask, MaskKind, Samples};

    fn pixels(samples: Samples, mask: Mask) -> Pixels {
        Pixels { width: 2, height: 1, bands: samples.len() / 2, samples, mask }
    }

    #[test]
    fn bands_come_one_after_the_other_and_the_mask_last() {
        let mask = Mask::Shared(MaskKind::Binary, vec![255, 0]);
        let out = encode(&pixels(Samples::U16(vec![1, 10, 2, 20]), mask), true);
        let text = String::from_utf8_lossy(&out[10..127]);
        assert!(text.starts_with("{'descr': '<u2', 'fortran_order': False, 'shape': (3, 1, 2), }"), "{text}");
        assert_eq!((out[..8].to_vec(), out[127]), (b"\x93NUMPY\x01\x00".to_vec(), b'\n'));
        assert_eq!(out[128..], [1, 0, 2, 0, 10, 0, 20, 0, 255, 0, 0, 0]);
    }

    #[test]
    fn int8_with_a_mask_becomes_int16() {
        let out = encode(&pixels(Samples::I8(vec![-1, 5]), Mask::AllValid), true);
        assert_eq!(out[128..], [255, 255, 5, 0, 255, 0, 255, 0]);
        assert_eq!(encode(&pixels(Samples::I8(vec![-1, 5]), Mask::AllValid), false)[128..], [255, 5]);
    }
}
