//! Settings of the process.

use std::time::Duration;

use clap::Args;

use crate::storage::StorageSettings;

/// Where the layers are declared when nobody says.
const DEFAULT_LAYERS_FILE: &str = "cogwheel.toml";

/// Chooses what is logged (`debug`, `cogwheel=trace`, ...); `info` when it is not set.
pub const LOG_VARIABLE: &str = "COGWHEEL_LOG";

/// Settings of the server; each is a flag of `serve` and an environment name.
#[derive(Debug, Clone, Args)]
pub struct ServerSettings {
    /// Address to listen on
    #[arg(long, env = "COGWHEEL_HOST", default_value = "127.0.0.1")]
    pub host: String,

    /// Port to listen on (0 takes a free one)
    #[arg(long, env = "COGWHEEL_PORT", default_value_t = 8080)]
    pub port: u16,

    /// Memory for decoded blocks, in megabytes (0 = off)
    #[arg(long, env = "COGWHEEL_BLOCK_CACHE_MB", default_value_t = 48)]
    pub block_cache_mb: u32,

    /// Memory for bytes read from object stores, in megabytes
    #[arg(long, env = "COGWHEEL_STORAGE_CACHE_MB", default_value_t = 32)]
    pub storage_cache_mb: u32,

    /// Seconds after which a layer in use is checked for a newer version of its source (0 = never)
    #[arg(long, env = "COGWHEEL_RECHECK_S", default_value_t = 60)]
    pub recheck_s: u32,

    /// Origins that browsers may call from, comma-separated, or * for all
    #[arg(long, env = "COGWHEEL_CORS_ORIGINS", default_value = "*", value_delimiter = ',')]
    pub cors_origins: Vec<String>,

    /// Seconds after which a request is given up with a 503
    #[arg(long, env = "COGWHEEL_REQUEST_TIMEOUT_S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=900))]
    pub request_timeout_s: u64,

    /// Status of a tile without data: 200 (a transparent PNG), 204 or 404
    #[arg(long, env = "COGWHEEL_EMPTY_TILE", default_value_t = 200, value_parser = empty_status)]
    pub empty_tile: u16,

    /// Worker threads for reading, warping and encoding (default: one a core)
    #[arg(long, env = "COGWHEEL_THREADS", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: Option<u16>,
}

/// Memory for decoded blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockCacheSizes {
    /// GDAL's own.
    pub gdal_mb: u32,
    /// That of the native readers.
    pub native_bytes: u64,
}

impl ServerSettings {
    /// What holds when neither flag nor environment says anything.
    #[must_use]
    pub fn from_environment() -> Self {
        /// A command with these settings only.
        #[derive(clap::Parser)]
        struct Only {
            #[command(flatten)]
            settings: ServerSettings,
        }
        <Only as clap::Parser>::parse_from(["cogwheel"]).settings
    }

    /// How the storage works, with what the environment says of stores.
    #[must_use]
    pub fn storage(&self) -> StorageSettings {
        let about_stores = |name: &str| ["AWS_", "AZURE_", "GOOGLE_"].iter().any(|prefix| name.starts_with(prefix));
        let text = |text: std::ffi::OsString| text.into_string().ok();
        let environment = std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        StorageSettings {
            environment: environment.filter(|(name, _)| about_stores(name)).collect(),
            cache_bytes: u64::from(self.storage_cache_mb) << 20,
            deadline: Duration::from_secs(self.request_timeout_s),
        }
    }

    /// How the memory for decoded blocks is shared: a quarter of it is GDAL's, which reads what the native readers do not.
    #[must_use]
    pub fn block_cache(&self) -> BlockCacheSizes {
        let gdal_mb = self.block_cache_mb.div_ceil(4);
        BlockCacheSizes { gdal_mb, native_bytes: u64::from(self.block_cache_mb - gdal_mb) << 20 }
    }

    /// How often a layer is checked for a newer version.
    #[must_use]
    pub fn recheck(&self) -> Option<Duration> {
        (self.recheck_s > 0).then(|| Duration::from_secs(self.recheck_s.into()))
    }

    /// How many workers there are.
    #[must_use]
    pub fn worker_threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        self.threads.map_or_else(cores, usize::from)
    }
}

fn empty_status(text: &str) -> Result<u16, String> {
    match text {
        "200" => Ok(200),
        "204" => Ok(204),
        "404" => Ok(404),
        _ => Err("it must be 200, 204 or 404".to_owned()),
    }
}

/// The configuration of the layers, a path or a URL: as asked, else from `COGWHEEL_CONFIG`, else `./cogwheel.toml`.
#[must_use]
pub fn layers_file(asked: Option<String>) -> String {
    asked
        .or_else(|| std::env::var("COGWHEEL_CONFIG").ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| DEFAULT_LAYERS_FILE.to_owned())
}

/// Whether the process runs inside AWS Lambda.
#[must_use]
pub fn on_lambda() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}
