//! Kernels when every output pixel has a position of its own.
//!
//! What was read is spread out into lanes, a pixel after the other: its bands, and how valid they are. Then every output
//! pixel is a sum over lanes, which processors do at once. It goes by rows of cells, so that what is spread out stays in
//! the cache.

use std::ops::Range;
use std::rc::Rc;

use super::cells::{CELL_PX, CellMap};
use super::lanes::{Bands, MOST_LANES, add};
use super::phases::{self, Clipped, FEW, Phases, Snapped};
use super::sums::{self, Accumulator, Filterable};
use super::target::Rows;
use super::{Part, Rect, Resampling, SourceWindow, kernel};
use crate::raster::{Mask, Pixels};

/// Filters what was read for a part of a block, as many bands at a time as lanes hold.
pub fn fill<T: Filterable>(
    resampling: Resampling, cells: &CellMap, part: &Part, values: &[T], source: &Pixels, mut out: Rows<'_, T>,
) {
    for bands in Bands::groups(values, source) {
        let lanes = bands.lanes();
        let warp = Warp { resampling, cells, part, bands };
        match lanes {
            1 => warp.fill::<1>(&mut out),
            2 => warp.fill::<2>(&mut out),
            4 => warp.fill::<4>(&mut out),
            _ => warp.fill::<MOST_LANES>(&mut out),
        }
    }
}

/// Some bands of a part of a block.
struct Warp<'a, T> {
    resampling: Resampling,
    cells: &'a CellMap,
    part: &'a Part,
    bands: Bands<'a, T>,
}

/// The weights of one output pixel along one axis.
struct Taps<'a, A> {
    /// The first source pixel, in pixels of what is spread out.
    first: usize,
    count: usize,
    weights: &'a [A],
}

