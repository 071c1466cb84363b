//! Kernels when every output pixel has a position of its own.

use super::cells::{CELL_PX, CellMap};
use super::kernel;
use super::separable::validity;
use super::sums::{self, Accumulator, Filterable};
use super::target::Rows;
use super::{Part, Resampling, SourceWindow};
use crate::raster::{Mask, MaskKind, Pixels};

/// Normalised weights of one output pixel along one axis, inside what was read.
#[derive(Debug)]
struct Taps<A> {
    first: usize,
    raw: Vec<f64>,
    weights: Vec<A>,
}

impl<A: Accumulator> Taps<A> {
    fn new() -> Self {
        Self { first: 0, raw: Vec::new(), weights: Vec::new() }
    }

    /// The source pixels that have a weight.
    fn range(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.weights.len()
    }

    /// False when the position is outside.
    fn set(&mut self, resampling: Resampling, center: f64, size: f64, start: i64, length: usize) -> bool {
        if !kernel::contains(center, start, length) {
            return false;
        }
        self.raw.clear();
        let first = kernel::taps(resampling, center, size, &mut self.raw);
        let kept = kernel::clip(first, &self.raw, start, length);
        self.first = usize::try_from(first + i64::try_from(kept.start).unwrap_or(0) - start).unwrap_or(0);
        let total: f64 = self.raw[kept.clone()].iter().sum();
        self.weights.clear();
        self.weights.extend(self.raw[kept].iter().map(|weight| A::from_f64(weight / total)));
        total > 0.0
    }
}

/// Filters what was read for a part of a block.
pub fn fill<T: Filterable>(
    resampling: Resampling, cells: &CellMap, part: &Part, values: &[T], source: &Pixels, out: Rows<'_, T>,
) {
    match source.bands {
        1 => fill_bands::<T, 1>(resampling, cells, part, values, source, out),
        3 => fill_bands::<T, 3>(resampling, cells, part, values, source, out),
        _ => fill_bands::<T, 0>(resampling, cells, part, values, source, out),
    }
}

/// `BANDS` is the number of bands where that is worth a loop of its own, 0 for any.
fn fill_bands<T: Filterable, const BANDS: usize>(
    resampling: Resampling, cells: &CellMap, part: &Part, values: &[T], source: &Pixels, mut out: Rows<'_, T>,
) {
    let (rect, window) = (part.rect, part.window);
    let (mut cols, mut rows) = (Vec::new(), Vec::new());
    let (mut across, mut down) = (Taps::<T::Acc>::new(), Taps::<T::Acc>::new());
    let mut sums = vec![T::Acc::default(); source.bands * 4];
    let fill = std::mem::take(&mut out.fill);
    let all_valid = source.mask == Mask::AllValid;
    for row in 0..rect.height {
        cells.row(rect.y + row, rect.x, rect.x + rect.width, &mut cols, &mut rows);
        let (samples, mask) = out.row(row);
        for run in cell_runs(rect.x, rect.width) {
            let [size_x, size_y] = cells.size(rect.x + run.start, rect.y + row);
            let native = kernel::widening(size_x).max(kernel::widening(size_y)) <= 1.0;
            let between_four = BANDS > 0 && native && resampling == Resampling::Bilinear;
            for col in run {
                let pixel = &mut samples[col * source.bands..(col + 1) * source.bands];
                if between_four
                    && !sums::must_clamp::<T>(resampling)
                    && interpolate::<T, BANDS>(cols[col], rows[col], window, values, &source.mask, pixel)
                {
                    mask[col] = 255;
                } else if across.set(resampling, cols[col], size_x, window.col, window.width)
                    && down.set(resampling, rows[col], size_y, window.row, window.height)
                {
                    mask[col] = if BANDS > 0 && all_valid {
                        weigh_valid::<T, BANDS>(&across, &down, values, source.width, pixel)
                    } else {
                        weigh(&across, &down, values, source, &fill, &mut sums, pixel)
                    };
                    if sums::must_clamp::<T>(resampling) && mask[col] > 0 {
                        let taps = [across.range(), down.range()];
                        sums::clamp_to_taps(taps, values, source, pixel);
                    }
                }
            }
        }
    }
}

/// The columns of a rectangle, cell by cell, counted from its left.
fn cell_runs(left: usize, width: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let first = left / CELL_PX;
    (first..(left + width).div_ceil(CELL_PX))
        .map(move |cell| (cell * CELL_PX).max(left) - left..((cell + 1) * CELL_PX).min(left + width) - left)
}

