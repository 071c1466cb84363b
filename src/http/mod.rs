//! The HTTP interface: the only place that knows axum.

mod analyses;
mod asked;
mod base_url;
mod caching;
mod color_maps;
mod error;
mod health;
mod layers;
mod observe;
mod overlays;
mod page;
mod path;
mod point;
mod query;
mod router;
mod tile_cache;
mod tile_path;
mod tilejson;
mod tiles;

pub use base_url::PathPrefix;
pub use error::ApiError;
pub use layers::document as layer_document;
pub use observe::Deadline;
pub use router::build_app;

use std::sync::Arc;
use std::time::Duration;

use tile_cache::TileCache;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::catalog::{Catalog, OpenLayer};
use crate::cpu::CpuPool;
use crate::zonal::runner::LocalRunner;
use crate::zonal::{Limits, Zonal};

/// Memory that the renders in flight may take, for each worker: enough to keep it busy while others wait for data.
const RENDER_MB_PER_WORKER: usize = 16;

/// What every render takes besides its tile: what it reads, and its plan.
const RENDER_BASE_MB: usize = 5;

/// Memory that the renders of remote layers in flight may take: most of them wait, and hold little.
const REMOTE_RENDER_MB: u32 = 80;

/// What every handler shares; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The layers.
    pub catalog: Arc<Catalog>,
    /// The door to the processors.
    pub pool: CpuPool,
    /// The HTTP settings.
    pub settings: HttpSettings,
    /// Analyses.
    pub zonal: Zonal,
    /// Turns of analyses.
    analyses: Arc<Semaphore>,
    tiles: TileCache,
    /// A permit is a megabyte.
    renders: Arc<Semaphore>,
    render_mb: u32,
    /// For layers whose reads wait for a network: they wait in a room of their own, and keep no other layer waiting.
    remote_renders: Arc<Semaphore>,
}

/// Settings of the HTTP interface.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Origins that browsers may call from; `*` for all.
    pub cors_origins: Vec<String>,
    /// After this a request is given up.
    pub request_timeout: Duration,
    /// Status of a tile without data: 200, 204 or 404.
    pub empty_tile: u16,
    /// Memory for encoded tiles; 0 keeps none.
    pub tile_cache_bytes: u64,
}

impl AppState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(catalog: Catalog, pool: CpuPool, settings: HttpSettings, limits: Limits) -> Self {
        let render_mb = pool.threads() * RENDER_MB_PER_WORKER;
        let renders = Arc::new(Semaphore::new(render_mb));
        let render_mb = u32::try_from(render_mb).unwrap_or(u32::MAX);
        let remote_renders = Arc::new(Semaphore::new(REMOTE_RENDER_MB as usize));
        let tiles = TileCache::new(settings.tile_cache_bytes);
        let catalog = Arc::new(catalog);
        let zonal = Zonal::new(&pool, Arc::new(LocalRunner::new(&pool, &catalog)), limits);
        let analyses = Arc::new(Semaphore::new(analyses::AT_ONCE));
        Self { catalog, pool, settings, zonal, analyses, tiles, renders, render_mb, remote_renders }
    }

    /// Waits until there is memory for a render that takes about `bytes`; the largest ones go alone.
    async fn room_for(&self, layer: &OpenLayer, bytes: usize) -> Result<SemaphorePermit<'_>, ApiError> {
        let (room, all_mb) = if layer.raster.is_remote() {
            (&self.remote_renders, REMOTE_RENDER_MB)
        } else {
            (&self.renders, self.render_mb)
        };
        let megabytes = u32::try_from(RENDER_BASE_MB + (bytes >> 20)).unwrap_or(u32::MAX).min(all_mb);
        room.acquire_many(megabytes).await.map_err(|_| ApiError::Busy)
    }
}
