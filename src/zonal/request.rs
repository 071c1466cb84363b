//! What a chunk is asked for. With its [`Partial`](super::reduce::Partial) a plain value: chunks may run in this process or
//! on another machine.

use serde::{Deserialize, Serialize};

use super::burn::Burn;
use super::cover::Part;
use super::reduce::Reduction;
use super::scores::Scoring;
use super::{CellRule, Window};

/// Counts up whenever requests or partials change.
pub const VERSION: u32 = 1;

/// All that a chunk takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChunkRequest {
    /// [`VERSION`] of who asks.
    pub version: u32,
    /// Which cells are looked at.
    pub window: Window,
    /// Which of them belong to the shape.
    pub rule: CellRule,
    /// The shape, as far as it concerns the window.
    pub shape: Part,
    /// What is read; the window counts cells of the first.
    pub inputs: Vec<Input>,
    /// How the inputs become one band of scores, for an overlay.
    pub scoring: Option<Vec<Scoring>>,
    /// What becomes of the cells.
    pub reduction: Reduction,
}

/// Bands of one layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Input {
    /// Its name.
    pub layer: String,
    /// The version of its data: another one is not looked at.
    pub version: String,
    /// Which of its levels.
    pub level: usize,
    /// From 1.
    pub bands: Vec<usize>,
    /// Replaces its own nodata value and mask.
    pub nodata: Option<f64>,
    /// What is burnt into it before.
    pub burns: Vec<Burn>,
}
