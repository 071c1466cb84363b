//! Kernels when every output pixel has a position of its own.

use super::cells::CellMap;
use super::kernel::{self, Accumulator, Filterable};
use super::separable::validity;
use super::target::Rows;
use super::{Part, Resampling};
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
    resampling: Resampling, cells: &CellMap, part: &Part, values: &[T], source: &Pixels, mut out: Rows<'_, T>,
) {
    let (rect, window) = (part.rect, part.window);
    let (mut cols, mut rows) = (Vec::new(), Vec::new());
    let (mut across, mut down) = (Taps::<T::Acc>::new(), Taps::<T::Acc>::new());
    let mut sums = vec![T::Acc::default(); source.bands * 2];
    let fill = std::mem::take(&mut out.fill);
    for row in 0..rect.height {
        cells.row(rect.y + row, rect.x, rect.x + rect.width, &mut cols, &mut rows);
        let (samples, mask) = out.row(row);
        for (col, (pixel, flag)) in samples.chunks_exact_mut(source.bands).zip(mask).enumerate() {
            let [size_x, size_y] = cells.size(rect.x + col, rect.y + row);
            if across.set(resampling, cols[col], size_x, window.col, window.width)
                && down.set(resampling, rows[col], size_y, window.row, window.height)
            {
                *flag = weigh(&across, &down, values, source, &fill, &mut sums, pixel);
            }
        }
    }
}

/// Sums one output pixel and stores it; gives its validity.
fn weigh<T: Filterable>(
    across: &Taps<T::Acc>, down: &Taps<T::Acc>, values: &[T], source: &Pixels, fill: &[T], sums: &mut [T::Acc],
    out: &mut [T],
) -> u8 {
    let bands = source.bands;
    let zero = T::Acc::default();
    sums.fill(zero);
    let (totals, shares) = sums.split_at_mut(bands);
    for (line, height) in (down.first..).zip(&down.weights) {
        for (pixel, width) in (line * source.width + across.first..).zip(&across.weights) {
            let weight = zero.add_product(*width, *height);
            let samples = &values[pixel * bands..(pixel + 1) * bands];
            match &source.mask {
                Mask::AllValid => {
                    for (total, value) in totals.iter_mut().zip(samples) {
                        *total = total.add_product(weight, value.load());
                    }
                }
                Mask::Shared(_, mask) if mask[pixel] == 0 => {}
                Mask::Shared(_, mask) => {
                    let weight = zero.add_product(weight, T::Acc::from_f64(f64::from(mask[pixel]) / 255.0));
                    shares[0] = shares[0].add_product(weight, T::Acc::from_f64(1.0));
                    for (total, value) in totals.iter_mut().zip(samples) {
                        *total = total.add_product(weight, value.load());
                    }
                }
                Mask::PerBand(mask) => {
                    for band in (0..bands).filter(|band| mask[pixel * bands + band] != 0) {
                        totals[band] = totals[band].add_product(weight, samples[band].load());
                        shares[band] = shares[band].add_product(weight, T::Acc::from_f64(1.0));
                    }
                }
            }
        }
    }
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
                    *sample = T::store(total.over(shares[0]));
                }
            }
            valid
        }
        Mask::PerBand(_) => {
            let mut any = 0;
            for (band, sample) in out.iter_mut().enumerate() {
                let valid = validity(MaskKind::Binary, shares[band].to_f64());
                *sample = if valid > 0 { T::store(totals[band].over(shares[band])) } else { fill[band] };
                any = any.max(valid);
            }
            any
        }
    }
}
