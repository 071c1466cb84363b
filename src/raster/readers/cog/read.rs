//! Reading a window: its blocks, then its cells, then their validity.

use std::sync::Arc;

use super::super::bytes::{Available, Need};
use super::decode;
use super::layout::Layout;
use super::tiff::{Array, TiffError};
use super::{BlockKey, Blocks, Level};
use crate::raster::validity::{by_value, combine, opacity};
use crate::raster::{BandMask, Mask, MaskKind, Pixels, Profile, ReadRequest, Sample, Samples, Window};
use crate::with_sample_type;

/// What a read came to.
#[derive(Debug)]
pub enum Outcome {
    Done(Pixels),
    /// These ranges of the file are needed first.
    Missing(Vec<std::ops::Range<u64>>),
}

/// One read under way.
pub struct WindowRead<'a> {
    pub profile: &'a Profile,
    pub level: &'a Level,
    pub source: Available<'a>,
    pub blocks: &'a Blocks,
    pub request: &'a ReadRequest,
    /// What a block is made of that the file leaves out, by band.
    pub fill: &'a [f64],
}

/// One block of a window.
struct Placed {
    col: usize,
    row: usize,
    plane: usize,
    cells: Arc<Samples>,
}

impl WindowRead<'_> {
    /// Reads the window.
    ///
    /// # Errors
    /// When a block is damaged.
    pub fn run(&self) -> Result<Outcome, String> {
        let mut missing = Vec::new();
        let bands: Vec<usize> = self.request.bands.iter().map(|band| band - 1).collect();
        let first = &self.profile.bands[bands[0]];
        let alpha = self.profile.bands.iter().position(|band| band.is_alpha);
        let alpha = alpha.filter(|_| first.mask == BandMask::Alpha && self.request.nodata.is_none());
        let wanted: Vec<usize> = bands.iter().copied().chain(alpha).collect();
        let placed = self.placed(&self.level.pixels, self.level.pixels_id, &wanted, &mut missing)?;
        let mask = match &self.level.mask {
            Some((layout, id)) if first.mask == BandMask::Dataset && self.request.nodata.is_none() => {
                Some((layout, self.placed(layout, *id, &[0], &mut missing)?))
            }
            _ => None,
        };
        if !missing.is_empty() {
            return Ok(Outcome::Missing(missing));
        }
        let samples = assembled(&self.level.pixels, self.request.window, &bands, &placed);
        let nodata: Vec<Option<f64>> = bands
            .iter()
            .map(|band| {
                let own = &self.profile.bands[*band];
                self.request.nodata.or_else(|| own.nodata.filter(|_| own.mask == BandMask::Nodata))
            })
            .collect();
        let values = by_value(&samples, &nodata);
        let shared = match (alpha, mask) {
            (Some(band), _) => {
                let alpha = assembled(&self.level.pixels, self.request.window, &[band], &placed);
                Some((MaskKind::Alpha, opacity(alpha)))
            }
            (None, Some((layout, placed))) => match assembled(layout, self.request.window, &[0], &placed) {
                Samples::U8(mut mask) => {
                    mask.iter_mut().for_each(|value| *value = if *value == 0 { 0 } else { 255 });
                    Some((MaskKind::Binary, mask))
                }
                _ => None,
            },
            (None, None) => None,
        };
        let mask: Mask = match shared {
            None => values,
            Some((kind, mask)) => combine(kind, mask, values, bands.len()),
        };
        let Window { width, height, .. } = self.request.window;
        Ok(Outcome::Done(Pixels { width, height, bands: bands.len(), samples, mask }))
    }

    /// The blocks that the window touches, of the planes that hold the bands.
    fn placed(
        &self, layout: &Layout, id: u32, bands: &[usize], missing: &mut Vec<std::ops::Range<u64>>,
    ) -> Result<Vec<Placed>, String> {
        let Window { col, row, width, height } = self.request.window;
        let span = |start: usize, length: usize, block: usize| start / block..(start + length).div_ceil(block);
        let (cols, rows) = (span(col, width, layout.block[0]), span(row, height, layout.block[1]));
        let mut planes: Vec<usize> =
            bands.iter().map(|band| if layout.samples_per_block == 1 { *band } else { 0 }).collect();
        planes.sort_unstable();
        planes.dedup();
        let mut all = Vec::with_capacity(planes.len() * rows.len() * cols.len());
        for plane in planes {
            for row in rows.clone() {
                for col in cols.clone() {
                    match self.block(layout, id, plane, col, row) {
                        Ok(cells) => all.push(Placed { col, row, plane, cells }),
                        Err(Need::Missing(range)) => missing.push(range),
                        Err(Need::Beyond) => return Err("a block is beyond the end of the file".to_owned()),
                        Err(Need::Failed(reason)) => return Err(reason),
                    }
                }
            }
        }
        Ok(all)
    }

    /// A block, from the cache or decoded.
    fn block(&self, layout: &Layout, id: u32, plane: usize, col: usize, row: usize) -> Result<Arc<Samples>, Need> {
        let index = layout.index(plane, col, row);
        let key = BlockKey { directory: id, index };
        self.blocks.get_or_insert_with(&key, || {
            let number = |array: Array| match array.get(&self.source, layout.endian, index) {
                Ok(number) => Ok(number),
                Err(TiffError::Need(need)) => Err(need),
                Err(TiffError::Malformed(reason)) => Err(Need::Failed(reason.to_owned())),
            };
            let (offset, count) = (number(layout.offsets)?, number(layout.counts)?);
            if offset == 0 || count == 0 {
                let fill = if layout.samples_per_block == 1 { &self.fill[plane..=plane] } else { self.fill };
                let fill = if layout.cells == super::layout::Cells::Bits { &[0.0] } else { fill };
                return Ok(Arc::new(decode::sparse(layout, row, fill)));
            }
            let raw = super::super::bytes::ByteSource::bytes(&self.source, offset..offset.saturating_add(count))?;
            decode::block(layout, row, &raw).map(Arc::new).map_err(|damaged| Need::Failed(damaged.to_string()))
        })
    }
}

