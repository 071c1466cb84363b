//! Reading a window: its blocks, then its cells, then their validity.

use std::ops::Range;
use std::sync::Arc;

use super::super::bytes::{Available, ByteSource, Need};
use super::super::tiff::{Array, TiffError};
use super::block::{Area, Damaged};
use super::decode;
use super::layout::Layout;
use super::{BlockKey, Blocks, Level};
use crate::raster::validity::{of_window, opacity, zero_or_full};
use crate::raster::{BandMask, Level as Size, MaskKind, Pixels, Profile, ReadRequest, Sample, Samples, Window};
use crate::with_sample_type;

/// What a read came to.
#[derive(Debug)]
pub enum Outcome {
    Done(Pixels),
    /// These ranges of the file are needed first.
    Missing(Vec<Range<u64>>),
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

/// The columns and rows of a level that a window is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampling {
    cols: Vec<usize>,
    rows: Vec<usize>,
    /// None is left out.
    is_whole: bool,
}

impl Sampling {
    /// Those of a window of the decimated grid: the cells in whose middle its own are, as GDAL chooses the nearest.
    pub fn new(level: Size, decimation: usize, window: Window) -> Self {
        let grid = level.decimated(decimation);
        let side = |start: usize, length: usize, size: usize, cells: usize| -> Vec<usize> {
            (start..start + length).map(|cell| ((2 * cell + 1) * size / (2 * cells)).min(size - 1)).collect()
        };
        Self {
            cols: side(window.col, window.width, level.width, grid.width),
            rows: side(window.row, window.height, level.height, grid.height),
            is_whole: decimation == 1,
        }
    }

    /// Columns of blocks that hold some of them.
    pub fn block_cols(&self, layout: &Layout) -> Vec<usize> {
        blocks(&self.cols, layout.block[0])
    }

    /// Rows of blocks that hold some of them.
    pub fn block_rows(&self, layout: &Layout) -> Vec<usize> {
        blocks(&self.rows, layout.block[1])
    }

    /// The area of a block from the first to the last one of them.
    fn area(&self, layout: &Layout, [block_col, block_row]: [usize; 2]) -> Area {
        let side = |cells: &[usize], start: usize, length: usize| match &cells[within(cells, start..start + length)] {
            [] => 0..0,
            [first, .., last] => first - start..last - start + 1,
            [cell] => cell - start..cell - start + 1,
        };
        Area {
            cols: side(&self.cols, block_col * layout.block[0], layout.block[0]),
            rows: side(&self.rows, block_row * layout.block[1], layout.rows_of(block_row)),
        }
    }
}

fn blocks(cells: &[usize], block: usize) -> Vec<usize> {
    let mut blocks: Vec<usize> = cells.iter().map(|cell| cell / block).collect();
    blocks.dedup();
    blocks
}

/// Which of some cells in ascending order are in a range.
fn within(cells: &[usize], range: Range<usize>) -> Range<usize> {
    cells.partition_point(|cell| *cell < range.start)..cells.partition_point(|cell| *cell < range.end)
}

