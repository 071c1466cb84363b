//! Which pixels of a file become which pixels of a window: always the one under the centre.

use super::vrt::{Edges, Source};
use crate::raster::{Level, Profile, Window, power_of_two_up_to};

/// GDAL forgives a source that reaches this far into a pixel.
const TOLERANCE_PX: f64 = 1e-3;

/// A position this close below a whole pixel is on it.
const EPSILON_PX: f64 = 1e-10;

/// Pixels of a file that are read at once: of more, some rows after the others.
const MOST_PIXELS: usize = 1 << 20;

/// GDAL takes an overview whose pixels are larger than those wanted, up to so much: `factor < wanted * 1.2 + 0.1`.
const LARGER: f64 = 1.2;
const LARGER_BY: f64 = 0.1;

/// One axis of a window on a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Pixels of the window.
    pub to: std::ops::Range<usize>,
    /// The first pixel of the file that is read.
    pub first: usize,
    /// How many are.
    pub count: usize,
    /// Which of these go where; `None` when all do, in order.
    pub picks: Option<Vec<usize>>,
}

/// A window on a file, and the level of the file that it is read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    pub level: usize,
    pub decimation: usize,
    pub cols: Axis,
    pub rows: Axis,
}

/// A window of a mosaic: some pixels of a grid over all of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    pub window: Window,
    /// Size of a pixel of the grid, in pixels of full resolution.
    pub scale: [f64; 2],
}

impl View {
    /// In pixels of full resolution.
    #[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
    pub fn edges(&self) -> Edges {
        let Window { col, row, width, height } = self.window;
        let [x, y] = self.scale;
        [col as f64 * x, row as f64 * y, (col + width) as f64 * x, (row + height) as f64 * y]
    }

    /// The pixels whose centres are inside a rectangle: columns and rows.
    #[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
    pub fn inside(&self, edges: Edges) -> [std::ops::Range<usize>; 2] {
        let Window { col, row, width, height } = self.window;
        let range = |axis: usize, start: usize, size: usize| {
            let index = |edge: f64| clamped((edge / self.scale[axis] - 0.5 - start as f64).ceil(), size);
            index(edges[axis])..index(edges[axis + 2])
        };
        [range(0, col, width), range(1, row, height)]
    }
}

impl Sampling {
    /// How a view is made of a source that is in a file of this profile; `None` where they are apart.
    pub fn of(view: &View, source: &Source, file: &Profile) -> Option<Self> {
        let stretch = [0, 1].map(|axis| {
            let length = |edges: Edges| edges[axis + 2] - edges[axis];
            length(source.from) / length(source.to)
        });
        let px = [view.scale[0] * stretch[0], view.scale[1] * stretch[1]];
        let level = level(px, file);
        let exact = Self::at(view, source, file, stretch, level, 1)?;
        if exact.pixels() <= MOST_PIXELS {
            return Some(exact);
        }
        // What the view leaves out anyway; of what it shows, each pixel is the one under its centre.
        let [x, y] = file.level_scale(level);
        let decimation = power_of_two_up_to(view.scale[0].min(view.scale[1]).min(px[0] / x).min(px[1] / y));
        Self::at(view, source, file, stretch, level, decimation)
    }

    fn pixels(&self) -> usize {
        self.cols.count.saturating_mul(self.rows.count)
    }

    /// In parts that are read one after the other.
    pub fn parts(self) -> Vec<Self> {
        if self.pixels() <= MOST_PIXELS {
            return vec![self];
        }
        let rows = self.rows.parts((MOST_PIXELS / self.cols.count).max(1));
        rows.into_iter().map(|rows| Self { rows, cols: self.cols.clone(), ..self }).collect()
    }

    fn at(
        view: &View, source: &Source, file: &Profile, stretch: [f64; 2], level: usize, decimation: usize,
    ) -> Option<Self> {
        let Level { width, height } = file.levels[level].decimated(decimation);
        let window = view.window;
        let axis = |axis: usize, start, length, size: usize, full: usize| {
            let line = Line { start, length, scale: view.scale[axis], size, full, stretch: stretch[axis] };
            line.axis(source.from[axis], [source.to[axis], source.to[axis + 2]])
        };
        let cols = axis(0, window.col, window.width, width, file.width)?;
        let rows = axis(1, window.row, window.height, height, file.height)?;
        Some(Self { level, decimation, cols, rows })
    }

    /// What is read of the file.
    pub fn window(&self) -> Window {
        let (cols, rows) = (&self.cols, &self.rows);
        Window { col: cols.first, row: rows.first, width: cols.count, height: rows.count }
    }
}

