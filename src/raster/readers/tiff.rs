//! The structure of a TIFF: its directories, as far as pixels are concerned.
//!
//! Nothing here trusts the file: counts are checked against its size before anything is allocated, and directories
//! are followed only so far. Arrays of blocks are not read here but one entry at a time, when a block is needed: those of
//! a large raster are longer than its header.

use super::bytes::{ByteSource, Need};

/// Directories that are looked at: full resolution, overviews, and their masks.
const MOST_DIRECTORIES: usize = 64;

/// Entries that a directory may have.
const MOST_ENTRIES: u64 = 1024;

/// Values of one tag that are read as a whole (bands by bits, by format; not blocks).
const MOST_VALUES: u64 = 4096;

/// Bytes of the JPEG tables of a directory.
const MOST_TABLE_BYTES: u64 = 64 << 10;

/// Bytes of GDAL's metadata that are looked at.
pub const MOST_METADATA_BYTES: u64 = 64 << 10;

/// Types of values: whole numbers without a sign, and bytes that mean what the tag says.
const SHORT: u16 = 3;
const LONG: u16 = 4;
const LONG8: u16 = 16;
const IFD: u16 = 13;
const IFD8: u16 = 18;
const BYTE: u16 = 1;
const ASCII: u16 = 2;
const UNDEFINED: u16 = 7;

/// What a directory has that does not say what its cells stand for: the standard knows no default.
const NO_PHOTOMETRIC: u16 = u16::MAX;

/// Why a file is none of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TiffError {
    /// Bytes are missing that may be brought.
    #[error("bytes are missing")]
    Need(Need),
    /// It is no TIFF, or a broken one.
    #[error("{0}")]
    Malformed(&'static str),
}

impl From<Need> for TiffError {
    fn from(need: Need) -> Self {
        Self::Need(need)
    }
}

/// Which byte of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endian {
    Little,
    Big,
}

/// A TIFF.
#[derive(Debug, Clone)]
pub struct Tiff {
    pub endian: Endian,
    pub directories: Vec<Directory>,
}

/// One picture in it. Values that the file does not have are what the standard says they are then.
#[derive(Debug, Clone, PartialEq)]
pub struct Directory {
    pub subfile: u32,
    pub width: u64,
    pub height: u64,
    /// Of a tile or a strip; a strip may have more rows than the picture.
    pub block: [u64; 2],
    pub bits: Vec<u16>,
    pub formats: Vec<u16>,
    pub samples: u16,
    pub planar: u16,
    pub compression: u16,
    pub predictor: u16,
    pub photometric: u16,
    pub fill_order: u16,
    pub is_striped: bool,
    pub offsets: Array,
    pub counts: Array,
    /// Where directories are that belong to this one.
    below: Array,
    pub jpeg_tables: Vec<u8>,
    /// The parameters of LERC.
    pub lerc: Vec<u16>,
    /// Its `GeoKeys`; none where it has none.
    pub geo_keys: Vec<u16>,
    /// What GDAL wrote of it, in XML; cut off where it is very long.
    pub gdal_metadata: Vec<u8>,
}

/// An array of whole numbers somewhere in the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Array {
    pub count: u64,
    offset: u64,
    /// Bytes of each.
    size: u64,
}

/// An entry of a directory.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u16,
    /// Type of its values.
    kind: u16,
    array: Array,
}

impl Endian {
    /// A whole number of up to eight bytes.
    pub fn number(self, bytes: &[u8]) -> u64 {
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, fold),
            Self::Big => bytes.iter().fold(0, fold),
        }
    }
}

impl Tiff {
    /// Reads the structure.
    ///
    /// # Errors
    /// When bytes are missing, or it is no TIFF that could be read.
    pub fn read(source: &impl ByteSource) -> Result<Self, TiffError> {
        let head = source.bytes(0..16.min(source.size()))?;
        let endian = match head.get(..2) {
            Some(b"II") => Endian::Little,
            Some(b"MM") => Endian::Big,
            _ => return Err(TiffError::Malformed("it does not begin as a TIFF")),
        };
        let number = |from: usize, to: usize| head.get(from..to).map(|bytes| endian.number(bytes));
        let (big, mut next) = match (number(2, 4), number(4, 8), number(4, 6), number(8, 16)) {
            (Some(42), Some(next), ..) => (false, next),
            (Some(43), _, Some(8), Some(next)) => (true, next),
            _ => return Err(TiffError::Malformed("it is no TIFF")),
        };
        let mut directories = Vec::new();
        while next != 0 && directories.len() < MOST_DIRECTORIES {
            let (directory, after) = directory(source, endian, big, next)?;
            directories.push(directory);
            next = after;
            if directories.len() == 1 {
                let below = directories[0].below;
                directories_below(source, endian, big, below, &mut directories)?;
            }
        }
        Ok(Self { endian, directories })
    }
}

