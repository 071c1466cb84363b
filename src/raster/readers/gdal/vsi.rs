//! What GDAL's file systems do: every path that it opens or asks for comes through here.
//!
//! GDAL is synchronous, the storage is not, and no thread is to wait for a network. So a file gives GDAL the bytes that
//! are there, and notes what is missing; GDAL fails, the missing bytes are brought, and the job runs again. What a job
//! returns counts only if nothing was missing and nothing failed: GDAL forgives many an error that must not pass for
//! "no data here".

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::blocks::MOST_BLOCK_BYTES;
use super::disguise::Disguise;
use super::text;
use crate::storage::{Held, Known, Location, Object, Refusal, Snapshot, StorageError, Version, Want};

/// Names of files beside a raster. In an object store they are looked for only where the layer says so.
const SIDECARS: [&str; 3] = [".ovr", ".msk", ".aux.xml"];

/// Names of files beside a raster that nobody keeps in an object store.
const NEVER_THERE: [&str; 6] = [".aux", ".tab", ".tfw", ".wld", ".rrd", ".imd"];

/// GDAL at work on this thread: what it may open, what it found missing.
#[derive(Debug)]
pub struct Run {
    snapshot: Arc<Snapshot>,
    /// A file that GDAL is shown in another form.
    shown: Option<Shown>,
    /// Bytes brought for it.
    pub held: Held,
    /// What was missing.
    pub wants: Vec<Want>,
    /// The first thing that failed.
    pub failure: Option<StorageError>,
    /// The codec of a file that GDAL has read in, and could not decode.
    hidden: Option<&'static str>,
}

/// The text that GDAL is shown in the place of a file's own.
#[derive(Debug, Clone)]
pub struct Shown {
    pub path: String,
    pub text: Bytes,
}

thread_local! {
    static RUN: RefCell<Option<Run>> = const { RefCell::new(None) };
}

impl Run {
    /// A run over a snapshot with the bytes brought so far.
    pub fn new(snapshot: &Arc<Snapshot>, held: Held) -> Self {
        Self { snapshot: Arc::clone(snapshot), shown: None, held, wants: Vec::new(), failure: None, hidden: None }
    }

    /// The same, with a file in another form.
    pub fn showing(self, shown: Option<Shown>) -> Self {
        Self { shown, ..self }
    }

    /// Runs a job of GDAL's; outside a run nothing can be opened.
    pub fn of<T>(self, job: impl FnOnce() -> T) -> (T, Self) {
        let snapshot = Arc::clone(&self.snapshot);
        RUN.set(Some(self));
        let result = job();
        (result, RUN.take().unwrap_or_else(|| Self::new(&snapshot, Held::new())))
    }

    /// What a path of GDAL's stands for, if it may be opened.
    fn locate(&self, path: &str) -> Result<Location, Refusal> {
        let located = self.snapshot.storage().policy().location(path)?;
        Ok(match located {
            Location::Object(object) => Location::Object(self.snapshot.with_query(object)),
            file @ Location::File(_) => file,
        })
    }

    fn want(&mut self, want: Want) {
        self.wants.push(want);
    }

    fn fail(&mut self, error: impl Into<StorageError>) {
        self.failure.get_or_insert(error.into());
    }
}

/// Whether the run on this thread has missed nothing, and nothing has failed.
pub fn is_clean() -> bool {
    in_run(|run| run.wants.is_empty() && run.failure.is_none()).unwrap_or(true)
}

/// The codec that GDAL has not got, of a file that it has read in during the run on this thread.
pub fn hidden_codec() -> Option<&'static str> {
    in_run(|run| run.hidden)?
}

/// What tells one version of the object at a path from another, if it was opened.
pub fn object_version(path: &str) -> Option<String> {
    in_run(|run| match run.locate(path) {
        Ok(Location::Object(object)) => match run.snapshot.known(&object)? {
            Known::Present(version) => Some(version.key.to_string()),
            Known::Absent => None,
        },
        Ok(Location::File(_)) | Err(_) => None,
    })?
}

