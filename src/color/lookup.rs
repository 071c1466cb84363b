//! A colormap prepared for many look-ups.
//!
//! [`Colormap::color`] is the definition; a [`Lookup`] gives the same colours faster: classes in a
//! dense table where they are close together, intervals cut into pieces that can't overlap.

use std::collections::{BTreeMap, BTreeSet};

use super::ramp::{Ramp, count_up_to};
use super::rgba::{Rgba, TRANSPARENT};
use super::{Colormap, Interval};

/// The widest span of class values that gets a dense table (256 KB): any 16-bit raster's.
const MAX_DENSE_SPAN: i64 = 65_536;

pub(super) enum Lookup<'a> {
    Lut(&'a [Rgba; 256]),
    /// The colours of `first`, `first + 1`, ...
    Dense {
        first: i64,
        colors: Vec<Rgba>,
    },
    Sparse(&'a BTreeMap<i64, Rgba>),
    /// Piece `i` goes from `starts[i]` to the next start, the last one to the end of the numbers.
    Pieces {
        starts: Vec<f64>,
        colors: Vec<Rgba>,
    },
    Ramp(Ramp),
}

impl<'a> Lookup<'a> {
    pub(super) fn new(map: &'a Colormap) -> Self {
        match map {
            Colormap::Lut(colors) => Self::Lut(colors),
            Colormap::Discrete(classes) => dense(classes).unwrap_or(Self::Sparse(classes)),
            Colormap::Intervals(intervals) => pieces(intervals),
            Colormap::Ramp(stops) => Self::Ramp(Ramp::new(stops)),
        }
    }

    /// The colour of one value, transparent when there is none.
    #[inline]
    pub(super) fn color(&self, value: f64) -> Rgba {
        match self {
            Self::Lut(colors) => in_lut(colors, value),
            Self::Dense { first, colors } => as_class(value)
                .and_then(|class| usize::try_from(class.checked_sub(*first)?).ok())
                .and_then(|index| colors.get(index).copied()),
            Self::Sparse(classes) => as_class(value).and_then(|class| classes.get(&class).copied()),
            Self::Pieces { starts, colors } => {
                let below = count_up_to(starts, value);
                below.checked_sub(1).and_then(|piece| colors.get(piece).copied())
            }
            Self::Ramp(ramp) => ramp.color(value),
        }
        .unwrap_or(TRANSPARENT)
    }
}

fn dense(classes: &BTreeMap<i64, Rgba>) -> Option<Lookup<'_>> {
    let (&first, _) = classes.first_key_value()?;
    let (&last, _) = classes.last_key_value()?;
    let span = last.checked_sub(first).filter(|span| *span < MAX_DENSE_SPAN)?;
    let mut colors = vec![TRANSPARENT; usize::try_from(span).ok()? + 1];
    for (class, color) in classes {
        if let Some(slot) = usize::try_from(class - first).ok().and_then(|index| colors.get_mut(index)) {
            *slot = *color;
        }
    }
    Some(Lookup::Dense { first, colors })
}

/// Walks all ends in ascending order; the first of the intervals that are open there has the colour.
fn pieces(intervals: &[Interval]) -> Lookup<'static> {
    let mut ends = Vec::with_capacity(intervals.len() * 2);
    for (index, interval) in intervals.iter().enumerate() {
        if interval.min < interval.max {
            ends.push((interval.min, index, true));
            ends.push((interval.max, index, false));
        }
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));

    let mut open = BTreeSet::new();
    let (mut starts, mut colors) = (Vec::new(), Vec::new());
    // In ascending order, "not below the next" is "equal to it" (0 and -0 too).
    for chunk in ends.chunk_by(|a, b| a.0 >= b.0) {
        for &(_, index, opens) in chunk {
            if opens {
                open.insert(index)
            } else {
                open.remove(&index)
            };
        }
        let color = open.first().map_or(TRANSPARENT, |first| intervals[*first].color);
        if colors.last() != Some(&color) {
            starts.push(chunk[0].0);
            colors.push(color);
        }
    }
    Lookup::Pieces { starts, colors }
}

/// The nearest of 256 colours; a value outside 0..=255 has the colour of the nearer end.
#[inline]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, which clamps")]
pub(super) fn in_lut(colors: &[Rgba; 256], value: f64) -> Option<Rgba> {
    (!value.is_nan()).then(|| colors[usize::from((value + 0.5) as u8)])
}

/// The value as a class, none if it isn't whole.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "casting there and back finds out whether the value is whole"
)]
pub(super) fn as_class(value: f64) -> Option<i64> {
    let class = value as i64;
    (class as f64 == value).then_some(class)
}
