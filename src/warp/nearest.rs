//! The source pixel under the centre of each output pixel.

use super::mapping::Mapping;
use super::target::Rows;
use super::{BlockPlan, Part};
use crate::raster::{Mask, Pixels, Sample};

/// No pixel of what was read.
const OUTSIDE: usize = usize::MAX;

/// Copies the nearest pixels of what was read for a part of a block.
pub fn fill<T: Sample>(plan: &BlockPlan, part: &Part, values: &[T], source: &Pixels, mut out: Rows<'_, T>) {
    let window = part.window;
    let mut pixels = vec![OUTSIDE; out.width()];
    match &plan.mapping {
        Mapping::Separable { cols, rows } => {
            let index = |centers: &[f64], from: usize, count: usize, start: i64, length: usize| -> Vec<usize> {
                centers[from..from + count].iter().map(|center| index_in(*center, start, length)).collect()
            };
            let cols = index(&cols.center, part.rect.x, out.width(), window.col, window.width);
            let rows = index(&rows.center, part.rect.y, out.height(), window.row, window.height);
            for (row, source_row) in rows.into_iter().enumerate() {
                for (pixel, col) in pixels.iter_mut().zip(&cols) {
                    let inside = source_row != OUTSIDE && *col != OUTSIDE;
                    *pixel = if inside { source_row * window.width + col } else { OUTSIDE };
                }
                copy(&pixels, values, source, &mut out, row);
            }
        }
        Mapping::Cells(cells) => {
            let (mut cols, mut rows) = (Vec::new(), Vec::new());
            for row in 0..out.height() {
                let from = part.rect.x;
                cells.row(part.rect.y + row, from, from + out.width(), &mut cols, &mut rows);
                for ((pixel, col), line) in pixels.iter_mut().zip(&cols).zip(&rows) {
                    let (col, line) =
                        (index_in(*col, window.col, window.width), index_in(*line, window.row, window.height));
                    let inside = col != OUTSIDE && line != OUTSIDE;
                    *pixel = if inside { line * window.width + col } else { OUTSIDE };
                }
                copy(&pixels, values, source, &mut out, row);
            }
        }
    }
}

/// The pixel of what was read that holds a position.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; a float cast saturates")]
#[expect(clippy::cast_precision_loss, reason = "positions are far below 2^52")]
fn index_in(position: f64, start: i64, length: usize) -> usize {
    let from_start = position - start as f64;
    let index = if from_start >= 0.0 { from_start as usize } else { OUTSIDE };
    if index < length { index } else { OUTSIDE }
}

fn copy<T: Sample>(pixels: &[usize], values: &[T], source: &Pixels, out: &mut Rows<'_, T>, row: usize) {
    match out.bands {
        1 => copy_pixels::<T, 1>(pixels, values, out, row),
        3 => copy_pixels::<T, 3>(pixels, values, out, row),
        _ => copy_any(pixels, values, out, row),
    }
    let fill = std::mem::take(&mut out.fill);
    let (samples, mask) = out.row(row);
    for (col, (flag, pixel)) in mask.iter_mut().zip(pixels).enumerate() {
        if *pixel == OUTSIDE {
            continue;
        }
        match &source.mask {
            Mask::AllValid => *flag = 255,
            Mask::Shared(_, valid) => *flag = valid[*pixel],
            Mask::PerBand(valid) => {
                let bands = fill.len();
                for (band, ok) in valid[pixel * bands..(pixel + 1) * bands].iter().enumerate() {
                    *flag = (*flag).max(*ok);
                    if *ok == 0 {
                        samples[col * bands + band] = fill[band];
                    }
                }
            }
        }
        if *flag == 0 {
            samples[col * fill.len()..(col + 1) * fill.len()].copy_from_slice(&fill);
        }
    }
    out.fill = fill;
}

fn copy_pixels<T: Sample, const BANDS: usize>(pixels: &[usize], values: &[T], out: &mut Rows<'_, T>, row: usize) {
    let (source, _) = values.as_chunks::<BANDS>();
    let (target, _) = out.row(row).0.as_chunks_mut::<BANDS>();
    for (to, pixel) in target.iter_mut().zip(pixels) {
        if let Some(from) = source.get(*pixel) {
            *to = *from;
        }
    }
}

fn copy_any<T: Sample>(pixels: &[usize], values: &[T], out: &mut Rows<'_, T>, row: usize) {
    let bands = out.bands;
    for (to, pixel) in out.row(row).0.chunks_exact_mut(bands).zip(pixels) {
        if *pixel != OUTSIDE {
            to.copy_from_slice(&values[pixel * bands..(pixel + 1) * bands]);
        }
    }
}
