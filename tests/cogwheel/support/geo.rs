//! Where pixels are, written down a second time, so that a test does not trust what it tests.

use std::f64::consts::PI;

/// Circumference of the sphere of EPSG:3857.
pub const WORLD_M: f64 = 2.0 * PI * 6_378_137.0;

/// The tile whose pixels are the cells of the rasters "on the tile grid".
pub const ALIGNED: &str = "10/540/360";

/// Its four children, with the row and column of the parent's quadrant.
pub const ALIGNED_CHILDREN: [(&str, usize, usize); 4] =
    [("11/1080/720", 0, 0), ("11/1081/720", 0, 1), ("11/1080/721", 1, 0), ("11/1081/721", 1, 1)];

/// Size of a cell of the rasters "on the tile grid".
pub const ALIGNED_CELL_M: f64 = WORLD_M / 1024.0 / 256.0;

/// Their top left corner in EPSG:3857.
pub const ALIGNED_CORNER: [f64; 2] =
    [540.0 * 256.0 * ALIGNED_CELL_M - WORLD_M / 2.0, WORLD_M / 2.0 - 360.0 * 256.0 * ALIGNED_CELL_M];

/// Longitude of a column position of the 256 px pixel grid of a zoom.
pub fn lon(zoom: u32, col: f64) -> f64 {
    col / (256.0 * f64::from(1_u32 << zoom)) * 360.0 - 180.0
}

/// Latitude of a row position of the 256 px pixel grid of a zoom.
pub fn lat(zoom: u32, row: f64) -> f64 {
    let y = PI * (1.0 - 2.0 * row / (256.0 * f64::from(1_u32 << zoom)));
    y.sinh().atan().to_degrees()
}

/// Column and row positions, on the 256 px pixel grid of a zoom, of a place.
pub fn pixel(zoom: u32, lon: f64, lat: f64) -> (f64, f64) {
    let size = 256.0 * f64::from(1_u32 << zoom);
    let y = lat.to_radians().tan().asinh();
    ((lon + 180.0) / 360.0 * size, (1.0 - y / PI) / 2.0 * size)
}

/// The tile that holds a place.
pub fn tile(zoom: u32, lon: f64, lat: f64) -> (u32, u32) {
    let (col, row) = pixel(zoom, lon, lat);
    ((col / 256.0) as u32, (row / 256.0) as u32)
}

/// The path of the tile that holds a place in EPSG:3857.
pub fn tile_path_of_metres(zoom: u32, [x, y]: [f64; 2]) -> String {
    let tile_m = WORLD_M / f64::from(1_u32 << zoom);
    let (col, row) = ((x + WORLD_M / 2.0) / tile_m, (WORLD_M / 2.0 - y) / tile_m);
    format!("{zoom}/{}/{}", col as u32, row as u32)
}

/// The path `z/x/y` of the tile that holds a place.
pub fn tile_path(zoom: u32, [lon, lat]: [f64; 2]) -> String {
    let (x, y) = tile(zoom, lon, lat);
    format!("{zoom}/{x}/{y}")
}
