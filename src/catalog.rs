//! The layers that are served: each opened when it is first needed, its statistics kept.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use tokio::sync::OnceCell;

use crate::color::Colormap;
use crate::config::{LayerConfig, LayersFile, OverlayConfig};
use crate::geo::lon_lat_to_mercator;
use crate::raster::readers::Readers;
use crate::raster::{Decimation, Profile, Raster, RasterError, ReadRequest, Window};
use crate::storage::{Storage, StorageError, StorageSettings, redacted};
use crate::{each_samples, raster::Sample};

/// Statistics are taken from at most about this many pixels along a side.
const STATISTICS_PX: usize = 1024;

/// Ranges kept by layer; a request can ask for any nodata value, so they are bounded.
const RANGES_PER_LAYER: usize = 256;

/// Every layer, in the order of the configuration.
pub struct Catalog {
    layers: IndexMap<String, Arc<Layer>>,
    overlays: IndexMap<String, OverlayConfig>,
}

/// One layer; its raster is opened on first use, again after a failure, and anew when its source has changed.
pub struct Layer {
    /// Name in paths.
    pub id: String,
    /// As configured.
    pub config: LayerConfig,
    readers: Readers,
    storage: Storage,
    /// How often its source is checked for a newer version.
    recheck: Option<Duration>,
    current: RwLock<Arc<Generation>>,
}

/// A layer as it was from one opening to the next.
#[derive(Default)]
struct Generation {
    open: OnceCell<Arc<OpenLayer>>,
    /// Opened when a read found that the source has changed.
    next: OnceCell<Arc<Generation>>,
    /// When its source was checked last.
    checked: Mutex<Option<Instant>>,
}

/// A layer whose raster is open.
pub struct OpenLayer {
    /// Name in paths.
    pub id: String,
    /// As configured.
    pub config: LayerConfig,
    /// Its data.
    pub raster: Arc<dyn Raster>,
    /// Changes when the data or the configuration do.
    pub version: String,
    /// Changes when the data do, or where they are: what is configured of pictures does not matter.
    pub data_version: String,
    /// `[coarsest, native]` zoom.
    pub zooms: [u8; 2],
    ranges: Mutex<HashMap<RangeKey, Arc<OnceCell<[f64; 2]>>>>,
}

/// A band, and the bits of the nodata value that replaces its own.
type RangeKey = (usize, Option<u64>);

impl Catalog {
    /// A catalogue of closed layers; `recheck` is how often an open one is checked for a newer version of its source.
    #[must_use]
    pub fn new(file: LayersFile, readers: &Readers, storage: StorageSettings, recheck: Option<Duration>) -> Self {
        let storage = Storage::new(storage, file.policy);
        let layer = |(id, config): (String, LayerConfig)| {
            let (readers, storage) = (readers.clone(), storage.clone());
            (id.clone(), Arc::new(Layer { id, config, readers, storage, recheck, current: RwLock::default() }))
        };
        Self { layers: file.layers.into_iter().map(layer).collect(), overlays: file.overlays }
    }

    /// A layer by name.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<Layer>> {
        self.layers.get(id)
    }

    /// An overlay by name.
    #[must_use]
    pub fn overlay(&self, name: &str) -> Option<&OverlayConfig> {
        self.overlays.get(name)
    }

    /// All overlays in order.
    pub fn overlays(&self) -> impl Iterator<Item = (&String, &OverlayConfig)> {
        self.overlays.iter()
    }

    /// All layers in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Layer>> {
        self.layers.values()
    }
}

impl Layer {
    /// The open layer. When it is due, its source is checked meanwhile, for those who come later.
    ///
    /// # Errors
    /// When its source can't be opened; the next call tries again.
    pub async fn open(self: &Arc<Self>) -> Result<Arc<OpenLayer>, RasterError> {
        let generation = self.generation();
        let open = Arc::clone(generation.open.get_or_try_init(|| self.open_now()).await?);
        if generation.is_due(self.recheck) {
            let layer = Arc::clone(self);
            tokio::spawn(async move { layer.check(&generation).await });
        }
        Ok(open)
    }

