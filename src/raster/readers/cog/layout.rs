//! How the blocks of one picture of a TIFF lie in the file, and what they are made of.

use std::ops::Range;

use super::super::bytes::Need;
use super::super::gdal;
use super::super::tiff::{Array, Directory, Endian};
use crate::raster::DataType;

/// A larger block is left to GDAL, which has its own ways with strips, where it can decode it.
const MOST_BLOCK_BYTES: u64 = 32 << 20;

/// Of a picture that is one strip as it is, so many bytes are a block.
const PIECE_BYTES: u64 = 64 << 10;

/// The blocks of one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    pub width: usize,
    pub height: usize,
    /// Columns and rows of a block.
    pub block: [usize; 2],
    /// Blocks in a row of them, and rows of blocks.
    pub grid: [usize; 2],
    /// Bands in the file.
    pub samples: usize,
    /// Bands in one block: all of them, or one.
    pub samples_per_block: usize,
    pub cells: Cells,
    pub codec: Codec,
    /// Whether the GDAL that is compiled in has not got the codec: nothing but this reader reads such blocks.
    pub is_beyond_gdal: bool,
    pub predictor: Predictor,
    pub endian: Endian,
    pub offsets: Array,
    pub counts: Array,
    /// Whether the last row of blocks is cut off: strips are, tiles are not.
    pub cut_at_bottom: bool,
    /// Rows that a strip has when it is not cut off.
    pub full_rows: usize,
    /// Whether all blocks (of a plane) are pieces of one strip, which is not compressed.
    pub is_in_pieces: bool,
}

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// A number.
    Of(DataType),
    /// A bit of a mask, eight to a byte, rows padded.
    Bits,
}

/// How a block is compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Codec {
    None,
    Deflate,
    Lzw,
    Jpeg {
        tables: Vec<u8>,
        /// Whether the three components are luminance and chrominance.
        ycbcr: bool,
    },
    Zstd,
    Webp,
    Lerc(LercWrapping),
}

/// What a LERC is compressed with once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LercWrapping {
    None,
    Deflate,
    Zstd,
}

impl Codec {
    /// Whether the beginning of a block can be decoded without the rest, and is less work.
    pub fn is_from_top_to_bottom(&self) -> bool {
        matches!(self, Self::None | Self::Deflate | Self::Lzw | Self::Jpeg { .. })
    }
}

/// The codec of a directory, where the GDAL that is compiled in has not got it.
pub fn codec_beyond_gdal(directory: &Directory) -> Option<&'static str> {
    match (directory.compression, directory.lerc.get(1)) {
        (50000, _) => Some("ZSTD"),
        (50001, _) => Some("WebP"),
        (34887, Some(2)) => Some("LERC and ZSTD"),
        _ => None,
    }
}

/// What was done to a block before it was compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predictor {
    None,
    /// Differences between neighbours.
    Horizontal,
    /// The same, by bytes of floats.
    Floating,
}

