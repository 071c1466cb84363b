//! From the words of a query to complete, checked options.

use std::fmt;
use std::str::FromStr;

use crate::catalog::OpenLayer;
use crate::color::Colormap;
use crate::config::Nodata;
use crate::encode::TileFormat;
use crate::parameter::BadParameter;
use crate::raster::DataType;
use crate::warp::{KernelChoice, Resampling};

/// Pixels along a side of a tile when nobody says.
const DEFAULT_TILE_PX: u32 = 256;

/// The smallest and largest `tilesize`.
const TILE_PX: std::ops::RangeInclusive<u32> = 64..=1024;

/// The most pixels along a side once `@2x` and the like are applied.
const MAX_SIDE_PX: u32 = 2048;

/// The most bytes that the values of one tile may take: it bounds what one request can ask of memory.
const MAX_TILE_BYTES: usize = 64 << 20;

/// The query of a tile, as written: syntax only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TileQuery {
    /// Band numbers, from 1.
    pub bidx: Vec<String>,
    /// `min,max` by band.
    pub rescale: Vec<String>,
    /// A named colormap.
    pub colormap_name: Option<String>,
    /// A colormap as JSON.
    pub colormap: Option<String>,
    /// A kernel.
    pub resampling: Option<String>,
    /// A number, or nan, inf, -inf.
    pub nodata: Option<String>,
    /// Pixels along a side.
    pub tilesize: Option<String>,
    /// `true` or `false`.
    pub return_mask: Option<String>,
}

/// Everything that decides how a tile looks.
#[derive(Debug, Clone, PartialEq)]
pub struct RenderOptions {
    /// Bands, from 1, in order.
    pub bands: Vec<usize>,
    /// The kernel.
    pub kernel: KernelChoice,
    /// Replaces the raster's own validity.
    pub nodata: Option<f64>,
    /// Pixels along a side.
    pub size_px: u32,
    /// Whether validity is part of the answer.
    pub return_mask: bool,
    /// What comes back.
    pub format: TileFormat,
    /// Values to colours; raw values have none.
    pub style: Style,
}

/// From values to colours.
#[derive(Debug, Clone, PartialEq)]
pub enum Style {
    /// Raw values.
    Raw,
    /// One or three bands as gray or red, green, blue.
    Direct(Vec<Rescale>),
    /// One band through a colormap.
    Mapped(Colormap, Rescale),
}

/// From a value to 0..=255.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rescale {
    /// As it is.
    Identity,
    /// Linearly from this range, clamped.
    Range([f64; 2]),
    /// From the range of the layer's values.
    Auto,
}

fn bad(parameter: &'static str, reason: impl fmt::Display) -> BadParameter {
    BadParameter { parameter, reason: reason.to_string() }
}

impl RenderOptions {
    /// About how much memory the making of one tile takes: its values, the picture made of them, and its encoding.
    #[must_use]
    pub fn memory_bytes(&self, layer: &OpenLayer) -> usize {
        let dtypes = self.bands.iter().map(|band| layer.profile().bands[band - 1].dtype);
        let sample = dtypes.reduce(DataType::promote).map_or(1, DataType::size_bytes);
        (self.size_px as usize).pow(2) * (self.bands.len() * sample + 1) * 3
    }

    /// Checks a query against a layer; `scale` is the 2 of `@2x`.
    ///
    /// # Errors
    /// When a parameter is wrong: the error names it.
    pub fn resolve(query: &TileQuery, scale: u32, format: TileFormat, layer: &OpenLayer) -> Result<Self, BadParameter> {
        let bands = bands(query, format, layer)?;
        let nodata = nodata(query, layer)?;
        let style = match format {
            TileFormat::Npy => raw(query, bands.len())?,
            TileFormat::Png => style(query, &bands, layer)?,
        };
        let kernel = kernel(query, &style, format, layer)?;
        let size_px = size(query, scale)?;
        let dtypes = bands.iter().map(|band| layer.profile().bands[band - 1].dtype);
        let pixel_bytes = bands.len() * dtypes.reduce(DataType::promote).map_or(1, DataType::size_bytes);
        let bytes = (size_px as usize).pow(2) * pixel_bytes;
        if bytes > MAX_TILE_BYTES {
            let reason = format!(
                "{} bands of {size_px} x {size_px} px are {bytes} bytes, above the limit of {MAX_TILE_BYTES}; ask for fewer bands or pixels",
                bands.len()
            );
            return Err(bad("bidx", reason));
        }
        let return_mask = flag(query.return_mask.as_deref())?;
        Ok(Self { bands, kernel, nodata, size_px, return_mask, format, style })
    }
}

