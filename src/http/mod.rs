//! The HTTP interface: the only place that knows axum.

mod base_url;
mod caching;
mod color_maps;
mod error;
mod health;
mod layers;
mod observe;
mod page;
mod point;
mod query;
mod router;
mod tile_path;
mod tilejson;
mod tiles;

pub use base_url::PathPrefix;
pub use error::ApiError;
pub use layers::document as layer_document;
pub use router::build_app;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::catalog::Catalog;
use crate::cpu::CpuPool;

/// Renders in flight for each worker: enough to keep it busy while others wait for data, and a bound on memory.
const RENDERS_PER_WORKER: usize = 2;

/// What every handler shares; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The layers.
    pub catalog: Arc<Catalog>,
    /// The door to the processors.
    pub pool: CpuPool,
    /// The HTTP settings.
    pub settings: HttpSettings,
    renders: Arc<Semaphore>,
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
}

impl AppState {
    /// Puts the parts together.
    #[must_use]
    pub fn new(catalog: Catalog, pool: CpuPool, settings: HttpSettings) -> Self {
        let renders = Arc::new(Semaphore::new(pool.threads() * RENDERS_PER_WORKER));
        Self { catalog: Arc::new(catalog), pool, settings, renders }
    }
}
