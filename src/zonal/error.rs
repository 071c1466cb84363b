//! Why an analysis has no answer.

use super::extract::ExtractError;
use super::shapes::ShapeError;
use super::stats::StatsError;
use crate::cpu::CpuError;
use crate::geo::CrsError;
use crate::parameter::BadParameter;
use crate::raster::RasterError;

/// Why an analysis has no answer: all of it, or an error, never a part.
#[derive(Debug, thiserror::Error)]
pub enum ZonalError {
    /// The geometry.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// An option.
    #[error(transparent)]
    Parameter(#[from] BadParameter),
    /// More than one analysis may ask for.
    #[error("{size} {what}: an analysis may have {limit}; {advice}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        size: u64,
        /// The limit.
        limit: u64,
        /// What to do.
        advice: &'static str,
    },
    /// More values, or regions, than an answer may have.
    #[error(transparent)]
    Stats(#[from] StatsError),
    /// The same, of regions.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// No such layer any more, or another version of it than when the analysis began.
    #[error("layer \"{layer}\" has changed in the meantime")]
    Changed {
        /// Its name.
        layer: String,
    },
    /// Another program asks for what this one does not know.
    #[error("a chunk of version {asked} was asked for, and this program knows version {known}")]
    Version {
        /// As asked.
        asked: u32,
        /// Its own.
        known: u32,
    },
    /// The data.
    #[error("layer \"{layer}\": {cause}")]
    Raster {
        /// Its name.
        layer: String,
        /// What happened.
        cause: RasterError,
    },
    /// The way between the Earth and the raster.
    #[error(transparent)]
    Crs(#[from] CrsError),
    /// The workers.
    #[error(transparent)]
    Cpu(#[from] CpuError),
    /// Workers elsewhere, as often as they were asked.
    #[error("a chunk was not done in time: {reason}")]
    Late {
        /// What they said.
        reason: String,
    },
    /// What a chunk came to is more than can be carried.
    #[error("what a chunk came to has {bytes} bytes: {most} can be carried")]
    TooLong {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// A worker elsewhere.
    #[error("a chunk failed: {reason}")]
    Chunk {
        /// What it said.
        reason: String,
    },
}

impl ZonalError {
    /// A result that is of another kind than what was asked for.
    #[must_use]
    pub fn foreign() -> Self {
        Self::Chunk { reason: "it returned what nobody asked for".to_owned() }
    }
}
