//! Settings: the server's, from flags and the environment, and the layers, from `cogwheel.toml`. The only
//! place that reads the environment.

mod check;
mod layers;
mod overlays;
mod server;

pub use layers::{ConfigError, LayerConfig, LayersFile, Nodata};
pub use overlays::{OverlayConfig, OverlayLayer};
pub use server::{BlockCacheSizes, ServerSettings, layers_file, log_filter, on_lambda, runs_chunks};
