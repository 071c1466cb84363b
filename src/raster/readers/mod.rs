//! The readers behind the seam.

pub mod gdal;
