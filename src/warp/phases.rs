//! Weights along one axis for positions that are anything: looked up by the fraction of the position.
//!
//! Positions are snapped to 1/1024 of a source pixel, footprints to 1/64: far below what the positions themselves are
//! exact to. A snapped position and footprint decide everything, so a pixel is the same in whatever tile it lies.

use std::rc::Rc;

use super::Resampling;
use super::kernel;
use super::sums::Accumulator;

/// Steps between one source pixel and the next.
const PHASES: usize = 1024;
const PHASES_LOG2: u32 = PHASES.ilog2();

/// Steps of the footprint, a source pixel.
const SIZE_STEPS: f64 = 64.0;

/// Weights of a position in tables of kernels with at most so many: one load of a processor.
pub const FEW: usize = 4;

/// Longer kernels are not tabled: their sums cost more than their weights.
const MOST_TABLED: usize = 12;

/// Tables that a thread keeps, each of up to 100 KB.
const TABLES_KEPT: usize = 16;

/// A position in 1/1024 source pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapped(i64);

/// Rounds to the nearest step. Nothing sensible comes of what is not finite.
pub fn snap(position: f64) -> Snapped {
    Snapped(shifted(steps_of(position)) - shifted(0.0))
}

/// Whole steps, from some number that is always the same.
#[inline]
fn shifted(steps: f64) -> i64 {
    (steps + SHIFTER).to_bits().cast_signed()
}

/// Adding it leaves the whole number in the lowest bits: `round` is a call on older processors.
#[expect(clippy::cast_precision_loss, reason = "two digits are exact")]
const SHIFTER: f64 = (3_u64 << 51) as f64;

/// A position in 1/1024 source pixels from a source pixel that is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Near(i32);

/// Where to count positions from, so that they are snapped and near in one step.
#[derive(Debug, Clone, Copy)]
pub struct Origin(i64);

impl Origin {
    /// The left or upper edge of a source pixel.
    pub fn at(pixel: i64) -> Self {
        Self(shifted(0.0) + (pixel << PHASES_LOG2))
    }

    /// What is in 1/1024 pixels already, snapped as `snap` does it.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "what is near is less than 2^21 pixels away")]
    pub fn near(self, steps: f64) -> Near {
        Near(shifted(steps).wrapping_sub(self.0) as i32)
    }
}

/// Steps that a position in pixels is.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "a power of two")]
pub fn steps_of(position: f64) -> f64 {
    position * PHASES as f64
}

impl Near {
    fn pixel(self) -> i32 {
        self.0 >> PHASES_LOG2
    }

    fn phase(self) -> usize {
        Snapped(self.0.into()).phase()
    }
}

impl Snapped {
    /// The source pixel in which it is.
    fn pixel(self) -> i64 {
        self.0 >> PHASES_LOG2
    }

    /// How far into it.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "0 to 1023"
    )]
    fn phase(self) -> usize {
        (self.0 & (PHASES as i64 - 1)) as usize
    }

    #[expect(clippy::cast_precision_loss, reason = "positions are far below 2^41")]
    fn position(self) -> f64 {
        self.0 as f64 / PHASES as f64
    }
}

/// A footprint in whole steps; at native resolution kernels have one width.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
fn steps(resampling: Resampling, size: f64) -> u32 {
    let size = if resampling == Resampling::Average { size } else { kernel::widening(size) };
    (size * SIZE_STEPS).round().max(1.0) as u32
}

fn size_of(steps: u32) -> f64 {
    f64::from(steps) / SIZE_STEPS
}

/// First and last source pixel that positions from `low` to `high` need.
pub fn reached(resampling: Resampling, low: f64, high: f64, size: f64) -> [i64; 2] {
    kernel::reached(resampling, snap(low).position(), snap(high).position(), size_of(steps(resampling, size)))
}

/// The weights of a kernel for one footprint, by the fraction of the position.
#[derive(Debug)]
pub struct Phases<A> {
    resampling: Resampling,
    steps: u32,
    /// The most weights that a position has; `None` when they are in no table.
    pub taps: Option<usize>,
    /// Weights of a position in the table; behind the last that is one there are zeros.
    stride: usize,
    /// By phase: the first source pixel, counted from that of the position, and how many there are.
    spans: Vec<(i16, u16)>,
    /// What makes the first source pixel of a position when it is added to it.
    lead: i32,
    /// By phase, `stride` each, normalised.
    weights: Vec<A>,
}