impl Axis {
    /// Which of the pixels that are read becomes a pixel of the window.
    pub fn pick(&self, index: usize) -> usize {
        self.picks.as_ref().map_or(index, |picks| picks[index])
    }

    /// Parts of it, of up to `most` pixels of the file each, or one that is wanted.
    fn parts(&self, most: usize) -> Vec<Self> {
        let (mut parts, mut start) = (Vec::new(), 0);
        while start < self.to.len() {
            let first = self.pick(start);
            let count = (start..self.to.len()).take_while(|index| self.pick(*index) - first < most).count();
            let end = start + count;
            let picks = self.picks.as_ref().map(|picks| picks[start..end].iter().map(|pick| pick - first).collect());
            parts.push(Self {
                to: self.to.start + start..self.to.start + end,
                first: self.first + first,
                count: self.pick(end - 1) + 1 - first,
                picks,
            });
            start = end;
        }
        parts
    }
}

/// The level of a file that GDAL reads for pixels of this size, in pixels of the file.
fn level(px: [f64; 2], file: &Profile) -> usize {
    let most = px[0].min(px[1]) * LARGER + LARGER_BY;
    let fits = |level: &usize| {
        let [x, y] = file.level_scale(*level);
        x.min(y) < most
    };
    (1..file.levels.len()).rev().find(fits).unwrap_or(0)
}

/// Pixels along one axis, of the view and of the file.
struct Line {
    start: usize,
    length: usize,
    scale: f64,
    /// Pixels of the level, and of the file at full resolution.
    size: usize,
    full: usize,
    stretch: f64,
}

impl Line {
    #[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
    fn axis(&self, from: f64, to: [f64; 2]) -> Option<Axis> {
        let in_view = |edge: f64| edge / self.scale - self.start as f64;
        let first = clamped((in_view(to[0]) + TOLERANCE_PX).floor(), self.length);
        let end = clamped((in_view(to[1]) - TOLERANCE_PX).ceil(), self.length);
        let in_level = self.size as f64 / self.full as f64;
        let pick = |pixel: usize| {
            let center = ((self.start + pixel) as f64 + 0.5) * self.scale;
            let position = (from + (center - to[0]) * self.stretch) * in_level;
            clamped((position + EPSILON_PX).floor(), self.size - 1)
        };
        let picks: Vec<usize> = (first..end).map(pick).collect();
        let (start, last) = (*picks.first()?, *picks.last()?);
        let in_order = picks.iter().enumerate().all(|(index, pick)| *pick == start + index);
        let relative = || picks.iter().map(|pick| pick - start).collect();
        Some(Axis {
            to: first..end,
            first: start,
            count: last + 1 - start,
            picks: if in_order { None } else { Some(relative()) },
        })
    }
}

/// A whole position as an index, 0 to `most`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped; a float cast saturates")]
fn clamped(position: f64, most: usize) -> usize {
    (position.max(0.0) as usize).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(start: usize, length: usize, scale: f64, size: usize, stretch: f64) -> Line {
        Line { start, length, scale, size, full: size, stretch }
    }

    #[test]
    fn a_moved_source_is_copied_in_order() {
        let axis = line(8, 10, 1.0, 100, 1.0).axis(5.0, [10.0, 30.0]).unwrap();
        assert_eq!(axis, Axis { to: 2..10, first: 5, count: 8, picks: None });
    }

    #[test]
    fn a_stretched_source_gives_the_pixel_under_the_centre() {
        let axis = line(0, 6, 1.0, 10, 0.5).axis(2.0, [0.0, 6.0]).unwrap();
        assert_eq!((axis.first, axis.picks.unwrap()), (2, vec![0, 0, 1, 1, 2, 2]));
    }

    #[test]
    fn a_source_between_pixels_touches_both() {
        // from 2.5 on: pixel 2 is touched, pixel 1 is not; up to 4.0005: pixel 4 is hardly touched
        let axis = line(0, 10, 1.0, 10, 1.0).axis(0.0, [2.5, 4.0005]).unwrap();
        assert_eq!(axis.to, 2..4);
    }

    #[test]
    fn what_is_apart_is_nothing() {
        assert_eq!(line(0, 10, 1.0, 10, 1.0).axis(0.0, [10.0, 20.0]), None);
        assert_eq!(line(20, 10, 1.0, 10, 1.0).axis(0.0, [10.0, 20.0]), None);
    }
}