/// Bilinear between the four pixels around a position; false when they are not all there and valid.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; a float cast saturates")]
#[expect(clippy::cast_precision_loss, reason = "positions are far below 2^52")]
fn interpolate<T: Filterable, const BANDS: usize>(
    col: f64, row: f64, window: SourceWindow, values: &[T], mask: &Mask, out: &mut [T],
) -> bool {
    let (x, y) = (col - 0.5, row - 0.5);
    if !(x >= window.col as f64 && y >= window.row as f64) {
        return false;
    }
    // Not negative where columns do not wrap: truncation is floor. Fractions are of the position itself, the same
    // in every window.
    let (left, top) = if x >= 0.0 { (truncated(x), truncated(y)) } else { (x.floor(), truncated(y)) };
    let (col, row) = ((left as i64 - window.col) as usize, (top as i64 - window.row) as usize);
    if col + 1 >= window.width || row + 1 >= window.height {
        return false;
    }
    let first = row * window.width + col;
    let below = first + window.width;
    let valid = |mask: &[u8], samples: usize| {
        let all = |pixel: usize| mask[pixel * samples..(pixel + 2) * samples].iter().all(|valid| *valid == 255);
        all(first) && all(below)
    };
    let four_valid = match mask {
        Mask::AllValid => true,
        Mask::Shared(_, mask) => valid(mask, 1),
        Mask::PerBand(mask) => valid(mask, BANDS),
    };
    if !four_valid {
        return false;
    }
    let (right, down) = (x - left, y - top);
    let weights = [(1.0 - right) * (1.0 - down), right * (1.0 - down), (1.0 - right) * down, right * down];
    let (pixels, _) = values.as_chunks::<BANDS>();
    let (Some([a, b]), Some([c, d])) = (pixels[first..].first_chunk::<2>(), pixels[below..].first_chunk::<2>()) else {
        return false;
    };
    let weights = weights.map(T::Acc::from_f64);
    for (band, sample) in out.iter_mut().enumerate().take(BANDS) {
        let sum = T::Acc::default()
            .add_product(weights[0], a[band].load())
            .add_product(weights[1], b[band].load())
            .add_product(weights[2], c[band].load())
            .add_product(weights[3], d[band].load());
        *sample = T::store(sum);
    }
    true
}

/// `f64::trunc` for positions, which are far below 2^63: the function is a call on older processors.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "positions are far below 2^52")]
fn truncated(position: f64) -> f64 {
    position as i64 as f64
}

/// Sums and stores one output pixel of a source that is valid everywhere.
fn weigh_valid<T: Filterable, const BANDS: usize>(
    across: &Taps<T::Acc>, down: &Taps<T::Acc>, values: &[T], width: usize, out: &mut [T],
) -> u8 {
    let (pixels, _) = values.as_chunks::<BANDS>();
    let mut sums = [T::Acc::default(); BANDS];
    for (line, down) in (down.first..).zip(&down.weights) {
        let first = line * width + across.first;
        let mut line_sums = [T::Acc::default(); BANDS];
        for (weight, pixel) in across.weights.iter().zip(&pixels[first..first + across.weights.len()]) {
            for (sum, value) in line_sums.iter_mut().zip(pixel) {
                *sum = sum.add_product(*weight, value.load());
            }
        }
        for (sum, line_sum) in sums.iter_mut().zip(line_sums) {
            *sum = sum.add_product(*down, line_sum);
        }
    }
    for (sample, sum) in out.iter_mut().zip(sums) {
        *sample = T::store(sum);
    }
    255
}

/// Sums one output pixel and stores it; gives its validity. The same sums in the same order as
/// [`weigh_valid`], so that a hole somewhere else changes nothing.
fn weigh<T: Filterable>(
    across: &Taps<T::Acc>, down: &Taps<T::Acc>, values: &[T], source: &Pixels, fill: &[T], sums: &mut [T::Acc],
    out: &mut [T],
) -> u8 {
    let bands = source.bands;
    sums.fill(T::Acc::default());
    let (all_sums, line_sums) = sums.split_at_mut(bands * 2);
    for (line, height) in (down.first..).zip(&down.weights) {
        line_sums.fill(T::Acc::default());
        let (totals, shares) = line_sums.split_at_mut(bands);
        for (pixel, width) in (line * source.width + across.first..).zip(&across.weights) {
            let samples = &values[pixel * bands..(pixel + 1) * bands];
            for (band, sample) in samples.iter().enumerate() {
                let share = match &source.mask {
                    Mask::AllValid => 255,
                    Mask::Shared(_, mask) => mask[pixel],
                    Mask::PerBand(mask) => mask[pixel * bands + band],
                };
                if share > 0 {
                    let share = T::Acc::from_f64(f64::from(share) / 255.0);
                    totals[band] =
                        totals[band].add_product(*width, T::Acc::default().add_product(sample.load(), share));
                    shares[band] = shares[band].add_product(*width, share);
                }
            }
        }
        for (sum, line_sum) in all_sums.iter_mut().zip(&*line_sums) {
            *sum = sum.add_product(*height, *line_sum);
        }
    }
    let (totals, shares) = all_sums.split_at(bands);
    store(&source.mask, totals, shares, fill, out)
}

fn store<T: Filterable>(mask: &Mask, totals: &[T::Acc], shares: &[T::Acc], fill: &[T], out: &mut [T]) -> u8 {
    match mask {
        Mask::AllValid => {
            for (sample, total) in out.iter_mut().zip(totals) {
                *sample = T::store(*total);
            }
            255
        }
        Mask::Shared(kind, _) => {
            let valid = validity(*kind, shares[0].to_f64());
            if valid > 0 {
                for (sample, total) in out.iter_mut().zip(totals) {
                    *sample = T::store(total.share_of(shares[0]));
                }
            }
            valid
        }
        Mask::PerBand(_) => {
            let mut any = 0;
            for (band, sample) in out.iter_mut().enumerate() {
                let valid = validity(MaskKind::Binary, shares[band].to_f64());
                *sample = if valid > 0 { T::store(totals[band].share_of(shares[band])) } else { fill[band] };
                any = any.max(valid);
            }
            any
        }
    }
}
