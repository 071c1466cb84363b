//! Reading a window: samples, then their validity.

use gdal::raster::{GdalType, RasterBand, ResampleAlg};

use super::coverage::Coverage;
use super::dataset::{Opened, reason};
use super::ffi::{self, FloatWindow, Interleave};
use super::vrt::Touched;
use super::vsi;
use crate::raster::validity::{of_window, opacity, zero_or_full};
use crate::raster::{
    Band, BandMask, DataType, Decimation, Mask, MaskKind, Pixels, Profile, RasterError, ReadRequest, Sample, Samples,
};
use crate::with_sample_type;

type GdalResult<T> = gdal::errors::Result<T>;

/// Reads a window of a level with its mask.
pub fn window(
    opened: &Opened, profile: &Profile, coverage: &Coverage, request: &ReadRequest,
) -> Result<Pixels, RasterError> {
    let read = WindowRead::new(opened, profile, request);
    read.pixels(coverage).map_err(|error| {
        let reason = vsi::hidden_codec().map_or_else(|| reason(&error), |codec| not_decoded(codec, &reason(&error)));
        RasterError::Read { origin: profile.origin.clone(), reason }
    })
}

/// What to do about a codec that GDAL has not got.
fn not_decoded(codec: &str, reason: &str) -> String {
    format!(
        "it holds data compressed with {codec}, which is read from plain TIFFs alone: not from .ovr and .msk files, and not \
         warped by ground control points; compress it with DEFLATE, for example ({reason})"
    )
}

/// The window of a request in pixels of full resolution, and the size of its own pixels there.
pub fn in_full(profile: &Profile, request: &ReadRequest) -> (FloatWindow, [f64; 2]) {
    let grid = profile.levels[request.level].decimated(request.decimation);
    let scale = profile.scale_of(grid);
    (float_window(request, scale), scale)
}

/// The size of the pixels that are made of a source, in its own pixels.
pub fn scale_of(touched: &Touched) -> [f64; 2] {
    let of = |length: f64, pixels: usize| length * ratio(1, pixels);
    [of(touched.window.width, touched.size[0]), of(touched.window.height, touched.size[1])]
}

/// Reads what is touched of a source, and forgets it: so that what is missing gets known. GDAL chooses the overview here
/// as it does when it reads the VRT.
pub fn touch(opened: &Opened, touched: &Touched, bands: &[usize]) {
    let [width, height] = touched.size;
    let to = Interleave { width, height, stride: 1, offset: 0 };
    let mut forgotten = vec![0_u8; width * height];
    for index in bands.iter().filter(|index| **index <= opened.dataset().raster_count()) {
        let Ok(band) = opened.dataset().rasterband(*index) else { continue };
        let nearest = ResampleAlg::NearestNeighbour;
        // An error here is an error there: the read itself reports it.
        let _ = ffi::read_band(&band, touched.window, nearest, &mut forgotten, to);
        if band.mask_flags().is_ok_and(|flags| flags.is_per_dataset() && !flags.is_alpha())
            && let Ok(mask) = band.open_mask_band()
        {
            let _ = ffi::read_band(&mask, touched.window, nearest, &mut forgotten, to);
        }
    }
}

/// One read under way.
struct WindowRead<'a> {
    opened: &'a Opened,
    profile: &'a Profile,
    request: &'a ReadRequest,
    /// The window in pixels of the level.
    in_level: FloatWindow,
    /// The window in pixels of full resolution.
    in_full: FloatWindow,
    /// Size of an output pixel in pixels of full resolution.
    scale: [f64; 2],
}

impl<'a> WindowRead<'a> {
    fn new(opened: &'a Opened, profile: &'a Profile, request: &'a ReadRequest) -> Self {
        let level = profile.levels[request.level];
        let grid = level.decimated(request.decimation);
        let in_level = float_window(request, [ratio(level.width, grid.width), ratio(level.height, grid.height)]);
        let (in_full, scale) = in_full(profile, request);
        Self { opened, profile, request, in_level, in_full, scale }
    }

    fn pixels(&self, coverage: &Coverage) -> GdalResult<Pixels> {
        let dtype = self.bands().map(|band| band.dtype).reduce(DataType::promote).unwrap_or(DataType::U8);
        let samples = with_sample_type!(dtype, T => self.samples::<T>());
        if samples.is_err() && !vsi::is_clean() {
            // What the mask misses, too, can be brought together with what the samples miss.
            let _ = self.shared_mask();
        }
        let samples = samples?;
        let mask = self.mask(&samples, coverage)?;
        let window = self.request.window;
        Ok(Pixels { width: window.width, height: window.height, bands: self.request.bands.len(), samples, mask })
    }

    fn bands(&self) -> impl Iterator<Item = &Band> {
        self.request.bands.iter().map(|index| &self.profile.bands[index - 1])
    }