impl<T: Filterable> Warp<'_, T> {
    fn fill<const LANES: usize>(&self, out: &mut Rows<'_, T>) {
        let needed: Vec<(Rect, SourceWindow)> =
            cell_rows(self.part.rect).filter_map(|rows| self.needed(rows).map(|window| (rows, window))).collect();
        let mut field = Field::<T::Acc, LANES>::for_any(needed.iter().map(|(_, window)| window));
        for (rows, window) in needed {
            field.spread(self, window);
            self.fill_rows(rows, &field, out);
        }
    }

    /// What some rows of the block need of what was read.
    fn needed(&self, rect: Rect) -> Option<SourceWindow> {
        let ([left, top, right, bottom], size) = self.cells.extent(rect)?;
        let window = self.part.window;
        let side = |low: f64, high: f64, size: f64, start: i64, length: usize| {
            let [first, last] = phases::reached(self.resampling, low, high, size);
            let end = start + i64::try_from(length).unwrap_or(i64::MAX);
            let (first, end) = (first.max(start), last.saturating_add(1).min(end));
            Some((first, usize::try_from(end.checked_sub(first)?).ok().filter(|length| *length > 0)?))
        };
        let (col, width) = side(left, right, size[0], window.col, window.width)?;
        let (row, height) = side(top, bottom, size[1], window.row, window.height)?;
        Some(SourceWindow { col, row, width, height })
    }

    fn fill_rows<const LANES: usize>(&self, rect: Rect, field: &Field<T::Acc, LANES>, out: &mut Rows<'_, T>) {
        let runs: Vec<Run<T::Acc>> = cell_runs(rect.x, rect.width).map(|cols| self.run(rect, cols)).collect();
        let (mut cols, mut rows) = (Vec::new(), Vec::new());
        let mut clipped = [Clipped::default(), Clipped::default()];
        let mut buffers = Buffers::<T, LANES> { sums: Vec::with_capacity(CELL_PX), stored: Vec::new() };
        let bands = if self.bands.range.len() == self.bands.source.bands { self.bands.source.bands } else { 0 };
        for y in rect.y..rect.y + rect.height {
            let row = y - self.part.rect.y;
            for run in &runs {
                let place = [rect.x + run.cols.start, y];
                let done = match (bands, run.taps) {
                    (1, 1 | 2) => self.fill_inside::<1, LANES, 2>(run, place, field, row, &mut buffers, out),
                    (1, 3) => self.fill_inside::<1, LANES, 3>(run, place, field, row, &mut buffers, out),
                    (1, 4) => self.fill_inside::<1, LANES, 4>(run, place, field, row, &mut buffers, out),
                    (3, 1 | 2) => self.fill_inside::<3, LANES, 2>(run, place, field, row, &mut buffers, out),
                    (3, 3) => self.fill_inside::<3, LANES, 3>(run, place, field, row, &mut buffers, out),
                    (3, 4) => self.fill_inside::<3, LANES, 4>(run, place, field, row, &mut buffers, out),
                    _ => false,
                };
                if !done {
                    self.cells.row(y, place[0], place[0] + run.cols.len(), &mut cols, &mut rows);
                    self.fill_run(run, [&cols, &rows], field, row, &mut clipped, out);
                }
            }
        }
    }

    /// The pixels of some rows that are in one cell.
    fn run(&self, rows: Rect, cols: Range<usize>) -> Run<T::Acc> {
        let rect = Rect { x: rows.x + cols.start, width: cols.len(), ..rows };
        let [size_x, size_y] = self.cells.size(rect.x, rect.y);
        let phases = [Phases::of(self.resampling, size_x), Phases::of(self.resampling, size_y)];
        let tabled = match (phases[0].taps, phases[1].taps) {
            (Some(across), Some(down)) => across.max(down),
            _ => 0,
        };
        let window = self.part.window;
        let is_inside = |low: f64, high: f64, size: f64, start: i64, length: usize| {
            let [first, last] = phases::reached(self.resampling, low, high, size);
            first >= start && last < start + i64::try_from(length).unwrap_or(i64::MAX)
        };
        let is_inside = self.cells.extent(rect).is_some_and(|([left, top, right, bottom], size)| {
            is_inside(left, right, size[0], window.col, window.width)
                && is_inside(top, bottom, size[1], window.row, window.height)
        });
        let has_positions = || self.cells.is_finite(rect.x, rect.y);
        let taps = if is_inside && !matches!(self.bands.source.mask, Mask::PerBand(_)) && has_positions() {
            tabled
        } else {
            0
        };
        Run { cols, phases, taps }
    }

    /// Pixels whose weights are all in tables, of sources that are all in the raster: nothing is to be checked. False
    /// when that is not so after all.
    fn fill_inside<const BANDS: usize, const LANES: usize, const TAPS: usize>(
        &self, run: &Run<T::Acc>, place: [usize; 2], field: &Field<T::Acc, LANES>, row: usize,
        buffers: &mut Buffers<T, LANES>, out: &mut Rows<'_, T>,
    ) -> bool {
        let [Some(across), Some(down)] = run.phases.each_ref().map(|phases| phases.table()) else {
            return false;
        };
        if sums::must_clamp::<T>(self.resampling) {
            return false;
        }
        let [cols, rows] = self.cells.snapped(place, [field.window.col, field.window.row]);
        let view = field.view();
        buffers.sums.clear();
        // What is moved into it stays in registers; what is borrowed would be looked up again for every pixel.
        buffers.sums.extend(cols.iter().zip(&rows).take(run.cols.len()).map(move |(col, row)| {
            let ((col, across), (row, down)) = (across.near(*col), down.near(*row));
            view.sum::<TAPS>(col, row, across, down)
        }));
        let (samples, mask) = out.row(row);
        let pixels = &mut samples.as_chunks_mut::<BANDS>().0[run.cols.clone()];
        self.bands.store_row(&buffers.sums, &mut buffers.stored, pixels, &mut mask[run.cols.clone()]);
        true
    }

    fn fill_run<const LANES: usize>(
        &self, run: &Run<T::Acc>, [cols, rows]: [&[f64]; 2], field: &Field<T::Acc, LANES>, row: usize,
        [clipped_across, clipped_down]: &mut [Clipped<T::Acc>; 2], out: &mut Rows<'_, T>,
    ) {
        let window = self.part.window;
        let [across, down] = &run.phases;
        let bands = self.bands.source.bands;
        let fill = std::mem::take(&mut out.fill);
        let (samples, mask) = out.row(row);
        for (col, (x, y)) in run.cols.clone().zip(cols.iter().zip(rows)) {
            if !(kernel::contains(*x, window.col, window.width) && kernel::contains(*y, window.row, window.height)) {
                continue;
            }
            let (x, y) = (phases::snap(*x), phases::snap(*y));
            let across = taps(across, x, window.col, window.width, field.window.col, clipped_across);
            let down = taps(down, y, window.row, window.height, field.window.row, clipped_down);
            let sums = field.sum(&across, &down);
            let pixel = &mut samples[col * bands..(col + 1) * bands][self.bands.range.clone()];
            let valid = self.bands.store(&sums, &fill, pixel);
            if valid > 0 && sums::must_clamp::<T>(self.resampling) {
                let taps = field.in_read(&across, &down, window);
                sums::clamp_to_taps(taps, &self.bands, pixel);
            }
            // A pixel is as valid as its most valid band.
            mask[col] = if self.bands.range.start == 0 { valid } else { valid.max(mask[col]) };
        }
        out.fill = fill;
    }
}

