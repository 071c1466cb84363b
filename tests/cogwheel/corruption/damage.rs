//! Ways to damage a TIFF, and which of its bytes are what.

use std::ops::Range;

/// What is done to a file.
#[derive(Debug, Clone, Copy)]
pub enum Damage {
    /// These bits of a byte are turned over.
    Flip(usize, u8),
    /// A byte is replaced.
    Set(usize, u8),
    /// Only so many bytes are left.
    Cut(usize),
}

impl Damage {
    /// Ways in which a byte is damaged.
    pub const WAYS: usize = 11;

    /// The next way of all to damage a byte.
    pub fn of_byte(at: usize, turn: usize) -> Self {
        match turn % Self::WAYS {
            0 => Self::Flip(at, 0xff),
            1 => Self::Set(at, 0),
            2 => Self::Set(at, 0xff),
            way => Self::Flip(at, 1 << (way - 3)),
        }
    }

    /// The damaged file.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self {
            Self::Flip(at, bits) => bytes[at] ^= bits,
            Self::Set(at, value) => bytes[at] = value,
            Self::Cut(length) => bytes.truncate(length),
        }
        bytes
    }
}

/// The tag of what all blocks begin with.
const JPEG_TABLES: usize = 347;

/// Positions of the bytes of a TIFF: those of blocks and their tables, and all others.
#[derive(Debug)]
pub struct Parts {
    pub blocks: Vec<usize>,
    pub header: Vec<usize>,
}

impl Parts {
    /// Of a whole file.
    pub fn of(bytes: &[u8]) -> Self {
        let mut is_block = vec![false; bytes.len()];
        for range in Walk::new(bytes).blocks() {
            is_block[range].fill(true);
        }
        let (blocks, header) = (0..bytes.len()).partition(|at| is_block[*at]);
        Self { blocks, header }
    }
}

/// Follows the directories of a whole file.
struct Walk<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    big_tiff: bool,
}

impl<'a> Walk<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let big_endian = &bytes[..2] == b"MM";
        let mut walk = Self { bytes, big_endian, big_tiff: false };
        walk.big_tiff = walk.number(2, 2) == 43;
        walk
    }

    fn number(&self, at: usize, size: usize) -> usize {
        let bytes = &self.bytes[at..at + size];
        let fold = |number: usize, byte: &u8| number << 8 | usize::from(*byte);
        if self.big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        let (count_bytes, word) = if self.big_tiff { (8, 8) } else { (2, 4) };
        let mut blocks = Vec::new();
        let mut at = self.number(word, word);
        while at != 0 {
            let count = self.number(at, count_bytes);
            let entry = |index: usize| at + count_bytes + index * (4 + 2 * word);
            let values = |tags: [usize; 2]| {
                let found = (0..count).map(entry).find(|entry| tags.contains(&self.number(*entry, 2)));
                self.values(found.unwrap(), word)
            };
            let tables = (0..count).map(entry).find(|entry| self.number(*entry, 2) == JPEG_TABLES);
            blocks.extend(tables.map(|entry| self.place(entry, word).0));
            let starts = values([273, 324]).into_iter();
            blocks.extend(starts.zip(values([279, 325])).map(|(start, length)| start..start + length));
            at = self.number(entry(count), word);
        }
        blocks
    }

    /// Where the values of an entry are, and the size of each.
    fn place(&self, entry: usize, word: usize) -> (Range<usize>, usize) {
        let size = match self.number(entry + 2, 2) {
            1 | 2 | 7 => 1,
            3 => 2,
            4 => 4,
            _ => 8,
        };
        let length = self.number(entry + 4, word) * size;
        let inline = entry + 4 + word;
        let start = if length <= word { inline } else { self.number(inline, word) };
        (start..start + length, size)
    }

    fn values(&self, entry: usize, word: usize) -> Vec<usize> {
        let (range, size) = self.place(entry, word);
        range.step_by(size).map(|at| self.number(at, size)).collect()
    }
}
