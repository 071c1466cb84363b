//! A dataset and the work on it: on a thread that has it open, with the bytes that it needs.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;

use super::dataset::Opened;
use super::ffi::Ownership;
use super::files::Files;
use super::read;
use super::vrt::{self, Touched};
use super::vsi::{Run, Shown, is_clean};
use crate::cpu::CpuPool;
use crate::raster::RasterError;
use crate::storage::{Held, Snapshot, StorageError, Want, redacted};

/// Datasets that one worker keeps open; each holds a file descriptor and a header.
const DATASETS_PER_THREAD: usize = 16;

/// Bytes of objects that one read may hold; a raster that needs more has blocks that no window should need.
const MOST_HELD_BYTES: u64 = 64 << 20;

/// Times that a job may find something missing: each time it comes further.
const MOST_ROUNDS: usize = 1024;

/// Sources of a VRT that are asked at once.
const SOURCES_AT_ONCE: usize = 32;

/// Sources that are brought for one window, of VRTs inside VRTs, too; the others come as GDAL asks for them.
const MOST_SOURCES: usize = 4096;

/// VRTs inside VRTs whose sources are brought together.
const MAX_DEPTH: usize = 4;

/// Which dataset, for the threads that open it.
#[derive(Debug)]
pub struct Source {
    /// Tells this opening from earlier ones of the same file.
    id: u64,
    /// As GDAL opens it.
    pub path: String,
    /// The objects that it is made of.
    pub snapshot: Arc<Snapshot>,
    /// The files that it is made of, known since it was first opened.
    pub files: OnceLock<Files>,
    /// The file at the path, in the form in which GDAL is shown it.
    shown: Option<Shown>,
    /// Only its cells matter, wherever they are: it is not warped by its ground control points.
    is_cells_only: bool,
    /// Nobody comes back to it: its handles are not kept.
    is_passing: bool,
}

/// A dataset that a worker keeps open.
struct Handle {
    source: u64,
    number: u32,
    opened: Opened,
}

/// Sources that were brought so far.
#[derive(Debug, Default)]
struct Budget(AtomicUsize);

/// What one attempt came to.
#[derive(Debug)]
pub enum Attempt<T> {
    /// Done, one way or the other.
    Done(Result<T, RasterError>),
    /// Bytes are missing. `Some` when the dataset was open and the job itself missed them.
    Missing(Option<T>, Vec<Want>),
}

