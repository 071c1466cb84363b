//! The grid that is analysed: that of a layer, at one of its levels.

use std::sync::Arc;

use super::Window;
use super::areas::CellAreas;
use super::cover::Shape;
use super::shapes::{Area, ShapeError};
use crate::catalog::OpenLayer;
use crate::geo::crs::CrsKind;
use crate::geo::{Affine, Crs, CrsError, around, lon_lat_to_mercator, mercator_x_to_lon};
use crate::raster::{self, DataType, LonLatBounds, Profile};

/// How much of the surroundings of a raster a shape keeps, in shares of the raster's size.
const MARGIN: f64 = 0.02;

/// The same in cells, at least.
const MARGIN_CELLS: f64 = 4.0;

/// Positions closer than this to the border of a cell are on it. (GDAL takes 1e-4.)
const SNAP_CELLS: f64 = 1e-6;

/// Mercator has no poles.
const MERCATOR_LATITUDE: f64 = 89.5;

/// A grid of cells, and the way between it and the Earth.
#[derive(Clone)]
pub struct Grid {
    layer: Arc<OpenLayer>,
    /// Index into [`Profile::levels`].
    level: usize,
    /// Size of a cell in cells of full resolution.
    scale: [f64; 2],
    inverse: Affine,
    wgs84: Crs,
}

impl Grid {
    /// The grid of a level of a layer.
    #[must_use]
    pub fn new(layer: &Arc<OpenLayer>, level: usize) -> Self {
        let profile = layer.profile();
        // Checked when the raster was opened.
        let inverse = profile.geotransform.inverse().unwrap_or(Affine([f64::NAN; 6]));
        let scale = profile.level_scale(level);
        Self { layer: Arc::clone(layer), level, scale, inverse, wgs84: Crs::wgs84() }
    }

