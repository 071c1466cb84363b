//! PNG: the smallest colour type that holds the picture, with settings chosen for speed.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use bytes::Bytes;
use png::{BitDepth, ColorType, Compression, Encoder, Filter};

use super::EncodeError;

/// A picture of 8-bit channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// At most 256 colours; `indices` point into `palette`, transparent entries first.
    Palette {
        /// One a pixel.
        indices: Vec<u8>,
        /// Red, green, blue, alpha.
        palette: Vec<[u8; 4]>,
    },
    /// One channel.
    Gray(Vec<u8>),
    /// Gray and alpha.
    GrayAlpha(Vec<u8>),
    /// Three channels.
    Rgb(Vec<u8>),
    /// Red, green, blue and straight (not premultiplied) alpha.
    Rgba(Vec<u8>),
}

impl Picture {
    /// Whether its palette says that nothing of it can be seen.
    #[must_use]
    pub fn is_transparent(&self) -> bool {
        matches!(self, Self::Palette { palette, .. } if palette.iter().all(|color| color[3] == 0))
    }
}

/// Encodes a picture of `width` columns.
///
/// # Errors
/// Only when the sizes do not fit together.
pub fn encode(picture: &Picture, width: u32, height: u32) -> Result<Vec<u8>, EncodeError> {
    match picture {
        Picture::Palette { indices, palette } => encode_palette(indices, palette, width, height, Compression::Fast),
        Picture::Gray(data) => encode_direct(ColorType::Grayscale, data, width, height),
        Picture::GrayAlpha(data) => encode_direct(ColorType::GrayscaleAlpha, data, width, height),
        Picture::Rgb(data) => encode_direct(ColorType::Rgb, data, width, height),
        Picture::Rgba(data) => encode_direct(ColorType::Rgba, data, width, height),
    }
}

/// The fully transparent picture of one size, made once.
///
/// # Errors
/// Never for the sizes that a tile can have.
pub fn empty(size_px: u32) -> Result<Bytes, EncodeError> {
    static MADE: LazyLock<RwLock<HashMap<u32, Bytes>>> = LazyLock::new(RwLock::default);
    if let Some(bytes) = MADE.read().unwrap_or_else(PoisonError::into_inner).get(&size_px) {
        return Ok(bytes.clone());
    }
    let indices = vec![0; (size_px as usize).pow(2)];
    let bytes = Bytes::from(encode_palette(&indices, &[[0; 4]], size_px, size_px, Compression::High)?);
    MADE.write().unwrap_or_else(PoisonError::into_inner).insert(size_px, bytes.clone());
    Ok(bytes)
}

fn encode_direct(color: ColorType, data: &[u8], width: u32, height: u32) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(data.len() / 2);
    let mut encoder = Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Up);
    write(encoder, data)?;
    Ok(out)
}

fn encode_palette(
    indices: &[u8], palette: &[[u8; 4]], width: u32, height: u32, compression: Compression,
) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::with_capacity(indices.len() / 4);
    let mut encoder = Encoder::new(&mut out, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_palette(palette.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect::<Vec<u8>>());
    let translucent = palette.iter().rposition(|color| color[3] < 255).map_or(0, |last| last + 1);
    if translucent > 0 {
        encoder.set_trns(palette[..translucent].iter().map(|color| color[3]).collect::<Vec<u8>>());
    }
    let (depth, bits) = match palette.len() {
        0..=2 => (BitDepth::One, 1),
        3..=4 => (BitDepth::Two, 2),
        5..=16 => (BitDepth::Four, 4),
        _ => (BitDepth::Eight, 8),
    };
    encoder.set_depth(depth);
    // Indices have no gradient: filters only harm them.
    encoder.set_compression(compression);
    encoder.set_filter(Filter::NoFilter);
    if bits == 8 {
        write(encoder, indices)?;
    } else {
        write(encoder, &pack(indices, width as usize, bits))?;
    }
    Ok(out)
}

/// Several indices a byte, each row from a byte of its own, the first index in the high bits.
fn pack(indices: &[u8], width: usize, bits: usize) -> Vec<u8> {
    let per_byte = 8 / bits;
    let byte = |group: &[u8]| group.iter().enumerate().fold(0, |byte, (i, index)| byte | index << (8 - bits * (i + 1)));
    indices.chunks_exact(width.max(1)).flat_map(|row| row.chunks(per_byte).map(byte)).collect()
}

fn write(encoder: Encoder<'_, &mut Vec<u8>>, data: &[u8]) -> Result<(), EncodeError> {
    let failed = |error: png::EncodingError| EncodeError(error.to_string());
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(data).map_err(failed)?;
    writer.finish().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode_rgba(bytes: &[u8]) -> (u32, u32, Vec<[u8; 4]>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut data).unwrap();
        data.truncate(info.buffer_size());
        let rgba = match info.color_type {
            ColorType::Rgba => data.as_chunks::<4>().0.to_vec(),
            ColorType::GrayscaleAlpha => data.as_chunks::<2>().0.iter().map(|[g, a]| [*g, *g, *g, *a]).collect(),
            other => panic!("{other:?}"),
        };
        (info.width, info.height, rgba)
    }

    proptest! {
        #[test]
        fn a_palette_picture_survives_at_every_bit_depth(
            colors in 1..256usize, width in 1..40u32, height in 1..20u32, seed in any::<u64>(),
        ) {
            let byte = |i: usize| u8::try_from((seed >> (i % 56)) & 0xff).unwrap();
            let palette: Vec<[u8; 4]> = (0..colors).map(|i| [byte(i), byte(i + 3), u8::try_from(i).unwrap(), if i == 0 { 0 } else { 255 }]).collect();
            let indices: Vec<u8> = (0..(width * height) as usize).map(|i| u8::try_from((i * 7 + i / 3) % colors).unwrap()).collect();
            let expected: Vec<[u8; 4]> = indices.iter().map(|i| palette[usize::from(*i)]).collect();
            let bytes = encode(&Picture::Palette { indices, palette }, width, height).unwrap();
            prop_assert_eq!(decode_rgba(&bytes), (width, height, expected));
        }
    }

    #[test]
    fn the_empty_tile_is_small_and_transparent() {
        let bytes = empty(256).unwrap();
        assert!(bytes.len() < 200, "{}", bytes.len());
        let (width, height, pixels) = decode_rgba(&bytes);
        assert_eq!((width, height), (256, 256));
        assert!(pixels.iter().all(|pixel| pixel[3] == 0));
        assert_eq!(bytes, empty(256).unwrap());
    }
}
