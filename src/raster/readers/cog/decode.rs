//! From the bytes of a block to its cells. Nothing here trusts a file: every output is allocated beforehand, as large as
//! the layout says, and never grows.

use super::layout::{Cells, Codec, Layout, Predictor};
use super::tiff::Endian;
use crate::raster::{DataType, Sample, Samples};
use crate::with_sample_type;

/// A block that can't be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a block is damaged: {0}")]
pub struct Damaged(pub String);

/// The cells of a block, `samples_per_block` interleaved; a mask has 0 and 255.
pub fn block(layout: &Layout, block_row: usize, raw: &[u8]) -> Result<Samples, Damaged> {
    let bytes = layout.bytes_of(block_row);
    let mut decoded = match &layout.codec {
        Codec::None => raw.get(..bytes).ok_or_else(|| too_short(raw.len(), bytes))?.to_vec(),
        Codec::Deflate => deflate(raw, bytes)?,
        Codec::Lzw => lzw(raw, bytes)?,
        Codec::Jpeg { tables, ycbcr } => return jpeg(layout, block_row, tables, *ycbcr, raw),
    };
    let row_cells = layout.block[0] * layout.samples_per_block;
    match layout.cells {
        Cells::Bits => Ok(Samples::U8(unpacked(&decoded, layout.block[0], layout.rows_of(block_row)))),
        Cells::Of(DataType::U8) => {
            if layout.predictor == Predictor::Horizontal {
                for row in decoded.chunks_exact_mut(row_cells) {
                    accumulate(row, layout.samples_per_block, u8::wrapping_add);
                }
            }
            Ok(Samples::U8(decoded))
        }
        Cells::Of(dtype) => Ok(with_sample_type!(dtype, T => numbers::<T>(layout, &mut decoded, row_cells))),
    }
}

/// What a block is whose bytes are not in the file: one value a band.
pub fn sparse(layout: &Layout, block_row: usize, fill: &[f64]) -> Samples {
    let pixels = layout.block[0] * layout.rows_of(block_row);
    let dtype = match layout.cells {
        Cells::Bits => DataType::U8,
        Cells::Of(dtype) => dtype,
    };
    with_sample_type!(dtype, T => {
        let pixel: Vec<T> = fill.iter().map(|value| T::from_f64(*value)).collect();
        T::wrap(pixel.repeat(pixels))
    })
}

fn too_short(length: usize, expected: usize) -> Damaged {
    Damaged(format!("it has {length} bytes instead of {expected}"))
}

fn deflate(raw: &[u8], bytes: usize) -> Result<Vec<u8>, Damaged> {
    thread_local! {
        /// Its tables are worth keeping.
        static DECOMPRESSOR: std::cell::RefCell<libdeflater::Decompressor> =
            std::cell::RefCell::new(libdeflater::Decompressor::new());
    }
    let mut out = vec![0; bytes];
    let length = DECOMPRESSOR
        .with_borrow_mut(|decompressor| decompressor.zlib_decompress(raw, &mut out))
        .map_err(|error| Damaged(error.to_string()))?;
    if length == bytes { Ok(out) } else { Err(too_short(length, bytes)) }
}

