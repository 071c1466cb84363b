//! Positions by cells of 32 x 32 pixels: exact at some points, interpolated between them.
//!
//! A cell is refined on its own until interpolating errs by less than [`TOLERANCE_PX`], at worst down to every
//! pixel; so a position depends on its cell alone, not on the tile that asks.

use std::ops::Range;

use super::BLOCK_PX;
use super::phases::{Near, Origin, steps_of};
use super::projector::Projector;
use crate::geo::{CrsError, OutputGrid, mercator_x_to_lon, mercator_y_to_lat};
use crate::raster::LonLatBounds;

/// Pixels along a side of a cell.
pub const CELL_PX: usize = 32;

/// Cells along a side of a block.
const CELLS: usize = BLOCK_PX / CELL_PX;

/// The largest error of an interpolated position, in source pixels of the level that is read.
const TOLERANCE_PX: f64 = 1.0 / 200.0;

/// Positions of the pixels of a block.
#[derive(Debug)]
pub struct CellMap {
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    points: Points,
    /// Size of an output pixel along the source's columns and rows, in source pixels.
    size: [f64; 2],
}

#[derive(Debug)]
enum Points {
    /// Nothing of the raster is near.
    Outside,
    /// Corners of `divisions` x `divisions` squares, row by row; bilinear between them.
    Lattice { divisions: usize, cols: Vec<f64>, rows: Vec<f64> },
    /// One for every pixel centre.
    Exact { cols: Vec<f64>, rows: Vec<f64> },
}

impl CellMap {
    /// The corners of every cell only, in pixels of full resolution.
    pub fn coarse(projector: &Projector<'_>, grid: &OutputGrid) -> Result<Self, CrsError> {
        let (mut x, mut y) = lattice(grid, 0, 0, BLOCK_PX, CELLS);
        projector.positions(&mut x, &mut y)?;
        let side = CELLS + 1;
        let cells = cell_indices()
            .map(|(col, row)| {
                let corners = [0, 1, side, side + 1].map(|offset| row * side + col + offset);
                let (cols, rows) = (corners.map(|i| x[i]).to_vec(), corners.map(|i| y[i]).to_vec());
                let size = size_of_pixels(&cols, &rows);
                Cell { points: Points::Lattice { divisions: 1, cols, rows }, size }
            })
            .collect();
        Ok(Self { cells })
    }

    /// Mean size of an output pixel, over the cells where it is known.
    #[expect(clippy::cast_precision_loss, reason = "there are 64 cells")]
    pub fn mean_size(&self) -> Option<[f64; 2]> {
        let known: Vec<[f64; 2]> =
            self.cells.iter().map(|cell| cell.size).filter(|size| size.iter().all(|s| s.is_finite())).collect();
        let mean = |axis: usize| known.iter().map(|size| size[axis]).sum::<f64>() / known.len() as f64;
        (!known.is_empty()).then(|| [mean(0), mean(1)])
    }