/// The cells of a window, of some bands, interleaved.
fn assembled(layout: &Layout, window: Window, bands: &[usize], placed: &[Placed]) -> Samples {
    let Some(dtype) = placed.first().map(|placed| placed.cells.dtype()) else { return Samples::U8(Vec::new()) };
    with_sample_type!(dtype, T => {
        let mut out = vec![T::default(); window.width * window.height * bands.len()];
        for placed in placed {
            if let Some(cells) = T::unwrap(&placed.cells) {
                copy(layout, window, bands, placed, cells, &mut out);
            }
        }
        T::wrap(out)
    })
}

/// Copies what a block has of a window.
fn copy<T: Sample>(layout: &Layout, window: Window, bands: &[usize], placed: &Placed, cells: &[T], out: &mut [T]) {
    let (left, top) = (placed.col * layout.block[0], placed.row * layout.block[1]);
    let cols = left.max(window.col)..(left + layout.block[0]).min(window.col + window.width);
    let rows = top.max(window.row)..(top + layout.rows_of(placed.row)).min(window.row + window.height);
    let per_block = layout.samples_per_block;
    let whole = bands.len() == per_block && bands.iter().enumerate().all(|(index, band)| index == *band);
    for row in rows {
        let from = ((row - top) * layout.block[0] + cols.start - left) * per_block;
        let from = &cells[from..from + cols.len() * per_block];
        let to = ((row - window.row) * window.width + cols.start - window.col) * bands.len();
        let to = &mut out[to..to + cols.len() * bands.len()];
        if whole {
            to.copy_from_slice(from);
            continue;
        }
        for (index, band) in bands.iter().enumerate() {
            let sample = if per_block == 1 { 0 } else { *band };
            if per_block == 1 && *band != placed.plane && layout.samples > 1 {
                continue;
            }
            let values = from[sample..].iter().step_by(per_block);
            to[index..].iter_mut().step_by(bands.len()).zip(values).for_each(|(to, value)| *to = *value);
        }
    }
}