/// Output pixels of one row in the making.
struct Buffers<T: Filterable, const LANES: usize> {
    sums: Vec<[T::Acc; LANES]>,
    stored: Vec<T>,
}

/// Output pixels of some rows, in one cell.
struct Run<A> {
    /// Columns of the part.
    cols: Range<usize>,
    /// Weights across and down.
    phases: [Rc<Phases<A>>; 2],
    /// How many weights the tables have a position, where no source pixel can be missing; 0 otherwise.
    taps: usize,
}

/// The weights of a position: from the table, unless some of its pixels are outside the raster.
fn taps<'a, A: Accumulator>(
    phases: &'a Phases<A>, position: Snapped, start: i64, length: usize, field: i64, clipped: &'a mut Clipped<A>,
) -> Taps<'a, A> {
    let end = start + i64::try_from(length).unwrap_or(i64::MAX);
    let local = |first: i64| usize::try_from(first - field).unwrap_or(0);
    if let Some((first, count, weights)) = phases.at(position)
        && first >= start
        && first + i64::try_from(count).unwrap_or(0) <= end
    {
        return Taps { first: local(first), count, weights };
    }
    let first = phases.clipped(position, start, length, clipped);
    Taps { first: local(first), count: clipped.weights.len(), weights: &clipped.weights }
}

/// Source pixels, spread out into lanes: bands, then how valid they are.
struct Field<A, const LANES: usize> {
    window: SourceWindow,
    pixels: Vec<[A; LANES]>,
}

/// Pixels behind the last one, some rows and a few more, for weights that are nothing.
fn behind(window: &SourceWindow) -> usize {
    (window.width + 1) * 4
}

