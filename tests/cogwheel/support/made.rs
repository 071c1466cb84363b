//! Rasters that are too large to commit, made when a test needs them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use gdal::raster::{Buffer, GdalType, RasterBand, RasterCreationOptions};
use gdal::spatial_ref::SpatialRef;
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags, vsi};

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

    /// Makes the file from what `fill` leaves in a dataset without values.
    pub fn create<T: GdalType + Copy>(&self, fill: impl FnOnce(&mut Dataset)) {
        set_up_gdal();
        let memory = Memory::new();
        let options: RasterCreationOptions = ["TILED=YES"].iter().chain(self.options).copied().collect();
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let [width, height] = self.size;
        let mut dataset = driver
            .create_with_band_type_with_options::<T, _>(memory.path(self.name()), width, height, 1, &options)
            .unwrap();
        dataset.set_spatial_ref(&SpatialRef::from_definition(self.crs).unwrap()).unwrap();
        if self.geotransform != [0.0; 6] {
            dataset.set_geo_transform(&self.geotransform).unwrap();
        }
        dataset.rasterband(1).unwrap().set_no_data_value(self.nodata).unwrap();
        fill(&mut dataset);
        dataset.close().unwrap();
        memory.store(self.folder());
    }

    /// Makes the file; `value` is called with column and row.
    pub fn write<T: GdalType + Copy>(&self, value: impl Fn(usize, usize) -> T) {
        self.create::<T>(|dataset| fill(&mut dataset.rasterband(1).unwrap(), value));
    }

    /// Adds overviews to the file that was written, and to the mask beside it.
    pub fn build_overviews(&self, resampling: &str, factors: &[i32]) {
        let memory = Memory::new();
        memory.load(self.path);
        let mask = format!("{}.msk", self.path);
        if Path::new(&mask).exists() {
            memory.load(&mask);
        }
        let options = DatasetOptions { open_flags: GdalOpenFlags::GDAL_OF_UPDATE, ..DatasetOptions::default() };
        let mut dataset = Dataset::open_ex(memory.path(self.name()), options).unwrap();
        dataset.build_overviews(resampling, factors, &[]).unwrap();
        dataset.close().unwrap();
        memory.store(self.folder());
    }

    fn name(&self) -> &str {
        Path::new(self.path).file_name().unwrap().to_str().unwrap()
    }

    fn folder(&self) -> &Path {
        Path::new(self.path).parent().unwrap()
    }
}

/// A folder in GDAL's memory, the only one where a test may write with GDAL, or read outside a layer: what GDAL takes
/// for the disk is read-only, and open only to reads of layers.
pub struct Memory(PathBuf);

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(format!("/vsimem/made-{}", NEXT.fetch_add(1, Ordering::Relaxed)).into())
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, bytes: Vec<u8>) {
        vsi::create_mem_file(self.path(name), bytes).unwrap();
    }

    /// Copies a file from the disk.
    pub fn load(&self, path: impl AsRef<Path>) {
        let path = path.as_ref();
        self.write(path.file_name().unwrap().to_str().unwrap(), std::fs::read(path).unwrap());
    }

    fn files(&self) -> Vec<PathBuf> {
        vsi::read_dir(&self.0, false).unwrap_or_default()
    }

    /// Moves all files to a folder on the disk.
    pub fn store(&self, folder: &Path) {
        for name in self.files() {
            std::fs::write(folder.join(&name), vsi::get_vsi_mem_file_bytes_owned(self.0.join(&name)).unwrap()).unwrap();
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        for name in self.files() {
            let _ = vsi::unlink_mem_file(self.0.join(name));
        }
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
