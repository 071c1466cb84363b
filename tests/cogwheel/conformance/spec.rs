//! What a TIFF can be, and a few hundred TIFFs that meet any two of these properties together.

use std::collections::HashSet;

use cogwheel::raster::DataType;

/// How the blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    None,
    Deflate,
    Lzw,
    PackBits,
    /// Each component as it is.
    Jpeg,
    /// Luminance, and chrominance of half the resolution.
    JpegYcbcr,
}

/// How the blocks are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    Tiles(usize, usize),
    /// Of so many rows; 0 for all of them.
    Strips(usize),
}

/// Where the overviews are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overviews {
    None,
    Inside,
    Beside,
}

/// How validity is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    All,
    Nodata,
    /// One that no cell can have, or that compares with nothing.
    OddNodata,
    Mask,
    MaskAndNodata,
    MaskBeside,
    Alpha,
    AlphaAndNodata,
}

/// A TIFF to be made.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    pub codec: Codec,
    pub predictor: u8,
    pub dtype: DataType,
    pub by_pixel: bool,
    pub bands: usize,
    pub blocks: Blocks,
    pub overviews: Overviews,
    pub validity: Validity,
    pub big_endian: bool,
    pub big_tiff: bool,
    pub sparse: bool,
    pub size: [usize; 2],
}

const CODECS: [Codec; 6] = [Codec::Deflate, Codec::None, Codec::Lzw, Codec::Jpeg, Codec::JpegYcbcr, Codec::PackBits];
const PREDICTORS: [u8; 3] = [1, 2, 3];
const DTYPES: [DataType; 10] = [
    DataType::U8,
    DataType::I8,
    DataType::U16,
    DataType::I16,
    DataType::U32,
    DataType::I32,
    DataType::U64,
    DataType::I64,
    DataType::F32,
    DataType::F64,
];
const BLOCKS: [Blocks; 7] = [
    Blocks::Tiles(16, 16),
    Blocks::Tiles(64, 32),
    Blocks::Tiles(256, 256),
    Blocks::Tiles(16, 512),
    Blocks::Strips(1),
    Blocks::Strips(7),
    Blocks::Strips(0),
];
const OVERVIEWS: [Overviews; 3] = [Overviews::None, Overviews::Inside, Overviews::Beside];
const VALIDITIES: [Validity; 8] = [
    Validity::All,
    Validity::Nodata,
    Validity::OddNodata,
    Validity::Mask,
    Validity::MaskAndNodata,
    Validity::MaskBeside,
    Validity::Alpha,
    Validity::AlphaAndNodata,
];
const SIZES: [[usize; 2]; 7] = [[1, 1], [37, 53], [1, 70], [83, 1], [130, 67], [64, 64], [301, 259]];

/// How many values each property has.
const CHOICES: [usize; 12] = [
    CODECS.len(),
    PREDICTORS.len(),
    DTYPES.len(),
    2,
    5,
    BLOCKS.len(),
    OVERVIEWS.len(),
    VALIDITIES.len(),
    2,
    2,
    2,
    SIZES.len(),
];

/// TIFFs that are looked at for the next one.
const CANDIDATES: usize = 40;

type Choice = [usize; CHOICES.len()];
type Pair = (usize, usize, usize, usize);

impl Spec {
    /// So many TIFFs, the same ones every time; each adds as many pairs of properties as can be found.
    pub fn cover(count: usize) -> Vec<Self> {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut covered: HashSet<Pair> = HashSet::new();
        let mut next = || {
            let candidates = (0..CANDIDATES).map(|_| possible(CHOICES.map(|choices| rng.usize(..choices))));
            let best = candidates.max_by_key(|choice| pairs(choice).filter(|pair| !covered.contains(pair)).count());
            let best = best.unwrap();
            covered.extend(pairs(&best));
            best
        };
        (0..count).map(|_| Self::of(next())).collect()
    }

