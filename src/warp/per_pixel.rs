//! Kernels when every output pixel has a position of its own.
//!
//! What was read is spread out into lanes, a pixel after the other: its bands, and how valid they are. Then every output
//! pixel is a sum over lanes, which processors do at once. It goes by rows of cells, so that what is spread out stays in
//! the cache.

use std::ops::Range;
use std::rc::Rc;

use super::cells::{CELL_PX, CellMap};
use super::phases::{self, Clipped, Phases, Snapped};
use super::separable::validity;
use super::sums::{self, Accumulator, Filterable};
use super::target::Rows;
use super::{Part, Rect, Resampling, SourceWindow, kernel};
use crate::raster::{Mask, MaskKind, Pixels};

/// The most lanes.
const MOST_LANES: usize = 8;

/// Filters what was read for a part of a block, as many bands at a time as lanes hold.
pub fn fill<T: Filterable>(
    resampling: Resampling, cells: &CellMap, part: &Part, values: &[T], source: &Pixels, mut out: Rows<'_, T>,
) {
    let at_once = match source.mask {
        Mask::AllValid => MOST_LANES,
        Mask::Shared(..) => MOST_LANES - 1,
        Mask::PerBand(_) => MOST_LANES / 2,
    };
    for first in (0..source.bands).step_by(at_once) {
        let bands = first..(first + at_once).min(source.bands);
        let lanes = match source.mask {
            Mask::AllValid => bands.len(),
            Mask::Shared(..) => bands.len() + 1,
            Mask::PerBand(_) => bands.len() * 2,
        };
        let warp = Warp { resampling, cells, part, values, source, bands };
        match lanes {
            1 => warp.fill::<1>(&mut out),
            2 => warp.fill::<2>(&mut out),
            3 | 4 => warp.fill::<4>(&mut out),
            5.. => warp.fill::<MOST_LANES>(&mut out),
            0 => {}
        }
    }
}

