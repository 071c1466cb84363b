//! What a raster says of itself.

use std::sync::OnceLock;

use super::{DataType, RasterError};
use crate::geo::crs::CrsKind;
use crate::geo::{Affine, Crs};

/// A level may be this much coarser than what is asked for.
pub const LEVEL_TOLERANCE: f64 = 1.01;

/// The decimation that is not coarser than pixels of this size.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 30")]
pub fn power_of_two_up_to(px: f64) -> usize {
    1 << (px.max(1.0).log2().floor().min(30.0) as u32)
}

/// A colour table entry.
pub type Rgba = [u8; 4];

/// Everything known of a raster without reading a cell.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Path or URL, as configured.
    pub origin: String,
    /// `gdal`, later `cog` or `mosaic`.
    pub reader: &'static str,
    /// The format, by GDAL's short name (`GTiff`, `VRT`).
    pub driver: String,
    /// Coordinate reference system, x before y.
    pub crs: Crs,
    /// Pixel to CRS, at full resolution.
    pub geotransform: Affine,
    /// Columns at full resolution.
    pub width: usize,
    /// Rows at full resolution.
    pub height: usize,
    /// Bands in file order.
    pub bands: Vec<Band>,
    /// Full resolution first, then ever coarser overviews.
    pub levels: Vec<Level>,
    /// Up to this factor the reader decimates full resolution cheaply, by overviews of what it is made of (a VRT
    /// over COGs that have them); 1 where it does not.
    ///
    /// Unknown until [`super::Raster::know_sources`] has asked them, where asking costs a round trip.
    pub source_decimation: OnceLock<usize>,
    /// Up to this factor the pixels of those overviews lie on one grid: a power of two.
    pub source_alignment: usize,
    /// Longitude and latitude bounds.
    pub bounds: LonLatBounds,
    /// Changes when the source changes: made of names, sizes and times of its files.
    pub version: u64,
}

/// One band.
#[derive(Debug, Clone)]
pub struct Band {
    /// Type of its cells.
    pub dtype: DataType,
    /// Value that means "no data here", where it has one.
    pub nodata: Option<f64>,
    /// How its validity is told.
    pub mask: BandMask,
    /// Whether it is the dataset's alpha band.
    pub is_alpha: bool,
    /// GDAL's colour interpretation, lower case (`red`, `palette`, `undefined`).
    pub color_interpretation: String,
    /// Free text.
    pub description: String,
    /// Unit of the values, where it has one.
    pub unit: Option<String>,
    /// `physical = value * scale + offset`.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
    /// Colours by value.
    pub color_table: Option<Vec<Rgba>>,
    /// `STATISTICS_MINIMUM` and `STATISTICS_MAXIMUM`, where the file has both.
    pub statistics: Option<[f64; 2]>,
    /// Width and height of a block, in pixels.
    pub block_size: [usize; 2],
}

/// How a band tells which cells are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandMask {
    /// Every cell is.
    AllValid,
    /// By its nodata value.
    Nodata,
    /// By a mask for the whole dataset, or for this band.
    Dataset,
    /// By the dataset's alpha band.
    Alpha,
}

impl BandMask {
    /// Name in the catalogue.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AllValid => "all_valid",
            Self::Nodata => "nodata",
            Self::Dataset => "dataset",
            Self::Alpha => "alpha",
        }
    }
}

/// The raster at one resolution. It spans the same ground as the full one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Level {
    /// The grid of a decimated read: squares of `factor` x `factor` pixels, stretched so that whole ones span
    /// the same ground.
    #[must_use]
    pub fn decimated(self, factor: usize) -> Self {
        Self { width: self.width.div_ceil(factor), height: self.height.div_ceil(factor) }
    }
}

/// Longitude and latitude bounds in degrees; `east` may exceed 180 for data across the antimeridian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LonLatBounds {
    /// From -180 up to 180.
    pub west: f64,
    /// Degrees.
    pub south: f64,
    /// From `west` up to `west + 360`.
    pub east: f64,
    /// Degrees.
    pub north: f64,
    /// False when parts of the raster lie outside what its CRS can express: then they are the whole world.
    pub exact: bool,
    /// How far the raster may bulge out of them between the points that were looked at: `[lon, lat]` in degrees.
    pub bulge: [f64; 2],
}

/// Points along one side of the raster that are transformed to find its bounds.
const BOUNDS_POINTS: usize = 21;

impl LonLatBounds {
    /// The whole world, for lack of better.
    pub const WORLD: Self =
        Self { west: -180.0, south: -90.0, east: 180.0, north: 90.0, exact: false, bulge: [0.0; 2] };