    /// All positions in pixels of a level that are `scale` times those of full resolution, exact enough for it.
    pub fn refined(
        self, projector: &Projector<'_>, grid: &OutputGrid, bounds: &LonLatBounds, scale: [f64; 2],
    ) -> Result<Self, CrsError> {
        // What every cell needs first, of all of them at once: a call of PROJ costs more than a point.
        let halves = 2 * CELLS;
        let (mut x, mut y) = lattice(grid, 0, 0, BLOCK_PX, halves);
        projector.positions(&mut x, &mut y)?;
        let of_cell = |values: &[f64], [col, row]: [usize; 2]| -> Vec<f64> {
            let line = |row: usize| &values[row * (halves + 1) + 2 * col..][..3];
            [line(2 * row), line(2 * row + 1), line(2 * row + 2)].concat()
        };
        let cells = cell_indices()
            .zip(self.cells)
            .map(|((col, row), cell)| {
                let halved = (of_cell(&x, [col, row]), of_cell(&y, [col, row]));
                refine(cell, halved, projector, grid, bounds, scale, [col * CELL_PX, row * CELL_PX])
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { cells })
    }

    /// Positions of the pixels `from..to` of one row of the block.
    pub fn row(&self, row: usize, from: usize, to: usize, cols_out: &mut Vec<f64>, rows_out: &mut Vec<f64>) {
        cols_out.clear();
        rows_out.clear();
        for cell_col in from / CELL_PX..to.div_ceil(CELL_PX) {
            let cell = self.cell(cell_col, row / CELL_PX);
            let start = from.saturating_sub(cell_col * CELL_PX);
            let end = (to - cell_col * CELL_PX).min(CELL_PX);
            cell.points.row(row % CELL_PX, start, end, cols_out, rows_out);
        }
    }

    /// Positions from a column and row of the block on, as many as are left of its cell, snapped; counted from a source
    /// pixel that is near to all of them.
    pub fn snapped(&self, [col, row]: [usize; 2], near: [i64; 2]) -> [[Near; CELL_PX]; 2] {
        self.cell(col / CELL_PX, row / CELL_PX).points.snapped(row % CELL_PX, col % CELL_PX, near.map(Origin::at))
    }

    /// Size of the output pixel at a column and row of the block, in source pixels.
    pub fn size(&self, col: usize, row: usize) -> [f64; 2] {
        self.cell(col / CELL_PX, row / CELL_PX).size
    }

    /// Smallest and largest column and row of all positions in a rectangle of the block, and the largest pixel
    /// size: `([min col, min row, max col, max row], [x, y])`; `None` when there is none.
    pub fn extent(&self, rect: super::Rect) -> Option<([f64; 4], [f64; 2])> {
        let mut extent = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        let mut size = [0.0_f64; 2];
        let mut reach = |cols: &[f64], rows: &[f64]| {
            for (col, row) in cols.iter().zip(rows).filter(|(col, row)| col.is_finite() && row.is_finite()) {
                extent = [extent[0].min(*col), extent[1].min(*row), extent[2].max(*col), extent[3].max(*row)];
            }
        };
        let (mut cols, mut rows) = (Vec::new(), Vec::new());
        for cell_row in rect.y / CELL_PX..(rect.y + rect.height).div_ceil(CELL_PX) {
            for cell_col in rect.x / CELL_PX..(rect.x + rect.width).div_ceil(CELL_PX) {
                let cell = self.cell(cell_col, cell_row);
                let (across, down) = (within(cell_col, rect.x, rect.width), within(cell_row, rect.y, rect.height));
                match &cell.points {
                    Points::Outside => continue,
                    Points::Lattice { cols, rows, .. } | Points::Exact { cols, rows }
                        if across.len() == CELL_PX && down.len() == CELL_PX =>
                    {
                        reach(cols, rows);
                    }
                    points => {
                        for row in down {
                            cols.clear();
                            rows.clear();
                            points.row(row, across.start, across.end, &mut cols, &mut rows);
                            reach(&cols, &rows);
                        }
                    }
                }
                size = [size[0].max(cell.size[0]), size[1].max(cell.size[1])];
            }
        }
        (extent[0] <= extent[2]).then_some((extent, size))
    }

    /// Whether every pixel of the cell at a column and row of the block has a position.
    pub fn is_finite(&self, col: usize, row: usize) -> bool {
        match &self.cell(col / CELL_PX, row / CELL_PX).points {
            Points::Outside => false,
            Points::Lattice { cols, rows, .. } | Points::Exact { cols, rows } => {
                cols.iter().chain(rows).all(|position| position.is_finite())
            }
        }
    }

    fn cell(&self, col: usize, row: usize) -> &Cell {
        &self.cells[row * CELLS + col]
    }
}

/// Centres of the pixels of a cell.
static CENTERS: [f64; CELL_PX] = {
    let mut centers = [0.5; CELL_PX];
    let mut px = 1;
    while px < CELL_PX {
        centers[px] = centers[px - 1] + 1.0;
        px += 1;
    }
    centers
};

impl Points {
    fn row(&self, row: usize, start: usize, end: usize, cols_out: &mut Vec<f64>, rows_out: &mut Vec<f64>) {
        match self {
            Self::Outside => {
                cols_out.resize(cols_out.len() + end - start, f64::NAN);
                rows_out.resize(rows_out.len() + end - start, f64::NAN);
            }
            Self::Exact { cols, rows } => {
                cols_out.extend_from_slice(&cols[row * CELL_PX + start..row * CELL_PX + end]);
                rows_out.extend_from_slice(&rows[row * CELL_PX + start..row * CELL_PX + end]);
            }
            Self::Lattice { divisions, cols, rows } => {
                for (values, out) in [(cols, cols_out), (rows, rows_out)] {
                    for (square, left, slope) in squares(*divisions, values, row, start, end) {
                        let within = start.max(square.start) - square.start..end.min(square.end) - square.start;
                        out.extend(CENTERS[within].iter().map(|center| left + slope * center));
                    }
                }
            }
        }
    }