    /// The layer as it is now, when a read of `stale` found that its source has changed.
    ///
    /// # Errors
    /// When it can't be opened; then the stale one stays, for whatever can be read of it.
    pub async fn reopen(self: &Arc<Self>, stale: &Arc<OpenLayer>) -> Result<Arc<OpenLayer>, RasterError> {
        let generation = self.generation();
        if generation.open.get().is_some_and(|open| Arc::ptr_eq(open, stale)) {
            generation.next.get_or_try_init(|| self.replace(&generation)).await?;
        }
        self.open().await
    }

    /// The layer as it is now, when somebody else knows another version of it.
    ///
    /// # Errors
    /// When that can't be found out, or it can't be opened.
    pub async fn checked(self: &Arc<Self>, known: &Arc<OpenLayer>) -> Result<Arc<OpenLayer>, RasterError> {
        if known.raster.is_current().await? { Ok(Arc::clone(known)) } else { self.reopen(known).await }
    }

    async fn check(self: &Arc<Self>, generation: &Arc<Generation>) {
        let Some(open) = generation.open.get() else { return };
        let outcome = match open.raster.is_current().await {
            Ok(true) => return,
            Ok(false) => generation.next.get_or_try_init(|| self.replace(generation)).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::error!(layer = self.id, %error, "no newer version of its source can be used; the old one stays");
        }
    }

    /// Opens the layer anew and puts it in the place of a generation.
    async fn replace(&self, old: &Arc<Generation>) -> Result<Arc<Generation>, RasterError> {
        let open = self.open_now().await?;
        let new = Arc::new(Generation { open: OnceCell::new_with(Some(open)), ..Generation::default() });
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, old) {
            *current = Arc::clone(&new);
        }
        Ok(new)
    }

    fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn open_now(&self) -> Result<Arc<OpenLayer>, RasterError> {
        match self.open_once().await {
            Err(RasterError::Storage { error: StorageError::Changed { .. }, .. }) => self.open_once().await,
            result => result,
        }
    }

    async fn open_once(&self) -> Result<Arc<OpenLayer>, RasterError> {
        let snapshot = self.storage.snapshot(self.config.access);
        let raster = self.readers.open(snapshot, &self.config.source, self.config.crs.clone()).await?;
        self.check_fit(raster.profile())?;
        tracing::info!(
            layer = self.id,
            source = redacted(&self.config.source),
            reader = raster.profile().reader,
            "opened"
        );
        Ok(Arc::new(OpenLayer::new(self.id.clone(), self.config.clone(), raster)))
    }
}

impl Generation {
    /// Whether it is time to check its source; the one who is told so does it.
    fn is_due(&self, recheck: Option<Duration>) -> bool {
        let Some(interval) = recheck else { return false };
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = checked.is_some_and(|at| at.elapsed() >= interval);
        if due || checked.is_none() {
            *checked = Some(Instant::now());
        }
        due
    }
}

impl Layer {
    /// What the configuration says of bands must be true of the source.
    fn check_fit(&self, profile: &Profile) -> Result<(), RasterError> {
        let unfit = |field: &str, reason: String| {
            Err(RasterError::Unfit { key: format!("layers.{}.{field}", self.id), reason })
        };
        let count = profile.bands.len();
        let bands = self.config.bidx.clone().unwrap_or_else(|| profile.picture_bands());
        if let Some(band) = bands.iter().find(|band| **band > count) {
            return unfit("bidx", format!("there is no band {band}: the source has {count}"));
        }
        match self.config.rescale.as_ref().map(Vec::len) {
            Some(ranges) if ranges != 1 && ranges != bands.len() => {
                unfit("rescale", format!("{ranges} ranges for {} bands; give one for all or one for each", bands.len()))
            }
            _ => Ok(()),
        }
    }
}

impl OpenLayer {
    /// Puts a configuration and its raster together.
    #[must_use]
    pub fn new(id: String, config: LayerConfig, raster: Arc<dyn Raster>) -> Self {
        let profile = raster.profile();
        let mut hasher = DefaultHasher::new();
        profile.version.hash(&mut hasher);
        format!("{:?}{:?}", profile.crs, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
        let data_version = format!("{:016x}", hasher.finish());
        format!("{config:?}").hash(&mut hasher);
        let version = format!("{:016x}", hasher.finish());
        let zooms = zooms(profile, &config);
        Self { id, config, raster, version, data_version, zooms, ranges: Mutex::default() }
    }

    /// What its raster is.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        self.raster.profile()
    }

