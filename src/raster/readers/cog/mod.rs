//! The native reader of TIFFs: blocks are fetched, decoded and kept by us.
//!
//! What a raster is, its CRS, its bands, its mask, GDAL has said when it opened it, so that both readers mean the same.
//! Whatever this reader does not know, from a codec to a decimated read, it leaves to GDAL; but GDAL has not got all
//! codecs, and of those only this reader makes cells, decimated ones too.

mod block;
mod decode;
mod inflate;
mod jpeg;
mod layout;
mod lerc;
mod parts;
mod pictures;
mod predictor;
mod read;
mod zstd;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use layout::Layout;
use read::{Outcome, WindowRead};

use super::bytes::{Available, Content, Need};
use super::gdal::{GdalRaster, MOST_BLOCK_BYTES};
use super::tiff::{Directory, Tiff, TiffError};
use crate::raster::{
    Band, BandMask, DataType, Future, Pixels, Profile, Raster, RasterError, ReadRequest, Samples, Window,
};
use crate::storage::{Held, Known, Location, Want};

/// Bits of `NewSubfileType`.
const REDUCED: u32 = 1;
const MASK: u32 = 4;

/// Round trips that reading the structure may take.
const MOST_ROUNDS: usize = 64;

/// Bytes of an object that one read may hold; one that needs more has blocks that no window should need.
const MOST_BYTES_OF_A_READ: u64 = 64 << 20;

/// Decoded blocks, of all rasters, bounded in bytes.
#[derive(Debug, Clone)]
pub struct BlockCache(Arc<Blocks>);

type Blocks = Cache<BlockKey, Arc<Samples>, BlockWeight>;

/// Tells a block from all others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BlockKey {
    /// A picture of an opened file.
    directory: u32,
    index: u64,
}

/// Counts bytes.
#[derive(Debug, Clone)]
struct BlockWeight;

impl Weighter<BlockKey, Arc<Samples>> for BlockWeight {
    fn weight(&self, _: &BlockKey, block: &Arc<Samples>) -> u64 {
        /// What a block costs besides its cells.
        const OVERHEAD_BYTES: usize = 128;
        (block.len() * block.dtype().size_bytes() + OVERHEAD_BYTES) as u64
    }
}

impl BlockCache {
    /// An empty one.
    #[must_use]
    pub fn new(capacity_bytes: u64) -> Self {
        /// Bytes of a usual block: how many there will be about.
        const USUAL_BYTES: u64 = 256 << 10;
        let items = usize::try_from(capacity_bytes / USUAL_BYTES).unwrap_or(usize::MAX).max(16);
        Self(Arc::new(Cache::with_weighter(items, capacity_bytes, BlockWeight)))
    }
}

/// A TIFF that is read natively.
#[derive(Debug)]
pub struct CogRaster {
    gdal: GdalRaster,
    native: Arc<Native>,
}

/// What reading takes.
#[derive(Debug)]
struct Native {
    profile: Profile,
    content: Content,
    /// As in the profile; `None` where a level is GDAL's.
    levels: Vec<Option<Level>>,
    /// What a block is made of that the file leaves out, by band.
    fill: Vec<f64>,
    blocks: Arc<Blocks>,
}

/// The blocks of a level and of its mask, each with the number under which they are in the cache.
#[derive(Debug)]
struct Level {
    pixels: Layout,
    pixels_id: u32,
    mask: Option<(Layout, u32)>,
}

impl Level {
    /// Whether GDAL can't make cells of its blocks.
    fn is_beyond_gdal(&self) -> bool {
        let mask = self.mask.iter().map(|(layout, _)| layout);
        mask.chain([&self.pixels]).any(|layout| layout.is_beyond_gdal)
    }
}

impl CogRaster {
    /// Takes over what GDAL has opened; gives it back where it is nothing that this reader knows.
    ///
    /// # Errors
    /// When bytes can't be brought.
    pub async fn over(gdal: GdalRaster, blocks: &BlockCache) -> Result<Result<Self, GdalRaster>, RasterError> {
        let Some(content) = content(&gdal) else { return Ok(Err(gdal)) };
        let content = Arc::new(content);
        let mut held = Held::new();
        for _ in 0..MOST_ROUNDS {
            let (carried, file) = (held.clone(), Arc::clone(&content));
            let read = move || Tiff::read(&Available { content: &file, held: &carried });
            match gdal.pool().run(read).await? {
                Ok(tiff) => {
                    let Ok(content) = Arc::try_unwrap(content) else { return Ok(Err(gdal)) };
                    let ours = Self::with_structure(gdal, content, &tiff, blocks);
                    let codec = tiff.directories.first().and_then(layout::codec_beyond_gdal);
                    return match (ours, codec) {
                        (Err(gdal), Some(codec)) => Err(cannot_be_read(&gdal, codec)),
                        (ours, _) => Ok(ours),
                    };
                }
                Err(TiffError::Need(Need::Missing(range))) => bring(&gdal, &content, vec![range], &mut held).await?,
                Err(TiffError::Need(Need::Beyond | Need::Failed(_)) | TiffError::Malformed(_)) => break,
            }
        }
        Ok(Err(gdal))
    }

