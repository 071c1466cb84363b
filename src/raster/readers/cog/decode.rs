//! From the bytes of a block to its cells. Nothing here trusts a file: every output is allocated beforehand, as large as
//! the layout says, and never grows.

use std::cell::RefCell;
use std::io::Read;

use ruzstd::decoding::errors::FrameDecoderError;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::layout::{Cells, Codec, Layout};
use super::pictures::{self, Shape};
use super::{lerc, predictor};
use crate::raster::{DataType, Sample, Samples};
use crate::with_sample_type;

/// A block that can't be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a block is damaged: {0}")]
pub struct Damaged(pub String);

/// The cells of a block, `samples_per_block` interleaved; a mask has 0 and 255.
pub fn block(layout: &Layout, block_row: usize, raw: &[u8]) -> Result<Samples, Damaged> {
    let (width, height, samples) = (layout.block[0], layout.rows_of(block_row), layout.samples_per_block);
    let shape = Shape { width, height, samples };
    match (layout.cells, &layout.codec) {
        (Cells::Bits, _) => {
            let mut packed = vec![0; layout.bytes_of(block_row)];
            fill(&layout.codec, shape, raw, &mut packed)?;
            Ok(Samples::U8(unpacked(&packed, width, height)))
        }
        (Cells::Of(dtype), Codec::Lerc(wrapping)) => lerc::decode(shape, dtype, *wrapping, raw),
        (Cells::Of(dtype), codec) => with_sample_type!(dtype, T => {
            let mut cells = vec![T::default(); width * height * samples];
            fill(codec, shape, raw, bytemuck::cast_slice_mut(&mut cells))?;
            predictor::undo(&mut cells, layout.predictor, layout.endian, width * samples, samples);
            Ok(T::wrap(cells))
        }),
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

/// Decompresses a block into exactly its bytes.
fn fill(codec: &Codec, shape: Shape, raw: &[u8], out: &mut [u8]) -> Result<(), Damaged> {
    let length = match codec {
        Codec::None => {
            out.copy_from_slice(raw.get(..out.len()).ok_or_else(|| too_short(raw.len(), out.len()))?);
            out.len()
        }
        Codec::Deflate => inflate(raw, out)?,
        Codec::Lzw => lzw(raw, out)?,
        Codec::Zstd => zstd(raw, out)?,
        Codec::Jpeg { tables, ycbcr } => return pictures::jpeg(shape, tables, *ycbcr, raw, out),
        Codec::Webp => return pictures::webp(shape, raw, out),
        Codec::Lerc(_) => return Err(Damaged("LERC has no plain bytes".to_owned())),
    };
    if length == out.len() { Ok(()) } else { Err(too_short(length, out.len())) }
}

/// Decompresses a zlib stream; how many bytes it had.
pub fn inflate(raw: &[u8], out: &mut [u8]) -> Result<usize, Damaged> {
    thread_local! {
        /// Its tables are worth keeping.
        static DECOMPRESSOR: RefCell<libdeflater::Decompressor> = RefCell::new(libdeflater::Decompressor::new());
    }
    DECOMPRESSOR
        .with_borrow_mut(|decompressor| decompressor.zlib_decompress(raw, out))
        .map_err(|error| Damaged(error.to_string()))
}

/// Decompresses a frame of ZSTD; how many bytes it had. What it says of its own size is not believed.
pub fn zstd(raw: &[u8], out: &mut [u8]) -> Result<usize, Damaged> {
    let damaged = |error: FrameDecoderError| Damaged(error.to_string());
    let mut input = raw;
    let mut decoder = FrameDecoder::new();
    decoder.init(&mut input).map_err(damaged)?;
    // One byte more than there may be tells whether there are more.
    decoder.decode_blocks(&mut input, BlockDecodingStrategy::UptoBytes(out.len() + 1)).map_err(damaged)?;
    if !decoder.is_finished() || decoder.can_collect() > out.len() {
        return Err(Damaged(format!("it has more than {} bytes", out.len())));
    }
    let length = decoder.read(out).map_err(|error| Damaged(error.to_string()))?;
    match decoder.get_checksum_from_data() {
        Some(checksum) if decoder.get_calculated_checksum() != Some(checksum) => {
            Err(Damaged("its checksum is another".to_owned()))
        }
        _ => Ok(length),
    }
}

/// Decompresses LZW; how many bytes there were.
fn lzw(raw: &[u8], out: &mut [u8]) -> Result<usize, Damaged> {
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let (mut read, mut written) = (0, 0);
    while written < out.len() {
        let step = decoder.decode_bytes(&raw[read..], &mut out[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        match step.status {
            Ok(weezl::LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(_) => break,
            Err(error) => return Err(Damaged(error.to_string())),
        }
    }
    Ok(written)
}

/// Bits as 0 and 255.
fn unpacked(bytes: &[u8], width: usize, rows: usize) -> Vec<u8> {
    let row_bytes = width.div_ceil(8);
    let bit = |row: &[u8], col: usize| if row[col / 8] >> (7 - col % 8) & 1 == 1 { 255 } else { 0 };
    let rows = bytes.chunks_exact(row_bytes).take(rows);
    rows.flat_map(|row| (0..width).map(move |col| bit(row, col))).collect()
}
