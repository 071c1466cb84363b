//! Legends: a colormap as a small picture. Labels are for whoever shows it.

use std::fmt;
use std::str::FromStr;

use super::{Colormap, Rgba, TRANSPARENT};

/// Which way the values of a legend grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orientation {
    /// From left to right.
    Horizontal,
    /// From bottom to top.
    Vertical,
}

impl Orientation {
    /// Every orientation.
    pub const ALL: [Self; 2] = [Self::Horizontal, Self::Vertical];

    /// The name that a request gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Horizontal => "horizontal",
            Self::Vertical => "vertical",
        }
    }
}

impl fmt::Display for Orientation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that isn't an orientation's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not an orientation: write horizontal or vertical")]
pub struct UnknownOrientation {
    /// The name, shortened.
    pub found: String,
}

impl FromStr for Orientation {
    type Err = UnknownOrientation;

    fn from_str(text: &str) -> Result<Self, UnknownOrientation> {
        let known = Self::ALL.into_iter().find(|orientation| orientation.name() == text);
        known.ok_or_else(|| UnknownOrientation { found: super::rgba::excerpt(text) })
    }
}

/// Draws the map as a `width` x `height` picture, row-major.
///
/// [`Colormap::Lut`] and [`Colormap::Ramp`] become a gradient whose ends are the ends of the map,
/// [`Colormap::Discrete`] and [`Colormap::Intervals`] equal swatches in their order. The first is
/// left or at the bottom. The caller limits the size.
#[must_use]
pub fn legend(map: &Colormap, width: u32, height: u32, orientation: Orientation) -> Vec<Rgba> {
    let (columns, rows) = (width as usize, height as usize);
    match orientation {
        Orientation::Horizontal => strip(map, width).repeat(rows),
        Orientation::Vertical => {
            let strip = strip(map, height);
            strip.into_iter().rev().flat_map(|color| std::iter::repeat_n(color, columns)).collect()
        }
    }
}

/// One line of pixels along the values.
fn strip(map: &Colormap, length: u32) -> Vec<Rgba> {
    match map {
        Colormap::Lut(_) => gradient(map, 0.0, 255.0, length),
        Colormap::Ramp(stops) => match (stops.first(), stops.last()) {
            (Some(first), Some(last)) => gradient(map, first.value, last.value, length),
            _ => swatches(&[], length),
        },
        Colormap::Discrete(classes) => swatches(&classes.values().copied().collect::<Vec<_>>(), length),
        Colormap::Intervals(steps) => swatches(&steps.iter().map(|step| step.color).collect::<Vec<_>>(), length),
    }
}

fn gradient(map: &Colormap, first: f64, last: f64, length: u32) -> Vec<Rgba> {
    let steps = f64::from(length.saturating_sub(1).max(1));
    let shares = (0..length).map(|pixel| f64::from(pixel) / steps);
    shares.map(|share| map.color(first * (1.0 - share) + last * share)).collect()
}

fn swatches(colors: &[Rgba], length: u32) -> Vec<Rgba> {
    let length = length as usize;
    let swatch = |pixel| colors.get(pixel * colors.len() / length).copied();
    (0..length).map(|pixel| swatch(pixel).unwrap_or(TRANSPARENT)).collect()
}
