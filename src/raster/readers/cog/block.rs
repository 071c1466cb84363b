//! What the decoders of blocks share.

use std::ops::Range;

/// A block that can't be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a block is damaged: {0}")]
pub struct Damaged(pub String);

/// Columns and rows of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    pub cols: Range<usize>,
    pub rows: Range<usize>,
}

/// What a block has to be.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub width: usize,
    pub height: usize,
    pub samples: usize,
}
