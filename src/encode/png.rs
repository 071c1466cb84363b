//! PNG (ISO/IEC 15948): the smallest colour type that holds the picture, filtered and compressed for speed.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use bytes::Bytes;
use wide::u8x32;

use super::EncodeError;
use super::deflate::zlib;

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
    let (color, depth, samples) = match picture {
        Picture::Palette { indices, palette } => (Color::Palette, depth_of(palette), indices),
        Picture::Gray(samples) => (Color::Gray, 8, samples),
        Picture::GrayAlpha(samples) => (Color::GrayAlpha, 8, samples),
        Picture::Rgb(samples) => (Color::Rgb, 8, samples),
        Picture::Rgba(samples) => (Color::Rgba, 8, samples),
    };
    let row = width as usize * color.channels();
    if row == 0 || samples.len() != row * height as usize {
        return Err(EncodeError(format!("{} samples are no picture of {width} x {height}", samples.len())));
    }

    let mut out = Vec::with_capacity(samples.len() / 2 + OVERHEAD);
    out.extend_from_slice(&SIGNATURE);
    chunk(&mut out, *b"IHDR", |out| {
        out.extend(width.to_be_bytes());
        out.extend(height.to_be_bytes());
        // The usual compression and filters, not interlaced.
        out.extend([depth, color as u8, 0, 0, 0]);
    });
    if let Picture::Palette { palette, .. } = picture {
        chunk(&mut out, *b"PLTE", |out| out.extend(palette.iter().flat_map(|[r, g, b, _]| [r, g, b])));
        let translucent = palette.iter().rposition(|color| color[3] < 255).map_or(0, |last| last + 1);
        if translucent > 0 {
            chunk(&mut out, *b"tRNS", |out| out.extend(palette[..translucent].iter().map(|color| color[3])));
        }
    }
    let filtered = match color {
        Color::Palette => packed(samples, row, usize::from(depth)),
        Color::Gray => predicted::<1>(samples, row),
        Color::GrayAlpha => predicted::<2>(samples, row),
        Color::Rgb => predicted::<3>(samples, row),
        Color::Rgba => predicted::<4>(samples, row),
    };
    chunk(&mut out, *b"IDAT", |out| zlib(&filtered, out));
    chunk(&mut out, *b"IEND", |_| ());
    Ok(out)
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
    let bytes = Bytes::from(encode(&Picture::Palette { indices, palette: vec![[0; 4]] }, size_px, size_px)?);
    MADE.write().unwrap_or_else(PoisonError::into_inner).insert(size_px, bytes.clone());
    Ok(bytes)
}

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// Bytes of a file besides its samples, without a palette.
const OVERHEAD: usize = 512;

/// Colour types, as they are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Color {
    Gray = 0,
    Rgb = 2,
    Palette = 3,
    GrayAlpha = 4,
    Rgba = 6,
}

