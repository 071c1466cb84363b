//! The picture in the making.

use super::Rect;
use crate::raster::{DataType, Mask, MaskKind, Pixels, Sample, Samples};
use crate::with_sample_type;

/// Pixels of a tile, filled part by part; invalid until written.
#[derive(Debug)]
pub struct Target {
    width: usize,
    height: usize,
    bands: usize,
    samples: Samples,
    mask: Vec<u8>,
    kind: MaskKind,
    /// What an invalid sample holds, by band.
    fill: Vec<f64>,
}

/// Rows of one part of a target.
#[derive(Debug)]
pub struct Rows<'a, T> {
    samples: &'a mut [T],
    mask: &'a mut [u8],
    target_width: usize,
    rect: Rect,
    /// Samples a pixel.
    pub bands: usize,
    /// What an invalid sample holds, by band.
    pub fill: Vec<T>,
}

impl Target {
    /// An empty picture; `fill` is what an invalid sample holds, by band.
    #[must_use]
    pub fn new(width: usize, height: usize, dtype: DataType, fill: Vec<f64>) -> Self {
        let bands = fill.len();
        let samples = with_sample_type!(dtype, T => {
            let pixel: Vec<T> = fill.iter().map(|value| T::from_f64(*value)).collect();
            T::wrap(pixel.repeat(width * height))
        });
        Self { width, height, bands, samples, mask: vec![0; width * height], kind: MaskKind::Binary, fill }
    }

    /// Type of its samples.
    #[must_use]
    pub fn dtype(&self) -> DataType {
        self.samples.dtype()
    }

    /// Lets `fill` write the rectangle of the target that starts at `at`; `mask` says of what kind its validity is.
    pub(super) fn write<T: Sample>(
        &mut self, at: [usize; 2], [width, height]: [usize; 2], mask: &Mask, fill: impl FnOnce(Rows<'_, T>),
    ) {
        if let Mask::Shared(MaskKind::Alpha, _) = mask {
            self.kind = MaskKind::Alpha;
        }
        let fill_values = self.fill.iter().map(|value| T::from_f64(*value)).collect();
        let Some(samples) = T::unwrap_mut(&mut self.samples) else {
            debug_assert!(false, "readers give the type that the profile promises");
            return;
        };
        let rect = Rect { x: at[0], y: at[1], width, height };
        fill(Rows {
            samples,
            mask: &mut self.mask,
            target_width: self.width,
            rect,
            bands: self.bands,
            fill: fill_values,
        });
    }

    /// The finished picture.
    #[must_use]
    pub fn into_pixels(self) -> Pixels {
        // Without a branch a pixel: many are compared at once.
        let lowest = self.mask.iter().fold(255, |lowest: u8, valid| lowest.min(*valid));
        let mask = if lowest == 255 { Mask::AllValid } else { Mask::Shared(self.kind, self.mask) };
        Pixels { width: self.width, height: self.height, bands: self.bands, samples: self.samples, mask }
    }
}

impl<T> Rows<'_, T> {
    /// Columns.
    pub fn width(&self) -> usize {
        self.rect.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.rect.height
    }

    /// Samples and mask of one row.
    pub fn row(&mut self, row: usize) -> (&mut [T], &mut [u8]) {
        let start = (self.rect.y + row) * self.target_width + self.rect.x;
        let end = start + self.rect.width;
        (&mut self.samples[start * self.bands..end * self.bands], &mut self.mask[start..end])
    }
}
