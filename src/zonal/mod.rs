//! Analysis of rasters under shapes: exact, on native cells, in chunks that run side by side.
//!
//! A request reads as this flow:
//!
//! 1. [`shapes`]: GeoJSON to a checked area, and that to the cell space of the raster's own grid;
//! 2. [`plan`]: the block-aligned windows that the area touches, and how many cells it covers in each;
//! 3. [`chunk`]: one window: read its cells, find the covered ones ([`cover`]), reduce them ([`stats`], [`extract`]);
//! 4. [`runner`]: all chunks, here or on other machines, their partial results merged as they come;
//! 5. the answers: [`counts`], [`statistics`], [`extraction`], [`crosstab`], and [`sample`] for lines.
//!
//! Every cell is counted once, whatever the chunks: the shape is never cut, weights and sums are integers.

mod align;
pub mod answer;
pub mod areas;
mod band;
mod burn;
pub mod chunk;
pub mod counts;
pub mod cover;
pub mod crosstab;
mod error;
pub mod extract;
pub mod extraction;
pub mod grid;
mod ground;
mod inputs;
mod limits;
pub mod options;
pub mod overlay;
mod pairs;
pub mod plan;
pub mod reduce;
pub mod request;
pub mod runner;
pub mod sample;
pub mod scores;
pub mod shapes;
pub mod statistics;
pub mod stats;
pub mod survey;
pub mod travel;

use std::sync::Arc;

pub use error::ZonalError;
pub use limits::Limits;
use reduce::{Partial, Reduction};
use request::ChunkRequest;
use runner::{ChunkRunner, Chunks};
use scores::Scoring;
use serde::{Deserialize, Serialize};
use survey::{Question, Subject, Survey};

use crate::cpu::CpuPool;

/// Analyses: who runs their chunks, and what they may ask for; cheap to clone.
#[derive(Clone)]
pub struct Zonal {
    pool: CpuPool,
    near: Arc<dyn ChunkRunner>,
    far: Option<Far>,
    /// What an analysis may ask for.
    pub limits: Limits,
}

/// Who runs the chunks of large analyses.
#[derive(Clone)]
struct Far {
    runner: Arc<dyn ChunkRunner>,
    /// Smaller ones are done here before the first request has arrived there.
    from_cells: u64,
}

impl Zonal {
    /// Over the workers that prepare and merge, and the runner of the chunks.
    #[must_use]
    pub fn new(pool: &CpuPool, near: Arc<dyn ChunkRunner>, limits: Limits) -> Self {
        Self { pool: pool.patient(), near, far: None, limits }
    }

    /// Has the chunks of analyses of so many cells or more run elsewhere.
    #[must_use]
    pub fn with_far(self, runner: Arc<dyn ChunkRunner>, from_cells: u64) -> Self {
        Self { far: Some(Far { runner, from_cells }), ..self }
    }

    /// Who runs chunks here.
    #[must_use]
    pub fn near(&self) -> Arc<dyn ChunkRunner> {
        Arc::clone(&self.near)
    }

    /// Prepares an analysis of the cells of the first subject; modifications may name any of them.
    async fn survey(
        &self, subjects: Vec<Subject>, scoring: Option<Vec<Scoring>>, question: Question,
    ) -> Result<Survey, ZonalError> {
        let limits = self.limits;
        self.pool.run(move || Survey::new(&subjects, scoring, &question, &limits)).await?
    }

    /// All chunks of a survey, merged.
    async fn reduce(&self, survey: &Survey, reduction: &Reduction) -> Result<Partial, ZonalError> {
        let mut merged = survey.nothing(reduction);
        let mut chunks = self.chunks(survey, reduction);
        while let Some(partial) = chunks.next().await? {
            merged = self.pool.run(move || merged.merged(&partial)).await??;
        }
        Ok(merged)
    }

    /// The chunks of a survey, under way.
    fn chunks<'a>(
        &'a self, survey: &'a Survey, reduction: &'a Reduction,
    ) -> Chunks<'a, impl Iterator<Item = ChunkRequest> + Send> {
        let requests = survey.plan.windows.iter().map(|window| survey.request(*window, reduction));
        let far = self.far.as_ref().filter(|far| survey.plan.cells >= far.from_cells);
        Chunks::new(far.map_or(&self.near, |far| &far.runner), requests)
    }
}

/// A rectangle of cells, in types of a fixed size: it travels to other machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// First column.
    pub col: u64,
    /// First row.
    pub row: u64,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Window {
    /// How many cells it has.
    #[must_use]
    pub fn cells(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Which cells belong to a shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellRule {
    /// Those whose centre is inside.
    #[default]
    Center,
    /// Those that it touches.
    AllTouched,
    /// Those that it touches, each by the share that it covers.
    Coverage,
}

impl std::str::FromStr for CellRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "center" => Ok(Self::Center),
            "all_touched" => Ok(Self::AllTouched),
            "coverage" => Ok(Self::Coverage),
            _ => Err(format!("\"{text}\" is none of center, all_touched and coverage")),
        }
    }
}

/// What a whole cell weighs; a part of a cell weighs its share of it, rounded. Integers, so that sums do not depend on
/// their order.
pub const WHOLE: u64 = 1 << 32;

/// Cells of one row that weigh the same: columns `start..end` of row `row`, counted from the window's corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Row.
    pub row: u32,
    /// First column.
    pub start: u32,
    /// The column behind the last.
    pub end: u32,
    /// From 1 to [`WHOLE`].
    pub weight: u64,
}

impl Run {
    /// Where its cells are in a window of this width, row by row.
    pub(crate) fn range(&self, width: usize) -> std::ops::Range<usize> {
        let row = self.row as usize * width;
        row + self.start as usize..row + self.end as usize
    }
}
