//! From pixels to bytes: image formats and raw arrays.

mod deflate;
mod npy;
mod png;

use std::fmt;
use std::str::FromStr;

pub use npy::encode as npy;
pub use png::{Picture, empty as empty_png, encode as png};

/// A format that a tile can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TileFormat {
    /// A picture.
    #[default]
    Png,
    /// Raw values (numpy), the mask as the last band.
    Npy,
}

impl TileFormat {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Png, Self::Npy];

    /// The value of `Content-Type`.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Npy => "application/x-binary",
        }
    }

    /// Extension in a path, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Npy => "npy",
        }
    }
}

impl fmt::Display for TileFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

/// An extension that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no tile format: use png or npy")]
pub struct UnknownFormat(String);

impl FromStr for TileFormat {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|one| one.extension() == text).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// Bytes that could not be made; never for a valid picture.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot encode: {0}")]
pub struct EncodeError(String);
