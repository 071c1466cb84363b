//! The readers themselves, without a server above them: what was chosen to read a file, and the reference.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cogwheel::each_samples;
use cogwheel::geo::Crs;
use cogwheel::raster::readers::Readers;
use cogwheel::raster::readers::gdal::GdalRaster;
use cogwheel::raster::{Pixels, Raster, RasterError, ReadRequest, Sample, Samples};
use cogwheel::storage::{Access, Policy, Snapshot, Storage, StorageSettings};

use super::{pool, readers, runtime, set_up_gdal};

/// Whatever opens or reads for longer hangs.
pub const TIME_LIMIT: Duration = Duration::from_secs(20);

/// An open raster.
pub type Opened = Arc<dyn Raster>;

/// The reader that is chosen for a file in the folder of temporary files, or a fixture; it need not say where it is.
pub fn open(path: &str) -> Result<Opened, RasterError> {
    waited(async { readers().open(snapshot(), path, Some(Crs::wgs84())).await })
}

/// The same, where nothing is kept of what is decoded.
pub fn open_without_cache(path: &str) -> Result<Opened, RasterError> {
    waited(async { Readers::new(&pool(), 0).open(snapshot(), path, Some(Crs::wgs84())).await })
}

/// The reference.
pub fn open_by_gdal(path: &str) -> Result<Opened, RasterError> {
    let opened = waited(async { GdalRaster::open(&pool(), snapshot(), path, Some(Crs::wgs84())).await });
    opened.map(|raster| Arc::new(raster) as Opened)
}

/// A read, waited for.
pub fn read(raster: &Opened, request: &ReadRequest) -> Result<Pixels, RasterError> {
    waited(raster.read(request.clone()))
}

/// Finds out what takes a look at the sources.
pub fn know_sources(raster: &Opened) -> Result<(), RasterError> {
    waited(raster.know_sources())
}

/// The cells as bytes: equal only when they are equal bit by bit.
pub fn bits(samples: &Samples) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(samples.len() * samples.dtype().size_bytes());
    each_samples!(samples, values => values.iter().for_each(|value| value.write_le(&mut bytes)));
    bytes
}

fn waited<T>(work: impl Future<Output = T>) -> T {
    set_up_gdal();
    let in_time = runtime().block_on(async { tokio::time::timeout(TIME_LIMIT, work).await });
    in_time.unwrap_or_else(|_| panic!("it hangs"))
}

fn snapshot() -> Arc<Snapshot> {
    static STORAGE: OnceLock<Storage> = OnceLock::new();
    let storage = STORAGE.get_or_init(|| {
        let folders = [std::env::temp_dir(), super::fixtures()].map(|folder| folder.display().to_string());
        Storage::new(StorageSettings::default(), Policy::listed(&folders, "/").unwrap())
    });
    storage.snapshot(Access::default())
}
