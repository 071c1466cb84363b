//! The GDAL reader: anything that GDAL opens, and the reference for every other reader.
//!
//! GDAL datasets are not shared: each worker thread keeps the few that it used last (`source`). All of GDAL's files are
//! ours (`vsi`): it opens nothing that the operator did not allow, and waits for no network. GDAL's types do not leave
//! this folder.

mod blocks;
mod coverage;
mod dataset;
mod disguise;
mod ffi;
mod files;
mod profile;
mod read;
mod source;
mod tags;
mod text;
mod vrt;
mod vsi;

use std::sync::{Arc, Once};

pub(super) use blocks::MOST_BLOCK_BYTES;
use bytes::Bytes;
use coverage::Coverage;
use dataset::Opened;
use files::Files;
use source::{Attempt, Source};
use vrt::{Touched, VrtSource};

use super::super::{Future, Profile, Raster, RasterError, ReadRequest};
use crate::cpu::CpuPool;
use crate::geo::Crs;
use crate::raster::Pixels;
use crate::storage::{Held, Location, Snapshot, Want, redacted};

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
            // What a job may open is known to its own thread only.
            ("VRT_NUM_THREADS", "1".to_owned()),
            ("GDAL_NUM_THREADS", "1".to_owned()),
            // A damaged JPEG block is an error, not a grey square.
            ("GDAL_ERROR_ON_LIBJPEG_WARNING", "TRUE".to_owned()),
        ];
        for (key, value) in options {
            if let Err(error) = gdal::config::set_config_option(key, &value) {
                tracing::error!(key, %error, "GDAL did not take a setting");
            }
        }
        gdal::config::set_error_handler(|class, number, message| {
            tracing::debug!(gdal.class = ?class, gdal.number = number, "{}", redacted(message));
        });
        ffi::install_file_systems();
        gdal::DriverManager::register_all();
    });
}

/// Prepares a thread for GDAL's work; every worker begins with it.
pub fn prepare_thread() {
    ffi::take_files_from_proj();
}

/// What a raster is opened for.
#[derive(Debug, Clone)]
pub enum Role {
    /// To be shown.
    Layer,
    /// As a part of a mosaic, which knows where it is: only its cells matter.
    Source,
    /// A VRT whose sources somebody else reads.
    Frame(Frame),
}

/// What is left of a VRT whose sources somebody else reads: its description, and its own overviews.
#[derive(Debug, Clone)]
pub struct Frame {
    /// It is a part of another one.
    pub is_source: bool,
    /// Its text without the sources, where GDAL is not to know them.
    pub text: Option<Bytes>,
    /// Files that its version depends on.
    pub files: Vec<String>,
    /// See [`Profile::source_alignment`].
    pub alignment: usize,
}

impl Role {
    /// Of a raster so deep inside mosaics.
    pub(super) fn at(depth: usize) -> Self {
        if depth == 0 { Self::Layer } else { Self::Source }
    }

    /// Whether only its cells matter.
    fn is_source(&self) -> bool {
        match self {
            Self::Layer => false,
            Self::Source => true,
            Self::Frame(frame) => frame.is_source,
        }
    }
}

/// A raster that GDAL reads.
#[derive(Debug)]
pub struct GdalRaster {
    source: Arc<Source>,
    profile: Arc<Profile>,
    coverage: Arc<Coverage>,
    /// The sources of a plain VRT, where some of them may have to be brought.
    sources: Vec<VrtSource>,
    is_warped: bool,
    pool: CpuPool,
}

impl GdalRaster {
    /// Opens a raster; `crs` assigns its reference system or overrides it.
    ///
    /// # Errors
    /// When it may not be opened or is no raster, has no CRS, or is not georeferenced.
    pub async fn open(
        pool: &CpuPool, snapshot: Arc<Snapshot>, origin: &str, crs: Option<Crs>,
    ) -> Result<Self, RasterError> {
        Self::open_as(Role::Layer, pool, snapshot, origin, crs).await
    }

    /// Opens it for what it is to be.
    ///
    /// # Errors
    /// As `open`.
    pub async fn open_as(
        role: Role, pool: &CpuPool, snapshot: Arc<Snapshot>, origin: &str, crs: Option<Crs>,
    ) -> Result<Self, RasterError> {
        let location = snapshot.storage().policy().location(origin);
        let location =
            location.map_err(|refusal| RasterError::Storage { origin: redacted(origin), error: refusal.into() })?;
        let location = snapshot.without_query(location);
        let source = Source::new(location.to_gdal(), snapshot);
        let source = if role.is_source() { source.cells_only() } else { source };
        let source = Arc::new(match &role {
            Role::Frame(Frame { text: Some(text), .. }) => source.showing(text.clone()),
            _ => source,
        });
        let (shown, path) = (location.to_string(), source.path.clone());
        let job = move |opened: &Opened| {
            vsi::expect(vrt::overviews(opened, &path));
            let (profile, files) = profile::of(&shown, opened, crs.clone(), &role)?;
            let coverage = match role {
                Role::Frame(_) => Coverage::default(),
                Role::Layer | Role::Source => Coverage::of(opened, &profile),
            };
            let mut sources = vrt::sources(opened).unwrap_or_default();
            // A mosaic of files is searched by GDAL alone.
            let is_file = |path: String| matches!(Location::parse(&path), Ok(Location::File(_)));
            if sources.iter().all(|source| !source.is_vrt() && is_file(source.path(&path))) {
                sources.clear();
            }
            Ok((profile, files, coverage, sources, matches!(opened, Opened::Warped(_))))
        };
        let (profile, files, coverage, sources, is_warped) = source.run(pool, job).await?;
        let _ = source.files.set(files);
        let (profile, coverage) = (Arc::new(profile), Arc::new(coverage));
        Ok(Self { source, profile, coverage, sources, is_warped, pool: pool.clone() })
    }