    fn of(choice: Choice) -> Self {
        let [codec, predictor, dtype, interleave, bands, blocks, overviews, validity, endian, big, sparse, size] =
            choice;
        Self {
            codec: CODECS[codec],
            predictor: PREDICTORS[predictor],
            dtype: DTYPES[dtype],
            by_pixel: interleave == 0,
            bands: bands + 1,
            blocks: BLOCKS[blocks],
            overviews: OVERVIEWS[overviews],
            validity: VALIDITIES[validity],
            big_endian: endian == 1,
            big_tiff: big == 1,
            sparse: sparse == 1,
            size: SIZES[size],
        }
    }

    /// Plain, to be varied: tiles of bytes.
    pub const PLAIN: Self = Self {
        codec: Codec::Deflate,
        predictor: 1,
        dtype: DataType::U8,
        by_pixel: true,
        bands: 1,
        blocks: Blocks::Tiles(16, 16),
        overviews: Overviews::None,
        validity: Validity::All,
        big_endian: false,
        big_tiff: false,
        sparse: false,
        size: [37, 53],
    };

    pub fn is_jpeg(&self) -> bool {
        matches!(self.codec, Codec::Jpeg | Codec::JpegYcbcr)
    }

    pub fn has_alpha(&self) -> bool {
        matches!(self.validity, Validity::Alpha | Validity::AlphaAndNodata)
    }

    pub fn has_mask_inside(&self) -> bool {
        matches!(self.validity, Validity::Mask | Validity::MaskAndNodata)
    }

    /// Which reader reads it.
    pub fn reader(&self) -> &'static str {
        let is_gdals = match self.codec {
            Codec::PackBits => true,
            Codec::Jpeg | Codec::JpegYcbcr => self.by_pixel && !matches!(self.bands, 1 | 3),
            Codec::None | Codec::Deflate | Codec::Lzw => false,
        };
        // A mask beside the file is another file, and no f64 holds this nodata value of 64 bits.
        let is_gdals = is_gdals
            || self.validity == Validity::MaskBeside
            || (self.validity == Validity::OddNodata && matches!(self.dtype, DataType::I64 | DataType::U64));
        if is_gdals { "gdal" } else { "cog" }
    }
}

/// The nearest choice that can be made.
fn possible(mut choice: Choice) -> Choice {
    let spec = Spec::of(choice);
    let [_, predictor, dtype, interleave, bands, blocks, overviews, validity, ..] = &mut choice;
    match spec.codec {
        Codec::Deflate | Codec::Lzw => {
            if spec.predictor == 3 && spec.dtype.is_integer() {
                *predictor = 1;
            }
        }
        Codec::None | Codec::PackBits => *predictor = 0,
        Codec::Jpeg | Codec::JpegYcbcr => {
            (*predictor, *dtype) = (0, 0);
            // Whole blocks of 8 or 16 pixels.
            *blocks = if matches!(spec.blocks, Blocks::Strips(7 | 1)) { BLOCKS.len() - 1 } else { *blocks };
            // A nodata value does not survive.
            *validity = match spec.validity {
                Validity::Nodata => 0,
                Validity::MaskAndNodata => 3,
                Validity::AlphaAndNodata => 6,
                _ => *validity,
            };
        }
    }
    if spec.codec == Codec::JpegYcbcr {
        (*interleave, *bands) = (0, 2);
        *validity = if spec.has_alpha() { 0 } else { *validity };
    }
    // GDAL takes the mask of a narrow overview from where it likes.
    if spec.has_mask_inside() && spec.size.contains(&1) {
        *overviews = 0;
    }
    if spec.codec == Codec::Jpeg && spec.bands == 5 {
        *interleave = 1;
    }
    if VALIDITIES[*validity] == Validity::Alpha || VALIDITIES[*validity] == Validity::AlphaAndNodata {
        *bands = (*bands).max(1);
    }
    choice
}

fn pairs(choice: &Choice) -> impl Iterator<Item = Pair> {
    let choice = *choice;
    (0..choice.len()).flat_map(move |a| (0..a).map(move |b| (a, choice[a], b, choice[b])))
}