/// Some bands of a part of a block.
struct Warp<'a, T> {
    resampling: Resampling,
    cells: &'a CellMap,
    part: &'a Part,
    values: &'a [T],
    source: &'a Pixels,
    bands: Range<usize>,
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
        let rect = self.part.rect;
        let mut field = Field::<T::Acc, LANES>::default();
        let mut top = rect.y;
        while top < rect.y + rect.height {
            let bottom = ((top / CELL_PX + 1) * CELL_PX).min(rect.y + rect.height);
            let rows = Rect { y: top, height: bottom - top, ..rect };
            if let Some(window) = self.needed(rows) {
                field.spread(self, window);
                self.fill_rows(rows, &field, out);
            }
            top = bottom;
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
        for y in rect.y..rect.y + rect.height {
            self.cells.row(y, rect.x, rect.x + rect.width, &mut cols, &mut rows);
            let row = y - self.part.rect.y;
            for run in &runs {
                let positions = [&cols[run.cols.clone()], &rows[run.cols.clone()]];
                let done = match (self.source.bands, run.taps) {
                    (1, 2) => self.fill_inside::<1, LANES, 2>(run, positions, field, row, out),
                    (1, 4) => self.fill_inside::<1, LANES, 4>(run, positions, field, row, out),
                    (3, 2) => self.fill_inside::<3, LANES, 2>(run, positions, field, row, out),
                    (3, 4) => self.fill_inside::<3, LANES, 4>(run, positions, field, row, out),
                    _ => false,
                };
                if !done {
                    self.fill_run(run, positions, field, row, &mut clipped, out);
                }
            }
        }
    }

    /// The pixels of some rows that are in one cell.
    fn run(&self, rows: Rect, cols: Range<usize>) -> Run<T::Acc> {
        let rect = Rect { x: rows.x + cols.start, width: cols.len(), ..rows };
        let [size_x, size_y] = self.cells.size(rect.x, rect.y);
        let phases = [Phases::of(self.resampling, size_x), Phases::of(self.resampling, size_y)];
        let tabled = match (phases[0].stride, phases[1].stride) {
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
        let taps =
            if is_inside && !matches!(self.source.mask, Mask::PerBand(_)) && has_positions() { tabled } else { 0 };
        Run { cols, phases, taps }
    }

    /// Pixels whose weights are all in tables, of sources that are all in the raster: nothing is to be checked. False
    /// when that is not so after all.
    fn fill_inside<const BANDS: usize, const LANES: usize, const TAPS: usize>(
        &self, run: &Run<T::Acc>, [cols, rows]: [&[f64]; 2], field: &Field<T::Acc, LANES>, row: usize,
        out: &mut Rows<'_, T>,
    ) -> bool {
        let [Some(across), Some(down)] = run.phases.each_ref().map(|phases| phases.table::<TAPS>()) else {
            return false;
        };
        if sums::must_clamp::<T>(self.resampling) {
            return false;
        }
        let kind = match &self.source.mask {
            Mask::Shared(kind, _) => Some(*kind),
            Mask::AllValid | Mask::PerBand(_) => None,
        };
        let (samples, mask) = out.row(row);
        let (pixels, _) = samples.as_chunks_mut::<BANDS>();
        let targets = pixels[run.cols.clone()].iter_mut().zip(&mut mask[run.cols.clone()]);
        for ((x, y), (pixel, flag)) in cols.iter().zip(rows).zip(targets) {
            let (x, across) = across.at(phases::snap(*x));
            let (y, down) = down.at(phases::snap(*y));
            let sums = field.sum_all(x, y, across, down);
            match kind {
                None => {
                    for band in 0..BANDS {
                        pixel[band] = T::store(sums[band]);
                    }
                    *flag = 255;
                }
                Some(kind) => {
                    let share = sums[LANES - 1];
                    *flag = validity(kind, share.to_f64());
                    if *flag > 0 {
                        for band in 0..BANDS {
                            pixel[band] = T::store(sums[band].share_of(share));
                        }
                    }
                }
            }
        }
        true
    }

    fn fill_run<const LANES: usize>(
        &self, run: &Run<T::Acc>, [cols, rows]: [&[f64]; 2], field: &Field<T::Acc, LANES>, row: usize,
        [clipped_across, clipped_down]: &mut [Clipped<T::Acc>; 2], out: &mut Rows<'_, T>,
    ) {
        let window = self.part.window;
        let [across, down] = &run.phases;
        let bands = self.source.bands;
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
            let pixel = &mut samples[col * bands..(col + 1) * bands][self.bands.clone()];
            let valid = self.store(&sums, &fill, pixel);
            if valid > 0 && sums::must_clamp::<T>(self.resampling) {
                let taps = field.in_read(&across, &down, window);
                sums::clamp_to_taps(taps, self.values, self.source, self.bands.start, pixel);
            }
            // A pixel is as valid as its most valid band.
            mask[col] = if self.bands.start == 0 { valid } else { valid.max(mask[col]) };
        }
        out.fill = fill;
    }

    /// Stores the bands of one output pixel; gives its validity.
    fn store<const LANES: usize>(&self, sums: &[T::Acc; LANES], fill: &[T], pixel: &mut [T]) -> u8 {
        let (values, shares) = sums.split_at(self.bands.len());
        let share = sums[LANES - 1];
        match &self.source.mask {
            Mask::AllValid => {
                pixel.iter_mut().zip(values).for_each(|(sample, value)| *sample = T::store(*value));
                255
            }
            Mask::Shared(kind, _) => {
                let valid = validity(*kind, share.to_f64());
                if valid > 0 {
                    let mean = |value: &T::Acc| T::store(value.share_of(share));
                    pixel.iter_mut().zip(values).for_each(|(sample, value)| *sample = mean(value));
                }
                valid
            }
            Mask::PerBand(_) => {
                let mut any = 0;
                for (band, sample) in pixel.iter_mut().enumerate() {
                    let valid = validity(MaskKind::Binary, shares[band].to_f64());
                    let is_valid = valid > 0;
                    *sample = if is_valid {
                        T::store(values[band].share_of(shares[band]))
                    } else {
                        fill[self.bands.start + band]
                    };
                    any = any.max(valid);
                }
                any
            }
        }
    }
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

impl<A, const LANES: usize> Default for Field<A, LANES> {
    fn default() -> Self {
        Self { window: SourceWindow { col: 0, row: 0, width: 0, height: 0 }, pixels: Vec::new() }
    }
}

/// Rows and pixels behind the last one, for weights that are nothing.
const BEHIND: usize = 4;