/// Overviews and masks that are not beside the picture but below it. Those that make no sense are left out.
fn directories_below(
    source: &impl ByteSource, endian: Endian, big: bool, below: Array, directories: &mut Vec<Directory>,
) -> Result<(), TiffError> {
    for index in 0..below.count.min(MOST_DIRECTORIES as u64 - 1) {
        match below.get(source, endian, index).and_then(|at| directory(source, endian, big, at)) {
            Ok((directory, _)) => directories.push(directory),
            Err(TiffError::Need(Need::Beyond) | TiffError::Malformed(_)) => {}
            Err(need @ TiffError::Need(_)) => return Err(need),
        }
    }
    Ok(())
}

/// A directory, and where the next one is.
fn directory(source: &impl ByteSource, endian: Endian, big: bool, at: u64) -> Result<(Directory, u64), TiffError> {
    let (count_bytes, entry_bytes, offset_bytes) = if big { (8, 20, 8) } else { (2, 12, 4) };
    let count = endian.number(&source.bytes(span(at, count_bytes)?)?);
    if count == 0 || count > MOST_ENTRIES {
        return Err(TiffError::Malformed("a directory is empty or too long"));
    }
    let first = at + count_bytes;
    let bytes = source.bytes(span(first, count * entry_bytes + offset_bytes)?)?;
    let (table, next) = bytes.split_at(bytes.len() - usize::try_from(offset_bytes).unwrap_or(0));
    let entry_length = usize::try_from(entry_bytes).unwrap_or(1);
    let entries: Vec<Entry> = (0..)
        .zip(table.chunks_exact(entry_length))
        .map(|(index, entry)| entry_of(endian, big, entry, first + index * entry_bytes))
        .collect::<Result<_, _>>()?;
    Ok((Fields { source, endian, entries: &entries }.directory()?, endian.number(next)))
}

fn entry_of(endian: Endian, big: bool, bytes: &[u8], at: u64) -> Result<Entry, TiffError> {
    let (head, value) = bytes.split_at(if big { 12 } else { 8 });
    let tag = u16::try_from(endian.number(&head[..2])).unwrap_or(0);
    let kind = u16::try_from(endian.number(&head[2..4])).unwrap_or(0);
    let size = match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        // Of a type that nobody knows: a reader skips it.
        _ => 0,
    };
    let count = endian.number(&head[4..]);
    let bytes = count.checked_mul(size).ok_or(TiffError::Malformed("a tag is longer than any file"))?;
    let offset = if bytes <= value.len() as u64 { at + head.len() as u64 } else { endian.number(value) };
    Ok(Entry { tag, kind, array: Array { count, offset, size } })
}

fn span(start: u64, length: u64) -> Result<std::ops::Range<u64>, TiffError> {
    let end = start.checked_add(length).ok_or(TiffError::Malformed("an offset is beyond any file"))?;
    Ok(start..end)
}

impl Array {
    /// One of its numbers.
    pub fn get(&self, source: &impl ByteSource, endian: Endian, index: u64) -> Result<u64, TiffError> {
        if index >= self.count {
            return Err(TiffError::Malformed("an array of blocks is too short"));
        }
        let start = index.checked_mul(self.size).and_then(|at| at.checked_add(self.offset));
        let start = start.ok_or(TiffError::Malformed("an offset is beyond any file"))?;
        Ok(endian.number(&source.bytes(span(start, self.size)?)?))
    }
}

/// The entries of a directory, by tag.
struct Fields<'a, S> {
    source: &'a S,
    endian: Endian,
    entries: &'a [Entry],
}

