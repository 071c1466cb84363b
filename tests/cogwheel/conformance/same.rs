//! Two readers of one file, compared. The one that is ours also reads without a cache: then it decodes but parts of blocks.

use cogwheel::raster::{Decimation, Mask, Pixels, Profile, ReadRequest, Window};

use super::files::NODATA;
use crate::support::readers::{Opened, bits, know_sources, open, open_by_gdal, open_without_cache, read};

/// A file, opened by both.
pub struct Both {
    pub fast: Opened,
    pub uncached: Opened,
    pub reference: Opened,
    /// Some windows are read so.
    pub decimations: &'static [usize],
}

impl Both {
    /// Opens a file twice; what both say of it is the same.
    pub fn open(path: &str, reader: &str) -> Result<Self, String> {
        let fast = open(path).map_err(|error| error.to_string())?;
        let uncached = open_without_cache(path).map_err(|error| error.to_string())?;
        let reference = open_by_gdal(path).map_err(|error| error.to_string())?;
        if fast.profile().reader != reader {
            return Err(format!("the reader is {} and not {reader}", fast.profile().reader));
        }
        for raster in [&fast, &uncached, &reference] {
            know_sources(raster).map_err(|error| error.to_string())?;
        }
        let said = [&fast, &reference].map(|raster| {
            let Profile { reader: _, origin, driver, crs, geotransform, width, height, bands, levels, .. } =
                raster.profile();
            let Profile { source_decimation, source_alignment, bounds, version, .. } = raster.profile();
            let crs = crs.wkt();
            let all = (origin, driver, crs, geotransform, width, height, bands, levels);
            // The files of a mosaic are listed by one and found by the other.
            let version = if reader == "mosaic" { 0 } else { *version };
            format!("{all:?} {source_decimation:?} {source_alignment} {bounds:?} {version}")
        });
        if said[0] != said[1] {
            return Err(format!("the profiles differ: {} {}", said[0], said[1]));
        }
        Ok(Self { fast, uncached, reference, decimations: &[2, 3, 4, 5] })
    }

    pub fn profile(&self) -> &Profile {
        self.fast.profile()
    }

    /// Reads with both, and compares.
    pub fn compare(&self, request: &ReadRequest) -> Result<(), String> {
        let reference = read(&self.reference, request).map_err(|error| format!("{request:?}, by GDAL: {error}"))?;
        for (raster, how) in [(&self.fast, ""), (&self.uncached, ", uncached")] {
            let fast = read(raster, request).map_err(|error| format!("{request:?}{how}: {error}"))?;
            if let Some(what) = differences(&fast, &reference) {
                return Err(format!("{request:?}{how}: {what}"));
            }
        }
        Ok(())
    }

    /// Reads each level as a whole, and some windows, chosen at random.
    pub fn compare_windows(&self, rng: &mut fastrand::Rng, count: usize) -> Result<(), String> {
        let all_bands: Vec<usize> = (1..=self.profile().bands.len()).collect();
        for (level, size) in self.profile().levels.iter().enumerate() {
            let window = Window { col: 0, row: 0, width: size.width, height: size.height };
            let whole = ReadRequest {
                level,
                decimation: 1,
                window,
                bands: all_bands.clone(),
                nodata: None,
                decimate_by: Decimation::Nearest,
            };
            self.compare(&whole)?;
            self.compare(&ReadRequest { nodata: Some(NODATA), ..whole })?;
        }
        (0..count).try_for_each(|_| self.compare(&self.random(rng)))
    }

    fn random(&self, rng: &mut fastrand::Rng) -> ReadRequest {
        let profile = self.profile();
        let level = rng.usize(..profile.levels.len());
        let decimation = if rng.u8(..8) == 0 { rng.choice(self.decimations).copied().unwrap_or(1) } else { 1 };
        let grid = profile.levels[level].decimated(decimation);
        let mut side = |size: usize| {
            let start = rng.usize(..size);
            (start, rng.usize(1..=size - start))
        };
        let ((col, width), (row, height)) = (side(grid.width), side(grid.height));
        let mut bands: Vec<usize> = (0..rng.usize(1..=4)).map(|_| rng.usize(1..=profile.bands.len())).collect();
        if rng.bool() {
            bands.truncate(1);
        }
        let own = profile.bands[0].nodata;
        let any = [Some(NODATA), Some(0.0), Some(-1e30), Some(f64::NAN), own];
        let nodata = if rng.u8(..3) == 0 { any[rng.usize(..any.len())] } else { None };
        let decimate_by = [Decimation::Nearest, Decimation::Average, Decimation::Mode][rng.usize(..3)];
        ReadRequest { level, decimation, window: Window { col, row, width, height }, bands, nodata, decimate_by }
    }
}

/// What differs, if anything does: the size, the type, a mask, a cell.
pub fn differences(a: &Pixels, b: &Pixels) -> Option<String> {
    let shape = |pixels: &Pixels| (pixels.width, pixels.height, pixels.bands, pixels.dtype(), pixels.samples.len());
    if shape(a) != shape(b) || a.samples.len() != a.width * a.height * a.bands {
        return Some(format!("the shape is {:?} and not {:?}", shape(a), shape(b)));
    }
    if a.mask != b.mask {
        return Some(format!("the mask is {} and not {}", brief(&a.mask), brief(&b.mask)));
    }
    let size = a.dtype().size_bytes();
    let (a_bits, b_bits) = (bits(&a.samples), bits(&b.samples));
    let mut wrong =
        (0..a.samples.len()).filter(|index| a_bits[index * size..][..size] != b_bits[index * size..][..size]);
    let first = wrong.next()?;
    let valid = a.mask.is_valid(first / a.bands, first % a.bands, a.bands);
    let (a, b) = (a.samples.value(first), b.samples.value(first));
    Some(format!("{} cells differ; cell {first} (valid: {valid}) is {a} and not {b}", 1 + wrong.count()))
}

fn brief(mask: &Mask) -> String {
    let (name, values) = match mask {
        Mask::AllValid => return "all valid".to_owned(),
        Mask::Shared(kind, values) => (format!("{kind:?}"), values),
        Mask::PerBand(values) => ("by band".to_owned(), values),
    };
    let head: Vec<u8> = values.iter().copied().take(40).collect();
    format!("{name} of {}, {} of them 0: {head:?}", values.len(), values.iter().filter(|value| **value == 0).count())
}
