//! Tile, grid and coordinate maths: values only, no I/O.

pub mod affine;
pub mod crs;
mod plane;
pub mod tile;

pub use affine::Affine;
pub use crs::{Crs, CrsError};
pub use tile::{OutputGrid, TileId};

/// Semi-major axis of the WGS 84 ellipsoid, in metres; the radius of the sphere of EPSG:3857.
pub const EARTH_RADIUS_M: f64 = 6_378_137.0;

/// Square of the first eccentricity of the WGS 84 ellipsoid.
pub const WGS84_ECCENTRICITY_2: f64 = 0.006_694_379_990_141_316_5;

/// Half the width of the EPSG:3857 square, in metres: `pi * EARTH_RADIUS_M`.
pub const MERCATOR_HALF_WIDTH_M: f64 = std::f64::consts::PI * EARTH_RADIUS_M;

/// The latitude at which the EPSG:3857 square ends, in degrees: `atan(sinh(pi))`.
pub const MERCATOR_MAX_LATITUDE: f64 = 85.051_128_779_806_59;

/// Longitude in degrees of an EPSG:3857 x in metres.
#[must_use]
pub fn mercator_x_to_lon(x_m: f64) -> f64 {
    (x_m / EARTH_RADIUS_M).to_degrees()
}

/// Latitude in degrees of an EPSG:3857 y in metres: `atan(sinh(y / R))` (EPSG guidance note 7-2, method 1024).
#[must_use]
pub fn mercator_y_to_lat(y_m: f64) -> f64 {
    (y_m / EARTH_RADIUS_M).sinh().atan().to_degrees()
}

/// EPSG:3857 x and y in metres of a longitude and latitude in degrees.
#[must_use]
pub fn lon_lat_to_mercator(lon: f64, lat: f64) -> (f64, f64) {
    let y = lat.to_radians().tan().asinh();
    (lon.to_radians() * EARTH_RADIUS_M, y * EARTH_RADIUS_M)
}

/// Longitude folded into -180..180 (exactly 180 stays 180).
#[must_use]
pub fn wrap_longitude(lon: f64) -> f64 {
    if (-180.0..=180.0).contains(&lon) { lon } else { (lon + 180.0).rem_euclid(360.0) - 180.0 }
}

/// A coordinate moved by whole turns of the world to within half a turn of `middle`: `-half <= x - middle < half`.
#[must_use]
pub fn around(x: f64, middle: f64, period: f64) -> f64 {
    let first = middle - period / 2.0;
    if (first..first + period).contains(&x) { x } else { first + (x - first).rem_euclid(period) }
}
