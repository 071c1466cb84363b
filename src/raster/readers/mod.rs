//! The readers behind the seam.

pub mod cog;
pub mod gdal;
