//! What GDAL says of a dataset, as a [`Profile`].

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::OnceLock;

use gdal::Metadata;
use gdal::raster::{ColorInterpretation, GdalDataType, RasterBand};

use super::dataset::{Opened, reason};
use super::files::Files;
use super::tags::Tags;
use super::{Frame, Role, coverage, ffi, vrt, vsi};
use crate::geo::{Affine, Crs};
use crate::raster::readers::vrt::{is_vrt, plain};
use crate::raster::{Band, BandMask, DataType, Level, LonLatBounds, Profile, RasterError, Rgba};

/// Describes an open dataset, and names its files; `crs` overrides its own.
pub fn of(origin: &str, opened: &Opened, crs: Option<Crs>, role: &Role) -> Result<(Profile, Files), RasterError> {
    let dataset = opened.dataset();
    let path = opened.dataset().description().unwrap_or_default();
    let is_alone = is_tiff_alone(&path, opened);
    let tags = if is_alone { Tags::of(&path) } else { None };
    let crs = match crs.or_else(|| coded_crs(tags?)) {
        Some(crs) => crs,
        None => own_crs(origin, opened)?,
    };
    let all = match role {
        _ if is_alone => vec![path.clone()],
        // The VRT that it is a part of counts its files.
        Role::Frame(Frame { is_source: true, .. }) => vec![path.clone()],
        Role::Frame(frame) => files(&path, opened, &frame.files),
        Role::Layer | Role::Source => files(&path, opened, &[]),
    };
    let (width, height) = dataset.raster_size();
    let (geotransform, bounds) = if role.is_source() {
        (Affine([0.0, 1.0, 0.0, 0.0, 0.0, 1.0]), LonLatBounds::WORLD)
    } else {
        let geotransform = own_geotransform(origin, opened)?;
        (geotransform, LonLatBounds::of_raster(&crs, &geotransform, width, height)?)
    };
    let read_error =
        |error: gdal::errors::GdalError| RasterError::Open { origin: origin.to_owned(), reason: reason(&error) };
    let bands: Vec<RasterBand<'_>> = dataset.rasterbands().collect::<Result<_, _>>().map_err(read_error)?;
    let paths: Vec<PathBuf> = all.iter().filter(|file| vsi::is_file(file)).map(PathBuf::from).collect();
    let files = Files::new(paths);
    let profile = Profile {
        origin: origin.to_owned(),
        reader: "gdal",
        driver: dataset.driver().short_name(),
        bounds,
        crs,
        geotransform,
        width,
        height,
        levels: levels(&bands, width, height),
        bands: describe_all(&bands, tags.is_none_or(|tags| tags.has_units)).map_err(read_error)?,
        source_decimation: match role {
            Role::Layer => source_decimation_now(&path, opened),
            Role::Frame(_) => OnceLock::new(),
            Role::Source => OnceLock::from(1),
        },
        source_alignment: match role {
            Role::Layer => coverage::alignment(opened),
            Role::Frame(frame) => frame.alignment,
            Role::Source => 1,
        },
        version: version(origin, &files, &all),
    };
    Ok((profile, files))
}

fn own_geotransform(origin: &str, opened: &Opened) -> Result<Affine, RasterError> {
    let no_geotransform = || RasterError::NoGeotransform { origin: origin.to_owned() };
    let geotransform = Affine(opened.dataset().geo_transform().map_err(|_| no_geotransform())?);
    geotransform.inverse().ok_or_else(no_geotransform)?;
    Ok(geotransform)
}

/// Whether it is a TIFF, and nothing beside it belongs to it. GDAL knows that too, but looks its CRS up to say so.
fn is_tiff_alone(path: &str, opened: &Opened) -> bool {
    /// What GDAL's driver takes for a part of a TIFF, behind its name and in the place of its extension.
    const BEHIND: [&str; 3] = [".aux.xml", ".ovr", ".msk"];
    const INSTEAD: [&str; 7] = [".aux", ".rrd", ".tab", ".tfw", ".tifw", ".tiffw", ".wld"];
    let is_tiff = matches!(opened, Opened::Plain(dataset) if dataset.driver().short_name() == "GTiff");
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    let behind = BEHIND.iter().map(|end| (path, end));
    let mut beside = behind.chain(INSTEAD.iter().map(|end| (stem, end)));
    let is_there = |name: &str, end: &str| vsi::stat(&format!("{name}{end}")).is_some();
    is_tiff && !beside.any(|(name, end)| is_there(name, end) || is_there(name, &end.to_uppercase()))
}

/// The CRS of a GeoTIFF that names it by a code alone, of the kind that the file says.
fn coded_crs(tags: Tags) -> Option<Crs> {
    let coded = tags.crs?;
    Crs::parse(&format!("EPSG:{}", coded.code)).ok().filter(|crs| crs.unit() == coded.unit)
}

fn own_crs(origin: &str, opened: &Opened) -> Result<Crs, RasterError> {
    let no_crs = |_| RasterError::NoCrs { origin: origin.to_owned() };
    Crs::from_spatial_ref(&opened.dataset().spatial_ref().map_err(no_crs)?).map_err(no_crs)
}