    fn samples<T: Sample + GdalType>(&self) -> GdalResult<Samples> {
        let mut buffer = vec![T::default(); self.pixel_count() * self.request.bands.len()];
        let mut all = Ok(());
        for (offset, index) in self.request.bands.iter().enumerate() {
            let to = self.interleave(self.request.bands.len(), offset);
            let read = self.read_band(*index, self.decimation_alg(), &mut buffer, to);
            // What is merely missing is found out for every band before any of it is brought.
            if read.is_err() && vsi::is_clean() {
                return read.map(|()| T::wrap(buffer));
            }
            all = all.and(read);
        }
        all.map(|()| T::wrap(buffer))
    }

    fn read_band<T: Copy + GdalType>(
        &self, index: usize, alg: ResampleAlg, buffer: &mut [T], to: Interleave,
    ) -> GdalResult<()> {
        let band = self.opened.dataset().rasterband(index)?;
        match self.request.level.checked_sub(1) {
            None => ffi::read_band(&band, self.in_level, alg, buffer, to),
            Some(overview) => ffi::read_band(&band.overview(overview)?, self.in_level, alg, buffer, to),
        }
    }

    fn mask(&self, samples: &Samples, coverage: &Coverage) -> GdalResult<Mask> {
        let gaps = || coverage.mask(self.request.window, self.scale).map(|mask| (MaskKind::Binary, mask));
        let shared = self.shared_mask()?.or_else(gaps);
        Ok(of_window(self.profile, self.request, samples, shared))
    }

    /// The mask that all bands share, where the file has one.
    fn shared_mask(&self) -> GdalResult<Option<(MaskKind, Vec<u8>)>> {
        if self.request.nodata.is_some() {
            return Ok(None);
        }
        let first = self.request.bands.first().copied().unwrap_or(1);
        Ok(match self.profile.bands[first - 1].mask {
            BandMask::Alpha => Some((MaskKind::Alpha, self.alpha()?)),
            BandMask::Dataset => Some((MaskKind::Binary, self.dataset_mask(first)?)),
            BandMask::Nodata | BandMask::AllValid => None,
        })
    }

    fn alpha(&self) -> GdalResult<Vec<u8>> {
        let Some(index) = self.profile.bands.iter().position(|band| band.is_alpha) else {
            return self.dataset_mask(1);
        };
        let alg = self.decimation_alg();
        let to = self.interleave(1, 0);
        with_sample_type!(self.profile.bands[index].dtype, T => {
            let mut alpha = vec![T::default(); self.pixel_count()];
            self.read_band(index + 1, alg, &mut alpha, to)?;
            Ok(opacity(T::wrap(alpha)))
        })
    }

    /// The mask band has overviews of its own: GDAL picks the right one for the window at full resolution.
    fn dataset_mask(&self, index: usize) -> GdalResult<Vec<u8>> {
        let mut mask = vec![0_u8; self.pixel_count()];
        let band: RasterBand<'_> = self.opened.dataset().rasterband(index)?;
        let mask_band = band.open_mask_band()?;
        ffi::read_band(&mask_band, self.in_full, ResampleAlg::NearestNeighbour, &mut mask, self.interleave(1, 0))?;
        Ok(zero_or_full(mask))
    }

    fn pixel_count(&self) -> usize {
        self.request.window.width * self.request.window.height
    }

    fn interleave(&self, stride: usize, offset: usize) -> Interleave {
        Interleave { width: self.request.window.width, height: self.request.window.height, stride, offset }
    }

    /// GDAL decimates only where no overview is coarse enough; at a level's own size this has no effect.
    fn decimation_alg(&self) -> ResampleAlg {
        // Across overlapping sources GDAL reads anything but the nearest pixel at full resolution; the
        // overviews of the sources are averages already.
        // And it does not know a nodata value that somebody else gave: it would mix it in.
        let own_nodata = self.request.nodata.is_none();
        let of_sources = self.profile.source_decimation.get().is_some_and(|factor| *factor > 1);
        if self.request.decimation == 1 || of_sources || !own_nodata {
            return ResampleAlg::NearestNeighbour;
        }
        match self.request.decimate_by {
            Decimation::Nearest => ResampleAlg::NearestNeighbour,
            Decimation::Average => ResampleAlg::Average,
            Decimation::Mode => ResampleAlg::Mode,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn ratio(a: usize, b: usize) -> f64 {
    a as f64 / b as f64
}

#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn float_window(request: &ReadRequest, scale: [f64; 2]) -> FloatWindow {
    let window = request.window;
    FloatWindow {
        col: window.col as f64 * scale[0],
        row: window.row as f64 * scale[1],
        width: window.width as f64 * scale[0],
        height: window.height as f64 * scale[1],
    }
}
