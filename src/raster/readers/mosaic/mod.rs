//! The reader of mosaics: VRTs of plain sources, however many.
//!
//! The text is read once, and its sources are found by an index, so that a window costs what it touches. Each source is
//! a raster like any other, read through the level that fits best. What the mosaic as a whole is, its CRS, its bands, its
//! overviews, GDAL says; a large VRT it is shown without the sources.

mod canvas;
mod drawing;
mod parse;
mod sampling;
mod text;
mod values;
mod vrt;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join_all;
use quick_cache::sync::Cache;
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};

use canvas::Covered;
use drawing::{Drawing, Opened};
use sampling::View;
pub use text::Text;
use vrt::Description;

use super::Readers;
use super::gdal::{Frame, GdalRaster, Role};
use super::vrt::SourceFile;
use crate::geo::Crs;
use crate::raster::validity::combine;
use crate::raster::{BandMask, Future, Mask, MaskKind, Pixels, Profile, Raster, RasterError, ReadRequest};
use crate::storage::Snapshot;

/// GDAL is shown a VRT with more sources without them: it looks at all of them for every pixel.
const MOST_SHOWN_TO_GDAL: usize = 256;

/// Files whose versions are looked at when a mosaic is checked; of one with more, the VRT's alone.
const MOST_CHECKED_FILES: usize = 4096;

/// Sources that one window may touch: each is opened for it.
const MOST_TOUCHED: usize = 256;

/// Sources that one window may touch with those inside of them: VRTs of VRTs of VRTs multiply.
const MOST_TOUCHED_IN_ALL: usize = 1024;

tokio::task_local! {
    /// Sources that the window under way has touched so far.
    static TOUCHED: Cell<usize>;
}

/// Files that are opened to find one that tells how far their overviews go.
const MOST_ASKED: usize = 8;

/// VRTs inside VRTs.
pub const MOST_DEPTH: usize = 8;

/// Memory for the cells of the sources that are read at once.
const WAVE_BYTES: usize = 8 << 20;

/// Rasters that mosaics have open; each takes a file descriptor.
pub type OpenSources = Cache<(u64, u32), Arc<dyn Raster>>;

/// Tells the sources of a mosaic by where they go.
type Index = RTree<GeomWithData<Rectangle<[f64; 2]>, u32>>;

/// A VRT of plain sources.
pub struct MosaicRaster {
    readers: Readers,
    gdal: GdalRaster,
    profile: Arc<Profile>,
    mosaic: Arc<Mosaic>,
    /// How deep inside other VRTs it is.
    depth: usize,
}

/// The sources of a mosaic.
pub struct Mosaic {
    description: Description,
    index: Index,
    /// Tells its open sources from those of others.
    id: u64,
    /// GDAL does not know where its gaps are.
    is_framed: bool,
}

impl MosaicRaster {
    /// Opens a VRT whose text is known; gives it back to GDAL where GDAL sees in it what this reader does not.
    ///
    /// # Errors
    /// As [`Readers::open`].
    pub async fn open(
        text: Text, readers: &Readers, snapshot: Arc<Snapshot>, origin: &str, crs: Option<Crs>, depth: usize,
    ) -> Result<Result<Self, GdalRaster>, RasterError> {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let Text { xml, description } = text;
        let is_large = description.sources.len() > MOST_SHOWN_TO_GDAL;
        // Of an inner one that has several sources, GDAL knows nothing that they do not tell: it has no overviews by theirs.
        let is_known = depth > 0 && description.has_several_sources();
        let is_hidden = is_large || is_known || description.asks_for_other_masks();
        let is_framed = is_hidden || depth > 0;
        let role = if is_framed { frame(&description, is_hidden, &xml, origin, depth) } else { Role::Layer };
        let gdal = GdalRaster::open_as(role, &readers.pool, Arc::clone(&snapshot), origin, crs.clone()).await?;
        if !agree(&description, gdal.profile(), is_hidden) {
            let whole = GdalRaster::open_as(Role::at(depth), &readers.pool, snapshot, origin, crs);
            return Ok(Err(if is_framed { whole.await? } else { gdal }));
        }
        let profile = Arc::new(Profile { reader: "mosaic", ..gdal.profile().clone() });
        let build = move || {
            let index = index(&description);
            Arc::new(Mosaic { description, index, id: NEXT_ID.fetch_add(1, Ordering::Relaxed), is_framed })
        };
        let mosaic = readers.pool.run(build).await?;
        Ok(Ok(Self { readers: readers.clone(), gdal, profile, mosaic, depth }))
    }

