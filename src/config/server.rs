//! Settings of the process.

use std::time::Duration;

use clap::Args;

use crate::storage::StorageSettings;

/// Where the layers are declared when nobody says.
const DEFAULT_LAYERS_FILE: &str = "cogwheel.toml";

/// Settings of the server; each is a flag of `serve` and an environment name.
#[derive(Debug, Clone, Args)]
pub struct ServerSettings {
    /// Address to listen on
    #[arg(long, env = "COGWHEEL_HOST", default_value = "127.0.0.1")]
    pub host: String,

    /// Port to listen on (0 takes a free one)
    #[arg(long, env = "COGWHEEL_PORT", default_value_t = 8080)]
    pub port: u16,

    /// Memory for encoded tiles, in megabytes (0 = off; default: 16, on Lambda 0)
    #[arg(long, env = "COGWHEEL_TILE_CACHE_MB")]
    pub tile_cache_mb: Option<u32>,

    /// Memory for decoded blocks, in megabytes (0 = off; default: 64, on Lambda a sixteenth of its memory)
    #[arg(long, env = "COGWHEEL_BLOCK_CACHE_MB")]
    pub block_cache_mb: Option<u32>,

    /// Memory for bytes read from object stores, in megabytes (default: 32, on Lambda a thirty-second of its memory)
    #[arg(long, env = "COGWHEEL_STORAGE_CACHE_MB")]
    pub storage_cache_mb: Option<u32>,

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

    /// Cells that one analysis may look at
    #[arg(long, env = "COGWHEEL_MAX_CELLS", default_value_t = 1_000_000_000)]
    pub max_cells: u64,

    /// Vertices that the shapes of one analysis may have
    #[arg(long, env = "COGWHEEL_MAX_VERTICES", default_value_t = 200_000)]
    pub max_vertices: u64,

    /// Rings that they may have
    #[arg(long, env = "COGWHEEL_MAX_RINGS", default_value_t = 10_000)]
    pub max_rings: u64,

    /// Features, values or pairs of values that an answer may have
    #[arg(long, env = "COGWHEEL_MAX_FEATURES", default_value_t = 100_000)]
    pub max_features: u64,

    /// Size of an answer, in megabytes (default: 64, on Lambda 4)
    #[arg(long, env = "COGWHEEL_MAX_ANSWER_MB")]
    pub max_answer_mb: Option<u32>,

    /// Cells of one chunk of an analysis, about (default: 4 million, with --chunk-function 32 million)
    #[arg(long, env = "COGWHEEL_CHUNK_CELLS", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub chunk_cells: Option<u64>,

    /// Lambda function that runs the chunks of large analyses (name or ARN; default: they run in this process)
    #[arg(long, env = "COGWHEEL_CHUNK_FUNCTION", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub chunk_function: Option<String>,

    /// Cells from which on an analysis is large
    #[arg(long, env = "COGWHEEL_FAN_OUT_CELLS", default_value_t = 64_000_000)]
    pub fan_out_cells: u64,

    /// Invocations of the chunk function that one analysis has under way at once
    #[arg(long, env = "COGWHEEL_CHUNK_CONCURRENCY", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=500))]
    pub chunk_concurrency: u16,

    /// Seconds that one invocation of it may take
    #[arg(long, env = "COGWHEEL_CHUNK_TIMEOUT_S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=900))]
    pub chunk_timeout_s: u64,

    /// Stream answers on Lambda, without its limit of 6 MB: for a Function URL that streams, and nothing else
    #[arg(long, env = "COGWHEEL_STREAM_ANSWERS")]
    pub stream_answers: bool,

    /// Worker threads for reading, warping and encoding (default: one a core; on Lambda one for each started 1769 MB)
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
            cache_bytes: u64::from(self.storage_cache_mb()) << 20,
            deadline: Duration::from_secs(self.request_timeout_s),
        }
    }

    /// How the memory for decoded blocks is shared: a quarter of it is GDAL's, which reads what the native readers do not.
    #[must_use]
    pub fn block_cache(&self) -> BlockCacheSizes {
        let all_mb = self.block_cache_mb.unwrap_or_else(|| share_of_lambda(16).unwrap_or(64));
        let gdal_mb = all_mb.div_ceil(4);
        BlockCacheSizes { gdal_mb, native_bytes: u64::from(all_mb - gdal_mb) << 20 }
    }

    /// Memory for encoded tiles. On Lambda an instance sees a tile once: caches in front of it are for all of them.
    #[must_use]
    pub fn tile_cache_mb(&self) -> u32 {
        self.tile_cache_mb.unwrap_or(if on_lambda() { 0 } else { 16 })
    }

    /// Bytes that the answer of an analysis may have. Lambda takes answers of 6 MB, unless they are streamed.
    #[must_use]
    pub fn answer_bytes(&self) -> u64 {
        u64::from(self.max_answer_mb.unwrap_or(if on_lambda() && !self.stream_answers { 16 } else { 64 })) << 20
    }

    /// Cells of a chunk. What another machine is asked for is worth the way.
    #[must_use]
    pub fn chunk_cells(&self) -> u64 {
        self.chunk_cells.unwrap_or(if self.chunk_function.is_some() { 32 << 20 } else { 4 << 20 })
    }

    /// Memory for bytes of objects.
    fn storage_cache_mb(&self) -> u32 {
        self.storage_cache_mb.unwrap_or_else(|| share_of_lambda(32).unwrap_or(32))
    }

    /// How often a layer is checked for a newer version.
    #[must_use]
    pub fn recheck(&self) -> Option<Duration> {
        (self.recheck_s > 0).then(|| Duration::from_secs(self.recheck_s.into()))
    }

    /// How many workers there are.
    #[must_use]
    pub fn worker_threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // What is one core on Lambda, which shows more of them than it gives time for.
        let paid = lambda_memory_mb().map_or(usize::MAX, |memory_mb| memory_mb.div_ceil(1769) as usize);
        self.threads.map_or(cores.min(paid), usize::from)
    }
}

/// A part of the memory that Lambda gives, in megabytes, within reason.
fn share_of_lambda(part: u32) -> Option<u32> {
    Some((lambda_memory_mb()? / part).clamp(8, 256))
}

fn lambda_memory_mb() -> Option<u32> {
    std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok()?.parse().ok().filter(|memory_mb| *memory_mb > 0)
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

/// What is logged (`COGWHEEL_LOG`: `debug`, `cogwheel=trace`, ...), where somebody has said so.
#[must_use]
pub fn log_filter() -> Option<String> {
    std::env::var("COGWHEEL_LOG").ok().filter(|value| !value.is_empty())
}

/// Whether the process runs inside AWS Lambda.
#[must_use]
pub fn on_lambda() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Whether it runs there as the function that runs chunks: functions of one package are told apart by their handlers.
#[must_use]
pub fn runs_chunks() -> bool {
    on_lambda() && std::env::var_os("_HANDLER").is_some_and(|handler| handler == "chunk")
}
