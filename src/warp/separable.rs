//! Kernels when columns and rows map independently: first along the rows that are needed, then across them.

use super::kernel::AxisTaps;
use super::lanes::{Bands, MOST_LANES, add};
use super::projector::Axis;
use super::sums::{self, Accumulator, Filterable};
use super::target::Rows;
use super::{Part, Resampling};
use crate::raster::{Mask, Pixels};

/// Filters what was read for a part of a block.
pub fn fill<T: Filterable>(
    resampling: Resampling, [cols, rows]: [&Axis; 2], part: &Part, values: &[T], source: &Pixels, mut out: Rows<'_, T>,
) {
    let (rect, window) = (part.rect, part.window);
    let taps = |axis: &Axis, from: usize, count: usize, start: i64, length: usize| {
        let range = from..from + count;
        AxisTaps::<T::Acc>::new(resampling, &axis.center[range.clone()], &axis.size[range], start, length)
    };
    let across = taps(cols, rect.x, rect.width, window.col, window.width);
    let down = taps(rows, rect.y, rect.height, window.row, window.height);
    for bands in Bands::groups(values, source) {
        let lanes = bands.lanes();
        let filter = Filter { resampling, across: &across, down: &down, bands };
        match lanes {
            1 => filter.fill::<1>(&mut out),
            2 => filter.fill::<2>(&mut out),
            4 => filter.fill::<4>(&mut out),
            _ => filter.fill::<MOST_LANES>(&mut out),
        }
    }
}

/// Some bands of a part of a block, and the weights of its columns and rows.
struct Filter<'a, T: Filterable> {
    resampling: Resampling,
    across: &'a AxisTaps<T::Acc>,
    down: &'a AxisTaps<T::Acc>,
    bands: Bands<'a, T>,
}

impl<T: Filterable> Filter<'_, T> {
    fn fill<const LANES: usize>(&self, out: &mut Rows<'_, T>) {
        let width = out.width();
        let mut lines = Lines::<T::Acc, LANES>::new(self.down.most(), width);
        let mut spread = Vec::with_capacity(self.bands.source.width + self.across.most());
        let mut sums = vec![[T::Acc::default(); LANES]; width];
        let mut stored = Vec::with_capacity(width * LANES);
        let is_plain = self.bands.source.mask == Mask::AllValid
            && self.across.all_inside()
            && !sums::must_clamp::<T>(self.resampling);
        let fill = std::mem::take(&mut out.fill);
        for row in (0..out.height()).filter(|row| self.down.inside[*row]) {
            let (first, weights) = self.down.of(row);
            for line in first..first + weights.len() {
                if let Some(filtered) = lines.claim(line) {
                    let start = line * self.bands.source.width;
                    spread.clear();
                    self.bands.spread(start..start + self.bands.source.width, &mut spread);
                    self.filter_line(&mut spread, filtered);
                }
            }
            weigh_lines(&lines, first, weights, &mut sums);
            if is_plain {
                self.store_plain(&sums, &mut stored, row, out);
            } else {
                self.store(&sums, row, &fill, out);
            }
        }
        out.fill = fill;
    }

    /// Filters one line along its pixels.
    fn filter_line<const LANES: usize>(&self, line: &mut Vec<[T::Acc; LANES]>, out: &mut [[T::Acc; LANES]]) {
        // Behind the weights of a pixel there may be some that are nothing, for pixels behind the last one.
        line.resize(line.len() + self.across.most(), [T::Acc::default(); LANES]);
        match self.across.most() {
            1 => filter_by::<_, LANES, 1>(self.across, line, out),
            2 => filter_by::<_, LANES, 2>(self.across, line, out),
            3 => filter_by::<_, LANES, 3>(self.across, line, out),
            4 => filter_by::<_, LANES, 4>(self.across, line, out),
            _ => {
                for (index, pixel) in out.iter_mut().enumerate() {
                    let (first, weights) = self.across.of(index);
                    let mut sums = [T::Acc::default(); LANES];
                    for (weight, values) in weights.iter().zip(&line[first..]) {
                        add(&mut sums, *weight, values);
                    }
                    *pixel = sums;
                }
            }
        }
    }

    /// Stores a row that is valid everywhere.
    fn store_plain<const LANES: usize>(
        &self, sums: &[[T::Acc; LANES]], stored: &mut Vec<T>, row: usize, out: &mut Rows<'_, T>,
    ) {
        let (all, bands) = (out.bands, self.bands.range.clone());
        let (samples, mask) = out.row(row);
        match (bands.len(), all) {
            (1, 1) => self.bands.store_row::<1, LANES>(sums, stored, samples.as_chunks_mut().0, mask),
            (3, 3) => self.bands.store_row::<3, LANES>(sums, stored, samples.as_chunks_mut().0, mask),
            _ => {
                for (pixel, sums) in samples.chunks_exact_mut(all).zip(sums) {
                    self.bands.store(sums, &[], &mut pixel[bands.clone()]);
                }
                mask.fill(255);
            }
        }
    }

    fn store<const LANES: usize>(&self, sums: &[[T::Acc; LANES]], row: usize, fill: &[T], out: &mut Rows<'_, T>) {
        let all = out.bands;
        let (samples, mask) = out.row(row);
        for (col, (pixel, sums)) in samples.chunks_exact_mut(all).zip(sums).enumerate() {
            if !self.across.inside[col] {
                continue;
            }
            let pixel = &mut pixel[self.bands.range.clone()];
            let valid = self.bands.store(sums, fill, pixel);
            if valid > 0 && sums::must_clamp::<T>(self.resampling) {
                let range = |(first, weights): (usize, &[T::Acc])| first..first + weights.len();
                let taps = [range(self.across.of(col)), range(self.down.of(row))];
                sums::clamp_to_taps(taps, &self.bands, pixel);
            }
            // A pixel is as valid as its most valid band.
            mask[col] = if self.bands.range.start == 0 { valid } else { valid.max(mask[col]) };
        }
    }
}

