//! The ground that a cell covers, in square metres on the WGS 84 ellipsoid, whatever the projection does to it.
//!
//! An area is a function of the cell's place in the raster and nothing else, and an integer (a share of a reference
//! area): sums are the same for any chunking.

use std::ops::Range;

use crate::geo::crs::{CrsKind, Unit};
use crate::geo::{Affine, Crs, CrsError, EARTH_RADIUS_M, WGS84_ECCENTRICITY_2, mercator_y_to_lat};

use super::Window;

/// The share of a cell that is as large as the reference.
pub const WHOLE_SHARE: u64 = 1 << 32;

/// The area of a cell as a share of the reference area, in units of 1 / [`WHOLE_SHARE`].
pub type Share = u64;

/// Cells of a square count as equally large; it spans no more than this, so that no cell is off by more than a
/// ten-thousandth, and their sum by far less.
const SQUARE_M: f64 = 2_000.0;
const MOST_SQUARE_CELLS: usize = 256;

/// A projection whose areas are right to this much is an equal-area one.
const EQUAL_AREA: f64 = 1e-6;

/// Areas of the cells of a raster.
#[derive(Debug, Clone)]
pub struct CellAreas {
    reference_m2: f64,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    /// All are equal.
    Equal,
    /// By row: axes along longitude and latitude. The latitude of a row's edge, by its y.
    ByRow { geotransform: Affine, is_mercator: bool },
    /// By squares of cells.
    BySquare { geotransform: Affine, crs: Crs, wgs84: Crs, cells: usize },
}

/// Rows of a window, and stretches of columns in which their cells are equally large; both counted from its corner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strip {
    /// Rows.
    pub rows: Range<usize>,
    /// Columns, and the share of each cell.
    pub parts: Vec<(Range<usize>, Share)>,
}

impl CellAreas {
    /// Of a grid of so many columns and rows.
    ///
    /// # Errors
    /// When there is no way from its CRS to longitude and latitude.
    pub fn of_grid(crs: &Crs, geotransform: Affine, [width, height]: [usize; 2]) -> Result<Self, CrsError> {
        let wgs84 = Crs::wgs84();
        let is_degrees = matches!(crs.kind(), CrsKind::Wgs84 | CrsKind::LonLat);
        let is_mercator = crs.kind() == CrsKind::WebMercator;
        if geotransform.is_axis_aligned() && (is_degrees || is_mercator) {
            let how = How::ByRow { geotransform, is_mercator };
            return Ok(Self { reference_m2: reference_by_row(&geotransform, is_mercator), how });
        }
        let c = geotransform.0;
        let planar_m2 = (c[1] * c[5] - c[2] * c[4]).abs();
        if crs.unit() == Unit::Metre && is_equal_area(crs, &geotransform, planar_m2, [width, height], &wgs84)? {
            return Ok(Self { reference_m2: planar_m2, how: How::Equal });
        }
        let middle = [size_f64(width) / 2.0, size_f64(height) / 2.0];
        let middle_m2 = quads(&geotransform, crs, &wgs84, &[middle], 1.0)?[0];
        let reference_m2 = if middle_m2 > 0.0 { middle_m2 } else { planar_m2 };
        let cells = square_cells(reference_m2.sqrt());
        Ok(Self { reference_m2, how: How::BySquare { geotransform, crs: crs.clone(), wgs84, cells } })
    }

    /// What a cell as large as the reference covers, in square metres.
    #[must_use]
    pub fn reference_m2(&self) -> f64 {
        self.reference_m2
    }

    /// Whether all cells are equally large.
    #[must_use]
    pub fn are_equal(&self) -> bool {
        matches!(self.how, How::Equal)
    }