    /// Bounds of a raster, from a lattice of its points (the pole and the antimeridian included).
    ///
    /// # Errors
    /// When its CRS has no transform to longitude and latitude.
    pub fn of_raster(crs: &Crs, geotransform: &Affine, width: usize, height: usize) -> Result<Self, RasterError> {
        let no_transform = |error: crate::geo::CrsError| RasterError::Open {
            origin: crs.label().to_owned(),
            reason: error.to_string(),
        };
        let (mut lon, mut lat) = lattice(geotransform, width, height);
        if matches!(crs.kind(), CrsKind::Wgs84 | CrsKind::LonLat) {
            return Ok(Self::of_degrees(&lon, &lat));
        }
        let wgs84 = Crs::wgs84();
        crs.transform(&wgs84, &mut lon, &mut lat).map_err(no_transform)?;
        if lon.iter().chain(&lat).any(|v| !v.is_finite()) {
            return Ok(Self::WORLD);
        }
        let (mut south, mut north) = extent(&lat);
        let (mut west, mut east) = shortest_arc(&lon);
        for (pole, edge) in [(90.0, &mut north), (-90.0, &mut south)] {
            if contains_point(crs, &wgs84, geotransform, width, height, pole).map_err(no_transform)? {
                *edge = pole;
                (west, east) = (-180.0, 180.0);
            }
        }
        Ok(Self { west, south, east, north, exact: true, bulge: [bulge(&lon), bulge(&lat)] })
    }

    fn of_degrees(lon: &[f64], lat: &[f64]) -> Self {
        let ((west, east), (south, north)) = (extent(lon), extent(lat));
        let (south, north) = (south.max(-90.0), north.min(90.0));
        if east - west >= 360.0 - 1e-9 {
            return Self { south, north, exact: true, ..Self::WORLD };
        }
        let shift = 360.0 * ((west + 180.0) / 360.0).floor();
        Self { west: west - shift, south, east: east - shift, north, exact: true, bulge: [0.0; 2] }
    }

    /// Whether a box in degrees (`[west, south, east, north]`, west < east) may overlap the raster.
    #[must_use]
    pub fn intersects(&self, [west, south, east, north]: [f64; 4]) -> bool {
        let [lon, lat] = self.bulge;
        let across = |shift: f64| west + shift <= self.east + lon && east + shift >= self.west - lon;
        south <= self.north + lat && north >= self.south - lat && [-360.0, 0.0, 360.0].into_iter().any(across)
    }

    /// As GeoJSON writes it (RFC 7946, 5.2): west > east across the antimeridian.
    #[must_use]
    pub fn to_bbox(&self) -> [f64; 4] {
        let east = if self.east > 180.0 { self.east - 360.0 } else { self.east };
        [self.west, self.south, east, self.north]
    }

    /// As TileJSON wants it: never across the antimeridian, then the full width instead.
    #[must_use]
    pub fn to_tilejson(&self) -> [f64; 4] {
        if self.east > 180.0 { [-180.0, self.south, 180.0, self.north] } else { self.to_bbox() }
    }
}

#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn lattice(geotransform: &Affine, width: usize, height: usize) -> (Vec<f64>, Vec<f64>) {
    let steps = BOUNDS_POINTS - 1;
    let at = |i: usize, size: usize| size as f64 * i as f64 / steps as f64;
    (0..=steps)
        .flat_map(|row| (0..=steps).map(move |col| (col, row)))
        .map(|(col, row)| geotransform.apply(at(col, width), at(row, height)))
        .unzip()
}

/// How far a curve through the lattice may leave the straight lines between its points: an eighth of the second
/// difference, were it a parabola; twice that for safety. Steps across the antimeridian are passed over.
fn bulge(values: &[f64]) -> f64 {
    let second =
        |a: f64, b: f64, c: f64| if (a - b).abs().max((b - c).abs()) < 180.0 { (a - 2.0 * b + c).abs() } else { 0.0 };
    let mut most = 0.0_f64;
    for line in 0..BOUNDS_POINTS {
        for i in 1..BOUNDS_POINTS - 1 {
            let along = |step: usize, start: usize| {
                let at = |i: usize| values[start + i * step];
                second(at(i - 1), at(i), at(i + 1))
            };
            most = most.max(along(1, line * BOUNDS_POINTS)).max(along(BOUNDS_POINTS, line));
        }
    }
    most / 4.0
}

fn extent(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
}

/// The shortest arc that holds every longitude: what is left of the circle without its widest gap.
fn shortest_arc(lon: &[f64]) -> (f64, f64) {
    let mut sorted = lon.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (first, last) = (sorted[0], sorted[sorted.len() - 1]);
    let mut best = (360.0 - (last - first), first, last);
    for pair in sorted.windows(2) {
        if pair[1] - pair[0] > best.0 {
            best = (pair[1] - pair[0], pair[1], pair[0] + 360.0);
        }
    }
    (best.1, best.2)
}

