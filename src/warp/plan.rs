//! What a block reads: which level, and which window of it for which part of the block.

use super::mapping::Mapping;
use super::projector::{Axis, Projector, wraps};
use super::{BLOCK_PX, KernelChoice, Resampling, kernel, phases};
use crate::geo::{CrsError, OutputGrid};
use crate::raster::{LEVEL_TOLERANCE, Level, Profile, power_of_two_up_to};

/// The most bytes that one read may ask of a reader; a block that needs more is warped in parts.
const READ_LIMIT_BYTES: usize = 4 << 20;

/// Without overviews, a level of up to this many pixels is read as it is, in parts, whatever the zoom: exact.
const EXACT_LEVEL_PX: usize = 64 << 20;

/// A larger one is decimated by the reader when an output pixel is more than this many of its pixels wide.
const MOST_PX_PER_PIXEL: f64 = 32.0;

/// A rectangle of pixels of a block or a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Rect {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

/// A window of the level, in its pixels; columns may lie outside where the raster goes around the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SourceWindow {
    pub col: i64,
    pub row: i64,
    pub width: usize,
    pub height: usize,
}

/// A part of a block and what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Which pixels of the block.
    pub rect: Rect,
    /// What to read for them.
    pub window: SourceWindow,
}

/// How one block is made.
#[derive(Debug)]
pub struct BlockPlan {
    /// Index of the level.
    pub level: usize,
    /// By how much the reader decimates it.
    pub decimation: usize,
    /// Size of the (decimated) level.
    pub size: Level,
    /// Whether columns wrap around at the raster's edge.
    pub wraps: bool,
    /// The kernel.
    pub resampling: Resampling,
    /// Positions in pixels of the (decimated) level.
    pub(super) mapping: Mapping,
    /// It would be another plan if the overviews of the raster's sources were known.
    pub wants_sources: bool,
    /// Parts that hold data; empty when the block is outside the raster.
    pub parts: Vec<Part>,
}

/// The blocks that a tile overlaps: the grid of each, and which of its pixels go where in the tile.
pub fn blocks(tile: &OutputGrid) -> impl Iterator<Item = (OutputGrid, Rect, [usize; 2])> + use<> {
    let tile = *tile;
    let block = BLOCK_PX as u64;
    let range = |start: u64, length: usize| start / block..(start + length as u64).div_ceil(block);
    let (rows, cols) = (range(tile.top, tile.height), range(tile.left, tile.width));
    rows.flat_map(move |row| cols.clone().map(move |col| (col, row))).map(move |(col, row)| {
        let (left, top) = (col * block, row * block);
        let (x, width, to_x) = overlap(left, tile.left, tile.width);
        let (y, height, to_y) = overlap(top, tile.top, tile.height);
        let grid = OutputGrid { left, top, width: BLOCK_PX, height: BLOCK_PX, world_px: tile.world_px };
        (grid, Rect { x, y, width, height }, [to_x, to_y])
    })
}

/// Where a block that starts at `block` overlaps a tile: first pixel in the block, how many, first in the tile.
#[expect(clippy::cast_possible_truncation, reason = "differences within a tile")]
fn overlap(block: u64, tile: u64, length: usize) -> (usize, usize, usize) {
    let start = block.max(tile);
    let end = (block + BLOCK_PX as u64).min(tile + length as u64);
    ((start - block) as usize, (end - start) as usize, (start - tile) as usize)
}

impl BlockPlan {
    /// Plans the pixels `rect` of a block. `pixel_bytes` is the size of a pixel with all bands that are read.
    ///
    /// # Errors
    /// When there is no way from EPSG:3857 to the raster's CRS.
    pub fn new(
        profile: &Profile, grid: &OutputGrid, rect: Rect, kernel: KernelChoice, pixel_bytes: usize,
    ) -> Result<Self, CrsError> {
        let projector = Projector::new(profile)?;
        let mapping = Mapping::of(&projector, grid)?;
        let output_px = mapping.mean_size();
        let (level, decimation) = choose_level(profile, output_px);
        let size = profile.levels[level].decimated(decimation);
        let scale = profile.scale_of(size);
        let wants_sources = level == 0
            && profile.source_decimation.get().is_none()
            && output_px.is_some_and(|[x, y]| x.min(y) * LEVEL_TOLERANCE >= 2.0);
        let resampling = kernel.at(output_px.map_or(1.0, |[x, y]| (x / scale[0]).max(y / scale[1])));
        let mapping = match mapping {
            Mapping::Separable { cols, rows } => {
                Mapping::Separable { cols: cols.coarser(scale[0]), rows: rows.coarser(scale[1]) }
            }
            Mapping::Cells(cells) => Mapping::Cells(cells.refined(&projector, grid, &profile.bounds, scale)?),
        };
        let wraps = wraps(profile);
        let mut plan = Self { level, decimation, size, wraps, resampling, mapping, wants_sources, parts: Vec::new() };
        plan.split(rect, pixel_bytes);
        Ok(plan)
    }

