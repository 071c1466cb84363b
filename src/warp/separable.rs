//! Kernels when columns and rows map independently: first along the rows that are needed, then across them.

use super::kernel::AxisTaps;
use super::mapping::Axis;
use super::sums::{self, Accumulator, Filterable};
use super::target::Rows;
use super::{Part, Resampling};
use crate::raster::{Mask, MaskKind, Pixels};

/// Filters what was read for a part of a block.
///
/// With a mask, what is filtered is value x validity and validity, so that invalid pixels and colours under
/// transparent ones never count; the quotient is the value.
pub fn fill<T: Filterable>(
    resampling: Resampling, [cols, rows]: [&Axis; 2], part: &Part, values: &[T], source: &Pixels, mut out: Rows<'_, T>,
) {
    let (rect, window) = (part.rect, part.window);
    let taps = |axis: &Axis, from: usize, count: usize, start: i64, length: usize| {
        AxisTaps::<T::Acc>::new(
            resampling,
            &axis.center[from..from + count],
            &axis.size[from..from + count],
            start,
            length,
        )
    };
    let across = taps(cols, rect.x, rect.width, window.col, window.width);
    let down = taps(rows, rect.y, rect.height, window.row, window.height);
    let channels = Channels::of(source);
    let width = rect.width * channels.count();
    let mut lines = Lines::new(down.most(), width);
    let mut loaded = Vec::with_capacity(source.width * channels.count());
    let mut sum = vec![T::Acc::default(); width];
    for row in 0..rect.height {
        if !down.inside[row] {
            continue;
        }
        let (first, weights) = down.of(row);
        for line in first..first + weights.len() {
            if let Some(target) = lines.claim(line) {
                channels.load(values, source, line, &mut loaded);
                filter_line(channels.count(), &across, &loaded, target);
            }
        }
        weigh_lines(&lines, first, weights, &mut sum);
        channels.store(&sum, &across, row, &mut out);
        if sums::must_clamp::<T>(resampling) {
            let (samples, mask) = out.row(row);
            for (col, (pixel, valid)) in samples.chunks_exact_mut(source.bands).zip(mask).enumerate() {
                let (left, taps) = across.of(col);
                if *valid > 0 {
                    let taps = [left..left + taps.len(), first..first + weights.len()];
                    sums::clamp_to_taps(taps, values, source, 0, pixel);
                }
            }
        }
    }
}

/// What is filtered: the bands, and how valid they are.
#[derive(Debug, Clone, Copy)]
struct Channels {
    bands: usize,
    validity: Validity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Validity {
    All,
    Shared(MaskKind),
    PerBand,
}

impl Channels {
    fn of(source: &Pixels) -> Self {
        let validity = match &source.mask {
            Mask::AllValid => Validity::All,
            Mask::Shared(kind, _) => Validity::Shared(*kind),
            Mask::PerBand(_) => Validity::PerBand,
        };
        Self { bands: source.bands, validity }
    }

    fn count(self) -> usize {
        match self.validity {
            Validity::All => self.bands,
            Validity::Shared(_) => self.bands + 1,
            Validity::PerBand => self.bands * 2,
        }
    }

    /// One line of what was read, as channels.
    fn load<T: Filterable>(self, values: &[T], source: &Pixels, line: usize, out: &mut Vec<T::Acc>) {
        let pixels = line * source.width..(line + 1) * source.width;
        let samples = &values[pixels.start * self.bands..pixels.end * self.bands];
        out.clear();
        let zero = T::Acc::default();
        let share = |valid: u8| T::Acc::from_f64(f64::from(valid) / 255.0);
        match &source.mask {
            Mask::AllValid => out.extend(samples.iter().map(|value| value.load())),
            Mask::Shared(_, mask) => {
                for (pixel, valid) in samples.chunks_exact(self.bands).zip(&mask[pixels]) {
                    let share = share(*valid);
                    // an invalid sample may be NaN: 0 x NaN would spread
                    let weigh = |value: &T| if *valid == 0 { zero } else { zero.add_product(value.load(), share) };
                    out.extend(pixel.iter().map(weigh));
                    out.push(share);
                }
            }
            Mask::PerBand(mask) => {
                let flags = mask[pixels.start * self.bands..pixels.end * self.bands].chunks_exact(self.bands);
                for (pixel, flags) in samples.chunks_exact(self.bands).zip(flags) {
                    out.extend(
                        pixel.iter().zip(flags).map(|(value, flag)| if *flag == 0 { zero } else { value.load() }),
                    );
                    out.extend(flags.iter().map(|flag| share(*flag)));
                }
            }
        }
    }

