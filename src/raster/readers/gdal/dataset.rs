//! Opening a dataset with GDAL, ground control points included.

use gdal::{Dataset, DatasetOptions, GdalOpenFlags};

use super::ffi;
use crate::raster::RasterError;

/// An open dataset, north-up already where it only had ground control points.
#[derive(Debug)]
pub struct Opened {
    /// What is read.
    pub dataset: Dataset,
    /// Whether `dataset` is GDAL's warp of the real one.
    pub warped: bool,
}

impl Opened {
    pub fn open(origin: &str) -> Result<Self, RasterError> {
        let flags =
            GdalOpenFlags::GDAL_OF_RASTER | GdalOpenFlags::GDAL_OF_READONLY | GdalOpenFlags::GDAL_OF_VERBOSE_ERROR;
        let options = DatasetOptions { open_flags: flags, ..DatasetOptions::default() };
        let dataset = Dataset::open_ex(origin, options).map_err(|error| open_error(origin, &error))?;
        if dataset.raster_count() == 0 {
            return Err(RasterError::Open { origin: origin.to_owned(), reason: "it has no raster bands".to_owned() });
        }
        if dataset.geo_transform().is_ok() || dataset.gcps().is_empty() {
            return Ok(Self { dataset, warped: false });
        }
        let dataset = ffi::warped_by_gcps(&dataset).map_err(|error| open_error(origin, &error))?;
        Ok(Self { dataset, warped: true })
    }
}

/// GDAL's words, without its wrapping.
pub fn reason(error: &gdal::errors::GdalError) -> String {
    match error {
        gdal::errors::GdalError::CplError { msg, .. } | gdal::errors::GdalError::NullPointer { msg, .. }
            if !msg.is_empty() =>
        {
            msg.trim().to_owned()
        }
        other => other.to_string(),
    }
}

fn open_error(origin: &str, error: &gdal::errors::GdalError) -> RasterError {
    RasterError::Open { origin: origin.to_owned(), reason: reason(error) }
}