    /// Halves a rectangle until what it needs is small enough to read at once.
    fn split(&mut self, rect: Rect, pixel_bytes: usize) {
        let Some(window) = self.window(rect) else { return };
        let bytes = window.width.saturating_mul(window.height).saturating_mul(pixel_bytes);
        if bytes <= READ_LIMIT_BYTES || (rect.width == 1 && rect.height == 1) {
            self.parts.push(Part { rect, window });
            return;
        }
        let (first, second) = halves(rect);
        self.split(first, pixel_bytes);
        self.split(second, pixel_bytes);
    }

    /// The window that the pixels of a rectangle need, kernel included; `None` when that is outside the raster.
    fn window(&self, rect: Rect) -> Option<SourceWindow> {
        let ([left, top, right, bottom], [size_x, size_y]) = match &self.mapping {
            Mapping::Separable { cols, rows } => {
                let (left, right, size_x) = axis_extent(cols, rect.x, rect.width);
                let (top, bottom, size_y) = axis_extent(rows, rect.y, rect.height);
                ([left, top, right, bottom], [size_x, size_y])
            }
            Mapping::Cells(cells) => cells.extent(rect)?,
        };
        let reached = match &self.mapping {
            Mapping::Cells(_) if self.resampling.interpolates() => phases::reached,
            Mapping::Cells(_) | Mapping::Separable { .. } => kernel::reached,
        };
        let (col, width) = span(reached(self.resampling, left, right, size_x), self.size.width, self.wraps)?;
        let (row, height) = span(reached(self.resampling, top, bottom, size_y), self.size.height, false)?;
        Some(SourceWindow { col, row, width, height })
    }
}

/// The pixels `first..=last` as start and length, kept inside `0..size` unless columns wrap around.
fn span([first, last]: [i64; 2], size: usize, wraps: bool) -> Option<(i64, usize)> {
    let size = i64::try_from(size).ok()?;
    let (first, end) = if wraps {
        // more than two turns are never needed
        (first, last.saturating_add(1).min(first.saturating_add(2 * size)))
    } else {
        (first.max(0), last.saturating_add(1).min(size))
    };
    Some((first, usize::try_from(end.checked_sub(first)?).ok().filter(|length| *length > 0)?))
}

fn axis_extent(axis: &Axis, start: usize, length: usize) -> (f64, f64, f64) {
    let range = start..start + length;
    let (low, high) = axis.center[range.clone()]
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    (low, high, axis.size[range].iter().copied().fold(0.0, f64::max))
}

fn halves(rect: Rect) -> (Rect, Rect) {
    if rect.width >= rect.height {
        let width = rect.width / 2;
        (Rect { width, ..rect }, Rect { x: rect.x + width, width: rect.width - width, ..rect })
    } else {
        let height = rect.height / 2;
        (Rect { height, ..rect }, Rect { y: rect.y + height, height: rect.height - height, ..rect })
    }
}

/// The coarsest level that is not coarser than the output pixels of the block in either direction, and the
/// decimation by the reader on top of it.
fn choose_level(profile: &Profile, output_px: Option<[f64; 2]>) -> (usize, usize) {
    let Some([x, y]) = output_px else { return (profile.levels.len() - 1, 1) };
    let target = x.min(y);
    let level = profile.level_for([target, target]);
    let [scale_x, scale_y] = profile.level_scale(level);
    (level, decimation(profile, level, target / scale_x.max(scale_y)))
}

/// How much the reader decimates a level when an output pixel is `px` of its pixels wide.
#[expect(clippy::cast_precision_loss, reason = "overviews go down to a pixel at most")]
fn decimation(profile: &Profile, level: usize, px: f64) -> usize {
    let Level { width, height } = profile.levels[level];
    let large = width.saturating_mul(height) > EXACT_LEVEL_PX;
    let source_decimation = profile.source_decimation.get().copied().unwrap_or(1);
    if level == 0 && source_decimation > 1 {
        let coarsest = source_decimation as f64;
        let exact = power_of_two_up_to((px * LEVEL_TOLERANCE).min(coarsest));
        // Overviews of sources that lie on grids of their own are off by up to half a pixel: finer ones, by less.
        // A large mosaic can't afford them.
        let finer = power_of_two_up_to((px / 4.0).min(coarsest)).max(profile.source_alignment);
        return if exact <= profile.source_alignment || large { exact } else { finer };
    }
    if large && px > MOST_PX_PER_PIXEL {
        return power_of_two_up_to(px / MOST_PX_PER_PIXEL) * 2;
    }
    1
}
