//! Blocks of LERC, plain or compressed once more.

use lerc::bitmask::BitMask;
use lerc::{DecodeResult, LercInfo};

use super::block::{Damaged, Shape};
use super::layout::LercWrapping;
use super::predictor::Cell;
use super::{inflate, zstd};
use crate::raster::{DataType, Sample, Samples};

/// Decodes a block. Cells of floats that LERC says are invalid become NaN, as libtiff has it.
pub fn decode(shape: Shape, dtype: DataType, wrapping: LercWrapping, raw: &[u8]) -> Result<Samples, Damaged> {
    let bytes = shape.width * shape.height * shape.samples * dtype.size_bytes();
    let unwrapped = unwrapped(wrapping, raw, bytes)?;
    let blob = unwrapped.as_deref().unwrap_or(raw);
    let info = lerc::decode_info(blob).map_err(damaged)?;
    if [info.width as usize, info.height as usize] != [shape.width, shape.height] {
        return Err(Damaged("its LERC is of another size".to_owned()));
    }
    match dtype {
        DataType::U8 => cells::<u8>(shape, &info, blob),
        DataType::I8 => cells::<i8>(shape, &info, blob),
        DataType::U16 => cells::<u16>(shape, &info, blob),
        DataType::I16 => cells::<i16>(shape, &info, blob),
        DataType::U32 => cells::<u32>(shape, &info, blob),
        DataType::I32 => cells::<i32>(shape, &info, blob),
        DataType::F32 => cells::<f32>(shape, &info, blob),
        DataType::F64 => cells::<f64>(shape, &info, blob),
        DataType::U64 | DataType::I64 => Err(Damaged(format!("LERC has no {dtype}"))),
    }
}

/// The LERC inside another compression.
fn unwrapped(wrapping: LercWrapping, raw: &[u8], bytes: usize) -> Result<Option<Vec<u8>>, Damaged> {
    if wrapping == LercWrapping::None {
        return Ok(None);
    }
    // libtiff's own limit: a LERC is hardly larger than its cells.
    let mut blob = vec![0; 256 + bytes + bytes / 3];
    let length = match wrapping {
        LercWrapping::Zstd => zstd::decompress(raw, &mut blob)?,
        LercWrapping::Deflate | LercWrapping::None => inflate::zlib(raw, &mut blob)?,
    };
    blob.truncate(length);
    Ok(Some(blob))
}

fn cells<T: Cell + lerc::Sample>(shape: Shape, info: &LercInfo, blob: &[u8]) -> Result<Samples, Damaged> {
    let pixels = shape.width * shape.height;
    let (depth, bands) = (info.depth as usize, info.bands as usize);
    // Opacity of all or nothing is the mask, and no band of its own.
    let is_opacity_masked = T::DTYPE == DataType::U8 && bands == 1 && depth > 0 && depth + 1 == shape.samples;
    if [depth, bands] != [shape.samples, 1] && [depth, bands] != [1, shape.samples] && !is_opacity_masked {
        return Err(Damaged("its LERC has another number of bands".to_owned()));
    }
    let mut stored = vec![T::default(); pixels * depth * bands];
    let DecodeResult { valid_masks, .. } = lerc::decode_into(blob, &mut stored).map_err(damaged)?;
    let valid = |band: usize, pixel: usize| valid_masks.get(band).is_none_or(|mask| mask.is_valid(pixel));
    if is_opacity_masked {
        let opacity = |pixel| <T as Sample>::from_f64(if valid(0, pixel) { 255.0 } else { 0.0 });
        let with = |(pixel, cells): (usize, &[T])| cells.iter().copied().chain([opacity(pixel)]).collect::<Vec<T>>();
        return Ok(T::wrap(stored.chunks_exact(depth).enumerate().flat_map(with).collect()));
    }
    if !valid_masks.iter().all(BitMask::is_all_valid) {
        for (index, cell) in stored.iter_mut().enumerate() {
            let (band, pixel) = (index / (pixels * depth), index % (pixels * depth) / depth);
            if !valid(band, pixel) {
                *cell = <T as Sample>::from_f64(f64::NAN);
            }
        }
    }
    if bands == 1 {
        return Ok(T::wrap(stored));
    }
    Ok(T::wrap(
        (0..pixels).flat_map(|pixel| (0..bands).map(move |band| band * pixels + pixel)).map(|at| stored[at]).collect(),
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn damaged(error: lerc::LercError) -> Damaged {
    Damaged(format!("its LERC: {error}"))
}
