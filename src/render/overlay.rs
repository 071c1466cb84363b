//! Tiles of weighted overlays: each layer's pixels as a tile has them, then their scores.

use bytes::Bytes;
use futures_util::future::try_join_all;

use super::paint::Brush;
use super::{RenderError, RenderOptions, Tile, pixels};
use crate::color::Colormap;
use crate::cpu::CpuPool;
use crate::each_samples;
use crate::encode::{self, TileFormat};
use crate::geo::TileId;
use crate::raster::{Mask, MaskKind, Pixels, Sample, Samples};
use crate::zonal::overlay::Overlay;
use crate::zonal::scores::Scores;

/// How scores are shown.
#[derive(Debug, Clone)]
pub struct OverlayStyle {
    /// Colours.
    pub colormap: Colormap,
    /// The scores that they span; `None` when they are colours of actual scores.
    pub range: Option<[f64; 2]>,
    /// PNG, or raw scores.
    pub format: TileFormat,
}

/// Renders a tile of an overlay whose layers are read with these options.
///
/// # Errors
/// When a source can't be read.
pub async fn overlay(
    pool: &CpuPool, overlay: &Overlay, tile: TileId, layers: Vec<RenderOptions>, style: OverlayStyle,
) -> Result<Tile, RenderError> {
    let size_px = layers.first().map_or(0, |options| options.size_px);
    let reads = overlay.layers.iter().zip(layers).map(|(layer, options)| pixels(pool, layer, tile, options));
    let read = try_join_all(reads).await?;
    let overlay = overlay.clone();
    pool.run(move || draw(&overlay, &read, size_px, &style)).await?
}

fn draw(overlay: &Overlay, read: &[Pixels], size_px: u32, style: &OverlayStyle) -> Result<Tile, RenderError> {
    let side = size_px as usize;
    let mut scores = Scores::new(side * side);
    for (scoring, pixels) in overlay.scoring.iter().zip(read) {
        let is_valid = |index: usize| pixels.mask.is_valid(index, 0, 1);
        each_samples!(&pixels.samples, values => {
            scores.add(scoring, pixels.dtype(), values.iter().map(|value| value.to_f64()), is_valid);
        });
    }
    let (sums, validity) = scores.into_f32();
    let is_empty = validity.iter().all(|valid| *valid == 0);
    let mask = validity.into_iter().map(|valid| valid * u8::MAX).collect();
    let pixels = Pixels {
        width: side,
        height: side,
        bands: 1,
        samples: Samples::F32(sums),
        mask: Mask::Shared(MaskKind::Binary, mask),
    };
    let format = style.format;
    let body: Bytes = match format {
        TileFormat::Npy => encode::npy(&pixels, true).into(),
        TileFormat::Png if is_empty => encode::empty_png(size_px)?,
        TileFormat::Png => {
            let picture = Brush::Mapped(style.colormap.clone(), style.range).paint(pixels, true);
            encode::png(&picture, size_px, size_px)?.into()
        }
    };
    Ok(Tile { body, format, is_empty })
}
