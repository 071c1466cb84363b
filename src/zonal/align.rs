//! One raster read on the grid of another: under the centre of each cell, the cell that lies there.

use super::Window;
use super::grid::Grid;
use crate::geo::{Affine, CrsError};
use crate::raster::{self, cell_at};

/// Cells of one grid under the cells of a window of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The window that holds them.
    pub window: raster::Window,
    /// For each cell, the index of its place in the window; [`NOWHERE`] outside the raster.
    pub indexes: Vec<u32>,
}

/// No place.
pub const NOWHERE: u32 = u32::MAX;

/// PROJ is asked at the corners of squares of so many cells, which lie where they lie in the raster, whatever the window.
const SQUARE: u64 = 16;

/// Between them positions are interpolated, unless that is off by more than this, in cells of the other grid.
const MOST_ERROR: f64 = 1.0 / 256.0;

/// How to get from the cells of one grid to those of another.
pub struct Alignment<'a> {
    from: &'a Grid,
    to: &'a Grid,
    /// When both are in the same CRS.
    direct: Option<Affine>,
}

impl<'a> Alignment<'a> {
    /// From the cells of `from` to those of `to`.
    #[must_use]
    pub fn new(from: &'a Grid, to: &'a Grid) -> Self {
        let same = from.profile().crs == to.profile().crs;
        let direct =
            same.then(|| to.geotransform().inverse()).flatten().map(|inverse| after(inverse, from.geotransform()));
        Self { from, to, direct }
    }

    /// What lies under the cells of a window; `None` when all of it is outside the other raster.
    ///
    /// # Errors
    /// When PROJ fails as a whole.
    pub fn places(&self, window: Window) -> Result<Option<Places>, CrsError> {
        let [width, height] = self.to.size();
        if let Some(affine) = self.direct.filter(Affine::is_axis_aligned) {
            let along = |start: u64, length: u32| (0..u64::from(length)).map(move |step| to_f64(start + step) + 0.5);
            let cols = along(window.col, window.width).map(|col| cell_at(affine.apply(col, 0.0).0, width));
            let rows = along(window.row, window.height).map(|row| cell_at(affine.apply(0.0, row).1, height));
            return Ok(separable(&cols.collect::<Vec<_>>(), &rows.collect::<Vec<_>>()));
        }
        let (cols, rows) = self.positions(window)?;
        let cell = |(col, row): (&f64, &f64)| Some([cell_at(*col, width)?, cell_at(*row, height)?]);
        let cells: Vec<Option<[usize; 2]>> = cols.iter().zip(&rows).map(cell).collect();
        let Some(window) = around(cells.iter().flatten().copied()) else { return Ok(None) };
        let index = |cell: &Option<[usize; 2]>| {
            let [col, row] = (*cell)?;
            u32::try_from((row - window.row) * window.width + col - window.col).ok()
        };
        let indexes = cells.iter().map(|cell| index(cell).unwrap_or(NOWHERE)).collect();
        Ok(Some(Places { window, indexes }))
    }

    /// Positions of the centres of all cells of a window, row by row.
    fn positions(&self, window: Window) -> Result<(Vec<f64>, Vec<f64>), CrsError> {
        let (width, height) = (window.width as usize, window.height as usize);
        if let Some(affine) = self.direct {
            let centre = |start: u64, index: usize| to_f64(start + index as u64) + 0.5;
            let cells = (0..height).flat_map(|row| (0..width).map(move |col| (col, row)));
            return Ok(cells.map(|(col, row)| affine.apply(centre(window.col, col), centre(window.row, row))).unzip());
        }
        let (mut cols, mut rows) = (vec![f64::NAN; width * height], vec![f64::NAN; width * height]);
        for square in squares(window) {
            self.fill(square, window, &mut cols, &mut rows)?;
        }
        Ok((cols, rows))
    }