impl<A: Accumulator, const LANES: usize> Field<A, LANES> {
    /// An empty one, which holds any of these windows without growing: a vector that grows copies what it held, and all of
    /// that to pages not touched before.
    fn for_any<'a>(windows: impl Iterator<Item = &'a SourceWindow>) -> Self {
        let room = windows.map(|window| window.width * window.height + behind(window)).max().unwrap_or(0);
        let window = SourceWindow { col: 0, row: 0, width: 0, height: 0 };
        Self { window, pixels: Vec::with_capacity(room) }
    }

    /// Spreads out a window of what was read.
    fn spread<T: Filterable<Acc = A>>(&mut self, warp: &Warp<'_, T>, window: SourceWindow) {
        let read = warp.part.window;
        let offset = |own: i64, start: i64| usize::try_from(own - start).unwrap_or(0);
        let (left, top) = (offset(window.col, read.col), offset(window.row, read.row));
        self.window = window;
        self.pixels.clear();
        for row in top..top + window.height {
            let first = row * read.width + left;
            warp.bands.spread(first..first + window.width, &mut self.pixels);
        }
        self.pixels.resize(self.pixels.len() + behind(&window), [A::default(); LANES]);
    }

    /// The taps of a pixel, columns and rows, in pixels of what was read.
    fn in_read(&self, across: &Taps<'_, A>, down: &Taps<'_, A>, read: SourceWindow) -> [Range<usize>; 2] {
        let range = |taps: &Taps<'_, A>, own: i64, start: i64| {
            let first = usize::try_from(own - start).unwrap_or(0) + taps.first;
            first..first + taps.count
        };
        [range(across, self.window.col, read.col), range(down, self.window.row, read.row)]
    }

    /// The weighted sum over some pixels, lane by lane.
    fn sum(&self, across: &Taps<'_, A>, down: &Taps<'_, A>) -> [A; LANES] {
        let mut sums = [A::default(); LANES];
        for (row, height) in down.weights[..down.count].iter().enumerate() {
            let first = (down.first + row) * self.window.width + across.first;
            let mut line = [A::default(); LANES];
            for (weight, pixel) in across.weights[..across.count].iter().zip(&self.pixels[first..]) {
                add(&mut line, *weight, pixel);
            }
            add(&mut sums, *height, &line);
        }
        sums
    }

    fn view(&self) -> View<'_, A, LANES> {
        View { width: u32::try_from(self.window.width).unwrap_or(u32::MAX), pixels: &self.pixels }
    }
}

/// Source pixels, spread out into lanes, for kernels of few weights.
#[derive(Clone, Copy)]
struct View<'a, A, const LANES: usize> {
    width: u32,
    pixels: &'a [[A; LANES]],
}

impl<A: Accumulator, const LANES: usize> View<'_, A, LANES> {
    /// The weighted sum from a column and row on; weights behind the last one are nothing. Columns and rows are never
    /// before the first one, where no source pixel can be missing.
    #[inline]
    #[expect(clippy::cast_sign_loss, reason = "what is negative all the same is beyond the last pixel")]
    fn sum<const TAPS: usize>(self, col: i32, row: i32, across: &[A; FEW], down: &[A; FEW]) -> [A; LANES] {
        let mut first = (row as u32).wrapping_mul(self.width).wrapping_add(col as u32);
        let mut sums = [A::NOTHING; LANES];
        for height in &down[..TAPS] {
            let start = first as usize;
            if let Some(pixels) = self.pixels.get(start..start + TAPS).and_then(<[_]>::first_chunk::<TAPS>) {
                let mut line = [A::NOTHING; LANES];
                for (weight, pixel) in across.iter().zip(pixels) {
                    add(&mut line, *weight, pixel);
                }
                add(&mut sums, *height, &line);
            }
            first = first.wrapping_add(self.width);
        }
        sums
    }
}

/// A rectangle by the rows of cells that it is in.
fn cell_rows(rect: Rect) -> impl Iterator<Item = Rect> {
    let end = rect.y + rect.height;
    (rect.y / CELL_PX..end.div_ceil(CELL_PX)).map(move |row| {
        let top = (row * CELL_PX).max(rect.y);
        Rect { y: top, height: ((row + 1) * CELL_PX).min(end) - top, ..rect }
    })
}

/// The columns of a rectangle, cell by cell, counted from its left.
fn cell_runs(left: usize, width: usize) -> impl Iterator<Item = Range<usize>> {
    let first = left / CELL_PX;
    (first..(left + width).div_ceil(CELL_PX))
        .map(move |cell| (cell * CELL_PX).max(left) - left..((cell + 1) * CELL_PX).min(left + width) - left)
}
