//! What the servers of the tests share: the files that they serve, and the requests that they saw.

use std::fs::File;
use std::future::Future;
use std::hash::{DefaultHasher, Hasher};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Component, Path};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use axum::http::HeaderMap;
use tokio::runtime::{Builder, Runtime};

/// A request, and how it ended.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// As it was sent, percent-encoded.
    pub path: String,
    /// Without the question mark.
    pub query: String,
    pub headers: HeaderMap,
    pub start: Instant,
    /// Noted before the last byte goes out, so that nothing a client does with an answer comes before its end.
    /// None as long as the request is under way.
    pub end: Option<Instant>,
    /// None as long as no status was sent.
    pub status: Option<u16>,
}

impl Seen {
    /// A request that starts now.
    pub fn new(method: &str, path: &str, query: &str, headers: HeaderMap) -> Self {
        let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
        Self { method, path, query, headers, start: Instant::now(), end: None, status: None }
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn range(&self) -> &str {
        self.header("range")
    }

    pub fn if_match(&self) -> &str {
        self.header("if-match")
    }

    pub fn request_payer(&self) -> &str {
        self.header("x-amz-request-payer")
    }
}

/// The requests of a server, in the order in which they came.
#[derive(Default)]
pub struct Log(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    seen: Vec<Seen>,
    /// How many were forgotten: a request that is still under way keeps its number.
    forgotten: usize,
}

impl Log {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request.
    pub fn begin(&self, seen: Seen) -> UnderWay<'_> {
        let mut entries = self.entries();
        entries.seen.push(seen);
        UnderWay { log: self, number: entries.forgotten + entries.seen.len() - 1 }
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.entries().seen.clone()
    }

    pub fn forget(&self) {
        let mut entries = self.entries();
        entries.forgotten += entries.seen.len();
        entries.seen.clear();
    }

    /// The length of the longest chain of requests of which none overlapped the one before.
    pub fn round_trips(&self) -> usize {
        let now = Instant::now();
        let mut spans: Vec<(Instant, Instant)> =
            self.requests().into_iter().map(|seen| (seen.end.unwrap_or(now), seen.start)).collect();
        spans.sort_unstable();
        let (mut chain, mut last) = (0, None);
        for (end, start) in spans {
            if last.is_none_or(|last| start >= last) {
                (chain, last) = (chain + 1, Some(end));
            }
        }
        chain
    }

    /// The most requests that were under way at one time.
    pub fn most_at_once(&self) -> usize {
        let seen = self.requests();
        let under_way =
            |at: Instant| seen.iter().filter(|other| other.start <= at && other.end.is_none_or(|end| end > at)).count();
        seen.iter().map(|seen| under_way(seen.start)).max().unwrap_or(0)
    }
}

/// A request that is being answered; it ends at the latest when this is dropped, as when a client gives up.
pub struct UnderWay<'a> {
    log: &'a Log,
    number: usize,
}

impl UnderWay<'_> {
    fn note(&self, change: impl FnOnce(&mut Seen)) {
        let mut entries = self.log.entries();
        let index = self.number.checked_sub(entries.forgotten);
        if let Some(seen) = index.and_then(|index| entries.seen.get_mut(index)) {
            change(seen);
        }
    }

    /// Notes the status of the answer.
    pub fn status(&self, status: u16) {
        self.note(|seen| seen.status = Some(status));
    }

    /// Notes that the answer is complete.
    pub fn end(&self) {
        self.note(|seen| seen.end = seen.end.or_else(|| Some(Instant::now())));
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// A file as it was at one moment.
pub struct Object {
    pub bytes: Vec<u8>,
    /// A hash of the content, without quotes.
    pub etag: String,
    pub modified: SystemTime,
}

impl Object {
    /// Reads a file through one handle: what replaces it meanwhile can't lend its hash to the old bytes.
    pub fn read(folder: &Path, name: &str) -> Option<Self> {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let mut file = File::open(inside.then(|| folder.join(name))?).ok()?;
        let modified = file.metadata().ok()?.modified().ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        Some(Self { etag: format!("{:016x}", hasher.finish()), bytes, modified })
    }
}

/// A server on threads of its own; it stops, with all its connections, when this is dropped.
pub struct Background(Option<Runtime>);

impl Background {
    /// Serves on a free port.
    pub fn serve<F: Future<Output = ()> + Send + 'static>(
        server: impl FnOnce(tokio::net::TcpListener) -> F,
    ) -> (Self, SocketAddr) {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        {
            let _entered = runtime.enter();
            runtime.spawn(server(tokio::net::TcpListener::from_std(listener).unwrap()));
        }
        (Self(Some(runtime)), address)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // on a thread, because a test that is async itself may not drop a runtime
        if let Some(runtime) = self.0.take() {
            let _ = std::thread::spawn(move || drop(runtime)).join();
        }
    }
}