impl<S: ByteSource> Fields<'_, S> {
    fn directory(&self) -> Result<Directory, TiffError> {
        let (width, height) = (self.required(256)?, self.required(257)?);
        let tiled = self.array(322)?.is_some();
        let block = match (tiled, self.number(278)?) {
            (true, _) => [self.required(322)?, self.required(323)?],
            (false, None) => [width, height],
            (false, Some(0)) => return Err(TiffError::Malformed("a strip has no rows")),
            (false, Some(rows)) => [width, rows],
        };
        let (offsets, counts) = if tiled { (324, 325) } else { (273, 279) };
        let array = |tag| self.array(tag)?.ok_or(TiffError::Malformed("a directory names no blocks"));
        let samples = self.small(277, 1)?;
        Ok(Directory {
            subfile: u32::try_from(self.number(254)?.unwrap_or(0)).unwrap_or(0),
            width,
            height,
            block,
            bits: self.small_values(258, 1)?,
            formats: self.small_values(339, 1)?,
            samples,
            planar: self.small(284, 1)?,
            compression: self.small(259, 1)?,
            predictor: self.small(317, 1)?,
            photometric: self.small(262, NO_PHOTOMETRIC)?,
            fill_order: self.small(266, 1)?,
            is_striped: !tiled,
            offsets: array(offsets)?,
            counts: array(counts)?,
            below: self.values(330, &[LONG, IFD, LONG8, IFD8])?.unwrap_or_default(),
            jpeg_tables: self.tables()?,
            lerc: self.small_values(50674, 0)?,
            geo_keys: self.small_values(34735, 0)?,
            gdal_metadata: self.bytes(42112, &[ASCII], MOST_METADATA_BYTES)?,
        })
    }

    /// The values of a tag, if it is there.
    fn values(&self, tag: u16, kinds: &[u16]) -> Result<Option<Array>, TiffError> {
        match self.entries.iter().find(|entry| entry.tag == tag && entry.array.count > 0) {
            None => Ok(None),
            Some(entry) if kinds.contains(&entry.kind) => Ok(Some(entry.array)),
            Some(_) => Err(TiffError::Malformed("a tag is of a type that is not its own")),
        }
    }

    /// Whole numbers.
    fn array(&self, tag: u16) -> Result<Option<Array>, TiffError> {
        self.values(tag, &[SHORT, LONG, LONG8])
    }

    /// The one value of a tag, if it is there.
    fn number(&self, tag: u16) -> Result<Option<u64>, TiffError> {
        match self.array(tag)? {
            None => Ok(None),
            Some(array) if array.count == 1 => array.get(self.source, self.endian, 0).map(Some),
            Some(_) => Err(TiffError::Malformed("a tag has more values than one")),
        }
    }

    fn required(&self, tag: u16) -> Result<u64, TiffError> {
        let number = self.number(tag)?.filter(|number| *number > 0 && u32::try_from(*number).is_ok());
        number.ok_or(TiffError::Malformed("a directory has no size"))
    }

    fn small(&self, tag: u16, otherwise: u16) -> Result<u16, TiffError> {
        match self.number(tag)? {
            None => Ok(otherwise),
            Some(number) => u16::try_from(number).map_err(|_| TiffError::Malformed("a tag is out of range")),
        }
    }

    fn small_values(&self, tag: u16, otherwise: u16) -> Result<Vec<u16>, TiffError> {
        let Some(array) = self.array(tag)? else { return Ok(vec![otherwise]) };
        if array.count > MOST_VALUES {
            return Err(TiffError::Malformed("there are too many bands"));
        }
        let value = |index| {
            let number = array.get(self.source, self.endian, index)?;
            u16::try_from(number).map_err(|_| TiffError::Malformed("a tag is out of range"))
        };
        (0..array.count).map(value).collect()
    }

    fn tables(&self) -> Result<Vec<u8>, TiffError> {
        let bytes = self.bytes(347, &[BYTE, UNDEFINED], MOST_TABLE_BYTES + 1)?;
        if bytes.len() as u64 > MOST_TABLE_BYTES {
            return Err(TiffError::Malformed("the JPEG tables are too long"));
        }
        Ok(bytes)
    }

    /// The first bytes of a tag, at most so many; none when it is not there.
    fn bytes(&self, tag: u16, kinds: &[u16], most: u64) -> Result<Vec<u8>, TiffError> {
        let Some(array) = self.values(tag, kinds)? else { return Ok(Vec::new()) };
        Ok(self.source.bytes(span(array.offset, array.count.min(most))?)?.to_vec())
    }
}