fn filter_by<A: Accumulator, const LANES: usize, const TAPS: usize>(
    taps: &AxisTaps<A>, line: &[[A; LANES]], out: &mut [[A; LANES]],
) {
    for ((first, weights), pixel) in taps.all::<TAPS>().zip(out) {
        let mut sums = [A::default(); LANES];
        if let Some(values) = line[first..].first_chunk::<TAPS>() {
            for (weight, values) in weights.iter().zip(values) {
                add(&mut sums, *weight, values);
            }
        }
        *pixel = sums;
    }
}

/// The last few lines that were filtered along the row, by their number modulo the capacity.
#[derive(Debug)]
struct Lines<A, const LANES: usize> {
    values: Vec<[A; LANES]>,
    holds: Vec<Option<usize>>,
    width: usize,
}

impl<A: Accumulator, const LANES: usize> Lines<A, LANES> {
    fn new(capacity: usize, width: usize) -> Self {
        let capacity = capacity.max(1);
        Self { values: vec![[A::default(); LANES]; capacity * width], holds: vec![None; capacity], width }
    }

    /// The place of a line that is not there yet.
    fn claim(&mut self, line: usize) -> Option<&mut [[A; LANES]]> {
        let slot = line % self.holds.len();
        if self.holds[slot] == Some(line) {
            return None;
        }
        self.holds[slot] = Some(line);
        Some(&mut self.values[slot * self.width..(slot + 1) * self.width])
    }

    fn get(&self, line: usize) -> &[[A; LANES]] {
        let slot = line % self.holds.len();
        &self.values[slot * self.width..(slot + 1) * self.width]
    }
}

/// Sums lines up. Lane after lane, whatever pixel it belongs to: so processors take as many at once as they can.
fn weigh_lines<A: Accumulator, const LANES: usize>(
    lines: &Lines<A, LANES>, first: usize, weights: &[A], sums: &mut [[A; LANES]],
) {
    let sums = sums.as_flattened_mut();
    let line = |index: usize| lines.get(first + index).as_flattened();
    match *weights {
        [a, b] => weigh_few([a, b], [0, 1].map(line), sums),
        [a, b, c] => weigh_few([a, b, c], [0, 1, 2].map(line), sums),
        [a, b, c, d] => weigh_few([a, b, c, d], [0, 1, 2, 3].map(line), sums),
        _ => {
            sums.fill(A::default());
            for (index, weight) in weights.iter().enumerate() {
                for (sum, value) in sums.iter_mut().zip(line(index)) {
                    *sum = sum.add_product(*weight, *value);
                }
            }
        }
    }
}

/// Sums a few lines up at once.
fn weigh_few<A: Accumulator, const LINES: usize>(weights: [A; LINES], lines: [&[A]; LINES], sums: &mut [A]) {
    let lines = lines.map(|line| &line[..sums.len()]);
    for (index, sum) in sums.iter_mut().enumerate() {
        let mut total = A::default();
        for (weight, line) in weights.iter().zip(&lines) {
            total = total.add_product(*weight, line[index]);
        }
        *sum = total;
    }
}
