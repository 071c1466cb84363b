//! Reads that touch too many blocks for one: they are taken apart, and put together again.

use super::layout::Layout;
use super::read::Sampling;
use crate::raster::validity::combine;
use crate::raster::{Level, Mask, MaskKind, Pixels, ReadRequest, Sample, Window};
use crate::with_sample_type;

/// Decoded bytes that a part may need: a decimated read of a raster without overviews touches most of its blocks.
const MOST_BYTES: u64 = 64 << 20;

/// Windows that make up that of a request.
pub fn split(layout: &Layout, level: Level, request: &ReadRequest) -> Vec<Window> {
    let mut parts = Vec::new();
    let mut left = vec![request.window];
    while let Some(window) = left.pop() {
        match halves(layout, level, request, window) {
            None => parts.push(window),
            Some(halves) => left.extend(halves),
        }
    }
    parts
}

/// The halves of a window that needs too much.
fn halves(layout: &Layout, level: Level, request: &ReadRequest, window: Window) -> Option<[Window; 2]> {
    let sampling = Sampling::new(level, request.decimation, window);
    let [cols, rows] = [sampling.block_cols(layout).len(), sampling.block_rows(layout).len()];
    let planes = layout.samples.div_ceil(layout.samples_per_block).min(request.bands.len() + 1);
    let bytes = (cols * rows * planes) as u64 * layout.bytes_of(0) as u64;
    let Window { col, row, width, height } = window;
    if bytes <= MOST_BYTES {
        None
    } else if rows > 1 {
        let upper = height / 2;
        Some([Window { height: upper, ..window }, Window { row: row + upper, height: height - upper, ..window }])
    } else if cols > 1 {
        let first = width / 2;
        Some([Window { width: first, ..window }, Window { col: col + first, width: width - first, ..window }])
    } else {
        None
    }
}

/// Puts the parts of a window together.
pub fn stitch(window: Window, parts: &[(Window, Pixels)]) -> Option<Pixels> {
    let bands = parts.first()?.1.bands;
    let dtype = parts.first()?.1.dtype();
    let mask = mask(window, bands, parts);
    let samples = with_sample_type!(dtype, T => {
        let mut whole = vec![T::default(); window.width * window.height * bands];
        for (part, pixels) in parts {
            paste(window, &mut whole, *part, T::unwrap(&pixels.samples)?, bands);
        }
        T::wrap(whole)
    });
    Some(Pixels { width: window.width, height: window.height, bands, samples, mask })
}

/// The mask of all parts, of the kind that says most.
fn mask(window: Window, bands: usize, parts: &[(Window, Pixels)]) -> Mask {
    let is_per_band = parts.iter().any(|(_, pixels)| matches!(pixels.mask, Mask::PerBand(_)));
    let kind = parts.iter().find_map(|(_, pixels)| match pixels.mask {
        Mask::Shared(kind, _) => Some(kind),
        Mask::AllValid | Mask::PerBand(_) => None,
    });
    let stride = match (is_per_band, kind) {
        (true, _) => bands,
        (false, Some(_)) => 1,
        (false, None) => return Mask::AllValid,
    };
    let mut whole = vec![u8::MAX; window.width * window.height * stride];
    for (part, pixels) in parts {
        let cells = part.width * part.height * bands;
        let per_band =
            |kind: MaskKind, mask: &[u8]| combine(kind, mask.to_vec(), Mask::PerBand(vec![u8::MAX; cells]), bands);
        let own = match &pixels.mask {
            Mask::AllValid => continue,
            Mask::Shared(kind, mask) if is_per_band => per_band(*kind, mask),
            other => other.clone(),
        };
        if let Mask::Shared(_, values) | Mask::PerBand(values) = own {
            paste(window, &mut whole, *part, &values, stride);
        }
    }
    match kind {
        Some(kind) if !is_per_band => Mask::Shared(kind, whole),
        _ => Mask::PerBand(whole),
    }
}

fn paste<T: Sample>(window: Window, whole: &mut [T], part: Window, cells: &[T], stride: usize) {
    for (index, from) in cells.chunks_exact(part.width * stride).enumerate() {
        let to = ((part.row - window.row + index) * window.width + part.col - window.col) * stride;
        whole[to..to + from.len()].copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::Samples;
    use rstest::rstest;

    const WHOLE: Window = Window { col: 3, row: 5, width: 2, height: 2 };

    /// A part of one pixel of two bands.
    fn part(col: usize, row: usize, value: u8, mask: Mask) -> (Window, Pixels) {
        let window = Window { col: 3 + col, row: 5 + row, width: 1, height: 1 };
        (window, Pixels { width: 1, height: 1, bands: 2, samples: Samples::U8(vec![value, value + 1]), mask })
    }

    #[rstest]
    #[case::all_valid(Mask::AllValid, Mask::AllValid, Mask::AllValid)]
    #[case::opacity_counts_where_it_is(
        Mask::Shared(MaskKind::Alpha, vec![9]), Mask::AllValid,
        Mask::Shared(MaskKind::Alpha, vec![9, 255, 255, 255])
    )]
    #[case::of_each_band_where_any_part_has_it(
        Mask::Shared(MaskKind::Binary, vec![0]), Mask::PerBand(vec![255, 0]),
        Mask::PerBand(vec![0, 0, 255, 0, 255, 255, 255, 255])
    )]
    fn parts_lie_where_they_were_cut(#[case] first: Mask, #[case] second: Mask, #[case] expected: Mask) {
        let parts = vec![
            part(1, 1, 40, Mask::AllValid),
            part(0, 0, 10, first),
            part(1, 0, 20, second),
            part(0, 1, 30, Mask::AllValid),
        ];
        let pixels = stitch(WHOLE, &parts).unwrap();
        assert_eq!(pixels.samples, Samples::U8(vec![10, 11, 20, 21, 30, 31, 40, 41]));
        assert_eq!(pixels.mask, expected);
    }
}