    /// The workers that it runs on.
    #[must_use]
    pub fn pool(&self) -> &CpuPool {
        &self.pool
    }

    /// The objects that it is made of.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.source.snapshot
    }

    /// As GDAL opens it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.source.path
    }

    /// Whether it is another grid than the file's own, made of ground control points.
    #[must_use]
    pub fn is_warped(&self) -> bool {
        self.is_warped
    }

    async fn pixels(&self, request: ReadRequest) -> Result<Pixels, RasterError> {
        let request = Arc::new(request);
        let job = {
            let (profile, coverage) = (Arc::clone(&self.profile), Arc::clone(&self.coverage));
            let request = Arc::clone(&request);
            move |opened: &Opened| read::window(opened, &profile, &coverage, &request)
        };
        let mut held = self.headers_of_sources(&request).await?;
        match self.source.attempt(&self.pool, &mut held, job.clone()).await? {
            Attempt::Done(result) => return result,
            Attempt::Missing(_, wants) => held.extend(self.missing(&request, wants).await?),
        }
        self.source.run_with(&self.pool, held, job).await
    }

    /// What the window touches of the sources of a VRT. GDAL reads them one after the other, and would miss the bytes of
    /// each in a round of its own.
    fn touched(&self, request: &ReadRequest) -> Vec<Touched> {
        let (window, scale) = read::in_full(&self.profile, request);
        vrt::touched(&self.sources, &self.source.path, window, scale)
    }

    /// Brings what the window needs of the sources when some of them have not been opened yet: GDAL keeps in mind a source
    /// that it failed to open.
    async fn headers_of_sources(&self, request: &ReadRequest) -> Result<Held, RasterError> {
        let unknown = |touched: &Touched| {
            matches!(Location::parse(&touched.path), Ok(Location::Object(object))
            if self.source.snapshot.known(&object).is_none())
        };
        let is_native = request.level == 0 && request.decimation == 1;
        let touched = if is_native { self.touched(request) } else { Vec::new() };
        if touched.iter().any(unknown) {
            return self.source.bring_sources(&self.pool, touched, &request.bands).await;
        }
        Ok(Held::new())
    }

    /// Brings what a first attempt missed.
    async fn missing(&self, request: &ReadRequest, wants: Vec<Want>) -> Result<Held, RasterError> {
        let touched = self.touched(request);
        let is_touched = |want: &Want| {
            let object = match want {
                Want::Header(object) | Want::Sidecar(object) => object,
                Want::Bytes(version, _) => &version.object,
            };
            touched.iter().any(|touched| touched.is_vrt() || touched.is(object))
        };
        if wants.iter().any(is_touched) {
            return self.source.bring_sources(&self.pool, touched, &request.bands).await;
        }
        let mut held = Held::new();
        self.source.bring(wants, &mut held).await?;
        Ok(held)
    }
}

impl Raster for GdalRaster {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn read(&self, request: ReadRequest) -> Future<'_, Pixels> {
        Box::pin(self.pixels(request))
    }

    fn read_now(&self, request: &ReadRequest) -> Option<Result<Pixels, RasterError>> {
        if self.is_remote() {
            return None;
        }
        self.source.attempt_now(|opened| read::window(opened, &self.profile, &self.coverage, request))
    }

    fn know_sources(&self) -> Future<'_, ()> {
        Box::pin(async move {
            let path = self.source.path.clone();
            let first = self.sources.first().map(|source| source.path(&path));
            let job = move |_: &Opened| Ok(first.as_deref().map_or(1, profile::source_decimation));
            let decimation = self.source.run(&self.pool, job).await?;
            let _ = self.profile.source_decimation.set(decimation);
            Ok(())
        })
    }

    fn is_current(&self) -> Future<'_, bool> {
        Box::pin(async move {
            let source = Arc::clone(&self.source);
            if !self.pool.run(move || source.files.get().is_none_or(Files::are_current)).await? {
                return Ok(false);
            }
            let current = self.source.snapshot.is_current().await;
            current.map_err(|error| RasterError::Storage { origin: self.profile.origin.clone(), error })
        })
    }

    fn is_remote(&self) -> bool {
        self.source.snapshot.has_objects()
    }
}
