//! What every module shares: maps over the fixtures, requests through the router, and reading the answers.

pub mod forged;
pub mod geo;
pub mod made;
pub mod mosaic;
pub mod npy;
pub mod picture;
pub mod readers;
pub mod s3;
pub mod served;
pub mod server;
pub mod web;

use std::path::{Path, PathBuf};
use std::sync::{Once, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request};
use cogwheel::catalog::Catalog;
use cogwheel::config::LayersFile;
use cogwheel::cpu::CpuPool;
use cogwheel::http::{AppState, HttpSettings, build_app};
use cogwheel::raster::readers::{Readers, gdal};
use cogwheel::storage::StorageSettings;
use cogwheel::zonal::Limits;
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt;

pub use npy::Array;
pub use picture::Picture;

/// Decoded blocks that all tests share, in megabytes.
const BLOCK_CACHE_MB: u32 = 64;

/// All kernels.
pub const KERNELS: [&str; 6] = ["nearest", "bilinear", "cubic", "lanczos", "average", "mode"];

/// The folder of the fixtures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// GDAL as the binary sets it up.
pub fn set_up_gdal() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| gdal::configure(BLOCK_CACHE_MB));
}

/// What tests that are async themselves run on.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

/// The workers of all tests.
pub fn pool() -> CpuPool {
    static POOL: OnceLock<CpuPool> = OnceLock::new();
    POOL.get_or_init(|| CpuPool::new(4, gdal::prepare_thread).unwrap()).clone()
}

fn readers() -> Readers {
    static READERS: OnceLock<Readers> = OnceLock::new();
    READERS.get_or_init(|| Readers::new(&pool(), u64::from(BLOCK_CACHE_MB) << 20)).clone()
}

/// A running application.
pub struct Maps(Router);

/// How an application is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// `AWS_*` and the like.
    pub environment: Vec<(String, String)>,
    pub cache_bytes: u64,
    /// Decoded blocks; those of all tests are kept together where nothing is said.
    pub block_cache_bytes: Option<u64>,
    pub recheck: Option<Duration>,
    pub timeout: Duration,
    /// What an analysis may ask for.
    pub limits: Limits,
}

/// As a server has them where nothing is said.
pub const LIMITS: Limits = Limits {
    cells: 1_000_000_000,
    vertices: 200_000,
    rings: 10_000,
    features: 100_000,
    answer_bytes: 64 << 20,
    chunk_cells: 4 << 20,
};

impl Default for Setup {
    fn default() -> Self {
        Self {
            environment: Vec::new(),
            cache_bytes: 32 << 20,
            block_cache_bytes: None,
            recheck: None,
            timeout: Duration::from_mins(2),
            limits: LIMITS,
        }
    }
}

impl Setup {
    /// An application with the layers of a configuration. Where it lists nothing, whatever the tests have or
    /// make may be opened.
    pub fn maps(self, text: &str) -> Maps {
        let settings = HttpSettings {
            cors_origins: vec!["*".to_owned()],
            request_timeout: self.timeout,
            empty_tile: 200,
            tile_cache_bytes: 0,
        };
        let limits = self.limits;
        Maps(build_app(AppState::new(self.catalog(text), pool(), settings, limits)))
    }

    /// The layers of such an application.
    pub fn catalog(self, text: &str) -> Catalog {
        set_up_gdal();
        let folders = [Path::new(env!("CARGO_MANIFEST_DIR")).to_owned(), std::env::temp_dir()];
        let allow = folders.map(|folder| folder.display().to_string());
        let allow = format!("[storage]\nallow = {allow:?}\n");
        let text = if text.contains("[storage]") || text.contains("://") { text.to_owned() } else { allow + text };
        let file = LayersFile::parse(&text, "test.toml", fixtures().to_str().unwrap()).unwrap();
        let storage = StorageSettings {
            environment: self.environment.into_iter().collect(),
            cache_bytes: self.cache_bytes,
            deadline: self.timeout,
        };
        let readers = self.block_cache_bytes.map_or_else(readers, |bytes| Readers::new(&pool(), bytes));
        Catalog::new(file, &readers, storage, self.recheck)
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Maps {
    /// One layer, `it`, over a fixture.
    pub fn of(file: &str) -> Self {
        Self::with(file, "")
    }

    /// The same with more lines of configuration.
    pub fn with(file: &str, settings: &str) -> Self {
        Self::from_toml(&format!("[layers.it]\nsource = '{file}'\n{settings}"))
    }

    /// As many layers as a configuration declares; its paths are relative to the fixtures.
    pub fn from_toml(text: &str) -> Self {
        Setup::default().maps(text)
    }

    /// GET of any path.
    pub fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
    }

    /// POST of a body to any path.
    #[expect(clippy::needless_pass_by_value, reason = "texts and JSON alike")]
    pub fn post(&self, path: &str, body: impl ToString) -> Answer {
        self.send(Request::post(path).body(Body::from(body.to_string())).unwrap())
    }

    fn send(&self, request: Request<Body>) -> Answer {
        runtime().block_on(async {
            let response = self.0.clone().oneshot(request).await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            Answer { status, headers, body }
        })
    }

    /// Raw values of a tile of `it`; `tile` is `z/x/y` or `z/x/y@2x`, `query` may be empty.
    pub fn npy(&self, tile: &str, query: &str) -> Array {
        Array::parse(&self.get(&format!("/tiles/it/{tile}.npy?{query}")).ok())
    }

    /// A picture of a tile of `it`.
    pub fn png(&self, tile: &str, query: &str) -> Picture {
        Picture::parse(&self.get(&format!("/tiles/it/{tile}.png?{query}")).ok())
    }

    /// The answer to a request for a tile that must fail.
    pub fn refused(&self, tile: &str, query: &str) -> Answer {
        let answer = self.get(&format!("/tiles/it/{tile}?{query}"));
        assert!(answer.status >= 400, "{tile}?{query} was answered with {}", answer.status);
        answer
    }
}

/// Text as it is written in a query.
pub fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl Answer {
    /// The body of a success.
    pub fn ok(&self) -> Bytes {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.body.clone()
    }

    /// The JSON of a success.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.ok()).unwrap()
    }

    /// The `detail` of an error.
    pub fn detail(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        body["detail"].as_str().unwrap().to_owned()
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