impl<A: Accumulator, const LANES: usize> Field<A, LANES> {
    /// Spreads out a window of what was read.
    fn spread<T: Filterable<Acc = A>>(&mut self, warp: &Warp<'_, T>, window: SourceWindow) {
        let read = warp.part.window;
        let offset = |own: i64, start: i64| usize::try_from(own - start).unwrap_or(0);
        let (left, top) = (offset(window.col, read.col), offset(window.row, read.row));
        self.window = window;
        self.pixels.clear();
        let behind = (window.width + 1) * BEHIND;
        self.pixels.reserve(window.width * window.height + behind);
        for row in top..top + window.height {
            let first = row * read.width + left;
            self.spread_row(warp, first..first + window.width);
        }
        self.pixels.resize(self.pixels.len() + behind, [A::default(); LANES]);
    }

    fn spread_row<T: Filterable<Acc = A>>(&mut self, warp: &Warp<'_, T>, pixels: Range<usize>) {
        let (bands, source) = (warp.bands.clone(), warp.source);
        let all = source.bands;
        let samples = warp.values[pixels.start * all..pixels.end * all].chunks_exact(all);
        let share = |valid: u8| A::from_f64(f64::from(valid) / 255.0);
        let zero = A::default();
        match &source.mask {
            Mask::AllValid if all == 3 && LANES == 4 => {
                let (samples, _) = warp.values[pixels.start * 3..pixels.end * 3].as_chunks::<3>();
                let spread = |[r, g, b]: &[T; 3]| {
                    let mut lanes = [zero; LANES];
                    (lanes[0], lanes[1], lanes[2]) = (r.load(), g.load(), b.load());
                    lanes
                };
                self.pixels.extend(samples.iter().map(spread));
            }
            Mask::AllValid => self.pixels.extend(samples.map(|pixel| {
                let mut lanes = [zero; LANES];
                lanes.iter_mut().zip(&pixel[bands.clone()]).for_each(|(lane, value)| *lane = value.load());
                lanes
            })),
            Mask::Shared(_, mask) => self.pixels.extend(samples.zip(&mask[pixels]).map(|(pixel, valid)| {
                let mut lanes = [zero; LANES];
                // An invalid sample may be NaN: 0 x NaN would spread.
                if *valid > 0 {
                    let share = share(*valid);
                    for (lane, value) in lanes.iter_mut().zip(&pixel[bands.clone()]) {
                        *lane = zero.add_product(value.load(), share);
                    }
                    lanes[LANES - 1] = share;
                }
                lanes
            })),
            Mask::PerBand(mask) => {
                let flags = mask[pixels.start * all..pixels.end * all].chunks_exact(all);
                self.pixels.extend(samples.zip(flags).map(|(pixel, flags)| {
                    let mut lanes = [zero; LANES];
                    for (index, band) in bands.clone().enumerate().filter(|(_, band)| flags[*band] > 0) {
                        lanes[index] = pixel[band].load();
                        lanes[bands.len() + index] = share(flags[band]);
                    }
                    lanes
                }));
            }
        }
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

    /// The same with a fixed number of weights; those behind the last one are nothing.
    #[inline]
    fn sum_all<const TAPS: usize>(&self, x: i64, y: i64, across: &[A; TAPS], down: &[A; TAPS]) -> [A; LANES] {
        let width = self.window.width;
        let local = |position: i64, start: i64| usize::try_from(position - start).unwrap_or(0);
        let mut first = local(y, self.window.row) * width + local(x, self.window.col);
        let mut sums = [A::default(); LANES];
        for height in down {
            let mut line = [A::default(); LANES];
            if let Some(pixels) = self.pixels.get(first..).and_then(<[_]>::first_chunk::<TAPS>) {
                for (weight, pixel) in across.iter().zip(pixels) {
                    add(&mut line, *weight, pixel);
                }
            }
            add(&mut sums, *height, &line);
            first += width;
        }
        sums
    }
}

fn add<A: Accumulator, const LANES: usize>(sums: &mut [A; LANES], weight: A, values: &[A; LANES]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum = sum.add_product(weight, *value);
    }
}

/// The columns of a rectangle, cell by cell, counted from its left.
fn cell_runs(left: usize, width: usize) -> impl Iterator<Item = Range<usize>> {
    let first = left / CELL_PX;
    (first..(left + width).div_ceil(CELL_PX))
        .map(move |cell| (cell * CELL_PX).max(left) - left..((cell + 1) * CELL_PX).min(left + width) - left)
}
