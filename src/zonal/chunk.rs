//! One chunk of an analysis: its cells are read, those of the shape are found, and what they come to is returned.

use std::sync::Arc;

use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};

use super::band::BandCells;
use super::cover::{Part, Relation};
use super::grid::Grid;
use super::inputs::{Fetch, Inputs};
use super::plan::Tiling;
use super::reduce::{Partial, Reducer};
use super::request::ChunkRequest;
use super::{Window, ZonalError};
use crate::cpu::CpuPool;
use crate::raster::Pixels;

/// Windows of a remote raster that are read ahead: their requests wait for each other's round trips.
const READS_AHEAD: usize = 8;

/// A chunk at work.
struct Work {
    request: ChunkRequest,
    inputs: Inputs,
    tiling: Tiling,
}

/// Runs a chunk over grids that are open: one for each input.
///
/// # Errors
/// When anything can't be read: a chunk is whole or nothing.
pub async fn run(pool: &CpuPool, request: ChunkRequest, grids: Vec<Grid>) -> Result<Partial, ZonalError> {
    let tiling = Tiling::of(&grids[0], &request.inputs[0].bands);
    let inputs = Inputs::new(&request, grids)?;
    let work = Arc::new(Work { request, inputs, tiling });
    let start = Arc::clone(&work);
    let start = move || Ok::<_, ZonalError>((start.reducer()?, start.reads()?));
    let (mut reducer, reads) = pool.run(start).await??;
    if work.inputs.are_remote() {
        let mut ahead = stream::iter(reads.into_iter().map(|read| work.fetch(pool, read))).buffered(READS_AHEAD);
        while let Some(fetched) = ahead.next().await {
            reducer = work.add(pool, reducer, fetched?).await?;
        }
    } else {
        for read in reads {
            let now = Arc::clone(&work);
            let (after, is_done) = pool.run(move || now.at_once(reducer, read)).await??;
            reducer = after;
            if !is_done {
                let fetched = work.fetch(pool, read).await?;
                reducer = work.add(pool, reducer, fetched).await?;
            }
        }
    }
    Ok(pool.run(move || reducer.finish()).await?)
}

/// A window that was read.
struct Fetched {
    window: Window,
    fetches: Vec<Fetch>,
    pixels: Vec<Pixels>,
}

impl Work {
    fn reducer(&self) -> Result<Reducer, ZonalError> {
        let ChunkRequest { reduction, window, .. } = &self.request;
        Reducer::new(reduction, *window, self.inputs.grid(), &self.inputs.dtypes())
    }

    /// What is read: the windows that hold cells of the shape.
    fn reads(&self) -> Result<Vec<Window>, ZonalError> {
        let touched = |window: &Window| self.part(*window).relation() != Relation::Outside;
        let mut reads = Vec::new();
        for window in self.tiling.reads(self.request.window).filter(touched) {
            self.inputs.split(window, &mut reads)?;
        }
        Ok(reads)
    }

    fn part(&self, window: Window) -> Part {
        self.request.shape.clip(window)
    }

    /// All of a window on the worker that calls this; `false` when something has to be waited for.
    fn at_once(&self, mut reducer: Reducer, window: Window) -> Result<(Reducer, bool), ZonalError> {
        let fetches = self.inputs.fetches(window)?;
        let Some(pixels) = self.inputs.read_now(&fetches)? else { return Ok((reducer, false)) };
        self.reduce(&mut reducer, Fetched { window, fetches, pixels })?;
        Ok((reducer, true))
    }

    async fn fetch(self: &Arc<Self>, pool: &CpuPool, window: Window) -> Result<Fetched, ZonalError> {
        let work = Arc::clone(self);
        let fetches = pool.run(move || work.inputs.fetches(window)).await??;
        let pixels = try_join_all(fetches.iter().map(|fetch| self.inputs.read(fetch))).await?;
        Ok(Fetched { window, fetches, pixels })
    }

    async fn add(
        self: &Arc<Self>, pool: &CpuPool, mut reducer: Reducer, fetched: Fetched,
    ) -> Result<Reducer, ZonalError> {
        let work = Arc::clone(self);
        pool.run(move || work.reduce(&mut reducer, fetched).map(|()| reducer)).await?
    }

    fn reduce(&self, reducer: &mut Reducer, fetched: Fetched) -> Result<(), ZonalError> {
        let Fetched { window, fetches, pixels } = fetched;
        let bands: Vec<BandCells> = self.inputs.bands(window, fetches, pixels);
        let mut runs = Vec::new();
        self.part(window).runs(self.request.rule, |run| runs.push(run));
        reducer.add(window, &runs, &bands)
    }
}
