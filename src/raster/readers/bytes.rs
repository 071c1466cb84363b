//! Bytes of one file or object, as far as they are there.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rustix::buffer::spare_capacity;
use rustix::io::{pread, retry_on_intr};

use crate::storage::{Held, Known, Location, Snapshot, Version};

/// Why bytes are not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// They have to be brought.
    Missing(Range<u64>),
    /// The file ends before them.
    Beyond,
    /// The system says so.
    Failed(String),
}

/// Bytes by range.
pub trait ByteSource {
    /// How many there are.
    fn size(&self) -> u64;

    /// Some of them.
    fn bytes(&self, range: Range<u64>) -> Result<Bytes, Need>;
}

/// A file or an object in one version.
#[derive(Debug)]
pub enum Content {
    File(File, u64),
    Object(Arc<Snapshot>, Arc<Version>),
}

impl Content {
    /// A file that may be opened, or an object whose version is known.
    pub fn open(snapshot: &Arc<Snapshot>, location: Location) -> Option<Self> {
        match location {
            Location::File(path) => {
                let file = snapshot.storage().policy().open_file(&path).ok()??.ok()?;
                let size = file.metadata().ok()?.len();
                Some(Self::File(file, size))
            }
            Location::Object(object) => match snapshot.known(&snapshot.with_query(object))? {
                Known::Present(version) => Some(Self::Object(Arc::clone(snapshot), version)),
                Known::Absent => None,
            },
        }
    }
}

/// What there is of a [`Content`] during one read.
#[derive(Debug, Clone, Copy)]
pub struct Available<'a> {
    pub content: &'a Content,
    pub held: &'a Held,
}

impl ByteSource for Available<'_> {
    fn size(&self) -> u64 {
        match self.content {
            Content::File(_, size) => *size,
            Content::Object(_, version) => version.size,
        }
    }

    fn bytes(&self, range: Range<u64>) -> Result<Bytes, Need> {
        if range.end > self.size() {
            return Err(Need::Beyond);
        }
        let length = usize::try_from(range.end - range.start).map_err(|_| Need::Beyond)?;
        match self.content {
            Content::File(file, _) => {
                read_at(file, range.start, length).map(Bytes::from).map_err(|error| Need::Failed(error.to_string()))
            }
            Content::Object(snapshot, version) => match snapshot.cached(version, &range, self.held).as_deref() {
                None => Err(Need::Missing(range)),
                Some([only]) => Ok(only.clone()),
                Some(pieces) => Ok(pieces.concat().into()),
            },
        }
    }
}

/// Reads so many bytes of a file, into memory that is not cleared first.
fn read_at(file: &File, start: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let at = start + bytes.len() as u64;
        if retry_on_intr(|| pread(file, spare_capacity(&mut bytes), at))? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}
