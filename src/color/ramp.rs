//! The arithmetic of linear ramps, shared by single look-ups and prepared ones.

use super::Stop;
use super::rgba::{Rgba, TRANSPARENT};

/// A ramp prepared for many look-ups.
pub(super) struct Ramp {
    /// Where each segment starts, ascending.
    starts: Vec<f64>,
    segments: Vec<Segment>,
}

impl Ramp {
    pub(super) fn new(stops: &[Stop]) -> Self {
        let ends = stops.iter().skip(1).map(Some).chain([None]);
        Self {
            starts: stops.iter().map(|stop| stop.value).collect(),
            segments: stops.iter().zip(ends).map(|(low, high)| Segment::new(low, high)).collect(),
        }
    }

    /// The colour of a value, none for NaN.
    #[inline]
    pub(super) fn color(&self, value: f64) -> Option<Rgba> {
        let first = *self.starts.first()?;
        let above = count_up_to(&self.starts, value);
        let segment = self.segments.get(above.saturating_sub(1))?;
        (!value.is_nan()).then(|| segment.color(value.max(first)))
    }
}

/// The colour of a value on a ramp that isn't prepared.
pub(super) fn on_ramp(stops: &[Stop], value: f64) -> Option<Rgba> {
    let above = stops.partition_point(|stop| stop.value <= value);
    let low = stops.get(above.saturating_sub(1))?;
    let high = if above == 0 { None } else { stops.get(above) };
    (!value.is_nan()).then(|| Segment::new(low, high).color(value.max(low.value)))
}

/// A ramp from one stop up to the next; from the last stop on, its colour.
struct Segment {
    // Halves, so that no difference of two finite numbers overflows.
    half_start: f64,
    half_span: f64,
    low: [f64; 4],
    difference: [f64; 4],
}

impl Segment {
    fn new(low: &Stop, high: Option<&Stop>) -> Self {
        let half_start = low.value * 0.5;
        let low = low.color.map(f64::from);
        let Some(high) = high else {
            return Self { half_start, half_span: 1.0, low, difference: [0.0; 4] };
        };
        let mut difference = high.color.map(f64::from);
        for (high, low) in difference.iter_mut().zip(low) {
            *high -= low;
        }
        Self { half_start, half_span: high.value * 0.5 - half_start, low, difference }
    }

    /// The colour of a value in the segment, rounded to the nearest.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the number of a colour is in the low byte")]
    fn color(&self, value: f64) -> Rgba {
        // A number of this size has 32 bits behind the binary point: shifting them out rounds down,
        // and much faster than a cast, which would check for overflow and NaN.
        const ROUND: f64 = 1_048_576.0 + 0.5;
        let share = (value.min(f64::MAX) * 0.5 - self.half_start) / self.half_span;
        let mut color = TRANSPARENT;
        for (part, (low, difference)) in color.iter_mut().zip(self.low.iter().zip(&self.difference)) {
            *part = ((low + difference * share + ROUND).to_bits() >> 32) as u8;
        }
        color
    }
}

/// How many of the ascending numbers are not above the value.
#[inline]
pub(super) fn count_up_to(ascending: &[f64], value: f64) -> usize {
    /// Up to here counting all of them, without branches, is faster than a binary search.
    const FEW: usize = 16;
    if ascending.len() <= FEW {
        ascending.iter().map(|number| usize::from(*number <= value)).sum()
    } else {
        ascending.partition_point(|number| *number <= value)
    }
}