fn lzw(raw: &[u8], bytes: usize) -> Result<Vec<u8>, Damaged> {
    let mut out = vec![0; bytes];
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let (mut read, mut written) = (0, 0);
    while written < bytes {
        let step = decoder.decode_bytes(&raw[read..], &mut out[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        match step.status {
            Ok(weezl::LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => break,
            Err(error) => return Err(Damaged(error.to_string())),
        }
    }
    if written == bytes { Ok(out) } else { Err(too_short(written, bytes)) }
}

fn jpeg(layout: &Layout, block_row: usize, tables: &[u8], ycbcr: bool, raw: &[u8]) -> Result<Samples, Damaged> {
    use zune_jpeg::zune_core::bytestream::ZCursor;
    use zune_jpeg::zune_core::colorspace::ColorSpace;
    use zune_jpeg::zune_core::options::DecoderOptions;
    let damaged = |error: String| Damaged(error);
    let stream = with_tables(tables, raw);
    let (width, height) = (layout.block[0], layout.rows_of(block_row));
    let options = DecoderOptions::default().set_max_width(width).set_max_height(height).set_strict_mode(true);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(stream), options);
    decoder.decode_headers().map_err(|error| damaged(format!("{error:?}")))?;
    let stored = decoder.input_colorspace().unwrap_or(ColorSpace::Unknown);
    let space = match (stored, ycbcr) {
        (ColorSpace::YCbCr, true) => ColorSpace::RGB,
        (stored, _) => stored,
    };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let expected = width * height * layout.samples_per_block;
    if decoder.dimensions() != Some((width, height)) || decoder.output_buffer_size() != Some(expected) {
        return Err(damaged("its JPEG is of another size".to_owned()));
    }
    let mut out = vec![0; expected];
    decoder.decode_into(&mut out).map_err(|error| damaged(format!("{error:?}")))?;
    Ok(Samples::U8(out))
}

/// A JPEG stream of its own from an abbreviated one: the tables without their end, then the picture without its start.
fn with_tables(tables: &[u8], raw: &[u8]) -> Vec<u8> {
    const MARKER_BYTES: usize = 2;
    if tables.len() <= 2 * MARKER_BYTES || raw.len() < MARKER_BYTES {
        return raw.to_vec();
    }
    [&tables[..tables.len() - MARKER_BYTES], &raw[MARKER_BYTES..]].concat()
}

/// Bits as 0 and 255.
fn unpacked(bytes: &[u8], width: usize, rows: usize) -> Vec<u8> {
    let row_bytes = width.div_ceil(8);
    let bit = |row: &[u8], col: usize| if row[col / 8] >> (7 - col % 8) & 1 == 1 { 255 } else { 0 };
    let rows = bytes.chunks_exact(row_bytes).take(rows);
    rows.flat_map(|row| (0..width).map(move |col| bit(row, col))).collect()
}

/// Sums up differences from one pixel to the next.
fn accumulate<T: Copy>(row: &mut [T], samples: usize, add: impl Fn(T, T) -> T) {
    for index in samples..row.len() {
        row[index] = add(row[index], row[index - samples]);
    }
}

/// Numbers of several bytes: put into this machine's order, the predictor undone.
fn numbers<T: Number>(layout: &Layout, bytes: &mut [u8], row_cells: usize) -> Samples {
    let size = size_of::<T>();
    let mut values = Vec::with_capacity(bytes.len() / size);
    match layout.predictor {
        Predictor::Floating => {
            for row in bytes.chunks_exact_mut(row_cells * size) {
                accumulate(row, layout.samples_per_block, u8::wrapping_add);
                // The first bytes of all values come first, then the second ones, ...: the most significant in front.
                values
                    .extend((0..row_cells).map(|cell| T::from_bytes(Endian::Big, |byte| row[byte * row_cells + cell])));
            }
        }
        Predictor::None | Predictor::Horizontal => {
            values.extend(bytes.chunks_exact(size).map(|value| T::from_bytes(layout.endian, |byte| value[byte])));
        }
    }
    if layout.predictor == Predictor::Horizontal {
        for row in values.chunks_exact_mut(row_cells) {
            accumulate(row, layout.samples_per_block, T::add);
        }
    }
    T::wrap(values)
}

/// A number that is written as bytes.
trait Number: Sample {
    /// From its bytes, given one by one.
    fn from_bytes(endian: Endian, byte: impl Fn(usize) -> u8) -> Self;

    /// The sum, around the end of its range.
    fn add(self, other: Self) -> Self;
}

macro_rules! number {
    ($($type:ident $add:expr),*) => {$(
        impl Number for $type {
            fn from_bytes(endian: Endian, byte: impl Fn(usize) -> u8) -> Self {
                let bytes = std::array::from_fn(byte);
                match endian {
                    Endian::Little => Self::from_le_bytes(bytes),
                    Endian::Big => Self::from_be_bytes(bytes),
                }
            }
            fn add(self, other: Self) -> Self {
                $add(self, other)
            }
        }
    )*};
}

number!(
    u8 u8::wrapping_add, i8 i8::wrapping_add, u16 u16::wrapping_add, i16 i16::wrapping_add, u32 u32::wrapping_add,
    i32 i32::wrapping_add, u64 u64::wrapping_add, i64 i64::wrapping_add, f32 std::ops::Add::add, f64 std::ops::Add::add
);
