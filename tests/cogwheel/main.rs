//! The behaviour of Cogwheel, seen from outside: through `build_app`, or through the real binary.
//!
//! One binary, a module a subject. `tests/fixtures/README.md` says what the rasters hold.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "a test stops where it can't go on, and its numbers are small and exact"
)]

mod storage_faults;
mod structure;
mod support;

mod allow_list;
mod alpha;
mod caching;
mod categorical;
mod cli;
mod codecs;
mod configuration;
mod conformance;
mod corruption;
mod cors_gzip;
mod documented;
mod emulator;
mod failing_sources;
mod geotransforms;
mod golden;
mod lambda;
mod levels;
mod masks;
mod metadata;
mod mosaics;
mod nodata_override;
mod object_storage;
mod oracle;
mod pages;
mod placement;
mod png;
mod projections;
mod replaced_sources;
mod rescale;
mod robustness;
mod seams;
mod server;
mod shutdown;
mod status_table;
mod test_servers;
mod vrt;
mod world;
mod zonal;
