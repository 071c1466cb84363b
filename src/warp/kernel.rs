//! Interpolation kernels and their weights along one axis.

use std::f64::consts::PI;
use std::sync::LazyLock;

use super::Resampling;
use super::sums::Accumulator;

/// Downscaling by less than this keeps the kernel as narrow as at native resolution (GDAL's threshold, 1 / 0.95).
const WIDENING_THRESHOLD: f64 = 1.0 / 0.95;

/// Source pixels that a kernel or a footprint reaches by less than this are left out: their weight is nothing, and
/// a tile that lies on the source's own grid must not read its neighbours.
const REACH_SLACK: f64 = 1e-6;

/// Steps a unit in the table of the Lanczos kernel; linear interpolation between them errs by less than 1e-6.
const LANCZOS_STEPS: f64 = 1024.0;

/// Half the width of a kernel, in source pixels, for a footprint of `size` source pixels.
pub fn radius(resampling: Resampling, size: f64) -> f64 {
    match resampling {
        Resampling::Nearest => 0.0,
        Resampling::Average | Resampling::Mode => size / 2.0,
        Resampling::Bilinear => widening(size),
        Resampling::Cubic => 2.0 * widening(size),
        Resampling::Lanczos => 3.0 * widening(size),
    }
}

/// First and last source pixel that output pixels centred from `low` to `high` need, with footprints of `size`.
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
pub fn reached(resampling: Resampling, low: f64, high: f64, size: f64) -> [i64; 2] {
    let reach = radius(resampling, size) - REACH_SLACK;
    let [first, last] = match resampling {
        Resampling::Nearest => [low.floor(), high.floor()],
        // the pixels that the footprint overlaps
        Resampling::Average | Resampling::Mode => [(low - reach).floor(), (high + reach).ceil() - 1.0],
        // the pixels whose centres are within reach
        Resampling::Bilinear | Resampling::Cubic | Resampling::Lanczos => {
            [(low - 0.5 - reach).ceil(), (high - 0.5 + reach).floor()]
        }
    };
    [first.min(low.floor()) as i64, last.max(high.floor()) as i64]
}

/// How much wider than at native resolution the kernel is.
pub fn widening(size: f64) -> f64 {
    if size > WIDENING_THRESHOLD { size } else { 1.0 }
}

/// Weights of the source pixels `first..first + weights.len()` for one output pixel.
///
/// Appends to `weights` and gives `first`. `center` and `size` are the position and the footprint of the output
/// pixel, in source pixels (the centre of the first source pixel is 0.5). The weights are not normalised.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "positions are far below 2^52")]
pub fn taps(resampling: Resampling, center: f64, size: f64, weights: &mut Vec<f64>) -> i64 {
    match resampling {
        Resampling::Nearest => {
            weights.push(1.0);
            center.floor() as i64
        }
        Resampling::Average | Resampling::Mode => {
            let (low, high) = (center - size / 2.0, center + size / 2.0);
            let [first, last] = reached(resampling, center, center, size);
            if first == last {
                weights.push(1.0);
                return first;
            }
            weights.extend((first..=last).map(|i| (high.min(i as f64 + 1.0) - low.max(i as f64)).max(0.0)));
            first
        }
        Resampling::Bilinear | Resampling::Cubic | Resampling::Lanczos => {
            let widening = widening(size);
            let [first, last] = reached(resampling, center, center, size);
            weights.extend((first..=last).map(|i| weight(resampling, (i as f64 + 0.5 - center) / widening)));
            first
        }
    }
}

/// A kernel at distance `x` from its centre, at native resolution.
fn weight(resampling: Resampling, x: f64) -> f64 {
    let x = x.abs();
    match resampling {
        Resampling::Nearest | Resampling::Average | Resampling::Mode => f64::from(x <= 0.5),
        Resampling::Bilinear => (1.0 - x).max(0.0),
        Resampling::Cubic => cubic(x),
        Resampling::Lanczos => lanczos_from_table(x),
    }
}

/// Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -0.5.
fn cubic(x: f64) -> f64 {
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// `sinc(x) sinc(x / 3)` for |x| < 3 (Duchon 1979).
fn lanczos(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else if x < 3.0 {
        let px = PI * x;
        3.0 * px.sin() * (px / 3.0).sin() / (px * px)
    } else {
        0.0
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 <= x < 3")]
fn lanczos_from_table(x: f64) -> f64 {
    static TABLE: LazyLock<Vec<f64>> =
        LazyLock::new(|| (0..=(3.0 * LANCZOS_STEPS) as usize + 1).map(|i| lanczos(i as f64 / LANCZOS_STEPS)).collect());
    if x >= 3.0 {
        return 0.0;
    }
    let position = x * LANCZOS_STEPS;
    let index = position as usize;
    let fraction = position - index as f64;
    TABLE[index] * (1.0 - fraction) + TABLE[index + 1] * fraction
}

/// The taps of every output pixel along one axis, in pixels of what was read, normalised to a sum of 1.
#[derive(Debug)]
pub struct AxisTaps<A> {
    first: Vec<usize>,
    count: Vec<usize>,
    weights: Vec<A>,
    stride: usize,
    /// Whether the centre of the output pixel is inside the source.
    pub inside: Vec<bool>,
}

impl<A: Accumulator> AxisTaps<A> {
    /// `start` and `length` are what was read along this axis; taps outside it are outside the raster and dropped.
    pub fn new(resampling: Resampling, centers: &[f64], sizes: &[f64], start: i64, length: usize) -> Self {
        let outputs = centers.len();
        let mut taps = Self {
            first: Vec::with_capacity(outputs),
            count: Vec::with_capacity(outputs),
            weights: Vec::new(),
            stride: 0,
            inside: Vec::with_capacity(outputs),
        };
        let mut raw = Vec::new();
        let mut all: Vec<f64> = Vec::new();
        let mut ranges = Vec::with_capacity(outputs);
        for (center, size) in centers.iter().zip(sizes) {
            raw.clear();
            let offset = all.len();
            let first =
                if center.is_finite() { super::kernel::taps(resampling, *center, *size, &mut raw) } else { start };
            let kept = clip(first, &raw, start, length);
            let total: f64 = raw[kept.clone()].iter().sum();
            let local = first + i64::try_from(kept.start).unwrap_or(0) - start;
            let inside = contains(*center, start, length) && total > 0.0 && !kept.is_empty();
            if inside {
                all.extend(raw[kept].iter().map(|w| w / total));
            }
            taps.first.push(usize::try_from(local).ok().filter(|_| inside).unwrap_or(0));
            taps.inside.push(inside);
            ranges.push(offset..all.len());
        }
        taps.stride = ranges.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        taps.weights = vec![A::from_f64(0.0); taps.stride * outputs];
        for (index, range) in ranges.into_iter().enumerate() {
            taps.count.push(range.len());
            for (to, from) in taps.weights[index * taps.stride..].iter_mut().zip(&all[range]) {
                *to = A::from_f64(*from);
            }
        }
        taps
    }

    /// First source pixel and the weights from there on, of one output pixel; empty outside the source.
    pub fn of(&self, index: usize) -> (usize, &[A]) {
        (self.first[index], &self.weights[index * self.stride..][..self.count[index]])
    }

    /// The same for all output pixels, when [`Self::most`] is `TAPS`: behind the last weight there are zeros.
    pub fn all<const TAPS: usize>(&self) -> impl Iterator<Item = (usize, &[A; TAPS])> {
        self.first.iter().copied().zip(self.weights.as_chunks::<TAPS>().0)
    }

    /// The most taps that any output pixel has.
    pub fn most(&self) -> usize {
        self.stride
    }

    /// Whether every output pixel is inside the source.
    pub fn all_inside(&self) -> bool {
        self.inside.iter().all(|inside| *inside)
    }
}

/// The taps that fall on what was read.
pub fn clip(first: i64, weights: &[f64], start: i64, length: usize) -> std::ops::Range<usize> {
    let (count, length) = (weights.len(), i64::try_from(length).unwrap_or(i64::MAX));
    let from = usize::try_from(start - first).unwrap_or(0).min(count);
    let to = usize::try_from(start + length - first).unwrap_or(0).min(count);
    from..to.max(from)
}

/// Whether a position is on what was read (half-open, so that a shared edge belongs to one pixel).
#[expect(clippy::cast_precision_loss, reason = "positions are far below 2^52")]
pub fn contains(center: f64, start: i64, length: usize) -> bool {
    center >= start as f64 && center < start as f64 + length as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case(Resampling::Cubic, 1e-12)]
    #[case(Resampling::Bilinear, 1e-12)]
    #[case(Resampling::Lanczos, 2e-2)] // Lanczos is no exact partition of unity; the weights are normalised
    fn weights_at_native_resolution_sum_to_one(#[case] resampling: Resampling, #[case] tolerance: f64) {
        for step in 0..100 {
            let mut weights = Vec::new();
            taps(resampling, 50.0 + f64::from(step) / 100.0, 1.0, &mut weights);
            assert!((weights.iter().sum::<f64>() - 1.0).abs() < tolerance, "{weights:?}");
        }
    }

    #[test]
    fn on_a_pixel_centre_that_pixel_alone_counts() {
        for resampling in [Resampling::Bilinear, Resampling::Cubic, Resampling::Lanczos] {
            let mut weights = Vec::new();
            let first = taps(resampling, 7.5, 1.0, &mut weights);
            for (index, weight) in (first..).zip(&weights) {
                assert!((weight - f64::from(u8::from(index == 7))).abs() < 1e-9, "{resampling} {index} {weight}");
            }
        }
    }

    #[test]
    fn the_lanczos_table_is_close_to_the_formula() {
        for step in 0..3000 {
            let x = f64::from(step) / 1000.0 + 0.000_37;
            assert!((lanczos_from_table(x) - lanczos(x)).abs() < 2e-6, "{x}");
        }
    }

    #[test]
    fn a_footprint_is_weighted_by_area() {
        let mut weights = Vec::new();
        assert_eq!(taps(Resampling::Average, 3.0, 2.5, &mut weights), 1);
        assert_eq!(weights, [0.25, 1.0, 1.0, 0.25]);
    }

    proptest! {
        #[test]
        fn normalised_taps_sum_to_one_wherever_the_source_ends(
            center in -2.0..12.0f64, size in 0.01..6.0f64, which in 0..6usize,
        ) {
            let taps = AxisTaps::<f64>::new(Resampling::ALL[which], &[center], &[size], 0, 10);
            let (first, weights) = taps.of(0);
            prop_assert_eq!(taps.inside[0], (0.0..10.0).contains(&center));
            if taps.inside[0] {
                prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                prop_assert!(first + weights.len() <= 10);
            }
        }
    }
}