#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn contains_point(
    crs: &Crs, wgs84: &Crs, geotransform: &Affine, width: usize, height: usize, pole: f64,
) -> Result<bool, crate::geo::CrsError> {
    let (mut x, mut y) = ([0.0], [pole]);
    wgs84.transform(crs, &mut x, &mut y)?;
    let Some(inverse) = geotransform.inverse() else { return Ok(false) };
    let (col, row) = inverse.apply(x[0], y[0]);
    Ok((0.0..=width as f64).contains(&col) && (0.0..=height as f64).contains(&row))
}

impl Profile {
    /// Size of a pixel of one level, in pixels of full resolution: `[x, y]`.
    #[must_use]
    pub fn level_scale(&self, level: usize) -> [f64; 2] {
        self.scale_of(self.levels[level])
    }

    /// Size of a pixel of a grid over the whole raster, in pixels of full resolution.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
    pub fn scale_of(&self, grid: Level) -> [f64; 2] {
        [self.width as f64 / grid.width as f64, self.height as f64 / grid.height as f64]
    }

    /// The coarsest level that is not coarser than pixels of this size, in pixels of full resolution.
    #[must_use]
    pub fn level_for(&self, px: [f64; 2]) -> usize {
        let fits = |level: &usize| {
            let [x, y] = self.level_scale(*level);
            x <= px[0] * LEVEL_TOLERANCE && y <= px[1] * LEVEL_TOLERANCE
        };
        (1..self.levels.len()).rev().find(fits).unwrap_or(0)
    }

    /// Bounds in the units of the CRS: `[min x, min y, max x, max y]`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
    pub fn native_bounds(&self) -> [f64; 4] {
        let (w, h) = (self.width as f64, self.height as f64);
        let corners = [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].map(|(col, row)| self.geotransform.apply(col, row));
        let (left, right) = extent(&corners.map(|c| c.0));
        let (bottom, top) = extent(&corners.map(|c| c.1));
        [left, bottom, right, top]
    }

    /// Bands that hold data: all but the alpha band, from 1.
    pub fn data_bands(&self) -> impl Iterator<Item = usize> + '_ {
        (1..=self.bands.len()).filter(|index| !self.bands[index - 1].is_alpha)
    }

    /// The bands that make a picture when nobody chose: red, green, blue where they are named, else the
    /// first three, else the first.
    #[must_use]
    pub fn picture_bands(&self) -> Vec<usize> {
        let named = ["red", "green", "blue"]
            .map(|color| self.bands.iter().position(|band| band.color_interpretation == color).map(|index| index + 1));
        if let [Some(red), Some(green), Some(blue)] = named {
            return vec![red, green, blue];
        }
        let data: Vec<usize> = self.data_bands().collect();
        let wanted = if data.len() >= 3 { 3 } else { 1 };
        data.into_iter().take(wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(epsg: &str, geotransform: [f64; 6], width: usize, height: usize) -> LonLatBounds {
        LonLatBounds::of_raster(&Crs::parse(epsg).unwrap(), &Affine(geotransform), width, height).unwrap()
    }

    #[test]
    fn data_across_the_antimeridian_has_one_short_range() {
        let b = bounds("EPSG:32660", [600_000.0, 1000.0, 0.0, 5_000_000.0, 0.0, -1000.0], 400, 100);
        assert!(b.west > 178.0 && b.west < 180.0 && b.east > 182.0 && b.east < 184.0, "{b:?}");
        let [west, _, east, _] = b.to_bbox();
        assert!(west > east, "RFC 7946 writes west > east");
        assert!(b.intersects([-180.0, 40.0, -179.0, 46.0]) && b.intersects([179.0, 40.0, 180.0, 46.0]));
        assert!(!b.intersects([0.0, 40.0, 10.0, 46.0]));
    }

    #[test]
    fn a_raster_over_the_pole_spans_every_longitude() {
        let b = bounds("EPSG:3031", [-1e6, 10_000.0, 0.0, 1e6, 0.0, -10_000.0], 200, 200);
        assert_eq!((b.west, b.east, b.south), (-180.0, 180.0, -90.0));
        assert!(b.north < -70.0);
    }

    #[test]
    fn a_0_to_360_grid_is_the_world_and_a_part_of_one_wraps() {
        let world = bounds("EPSG:4326", [0.0, 1.0, 0.0, 90.0, 0.0, -1.0], 360, 180);
        assert_eq!(world.to_bbox(), [-180.0, -90.0, 180.0, 90.0]);
        let part = bounds("EPSG:4326", [170.0, 1.0, 0.0, 10.0, 0.0, -1.0], 60, 20);
        assert_eq!(part.to_bbox(), [170.0, -10.0, -130.0, 10.0]);
        assert_eq!(part.to_tilejson(), [-180.0, -10.0, 180.0, 10.0]);
    }
}
