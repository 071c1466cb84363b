//! Rasters that are too large to commit, made when a test needs them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use gdal::raster::{Buffer, GdalType, RasterBand, RasterCreationOptions};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags};

use super::set_up_gdal;

/// Rows that are written at once.
const STRIP_ROWS: usize = 512;

/// A folder that goes away with the test.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cogwheel-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes a text file.
    pub fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A tiled GeoTIFF of one band.
pub struct Tiff<'a> {
    pub path: &'a str,
    pub size: [usize; 2],
    pub crs: &'a str,
    /// All zeros for none.
    pub geotransform: [f64; 6],
    /// Creation options beyond `TILED=YES`.
    pub options: &'a [&'a str],
    pub nodata: Option<f64>,
}

impl<'a> Tiff<'a> {
    /// A raster from a corner in squares of `cell`.
    pub fn new(path: &'a str, size: [usize; 2], crs: &'a str, [left, top]: [f64; 2], cell: f64) -> Self {
        let geotransform = [left, cell, 0.0, top, 0.0, -cell];
        Self { path, size, crs, geotransform, options: &["COMPRESS=DEFLATE", "ZLEVEL=1"], nodata: None }
    }

    /// Makes the file, without a value written.
    pub fn create<T: GdalType + Copy>(&self) -> Dataset {
        set_up_gdal();
        let options: RasterCreationOptions = ["TILED=YES"].iter().chain(self.options).copied().collect();
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let [width, height] = self.size;
        let mut dataset = driver
            .create_with_band_type_with_options::<T, _>(Path::new(self.path), width, height, 1, &options)
            .unwrap();
        dataset.set_spatial_ref(&SpatialRef::from_definition(self.crs).unwrap()).unwrap();
        if self.geotransform != [0.0; 6] {
            dataset.set_geo_transform(&self.geotransform).unwrap();
        }
        dataset.rasterband(1).unwrap().set_no_data_value(self.nodata).unwrap();
        dataset
    }

    /// Makes the file; `value` is called with column and row.
    pub fn write<T: GdalType + Copy>(&self, value: impl Fn(usize, usize) -> T) {
        let dataset = self.create::<T>();
        fill(&mut dataset.rasterband(1).unwrap(), value);
    }
}

impl Tiff<'_> {
    /// Adds overviews to the file that was written.
    pub fn build_overviews(&self, resampling: &str, factors: &[i32]) {
        let options = DatasetOptions { open_flags: GdalOpenFlags::GDAL_OF_UPDATE, ..DatasetOptions::default() };
        Dataset::open_ex(self.path, options).unwrap().build_overviews(resampling, factors, &[]).unwrap();
    }
}

/// Writes a band, or one of its overviews.
pub fn fill<T: GdalType + Copy>(band: &mut RasterBand<'_>, value: impl Fn(usize, usize) -> T) {
    let (width, height) = band.size();
    for top in (0..height).step_by(STRIP_ROWS) {
        let rows = STRIP_ROWS.min(height - top);
        let values = (top..top + rows).flat_map(|row| (0..width).map(move |col| (col, row)));
        let mut buffer = Buffer::new((width, rows), values.map(|(col, row)| value(col, row)).collect());
        band.write((0, top.cast_signed()), (width, rows), &mut buffer).unwrap();
    }
}