    /// A window of the grid, from its first row to its last; nothing when all cells are equally large.
    ///
    /// # Errors
    /// When PROJ fails as a whole.
    pub fn strips(&self, window: Window) -> Result<Vec<Strip>, CrsError> {
        let [col, row] = [window.col, window.row].map(|start| usize::try_from(start).unwrap_or(usize::MAX));
        let (width, height) = (window.width as usize, window.height as usize);
        match &self.how {
            How::Equal => Ok(Vec::new()),
            How::ByRow { geotransform, is_mercator } => {
                let share = |line: usize| self.share(row_area(geotransform, *is_mercator, row + line));
                let strip = |line| Strip { rows: line..line + 1, parts: vec![(0..width, share(line))] };
                Ok((0..height).map(strip).collect())
            }
            How::BySquare { geotransform, crs, wgs84, cells } => squares(row, height, *cells)
                .into_iter()
                .map(|rows| {
                    let corner = |at: usize| size_f64(at / cells * cells);
                    let cols = squares(col, width, *cells);
                    let place = |cols: &Range<usize>| [corner(col + cols.start), corner(row + rows.start)];
                    let places: Vec<[f64; 2]> = cols.iter().map(place).collect();
                    let areas = quads(geotransform, crs, wgs84, &places, size_f64(*cells))?;
                    let shares = areas.into_iter().map(|area| self.share(area / size_f64(cells * cells)));
                    Ok(Strip { rows, parts: cols.into_iter().zip(shares).collect() })
                })
                .collect(),
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a ratio of areas, not below zero")]
    #[expect(clippy::cast_precision_loss, reason = "a power of two")]
    fn share(&self, area_m2: f64) -> Share {
        let ratio = if area_m2.is_finite() { area_m2 / self.reference_m2 } else { 1.0 };
        (ratio * WHOLE_SHARE as f64).round() as Share
    }
}

/// The parts of a stretch that begin anew at every multiple of `cells` of the raster.
fn squares(start: usize, length: usize, cells: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < length {
        let end = length.min(((start + at) / cells + 1) * cells - start);
        parts.push(at..end);
        at = end;
    }
    parts
}

fn square_cells(cell_m: f64) -> usize {
    let fits = |cells: &usize| size_f64(*cells) * cell_m <= SQUARE_M;
    (0..=MOST_SQUARE_CELLS.ilog2()).rev().map(|power| 1 << power).find(fits).unwrap_or(1)
}

/// The area of a cell at the equator.
fn reference_by_row(geotransform: &Affine, is_mercator: bool) -> f64 {
    let [_, width, .., height] = geotransform.0;
    let (width, height) = (width.abs(), height.abs());
    if is_mercator { width * height } else { width.to_radians() * height.to_radians() * EARTH_RADIUS_M.powi(2) }
}

/// The area between two meridians and two parallels: a cell of a row.
fn row_area(geotransform: &Affine, is_mercator: bool, row: usize) -> f64 {
    let [_, width, .., origin, _, height] = geotransform.0;
    let y = |row: usize| origin + size_f64(row) * height;
    let lat = |y: f64| if is_mercator { mercator_y_to_lat(y) } else { y.clamp(-90.0, 90.0) };
    let lon = if is_mercator { width / EARTH_RADIUS_M } else { width.to_radians() };
    (lon * (zone(lat(y(row + 1))) - zone(lat(y(row))))).abs()
}

/// The area between the equator and a parallel, for a radian of longitude, in square metres.
///
/// Snyder, "Map Projections: A Working Manual" (1987), equation 3-12: `q(phi) a^2 / 2`.
fn zone(lat: f64) -> f64 {
    let e = WGS84_ECCENTRICITY_2.sqrt();
    let sin = lat.to_radians().sin();
    let q = (1.0 - WGS84_ECCENTRICITY_2) * (sin / (1.0 - WGS84_ECCENTRICITY_2 * sin * sin) + (e * sin).atanh() / e);
    q * EARTH_RADIUS_M * EARTH_RADIUS_M / 2.0
}

/// Whether the projection keeps areas, by those that cells have in it, as far as a lattice over the grid tells.
fn is_equal_area(
    crs: &Crs, geotransform: &Affine, planar_m2: f64, [width, height]: [usize; 2], wgs84: &Crs,
) -> Result<bool, CrsError> {
    const STEPS: usize = 8;
    let at = |step: usize, size: usize| size_f64(size) * (size_f64(step) + 0.5) / size_f64(STEPS);
    let places: Vec<[f64; 2]> =
        (0..STEPS * STEPS).map(|index| [at(index % STEPS, width), at(index / STEPS, height)]).collect();
    // Small enough to be flat, large enough for the digits of a coordinate.
    let side = 100.0 / planar_m2.sqrt();
    let areas = quads(geotransform, crs, wgs84, &places, side)?;
    Ok(areas.iter().all(|area| (area / (planar_m2 * side * side) - 1.0).abs() < EQUAL_AREA))
}

/// Areas of squares of `side` cells with these corners: of the flat quadrilateral between their corners in space, which
/// is closer to the curved one than a millionth up to sides of 25 km.
fn quads(geotransform: &Affine, crs: &Crs, wgs84: &Crs, places: &[[f64; 2]], side: f64) -> Result<Vec<f64>, CrsError> {
    const CORNERS: [[f64; 2]; 4] = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
    let corners =
        places.iter().flat_map(|[col, row]| CORNERS.map(|[x, y]| geotransform.apply(col + x * side, row + y * side)));
    let (mut lon, mut lat): (Vec<f64>, Vec<f64>) = corners.unzip();
    if crs.kind() != CrsKind::Wgs84 {
        crs.transform(wgs84, &mut lon, &mut lat)?;
    }
    let points: Vec<[f64; 3]> = lon.iter().zip(&lat).map(|(lon, lat)| in_space(*lon, *lat)).collect();
    Ok(points
        .chunks_exact(4)
        .map(|corners| {
            let between = |a: usize, b: usize| [0, 1, 2].map(|axis| corners[b][axis] - corners[a][axis]);
            let ([ax, ay, az], [bx, by, bz]) = (between(0, 2), between(1, 3));
            let cross = [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
            cross.iter().map(|part| part * part).sum::<f64>().sqrt() / 2.0
        })
        .collect())
}

/// Geocentric coordinates of a point on the ellipsoid, in metres (EPSG guidance note 7-2, method 9602).
fn in_space(lon: f64, lat: f64) -> [f64; 3] {
    let ((sin_lon, cos_lon), (sin, cos)) = (lon.to_radians().sin_cos(), lat.to_radians().sin_cos());
    let normal = EARTH_RADIUS_M / (1.0 - WGS84_ECCENTRICITY_2 * sin * sin).sqrt();
    [normal * cos * cos_lon, normal * cos * sin_lon, normal * (1.0 - WGS84_ECCENTRICITY_2) * sin]
}

#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn size_f64(size: usize) -> f64 {
    size as f64
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "small numbers")]
mod tests {
    use super::*;
    use rstest::rstest;