    fn view(&self, request: &ReadRequest) -> View {
        let grid = self.profile.levels[request.level].decimated(request.decimation);
        View { window: request.window, scale: self.profile.scale_of(grid) }
    }

    /// How a window is drawn, or why it can't be.
    fn drawing(&self, request: &ReadRequest) -> Result<Drawing, RasterError> {
        let view = self.view(request);
        let drawing = Drawing::new(&self.mosaic.description, &self.profile, request, view, self.mosaic.touched(&view));
        let touched = drawing.touches.len();
        let in_all = TOUCHED.try_with(|all| {
            all.set(all.get().saturating_add(touched));
            all.get()
        });
        let (touched, most) = match in_all {
            _ if touched > MOST_TOUCHED => (touched, MOST_TOUCHED),
            Ok(in_all) if in_all > MOST_TOUCHED_IN_ALL => (in_all, MOST_TOUCHED_IN_ALL),
            _ => return Ok(drawing),
        };
        Err(RasterError::TooManySources { origin: self.profile.origin.clone(), touched, most })
    }

    async fn pixels(&self, request: ReadRequest) -> Result<Pixels, RasterError> {
        if request.level > 0 {
            let (covered, pixels) = (self.gaps(&request), self.gdal.read(request.clone()).await?);
            return Ok(with_gaps(pixels, covered));
        }
        let mut drawing = self.drawing(&request)?;
        let files: Vec<u32> = drawing.touches.iter().map(|touch| touch.file).collect();
        let rasters = try_join_all(files.into_iter().map(|file| self.source(file))).await?;
        let description = &self.mosaic.description;
        let opened = rasters.into_iter().enumerate().map(|(index, raster)| drawing.open(description, index, &raster));
        let mut opened: Vec<Opened> = opened.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        while !opened.is_empty() {
            let mut bytes = 0;
            let fits = |opened: &&Opened| {
                bytes += opened.bytes();
                bytes <= WAVE_BYTES
            };
            let count = opened.iter().take_while(fits).count().max(1);
            let wave: Vec<Opened> = opened.drain(..count).collect();
            let reads = wave.iter().map(|opened| opened.raster.read(opened.request.clone()));
            let pixels = try_join_all(reads).await?;
            let mosaic = Arc::clone(&self.mosaic);
            let draw = move || {
                for (opened, pixels) in wave.iter().zip(&pixels) {
                    drawing.draw(&mosaic.description, opened, pixels);
                }
                drawing
            };
            drawing = self.readers.pool.run(draw).await?;
        }
        Ok(drawing.finish(&self.profile, &request))
    }

    /// The same, on this thread; `None` when something has to be waited for.
    fn pixels_now(&self, request: &ReadRequest) -> Option<Result<Pixels, RasterError>> {
        if request.level > 0 {
            let pixels = self.gdal.read_now(request)?;
            return Some(pixels.map(|pixels| with_gaps(pixels, self.gaps(request))));
        }
        let mut drawing = match self.drawing(request) {
            Ok(drawing) => drawing,
            Err(error) => return Some(Err(error)),
        };
        for index in 0..drawing.touches.len() {
            let raster = self.readers.sources.get(&(self.mosaic.id, drawing.touches[index].file))?;
            let parts = match drawing.open(&self.mosaic.description, index, &raster) {
                Ok(parts) => parts,
                Err(error) => return Some(Err(error)),
            };
            for part in parts {
                match part.raster.read_now(&part.request)? {
                    Ok(pixels) => drawing.draw(&self.mosaic.description, &part, &pixels),
                    Err(error) => return Some(Err(error)),
                }
            }
        }
        Some(Ok(drawing.finish(&self.profile, request)))
    }

    /// One of its files, open.
    async fn source(&self, file: u32) -> Result<Arc<dyn Raster>, RasterError> {
        let open = async {
            let path = self.mosaic.file(file).path(self.gdal.path());
            let snapshot = Arc::clone(self.gdal.snapshot());
            Box::pin(self.readers.open_at(snapshot, &path, Some(self.profile.crs.clone()), self.depth + 1)).await
        };
        self.readers.sources.get_or_insert_async(&(self.mosaic.id, file), open).await
    }