/// The bands that were asked for, else the layer's, else those that make a picture (or all, for raw values).
fn bands(query: &TileQuery, format: TileFormat, layer: &OpenLayer) -> Result<Vec<usize>, BadParameter> {
    let profile = layer.profile();
    let mut bands = Vec::new();
    for text in &query.bidx {
        let count = profile.bands.len();
        let band: usize = whole(text).ok_or_else(|| bad("bidx", format!("\"{text}\" is no band number")))?;
        if band == 0 || band > count {
            return Err(bad("bidx", format!("there is no band {band}: the layer has bands 1 to {count}")));
        }
        bands.push(band);
    }
    if bands.is_empty() {
        let configured = layer.config.bidx.iter().flatten().copied().filter(|band| *band <= profile.bands.len());
        bands.extend(configured);
    }
    if bands.is_empty() {
        match format {
            TileFormat::Png => bands = profile.picture_bands(),
            TileFormat::Npy => bands = profile.data_bands().collect(),
        }
    }
    // An alpha band is opacity, not colour: it is applied anyway.
    if format == TileFormat::Png && bands.len() > 1 {
        bands.retain(|band| !profile.bands[band - 1].is_alpha);
    }
    if format == TileFormat::Png && !matches!(bands.len(), 1 | 3) {
        return Err(bad("bidx", format!("a picture has 1 or 3 bands, not {}; npy tiles take any number", bands.len())));
    }
    if bands.is_empty() { Ok(vec![1]) } else { Ok(bands) }
}

fn nodata(query: &TileQuery, layer: &OpenLayer) -> Result<Option<f64>, BadParameter> {
    match &query.nodata {
        None => Ok(layer.config.nodata),
        Some(text) => text.parse::<Nodata>().map(|nodata| Some(nodata.0)).map_err(|reason| bad("nodata", reason)),
    }
}

fn style(query: &TileQuery, bands: &[usize], layer: &OpenLayer) -> Result<Style, BadParameter> {
    let asked_range = rescale(&query.rescale, bands.len())?;
    let asked_map = asked_colormap(query)?;
    let one_band = bands.len() == 1;
    if let (Some((parameter, _)), false) = (&asked_map, one_band) {
        return Err(bad(parameter, format!("a colormap colours one band, but {} are chosen; add bidx=1", bands.len())));
    }
    let own_map = || layer.config.colormap.clone().or_else(|| layer.color_table(bands[0]));
    let custom_map = asked_map.is_some();
    let map = asked_map.map(|(_, map)| map).or_else(|| own_map().filter(|_| one_band));
    // The layer's range belongs to the layer's colours: a colormap of actual values in the query replaces both.
    let by_value = map.as_ref().is_some_and(|map| !matches!(map, Colormap::Lut(_)));
    let own_range = || if custom_map && by_value { None } else { configured_range(layer, bands) };
    let ranges = asked_range.or_else(own_range);
    let as_is = |band: &usize| by_value || layer.profile().bands[band - 1].dtype == DataType::U8;
    let rescales: Vec<Rescale> = match ranges {
        Some(ranges) => ranges.into_iter().map(Rescale::Range).collect(),
        None => bands.iter().map(|band| if as_is(band) { Rescale::Identity } else { Rescale::Auto }).collect(),
    };
    Ok(match map {
        Some(map) => Style::Mapped(map, rescales[0]),
        None => Style::Direct(rescales),
    })
}

/// Raw values have no colours; a mistake in what asks for some is one all the same.
fn raw(query: &TileQuery, bands: usize) -> Result<Style, BadParameter> {
    rescale(&query.rescale, bands)?;
    asked_colormap(query)?;
    Ok(Style::Raw)
}

pub(crate) fn asked_colormap(query: &TileQuery) -> Result<Option<(&'static str, Colormap)>, BadParameter> {
    match (&query.colormap, &query.colormap_name) {
        (Some(_), Some(_)) => Err(bad("colormap", "give colormap or colormap_name, not both")),
        (None, None) => Ok(None),
        (None, Some(name)) => match Colormap::named(name) {
            Some(map) => Ok(Some(("colormap_name", map))),
            None => Err(bad("colormap_name", format!("there is no colormap \"{name}\"; GET /colorMaps lists them"))),
        },
        (Some(json), None) => {
            let value =
                serde_json::from_str(json).map_err(|error| bad("colormap", format!("no valid JSON: {error}")))?;
            Ok(Some(("colormap", Colormap::from_json(&value).map_err(|error| bad("colormap", error))?)))
        }
    }
}

