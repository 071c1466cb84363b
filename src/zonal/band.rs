//! The cells of one band in a window.

use std::ops::Range;

use crate::raster::{DataType, Mask, Pixels, Sample, Samples};
use crate::{each_samples, with_sample_type};

/// Cells row by row, and which of them are valid.
#[derive(Debug, Clone, PartialEq)]
pub struct BandCells {
    /// Columns.
    pub width: usize,
    /// The values.
    pub samples: Samples,
    /// One byte a cell, 0 where there is no data; `None` when all are valid.
    pub validity: Option<Vec<u8>>,
}

impl BandCells {
    /// The bands of what was read, one by one.
    #[must_use]
    pub fn of(pixels: Pixels) -> Vec<Self> {
        let Pixels { width, bands, samples, mask, .. } = pixels;
        if bands == 1 {
            let validity = match mask {
                Mask::AllValid => None,
                Mask::Shared(_, validity) | Mask::PerBand(validity) => Some(validity),
            };
            return vec![Self { width, samples, validity }];
        }
        (0..bands)
            .map(|band| Self {
                width,
                samples: each_samples!(&samples, values => Sample::wrap(every(values, band, bands))),
                validity: match &mask {
                    Mask::AllValid => None,
                    Mask::Shared(_, validity) => Some(validity.clone()),
                    Mask::PerBand(validity) => Some(every(validity, band, bands)),
                },
            })
            .collect()
    }

    /// The validity of some of the cells.
    #[must_use]
    pub fn validity_of(&self, range: Range<usize>) -> Option<&[u8]> {
        self.validity.as_ref().map(|validity| &validity[range])
    }

    /// Cells without data.
    #[must_use]
    pub fn empty(dtype: DataType, width: usize, height: usize) -> Self {
        let samples = with_sample_type!(dtype, T => T::wrap(vec![T::default(); width * height]));
        Self { width, samples, validity: Some(vec![0; width * height]) }
    }

    /// Whether a cell has data.
    #[must_use]
    pub fn is_valid(&self, index: usize) -> bool {
        self.validity.as_ref().is_none_or(|validity| validity[index] > 0)
    }
}

fn every<T: Copy>(values: &[T], band: usize, bands: usize) -> Vec<T> {
    values.iter().skip(band).step_by(bands).copied().collect()
}