    /// A grid of 30 m in UTM, of 30 m in an equal-area projection, and of degrees.
    fn areas(crs: &str, geotransform: [f64; 6], size: [usize; 2]) -> CellAreas {
        let crs = Crs::parse(crs).unwrap();
        CellAreas::of_grid(&crs, Affine(geotransform), size).unwrap()
    }

    /// The area of one cell, in square metres.
    fn area(areas: &CellAreas, col: u64, row: u64) -> f64 {
        let strips = areas.strips(Window { col, row, width: 1, height: 1 }).unwrap();
        let share = strips.first().map_or(WHOLE_SHARE, |strip| strip.parts[0].1);
        share as f64 / WHOLE_SHARE as f64 * areas.reference_m2()
    }

    // python -c "from pyproj import Geod; print(Geod(ellps='WGS84').polygon_area_perimeter([0,0.05,0.05,0],[59.95,59.95,60,60]))"
    // gives the area between geodesics; a parallel bends away from them: 1e-7 of a cell of 0.05 degrees.
    #[rstest]
    #[case::at_60_degrees("EPSG:4326", [-180.0, 0.05, 0.0, 90.0, 0.0, -0.05], 3600, 600, 15_545_880.8)]
    #[case::at_the_equator("EPSG:4326", [-180.0, 0.05, 0.0, 90.0, 0.0, -0.05], 3600, 1799, 30_773_000.0)]
    fn cells_of_degrees_are_as_large_as_the_ellipsoid_has_them(
        #[case] crs: &str, #[case] geotransform: [f64; 6], #[case] col: u64, #[case] row: u64, #[case] expected: f64,
    ) {
        let found = area(&areas(crs, geotransform, [7200, 3600]), col, row);
        assert!((found / expected - 1.0).abs() < 2e-3, "{found}");
    }

    #[test]
    fn all_cells_of_the_world_are_the_ellipsoid() {
        let areas = areas("EPSG:4326", [-180.0, 1.0, 0.0, 90.0, 0.0, -1.0], [360, 180]);
        let sum: f64 = (0..180).map(|row| area(&areas, 0, row) * 360.0).sum();
        // The surface of WGS 84: 510,065,621.724 square kilometres.
        assert!((sum / 510_065_621_724_000.0 - 1.0).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn an_equal_area_projection_is_taken_at_its_word() {
        let areas = areas("EPSG:5070", [-400_000.0, 30.0, 0.0, 2_000_000.0, 0.0, -30.0], [12_000, 12_000]);
        assert!(areas.are_equal());
        assert_eq!(areas.reference_m2(), 900.0);
    }

    #[rstest]
    // The scale of UTM is 0.9996 on its meridian: cells cover a little more than their 100 square metres.
    #[case("EPSG:32632", [500_000.0, 10.0, 0.0, 5_300_000.0, 0.0, -10.0], 100.0 / (0.9996 * 0.9996), 1e-6)]
    // Mercator's at 60 degrees is 2.
    #[case("EPSG:3857", [0.0, 10.0, 0.0, 8_399_737.9, 0.0, -10.0], 25.0, 1e-2)]
    fn a_projection_that_is_not_is_undone(
        #[case] crs: &str, #[case] geotransform: [f64; 6], #[case] expected: f64, #[case] tolerance: f64,
    ) {
        let found = area(&areas(crs, geotransform, [1000, 1000]), 3, 3);
        assert!((found / expected - 1.0).abs() < tolerance, "{found}");
    }

    #[test]
    fn a_cell_has_one_area_whatever_the_window() {
        let areas = areas("EPSG:32632", [300_000.0, 30.0, 0.0, 5_300_000.0, 0.0, -30.0], [5000, 5000]);
        let whole = areas.strips(Window { col: 100, row: 70, width: 300, height: 200 }).unwrap();
        for (col, row) in [(100, 70), (127, 127), (128, 128), (399, 269), (256, 200)] {
            let strip = whole.iter().find(|strip| strip.rows.contains(&(row as usize - 70))).unwrap();
            let part = strip.parts.iter().find(|(cols, _)| cols.contains(&(col as usize - 100))).unwrap();
            assert_eq!(
                part.1 as f64 / WHOLE_SHARE as f64 * areas.reference_m2(),
                area(&areas, col, row),
                "{col} {row}"
            );
        }
    }
}