impl Color {
    fn channels(self) -> usize {
        match self {
            Self::Gray | Self::Palette => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// Filters that a row can say it has.
const UNFILTERED: u8 = 0;
const PAETH: u8 = 4;

/// Appends a chunk: its length, its name, what `write` appends, and the checksum of both.
fn chunk(out: &mut Vec<u8>, name: [u8; 4], write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&name);
    write(out);
    let named = start + 4;
    let length = u32::try_from(out.len() - named - name.len()).unwrap_or(u32::MAX);
    out[start..named].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32fast::hash(&out[named..]);
    out.extend_from_slice(&checksum.to_be_bytes());
}

/// Rows as differences from what their neighbours let expect (Paeth), which compress a sixth better than those from the
/// row above.
fn predicted<const CHANNELS: usize>(samples: &[u8], row: usize) -> Vec<u8> {
    let above_first = vec![0; row];
    let above = std::iter::once(&*above_first).chain(samples.chunks_exact(row));
    let mut out = vec![0; samples.len() / row * (row + 1)];
    for ((row, above), out) in samples.chunks_exact(row).zip(above).zip(out.chunks_exact_mut(row + 1)) {
        out[0] = PAETH;
        let (first, rest) = out[1..].split_at_mut(CHANNELS);
        // Nothing is left of the first pixel.
        first.iter_mut().zip(row).zip(above).for_each(|((out, sample), above)| *out = sample.wrapping_sub(*above));
        let neighbours = Neighbours { left: row, above: &above[CHANNELS..], corner: above };
        differences(&row[CHANNELS..], neighbours, rest);
    }
    out
}

/// Samples beside others, in the same order.
#[derive(Clone, Copy)]
struct Neighbours<'a> {
    left: &'a [u8],
    above: &'a [u8],
    corner: &'a [u8],
}

/// Samples as differences from the neighbour that is nearest to left + above - corner.
fn differences(samples: &[u8], neighbours: Neighbours<'_>, out: &mut [u8]) {
    const LANES: usize = 32;
    let Neighbours { left, above, corner } = neighbours;
    let Some(last) = samples.len().checked_sub(LANES) else {
        // A narrow picture: as if it were wider.
        let widened = |row: &[u8]| {
            let mut wide = [0; LANES];
            wide[..samples.len()].copy_from_slice(&row[..samples.len()]);
            wide
        };
        let [samples, left, above, corner] = [samples, left, above, corner].map(widened).map(u8x32::new);
        let wide = (samples - nearest(left, above, corner)).to_array();
        out.copy_from_slice(&wide[..out.len()]);
        return;
    };
    // The last ones again with those before them, so that there are always enough.
    for start in (0..last).step_by(LANES).chain([last]) {
        let lanes = |row: &[u8]| row[start..].first_chunk().map_or(u8x32::ZERO, |lanes| u8x32::new(*lanes));
        let difference = lanes(samples) - nearest(lanes(left), lanes(above), lanes(corner));
        out[start..start + LANES].copy_from_slice(difference.as_array());
    }
}

/// The neighbour that is nearest to left + above - corner; the first of these that is. In bytes throughout, of which
/// processors take twice as many at once as of anything wider.
#[inline]
fn nearest(left: u8x32, above: u8x32, corner: u8x32) -> u8x32 {
    let apart = |a: u8x32, b: u8x32| a.max(b) - a.min(b);
    let is_at_most = |a: u8x32, b: u8x32| a.min(b).simd_eq(a);
    let (from_left, from_above) = (apart(above, corner), apart(left, corner));
    // Two steps away from the corner. They add up where they go the same way; then the corner is not the nearest, however
    // far beyond a byte it is.
    let is_other_way = is_at_most(corner, above) ^ is_at_most(corner, left);
    let from_corner = is_other_way.bitselect(apart(from_left, from_above), from_left.saturating_add(from_above));
    let other = is_at_most(from_above, from_corner).bitselect(above, corner);
    let is_left = is_at_most(from_left, from_above) & is_at_most(from_left, from_corner);
    is_left.bitselect(left, other)
}

/// Bits of an index.
fn depth_of(palette: &[[u8; 4]]) -> u8 {
    match palette.len() {
        0..=2 => 1,
        3..=4 => 2,
        5..=16 => 4,
        _ => 8,
    }
}

/// Rows of indices, several a byte, the first one in the high bits. Indices have no gradient: filters only harm them.
fn packed(indices: &[u8], width: usize, depth: usize) -> Vec<u8> {
    let per_byte = 8 / depth;
    let row_bytes = 1 + width.div_ceil(per_byte);
    let mut out = vec![UNFILTERED; indices.len() / width * row_bytes];
    for (row, out) in indices.chunks_exact(width).zip(out.chunks_exact_mut(row_bytes)) {
        if depth == 8 {
            out[1..].copy_from_slice(row);
            continue;
        }
        for (byte, group) in out[1..].iter_mut().zip(row.chunks(per_byte)) {
            *byte = group.iter().enumerate().fold(0, |byte, (i, index)| byte | index << (8 - depth * (i + 1)));
        }
    }
    out
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
            png::ColorType::Rgba => data.as_chunks::<4>().0.to_vec(),
            png::ColorType::GrayscaleAlpha => data.as_chunks::<2>().0.iter().map(|[g, a]| [*g, *g, *g, *a]).collect(),
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

    proptest! {
        #[test]
        fn channels_survive(kind in 0..4_usize, width in 1..70u32, height in 1..20u32, seed in any::<u64>(), smooth in any::<bool>()) {
            let pixels = (width * height) as usize;
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut sample = |index: usize| if smooth { (index.to_le_bytes()[0] / 7) ^ rng.u8(..4) } else { rng.u8(..) };
            let mut samples = |channels: usize| (0..pixels * channels).map(&mut sample).collect::<Vec<u8>>();
            let (picture, expected): (Picture, Vec<[u8; 4]>) = match kind {
                0 => {
                    let samples = samples(1);
                    (Picture::Gray(samples.clone()), samples.iter().map(|g| [*g, *g, *g, 255]).collect())
                }
                1 => {
                    let samples = samples(2);
                    let expected = samples.as_chunks().0.iter().map(|[g, a]| [*g, *g, *g, *a]).collect();
                    (Picture::GrayAlpha(samples), expected)
                }
                2 => {
                    let samples = samples(3);
                    let expected = samples.as_chunks().0.iter().map(|[r, g, b]| [*r, *g, *b, 255]).collect();
                    (Picture::Rgb(samples), expected)
                }
                _ => {
                    let samples = samples(4);
                    (Picture::Rgba(samples.clone()), samples.as_chunks().0.to_vec())
                }
            };
            prop_assert_eq!(decode_rgba(&encode(&picture, width, height).unwrap()), (width, height, expected));
        }
    }

    #[test]
    fn the_nearest_neighbour_is_the_one_of_the_standard() {
        let pairs = (0..=255).flat_map(|left| (0..=255).map(move |above| (left, above)));
        for (left, above) in pairs {
            for corners in std::array::from_fn::<u8, 256, _>(|corner| u8::try_from(corner).unwrap()).as_chunks::<32>().0
            {
                let found = nearest(u8x32::splat(left), u8x32::splat(above), u8x32::new(*corners)).to_array();
                for (found, corner) in found.into_iter().zip(*corners) {
                    let expected = i32::from(left) + i32::from(above) - i32::from(corner);
                    // `min_by_key` gives the first of several.
                    let nearest = [left, above, corner].into_iter().min_by_key(|it| (expected - i32::from(*it)).abs());
                    assert_eq!(Some(found), nearest, "{left} {above} {corner}");
                }
            }
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert!(encode(&Picture::Gray(vec![0; 5]), 2, 3).is_err());
        assert!(encode(&Picture::Rgb(vec![0; 6]), 2, 3).is_err());
        assert!(encode(&Picture::Rgb(vec![]), 0, 3).is_err());
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
