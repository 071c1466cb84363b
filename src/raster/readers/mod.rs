//! The readers behind the seam, and which of them reads what.

mod cog;
pub mod gdal;

use std::sync::Arc;

use cog::{BlockCache, CogRaster};
use gdal::GdalRaster;

use super::{Raster, RasterError};
use crate::cpu::CpuPool;
use crate::geo::Crs;
use crate::storage::Snapshot;

/// What all rasters share: the workers that read them, and the decoded blocks; cheap to clone.
#[derive(Debug, Clone)]
pub struct Readers {
    pool: CpuPool,
    blocks: BlockCache,
}

impl Readers {
    /// Readers that keep up to so many bytes of decoded blocks, besides those that GDAL keeps.
    #[must_use]
    pub fn new(pool: &CpuPool, block_cache_bytes: u64) -> Self {
        Self { pool: pool.clone(), blocks: BlockCache::new(block_cache_bytes) }
    }

    /// Opens a raster with the fastest reader that knows all of it; `crs` assigns its reference system or overrides it.
    ///
    /// # Errors
    /// When it may not be opened or is no raster, has no CRS, or is not georeferenced.
    pub async fn open(
        &self, snapshot: Arc<Snapshot>, origin: &str, crs: Option<Crs>,
    ) -> Result<Arc<dyn Raster>, RasterError> {
        let gdal = GdalRaster::open(&self.pool, snapshot, origin, crs).await?;
        Ok(match CogRaster::over(gdal, &self.blocks).await? {
            Ok(cog) => Arc::new(cog),
            Err(gdal) => Arc::new(gdal),
        })
    }
}