impl<A: Accumulator> Phases<A> {
    /// Those of a footprint, from the tables that this thread keeps.
    pub fn of(resampling: Resampling, size: f64) -> Rc<Self> {
        let steps = steps(resampling, if size.is_finite() { size } else { 1.0 });
        A::with_tables(|tables| {
            let kept = tables.iter().position(|table| (table.resampling, table.steps) == (resampling, steps));
            let table = match kept {
                Some(index) => tables.remove(index),
                None => Rc::new(Self::new(resampling, steps)),
            };
            tables.truncate(TABLES_KEPT - 1);
            tables.insert(0, Rc::clone(&table));
            table
        })
    }

    fn new(resampling: Resampling, steps: u32) -> Self {
        let (mut spans, mut all, mut raw) = (Vec::with_capacity(PHASES), Vec::new(), Vec::new());
        for phase in 0..PHASES {
            raw.clear();
            let first = weights(resampling, steps, Snapped(i64::try_from(phase).unwrap_or(0)), &mut raw);
            spans.push((i16::try_from(first).unwrap_or(i16::MIN), u16::try_from(raw.len()).unwrap_or(u16::MAX)));
            if raw.len() > MOST_TABLED {
                let (spans, weights) = (Vec::new(), Vec::new());
                return Self { resampling, steps, taps: None, stride: 0, spans, lead: 0, weights };
            }
            all.push(raw.clone());
        }
        let taps = all.iter().map(Vec::len).max().unwrap_or(0);
        let stride = taps.max(FEW);
        let mut table = vec![A::default(); PHASES * stride];
        for (to, from) in table.chunks_exact_mut(stride).zip(&all) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = A::from_f64(*from));
        }
        let lead = lead(&spans);
        Self { resampling, steps, taps: Some(taps), stride, spans, lead, weights: table }
    }

    /// The table, if positions have few weights.
    pub fn table(&self) -> Option<Table<'_, A>> {
        let weights = self.weights.as_chunks::<FEW>().0.first_chunk::<PHASES>()?;
        (self.stride == FEW).then_some(Table { lead: self.lead, weights })
    }

    /// The first source pixel of a position, how many have a weight, and where the weights are; `None` when they are in
    /// no table.
    pub fn at(&self, position: Snapped) -> Option<(i64, usize, &[A])> {
        let (phase, stride) = (position.phase(), self.stride);
        let (first, count) = *self.spans.get(phase)?;
        Some((position.pixel() + i64::from(first), usize::from(count), &self.weights[phase * stride..][..stride]))
    }

    /// The weights of a position inside `start..start + length`, normalised; gives the first source pixel.
    pub fn clipped(&self, position: Snapped, start: i64, length: usize, out: &mut Clipped<A>) -> i64 {
        out.raw.clear();
        let first = weights(self.resampling, self.steps, position, &mut out.raw);
        let kept = kernel::clip(first, &out.raw, start, length);
        let total: f64 = out.raw[kept.clone()].iter().sum();
        out.weights.clear();
        if total > 0.0 {
            out.weights.extend(out.raw[kept.clone()].iter().map(|weight| A::from_f64(weight / total)));
        }
        first + i64::try_from(kept.start).unwrap_or(0)
    }
}

/// The first source pixel moves on by one from some phase on: what takes every position there to the next pixel.
fn lead(spans: &[(i16, u16)]) -> i32 {
    let first = spans.first().map_or(0, |span| span.0);
    let same = spans.iter().take_while(|span| span.0 == first).count();
    ((i32::from(first) + 1) << PHASES_LOG2) - i32::try_from(same).unwrap_or(0)
}

/// The table of a kernel with few weights.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a, A> {
    lead: i32,
    weights: &'a [[A; FEW]; PHASES],
}

