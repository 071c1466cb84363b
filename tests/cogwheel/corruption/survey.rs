//! Opens and reads a file that may be anything, and tells what should not have happened.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use cogwheel::cpu::CpuError;
use cogwheel::raster::{Decimation, Pixels, RasterError, ReadRequest, Window};

use crate::conformance::differences;
use crate::support::readers::{Opened, open, open_by_gdal, read};

/// A file that takes longer hangs, as good as.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Sides of a level are read up to here, and bands.
const MOST_PIXELS: usize = 128;
const MOST_BANDS: usize = 8;

/// What should not happen.
#[derive(Debug)]
#[expect(dead_code, reason = "they are shown")]
pub enum Finding {
    Panic(String),
    Slow(Duration),
    WrongSize(String),
    /// GDAL says that it can't be read.
    Served(String),
    /// GDAL reads something else.
    Differs(String),
}

/// Opens a file, reads all levels and a small window, and compares with GDAL what could be read.
pub fn survey(path: &str) -> Vec<Finding> {
    let started = Instant::now();
    let caught = catch_unwind(AssertUnwindSafe(|| opened_and_read(path)));
    let mut findings = caught.unwrap_or_else(|panic| vec![Finding::Panic(cogwheel::cpu::panic_message(&*panic))]);
    if started.elapsed() > TIME_LIMIT {
        findings.push(Finding::Slow(started.elapsed()));
    }
    findings
}

fn opened_and_read(path: &str) -> Vec<Finding> {
    let raster = match open(path) {
        Ok(raster) => raster,
        Err(error) => return panicked(&error).into_iter().collect(),
    };
    let mut reference = None;
    requests(&raster).iter().filter_map(|request| finding(path, &raster, &mut reference, request)).collect()
}

fn finding(path: &str, raster: &Opened, reference: &mut Option<Opened>, request: &ReadRequest) -> Option<Finding> {
    let pixels = match read(raster, request) {
        Ok(pixels) => pixels,
        Err(error) => return panicked(&error),
    };
    let Pixels { width, height, bands, samples, .. } = &pixels;
    let window = request.window;
    let wanted = (window.width, window.height, request.bands.len());
    if (*width, *height, *bands) != wanted || samples.len() != wanted.0 * wanted.1 * wanted.2 {
        return Some(Finding::WrongSize(format!("{width} {height} {bands} {}", samples.len())));
    }
    if raster.profile().reader == "gdal" {
        return None;
    }
    if reference.is_none() {
        *reference = open_by_gdal(path).ok();
    }
    let Some(gdal) = &reference else { return Some(Finding::Served("GDAL does not open it again".to_owned())) };
    let level = request.level;
    match read(gdal, request) {
        Err(error) => Some(Finding::Served(format!("level {level}, {window:?}: {error}"))),
        Ok(expected) => {
            let what = differences(&pixels, &expected)?;
            Some(Finding::Differs(format!("level {level}, {window:?}: {what}")))
        }
    }
}

fn requests(raster: &Opened) -> Vec<ReadRequest> {
    let profile = raster.profile();
    let bands: Vec<usize> = (1..=profile.bands.len().min(MOST_BANDS)).collect();
    let request = |level: usize, window: Window, bands: &[usize]| {
        let (bands, decimate_by) = (bands.to_vec(), Decimation::Nearest);
        ReadRequest { level, decimation: 1, window, bands, nodata: None, decimate_by }
    };
    let whole = profile.levels.iter().enumerate().map(|(index, level)| {
        let (width, height) = (level.width.min(MOST_PIXELS), level.height.min(MOST_PIXELS));
        request(index, Window { col: 0, row: 0, width, height }, &bands)
    });
    let corner = Window { col: profile.width - 1, row: profile.height - 1, width: 1, height: 1 };
    whole.chain([request(0, corner, &bands[..1])]).collect()
}

fn panicked(error: &RasterError) -> Option<Finding> {
    match error {
        RasterError::Cpu(CpuError::Panicked { message }) => Some(Finding::Panic(message.clone())),
        _ => None,
    }
}