    /// The colour table of a band, as a colormap.
    #[must_use]
    pub fn color_table(&self, band: usize) -> Option<Colormap> {
        let table = self.profile().bands.get(band.checked_sub(1)?)?.color_table.as_ref()?;
        Some(Colormap::Discrete((0..).zip(table.iter().copied()).collect()))
    }

    /// Smallest and largest value of a band: the file's own statistics, else those of its smallest overview.
    /// The same for every tile; never equal.
    ///
    /// # Errors
    /// When the overview can't be read.
    pub async fn range(&self, band: usize, nodata: Option<f64>) -> Result<[f64; 2], RasterError> {
        if let (Some(range), None) = (self.profile().bands[band - 1].statistics, nodata) {
            return Ok(widened(range));
        }
        let cell = {
            let mut ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
            if ranges.len() >= RANGES_PER_LAYER {
                ranges.clear();
            }
            Arc::clone(ranges.entry((band, nodata.map(f64::to_bits))).or_default())
        };
        cell.get_or_try_init(|| self.measure(band, nodata)).await.copied()
    }

    async fn measure(&self, band: usize, nodata: Option<f64>) -> Result<[f64; 2], RasterError> {
        let profile = self.profile();
        let level = profile.levels.len() - 1;
        let longest = profile.levels[level].width.max(profile.levels[level].height);
        let decimation = longest.div_ceil(STATISTICS_PX);
        let size = profile.levels[level].decimated(decimation);
        let window = Window { col: 0, row: 0, width: size.width, height: size.height };
        let request =
            ReadRequest { level, decimation, window, bands: vec![band], nodata, decimate_by: Decimation::Nearest };
        let pixels = self.raster.read(request).await?;
        let mask = pixels.pixel_mask();
        let valid = |index: usize| mask.as_ref().is_none_or(|mask| mask[index] > 0);
        let (min, max) = each_samples!(&pixels.samples, values => values
            .iter()
            .enumerate()
            .filter(|(index, _)| valid(*index))
            .map(|(_, value)| value.to_f64())
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| (min.min(value), max.max(value))));
        Ok(if min <= max { widened([min, max]) } else { [0.0, 1.0] })
    }
}

/// A range that is not empty.
fn widened([min, max]: [f64; 2]) -> [f64; 2] {
    if min < max { [min, max] } else { [min, min + 1.0] }
}

/// The zooms between which the raster has detail to show, by rio-tiler's rules: native is the zoom nearest to
/// the resolution that GDAL would suggest in EPSG:3857, the coarsest that of an overview of at most 256 pixels.
fn zooms(profile: &Profile, config: &LayerConfig) -> [u8; 2] {
    let resolution = mercator_resolution(profile);
    let halvings = (0..31_u32).find(|n| profile.width.max(profile.height) >> n <= 256).unwrap_or(31);
    let native = zoom_for(resolution);
    let coarsest = zoom_for(resolution * 2_f64.powi(halvings.cast_signed()));
    match (config.min_zoom, config.max_zoom) {
        (Some(min), Some(max)) => [min, max],
        (Some(min), None) => [min, native.max(min)],
        (None, Some(max)) => [coarsest.min(max), max],
        (None, None) => [coarsest, native],
    }
}

/// Metres a pixel, along the diagonal of the raster's bounds.
#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn mercator_resolution(profile: &Profile) -> f64 {
    let b = &profile.bounds;
    let limit = crate::geo::MERCATOR_MAX_LATITUDE;
    let (south, north) = (b.south.clamp(-limit, limit), b.north.clamp(-limit, limit));
    let shown = if b.north > b.south { (north - south) / (b.north - b.south) } else { 1.0 };
    let ((left, bottom), (right, top)) = (lon_lat_to_mercator(b.west, south), lon_lat_to_mercator(b.east, north));
    let pixels = (profile.width as f64).hypot(profile.height as f64 * shown);
    (right - left).hypot(top - bottom) / pixels
}

/// The zoom of 256 px tiles whose resolution is nearest to `resolution_m`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=30")]
fn zoom_for(resolution_m: f64) -> u8 {
    let zoom0 = 2.0 * crate::geo::MERCATOR_HALF_WIDTH_M / 256.0;
    let zoom = (zoom0 / resolution_m).log2().round();
    if zoom.is_finite() { zoom.clamp(0.0, f64::from(crate::geo::tile::MAX_ZOOM)) as u8 } else { 0 }
}