impl<'a, A> Table<'a, A> {
    /// The first source pixel of a position, and the weights from there on.
    #[inline]
    pub fn near(self, position: Near) -> (i32, &'a [A; FEW]) {
        (Near(position.0.wrapping_add(self.lead)).pixel(), &self.weights[position.phase()])
    }
}

/// Weights that no table has.
#[derive(Debug, Default)]
pub struct Clipped<A> {
    raw: Vec<f64>,
    pub weights: Vec<A>,
}

/// Normalised weights of a position; gives the first source pixel.
fn weights(resampling: Resampling, steps: u32, position: Snapped, out: &mut Vec<f64>) -> i64 {
    let first = kernel::taps(resampling, position.position(), size_of(steps), out);
    let total: f64 = out.iter().sum();
    for weight in out {
        *weight /= total;
    }
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pixel_centres_and_edges_are_where_they_are() {
        for position in [0.0, 0.5, 7.5, 1e6 + 0.5, -3.0, -2.5] {
            assert_eq!(snap(position).position(), position);
        }
        assert_eq!((snap(-0.25).pixel(), snap(-0.25).phase()), (-1, 768));
    }

    proptest! {
        #[test]
        fn a_table_says_what_the_kernel_says(position in -10.0..10.0f64, size in 0.01..4.0f64, which in 0..4usize) {
            let resampling =
                [Resampling::Bilinear, Resampling::Cubic, Resampling::Lanczos, Resampling::Average][which];
            let phases = Phases::<f64>::of(resampling, size);
            prop_assume!(phases.taps.is_some());
            let snapped = snap(position);
            prop_assert!((snapped.position() - position).abs() <= 0.5 / 1024.0);
            let mut expected = Vec::new();
            let first = kernel::taps(resampling, snapped.position(), size_of(steps(resampling, size)), &mut expected);
            let total: f64 = expected.iter().sum();
            let (own_first, count, weights) = phases.at(snapped).unwrap();
            prop_assert_eq!((own_first, count), (first, expected.len()));
            for (weight, expected) in weights.iter().zip(&expected) {
                prop_assert!((weight - expected / total).abs() < 1e-12);
            }
            prop_assert!(weights[count..].iter().all(|weight| *weight == 0.0));
        }

        #[test]
        fn a_table_says_the_same_of_what_is_near(size in 0.01..2.5f64, which in 0..3usize, pixel in -5..5_i64) {
            let resampling = [Resampling::Bilinear, Resampling::Cubic, Resampling::Average][which];
            let phases = Phases::<f32>::of(resampling, size);
            prop_assume!(phases.taps.is_some_and(|taps| taps <= FEW));
            for steps in 0..2 * i64::try_from(PHASES).unwrap() {
                let near = Near(i32::try_from(steps).unwrap());
                let (first, count, weights) = phases.at(Snapped(steps + (pixel << PHASES_LOG2))).unwrap();
                let (own_first, own_weights) = phases.table().unwrap().near(near);
                prop_assert_eq!((i64::from(own_first) + pixel, own_weights.as_slice()), (first, weights));
                prop_assert!(count <= phases.taps.unwrap());
            }
        }

        #[test]
        fn what_is_near_is_snapped_as_from_afar(position in -1e6..1e6f64, away in -1000..1000_i64) {
            let snapped = snap(position);
            let pixel = snapped.pixel() + away;
            let near = Origin::at(pixel).near(steps_of(position));
            prop_assert_eq!((i64::from(near.pixel()) + pixel, near.phase()), (snapped.pixel(), snapped.phase()));
        }

        #[test]
        fn what_is_reached_holds_every_weight(low in -5.0..5.0f64, span in 0.0..3.0f64, size in 0.01..4.0f64) {
            for resampling in [Resampling::Bilinear, Resampling::Cubic, Resampling::Lanczos, Resampling::Average] {
                let [first, last] = reached(resampling, low, low + span, size);
                for position in [low, low + span / 2.0, low + span] {
                    let mut weights = Vec::new();
                    let from = super::weights(resampling, steps(resampling, size), snap(position), &mut weights);
                    prop_assert!(from >= first && from + i64::try_from(weights.len()).unwrap() - 1 <= last);
                }
            }
        }
    }
}
