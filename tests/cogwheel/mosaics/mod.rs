//! Mosaics of many sources, and mosaics that are broken or made to harm. That pixels are right, `conformance::mosaics` says.

mod faulty;
mod hostile;
mod scale;

use cogwheel::raster::{Decimation, Level, Pixels, ReadRequest, Window};

use crate::support::readers::{Opened, open, read};

/// What is read of each: no more than a tile.
const MOST_PIXELS: usize = 128;

/// The first pixels of the first bands, at full resolution.
fn corner(raster: &Opened) -> Result<Pixels, String> {
    let Level { width, height } = raster.profile().levels[0];
    let window = Window { col: 0, row: 0, width: width.min(MOST_PIXELS), height: height.min(MOST_PIXELS) };
    at(raster, window)
}

fn at(raster: &Opened, window: Window) -> Result<Pixels, String> {
    let bands = (1..=raster.profile().bands.len().min(4)).collect();
    let request =
        ReadRequest { level: 0, decimation: 1, window, bands, nodata: None, decimate_by: Decimation::Nearest };
    read(raster, &request).map_err(|error| error.to_string())
}

/// Opens and reads a file.
fn opened_and_read(path: &str) -> Result<Pixels, String> {
    corner(&open(path).map_err(|error| error.to_string())?)
}