impl Source {
    /// A dataset that nobody has opened yet.
    pub fn new(path: String, snapshot: Arc<Snapshot>) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let files = OnceLock::new();
        Self { id, path, snapshot, files, shown: None, is_cells_only: false, is_passing: false }
    }

    /// The same, opened for its cells only.
    pub fn cells_only(self) -> Self {
        Self { is_cells_only: true, ..self }
    }

    /// The same, with another text in the place of its file's.
    pub fn showing(self, text: Bytes) -> Self {
        Self { shown: Some(Shown { path: self.path.clone(), text }), ..self }
    }

    fn new_run(&self, held: Held) -> Run {
        Run::new(&self.snapshot, held).showing(self.shown.clone())
    }

    /// Runs a job on the open dataset until nothing is missing any more.
    pub async fn run<T, F>(self: &Arc<Self>, pool: &CpuPool, job: F) -> Result<T, RasterError>
    where
        T: Send + 'static,
        F: Fn(&Opened) -> Result<T, RasterError> + Clone + Send + 'static,
    {
        self.run_with(pool, Held::new(), job).await
    }

    /// The same, with bytes that are there already.
    pub async fn run_with<T, F>(self: &Arc<Self>, pool: &CpuPool, mut held: Held, job: F) -> Result<T, RasterError>
    where
        T: Send + 'static,
        F: Fn(&Opened) -> Result<T, RasterError> + Clone + Send + 'static,
    {
        for _ in 0..MOST_ROUNDS {
            match self.attempt(pool, &mut held, job.clone()).await? {
                Attempt::Done(result) => return result,
                Attempt::Missing(_, wants) => self.bring(wants, &mut held).await?,
            }
        }
        Err(self.endless())
    }

    /// Runs a job once, with the bytes that are there.
    pub async fn attempt<T, F>(
        self: &Arc<Self>, pool: &CpuPool, held: &mut Held, job: F,
    ) -> Result<Attempt<T>, RasterError>
    where
        T: Send + 'static,
        F: FnOnce(&Opened) -> Result<T, RasterError> + Send + 'static,
    {
        let (source, run) = (Arc::clone(self), self.new_run(std::mem::take(held)));
        let (result, run) = pool.run(move || run.of(|| source.with_dataset(job))).await?;
        *held = run.held;
        match run.failure {
            Some(failure) => Err(self.failed(failure)),
            None if run.wants.is_empty() => Ok(Attempt::Done(result)),
            None => Ok(Attempt::Missing(result.ok(), run.wants)),
        }
    }

    /// Runs a job on this thread, a worker's; `None` when it misses bytes.
    pub fn attempt_now<T>(
        &self, job: impl FnOnce(&Opened) -> Result<T, RasterError>,
    ) -> Option<Result<T, RasterError>> {
        let (result, run) = self.new_run(Held::new()).of(|| self.with_dataset(job));
        match run.failure {
            Some(failure) => Some(Err(self.failed(failure))),
            None => run.wants.is_empty().then_some(result),
        }
    }

    /// Brings what an attempt missed.
    pub async fn bring(&self, wants: Vec<Want>, held: &mut Held) -> Result<(), RasterError> {
        let asked = |want: &Want| match want {
            Want::Header(_) | Want::Sidecar(_) => 0,
            Want::Bytes(_, range) => range.end - range.start,
        };
        self.check_size(held, wants.iter().map(asked).max().unwrap_or(0))?;
        self.snapshot.bring(wants, held).await.map_err(|error| self.failed(error))?;
        self.check_size(held, 0)
    }

    /// Refuses to hold more than one read may need.
    fn check_size(&self, held: &Held, more: u64) -> Result<(), RasterError> {
        let bytes = held.values().map(|page| page.len() as u64).sum::<u64>() + more;
        if bytes <= MOST_HELD_BYTES {
            return Ok(());
        }
        let most = MOST_HELD_BYTES >> 20;
        let reason = format!("one read of it needs more than {most} MB of the file: make it a COG, with tiles");
        Err(RasterError::Read { origin: redacted(&self.path), reason })
    }

    /// Brings what a window of a VRT needs of its sources: all their headers together, then all their blocks.
    pub async fn bring_sources(
        &self, pool: &CpuPool, touched: Vec<Touched>, bands: &[usize],
    ) -> Result<Held, RasterError> {
        self.bring_inner(pool, touched, bands, &Budget::default(), 0).await
    }

    async fn bring_inner(
        &self, pool: &CpuPool, touched: Vec<Touched>, bands: &[usize], budget: &Budget, depth: usize,
    ) -> Result<Held, RasterError> {
        let one = |touched: Touched| {
            let source = Self::new(touched.path.clone(), Arc::clone(&self.snapshot));
            let source = Arc::new(Self { is_passing: true, ..source });
            async move { source.bring_window(pool, touched, bands, budget, depth).await }
        };
        let within = touched.into_iter().take_while(|_| budget.0.fetch_add(1, Ordering::Relaxed) < MOST_SOURCES);
        let mut all = stream::iter(within.map(one)).buffer_unordered(SOURCES_AT_ONCE);
        let mut held = Held::new();
        while let Some(brought) = all.next().await {
            held.extend(brought?);
            self.check_size(&held, 0)?;
        }
        Ok(held)
    }

    /// Brings what a window of a dataset needs, without keeping a pixel.
    fn bring_window<'a>(
        self: Arc<Self>, pool: &'a CpuPool, touched: Touched, bands: &'a [usize], budget: &'a Budget, depth: usize,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Held, RasterError>> + Send + 'a>> {
        Box::pin(async move {
            let mut held = Held::new();
            for _ in 0..MOST_ROUNDS {
                let (path, wanted, bands_wanted) = (self.path.clone(), touched.clone(), bands.to_vec());
                let job = move |opened: &Opened| {
                    let inner = vrt::sources(opened)
                        .map(|sources| vrt::touched(&sources, &path, wanted.window, read::scale_of(&wanted)));
                    if inner.is_none() {
                        read::touch(opened, &wanted, &bands_wanted);
                    }
                    Ok(inner)
                };
                match self.attempt(pool, &mut held, job).await? {
                    Attempt::Done(Ok(Some(inner))) if depth < MAX_DEPTH => {
                        held.extend(self.bring_inner(pool, inner, bands, budget, depth + 1).await?);
                        return Ok(held);
                    }
                    // What is wrong with it, the read itself will say.
                    Attempt::Done(_) => return Ok(held),
                    Attempt::Missing(opened, wants) => {
                        self.bring(wants, &mut held).await?;
                        if matches!(opened, Some(None)) {
                            return Ok(held);
                        }
                    }
                }
            }
            Err(self.endless())
        })
    }

    /// Runs `job` on this thread's own handle of the dataset, opening it where needed.
    fn with_dataset<T>(&self, job: impl FnOnce(&Opened) -> Result<T, RasterError>) -> Result<T, RasterError> {
        thread_local! {
            /// Most recently used last.
            static OPEN: RefCell<VecDeque<Handle>> = const { RefCell::new(VecDeque::new()) };
        }
        OPEN.with_borrow_mut(|open| {
            let kept = open.iter().position(|handle| handle.source == self.id).and_then(|index| open.remove(index));
            let (handle, _ownership) = match kept {
                Some(handle) => {
                    let ownership = Ownership::of(handle.number);
                    (handle, ownership)
                }
                None => self.open_handle()?,
            };
            let result = job(&handle.opened);
            // After an error the next read starts from a fresh handle: a VRT remembers a source that failed.
            if result.is_ok() && is_clean() && !self.is_passing {
                if open.len() >= DATASETS_PER_THREAD {
                    open.pop_front();
                }
                open.push_back(handle);
            }
            result
        })
    }

    /// A fresh handle, of the files that the others have open, too.
    fn open_handle(&self) -> Result<(Handle, Ownership), RasterError> {
        static NEXT_NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let ownership = Ownership::of(number);
        let opened = if self.is_cells_only { Opened::as_it_is(&self.path)? } else { Opened::open(&self.path)? };
        if self.files.get().is_some_and(|files| !files.are_current()) {
            return Err(self.failed(StorageError::Changed { what: redacted(&self.path) }));
        }
        Ok((Handle { source: self.id, number, opened }, ownership))
    }

    fn failed(&self, error: StorageError) -> RasterError {
        RasterError::Storage { origin: redacted(&self.path), error }
    }

    fn endless(&self) -> RasterError {
        let reason = format!("it asks for more after {MOST_ROUNDS} round trips");
        RasterError::Read { origin: redacted(&self.path), reason }
    }
}