/// The pixels of a level, or its mask.
#[derive(Clone, Copy)]
struct Picture<'a> {
    layout: &'a Layout,
    /// Its number in the cache.
    id: u32,
    /// What a block is made of that the file leaves out, by band.
    fill: &'a [f64],
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
        let level = self.profile.levels[self.request.level];
        let sampling = Sampling::new(level, self.request.decimation, self.request.window);
        let pixels = Picture { layout: &self.level.pixels, id: self.level.pixels_id, fill: self.fill };
        let placed = self.placed(pixels, &sampling, &wanted, &mut missing)?;
        let mask = match &self.level.mask {
            Some((layout, id)) if first.mask == BandMask::Dataset && self.request.nodata.is_none() => {
                let mask = Picture { layout, id: *id, fill: &[0.0] };
                Some((layout, self.placed(mask, &sampling, &[0], &mut missing)?))
            }
            _ => None,
        };
        if !missing.is_empty() {
            return Ok(Outcome::Missing(missing));
        }
        let samples = assembled(&self.level.pixels, &sampling, &bands, &placed);
        let shared = match (alpha, mask) {
            (Some(band), _) => {
                let alpha = assembled(&self.level.pixels, &sampling, &[band], &placed);
                Some((MaskKind::Alpha, opacity(alpha)))
            }
            (None, Some((layout, placed))) => match assembled(layout, &sampling, &[0], &placed) {
                Samples::U8(mask) => Some((MaskKind::Binary, zero_or_full(mask))),
                _ => None,
            },
            (None, None) => None,
        };
        let mask = of_window(self.profile, self.request, &samples, shared);
        let Window { width, height, .. } = self.request.window;
        Ok(Outcome::Done(Pixels { width, height, bands: bands.len(), samples, mask }))
    }

    /// The blocks that the window touches, of the planes that hold the bands.
    fn placed(
        &self, picture: Picture<'_>, sampling: &Sampling, bands: &[usize], missing: &mut Vec<Range<u64>>,
    ) -> Result<Vec<Placed>, String> {
        let layout = picture.layout;
        let (cols, rows) = (sampling.block_cols(layout), sampling.block_rows(layout));
        let mut planes: Vec<usize> =
            bands.iter().map(|band| if layout.samples_per_block == 1 { *band } else { 0 }).collect();
        planes.sort_unstable();
        planes.dedup();
        let mut all = Vec::with_capacity(planes.len() * rows.len() * cols.len());
        for plane in planes {
            for row in rows.iter().copied() {
                for col in cols.iter().copied() {
                    match self.block(picture, [plane, col, row], sampling) {
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

    /// A block, from the cache or decoded. Where nothing is kept, no more of it is decoded than is asked for.
    fn block(&self, picture: Picture<'_>, place: [usize; 3], sampling: &Sampling) -> Result<Arc<Samples>, Need> {
        let Picture { layout, id, .. } = picture;
        let [plane, col, row] = place;
        if self.blocks.capacity() == 0 {
            return self.decoded(picture, place, &sampling.area(layout, [col, row])).map(Arc::new);
        }
        let key = BlockKey { directory: id, index: layout.index(plane, col, row) };
        let whole = Area { cols: 0..layout.block[0], rows: 0..layout.rows_of(row) };
        self.blocks.get_or_insert_with(&key, || self.decoded(picture, place, &whole).map(Arc::new))
    }

    /// An area of a block, and maybe more.
    fn decoded(
        &self, Picture { layout, fill, .. }: Picture<'_>, [plane, col, row]: [usize; 3], area: &Area,
    ) -> Result<Samples, Need> {
        let number = |array: Array, index| match array.get(&self.source, layout.endian, index) {
            Ok(number) => Ok(number),
            Err(TiffError::Need(need)) => Err(need),
            Err(TiffError::Malformed(reason)) => Err(Need::Failed(reason.to_owned())),
        };
        match layout.range([plane, col, row], number)? {
            None => {
                let fill = if layout.samples_per_block == 1 { &fill[plane..=plane] } else { fill };
                Ok(decode::sparse(layout, row, fill))
            }
            Some(range) if range.end > self.source.size() => Err(Need::Beyond),
            Some(Range { start, end }) => {
                let raw = self.source.bytes(start..end.min(start + layout.most_bytes_of(row)))?;
                decoded(layout, row, &raw, area).map_err(|damaged| Need::Failed(damaged.to_string()))
            }
        }
    }
}

/// An area of a block. Some writers give the last strip all of its rows, though the picture ends before.
fn decoded(layout: &Layout, row: usize, raw: &[u8], area: &Area) -> Result<Samples, Damaged> {
    decode::area(layout, row, raw, area).or_else(|damaged| {
        if layout.full_rows <= layout.rows_of(row) {
            return Err(damaged);
        }
        let block = [layout.block[0], layout.full_rows];
        decode::area(&Layout { cut_at_bottom: false, block, ..layout.clone() }, row, raw, area).map_err(|_| damaged)
    })
}

/// The cells of a window, of some bands, interleaved.
fn assembled(layout: &Layout, sampling: &Sampling, bands: &[usize], placed: &[Placed]) -> Samples {
    let Some(dtype) = placed.first().map(|placed| placed.cells.dtype()) else { return Samples::U8(Vec::new()) };
    let is_all = sampling.is_whole && bands.iter().copied().eq(0..layout.samples_per_block);
    with_sample_type!(dtype, T => {
        if is_all && (layout.samples_per_block > 1 || layout.samples == 1) {
            return T::wrap(joined(layout, sampling, placed));
        }
        let mut out = vec![T::default(); sampling.cols.len() * sampling.rows.len() * bands.len()];
        for placed in placed {
            if let Some(cells) = T::unwrap(&placed.cells) {
                copy(layout, sampling, bands, placed, cells, &mut out);
            }
        }
        T::wrap(out)
    })
}

/// The cells of a window of whole pixels, as they are in the blocks.
fn joined<T: Sample>(layout: &Layout, sampling: &Sampling, placed: &[Placed]) -> Vec<T> {
    let per_block = layout.samples_per_block;
    let mut out = Vec::with_capacity(sampling.cols.len() * sampling.rows.len() * per_block);
    for beside in placed.chunk_by(|a, b| a.row == b.row) {
        let top = beside[0].row * layout.block[1];
        let pieces = beside.iter().filter_map(|placed| {
            let left = placed.col * layout.block[0];
            let cols = &sampling.cols[within(&sampling.cols, left..left + layout.block[0])];
            let first = (cols.first()? - left) * per_block;
            Some((T::unwrap(&placed.cells)?, first..first + cols.len() * per_block))
        });
        let pieces: Vec<(&[T], Range<usize>)> = pieces.collect();
        for row in &sampling.rows[within(&sampling.rows, top..top + layout.rows_of(beside[0].row))] {
            let first = (row - top) * layout.block[0] * per_block;
            for (cells, piece) in &pieces {
                out.extend_from_slice(&cells[first..][piece.clone()]);
            }
        }
    }
    out
}

/// Copies what a block has of some bands of a window.
fn copy<T: Sample>(layout: &Layout, sampling: &Sampling, bands: &[usize], placed: &Placed, cells: &[T], out: &mut [T]) {
    let (left, top) = (placed.col * layout.block[0], placed.row * layout.block[1]);
    let cols = within(&sampling.cols, left..left + layout.block[0]);
    let rows = within(&sampling.rows, top..top + layout.rows_of(placed.row));
    let per_block = layout.samples_per_block;
    let is_plane = per_block == 1 && layout.samples > 1;
    for row in rows {
        let from = &cells[(sampling.rows[row] - top) * layout.block[0] * per_block..][..layout.block[0] * per_block];
        let to = (row * sampling.cols.len() + cols.start) * bands.len();
        let to = &mut out[to..to + cols.len() * bands.len()];
        let first = sampling.cols[cols.start] - left;
        for (index, band) in bands.iter().enumerate() {
            if is_plane && *band != placed.plane {
                continue;
            }
            let sample = if is_plane { 0 } else { *band };
            let to = to[index..].iter_mut().step_by(bands.len());
            if sampling.is_whole {
                let values = from[first * per_block + sample..].iter().step_by(per_block);
                to.zip(values).for_each(|(to, value)| *to = *value);
            } else {
                let cols = &sampling.cols[cols.clone()];
                to.zip(cols).for_each(|(to, col)| *to = from[(col - left) * per_block + sample]);
            }
        }
    }
}
