//! What several tests need: rasters, chunks, and slow but plain ways to the same answers.

mod chunks;
mod lon_lat;
mod outlines;
mod simplified;

use super::{Connectivity, ExtractError, Limits, Region, Regions, Selection, trace};
use crate::zonal::Window;

/// No limits.
pub const UNLIMITED: Limits = Limits { regions: u64::MAX, corners: u64::MAX };

/// All regions, 4-connected.
pub const FOUR: Selection = Selection { connectivity: Connectivity::Four, min_cells: 0 };

/// All regions, 8-connected.
pub const EIGHT: Selection = Selection { connectivity: Connectivity::Eight, min_cells: 0 };

/// Classes of cells, row by row.
#[derive(Debug, Clone)]
pub struct Raster {
    pub width: u32,
    pub height: u32,
    pub classes: Vec<u16>,
}

impl Raster {
    /// From rows of digits; anything else is 0.
    pub fn draw(rows: &[&str]) -> Self {
        let digit = |cell: char| u16::try_from(cell.to_digit(10).unwrap_or(0)).unwrap();
        Self {
            width: u32::try_from(rows[0].len()).unwrap(),
            height: u32::try_from(rows.len()).unwrap(),
            classes: rows.iter().flat_map(|row| row.chars().map(digit)).collect(),
        }
    }

    pub fn at(&self, x: i64, y: i64) -> u16 {
        let inside = (0..i64::from(self.width)).contains(&x) && (0..i64::from(self.height)).contains(&y);
        if inside { self.classes[usize::try_from(y * i64::from(self.width) + x).unwrap()] } else { 0 }
    }

    /// The classes in a window, which is placed as if the raster began at `ORIGIN`.
    pub fn read(&self, window: &Window) -> Vec<u16> {
        let [x, y] = [window.col - ORIGIN[0], window.row - ORIGIN[1]].map(|at| i64::try_from(at).unwrap());
        let cells = (0..i64::from(window.height))
            .flat_map(|row| (0..i64::from(window.width)).map(move |col| self.at(x + col, y + row)));
        cells.collect()
    }

    /// The chunks between columns and rows where the raster is cut.
    pub fn chunks(&self, cols: &[u32], rows: &[u32]) -> Vec<Window> {
        let spans = |cuts: &[u32], size: u32| {
            let mut ends: Vec<u32> = cuts.iter().copied().filter(|cut| *cut < size).chain([0, size]).collect();
            ends.sort_unstable();
            ends.dedup();
            ends.windows(2).map(|span| (span[0], span[1] - span[0])).collect::<Vec<_>>()
        };
        let cols = spans(cols, self.width);
        let row_of = |(row, height): (u32, u32)| {
            cols.iter()
                .map(move |(col, width)| Window {
                    col: ORIGIN[0] + u64::from(*col),
                    row: ORIGIN[1] + u64::from(row),
                    width: *width,
                    height,
                })
                .collect::<Vec<_>>()
        };
        spans(rows, self.height).into_iter().flat_map(row_of).collect()
    }

    /// The regions, from chunks that are added in this order.
    pub fn extract(
        &self, chunks: &[Window], selection: Selection, limits: Limits,
    ) -> Result<Vec<Region>, ExtractError> {
        let mut regions = Regions::new(selection, limits);
        for window in chunks {
            regions.add(trace(*window, &self.read(window), selection))?;
        }
        regions.finish()
    }

    /// The regions, from one chunk.
    pub fn whole(&self, selection: Selection) -> Vec<Region> {
        self.extract(&self.chunks(&[], &[]), selection, UNLIMITED).unwrap()
    }
}

/// Where the rasters of the tests begin: chunks count from their own corners, regions from the raster's.
pub const ORIGIN: [u64; 2] = [70_001, 42];

/// A region's rings, as a polygon of the `geo` crate for each part.
pub fn to_geo(region: &Region) -> geo::MultiPolygon {
    #[expect(clippy::cast_precision_loss, reason = "small rasters")]
    let line = |ring: &Vec<[u64; 2]>| {
        let at =
            |corner: &[u64; 2]| geo::coord! { x: (corner[0] - ORIGIN[0]) as f64, y: -((corner[1] - ORIGIN[1]) as f64) };
        ring.iter().map(at).collect::<geo::LineString>()
    };
    let polygon = |part: &super::Part| geo::Polygon::new(line(&part.exterior), part.holes.iter().map(line).collect());
    region.parts.iter().map(polygon).collect()
}
