//! From the bytes of a block to its cells. Nothing here trusts a file: every output is allocated beforehand, as large as
//! the layout says, and never grows.

use super::block::{Area, Damaged, Shape};
use super::layout::{Cells, Codec, Layout};
use super::{inflate, lerc, pictures, predictor, zstd};
use crate::raster::{DataType, Sample, Samples};
use crate::{each_samples, with_sample_type};

/// The cells of an area of a block, in rows as long as the block, from its top on: `samples_per_block` interleaved; a mask
/// has 0 and 255. What lies around the area has no meaning; rows below it are not there where they need not be decoded.
pub fn area(layout: &Layout, block_row: usize, raw: &[u8], area: &Area) -> Result<Samples, Damaged> {
    let (width, height, samples) = (layout.block[0], layout.rows_of(block_row), layout.samples_per_block);
    let shape = Shape { width, height, samples };
    let rows = if layout.codec.is_from_top_to_bottom() { area.rows.clone() } else { 0..height };
    let area = &Area { rows: rows.clone(), ..area.clone() };
    match (layout.cells, &layout.codec) {
        (Cells::Bits, _) => {
            let mut packed = vec![0; width.div_ceil(8) * rows.end];
            fill(&layout.codec, shape, raw, area, &mut packed)?;
            Ok(Samples::U8(unpacked(&packed, width, rows.end)))
        }
        (Cells::Of(dtype), Codec::Lerc(wrapping)) => {
            // libtiff turns the bytes of a cell before it hands them to LERC.
            let mut decoded = lerc::decode(shape, dtype, *wrapping, raw)?;
            each_samples!(&mut decoded, cells => predictor::to_native(cells, layout.endian));
            Ok(decoded)
        }
        (Cells::Of(dtype), codec) => with_sample_type!(dtype, T => {
            let mut cells = vec![T::default(); width * rows.end * samples];
            fill(codec, shape, raw, area, bytemuck::cast_slice_mut(&mut cells))?;
            let (row, wanted) = (width * samples, area.cols.end * samples);
            let from_first = &mut cells[row * rows.start..];
            predictor::undo(from_first, layout.predictor, layout.endian, row, wanted, samples);
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

/// Decompresses a block into exactly its bytes down to the last row of an area.
fn fill(codec: &Codec, shape: Shape, raw: &[u8], area: &Area, out: &mut [u8]) -> Result<(), Damaged> {
    let length = match codec {
        Codec::None => {
            out.copy_from_slice(raw.get(..out.len()).ok_or_else(|| too_short(raw.len(), out.len()))?);
            out.len()
        }
        Codec::Deflate if area.rows.end == shape.height => inflate::zlib(raw, out)?,
        Codec::Deflate => inflate::zlib_beginning(raw, out)?,
        Codec::Lzw => lzw(raw, out)?,
        Codec::Zstd => zstd::decompress(raw, out)?,
        Codec::Jpeg { tables, ycbcr } => return pictures::jpeg(shape, tables, *ycbcr, raw, area, out),
        Codec::Webp => return pictures::webp(shape, raw, out),
        Codec::Lerc(_) => return Err(Damaged("LERC has no plain bytes".to_owned())),
    };
    if length == out.len() { Ok(()) } else { Err(too_short(length, out.len())) }
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

/// Bits as 0 and 255, eight at a time.
fn unpacked(bytes: &[u8], width: usize, rows: usize) -> Vec<u8> {
    let mut out = vec![0; width * rows];
    for (row, packed) in out.chunks_exact_mut(width).zip(bytes.chunks_exact(width.div_ceil(8))) {
        let (eights, rest) = row.as_chunks_mut::<8>();
        for (eight, byte) in eights.iter_mut().zip(packed) {
            *eight = EIGHT_BITS[usize::from(*byte)];
        }
        if let Some(byte) = packed.get(eights.len()) {
            rest.copy_from_slice(&EIGHT_BITS[usize::from(*byte)][..rest.len()]);
        }
    }
    out
}

/// The bits of every byte, the highest first.
static EIGHT_BITS: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut index = 0;
    while index < table.len() * 8 {
        if (index / 8) >> (7 - index % 8) & 1 == 1 {
            table[index / 8][index % 8] = 255;
        }
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::super::super::bytes::{ByteSource, Need};
    use super::*;
    use crate::each_samples;
    use crate::raster::readers::tiff::{Endian, Tiff};
    use bytes::Bytes;
    use proptest::prelude::*;
    use rstest::rstest;

    struct File(Bytes);

    impl ByteSource for File {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn bytes(&self, range: std::ops::Range<u64>) -> Result<Bytes, Need> {
            let end = usize::try_from(range.end).unwrap();
            if end > self.0.len() {
                Err(Need::Beyond)
            } else {
                Ok(self.0.slice(usize::try_from(range.start).unwrap()..end))
            }
        }
    }

    fn fixture(name: &str) -> Bytes {
        let path = format!("{}/tests/fixtures/codecs/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap().into()
    }

    fn block(layout: &Layout, block_row: usize, raw: &[u8]) -> Result<Samples, Damaged> {
        area(layout, block_row, raw, &Area { cols: 0..layout.block[0], rows: 0..layout.rows_of(block_row) })
    }

    /// The layout of a fixture, and the bytes of its first block.
    fn first_block(name: &str) -> (Layout, Bytes) {
        let file = File(fixture(&format!("{name}.tif")));
        let tiff = Tiff::read(&file).unwrap();
        let layout = Layout::of(&tiff.directories[0], tiff.endian).unwrap();
        let number = |array: crate::raster::readers::tiff::Array, endian: Endian| array.get(&file, endian, 0).unwrap();
        let (offset, count) = (number(layout.offsets, tiff.endian), number(layout.counts, tiff.endian));
        let raw = file.bytes(offset..offset + count).unwrap();
        (layout, raw)
    }

    fn bytes(samples: &Samples) -> Vec<u8> {
        let mut bytes = Vec::new();
        each_samples!(samples, values => values.iter().for_each(|value| value.write_le(&mut bytes)));
        bytes
    }

    /// What the fixture's pixels are in its first block.
    fn expected(name: &str, layout: &Layout) -> Vec<u8> {
        let Cells::Of(dtype) = layout.cells else { return Vec::new() };
        let (size, own) = (dtype.size_bytes(), layout.samples_per_block);
        let pixel = layout.samples * size;
        let rows = fixture(&format!("{name}.bin"));
        let rows = rows.chunks_exact(layout.width * pixel).take(layout.block[1]);
        let first = |row: &[u8]| {
            row.chunks_exact(pixel).take(layout.block[0]).flat_map(|p| p[..own * size].to_vec()).collect::<Vec<_>>()
        };
        rows.flat_map(first).collect()
    }

    #[rstest]
    #[case("zstd_rgb_predictor")]
    #[case("zstd_f32_predictor")]
    #[case("zstd_i16_planar_big")]
    #[case("zstd_strips")]
    #[case("deflate_rgb")]
    #[case("webp_lossless_rgb")]
    #[case("webp_lossless_rgba")]
    #[case("webp_lossy_rgb")]
    #[case("webp_lossy_rgba")]
    #[case("webp_lossy_opaque_rgba")]
    #[case("lerc_f32_nan")]
    #[case("lerc_f32_nan_by_band")]
    #[case("lerc_i16_interleaved")]
    #[case("lerc_deflate_f64")]
    #[case("lerc_zstd_u16_planar")]
    #[case("lerc_mask_alpha")]
    #[case("jpeg_420")]
    #[case("jpeg_422")]
    #[case("jpeg_444")]
    #[case("jpeg_rgb")]
    fn a_block_has_the_cells_that_libtiff_finds_in_it(#[case] name: &str) {
        let (layout, raw) = first_block(name);
        let (cells, expected) = (bytes(&block(&layout, 0, &raw).unwrap()), expected(name, &layout));
        assert_eq!(cells.len(), expected.len());
        assert!(cells == expected, "{name}");
    }

    proptest! {
        /// Whatever is left out around an area, and however the codec does it.
        #[test]
        fn an_area_has_the_cells_of_the_whole(
            name in prop::sample::select(vec![
                "deflate_rgb", "zstd_rgb_predictor", "zstd_f32_predictor", "zstd_strips", "webp_lossless_rgba",
                "lerc_i16_interleaved", "jpeg_420", "jpeg_422", "jpeg_444", "jpeg_rgb", "jpeg_restarts", "jpeg_tables",
                "../conformance/jpeg_420_progressive",
            ]),
            sides in prop::array::uniform2((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
        ) {
            let (layout, raw) = first_block(name);
            let side = |(first, count): &(prop::sample::Index, prop::sample::Index), length: usize| {
                let first = first.index(length);
                first..first + 1 + count.index(length - first)
            };
            let wanted = Area { cols: side(&sides[0], layout.block[0]), rows: side(&sides[1], layout.rows_of(0)) };
            let [cells, whole] =
                [area(&layout, 0, &raw, &wanted).unwrap(), block(&layout, 0, &raw).unwrap()].map(|cells| bytes(&cells));
            let pixel = whole.len() / (layout.block[0] * layout.rows_of(0));
            for row in wanted.rows {
                let [first, end] = [wanted.cols.start, wanted.cols.end].map(|col| (row * layout.block[0] + col) * pixel);
                prop_assert!(cells[first..end] == whole[first..end], "row {row}");
            }
        }
    }

    /// Nothing is half decoded, and nothing gets larger than its layout.
    #[rstest]
    fn a_block_that_is_cut_off_or_of_another_size_is_damaged(
        #[values(
            "zstd_rgb_predictor",
            "deflate_rgb",
            "webp_lossless_rgba",
            "webp_lossy_rgb",
            "lerc_f32_nan",
            "lerc_deflate_f64",
            "lerc_zstd_u16_planar",
            "jpeg_420",
            "jpeg_tables",
            "../conformance/jpeg_420_progressive"
        )]
        name: &str,
    ) {
        let (layout, raw) = first_block(name);
        for cut in [0, 1, raw.len() / 2, raw.len() - 20] {
            assert!(block(&layout, 0, &raw[..cut]).is_err(), "{name} of {cut} bytes");
        }
        for (width, height) in [(1, 0), (0, 1), (-1, 0), (0, -1)] {
            let side = |length: usize, more: isize| length.checked_add_signed(more).unwrap();
            let other = [side(layout.block[0], width), side(layout.block[1], height)];
            let other = Layout { block: other, ..layout.clone() };
            assert!(block(&other, 0, &raw).is_err(), "{name} as {:?}", other.block);
        }
        let fewer = Layout { samples: 2, samples_per_block: 2, ..layout };
        assert!(block(&fewer, 0, &raw).is_err(), "{name} with two bands");
    }

    #[rstest]
    fn bits_are_unpacked_row_by_row(#[values(1, 7, 8, 9, 16, 21)] width: usize) {
        let packed: Vec<u8> = (0..3 * width.div_ceil(8)).map(|index| (index * 151 + 37).to_le_bytes()[0]).collect();
        let bit = |row: usize, col: usize| packed[row * width.div_ceil(8) + col / 8] & (0x80 >> (col % 8)) != 0;
        let expected: Vec<u8> =
            (0..3 * width).map(|index| if bit(index / width, index % width) { 255 } else { 0 }).collect();
        assert_eq!(unpacked(&packed, width, 3), expected);
    }

    #[rstest]
    fn whatever_a_bit_says_nothing_panics(
        #[values(
            "zstd_rgb_predictor",
            "deflate_rgb",
            "webp_lossless_rgba",
            "webp_lossy_rgba",
            "lerc_f32_nan_by_band",
            "lerc_i16_interleaved",
            "jpeg_422",
            "jpeg_tables",
            "../conformance/jpeg_420_progressive"
        )]
        name: &str,
    ) {
        let (layout, raw) = first_block(name);
        for bit in 0..raw.len() * 8 {
            let mut flipped = raw.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(cells) = block(&layout, 0, &flipped) {
                assert_eq!(cells.len(), layout.block[0] * layout.block[1] * layout.samples_per_block);
            }
        }
    }
}