/// Asks for objects that will be opened next, so that they are brought together.
pub fn expect(paths: impl IntoIterator<Item = String>) {
    in_run(|run| {
        for path in paths {
            if let Ok(Location::Object(object)) = run.locate(&path)
                && run.snapshot.known(&object).is_none()
            {
                run.want(Want::Header(object));
            }
        }
    });
}

/// Whether a path leads into the file system, and may be opened.
pub fn is_file(path: &str) -> bool {
    matches!(in_run(|run| run.locate(path)), Some(Ok(Location::File(_))))
}

fn in_run<T>(job: impl FnOnce(&mut Run) -> T) -> Option<T> {
    RUN.with_borrow_mut(|run| run.as_mut().map(job))
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub size: u64,
    pub is_folder: bool,
}

/// A file that GDAL has open.
#[derive(Debug)]
pub struct OpenFile {
    content: Content,
    size: u64,
    position: u64,
    /// A read reached beyond the end.
    pub at_end: bool,
    /// A read failed.
    pub has_failed: bool,
    is_vrt: bool,
    disguise: Disguise,
}

#[derive(Debug)]
enum Content {
    File(File),
    Object(Arc<Version>),
    Shown(Bytes),
}

impl Content {
    /// Whether the bytes of a range are there; what is missing or fails is noted.
    fn read(&self, run: &mut Run, offset: u64, buffer: &mut [u8]) -> bool {
        match self {
            Self::Shown(text) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                buffer.copy_from_slice(&text[start..start + buffer.len()]);
                true
            }
            Self::File(file) => match file.read_exact_at(buffer, offset) {
                Ok(()) => true,
                Err(error) => {
                    run.fail(StorageError::Unreadable { what: "a file".to_owned(), reason: error.to_string() });
                    false
                }
            },
            Self::Object(version) => {
                let range = offset..offset + buffer.len() as u64;
                let Some(pieces) = run.snapshot.cached(version, &range, &run.held) else {
                    run.want(Want::Bytes(Arc::clone(version), range));
                    return false;
                };
                let mut rest = buffer;
                for piece in pieces {
                    let (to, after) = rest.split_at_mut(piece.len().min(rest.len()));
                    to.copy_from_slice(&piece[..to.len()]);
                    rest = after;
                }
                rest.is_empty()
            }
        }
    }
}

/// Asks for a path without opening it. What may not be opened is as good as absent.
pub fn stat(path: &str) -> Option<Stat> {
    in_run(|run| match run.locate(path).ok()? {
        Location::File(path) => {
            let real = run.snapshot.storage().policy().file(&path).ok()?;
            let meta = std::fs::metadata(real).ok()?;
            Some(Stat { size: meta.len(), is_folder: meta.is_dir() })
        }
        Location::Object(object) => match run.snapshot.known(&object) {
            Some(Known::Present(version)) => Some(Stat { size: version.size, is_folder: false }),
            Some(Known::Absent) => None,
            None => {
                if run.snapshot.access().sidecars && is_sidecar(&object) {
                    run.want(Want::Sidecar(object));
                }
                None
            }
        },
    })?
}

impl OpenFile {
    /// Opens a path for reading.
    pub fn open(path: &str) -> Option<Self> {
        // GDAL asks for the files beside a dataset that it made itself, which has no name.
        if path.is_empty() {
            return None;
        }
        in_run(|run| match run.locate(path) {
            _ if run.shown.as_ref().is_some_and(|shown| shown.path == path) => {
                let text = run.shown.as_ref()?.text.clone();
                let size = text.len() as u64;
                Some(Self::new(Content::Shown(text), size))
            }
            Ok(Location::File(path)) => Self::in_file_system(run, &path),
            Ok(Location::Object(object)) => Self::in_store(run, object),
            Err(refusal) => {
                run.fail(refusal);
                None
            }
        })?
    }

