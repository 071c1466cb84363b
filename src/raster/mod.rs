//! The seam between the data and everything above it.
//!
//! A [`Raster`] describes itself and reads windows of its own grid at one of its levels, with a validity
//! mask. It never warps. Nothing above this module knows which reader is underneath.

mod pixels;
mod profile;
pub mod readers;
mod samples;
pub mod validity;

use std::pin::Pin;

pub use pixels::{Mask, MaskKind, Pixels};
pub use profile::{Band, BandMask, LEVEL_TOLERANCE, Level, LonLatBounds, Profile, Rgba, power_of_two_up_to};
pub use samples::{DataType, Sample, Samples};

use crate::cpu::CpuError;
use crate::storage::StorageError;

/// A raster that can be read.
pub trait Raster: Send + Sync {
    /// What it is; known since it was opened.
    fn profile(&self) -> &Profile;

    /// Reads a window of one level.
    fn read(&self, request: ReadRequest) -> Future<'_, Pixels>;

    /// Reads it on the worker thread that calls this, if everything for it is at hand; `None` when something has to be
    /// waited for.
    fn read_now(&self, request: &ReadRequest) -> Option<Result<Pixels, RasterError>>;

    /// Finds out [`Profile::source_decimation`].
    fn know_sources(&self) -> Future<'_, ()>;

    /// Whether its files and objects are still those that were opened.
    fn is_current(&self) -> Future<'_, bool>;

    /// Whether reading it waits for a network.
    fn is_remote(&self) -> bool;
}

/// What a [`Raster`] promises.
pub type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = Result<T, RasterError>> + Send + 'a>>;

/// A window of whole pixels, inside its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub col: usize,
    /// First row.
    pub row: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// The cell that holds a position along an axis with so many cells.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
pub fn cell_at(position: f64, size: usize) -> Option<usize> {
    (position >= 0.0).then_some(position as usize).filter(|cell| *cell < size)
}

/// What to read.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// Index into [`Profile::levels`].
    pub level: usize,
    /// Reads [`Level::decimated`] by this factor; 1 reads as is. The window counts pixels of that grid.
    pub decimation: usize,
    /// Which pixels.
    pub window: Window,
    /// Which bands, from 1, in this order.
    pub bands: Vec<usize>,
    /// Replaces the raster's own mask, alpha and nodata: cells with this value are invalid, all others valid.
    pub nodata: Option<f64>,
    /// What becomes of the pixels that are decimated away.
    pub decimate_by: Decimation,
}

/// How a reader makes one pixel of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimation {
    /// Takes one of them.
    Nearest,
    /// Takes their mean.
    Average,
    /// Takes the most frequent one.
    Mode,
}

/// What helps against [`RasterError::TooManySources`].
pub const TOO_MANY_SOURCES: &str = "give the VRT overviews (gdaladdo -ro --config COMPRESS_OVERVIEW DEFLATE mosaic.vrt \
     64 128 256 512), or set min_zoom of the layer";

/// Why a raster can't be opened or read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RasterError {
    /// It is not there, not allowed, or no raster.
    #[error("cannot open {origin}: {reason}")]
    Open {
        /// Path or URL.
        origin: String,
        /// The reader's words.
        reason: String,
    },
    /// It does not say where it is.
    #[error(
        "{origin} has no coordinate reference system: assign one in the configuration, for example crs = \"EPSG:4326\""
    )]
    NoCrs {
        /// Path or URL.
        origin: String,
    },
    /// Neither geotransform nor ground control points, or a degenerate geotransform.
    #[error("{origin} has no usable georeferencing: neither a geotransform nor ground control points")]
    NoGeotransform {
        /// Path or URL.
        origin: String,
    },
    /// The configuration asks for what the raster does not have.
    #[error("{key}: {reason}")]
    Unfit {
        /// The key of the configuration.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// Something wrong in the middle of its data.
    #[error("cannot read {origin}: {reason}")]
    Read {
        /// Path or URL.
        origin: String,
        /// The reader's words.
        reason: String,
    },
    /// A window of a mosaic would open more of its sources than may be.
    #[error("{origin}: {touched} of its sources are touched at once, and {most} may be; {TOO_MANY_SOURCES}")]
    TooManySources {
        /// Path or URL.
        origin: String,
        /// How many, at least.
        touched: usize,
        /// The limit.
        most: usize,
    },
    /// Its bytes: not allowed, not there, not in time.
    #[error("cannot open {origin}: {error}")]
    Storage {
        /// Path or URL.
        origin: String,
        /// What happened.
        error: StorageError,
    },
    /// No processor in time, or a panic behind the door.
    #[error(transparent)]
    Cpu(#[from] CpuError),
}
