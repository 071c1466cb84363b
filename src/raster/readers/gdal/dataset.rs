//! Opening a dataset with GDAL, ground control points included.

use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use super::ffi::Warped;
use crate::raster::RasterError;
use crate::storage::redacted;

/// An open dataset, north-up already where it only had ground control points.
#[derive(Debug)]
pub enum Opened {
    /// As it is.
    Plain(Dataset),
    /// GDAL's warp of it.
    Warped(Warped),
}

impl Opened {
    /// Opens it on a grid that is somewhere.
    pub fn open(origin: &str) -> Result<Self, RasterError> {
        let dataset = open(origin)?;
        if dataset.geo_transform().is_ok() || dataset.gcps().is_empty() {
            return Ok(Self::Plain(dataset));
        }
        Warped::by_gcps(dataset).map(Self::Warped).map_err(|error| open_error(origin, &error))
    }

    /// Opens it without asking where it is.
    pub fn as_it_is(origin: &str) -> Result<Self, RasterError> {
        open(origin).map(Self::Plain)
    }

    /// What is read.
    pub fn dataset(&self) -> &Dataset {
        match self {
            Self::Plain(dataset) => dataset,
            Self::Warped(warped) => warped.dataset(),
        }
    }

    /// Whether it is a plain VRT, as opposed to one that GDAL made for a warp.
    pub fn is_vrt(&self) -> bool {
        matches!(self, Self::Plain(dataset) if dataset.driver().short_name() == "VRT")
    }
}

fn open(origin: &str) -> Result<Dataset, RasterError> {
    let flags = GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR;
    let options = DatasetOptions { open_flags: flags, ..DatasetOptions::default() };
    let dataset = Dataset::open_ex(origin, options).map_err(|error| open_error(origin, &error))?;
    if dataset.raster_count() == 0 {
        return Err(RasterError::Open { origin: redacted(origin), reason: "it has no raster bands".to_owned() });
    }
    Ok(dataset)
}

/// GDAL's words, without its wrapping.
pub fn reason(error: &gdal::errors::GdalError) -> String {
    match error {
        gdal::errors::GdalError::CplError { msg, .. } | gdal::errors::GdalError::NullPointer { msg, .. }
            if !msg.is_empty() =>
        {
            redacted(msg.trim())
        }
        other => redacted(&other.to_string()),
    }
}

fn open_error(origin: &str, error: &gdal::errors::GdalError) -> RasterError {
    RasterError::Open { origin: redacted(origin), reason: reason(error) }
}