    /// Positions in what a window has of the square with this corner.
    fn fill(&self, corner: [u64; 2], window: Window, cols: &mut [f64], rows: &mut [f64]) -> Result<(), CrsError> {
        let far = SQUARE - 1;
        let at = |[col, row]: [u64; 2]| [to_f64(corner[0] + col) + 0.5, to_f64(corner[1] + row) + 0.5];
        // Corners, then what tells how far interpolation is off: the middle, and the middles of the sides.
        let half = far.div_ceil(2);
        let probes = [[half, half], [half, 0], [0, half], [half, far], [far, half]];
        let known = self.transformed([[0, 0], [far, 0], [0, far], [far, far]].into_iter().chain(probes).map(at))?;
        let share = |step: u64| to_f64(step) / to_f64(far);
        let between = |[col, row]: [u64; 2]| {
            let (x, y) = (share(col), share(row));
            [0, 1].map(|axis| {
                let top = known[0][axis] + (known[1][axis] - known[0][axis]) * x;
                let bottom = known[2][axis] + (known[3][axis] - known[2][axis]) * x;
                top + (bottom - top) * y
            })
        };
        let is_close = |probe: ([u64; 2], &[f64; 2])| {
            let guess = between(probe.0);
            [0, 1].into_iter().all(|axis| (guess[axis] - probe.1[axis]).abs() <= MOST_ERROR)
        };
        let is_smooth = probes.into_iter().zip(&known[4..]).all(is_close);
        let inside = |start: u64, first: u64, length: u32| {
            (0..SQUARE).filter(move |step| (first..first + u64::from(length)).contains(&(start + step)))
        };
        let cells: Vec<[u64; 2]> = inside(corner[1], window.row, window.height)
            .flat_map(|row| inside(corner[0], window.col, window.width).map(move |col| [col, row]))
            .collect();
        let places = if is_smooth {
            cells.iter().map(|cell| between(*cell)).collect()
        } else {
            self.transformed(cells.iter().map(|cell| at(*cell)))?
        };
        for ([col, row], place) in cells.into_iter().zip(places) {
            let index = (corner[1] + row - window.row) * u64::from(window.width) + corner[0] + col - window.col;
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            (cols[index], rows[index]) = (place[0], place[1]);
        }
        Ok(())
    }

    fn transformed(&self, cells: impl Iterator<Item = [f64; 2]>) -> Result<Vec<[f64; 2]>, CrsError> {
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = cells.map(|[col, row]| (col, row)).unzip();
        self.from.to_lon_lat(&mut x, &mut y)?;
        self.to.to_own_cells(&mut x, &mut y)?;
        Ok(x.into_iter().zip(y).map(|(col, row)| [col, row]).collect())
    }
}

/// Places of cells whose columns and rows lie independently of each other.
fn separable(cols: &[Option<usize>], rows: &[Option<usize>]) -> Option<Places> {
    let span = |cells: &[Option<usize>]| {
        let (low, high) = (cells.iter().flatten().min()?, cells.iter().flatten().max()?);
        Some((*low, high - low + 1))
    };
    let ((col, width), (row, height)) = (span(cols)?, span(rows)?);
    let offset = |cell: usize| u32::try_from(cell).unwrap_or(NOWHERE);
    let cols: Vec<u32> = cols.iter().map(|cell| cell.map_or(NOWHERE, |cell| offset(cell - col))).collect();
    let mut indexes = Vec::with_capacity(cols.len() * rows.len());
    for cell in rows {
        match cell {
            None => indexes.resize(indexes.len() + cols.len(), NOWHERE),
            Some(cell) => {
                let start = offset((cell - row) * width);
                indexes.extend(cols.iter().map(|col| if *col == NOWHERE { NOWHERE } else { start + col }));
            }
        }
    }
    Some(Places { window: raster::Window { col, row, width, height }, indexes })
}

/// The corners of the squares that a window touches.
fn squares(window: Window) -> impl Iterator<Item = [u64; 2]> {
    let along = |start: u64, length: u32| start / SQUARE..(start + u64::from(length)).div_ceil(SQUARE);
    let cols = along(window.col, window.width);
    along(window.row, window.height).flat_map(move |row| cols.clone().map(move |col| [col * SQUARE, row * SQUARE]))
}

/// One map after another.
fn after(second: Affine, first: Affine) -> Affine {
    let (s, f) = (second.0, first.0);
    let (x, y) = second.apply(f[0], f[3]);
    Affine([
        x,
        s[1] * f[1] + s[2] * f[4],
        s[1] * f[2] + s[2] * f[5],
        y,
        s[4] * f[1] + s[5] * f[4],
        s[4] * f[2] + s[5] * f[5],
    ])
}

/// The smallest window around cells.
fn around(mut cells: impl Iterator<Item = [usize; 2]>) -> Option<raster::Window> {
    let first = cells.next()?;
    let (low, high) = cells.fold((first, first), |(low, high), cell| {
        ([low[0].min(cell[0]), low[1].min(cell[1])], [high[0].max(cell[0]), high[1].max(cell[1])])
    });
    Some(raster::Window { col: low[0], row: low[1], width: high[0] - low[0] + 1, height: high[1] - low[1] + 1 })
}

#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn to_f64(value: u64) -> f64 {
    value as f64
}
