//! Colormaps: what colour a value has.
//!
//! Owns the four kinds of colormap, the named ones ([`names`]), their JSON form, painting a band
//! with one ([`paint`], [`paint_u8`]) and drawing its [`legend()`]. Values only: which colormap a
//! layer uses, and the rescale before it, are the render flow's; PNG is the encoder's.

use std::collections::BTreeMap;

mod apply;
mod json;
mod legend;
mod lookup;
mod named;
mod palette;
mod ramp;
mod rgba;

pub use apply::{Painted, paint, paint_u8};
pub use json::{ColormapError, MAX_CLASSES, MAX_STEPS, Place};
pub use legend::{Orientation, UnknownOrientation, legend};
pub use named::names;
pub use rgba::{ColorError, Rgba, TRANSPARENT};

/// How values become colours.
#[derive(Debug, Clone, PartialEq)]
pub enum Colormap {
    /// 256 colours for the values 0..=255, normally after a rescale; other values are rounded and clamped.
    Lut(Box<[Rgba; 256]>),
    /// Colours of exact values; anything else is transparent. Classes: never interpolated.
    Discrete(BTreeMap<i64, Rgba>),
    /// Colours of ranges, the first match wins; anything else is transparent.
    Intervals(Vec<Interval>),
    /// A linear ramp between stops, clamped at both ends; their values are finite and strictly ascending.
    Ramp(Vec<Stop>),
}

/// The colour of the values `min <= value < max`; infinities are open ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lowest value of the range.
    pub min: f64,
    /// The end of the range, no longer in it.
    pub max: f64,
    /// The colour of the whole range.
    pub color: Rgba,
}

/// A value with a fixed colour on a ramp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Where the stop is.
    pub value: f64,
    /// The colour there.
    pub color: Rgba,
}

impl Colormap {
    /// The colour of one value, transparent when the map has none for it or the value is NaN.
    ///
    /// The definition that [`paint`] is tested against, not a way to paint pictures.
    #[must_use]
    pub fn color(&self, value: f64) -> Rgba {
        match self {
            Self::Lut(colors) => lookup::in_lut(colors, value),
            Self::Discrete(classes) => lookup::as_class(value).and_then(|class| classes.get(&class).copied()),
            Self::Intervals(intervals) => {
                let holds = |interval: &&Interval| interval.min <= value && value < interval.max;
                intervals.iter().find(holds).map(|interval| interval.color)
            }
            Self::Ramp(stops) => ramp::on_ramp(stops, value),
        }
        .unwrap_or(TRANSPARENT)
    }

    /// Whether values are classes, so that a mean of two of them means nothing.
    #[must_use]
    pub fn is_categorical(&self) -> bool {
        matches!(self, Self::Discrete(_))
    }
}

#[cfg(test)]
mod tests;