    fn with_structure(
        gdal: GdalRaster, content: Content, tiff: &Tiff, blocks: &BlockCache,
    ) -> Result<Self, GdalRaster> {
        let own = gdal.profile();
        let levels: Vec<Option<Level>> = (0..own.levels.len()).map(|index| level(own, tiff, index)).collect();
        if levels.first().is_none_or(Option::is_none) {
            return Err(gdal);
        }
        let is_beyond_gdal = levels.iter().flatten().any(Level::is_beyond_gdal);
        let has_mask = own.bands.iter().any(|band| band.mask == BandMask::Dataset);
        let has_inexact_nodata = own.bands.iter().any(has_inexact_nodata);
        if (has_inexact_nodata && !is_beyond_gdal) || (has_mask && has_mask_beside(&gdal)) {
            return Err(gdal);
        }
        let fill = own.bands.iter().map(|band| band.nodata.unwrap_or(0.0)).collect();
        let profile = Profile { reader: "cog", ..own.clone() };
        let native = Native { profile, content, levels, fill, blocks: Arc::clone(&blocks.0) };
        Ok(Self { gdal, native: Arc::new(native) })
    }

    async fn pixels(&self, request: ReadRequest) -> Result<Pixels, RasterError> {
        let Some(level) = self.native.level(&request) else { return self.gdal.read(request).await };
        let windows = self.native.parts(level, &request);
        if windows.len() == 1 {
            return self.part(request).await;
        }
        let mut parts = Vec::with_capacity(windows.len());
        for window in windows {
            parts.push((window, self.part(ReadRequest { window, ..request.clone() }).await?));
        }
        let stitched = self.gdal.pool().run(move || parts::stitch(request.window, &parts)).await?;
        stitched.ok_or_else(|| self.native.failed("its parts do not fit together".to_owned()))
    }

    async fn part(&self, request: ReadRequest) -> Result<Pixels, RasterError> {
        let request = Arc::new(request);
        let mut held = Held::new();
        for _ in 0..MOST_ROUNDS {
            let (native, request, carried) =
                (Arc::clone(&self.native), Arc::clone(&request), std::mem::take(&mut held));
            let job = move || (native.attempt(&request, &carried), carried);
            let (outcome, carried) = self.gdal.pool().run(job).await?;
            held = carried;
            match outcome? {
                Outcome::Done(pixels) => return Ok(pixels),
                Outcome::Missing(ranges) => bring(&self.gdal, &self.native.content, ranges, &mut held).await?,
            }
        }
        Err(self.native.failed(format!("it asks for more after {MOST_ROUNDS} round trips")))
    }
}

impl Native {
    /// Where a request is read from, unless by GDAL.
    fn level(&self, request: &ReadRequest) -> Option<&Level> {
        self.levels[request.level].as_ref().filter(|level| request.decimation == 1 || level.is_beyond_gdal())
    }

    /// The windows in which a request is read.
    fn parts(&self, level: &Level, request: &ReadRequest) -> Vec<Window> {
        parts::split(&level.pixels, self.profile.levels[request.level], request)
    }

    /// One attempt with the bytes that are there.
    fn attempt(&self, request: &ReadRequest, held: &Held) -> Result<Outcome, RasterError> {
        let Some(level) = self.level(request) else { return Err(self.failed("it has no such level".to_owned())) };
        let source = Available { content: &self.content, held };
        let (profile, fill) = (&self.profile, &self.fill[..]);
        let read = WindowRead { profile, level, source, blocks: &self.blocks, request, fill };
        read.run().map_err(|reason| self.failed(reason))
    }

    fn failed(&self, reason: String) -> RasterError {
        RasterError::Read { origin: self.profile.origin.clone(), reason }
    }
}

impl Raster for CogRaster {
    fn profile(&self) -> &Profile {
        &self.native.profile
    }

    fn read(&self, request: ReadRequest) -> Future<'_, Pixels> {
        Box::pin(self.pixels(request))
    }

    fn read_now(&self, request: &ReadRequest) -> Option<Result<Pixels, RasterError>> {
        let Some(level) = self.native.level(request) else { return self.gdal.read_now(request) };
        if self.native.parts(level, request).len() > 1 {
            return None;
        }
        match self.native.attempt(request, &Held::new()) {
            Ok(Outcome::Done(pixels)) => Some(Ok(pixels)),
            Ok(Outcome::Missing(_)) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn know_sources(&self) -> Future<'_, ()> {
        self.gdal.know_sources()
    }

    fn is_current(&self) -> Future<'_, bool> {
        self.gdal.is_current()
    }

    fn is_remote(&self) -> bool {
        self.gdal.is_remote()
    }
}

