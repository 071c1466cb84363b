//! From the source grid to the output grid, for every reader.
//!
//! The unit is a *block*: a 256 x 256 px square of the global pixel grid of one resolution. A tile is made of
//! the blocks that it overlaps. Everything that a pixel depends on (level, position, kernel width) is decided
//! by its block or cell, never by the tile, so that neighbouring tiles agree to the last bit.

mod cells;
mod kernel;
mod lanes;
mod mapping;
mod mode;
mod nearest;
mod per_pixel;
mod phases;
mod plan;
mod projector;
mod separable;
mod sums;
mod target;

use std::fmt;
use std::str::FromStr;

pub use plan::{BlockPlan, Part, Rect, SourceWindow, blocks};
pub use target::Target;

use mapping::Mapping;

use crate::each_samples;
use crate::raster::{Decimation, Pixels};

/// Pixels along a side of a block.
pub const BLOCK_PX: usize = 256;

/// How pixels are made from source pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Resampling {
    /// The source pixel under the centre.
    #[default]
    Nearest,
    /// Triangle, radius 1.
    Bilinear,
    /// Catmull-Rom (Keys 1981, a = -0.5), radius 2.
    Cubic,
    /// Windowed sinc, radius 3.
    Lanczos,
    /// Mean over the footprint, by area.
    Average,
    /// The value with the largest area in the footprint.
    Mode,
}

impl Resampling {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 6] = [Self::Nearest, Self::Bilinear, Self::Cubic, Self::Lanczos, Self::Average, Self::Mode];

    /// Whether it makes values that the source does not have.
    #[must_use]
    pub fn interpolates(self) -> bool {
        match self {
            Self::Nearest | Self::Mode => false,
            Self::Bilinear | Self::Cubic | Self::Lanczos | Self::Average => true,
        }
    }

    /// How a reader decimates for it, where it must.
    #[must_use]
    pub fn decimation(self) -> Decimation {
        match self {
            Self::Nearest => Decimation::Nearest,
            Self::Mode => Decimation::Mode,
            Self::Bilinear | Self::Cubic | Self::Lanczos | Self::Average => Decimation::Average,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Nearest => "nearest",
            Self::Bilinear => "bilinear",
            Self::Cubic => "cubic",
            Self::Lanczos => "lanczos",
            Self::Average => "average",
            Self::Mode => "mode",
        }
    }
}

impl fmt::Display for Resampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which kernel a tile is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KernelChoice {
    /// This one.
    Fixed(Resampling),
    /// For classes: nearest, and mode where an output pixel is larger than a source pixel.
    Categorical,
}

impl KernelChoice {
    /// The kernel for output pixels that are `size` source pixels wide.
    #[must_use]
    fn at(self, size: f64) -> Resampling {
        match self {
            Self::Fixed(resampling) => resampling,
            Self::Categorical if kernel::widening(size) > 1.0 => Resampling::Mode,
            Self::Categorical => Resampling::Nearest,
        }
    }
}

/// A word that names no resampling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no resampling: use nearest, bilinear, cubic, lanczos, average or mode")]
pub struct UnknownResampling(String);

impl FromStr for Resampling {
    type Err = UnknownResampling;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| UnknownResampling(text.to_owned()))
    }
}

/// Resamples what was read for one part of a block into the target, at the column and row `at`.
pub fn resample(plan: &BlockPlan, part: &Part, source: &Pixels, target: &mut Target, at: [usize; 2]) {
    let size = [part.rect.width, part.rect.height];
    each_samples!(&source.samples, values => target.write(at, size, &source.mask, |rows| {
        match (plan.resampling, &plan.mapping) {
            (Resampling::Nearest, _) => nearest::fill(plan, part, values, source, rows),
            (Resampling::Mode, _) => mode::fill(plan, part, values, source, rows),
            (_, Mapping::Separable { cols, rows: lines }) => {
                separable::fill(plan.resampling, [cols, lines], part, values, source, rows);
            }
            (_, Mapping::Cells(cells)) => per_pixel::fill(plan.resampling, cells, part, values, source, rows),
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resampling_reads_back_from_its_name() {
        for one in Resampling::ALL {
            assert_eq!(one.to_string().parse::<Resampling>(), Ok(one));
        }
        assert!("Bilinear".parse::<Resampling>().unwrap_err().to_string().contains("use nearest, bilinear"));
    }
}
