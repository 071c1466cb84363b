//! Pixels with their validity.

use super::{DataType, Samples};

/// A rectangle of pixels, band-interleaved by pixel: `samples[(row * width + col) * bands + band]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Samples a pixel.
    pub bands: usize,
    /// The values; those of invalid pixels mean nothing.
    pub samples: Samples,
    /// Which of them are valid.
    pub mask: Mask,
}

/// The validity of pixels, 0 (invalid) to 255 (valid).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// Every pixel is valid.
    AllValid,
    /// One value a pixel, for all bands.
    Shared(MaskKind, Vec<u8>),
    /// One value a sample, interleaved like the samples; always 0 or 255.
    PerBand(Vec<u8>),
}

impl Mask {
    /// Whether a sample is valid at all.
    #[must_use]
    pub fn is_valid(&self, pixel: usize, band: usize, bands: usize) -> bool {
        match self {
            Self::AllValid => true,
            Self::Shared(_, mask) => mask[pixel] > 0,
            Self::PerBand(mask) => mask[pixel * bands + band] > 0,
        }
    }
}

/// What a shared mask holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaskKind {
    /// 0 or 255: an interpolated pixel is valid when at least half of its weight is.
    Binary,
    /// Opacity from an alpha band: interpolates smoothly.
    Alpha,
}

impl Pixels {
    /// Type of the samples.
    #[must_use]
    pub fn dtype(&self) -> DataType {
        self.samples.dtype()
    }

    /// One mask value a pixel: valid where any band is (rio-tiler's rule); `None` when all are.
    #[must_use]
    pub fn pixel_mask(&self) -> Option<std::borrow::Cow<'_, [u8]>> {
        match &self.mask {
            Mask::AllValid => None,
            Mask::Shared(_, values) => Some(values.into()),
            Mask::PerBand(values) => {
                let any = |samples: &[u8]| samples.iter().copied().max().unwrap_or(0);
                Some(values.chunks_exact(self.bands.max(1)).map(any).collect::<Vec<u8>>().into())
            }
        }
    }

    /// Whether no pixel is valid at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.mask {
            Mask::AllValid => false,
            Mask::Shared(_, values) | Mask::PerBand(values) => values.iter().fold(0, |any, valid| any | valid) == 0,
        }
    }
}
