//! Reading the window of a plan, around the world where the raster goes around it.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::RenderOptions;
use crate::catalog::OpenLayer;
use crate::each_samples;
use crate::raster::{Mask, Pixels, RasterError, ReadRequest, Sample, Samples, Window};
use crate::warp::{BlockPlan, SourceWindow};

/// Reads a window whose columns may lie outside the raster when it wraps around.
pub async fn read(
    layer: &Arc<OpenLayer>, plan: &BlockPlan, window: SourceWindow, options: &RenderOptions,
) -> Result<Pixels, RasterError> {
    let strips = requests(plan, window, options).map(|request| layer.raster.read(request));
    Ok(side_by_side(try_join_all(strips).await?))
}

/// The same on the worker thread that calls this; `None` when something has to be waited for.
pub fn read_now(
    layer: &OpenLayer, plan: &BlockPlan, window: SourceWindow, options: &RenderOptions,
) -> Option<Result<Pixels, RasterError>> {
    let strips: Option<Result<Vec<Pixels>, RasterError>> =
        requests(plan, window, options).map(|request| layer.raster.read_now(&request)).collect();
    strips.map(|strips| strips.map(side_by_side))
}

fn requests(plan: &BlockPlan, window: SourceWindow, options: &RenderOptions) -> impl Iterator<Item = ReadRequest> {
    let row = usize::try_from(window.row).unwrap_or(0);
    turns(window, plan.size.width).into_iter().map(move |(col, width)| ReadRequest {
        level: plan.level,
        decimation: plan.decimation,
        window: Window { col, row, width, height: window.height },
        bands: options.bands.clone(),
        nodata: options.nodata,
        decimate_by: plan.resampling.decimation(),
    })
}

/// The window's columns as runs inside `0..size`: first column and length.
fn turns(window: SourceWindow, size: usize) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let turn = i64::try_from(size).unwrap_or(i64::MAX);
    let (mut col, mut left) = (window.col, window.width);
    while left > 0 {
        let start = usize::try_from(col.rem_euclid(turn)).unwrap_or(0);
        let width = left.min(size - start);
        runs.push((start, width));
        col += i64::try_from(width).unwrap_or(0);
        left -= width;
    }
    runs
}

/// One picture of several of the same height and type.
fn side_by_side(mut strips: Vec<Pixels>) -> Pixels {
    if strips.len() == 1
        && let Some(only) = strips.pop()
    {
        return only;
    }
    let (height, bands) = strips.first().map_or((0, 0), |strip| (strip.height, strip.bands));
    let width = strips.iter().map(|strip| strip.width).sum();
    let mut joined: Option<Samples> = None;
    for strip in &strips {
        joined = Some(match joined.take() {
            None => strip.samples.clone(),
            Some(mut left) => {
                let left_width = left.len() / (height * bands).max(1);
                each_samples!(&strip.samples, right => append_columns(&mut left, right, left_width * bands, strip.width * bands));
                left
            }
        });
    }
    let mask = join_masks(&strips, height, bands);
    Pixels { width, height, bands, samples: joined.unwrap_or(Samples::U8(Vec::new())), mask }
}

/// Puts the rows of `right` behind those of `left`.
fn append_columns<T: Sample>(left: &mut Samples, right: &[T], left_row: usize, right_row: usize) {
    if let Some(values) = T::unwrap_mut(left) {
        *left = T::wrap(interleave_rows(values, right, left_row, right_row));
    }
}

fn interleave_rows<T: Copy>(left: &[T], right: &[T], left_row: usize, right_row: usize) -> Vec<T> {
    let rows = left.chunks_exact(left_row.max(1)).zip(right.chunks_exact(right_row.max(1)));
    rows.flat_map(|(left, right)| left.iter().chain(right).copied()).collect()
}

fn join_masks(strips: &[Pixels], height: usize, bands: usize) -> Mask {
    if strips.iter().all(|strip| strip.mask == Mask::AllValid) {
        return Mask::AllValid;
    }
    let per_band = strips.iter().any(|strip| matches!(strip.mask, Mask::PerBand(_)));
    let samples = if per_band { bands } else { 1 };
    let rows = (0..height).flat_map(|row| strips.iter().map(move |strip| (row, strip)));
    let values = rows
        .flat_map(|(row, strip)| {
            let length = strip.width * samples;
            let of_row = |mask: &[u8]| mask[row * length..(row + 1) * length].to_vec();
            match &strip.mask {
                Mask::AllValid => vec![255; length],
                Mask::Shared(_, mask) if per_band => {
                    let row = &mask[row * strip.width..(row + 1) * strip.width];
                    row.iter().flat_map(|valid| vec![*valid; bands]).collect()
                }
                Mask::Shared(_, mask) | Mask::PerBand(mask) => of_row(mask),
            }
        })
        .collect();
    let kind = strips.iter().find_map(|strip| if let Mask::Shared(kind, _) = strip.mask { Some(kind) } else { None });
    match kind {
        Some(kind) if !per_band => Mask::Shared(kind, values),
        _ => Mask::PerBand(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::MaskKind;

    #[test]
    fn a_window_across_the_seam_is_read_in_runs() {
        let window = |col, width| SourceWindow { col, row: 0, width, height: 1 };
        assert_eq!(turns(window(2, 3), 10), [(2, 3)]);
        assert_eq!(turns(window(-2, 5), 10), [(8, 2), (0, 3)]);
        assert_eq!(turns(window(8, 14), 10), [(8, 2), (0, 10), (0, 2)]);
    }

    #[test]
    fn strips_are_joined_row_by_row_with_their_masks() {
        let left = Pixels { width: 1, height: 2, bands: 1, samples: Samples::U8(vec![1, 4]), mask: Mask::AllValid };
        let right = Pixels {
            width: 2,
            height: 2,
            bands: 1,
            samples: Samples::U8(vec![2, 3, 5, 6]),
            mask: Mask::Shared(MaskKind::Binary, vec![255, 0, 0, 255]),
        };
        let joined = side_by_side(vec![left, right]);
        assert_eq!(joined.samples, Samples::U8(vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(joined.mask, Mask::Shared(MaskKind::Binary, vec![255, 255, 0, 255, 0, 255]));
    }
}