/// Full resolution, then the overviews that every band has, each smaller than the one before.
fn levels(bands: &[RasterBand<'_>], width: usize, height: usize) -> Vec<Level> {
    let mut levels = vec![Level { width, height }];
    let count = bands.iter().map(|band| band.overview_count().unwrap_or(0)).min().unwrap_or(0);
    for index in 0..usize::try_from(count).unwrap_or(0) {
        let Some(Ok(overview)) = bands.first().map(|band| band.overview(index)) else { break };
        let (width, height) = overview.size();
        let finest_so_far = levels[levels.len() - 1];
        if width == 0 || height == 0 || width >= finest_so_far.width {
            break;
        }
        levels.push(Level { width, height });
    }
    levels
}

/// For a VRT: how far the overviews of its first source go, unless it takes a request to know.
fn source_decimation_now(path: &str, opened: &Opened) -> OnceLock<usize> {
    let sources = vrt::sources(opened).unwrap_or_default();
    let first = sources.first().filter(|first| !first.has_options).map(|first| first.path(path));
    match first {
        None => OnceLock::from(1),
        Some(first) if vsi::is_file(&first) => OnceLock::from(source_decimation(&first)),
        Some(_) => OnceLock::new(),
    }
}

/// How far the overviews of a source go.
pub fn source_decimation(path: &str) -> usize {
    let factor = || -> Option<usize> {
        let source = Opened::open(path).ok()?;
        let band = source.dataset().rasterband(1).ok()?;
        let last = usize::try_from(band.overview_count().ok()?).ok()?.checked_sub(1)?;
        Some(band.x_size() / band.overview(last).ok()?.x_size().max(1))
    };
    factor().unwrap_or(1)
}

fn describe_all(bands: &[RasterBand<'_>], have_units: bool) -> gdal::errors::Result<Vec<Band>> {
    let has_alpha = bands.iter().any(is_alpha);
    bands.iter().map(|band| describe(band, has_alpha, have_units)).collect()
}

pub fn is_alpha(band: &RasterBand<'_>) -> bool {
    band.color_interpretation() == ColorInterpretation::AlphaBand
}

/// GDAL speaks of an alpha mask only where there are 2 or 4 bands; an alpha band means the same behind any number.
fn describe(band: &RasterBand<'_>, has_alpha: bool, may_have_unit: bool) -> gdal::errors::Result<Band> {
    let flags = band.mask_flags()?;
    let nodata = nodata(band);
    let mask = if flags.is_alpha() || (has_alpha && flags.is_all_valid() && !is_alpha(band)) {
        BandMask::Alpha
    } else if flags.is_per_dataset() || !(flags.is_all_valid() || flags.is_nodata()) {
        BandMask::Dataset
    } else if nodata.is_some() {
        BandMask::Nodata
    } else {
        BandMask::AllValid
    };
    let interpretation = band.color_interpretation();
    let statistic = |key| band.metadata_item(key, "").and_then(|text| text.parse::<f64>().ok());
    Ok(Band {
        dtype: data_type(band.band_type()),
        nodata,
        mask,
        is_alpha: is_alpha(band),
        color_interpretation: interpretation.name().to_lowercase(),
        description: band.description().unwrap_or_default(),
        unit: may_have_unit.then(|| band.unit()).filter(|unit| !unit.is_empty()),
        scale: band.scale().unwrap_or(1.0),
        offset: band.offset().unwrap_or(0.0),
        color_table: color_table(band),
        statistics: statistic("STATISTICS_MINIMUM").zip(statistic("STATISTICS_MAXIMUM")).map(|(min, max)| [min, max]),
        block_size: band.block_size().into(),
    })
}

fn data_type(dtype: GdalDataType) -> DataType {
    match dtype {
        GdalDataType::UInt8 => DataType::U8,
        GdalDataType::Int8 => DataType::I8,
        GdalDataType::UInt16 => DataType::U16,
        GdalDataType::Int16 => DataType::I16,
        GdalDataType::UInt32 => DataType::U32,
        GdalDataType::Int32 => DataType::I32,
        GdalDataType::UInt64 => DataType::U64,
        GdalDataType::Int64 => DataType::I64,
        GdalDataType::Float32 => DataType::F32,
        GdalDataType::Float64 | GdalDataType::Unknown => DataType::F64,
    }
}

#[expect(clippy::cast_precision_loss, reason = "the usual nodata values of 64-bit bands are exact in f64")]
fn nodata(band: &RasterBand<'_>) -> Option<f64> {
    match band.band_type() {
        GdalDataType::UInt64 => band.no_data_value_u64().map(|value| value as f64),
        GdalDataType::Int64 => band.no_data_value_i64().map(|value| value as f64),
        _ => band.no_data_value(),
    }
}

fn color_table(band: &RasterBand<'_>) -> Option<Vec<Rgba>> {
    let table = band.color_table()?;
    let channel = |value: i16| u8::try_from(value.clamp(0, 255)).unwrap_or(0);
    let colors = (0..table.entry_count()).map(|index| {
        table.entry_as_rgb(index).map_or([0; 4], |c| [channel(c.r), channel(c.g), channel(c.b), channel(c.a)])
    });
    Some(colors.collect())
}

/// VRTs inside a VRT whose sources count as its files.
const MOST_VRTS: usize = 1000;

/// The files that the dataset is made of, and those beyond what GDAL knows of it; those of VRTs inside it included.
fn files(origin: &str, opened: &Opened, beyond: &[String]) -> Vec<String> {
    let mut all = ffi::file_list(opened.dataset());
    all.extend_from_slice(beyond);
    let mut visited = HashSet::from([plain(origin)]);
    let mut index = 0;
    while let Some(file) = all.get(index).cloned() {
        index += 1;
        if is_vrt(&file) && visited.len() < MOST_VRTS && visited.insert(plain(&file)) {
            let inner = Opened::open(&file).map(|opened| ffi::file_list(opened.dataset()));
            all.extend(inner.into_iter().flatten().skip(1));
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// A hash of the versions of everything that is known when the dataset has just been opened.
fn version(origin: &str, files: &Files, all: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (origin, files.stamp()).hash(&mut hasher);
    for file in all {
        vsi::object_version(file).hash(&mut hasher);
    }
    hasher.finish()
}
