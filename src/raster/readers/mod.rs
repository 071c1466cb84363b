//! The readers behind the seam, and which of them reads what.

mod bytes;
mod cog;
pub mod gdal;
mod mosaic;
mod tiff;
mod vrt;

use std::sync::Arc;

use cog::{BlockCache, CogRaster};
use gdal::{GdalRaster, Role};
use mosaic::{MosaicRaster, OpenSources};

use super::{Raster, RasterError};
use crate::cpu::CpuPool;
use crate::geo::Crs;
use crate::storage::{Snapshot, redacted};

/// Rasters that mosaics keep open; Lambda allows 1,024 file descriptors in all.
const SOURCES_KEPT_OPEN: usize = 300;

/// What all rasters share: the workers that read them, and the decoded blocks; cheap to clone.
#[derive(Debug, Clone)]
pub struct Readers {
    pool: CpuPool,
    blocks: BlockCache,
    /// Rasters that mosaics are made of.
    sources: Arc<OpenSources>,
}

impl Readers {
    /// Readers that keep up to so many bytes of decoded blocks, besides those that GDAL keeps.
    #[must_use]
    pub fn new(pool: &CpuPool, block_cache_bytes: u64) -> Self {
        let sources = Arc::new(OpenSources::new(SOURCES_KEPT_OPEN));
        Self { pool: pool.clone(), blocks: BlockCache::new(block_cache_bytes), sources }
    }

    /// Opens a raster with the fastest reader that knows all of it; `crs` assigns its reference system or overrides it.
    ///
    /// # Errors
    /// When it may not be opened or is no raster, has no CRS, or is not georeferenced.
    pub async fn open(
        &self, snapshot: Arc<Snapshot>, origin: &str, crs: Option<Crs>,
    ) -> Result<Arc<dyn Raster>, RasterError> {
        self.open_at(snapshot, origin, crs, 0).await
    }

    /// Opens a raster that lies so deep inside mosaics: there, for its cells only.
    async fn open_at(
        &self, snapshot: Arc<Snapshot>, origin: &str, crs: Option<Crs>, depth: usize,
    ) -> Result<Arc<dyn Raster>, RasterError> {
        let Some(text) = self.mosaic(&snapshot, origin).await? else {
            let gdal = GdalRaster::open_as(Role::at(depth), &self.pool, snapshot, origin, crs).await?;
            return Ok(match CogRaster::over(gdal, &self.blocks).await? {
                Ok(cog) => Arc::new(cog),
                Err(gdal) => Arc::new(gdal),
            });
        };
        if depth > mosaic::MOST_DEPTH {
            let reason = format!("VRTs are inside VRTs, more than {} deep", mosaic::MOST_DEPTH);
            return Err(RasterError::Read { origin: redacted(origin), reason });
        }
        Ok(match MosaicRaster::open(text, self, snapshot, origin, crs, depth).await? {
            Ok(mosaic) => Arc::new(mosaic),
            Err(gdal) => Arc::new(gdal),
        })
    }

    /// The text of a VRT that the reader of mosaics knows all of.
    async fn mosaic(&self, snapshot: &Arc<Snapshot>, origin: &str) -> Result<Option<mosaic::Text>, RasterError> {
        let path = origin.split_once('?').map_or(origin, |(path, _)| path);
        if !vrt::is_vrt(path) {
            return Ok(None);
        }
        mosaic::Text::read(self, snapshot, origin).await
    }
}
