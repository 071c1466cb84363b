//! Blocks that are pictures of their own: JPEG and WebP.
//!
//! What a stream says of itself is compared with the layout before anything is decoded.

use std::borrow::Cow;
use std::io::Cursor;

use image_webp::WebPDecoder;

use super::block::{Area, Damaged, Shape};
use super::jpeg;

/// Decodes an area of a JPEG, down to which `out` goes; `ycbcr` says whether the file means luminance and chrominance by its
/// components.
pub fn jpeg(shape: Shape, tables: &[u8], ycbcr: bool, raw: &[u8], area: &Area, out: &mut [u8]) -> Result<(), Damaged> {
    jpeg::decode(shape, ycbcr, &with_tables(tables, raw), area, out)
}

/// A JPEG stream of its own from an abbreviated one: the tables without their end, then the picture without its start.
fn with_tables<'a>(tables: &[u8], raw: &'a [u8]) -> Cow<'a, [u8]> {
    const MARKER_BYTES: usize = 2;
    if tables.len() <= 2 * MARKER_BYTES || raw.len() < MARKER_BYTES {
        return raw.into();
    }
    [&tables[..tables.len() - MARKER_BYTES], &raw[MARKER_BYTES..]].concat().into()
}

/// Decodes a WebP of three bands, or four with opacity. Encoders leave out an opacity that is full.
pub fn webp(shape: Shape, raw: &[u8], out: &mut [u8]) -> Result<(), Damaged> {
    let damaged = |error| Damaged(format!("its WebP: {error}"));
    let other_size = || Damaged("its WebP is of another size".to_owned());
    let is = |size: [u32; 2]| [shape.width as u64, shape.height as u64] == size.map(u64::from);
    // A frame may say that it is larger than its picture, and is believed by the decoder.
    if lossy_frame(raw).is_some_and(|frame| !is(frame)) {
        return Err(other_size());
    }
    let mut decoder = WebPDecoder::new(Cursor::new(raw)).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if !is([width, height]) || decoder.is_animated() {
        return Err(other_size());
    }
    match (if decoder.has_alpha() { 4 } else { 3 }, shape.samples) {
        (stored, wanted) if stored == wanted => decoder.read_image(out).map_err(damaged),
        (3, 4) => {
            let mut opaque = vec![0; shape.width * shape.height * 3];
            decoder.read_image(&mut opaque).map_err(damaged)?;
            for (to, from) in out.as_chunks_mut::<4>().0.iter_mut().zip(opaque.as_chunks::<3>().0) {
                *to = [from[0], from[1], from[2], u8::MAX];
            }
            Ok(())
        }
        _ => Err(Damaged("its WebP has another number of bands".to_owned())),
    }
}

/// The size in the header of the first lossy frame.
fn lossy_frame(raw: &[u8]) -> Option<[u32; 2]> {
    const RIFF_BYTES: usize = 12;
    const HEAD_BYTES: usize = 8;
    let mut at = RIFF_BYTES;
    loop {
        let head = raw.get(at..at.checked_add(HEAD_BYTES)?)?;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let chunk = at + HEAD_BYTES;
        if &head[..4] == b"VP8 " {
            // A tag of three bytes and a start code of three come first; two bits of each side are its scale.
            let side = |at: usize| Some(u32::from(u16::from_le_bytes([*raw.get(at)?, *raw.get(at + 1)?]) & 0x3fff));
            return Some([side(chunk + 6)?, side(chunk + 8)?]);
        }
        let length = usize::try_from(length).ok()?;
        at = chunk.checked_add(length)?.checked_add(length % 2)?;
    }
}
