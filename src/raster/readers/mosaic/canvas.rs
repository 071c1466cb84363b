//! What a window of a mosaic is drawn on, source by source.

use super::sampling::{Sampling, View};
use super::values::{Hidden, Precision, Values};
use super::vrt::{Edges, Origin};
use crate::each_samples;
use crate::raster::{Band, BandMask, DataType, Mask, Pixels, Profile, Sample, Samples};
use crate::with_sample_type;

/// Planes of one type, interleaved.
#[derive(Debug, Clone)]
pub struct Sheet {
    pub samples: Samples,
    planes: usize,
    width: usize,
}

/// From where a plane of a sheet is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stroke {
    /// Plane of the sheet.
    pub plane: usize,
    pub origin: Origin,
    /// Where the band of the origin is in the pixels that were read.
    pub band: usize,
}

/// Pixels of a file, and where they go.
pub struct Piece<'a> {
    pub pixels: &'a Pixels,
    pub sampling: &'a Sampling,
    pub values: Option<&'a Values>,
    pub file: &'a Profile,
}

impl Sheet {
    /// A sheet that holds a value a plane.
    pub fn filled(dtype: DataType, fill: &[f64], view: &View) -> Self {
        let pixels = view.window.width * view.window.height;
        let samples = with_sample_type!(dtype, T => {
            T::wrap(fill.iter().map(|value| T::from_f64(*value)).collect::<Vec<T>>().repeat(pixels))
        });
        Self { samples, planes: fill.len(), width: view.window.width }
    }

    /// Draws a piece.
    pub fn draw(&mut self, piece: &Piece<'_>, strokes: &[Stroke]) {
        if self.is_copied(piece, strokes) {
            self.copy(piece);
            return;
        }
        for stroke in strokes {
            self.stroke(piece, *stroke);
        }
    }

    /// Whether rows can be taken over as they are.
    fn is_copied(&self, piece: &Piece<'_>, strokes: &[Stroke]) -> bool {
        let in_place = |(index, stroke): (usize, &Stroke)| {
            stroke.plane == index && stroke.band == index && matches!(stroke.origin, Origin::Band(_))
        };
        piece.values.is_none()
            && piece.sampling.cols.picks.is_none()
            && strokes.len() == self.planes
            && piece.pixels.bands == self.planes
            && piece.pixels.dtype() == self.samples.dtype()
            && strokes.iter().enumerate().all(in_place)
    }

    fn copy(&mut self, piece: &Piece<'_>) {
        let (planes, width) = (self.planes, self.width);
        each_samples!(&piece.pixels.samples, from => copy_rows(from, &mut self.samples, piece, planes, width));
    }

    fn stroke(&mut self, piece: &Piece<'_>, stroke: Stroke) {
        let plain = Values::default();
        let values = piece.values.unwrap_or(&plain);
        if let Origin::Band(number) = stroke.origin
            && piece.pixels.dtype() == self.samples.dtype()
            && values.keeps_values()
        {
            let band = &piece.file.bands[number - 1];
            let hidden = values.hidden(band, Precision::of(band.dtype, self.samples.dtype()));
            let by_mask = values.hides_by_mask(band, hidden);
            let shows = |pixel: usize| !by_mask || is_shown(piece, stroke, pixel);
            each_samples!(&piece.pixels.samples, from => {
                keep_values(from, &mut self.samples, piece, stroke, self.planes, self.width, hidden, shows);
            });
            return;
        }
        self.change_values(piece, stroke, values);
    }

    fn change_values(&mut self, piece: &Piece<'_>, stroke: Stroke, values: &Values) {
        let number = match stroke.origin {
            Origin::Band(number) | Origin::MaskOf(number) => number,
        };
        let (band, target): (&Band, DataType) = (&piece.file.bands[number - 1], self.samples.dtype());
        let source = if matches!(stroke.origin, Origin::MaskOf(_)) { DataType::U8 } else { band.dtype };
        let precision = Precision::of(source, target);
        let hidden = match stroke.origin {
            // A mask has no nodata value of its own.
            Origin::MaskOf(_) if values.nodata.is_none() => Hidden::Nothing,
            Origin::MaskOf(_) | Origin::Band(_) => values.hidden(band, precision),
        };
        let colors = band.color_table.as_deref();
        let by_mask = values.hides_by_mask(band, hidden);
        let place = |at: usize| at * self.planes + stroke.plane;
        let mut drawn: Vec<(usize, f64)> = Vec::new();
        each_pixel(piece, self.width, |from, to| {
            let value = value_at(piece, stroke, from);
            if !hidden.hides(value) && (!by_mask || is_shown(piece, stroke, from)) {
                drawn.extend(values.apply(value, precision, colors).map(|value| (place(to), value)));
            }
        });
        each_samples!(&mut self.samples, samples => write(samples, &drawn));
    }
}