    /// The part of a window that sources cover, where that is the only mask and GDAL does not know them.
    fn gaps(&self, request: &ReadRequest) -> Option<Vec<u8>> {
        let is_masked = self.profile.bands.iter().any(|band| band.mask != BandMask::AllValid);
        if is_masked || !self.mosaic.is_framed {
            return None;
        }
        let view = self.view(request);
        let mut covered = Covered::none(&view);
        self.mosaic.below(&view).for_each(|source| covered.add(self.mosaic.description.sources[source as usize].to));
        covered.mask()
    }
}

impl Raster for MosaicRaster {
    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn read(&self, request: ReadRequest) -> Future<'_, Pixels> {
        if self.depth > 0 {
            return Box::pin(self.pixels(request));
        }
        Box::pin(TOUCHED.scope(Cell::new(0), self.pixels(request)))
    }

    fn read_now(&self, request: &ReadRequest) -> Option<Result<Pixels, RasterError>> {
        if self.depth > 0 {
            return self.pixels_now(request);
        }
        TOUCHED.sync_scope(Cell::new(0), || self.pixels_now(request))
    }

    fn know_sources(&self) -> Future<'_, ()> {
        Box::pin(async move {
            let mut first = self.source(0).await;
            // One that can't be read is only in the way of those who look at it.
            for file in (1..).take(self.mosaic.description.files.len().min(MOST_ASKED) - 1) {
                if first.is_err() {
                    first = self.source(file).await.or(first);
                }
            }
            let first = first?;
            let profile = first.profile();
            let coarsest = profile.levels.last().map_or(profile.width, |level| level.width);
            let _ = self.profile.source_decimation.set((profile.width / coarsest.max(1)).max(1));
            Ok(())
        })
    }

    fn is_current(&self) -> Future<'_, bool> {
        self.gdal.is_current()
    }

    fn is_remote(&self) -> bool {
        self.gdal.is_remote()
    }
}

impl Mosaic {
    /// The sources below a view.
    fn below(&self, view: &View) -> impl Iterator<Item = u32> {
        let [left, top, right, bottom] = view.edges();
        let envelope = AABB::from_corners([left, top], [right, bottom]);
        let near = self.index.locate_in_envelope_intersecting(envelope).map(|found| found.data);
        near.filter(move |source| {
            let to = self.description.sources[*source as usize].to;
            to[0] < right && to[1] < bottom && to[2] > left && to[3] > top
        })
    }

    /// The same, in the order in which they are drawn.
    fn touched(&self, view: &View) -> Vec<u32> {
        let mut touched: Vec<u32> = self.below(view).collect();
        touched.sort_unstable_by_key(|source| (self.description.sources[*source as usize].order, *source));
        touched
    }

    fn file(&self, file: u32) -> &SourceFile {
        &self.description.files[file as usize]
    }
}

fn index(description: &Description) -> Index {
    let place = |(index, source): (u32, &vrt::Source)| {
        let [left, top, right, bottom] = source.to;
        GeomWithData::new(Rectangle::from_corners([left, top], [right, bottom]), index)
    };
    RTree::bulk_load((0..).zip(&description.sources).map(place).collect())
}

/// A VRT as GDAL is shown it when it need not know the sources, or is not to.
fn frame(description: &Description, is_hidden: bool, xml: &str, origin: &str, depth: usize) -> Role {
    let text = is_hidden.then(|| description.frame(xml).into());
    let is_source = depth > 0;
    let is_watched = !is_source && description.files.len() <= MOST_CHECKED_FILES;
    let watched = description.files.iter().filter(|_| is_watched);
    let files = watched.map(|file| file.path(origin)).collect();
    let alignment = if is_source { 1 } else { description.alignment() };
    Role::Frame(Frame { is_source, text, files, alignment })
}

/// Whether GDAL means by a VRT what this reader does.
fn agree(description: &Description, profile: &Profile, is_hidden: bool) -> bool {
    let is_masked = profile.bands.iter().any(|band| band.mask == BandMask::Dataset);
    let first = profile.bands.first().map(|band| band.dtype);
    profile.driver == "VRT"
        && profile.bands.len() == description.bands
        && profile.bands.iter().all(|band| Some(band.dtype) == first)
        && is_masked == description.has_mask
        // Overviews have masks in ways of their own.
        && !(is_hidden && is_masked && profile.levels.len() > 1)
}

fn with_gaps(pixels: Pixels, covered: Option<Vec<u8>>) -> Pixels {
    let Some(covered) = covered else { return pixels };
    let mask = match pixels.mask {
        Mask::Shared(MaskKind::Alpha, _) => pixels.mask,
        by_value => combine(MaskKind::Binary, covered, by_value, pixels.bands),
    };
    Pixels { mask, ..pixels }
}