/// What no reader can make cells of.
fn cannot_be_read(gdal: &GdalRaster, codec: &str) -> RasterError {
    let reason = format!(
        "it is compressed with {codec}, which is read of TIFFs with plain cells alone: whole numbers of 8 to 64 bits, floats \
         of 32 and 64, no CMYK, masks inside of the file, nodata values band by band, blocks of at most {} MB; \
         compress it with DEFLATE, for example",
        MOST_BLOCK_BYTES >> 20
    );
    RasterError::Open { origin: gdal.profile().origin.clone(), reason }
}

/// Whether an `f64` may not be the nodata value of a band: what is sparse could not be made of it.
fn has_inexact_nodata(band: &Band) -> bool {
    /// Up to here each whole number is an `f64`.
    const MOST_EXACT: f64 = 9_007_199_254_740_992.0;
    matches!(band.dtype, DataType::I64 | DataType::U64) && band.nodata.is_some_and(|value| value.abs() >= MOST_EXACT)
}

/// The bytes behind a raster that is one plain TIFF.
fn content(gdal: &GdalRaster) -> Option<Content> {
    if gdal.profile().driver != "GTiff" || gdal.is_warped() {
        return None;
    }
    Content::open(gdal.snapshot(), gdal.snapshot().storage().policy().location(gdal.path()).ok()?)
}

/// Whether there is a file with a mask beside the raster: that one counts, not one inside.
fn has_mask_beside(gdal: &GdalRaster) -> bool {
    let (snapshot, path) = (gdal.snapshot(), format!("{}.msk", gdal.path()));
    let policy = snapshot.storage().policy();
    match policy.location(&path) {
        Ok(Location::File(path)) => policy.open_file(&path).is_ok_and(|opened| opened.is_some()),
        Ok(Location::Object(object)) => matches!(snapshot.known(&object), Some(Known::Present(_))),
        Err(_) => false,
    }
}

async fn bring(
    gdal: &GdalRaster, content: &Content, ranges: Vec<std::ops::Range<u64>>, held: &mut Held,
) -> Result<(), RasterError> {
    let Content::Object(snapshot, version) = content else { return Ok(()) };
    let bytes = |range: &std::ops::Range<u64>| range.end - range.start;
    if ranges.iter().map(bytes).sum::<u64>() > MOST_BYTES_OF_A_READ {
        let most = MOST_BYTES_OF_A_READ >> 20;
        let reason = format!("one read of it needs more than {most} MB of the file: make it a COG, with tiles");
        return Err(RasterError::Read { origin: gdal.profile().origin.clone(), reason });
    }
    let wants = ranges.into_iter().map(|range| Want::Bytes(Arc::clone(version), range)).collect();
    let brought = snapshot.bring(wants, held).await;
    brought.map_err(|error| RasterError::Storage { origin: gdal.profile().origin.clone(), error })
}

/// The directories of a level: its pixels, and its mask where the raster has one in the file.
fn level(profile: &Profile, tiff: &Tiff, index: usize) -> Option<Level> {
    static NEXT_ID: AtomicU32 = AtomicU32::new(0);
    let next_id = || NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let size = profile.levels[index];
    let find = |mask: bool| {
        let kind = if mask { MASK } else { 0 } | if index > 0 { REDUCED } else { 0 };
        let fits = |directory: &&Directory| {
            directory.subfile & (MASK | REDUCED) == kind
                && (directory.width, directory.height) == (size.width as u64, size.height as u64)
        };
        // The first one is the raster, whatever it says of itself.
        tiff.directories.iter().skip(1).find(fits).and_then(|directory| Layout::of(directory, tiff.endian))
    };
    let pixels = if index == 0 { Layout::of(tiff.directories.first()?, tiff.endian) } else { find(false) }?;
    let same_cells = profile.bands.iter().all(|band| layout::Cells::Of(band.dtype) == pixels.cells);
    if pixels.samples != profile.bands.len()
        || !same_cells
        || (pixels.width, pixels.height) != (size.width, size.height)
    {
        return None;
    }
    let mask = if profile.bands.iter().any(|band| band.mask == BandMask::Dataset) {
        let mask = find(true)?;
        // One for each band, and anything else that is no plain mask, is GDAL's.
        if mask.samples != 1 || !matches!(mask.cells, layout::Cells::Bits | layout::Cells::Of(DataType::U8)) {
            return None;
        }
        Some((mask, next_id()))
    } else {
        None
    };
    Some(Level { pixels, pixels_id: next_id(), mask })
}