fn write<T: Sample>(samples: &mut [T], drawn: &[(usize, f64)]) {
    for (place, value) in drawn {
        samples[*place] = T::from_f64(*value);
    }
}

fn copy_rows<T: Sample>(from: &[T], to: &mut Samples, piece: &Piece<'_>, planes: usize, width: usize) {
    let Some(to) = T::unwrap_mut(to) else { return };
    let Sampling { cols, rows, .. } = piece.sampling;
    let length = cols.to.len() * planes;
    for (index, row) in rows.to.clone().enumerate() {
        let start = rows.pick(index) * piece.pixels.width * planes;
        let at = (row * width + cols.to.start) * planes;
        to[at..at + length].copy_from_slice(&from[start..start + length]);
    }
}

#[expect(clippy::too_many_arguments, reason = "one loop, for ten types")]
fn keep_values<T: Sample>(
    from: &[T], to: &mut Samples, piece: &Piece<'_>, stroke: Stroke, planes: usize, width: usize, hidden: Hidden,
    shows: impl Fn(usize) -> bool,
) {
    let Some(to) = T::unwrap_mut(to) else { return };
    each_pixel(piece, width, |pixel, at| {
        let value = from[pixel * piece.pixels.bands + stroke.band];
        if !hidden.hides(value.to_f64()) && shows(pixel) {
            to[at * planes + stroke.plane] = value;
        }
    });
}

/// Calls with each pixel of a piece, and where it goes.
fn each_pixel(piece: &Piece<'_>, width: usize, mut call: impl FnMut(usize, usize)) {
    let Sampling { cols, rows, .. } = piece.sampling;
    for (row_index, row) in rows.to.clone().enumerate() {
        let start = rows.pick(row_index) * piece.pixels.width;
        for (col_index, col) in cols.to.clone().enumerate() {
            call(start + cols.pick(col_index), row * width + col);
        }
    }
}

fn value_at(piece: &Piece<'_>, stroke: Stroke, pixel: usize) -> f64 {
    let at = pixel * piece.pixels.bands + stroke.band;
    match stroke.origin {
        Origin::Band(_) => each_samples!(&piece.pixels.samples, values => values[at].to_f64()),
        Origin::MaskOf(_) => f64::from(mask_at(&piece.pixels.mask, pixel, at)),
    }
}

fn mask_at(mask: &Mask, pixel: usize, sample: usize) -> u8 {
    match mask {
        Mask::AllValid => 255,
        Mask::Shared(_, values) => values[pixel],
        Mask::PerBand(values) => values[sample],
    }
}

/// Whether the file's mask shows a pixel; an alpha band is its own mask.
fn is_shown(piece: &Piece<'_>, stroke: Stroke, pixel: usize) -> bool {
    match stroke.origin {
        Origin::Band(number) if piece.file.bands[number - 1].is_alpha => value_at(piece, stroke, pixel) != 0.0,
        _ => mask_at(&piece.pixels.mask, pixel, pixel * piece.pixels.bands + stroke.band) != 0,
    }
}

/// Which pixels some source covers.
#[derive(Debug)]
pub struct Covered {
    view: View,
    mask: Vec<u8>,
}

impl Covered {
    pub fn none(view: &View) -> Self {
        Self { view: *view, mask: vec![0; view.window.width * view.window.height] }
    }

    /// The pixels whose centres are in a rectangle.
    pub fn add(&mut self, edges: Edges) {
        let [cols, rows] = self.view.inside(edges);
        for row in rows {
            self.mask[row * self.view.window.width..][cols.clone()].fill(255);
        }
    }

    /// Those of them that a piece covers, which may have gaps itself.
    pub fn add_piece(&mut self, edges: Edges, piece: &Piece<'_>) {
        if piece.file.bands.iter().any(|band| band.mask != BandMask::AllValid) {
            self.add(edges);
            return;
        }
        let [cols, rows] = self.view.inside(edges);
        let width = self.view.window.width;
        each_pixel(piece, width, |from, to| {
            if cols.contains(&(to % width)) && rows.contains(&(to / width)) {
                let shown = mask_at(&piece.pixels.mask, from, from * piece.pixels.bands) != 0;
                self.mask[to] |= if shown { 255 } else { 0 };
            }
        });
    }

    /// 0 or 255 a pixel; `None` when all are covered.
    pub fn mask(self) -> Option<Vec<u8>> {
        self.mask.contains(&0).then_some(self.mask)
    }
}
