//! Which windows an analysis looks at, and how much there is in them.

use serde::Serialize;

use super::cover::{Part, Relation, Shape};
use super::grid::Grid;
use super::{CellRule, Limits, Window, ZonalError};

/// Bytes of cells that are read at once, about: a millisecond's work, so that nobody waits long for a worker.
const READ_BYTES: u64 = 1 << 20;

/// Windows that one analysis may have.
const MOST_CHUNKS: usize = 100_000;

const ADVICE: &str = "ask for a smaller area, or for an estimate with overview=auto";

/// What an analysis will do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// How many windows are worked on.
    pub chunks: usize,
    /// How many cells belong to the shape.
    pub cells: u64,
    /// Bytes of cells that are read, before compression.
    pub bytes: u64,
    /// The windows.
    #[serde(skip)]
    pub windows: Vec<Window>,
}

impl Plan {
    /// The chunks of a shape that hold cells of it.
    ///
    /// # Errors
    /// When it has more cells than an analysis may have.
    pub fn new(
        grid: &Grid, bands: &[usize], shape: &Shape, rule: CellRule, limits: &Limits,
    ) -> Result<Self, ZonalError> {
        let [width, height] = grid.size().map(|size| size as u64);
        let mut plan = Self { chunks: 0, cells: 0, bytes: 0, windows: Vec::new() };
        let Some(bounds) = shape.bounds(width, height) else { return Ok(plan) };
        let too_many = |size: u64| ZonalError::TooLarge { what: "cells", size, limit: limits.cells, advice: ADVICE };
        // Whoever asks for the world need not wait until its cells are counted.
        if shape.area() > 2 * limits.cells.max(1) {
            return Err(too_many(shape.area()));
        }
        let tiling = Tiling::of(grid, bands);
        let chunk = tiling.chunk(limits.chunk_cells);
        for window in windows(chunk, bounds, tiling.size) {
            let part = shape.clip(window);
            let cells = covered(&part, rule);
            if cells == 0 {
                continue;
            }
            plan.cells += cells;
            plan.bytes += tiling
                .reads(window)
                .filter(|read| part.clip(*read).relation() != Relation::Outside)
                .map(Window::cells)
                .sum::<u64>()
                * tiling.cell_bytes;
            plan.windows.push(window);
            if plan.cells > limits.cells {
                return Err(too_many(plan.cells.max(shape.area())));
            }
            if plan.windows.len() > MOST_CHUNKS {
                let (size, limit) = (plan.windows.len() as u64, MOST_CHUNKS as u64);
                return Err(ZonalError::TooLarge { what: "chunks", size, limit, advice: ADVICE });
            }
        }
        plan.chunks = plan.windows.len();
        Ok(plan)
    }
}

/// How many cells of a part's window belong to the shape.
fn covered(part: &Part, rule: CellRule) -> u64 {
    match part.relation() {
        Relation::Outside => 0,
        Relation::Inside => part.window().cells(),
        Relation::Crossing => {
            let mut cells = 0;
            part.runs(rule, |run| cells += u64::from(run.end - run.start));
            cells
        }
    }
}

/// How a raster is cut: into chunks, and those into windows that are read at once; both along the borders of blocks.
#[derive(Debug, Clone, Copy)]
pub struct Tiling {
    size: [u64; 2],
    block: [u64; 2],
    read: [u64; 2],
    cell_bytes: u64,
}

impl Tiling {
    /// For a grid, of which some bands are read.
    #[must_use]
    pub fn of(grid: &Grid, bands: &[usize]) -> Self {
        let size = grid.size().map(|size| size as u64);
        let first = bands.first().copied().unwrap_or(1);
        let block = grid.profile().bands[first - 1].block_size.map(|block| (block as u64).max(1));
        let cell_bytes: usize = bands.iter().map(|band| grid.dtype(*band).size_bytes()).sum();
        let cell_bytes = (cell_bytes as u64).max(1);
        let read = tile(block, size, (READ_BYTES / cell_bytes).max(1));
        Self { size, block, read, cell_bytes }
    }

    /// Columns and rows of chunks of so many cells, about.
    fn chunk(&self, cells: u64) -> [u64; 2] {
        tile(self.block, self.size, cells)
    }

    /// What is read of a chunk, one after the other, from its own corner on.
    pub fn reads(&self, chunk: Window) -> impl Iterator<Item = Window> + use<> {
        let size = [chunk.width, chunk.height].map(u64::from);
        let whole = Window { col: 0, row: 0, ..chunk };
        windows(self.read, whole, size).map(move |part| Window {
            col: chunk.col + part.col,
            row: chunk.row + part.row,
            ..part
        })
    }
}

/// Whole blocks, side by side and below each other, of about so many cells; at least one.
fn tile(block: [u64; 2], size: [u64; 2], cells: u64) -> [u64; 2] {
    let side = cells.isqrt().max(1);
    let width = (block[0] * (side / block[0]).max(1)).min(size[0].next_multiple_of(block[0]));
    let height = block[1] * (cells / width / block[1]).max(1);
    [width, height.min(size[1].next_multiple_of(block[1]))]
}

/// The tiles of a grid that starts at 0 that `bounds` touches, none beyond `end`.
fn windows(tile: [u64; 2], bounds: Window, end: [u64; 2]) -> impl Iterator<Item = Window> + use<> {
    let along = |start: u64, length: u32, tile: u64| start / tile..(start + u64::from(length)).div_ceil(tile);
    let cols = along(bounds.col, bounds.width, tile[0]);
    let rows = along(bounds.row, bounds.height, tile[1]);
    let length = |start: u64, tile: u64, end: u64| u32::try_from(tile.min(end - start)).unwrap_or(u32::MAX);
    rows.flat_map(move |row| cols.clone().map(move |col| [col * tile[0], row * tile[1]])).map(move |[col, row]| {
        Window { col, row, width: length(col, tile[0], end[0]), height: length(row, tile[1], end[1]) }
    })
}
