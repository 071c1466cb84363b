//! Cogwheel: a serverless raster map server.
//!
//! XYZ tiles from Cloud Optimized GeoTIFFs and VRTs of them, from one binary that is a local server and an AWS
//! Lambda function. `docs/ARCHITECTURE.md` walks one tile through these modules.

pub mod catalog;
pub mod cli;
pub mod color;
pub mod config;
pub mod cpu;
pub mod encode;
pub mod geo;
pub mod http;
pub mod lambda;
pub mod ops;
pub mod parameter;
pub mod raster;
pub mod render;
pub mod storage;
pub mod warp;
pub mod zonal;