    fn in_file_system(run: &mut Run, path: &Path) -> Option<Self> {
        let opened = match run.snapshot.storage().policy().open_file(path) {
            Ok(opened) => opened?,
            Err(refusal) => {
                run.fail(refusal);
                return None;
            }
        };
        match opened.and_then(|file| Ok((file.metadata()?.len(), file))) {
            Ok((size, file)) => Some(Self::new(Content::File(file), size)),
            Err(error) => {
                run.fail(unreadable(path, &error));
                None
            }
        }
    }

    fn in_store(run: &mut Run, object: Object) -> Option<Self> {
        match run.snapshot.known(&object) {
            Some(Known::Present(version)) => {
                let size = version.size;
                Some(Self::new(Content::Object(version), size))
            }
            Some(Known::Absent) => None,
            None => {
                if !is_sidecar(&object) && !NEVER_THERE.iter().any(|suffix| object.ends_with(suffix)) {
                    run.want(Want::Header(object));
                } else if is_sidecar(&object) && run.snapshot.access().sidecars {
                    run.want(Want::Sidecar(object));
                }
                None
            }
        }
    }

    fn new(content: Content, size: u64) -> Self {
        let disguise = Disguise::new(size);
        Self { content, size, position: 0, at_end: false, has_failed: false, is_vrt: false, disguise }
    }

    /// Bytes from the current position on; how many.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.read_at(self.position, buffer);
        self.position += count as u64;
        count
    }

    /// Whether all ranges were read; each is `(offset, buffer)`. All that is missing is noted at once.
    pub fn read_ranges<'a>(&mut self, ranges: impl IntoIterator<Item = (u64, &'a mut [u8])>) -> bool {
        ranges.into_iter().fold(true, |all, (offset, buffer)| self.read_at(offset, buffer) == buffer.len() && all)
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> usize {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        self.at_end |= wanted < buffer.len();
        if wanted == 0 {
            return 0;
        }
        let end = offset + wanted as u64;
        let read = in_run(|run| {
            let known = self.disguise.follow(end, &mut |at, bytes: &mut [u8]| self.content.read(run, at, bytes));
            run.hidden = run.hidden.or(self.disguise.codec());
            if self.disguise.largest_block_bytes() > MOST_BLOCK_BYTES {
                run.fail(large_blocks(self.disguise.largest_block_bytes()));
                return false;
            }
            known && self.content.read(run, offset, &mut buffer[..wanted])
        });
        self.has_failed |= read != Some(true);
        if read != Some(true) {
            return 0;
        }
        self.disguise.put_on(offset, &mut buffer[..wanted]);
        self.is_vrt |= offset == 0 && text::is_vrt(&buffer[..wanted]);
        if self.is_vrt {
            if text::asks_for_other_masks(&buffer[..wanted]) {
                in_run(|run| run.fail(other_masks()));
                self.has_failed = true;
                return 0;
            }
            text::share_sources(&mut buffer[..wanted]);
        }
        wanted
    }

    /// Moves to an offset from the beginning.
    pub fn seek_to(&mut self, position: u64) {
        self.position = position;
        self.at_end = false;
    }

    /// Where the next read starts.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// How long the file is.
    pub fn size(&self) -> u64 {
        self.size
    }
}

fn is_sidecar(object: &Object) -> bool {
    SIDECARS.iter().any(|suffix| object.ends_with(suffix))
}

fn other_masks() -> StorageError {
    let reason = "a source gives the mask of another band than its first (mask,2), which GDAL can't be trusted with: ask \
                  for mask,1, or make it a VRT of simple and complex sources only";
    StorageError::Unreadable { what: "a VRT".to_owned(), reason: reason.to_owned() }
}

fn large_blocks(bytes: u64) -> StorageError {
    let (megabytes, most) = (bytes.div_ceil(1 << 20), MOST_BLOCK_BYTES >> 20);
    let reason =
        format!("a block of it takes {megabytes} MB of memory, more than {most} MB: make it a COG, with tiles");
    StorageError::Unreadable { what: "a TIFF".to_owned(), reason }
}

fn unreadable(path: &Path, error: &std::io::Error) -> StorageError {
    StorageError::Unreadable { what: path.display().to_string(), reason: error.to_string() }
}