/// One range for all bands, or one for each.
pub(crate) fn rescale(texts: &[String], bands: usize) -> Result<Option<Vec<[f64; 2]>>, BadParameter> {
    let mut ranges = Vec::new();
    for text in texts {
        let bare = text.trim();
        let bare = bare.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(bare);
        let numbers: Vec<f64> = bare
            .split(',')
            .map(|number| number.trim().parse().map_err(|_| bad("rescale", format!("\"{text}\" is not min,max"))))
            .collect::<Result<_, _>>()?;
        if numbers.is_empty() || !numbers.len().is_multiple_of(2) {
            return Err(bad("rescale", format!("\"{text}\" is not min,max")));
        }
        for pair in numbers.as_chunks::<2>().0 {
            if !(pair[1] - pair[0]).is_finite() || pair[0] >= pair[1] {
                return Err(bad("rescale", format!("{},{}: min must be below max, both finite", pair[0], pair[1])));
            }
            ranges.push(*pair);
        }
    }
    match ranges.len() {
        0 => Ok(None),
        1 => Ok(Some(vec![ranges[0]; bands])),
        count if count == bands => Ok(Some(ranges)),
        count => Err(bad("rescale", format!("{count} ranges for {bands} bands; give one for all or one for each"))),
    }
}

/// The layer's ranges for these bands: they are listed in the order of its own bands.
fn configured_range(layer: &OpenLayer, bands: &[usize]) -> Option<Vec<[f64; 2]>> {
    let ranges = layer.config.rescale.as_ref()?;
    if let [only] = ranges.as_slice() {
        return Some(vec![*only; bands.len()]);
    }
    let own = layer.config.bidx.clone().unwrap_or_else(|| layer.profile().picture_bands());
    bands.iter().map(|band| own.iter().position(|own| own == band).and_then(|at| ranges.get(at)).copied()).collect()
}

/// The kernel that was asked for, else the layer's; classes are never interpolated in a picture.
fn kernel(
    query: &TileQuery, style: &Style, format: TileFormat, layer: &OpenLayer,
) -> Result<KernelChoice, BadParameter> {
    let asked = match &query.resampling {
        None => None,
        Some(text) => Some(text.parse::<Resampling>().map_err(|error| bad("resampling", error))?),
    };
    let classes = match style {
        Style::Mapped(map, Rescale::Identity) => map.is_categorical(),
        Style::Mapped(..) | Style::Direct(_) => false,
        Style::Raw => holds_classes(layer),
    };
    Ok(match (asked, layer.config.resampling) {
        (Some(asked), _) if classes && asked.interpolates() && format == TileFormat::Png => {
            let reason = format!(
                "{asked} would mix classes into ones that are not there; use nearest or mode (raw values as npy take any)"
            );
            return Err(bad("resampling", reason));
        }
        (Some(asked), _) => KernelChoice::Fixed(asked),
        (None, Some(own)) if !(classes && own.interpolates()) => KernelChoice::Fixed(own),
        (None, _) if classes => KernelChoice::Categorical,
        (None, _) => KernelChoice::Fixed(Resampling::default()),
    })
}

/// Whether the layer's own look says that its values are classes.
fn holds_classes(layer: &OpenLayer) -> bool {
    match &layer.config.colormap {
        Some(map) => map.is_categorical() && layer.config.rescale.is_none(),
        None => layer.profile().bands.first().is_some_and(|band| band.color_table.is_some()),
    }
}

fn size(query: &TileQuery, scale: u32) -> Result<u32, BadParameter> {
    let size = match &query.tilesize {
        None => DEFAULT_TILE_PX,
        Some(text) => whole(text).filter(|size| TILE_PX.contains(size)).ok_or_else(|| {
            bad("tilesize", format!("\"{text}\" is not from {} to {}", TILE_PX.start(), TILE_PX.end()))
        })?,
    };
    let side = size * scale;
    if side > MAX_SIDE_PX {
        return Err(bad("tilesize", format!("{size} @{scale}x is {side} px a side, above the limit of {MAX_SIDE_PX}")));
    }
    Ok(side)
}

/// A whole number in digits alone: `+` is how a query writes a space.
fn whole<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn flag(text: Option<&str>) -> Result<bool, BadParameter> {
    match text {
        None => Ok(true),
        Some(text) if ["true", "1"].iter().any(|yes| text.eq_ignore_ascii_case(yes)) => Ok(true),
        Some(text) if ["false", "0"].iter().any(|no| text.eq_ignore_ascii_case(no)) => Ok(false),
        Some(text) => Err(bad("return_mask", format!("\"{text}\" is neither true nor false"))),
    }
}
