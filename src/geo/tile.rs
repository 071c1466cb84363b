//! XYZ tile numbers and the pixel grid of a tile in EPSG:3857.

use super::{MERCATOR_HALF_WIDTH_M, mercator_x_to_lon, mercator_y_to_lat};

/// The deepest zoom served: its 256 px pixels are 0.15 mm, and 2^30 tiles a side still fit in 32 bits.
pub const MAX_ZOOM: u8 = 30;

/// An XYZ tile that exists: `z <= MAX_ZOOM`, `x < 2^z`, `y < 2^z`; y counts from the north.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TileId {
    z: u8,
    x: u32,
    y: u32,
}

/// Why three numbers are no tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Deeper than [`MAX_ZOOM`].
    #[error("z={z} is too deep: the deepest zoom is {MAX_ZOOM}")]
    Zoom {
        /// As asked.
        z: u64,
    },
    /// Outside the square of that zoom.
    #[error("{axis}={value} is outside zoom {z}: it must be from 0 to {max}")]
    Outside {
        /// `x` or `y`.
        axis: &'static str,
        /// As asked.
        value: u64,
        /// As asked.
        z: u8,
        /// The last tile of that zoom.
        max: u32,
    },
}

impl TileId {
    /// Checks the three numbers.
    ///
    /// # Errors
    /// When there is no such tile.
    pub fn new(z: u64, x: u64, y: u64) -> Result<Self, TileError> {
        let zoom = u8::try_from(z).ok().filter(|z| *z <= MAX_ZOOM).ok_or(TileError::Zoom { z })?;
        let max = (1_u32 << zoom) - 1;
        let check = |axis, value: u64| {
            u32::try_from(value).ok().filter(|v| *v <= max).ok_or(TileError::Outside { axis, value, z: zoom, max })
        };
        Ok(Self { z: zoom, x: check("x", x)?, y: check("y", y)? })
    }

    /// Zoom.
    #[must_use]
    pub fn z(self) -> u8 {
        self.z
    }

    /// Column, from the west.
    #[must_use]
    pub fn x(self) -> u32 {
        self.x
    }

    /// Row, from the north.
    #[must_use]
    pub fn y(self) -> u32 {
        self.y
    }

    /// `[west, south, east, north]` in degrees.
    #[must_use]
    pub fn lon_lat_bounds(self) -> [f64; 4] {
        let grid = OutputGrid::of_tile(self, 1);
        [
            mercator_x_to_lon(grid.x(0.0)),
            mercator_y_to_lat(grid.y(1.0)),
            mercator_x_to_lon(grid.x(1.0)),
            mercator_y_to_lat(grid.y(0.0)),
        ]
    }
}

/// A rectangle of the global EPSG:3857 pixel grid of one resolution.
///
/// Pixels are numbered over the whole square, so that every tile that holds a pixel computes the same
/// coordinates for it, bit for bit, whatever the size of the tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutputGrid {
    /// First column, counted from the west edge of the square.
    pub left: u64,
    /// First row, counted from the north edge of the square.
    pub top: u64,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Pixels along one side of the whole square.
    pub world_px: u64,
}

impl OutputGrid {
    /// The grid of a tile with `size_px` pixels a side.
    #[must_use]
    pub fn of_tile(tile: TileId, size_px: u32) -> Self {
        let size = u64::from(size_px);
        Self {
            left: u64::from(tile.x) * size,
            top: u64::from(tile.y) * size,
            width: size_px as usize,
            height: size_px as usize,
            world_px: size << tile.z,
        }
    }

    /// Metres a pixel (at the equator).
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "world_px is at most 2^41")]
    pub fn resolution_m(&self) -> f64 {
        2.0 * MERCATOR_HALF_WIDTH_M / self.world_px as f64
    }

    /// EPSG:3857 x of a column position; 0.5 is the centre of the first pixel.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "left is at most 2^41")]
    pub fn x(&self, col: f64) -> f64 {
        (self.left as f64 + col) * self.resolution_m() - MERCATOR_HALF_WIDTH_M
    }

    /// EPSG:3857 y of a row position; 0.5 is the centre of the first pixel.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "top is at most 2^41")]
    pub fn y(&self, row: f64) -> f64 {
        MERCATOR_HALF_WIDTH_M - (self.top as f64 + row) * self.resolution_m()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(31, 0, 0, "z=31 is too deep: the deepest zoom is 30")]
    #[case(999, 0, 0, "z=999 is too deep: the deepest zoom is 30")]
    #[case(3, 8, 0, "x=8 is outside zoom 3: it must be from 0 to 7")]
    #[case(0, 0, 1, "y=1 is outside zoom 0: it must be from 0 to 0")]
    #[case(30, 1 << 40, 0, "x=1099511627776 is outside zoom 30: it must be from 0 to 1073741823")]
    fn an_impossible_tile_is_refused_by_name(#[case] z: u64, #[case] x: u64, #[case] y: u64, #[case] message: &str) {
        assert_eq!(TileId::new(z, x, y).unwrap_err().to_string(), message);
    }

    #[test]
    fn the_world_tile_spans_the_mercator_square() {
        let [w, s, e, n] = TileId::new(0, 0, 0).unwrap().lon_lat_bounds();
        assert!((w + 180.0).abs() < 1e-9 && (e - 180.0).abs() < 1e-9);
        assert!((n - super::super::MERCATOR_MAX_LATITUDE).abs() < 1e-9 && (s + n).abs() < 1e-9);
    }

    #[test]
    fn a_pixel_has_one_coordinate_whatever_the_tile_size() {
        let small = OutputGrid::of_tile(TileId::new(7, 67, 44).unwrap(), 256);
        let large = OutputGrid::of_tile(TileId::new(6, 33, 22).unwrap(), 512);
        // the 256 px tile is the north-east quarter of the 512 px one
        assert_eq!(small.x(10.5).to_bits(), large.x(256.0 + 10.5).to_bits());
        assert_eq!(small.y(10.5).to_bits(), large.y(10.5).to_bits());
    }
}