impl Layout {
    /// The layout of a directory; `None` where it is GDAL's.
    pub fn of(directory: &Directory, endian: Endian) -> Option<Self> {
        let samples = usize::from(directory.samples);
        let bits = uniform(&directory.bits)?;
        let cells = match (bits, uniform(&directory.formats)?) {
            (1, _) if samples == 1 => Cells::Bits,
            (8, 1) => Cells::Of(DataType::U8),
            (8, 2) => Cells::Of(DataType::I8),
            (16, 1) => Cells::Of(DataType::U16),
            (16, 2) => Cells::Of(DataType::I16),
            (32, 1) => Cells::Of(DataType::U32),
            (32, 2) => Cells::Of(DataType::I32),
            (32, 3) => Cells::Of(DataType::F32),
            (64, 1) => Cells::Of(DataType::U64),
            (64, 2) => Cells::Of(DataType::I64),
            (64, 3) => Cells::Of(DataType::F64),
            _ => return None,
        };
        if !is_stored_as_it_is(directory.photometric) {
            return None;
        }
        let separate = directory.planar == 2 && samples > 1;
        let samples_per_block = if separate { 1 } else { samples };
        let codec = codec(directory, samples_per_block, cells)?;
        let predictor = match (directory.predictor, cells) {
            _ if !has_predictor(&codec) => Predictor::None,
            (1, _) => Predictor::None,
            (2, Cells::Of(_)) => Predictor::Horizontal,
            (3, Cells::Of(DataType::F32 | DataType::F64)) => Predictor::Floating,
            _ => return None,
        };
        let size = |value: u64| usize::try_from(value).ok();
        let (width, height) = (size(directory.width)?, size(directory.height)?);
        let block = [size(directory.block[0])?, size(directory.block[1])?];
        let planes = if separate { samples } else { 1 };
        let across = width.div_ceil(block[0]);
        let blocks = (across as u64).checked_mul(height.div_ceil(block[1]) as u64)?.checked_mul(planes as u64)?;
        let is_beyond_gdal = codec_beyond_gdal(directory).is_some();
        let most_bytes = if is_beyond_gdal { gdal::MOST_BLOCK_BYTES } else { MOST_BLOCK_BYTES };
        let row_bytes = row_cells_bytes(cells, block[0], samples_per_block);
        let fits = |rows: usize| row_bytes.saturating_mul(rows as u64) <= most_bytes;
        let is_in_pieces = directory.is_striped && codec == Codec::None && block[1] >= height;
        let rows = match block[1] {
            _ if is_in_pieces => usize::try_from(PIECE_BYTES / row_bytes.max(1)).ok()?.clamp(1, height),
            rows if directory.is_striped => rows.min(height),
            rows => rows,
        };
        let layout = Self {
            width,
            height,
            block: [block[0], rows],
            grid: [across, height.div_ceil(rows)],
            samples,
            samples_per_block,
            cells,
            codec,
            is_beyond_gdal,
            predictor,
            endian,
            offsets: directory.offsets,
            counts: directory.counts,
            cut_at_bottom: directory.is_striped,
            full_rows: if fits(block[1]) { block[1] } else { rows },
            is_in_pieces,
        };
        let is_ours = directory.fill_order == 1
            && samples > 0
            && directory.offsets.count >= blocks
            && directory.counts.count >= blocks
            && fits(rows);
        is_ours.then_some(layout)
    }

    /// Bytes of a row of a decoded block.
    fn row_bytes(&self) -> u64 {
        let cells = (self.block[0] as u64).saturating_mul(self.samples_per_block as u64);
        match self.cells {
            Cells::Bits => cells.div_ceil(8),
            Cells::Of(dtype) => cells.saturating_mul(dtype.size_bytes() as u64),
        }
    }

    /// Rows that a block in a row of blocks has.
    pub fn rows_of(&self, block_row: usize) -> usize {
        let left = self.height - block_row * self.block[1];
        if self.cut_at_bottom { left.min(self.block[1]) } else { self.block[1] }
    }

    /// Bytes that a block decodes to.
    pub fn bytes_of(&self, block_row: usize) -> usize {
        usize::try_from(self.row_bytes()).unwrap_or(0) * self.rows_of(block_row)
    }

    /// Bytes of the file that a block may be made of: no compression makes it much longer. What follows is not read,
    /// whatever the file says of its length.
    pub fn most_bytes_of(&self, block_row: usize) -> u64 {
        /// Of tables, profiles and the like.
        const MOST_EXTRA_BYTES: u64 = 1 << 20;
        let decoded = self.bytes_of(block_row) as u64;
        match self.codec {
            Codec::None => decoded,
            _ => decoded.saturating_mul(2).saturating_add(MOST_EXTRA_BYTES),
        }
    }

    /// The number of a block.
    pub fn index(&self, plane: usize, col: usize, row: usize) -> u64 {
        ((plane * self.grid[1] + row) * self.grid[0] + col) as u64
    }