    /// The positions of a row from a column on, as `row` has them. What is beyond the cell is nowhere.
    fn snapped(&self, row: usize, start: usize, near: [Origin; 2]) -> [[Near; CELL_PX]; 2] {
        let mut out = [[Near::default(); CELL_PX]; 2];
        match self {
            Self::Outside => {}
            Self::Exact { cols, rows } => {
                for ((values, out), near) in [cols, rows].into_iter().zip(&mut out).zip(near) {
                    let values = &values[row * CELL_PX + start..(row + 1) * CELL_PX];
                    out.iter_mut().zip(values).for_each(|(out, value)| *out = near.near(steps_of(*value)));
                }
            }
            Self::Lattice { divisions, cols, rows } => {
                for ((values, out), near) in [cols, rows].into_iter().zip(&mut out).zip(near) {
                    for (square, left, slope) in squares(*divisions, values, row, start, CELL_PX) {
                        // Steps are a power of two: nothing is rounded otherwise.
                        let (left, slope) = (steps_of(left), steps_of(slope));
                        let skipped = start.saturating_sub(square.start);
                        let out = &mut out[square.start + skipped - start..square.end - start];
                        for (out, center) in out.iter_mut().zip(&CENTERS[skipped..]) {
                            *out = near.near(left + slope * center);
                        }
                    }
                }
            }
        }
        out
    }
}

/// Positions along a row through squares of a lattice that have some of its pixels: each with its pixels, the position of
/// its left edge, and how far it is from one pixel to the next.
#[expect(clippy::cast_precision_loss, reason = "cells are small")]
fn squares(
    divisions: usize, values: &[f64], row: usize, start: usize, end: usize,
) -> impl Iterator<Item = (Range<usize>, f64, f64)> {
    // Divisions are powers of two: what takes processors long to divide, they shift and multiply with the same result.
    let (step_log2, side) = ((CELL_PX / divisions).ilog2(), divisions + 1);
    let step = 1 << step_log2;
    let per_pixel = 1.0 / step as f64;
    let (top, down) = ((row >> step_log2) * side, ((row & (step - 1)) as f64 + 0.5) * per_pixel);
    let between = move |i: usize| values[top + i] + (values[top + side + i] - values[top + i]) * down;
    (start >> step_log2..(end + step - 1) >> step_log2).map(move |square| {
        let (left, right) = (between(square), between(square + 1));
        (square << step_log2..(square + 1) << step_log2, left, (right - left) * per_pixel)
    })
}

/// The pixels of a cell that a range of the block's pixels holds.
fn within(cell: usize, start: usize, length: usize) -> std::ops::Range<usize> {
    let first = cell * CELL_PX;
    start.max(first) - first..(start + length).min(first + CELL_PX) - first
}

fn cell_indices() -> impl Iterator<Item = (usize, usize)> {
    (0..CELLS).flat_map(|row| (0..CELLS).map(move |col| (col, row)))
}

/// Divides a cell until the points in the middle of its squares are where interpolation puts them; `halved` are the
/// positions when it is divided once.
fn refine(
    cell: Cell, halved: (Vec<f64>, Vec<f64>), projector: &Projector<'_>, grid: &OutputGrid, bounds: &LonLatBounds,
    scale: [f64; 2], [left, top]: [usize; 2],
) -> Result<Cell, CrsError> {
    if !bounds.intersects(lon_lat_box(grid, left, top)) {
        return Ok(Cell { points: Points::Outside, size: [f64::NAN; 2] });
    }
    let Points::Lattice { divisions: 1, cols, rows } = cell.points else { return Ok(cell) };
    let (mut cols, mut rows) = (over(&cols, scale[0]), over(&rows, scale[1]));
    let mut divisions = 1;
    let mut halved = Some(halved);
    loop {
        let finer = divisions * 2;
        if finer > CELL_PX / 2 || cols.iter().chain(&rows).any(|v| !v.is_finite()) {
            return exact(projector, grid, scale, [left, top]);
        }
        let (x, y) = if let Some(halved) = halved.take() {
            halved
        } else {
            let (mut x, mut y) = lattice(grid, left, top, CELL_PX, finer);
            projector.positions(&mut x, &mut y)?;
            (x, y)
        };
        let (finer_cols, finer_rows) = (over(&x, scale[0]), over(&y, scale[1]));
        let error =
            interpolation_error(&cols, &finer_cols, divisions).max(interpolation_error(&rows, &finer_rows, divisions));
        if error <= TOLERANCE_PX {
            let size = size_of_pixels_in(&cols, &rows, divisions);
            return Ok(Cell { points: Points::Lattice { divisions, cols, rows }, size });
        }
        // The error falls by four with every halving: keep the finer points already when that is enough.
        if error <= 4.0 * TOLERANCE_PX {
            let size = size_of_pixels_in(&finer_cols, &finer_rows, finer);
            return Ok(Cell { points: Points::Lattice { divisions: finer, cols: finer_cols, rows: finer_rows }, size });
        }
        (cols, rows, divisions) = (finer_cols, finer_rows, finer);
    }
}

fn exact(
    projector: &Projector<'_>, grid: &OutputGrid, scale: [f64; 2], [left, top]: [usize; 2],
) -> Result<Cell, CrsError> {
    let centers = (0..CELL_PX).flat_map(|row| (0..CELL_PX).map(move |col| (col, row)));
    let (mut x, mut y): (Vec<f64>, Vec<f64>) =
        centers.map(|(col, row)| point(grid, left + col, top + row, 0.5)).unzip();
    projector.positions(&mut x, &mut y)?;
    let (cols, rows) = (over(&x, scale[0]), over(&y, scale[1]));
    let at = |values: &[f64]| [0, CELL_PX - 1, CELL_PX * (CELL_PX - 1), CELL_PX * CELL_PX - 1].map(|i| values[i]);
    let size = size_of_pixels(&at(&cols), &at(&rows));
    // Where the corners have no image, a native-width kernel is the best guess.
    let size = size.map(|s| if s.is_finite() { s } else { 1.0 });
    Ok(Cell { points: Points::Exact { cols, rows }, size })
}

/// The largest distance between the points of a lattice twice as fine and where bilinear interpolation puts them.
fn interpolation_error(coarse: &[f64], fine: &[f64], divisions: usize) -> f64 {
    let (side, fine_side) = (divisions + 1, divisions * 2 + 1);
    let mut worst = 0.0_f64;
    for row in 0..fine_side {
        for col in 0..fine_side {
            let (r0, c0) = (row / 2, col / 2);
            let (r1, c1) = (row.div_ceil(2), col.div_ceil(2));
            let corners = [(r0, c0), (r0, c1), (r1, c0), (r1, c1)].map(|(r, c)| coarse[r * side + c]);
            let error = (corners.iter().sum::<f64>() / 4.0 - fine[row * fine_side + col]).abs();
            // NaN counts as wrong
            worst = if error <= worst {
                worst
            } else if error.is_nan() {
                f64::INFINITY
            } else {
                error
            };
        }
    }
    worst
}

/// EPSG:3857 coordinates of the corners of `divisions` x `divisions` squares of a part of the grid.
fn lattice(grid: &OutputGrid, left: usize, top: usize, size: usize, divisions: usize) -> (Vec<f64>, Vec<f64>) {
    let step = size / divisions;
    (0..=divisions)
        .flat_map(|row| (0..=divisions).map(move |col| (left + col * step, top + row * step)))
        .map(|(col, row)| point(grid, col, row, 0.0))
        .unzip()
}

#[expect(clippy::cast_precision_loss, reason = "blocks are small")]
fn point(grid: &OutputGrid, col: usize, row: usize, offset: f64) -> (f64, f64) {
    (grid.x(col as f64 + offset), grid.y(row as f64 + offset))
}

fn lon_lat_box(grid: &OutputGrid, left: usize, top: usize) -> [f64; 4] {
    let ((west, north), (east, south)) = (point(grid, left, top, 0.0), point(grid, left + CELL_PX, top + CELL_PX, 0.0));
    [mercator_x_to_lon(west), mercator_y_to_lat(south), mercator_x_to_lon(east), mercator_y_to_lat(north)]
}

fn over(values: &[f64], scale: f64) -> Vec<f64> {
    values.iter().map(|v| v / scale).collect()
}

/// Size of an output pixel from the four corners of a cell.
fn size_of_pixels(cols: &[f64], rows: &[f64]) -> [f64; 2] {
    size_of_pixels_in(cols, rows, 1)
}

/// The box, along the source's axes, of the parallelogram that an output pixel becomes: per axis the length of
/// its gradient.
#[expect(clippy::cast_precision_loss, reason = "cells are small")]
fn size_of_pixels_in(cols: &[f64], rows: &[f64], divisions: usize) -> [f64; 2] {
    let (right, below) = (divisions, divisions * (divisions + 1));
    [cols, rows].map(|v| {
        let across = f64::midpoint(v[right] - v[0], v[below + divisions] - v[below]);
        let down = f64::midpoint(v[below] - v[0], v[below + divisions] - v[right]);
        across.hypot(down) / CELL_PX as f64
    })
}
