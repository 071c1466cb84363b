//! The value with the largest area in each output pixel's footprint; of equals, the first in reading order.

use super::mapping::Mapping;
use super::target::Rows;
use super::{BlockPlan, Part, Resampling, kernel};
use crate::raster::{Mask, Pixels, Sample};

/// Areas by value, for one output sample. Few values meet in a footprint: a list beats a map.
#[derive(Debug)]
struct Tally<T>(Vec<(T, f64)>);

impl<T: Sample> Tally<T> {
    fn push(&mut self, value: T, area: f64) {
        match self.0.iter_mut().find(|(known, _)| *known == value) {
            Some((_, total)) => *total += area,
            None => self.0.push((value, area)),
        }
    }

    /// The value with the largest area and the area of all.
    fn finish(&mut self) -> Option<(T, f64)> {
        let total = self.0.iter().map(|(_, area)| area).sum();
        let mut best: Option<(T, f64)> = None;
        for (value, area) in self.0.drain(..) {
            if best.is_none_or(|(_, largest)| area > largest) {
                best = Some((value, area));
            }
        }
        best.map(|(value, _)| (value, total))
    }
}

/// Which source pixels a footprint covers along one axis, and how much of each.
#[derive(Debug, Default, Clone)]
struct Span {
    first: usize,
    weights: Vec<f64>,
}

impl Span {
    fn set(&mut self, center: f64, size: f64, start: i64, length: usize) {
        self.weights.clear();
        if !center.is_finite() || !kernel::contains(center, start, length) {
            return;
        }
        let first = kernel::taps(Resampling::Mode, center, size, &mut self.weights);
        let kept = kernel::clip(first, &self.weights, start, length);
        self.first = usize::try_from(first + i64::try_from(kept.start).unwrap_or(0) - start).unwrap_or(0);
        self.weights.truncate(kept.end);
        self.weights.drain(..kept.start);
    }

    fn of(center: f64, size: f64, start: i64, length: usize) -> Self {
        let mut span = Self::default();
        span.set(center, size, start, length);
        span
    }
}

/// Writes the modes of a part of a block.
pub fn fill<T: Sample>(plan: &BlockPlan, part: &Part, values: &[T], source: &Pixels, mut out: Rows<'_, T>) {
    let (window, rect) = (part.window, part.rect);
    let mut tally = Tally(Vec::new());
    match &plan.mapping {
        Mapping::Separable { cols, rows } => {
            let spans: Vec<Span> = (rect.x..rect.x + rect.width)
                .map(|i| Span::of(cols.center[i], cols.size[i], window.col, window.width))
                .collect();
            for row in 0..rect.height {
                let i = rect.y + row;
                let down = Span::of(rows.center[i], rows.size[i], window.row, window.height);
                for (col, across) in spans.iter().enumerate() {
                    write([across, &down], values, source, &mut tally, &mut out, [col, row]);
                }
            }
        }
        Mapping::Cells(cells) => {
            let (mut cols, mut rows) = (Vec::new(), Vec::new());
            let (mut across, mut down) = (Span::default(), Span::default());
            for row in 0..rect.height {
                cells.row(rect.y + row, rect.x, rect.x + rect.width, &mut cols, &mut rows);
                for col in 0..rect.width {
                    let [size_x, size_y] = cells.size(rect.x + col, rect.y + row);
                    across.set(cols[col], size_x, window.col, window.width);
                    down.set(rows[col], size_y, window.row, window.height);
                    write([&across, &down], values, source, &mut tally, &mut out, [col, row]);
                }
            }
        }
    }
}

/// Writes one output pixel: valid when at least half of its footprint is.
fn write<T: Sample>(
    [across, down]: [&Span; 2], values: &[T], source: &Pixels, tally: &mut Tally<T>, out: &mut Rows<'_, T>,
    [col, row]: [usize; 2],
) {
    let whole = across.weights.iter().sum::<f64>() * down.weights.iter().sum::<f64>();
    if whole <= 0.0 {
        return;
    }
    let bands = out.bands;
    if source.mask == Mask::AllValid && write_uniform([across, down], values, source, out, [col, row]) {
        return;
    }
    let mut opacity = 0.0_f64;
    for band in 0..bands {
        let mut opaque = 0.0;
        for (line, height) in (down.first..).zip(&down.weights) {
            for (pixel, width) in (line * source.width + across.first..).zip(&across.weights) {
                let valid = match &source.mask {
                    Mask::AllValid => 255,
                    Mask::Shared(_, valid) => valid[pixel],
                    Mask::PerBand(valid) => valid[pixel * bands + band],
                };
                if valid > 0 {
                    tally.push(values[pixel * bands + band], width * height);
                    opaque += width * height * f64::from(valid) / 255.0;
                }
            }
        }
        if let Some((value, area)) = tally.finish()
            && area >= whole / 2.0
        {
            out.row(row).0[col * bands + band] = value;
            opacity = opacity.max(opaque / area);
        }
    }
    out.row(row).1[col] = u8::from_f64(opacity * 255.0);
}

/// Writes a pixel whose footprint holds one value only, as most do where there are classes; false when it is another.
fn write_uniform<T: Sample>(
    [across, down]: [&Span; 2], values: &[T], source: &Pixels, out: &mut Rows<'_, T>, [col, row]: [usize; 2],
) -> bool {
    let bands = out.bands;
    let line = |line: usize| {
        let first = line * source.width + across.first;
        &values[first * bands..(first + across.weights.len()) * bands]
    };
    let first = &line(down.first)[..bands];
    let lines = down.first..down.first + down.weights.len();
    if !lines.into_iter().all(|number| line(number).chunks_exact(bands).all(|pixel| pixel == first)) {
        return false;
    }
    let (samples, mask) = out.row(row);
    samples[col * bands..(col + 1) * bands].copy_from_slice(first);
    mask[col] = 255;
    true
}