    /// The bytes of a block in the file, of which its arrays are asked for a number; none when it is left out.
    ///
    /// # Errors
    /// When the file does not say where they are.
    pub fn range(
        &self, [plane, col, row]: [usize; 3], number: impl Fn(Array, u64) -> Result<u64, Need>,
    ) -> Result<Option<Range<u64>>, Need> {
        let index = if self.is_in_pieces { plane as u64 } else { self.index(plane, col, row) };
        let (offset, count) = (number(self.offsets, index)?, number(self.counts, index)?);
        let (start, length) = match (offset, count) {
            (0, 0) => return Ok(None),
            (_, 0) if !self.cut_at_bottom => return Ok(None),
            // Its cells say how long it is, whatever the file says.
            (1.., _) if self.is_in_pieces => {
                let before = self.row_bytes().saturating_mul((row * self.block[1]) as u64);
                (offset.saturating_add(before), self.bytes_of(row) as u64)
            }
            // A strip of no length is as long as its cells are, for GDAL. A block without a place is nothing at all.
            (0, _) | (_, 0) => return Err(Need::Failed("a block is nowhere, or of no length".to_owned())),
            (offset, count) => (offset, count),
        };
        Ok(Some(start..start.saturating_add(length)))
    }
}

/// Memory that a row of a block takes: a bit takes a byte.
fn row_cells_bytes(cells: Cells, cols: usize, samples: usize) -> u64 {
    let size = match cells {
        Cells::Bits => 1,
        Cells::Of(dtype) => dtype.size_bytes(),
    };
    (cols as u64).saturating_mul(samples as u64).saturating_mul(size as u64)
}

/// Whether the tag of the predictor means anything for a codec.
fn has_predictor(codec: &Codec) -> bool {
    matches!(codec, Codec::Deflate | Codec::Lzw | Codec::Zstd)
}

fn codec(directory: &Directory, samples_per_block: usize, cells: Cells) -> Option<Codec> {
    const YCBCR: u16 = 6;
    let is_ycbcr = directory.photometric == YCBCR;
    let is_u8 = cells == Cells::Of(DataType::U8);
    match directory.compression {
        7 if is_u8 && matches!(samples_per_block, 1 | 3) => (matches!(directory.photometric, 0..=3)
            || (is_ycbcr && samples_per_block == 3))
            .then(|| Codec::Jpeg { tables: directory.jpeg_tables.clone(), ycbcr: is_ycbcr }),
        // What is compressed by nothing else has luminance and chrominance in cells of their own.
        _ if is_ycbcr => None,
        1 => Some(Codec::None),
        5 => Some(Codec::Lzw),
        8 | 32946 => Some(Codec::Deflate),
        50000 => Some(Codec::Zstd),
        50001 if is_u8 && matches!(samples_per_block, 3 | 4) => Some(Codec::Webp),
        34887 if !matches!(cells, Cells::Bits | Cells::Of(DataType::U64 | DataType::I64)) => {
            // The parameters are the version, then the wrapping.
            match directory.lerc.get(1).copied().unwrap_or(0) {
                0 => Some(Codec::Lerc(LercWrapping::None)),
                1 => Some(Codec::Lerc(LercWrapping::Deflate)),
                2 => Some(Codec::Lerc(LercWrapping::Zstd)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether GDAL gives the cells of such a picture as they are: it makes RGB of CMYK, CIE L*a*b* and the like. Luminance
/// and chrominance are a matter of the codec.
fn is_stored_as_it_is(photometric: u16) -> bool {
    const WHITE_IS_ZERO: u16 = 0;
    const MASK: u16 = 4;
    const YCBCR: u16 = 6;
    matches!(photometric, WHITE_IS_ZERO..=MASK | YCBCR)
}

/// The one value that all have.
fn uniform(values: &[u16]) -> Option<u16> {
    let first = *values.first()?;
    values.iter().all(|value| *value == first).then_some(first)
}
