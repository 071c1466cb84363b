//! Making a tile: resolve the options, plan the read, read, warp, colour, encode.

pub mod options;
mod overlay;
mod paint;
mod point;
mod source;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
pub use options::{RenderOptions, Style, TileQuery};
pub use overlay::{OverlayStyle, overlay};
use paint::Brush;
pub use point::{PointValues, point};

use crate::catalog::OpenLayer;
use crate::cpu::{CpuError, CpuPool};
use crate::encode::{self, EncodeError, TileFormat};
use crate::geo::{CrsError, OutputGrid, TileId};
use crate::raster::{DataType, Pixels, RasterError};
use crate::warp::{self, BlockPlan, Part, Target, blocks};

/// Cells that are read at once, in bytes, where reading waits for a network.
const WAVE_BYTES: usize = 4 << 20;

/// Parts that one worker makes in one go.
const MOST_PARTS_AT_ONCE: usize = 16;

/// A finished tile.
#[derive(Debug, Clone)]
pub struct Tile {
    /// Encoded.
    pub body: Bytes,
    /// What it is.
    pub format: TileFormat,
    /// Whether no pixel of it holds data.
    pub is_empty: bool,
}

/// Why there is no tile.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The source.
    #[error(transparent)]
    Raster(#[from] RasterError),
    /// The way from the map to the source.
    #[error(transparent)]
    Crs(#[from] CrsError),
    /// The workers.
    #[error(transparent)]
    Cpu(#[from] CpuError),
    /// The encoder.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// Renders one tile of a layer: in one go on one worker where everything is at hand, else part by part, as it comes.
///
/// # Errors
/// When the source can't be read. "No data here" is a tile, not an error.
pub async fn tile(
    pool: &CpuPool, layer: &Arc<OpenLayer>, tile: TileId, options: RenderOptions,
) -> Result<Tile, RenderError> {
    if !layer.profile().bounds.intersects(tile.lon_lat_bounds()) {
        return empty(layer, &options);
    }
    let brush = Arc::new(Brush::prepare(layer, &options).await?);
    let drawing = Arc::new(Drawing { layer: Arc::clone(layer), tile, options });
    let (now, own_brush) = (Arc::clone(&drawing), Arc::clone(&brush));
    let at_once = move || now.at_once()?.map(|pixels| now.finish(pixels, &own_brush)).transpose();
    if let Some(tile) = pool.run(at_once).await?? {
        return Ok(tile);
    }
    let pixels = drawing.read(pool).await?;
    pool.run(move || drawing.finish(pixels, &brush)).await?
}

/// The pixels of a tile, before any colour.
async fn pixels(
    pool: &CpuPool, layer: &Arc<OpenLayer>, tile: TileId, options: RenderOptions,
) -> Result<Pixels, RenderError> {
    let drawing = Arc::new(Drawing { layer: Arc::clone(layer), tile, options });
    if !layer.profile().bounds.intersects(tile.lon_lat_bounds()) {
        return Ok(blank(layer, &drawing.options).into_pixels());
    }
    let now = Arc::clone(&drawing);
    match pool.run(move || now.at_once()).await?? {
        Some(pixels) => Ok(pixels),
        None => drawing.read(pool).await,
    }
}

/// A tile to be made.
struct Drawing {
    layer: Arc<OpenLayer>,
    tile: TileId,
    options: RenderOptions,
}

impl Drawing {
    /// Its pixels; `None` when something has to be waited for, or when it is so large that others should have their turn.
    fn at_once(&self) -> Result<Option<Pixels>, RenderError> {
        let Self { layer, options, .. } = self;
        let grid = OutputGrid::of_tile(self.tile, options.size_px);
        if blocks(&grid).count() > MOST_PARTS_AT_ONCE {
            return Ok(None);
        }
        let mut target = blank(layer, options);
        let mut parts = 0;
        for (block, rect, to) in blocks(&grid) {
            let plan = BlockPlan::new(layer.profile(), &block, rect, options.kernel, pixel_bytes(layer, options))?;
            parts += plan.parts.len();
            if plan.wants_sources || parts > MOST_PARTS_AT_ONCE {
                return Ok(None);
            }
            for part in &plan.parts {
                let Some(pixels) = source::read_now(layer, &plan, part.window, options) else { return Ok(None) };
                warp::resample(&plan, part, &pixels?, &mut target, place(part, rect, to));
            }
        }
        Ok(Some(target.into_pixels()))
    }

    /// The pixels of the tile, warped.
    async fn read(&self, pool: &CpuPool) -> Result<Pixels, RenderError> {
        let Self { layer, options, .. } = self;
        let mut parts = Vec::new();
        for (block, rect, to) in blocks(&OutputGrid::of_tile(self.tile, options.size_px)) {
            let plan = Arc::new(plan(pool, layer, options, block, rect).await?);
            for part in plan.parts.clone() {
                parts.push((Arc::clone(&plan), part, place(&part, rect, to)));
            }
        }
        let mut target = blank(layer, options);
        for wave in waves(&parts, layer, options) {
            // Waited for together: a read that nobody polls, while this task does something else, would keep others
            // waiting for the pages that it fetches.
            let reads = wave.iter().map(|(plan, part, _)| source::read(layer, plan, part.window, options));
            for ((plan, part, at), pixels) in wave.iter().zip(try_join_all(reads).await?) {
                let (plan, part, at) = (Arc::clone(plan), *part, *at);
                target = pool
                    .run(move || {
                        warp::resample(&plan, &part, &pixels, &mut target, at);
                        target
                    })
                    .await?;
            }
        }
        Ok(target.into_pixels())
    }

    /// Colours and encodes.
    fn finish(&self, pixels: Pixels, brush: &Brush) -> Result<Tile, RenderError> {
        let Self { layer, options, .. } = self;
        let (format, size_px) = (options.format, options.size_px);
        if pixels.is_empty() && format == TileFormat::Png && options.return_mask {
            return empty(layer, options);
        }
        let body = match format {
            TileFormat::Npy => encode::npy(&pixels, options.return_mask),
            TileFormat::Png => match brush.paint(pixels, options.return_mask) {
                // Its colours are all transparent: the picture that every such tile shares.
                picture if picture.is_transparent() => {
                    return Ok(Tile { body: encode::empty_png(size_px)?, format, is_empty: true });
                }
                picture => encode::png(&picture, size_px, size_px)?,
            },
        };
        Ok(Tile { body: body.into(), format, is_empty: false })
    }
}

/// Where a part goes in the tile, whose block `rect` goes `to`.
fn place(part: &Part, rect: warp::Rect, to: [usize; 2]) -> [usize; 2] {
    [to[0] + part.rect.x - rect.x, to[1] + part.rect.y - rect.y]
}

/// A part of a tile: how it is made, what it is, and where it goes.
type PlannedPart = (Arc<BlockPlan>, Part, [usize; 2]);

/// The parts that are read together: one by one, or where reading waits for a network, as many as memory allows, so that
/// one round trip brings them all.
fn waves<'a>(
    parts: &'a [PlannedPart], layer: &OpenLayer, options: &RenderOptions,
) -> impl Iterator<Item = &'a [PlannedPart]> {
    let most_bytes = if layer.raster.is_remote() { WAVE_BYTES } else { 0 };
    let pixel_bytes = pixel_bytes(layer, options);
    let bytes = move |part: &Part| part.window.width * part.window.height * pixel_bytes;
    let mut left = parts;
    std::iter::from_fn(move || {
        let mut sum = bytes(&left.first()?.1);
        let fits = |(_, part, _): &&PlannedPart| {
            sum += bytes(part);
            sum <= most_bytes
        };
        let more = left[1..].iter().take_while(fits).count();
        let (wave, rest) = left.split_at(1 + more);
        left = rest;
        Some(wave)
    })
}

/// What a block reads; asks the raster for the overviews of its sources where the plan depends on them.
async fn plan(
    pool: &CpuPool, layer: &Arc<OpenLayer>, options: &RenderOptions, block: OutputGrid, rect: warp::Rect,
) -> Result<BlockPlan, RenderError> {
    let plan = || {
        let (layer, kernel, pixel_bytes) = (Arc::clone(layer), options.kernel, pixel_bytes(layer, options));
        pool.run(move || BlockPlan::new(layer.profile(), &block, rect, kernel, pixel_bytes))
    };
    let first = plan().await??;
    if !first.wants_sources {
        return Ok(first);
    }
    layer.raster.know_sources().await?;
    Ok(plan().await??)
}

fn blank(layer: &OpenLayer, options: &RenderOptions) -> Target {
    let fill = options.bands.iter().map(|band| layer.profile().bands[band - 1].nodata.unwrap_or(0.0)).collect();
    let size = options.size_px as usize;
    Target::new(size, size, dtype(layer, options), fill)
}

fn dtype(layer: &OpenLayer, options: &RenderOptions) -> DataType {
    let types = options.bands.iter().map(|band| layer.profile().bands[band - 1].dtype);
    types.reduce(DataType::promote).unwrap_or(DataType::U8)
}

fn pixel_bytes(layer: &OpenLayer, options: &RenderOptions) -> usize {
    dtype(layer, options).size_bytes() * options.bands.len()
}

fn empty(layer: &OpenLayer, options: &RenderOptions) -> Result<Tile, RenderError> {
    let body = match options.format {
        TileFormat::Png if options.return_mask => encode::empty_png(options.size_px)?,
        TileFormat::Png => {
            let black = vec![0; (options.size_px as usize).pow(2)];
            encode::png(&encode::Picture::Gray(black), options.size_px, options.size_px)?.into()
        }
        TileFormat::Npy => encode::npy(&blank(layer, options).into_pixels(), options.return_mask).into(),
    };
    Ok(Tile { body, format: options.format, is_empty: true })
}
