//! Who runs the chunks of an analysis: the threads of this process, or others.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ZonalError;
use super::chunk;
use super::grid::Grid;
use super::reduce::Partial;
use super::request::{ChunkRequest, VERSION};
use crate::catalog::Catalog;
use crate::cpu::{CpuError, CpuPool};

/// Runs chunks.
#[async_trait]
pub trait ChunkRunner: Send + Sync {
    /// Runs one.
    ///
    /// # Errors
    /// When it can't be done as a whole.
    async fn run(&self, request: ChunkRequest) -> Result<Partial, ZonalError>;

    /// How many chunks of one analysis should be under way at once.
    fn at_once(&self) -> usize;
}

/// Runs chunks on the workers of this process, behind what is urgent.
pub struct LocalRunner {
    pool: CpuPool,
    catalog: Arc<Catalog>,
    /// A permit is a chunk in memory.
    permits: Semaphore,
}

impl LocalRunner {
    /// Over the layers of a catalogue. All analyses together have two chunks in memory for each worker.
    #[must_use]
    pub fn new(pool: &CpuPool, catalog: &Arc<Catalog>) -> Self {
        let permits = Semaphore::new(2 * pool.threads());
        Self { pool: pool.patient(), catalog: Arc::clone(catalog), permits }
    }

    /// The grid of an input, if its layer is the one that was meant: who asks may know a newer one than this process.
    async fn grid(&self, name: &str, version: &str, level: usize) -> Result<Grid, ZonalError> {
        let changed = || ZonalError::Changed { layer: name.to_owned() };
        let failed = |cause| ZonalError::Raster { layer: name.to_owned(), cause };
        let layer = self.catalog.get(name).ok_or_else(changed)?;
        let mut open = layer.open().await.map_err(failed)?;
        if open.data_version != version {
            open = layer.checked(&open).await.map_err(failed)?;
        }
        if open.data_version != version || level >= open.profile().levels.len() {
            return Err(changed());
        }
        Ok(Grid::new(&open, level))
    }
}

#[async_trait]
impl ChunkRunner for LocalRunner {
    async fn run(&self, request: ChunkRequest) -> Result<Partial, ZonalError> {
        if request.version != VERSION {
            return Err(ZonalError::Version { asked: request.version, known: VERSION });
        }
        let _permit = self.permits.acquire().await.map_err(|_| CpuError::Stopped)?;
        let mut grids = Vec::with_capacity(request.inputs.len());
        for input in &request.inputs {
            grids.push(self.grid(&input.layer, &input.version, input.level).await?);
        }
        chunk::run(&self.pool, request, grids).await
    }

    fn at_once(&self) -> usize {
        self.pool.threads() + 1
    }
}

/// The results of all chunks of an analysis, in the order in which they come: all of them, or an error.
pub struct Chunks<'a, R> {
    runner: &'a Arc<dyn ChunkRunner>,
    requests: R,
    /// Tasks of their own: they go on while a result is merged, and are given up with this set.
    under_way: JoinSet<Result<Partial, ZonalError>>,
}

impl<'a, R: Iterator<Item = ChunkRequest>> Chunks<'a, R> {
    /// Of these requests.
    pub fn new(runner: &'a Arc<dyn ChunkRunner>, requests: R) -> Self {
        Self { runner, requests, under_way: JoinSet::new() }
    }

    /// The next result; `None` when all have come.
    ///
    /// # Errors
    /// When a chunk fails.
    pub async fn next(&mut self) -> Result<Option<Partial>, ZonalError> {
        while self.under_way.len() < self.runner.at_once().max(1) {
            let Some(request) = self.requests.next() else { break };
            let runner = Arc::clone(self.runner);
            self.under_way.spawn(async move { runner.run(request).await });
        }
        match self.under_way.join_next().await {
            None => Ok(None),
            Some(Ok(partial)) => partial.map(Some),
            Some(Err(error)) => Err(CpuError::Panicked { message: error.to_string() }.into()),
        }
    }
}
