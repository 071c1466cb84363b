//! Codecs that the GDAL in the binary lacks, against what rasterio reads of the same files
//! (`tests/fixtures/conformance/make.py`), and JPEGs that our GDAL would not write.

use std::path::{Path, PathBuf};

use cogwheel::raster::{DataType, Decimation, Pixels, ReadRequest, Window};
use rstest::rstest;

use super::same::Both;
use crate::support::readers::{Opened, bits, open, read};

/// Two decoders of lossy WebP round on their own when they make RGB.
const LOSSY_TOLERANCE: u8 = 2;

const WINDOWS: usize = 40;

/// What a level holds.
struct Expected {
    width: usize,
    bands: usize,
    size_bytes: usize,
    /// Little-endian, all bands of a pixel together.
    cells: Vec<u8>,
    /// A byte a cell.
    valid: Vec<u8>,
}

impl Expected {
    /// The levels of a file, one after the other.
    fn of(raster: &Opened, path: &Path) -> Vec<Self> {
        let mut rest = std::fs::read(path).unwrap();
        let profile = raster.profile();
        let (bands, size_bytes) = (profile.bands.len(), profile.bands[0].dtype.size_bytes());
        let level = |(width, height): (usize, usize)| {
            let count = width * height * bands;
            let mut cells = rest.split_off(0);
            let mut valid = cells.split_off(count * size_bytes);
            rest = valid.split_off(count);
            Self { width, bands, size_bytes, cells, valid }
        };
        let levels = profile.levels.iter().map(|level| (level.width, level.height)).map(level).collect();
        assert!(rest.is_empty(), "{} bytes are left", rest.len());
        levels
    }

    /// Compares what was read of a window.
    fn compare(&self, request: &ReadRequest, pixels: &Pixels, tolerance: u8) {
        let read = bits(&pixels.samples);
        let window = request.window;
        let mut index = 0;
        for row in window.row..window.row + window.height {
            for col in window.col..window.col + window.width {
                for (offset, band) in request.bands.iter().enumerate() {
                    let cell = (row * self.width + col) * self.bands + band - 1;
                    let is_valid = pixels.mask.is_valid(index / request.bands.len(), offset, request.bands.len());
                    assert_eq!(is_valid, self.valid[cell] > 0, "{col}, {row} of band {band}: {request:?}");
                    let size = self.size_bytes;
                    let (ours, theirs) = (&read[index * size..][..size], &self.cells[cell * size..][..size]);
                    let is_near = size == 1 && ours[0].abs_diff(theirs[0]) <= tolerance;
                    assert!(
                        !is_valid || ours == theirs || is_near,
                        "{col}, {row} of band {band}: {ours:?} {theirs:?}: {request:?}"
                    );
                    index += 1;
                }
            }
        }
    }
}

#[rstest]
fn a_codec_that_gdal_lacks_is_read_as_rasterio_reads_it(
    #[files("tests/fixtures/conformance/*.bin")] expected: PathBuf,
) {
    let path = expected.with_extension("tif");
    let raster = open(path.to_str().unwrap()).unwrap();
    assert_eq!(raster.profile().reader, "cog");
    let tolerance = if path.to_str().unwrap().contains("lossy") { LOSSY_TOLERANCE } else { 0 };
    let tolerance = if raster.profile().bands[0].dtype == DataType::U8 { tolerance } else { 0 };
    let levels = Expected::of(&raster, &expected);
    assert_eq!(levels.len(), 2);
    let mut rng = fastrand::Rng::with_seed(7);
    for (level, expected) in levels.iter().enumerate() {
        let size = raster.profile().levels[level];
        let whole = Window { col: 0, row: 0, width: size.width, height: size.height };
        let all: Vec<usize> = (1..=expected.bands).collect();
        let compare = |window: Window, bands: Vec<usize>| {
            let request =
                ReadRequest { level, decimation: 1, window, bands, nodata: None, decimate_by: Decimation::Nearest };
            expected.compare(&request, &read(&raster, &request).unwrap(), tolerance);
        };
        compare(whole, all);
        for _ in 0..WINDOWS {
            let (col, row) = (rng.usize(..size.width), rng.usize(..size.height));
            let (width, height) = (rng.usize(1..=size.width - col), rng.usize(1..=size.height - row));
            compare(Window { col, row, width, height }, vec![1, rng.usize(1..=expected.bands)]);
        }
    }
}

#[rstest]
fn a_jpeg_of_any_subsampling_is_read_as_gdal_reads_it(#[files("tests/fixtures/conformance/jpeg_*.tif")] path: PathBuf) {
    let both = Both::open(path.to_str().unwrap(), "cog").unwrap();
    assert_eq!(both.compare_windows(&mut fastrand::Rng::with_seed(1), WINDOWS), Ok(()));
}
