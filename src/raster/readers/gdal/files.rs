//! The files in the file system that a dataset is made of, and whether they have changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// Files, and what they were like when they were opened.
#[derive(Debug)]
pub struct Files {
    paths: Vec<PathBuf>,
    stamp: u64,
}

impl Files {
    /// Files as they are now.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self { stamp: stamp(&paths), paths }
    }

    /// A hash of their names, sizes and modification times.
    pub fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Whether they are still what they were.
    pub fn are_current(&self) -> bool {
        stamp(&self.paths) == self.stamp
    }
}

fn stamp(files: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        if let Ok(meta) = std::fs::metadata(file) {
            meta.len().hash(&mut hasher);
            let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            modified.hash(&mut hasher);
        }
    }
    hasher.finish()
}