    /// One line of sums, as samples and mask.
    fn store<T: Filterable>(self, sums: &[T::Acc], across: &AxisTaps<T::Acc>, row: usize, out: &mut Rows<'_, T>) {
        let fill = std::mem::take(&mut out.fill);
        let (samples, mask) = out.row(row);
        match self.validity {
            Validity::All if across.all_inside() => {
                for (sample, sum) in samples.iter_mut().zip(sums) {
                    *sample = T::store(*sum);
                }
                mask.fill(255);
            }
            _ => {
                let pixels = samples.chunks_exact_mut(self.bands).zip(sums.chunks_exact(self.count()));
                for (((sample, sum), flag), inside) in pixels.zip(mask).zip(&across.inside) {
                    if *inside {
                        *flag = self.store_pixel(sum, &fill, sample);
                    }
                }
            }
        }
        out.fill = fill;
    }

    /// One pixel of sums; gives its validity.
    fn store_pixel<T: Filterable>(self, sums: &[T::Acc], fill: &[T], samples: &mut [T]) -> u8 {
        let (values, shares) = sums.split_at(self.bands);
        match self.validity {
            Validity::All => {
                for (sample, value) in samples.iter_mut().zip(values) {
                    *sample = T::store(*value);
                }
                255
            }
            Validity::Shared(kind) => {
                let valid = validity(kind, shares[0].to_f64());
                if valid > 0 {
                    for (sample, value) in samples.iter_mut().zip(values) {
                        *sample = T::store(value.share_of(shares[0]));
                    }
                }
                valid
            }
            Validity::PerBand => {
                let mut any = 0;
                for (band, sample) in samples.iter_mut().enumerate() {
                    let valid = validity(MaskKind::Binary, shares[band].to_f64());
                    *sample = if valid > 0 { T::store(values[band].share_of(shares[band])) } else { fill[band] };
                    any = any.max(valid);
                }
                any
            }
        }
    }
}

/// The mask value of a pixel whose kernel found this share of its weight valid.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
pub fn validity(kind: MaskKind, share: f64) -> u8 {
    match kind {
        // a hair below one half: a pixel centre on the border of two source pixels must not flicker
        MaskKind::Binary => {
            if share >= 0.499_99 {
                255
            } else {
                0
            }
        }
        MaskKind::Alpha => (share * 255.0 + 0.5) as u8,
    }
}

/// The last few lines that were filtered along the row, by their number modulo the capacity.
#[derive(Debug)]
struct Lines<A> {
    values: Vec<A>,
    holds: Vec<Option<usize>>,
    width: usize,
}

impl<A: Accumulator> Lines<A> {
    fn new(capacity: usize, width: usize) -> Self {
        let capacity = capacity.max(1);
        Self { values: vec![A::default(); capacity * width], holds: vec![None; capacity], width }
    }

    /// The place of a line that is not there yet.
    fn claim(&mut self, line: usize) -> Option<&mut [A]> {
        let slot = line % self.holds.len();
        if self.holds[slot] == Some(line) {
            return None;
        }
        self.holds[slot] = Some(line);
        Some(&mut self.values[slot * self.width..(slot + 1) * self.width])
    }

    fn get(&self, line: usize) -> &[A] {
        let slot = line % self.holds.len();
        &self.values[slot * self.width..(slot + 1) * self.width]
    }
}

fn filter_line<A: Accumulator>(channels: usize, taps: &AxisTaps<A>, line: &[A], out: &mut [A]) {
    match channels {
        1 => filter_channels::<A, 1>(taps, line, out),
        2 => filter_channels::<A, 2>(taps, line, out),
        3 => filter_channels::<A, 3>(taps, line, out),
        4 => filter_channels::<A, 4>(taps, line, out),
        _ => {
            for (index, pixel) in out.chunks_exact_mut(channels).enumerate() {
                let (first, weights) = taps.of(index);
                pixel.fill(A::default());
                for (weight, values) in weights.iter().zip(line[first * channels..].chunks_exact(channels)) {
                    for (sum, value) in pixel.iter_mut().zip(values) {
                        *sum = sum.add_product(*weight, *value);
                    }
                }
            }
        }
    }
}

fn filter_channels<A: Accumulator, const CHANNELS: usize>(taps: &AxisTaps<A>, line: &[A], out: &mut [A]) {
    let (line, _) = line.as_chunks::<CHANNELS>();
    let (out, _) = out.as_chunks_mut::<CHANNELS>();
    for (index, pixel) in out.iter_mut().enumerate() {
        let (first, weights) = taps.of(index);
        let mut sums = [A::default(); CHANNELS];
        for (weight, values) in weights.iter().zip(&line[first..]) {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = sum.add_product(*weight, *value);
            }
        }
        *pixel = sums;
    }
}

fn weigh_lines<A: Accumulator>(lines: &Lines<A>, first: usize, weights: &[A], sum: &mut [A]) {
    sum.fill(A::default());
    for (index, weight) in weights.iter().enumerate() {
        for (sum, value) in sum.iter_mut().zip(lines.get(first + index)) {
            *sum = sum.add_product(*weight, *value);
        }
    }
}