    /// What the layer says of itself.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        self.layer.profile()
    }

    /// The layer.
    #[must_use]
    pub fn layer(&self) -> &Arc<OpenLayer> {
        &self.layer
    }

    /// Index into [`Profile::levels`].
    #[must_use]
    pub fn level(&self) -> usize {
        self.level
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        let level = self.profile().levels[self.level];
        [level.width, level.height]
    }

    /// Its own geotransform.
    #[must_use]
    pub fn geotransform(&self) -> Affine {
        let (c, [x, y]) = (self.profile().geotransform.0, self.scale);
        Affine([c[0], c[1] * x, c[2] * y, c[3], c[4] * x, c[5] * y])
    }

    /// The ground that its cells cover.
    ///
    /// # Errors
    /// When there is no way from its CRS to longitude and latitude.
    pub fn areas(&self) -> Result<CellAreas, CrsError> {
        CellAreas::of_grid(&self.profile().crs, self.geotransform(), self.size())
    }

    /// The type of one of its bands.
    #[must_use]
    pub fn dtype(&self, band: usize) -> DataType {
        self.profile().bands[band - 1].dtype
    }

    /// An area in its cells.
    ///
    /// # Errors
    /// When a part of it near the raster can't be projected, or takes too many vertices.
    pub fn shape(&self, area: &Area) -> Result<Shape, ShapeError> {
        let mut polygons = area.project(&self.boxes(), |lon, lat| self.to_cells(lon, lat))?;
        for position in polygons.iter_mut().flatten().flatten() {
            *position = position.map(snapped);
        }
        Ok(Shape::new(&polygons))
    }

    /// Longitudes, in the raster's own terms, and latitudes to columns and rows, in place; what the projection can't show becomes NaN or infinite.
    ///
    /// # Errors
    /// When there is no transform at all.
    pub fn to_cells(&self, lon: &mut [f64], lat: &mut [f64]) -> Result<(), CrsError> {
        match self.profile().crs.kind() {
            CrsKind::WebMercator => {
                for (lon, lat) in lon.iter_mut().zip(lat.iter_mut()) {
                    (*lon, *lat) = lon_lat_to_mercator(*lon, *lat);
                }
            }
            CrsKind::Wgs84 => {}
            CrsKind::LonLat => {
                let asked = lon.to_vec();
                self.wgs84.transform(&self.profile().crs, lon, lat)?;
                // PROJ may have wrapped it.
                lon.iter_mut().zip(asked).for_each(|(lon, asked)| *lon += whole_turns(asked - *lon));
            }
            CrsKind::Utm(_) | CrsKind::Other => self.wgs84.transform(&self.profile().crs, lon, lat)?,
        }
        let [x, y] = self.scale;
        for (lon, lat) in lon.iter_mut().zip(lat.iter_mut()) {
            let (col, row) = self.inverse.apply(*lon, *lat);
            (*lon, *lat) = (col / x, row / y);
        }
        Ok(())
    }

    /// The same for single places, wherever their longitudes begin to count: each is moved by whole turns to where the
    /// raster is.
    ///
    /// # Errors
    /// When there is no transform at all.
    pub fn to_own_cells(&self, lon: &mut [f64], lat: &mut [f64]) -> Result<(), CrsError> {
        let [west, east] = longitudes(self.profile());
        let middle = f64::midpoint(west, east);
        for lon in lon.iter_mut() {
            *lon = around(*lon, middle, 360.0);
        }
        self.to_cells(lon, lat)
    }

    /// Columns and rows to longitudes and latitudes, in place.
    ///
    /// # Errors
    /// When there is no transform at all.
    pub fn to_lon_lat(&self, col: &mut [f64], row: &mut [f64]) -> Result<(), CrsError> {
        let geotransform = self.geotransform();
        for (col, row) in col.iter_mut().zip(row.iter_mut()) {
            (*col, *row) = geotransform.apply(*col, *row);
        }
        if self.profile().crs.kind() != CrsKind::Wgs84 {
            self.profile().crs.transform(&self.wgs84, col, row)?;
        }
        Ok(())
    }

    /// What the raster can see, as boxes of west, south, east and north: its bounds and a margin.
    fn boxes(&self) -> Vec<[f64; 4]> {
        let profile = self.profile();
        let LonLatBounds { south, north, bulge, .. } = profile.bounds;
        let [west, east] = longitudes(profile);
        let (width, height) = (east - west, north - south);
        let [x, y] = [profile.width, profile.height].map(|size| (MARGIN_CELLS / to_f64(size)).max(MARGIN));
        let lat = height * y + 2.0 * bulge[1];
        let pole = if profile.crs.kind() == CrsKind::WebMercator { MERCATOR_LATITUDE } else { 90.0 };
        let (south, north) = ((south - lat).max(-pole), (north + lat).min(pole));
        let lon = width * x + 2.0 * bulge[0];
        if width + 2.0 * lon < 360.0 {
            return vec![[west - lon, south, east + lon, north]];
        }
        // All the way round: a seam where the raster has its own.
        vec![[west, south, west + 360.0, north]]
    }
}

/// A position that is meant to be on the border of a cell is put there: decimal degrees and a geotransform leave it a few
/// digits beside it, and it would touch the cells on the other side.
fn snapped(position: f64) -> f64 {
    let border = position.round();
    if (position - border).abs() < SNAP_CELLS { border } else { position }
}

/// The longitudes that the raster spans, from west to east, in its own terms where its x is nothing but longitude: 0 to
/// 360, perhaps.
fn longitudes(profile: &Profile) -> [f64; 2] {
    let [left, _, right, _] = profile.native_bounds();
    match profile.crs.kind() {
        CrsKind::Wgs84 | CrsKind::LonLat => [left, right],
        CrsKind::WebMercator => [left, right].map(mercator_x_to_lon),
        CrsKind::Utm(_) | CrsKind::Other => [profile.bounds.west, profile.bounds.east],
    }
}

fn whole_turns(degrees: f64) -> f64 {
    (degrees / 360.0).round() * 360.0
}

#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn to_f64(size: usize) -> f64 {
    size as f64
}

impl From<raster::Window> for Window {
    #[expect(clippy::cast_possible_truncation, reason = "what is read at once is far smaller")]
    fn from(window: raster::Window) -> Self {
        Self {
            col: window.col as u64,
            row: window.row as u64,
            width: window.width as u32,
            height: window.height as u32,
        }
    }
}

impl From<Window> for raster::Window {
    #[expect(clippy::cast_possible_truncation, reason = "windows of rasters fit into the memory's addresses")]
    fn from(window: Window) -> Self {
        Self {
            col: window.col as usize,
            row: window.row as usize,
            width: window.width as usize,
            height: window.height as usize,
        }
    }
}
