//! The GDAL reader: anything that GDAL opens, and the reference for every other reader.
//!
//! GDAL datasets are not shared: each worker thread keeps the few that it used last. GDAL's types do not
//! leave this folder.

mod coverage;
mod dataset;
mod ffi;
mod profile;
mod read;

use std::cell::RefCell;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{collections::VecDeque, sync::Arc};

use coverage::Coverage;
use dataset::Opened;

use super::super::{Profile, Raster, RasterError, ReadFuture, ReadRequest};
use crate::cpu::CpuPool;
use crate::geo::Crs;

/// Datasets that one worker keeps open; each holds a file descriptor and a header.
const DATASETS_PER_THREAD: usize = 16;

/// Source files that the VRTs of the whole process keep open; GDAL's own default of 100 is too few for a
/// large VRT, and Lambda allows 1,024 descriptors in all.
const VRT_SOURCES_OPEN: u16 = 450;

/// Memory that they may take; the default is a quarter of the machine.
const VRT_SOURCES_RAM: &str = "32MB";

/// GDAL's version, `3.12.1`.
#[must_use]
pub fn version() -> String {
    ffi::version()
}

/// Sets GDAL up, once for the process, before anything is opened.
pub fn configure(block_cache_mb: u32) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let options = [
            // Never list a directory: slow on object stores. Sidecars (.ovr, .msk) are still found by name.
            ("GDAL_DISABLE_READDIR_ON_OPEN", "TRUE".to_owned()),
            // One read fetches the whole header of a COG.
            ("GDAL_INGESTED_BYTES_AT_OPEN", "32768".to_owned()),
            // Decoded blocks, bounded in bytes; the default is 5 % of the machine.
            ("GDAL_CACHEMAX", block_cache_mb.to_string()),
            ("GDAL_MAX_DATASET_POOL_SIZE", VRT_SOURCES_OPEN.to_string()),
            // Each level of an open source keeps a decoded block of its own: bound that too, not only the number.
            ("GDAL_MAX_DATASET_POOL_RAM_USAGE", VRT_SOURCES_RAM.to_owned()),
            // A VRT may be somebody else's: no code from it, no raw bytes of arbitrary files.
            ("GDAL_VRT_ENABLE_PYTHON", "NO".to_owned()),
            ("GDAL_VRT_ENABLE_RAWRASTERBAND", "NO".to_owned()),
            // A damaged JPEG block is an error, not a grey square.
            ("GDAL_ERROR_ON_LIBJPEG_WARNING", "TRUE".to_owned()),
        ];
        for (key, value) in options {
            if let Err(error) = gdal::config::set_config_option(key, &value) {
                tracing::error!(key, %error, "GDAL did not take a setting");
            }
        }
        gdal::config::set_error_handler(|class, number, message| {
            tracing::debug!(gdal.class = ?class, gdal.number = number, "{message}");
        });
        gdal::DriverManager::register_all();
    });
}

/// A raster that GDAL reads.
#[derive(Debug)]
pub struct GdalRaster {
    source: Arc<Source>,
    profile: Arc<Profile>,
    coverage: Arc<Coverage>,
    pool: CpuPool,
}

/// Which dataset, for the threads that open it.
#[derive(Debug)]
struct Source {
    /// Tells this opening from earlier ones of the same file.
    id: u64,
    origin: String,
}

impl GdalRaster {
    /// Opens a raster; `crs` assigns its reference system or overrides it.
    ///
    /// # Errors
    /// When it is no raster, has no CRS, or is not georeferenced.
    pub async fn open(pool: &CpuPool, origin: &str, crs: Option<Crs>) -> Result<Self, RasterError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let source = Arc::new(Source { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), origin: origin.to_owned() });
        let on_worker = Arc::clone(&source);
        let (profile, coverage) = pool
            .run(move || {
                on_worker.with_dataset(|opened| {
                    let profile = profile::of(&on_worker.origin, opened, crs)?;
                    let coverage = Coverage::of(opened, &profile);
                    Ok((profile, coverage))
                })
            })
            .await??;
        Ok(Self { source, profile: Arc::new(profile), coverage: Arc::new(coverage), pool: pool.clone() })
    }
}

impl Raster for GdalRaster {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn read(&self, request: ReadRequest) -> ReadFuture<'_> {
        let (source, profile, coverage) =
            (Arc::clone(&self.source), Arc::clone(&self.profile), Arc::clone(&self.coverage));
        Box::pin(async move {
            self.pool
                .run(move || source.with_dataset(|opened| read::window(opened, &profile, &coverage, &request)))
                .await?
        })
    }
}

impl Source {
    /// Runs `job` on this thread's own handle of the dataset, opening it where needed.
    fn with_dataset<T>(&self, job: impl FnOnce(&Opened) -> Result<T, RasterError>) -> Result<T, RasterError> {
        thread_local! {
            /// Most recently used last.
            static OPEN: RefCell<VecDeque<(u64, Opened)>> = const { RefCell::new(VecDeque::new()) };
        }
        OPEN.with_borrow_mut(|open| {
            let entry = match open.iter().position(|(id, _)| *id == self.id).and_then(|index| open.remove(index)) {
                Some(entry) => entry,
                None => (self.id, Opened::open(&self.origin)?),
            };
            let result = job(&entry.1);
            // After an error the next read starts from a fresh handle: a VRT remembers a source that failed.
            if result.is_ok() {
                if open.len() >= DATASETS_PER_THREAD {
                    open.pop_front();
                }
                open.push_back(entry);
            }
            result
        })
    }
}
