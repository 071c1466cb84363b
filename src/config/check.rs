//! Reading one layer of `cogwheel.toml`, field by field, so that one mistake does not hide the next.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::layers::{LayerConfig, Nodata};
use crate::color::Colormap;
use crate::geo::Crs;
use crate::geo::tile::MAX_ZOOM;
use crate::storage::Access;

/// The keys of a layer, for the message about one that is not among them.
const FIELDS: &str = "source, title, description, attribution, resampling, colormap, colormap_name, rescale, bidx, \
                      nodata, crs, min_zoom, max_zoom, classes, cache_control, requester_pays and sidecars";

/// Where a key is written, for a mistake that has no other place.
pub fn line_of(text: &str, key: &str) -> String {
    let line = text.lines().position(|line| line.trim_start().starts_with(key));
    line.map_or(String::new(), |line| format!(" (line {})", line + 1))
}

/// Collects the mistakes of one layer.
pub struct Check<'a> {
    /// `layers.NAME`.
    pub key: String,
    /// All so far.
    pub mistakes: &'a mut Vec<String>,
}

impl Check<'_> {
    /// A layer's name is part of addresses.
    pub fn name(&mut self, name: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            self.mistakes.push(format!("{}: a name is made of letters, digits, - and _", self.key));
        }
    }

    pub(super) fn mistake(&mut self, field: &str, reason: impl fmt::Display) {
        self.mistakes.push(format!("{}.{field}: {reason}", self.key));
    }

    /// The value, or a mistake and nothing.
    fn ok<T, E: fmt::Display>(&mut self, field: &str, result: Option<Result<T, E>>) -> Option<T> {
        match result? {
            Ok(value) => Some(value),
            Err(reason) => {
                self.mistake(field, reason);
                None
            }
        }
    }

    /// Takes a field out of the table; one of another type is a mistake.
    pub(super) fn take<T: DeserializeOwned>(&mut self, table: &mut toml::Table, field: &str) -> Option<T> {
        let typed = table.remove(field)?.try_into::<T>();
        self.ok(field, Some(typed.map_err(|error| error.to_string().trim().replace('\n', ", "))))
    }

    /// The layer as far as it is right; what is not has become a mistake.
    pub fn layer(&mut self, mut table: toml::Table, folder: &str) -> LayerConfig {
        let table = &mut table;
        let layer = LayerConfig {
            source: self.source(table, folder),
            access: Access {
                requester_pays: self.take(table, "requester_pays").unwrap_or_default(),
                sidecars: self.take(table, "sidecars").unwrap_or_default(),
            },
            title: self.take(table, "title"),
            description: self.take(table, "description"),
            attribution: self.take(table, "attribution"),
            resampling: self.parsed(table, "resampling", str::parse),
            rescale: self.rescale(table),
            bidx: self.bidx(table),
            nodata: self.take::<Nodata>(table, "nodata").map(|nodata| nodata.0),
            crs: self.parsed(table, "crs", Crs::parse),
            min_zoom: self.zoom(table, "min_zoom"),
            max_zoom: self.zoom(table, "max_zoom"),
            classes: self.classes(table),
            cache_control: self.cache_control(table),
            ..self.colors(table)
        };
        if layer.min_zoom.zip(layer.max_zoom).is_some_and(|(min, max)| min > max) {
            self.mistake("min_zoom", "it is above max_zoom");
        }
        for unknown in table.keys() {
            self.mistake(unknown, format!("there is no such key; a layer has {FIELDS}"));
        }
        layer
    }

    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self, table: &mut toml::Table, field: &str, parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text: String = self.take(table, field)?;
        self.ok(field, Some(parse(&text)))
    }

    fn source(&mut self, table: &mut toml::Table, folder: &str) -> String {
        if !table.contains_key("source") {
            self.mistake("source", "it is missing; give a path");
        }
        let source: String = self.take(table, "source").unwrap_or_else(|| "?".to_owned());
        if source.trim().is_empty() {
            self.mistake("source", "it is empty; give a path");
        }
        resolve(&source, folder)
    }

    pub(super) fn colors(&mut self, table: &mut toml::Table) -> LayerConfig {
        if table.contains_key("colormap") && table.contains_key("colormap_name") {
            self.mistake("colormap", "give colormap or colormap_name, not both");
        }
        let colormap_name: Option<String> = self.take(table, "colormap_name");
        let named = colormap_name.as_deref().map(|name| {
            Colormap::named(name).ok_or_else(|| format!("there is no colormap \"{name}\"; GET /colorMaps lists them"))
        });
        let named = self.ok("colormap_name", named);
        let custom: Option<serde_json::Value> = self.take(table, "colormap");
        let custom = self.ok("colormap", custom.as_ref().map(Colormap::from_json));
        LayerConfig { colormap: custom.or(named), colormap_name, ..LayerConfig::default() }
    }

    pub(super) fn rescale(&mut self, table: &mut toml::Table) -> Option<Vec<[f64; 2]>> {
        let ranges: Vec<[f64; 2]> = self.take(table, "rescale")?;
        if ranges.is_empty() {
            self.mistake("rescale", "it is empty; give [[min, max]]");
        }
        for [min, max] in &ranges {
            if !(max - min).is_finite() || min >= max {
                self.mistake("rescale", format!("[{min}, {max}]: the first must be below the second"));
            }
        }
        Some(ranges)
    }

    fn bidx(&mut self, table: &mut toml::Table) -> Option<Vec<usize>> {
        let bands: Vec<usize> = self.take(table, "bidx")?;
        if bands.is_empty() || bands.contains(&0) {
            self.mistake("bidx", "bands count from 1, and there must be at least one");
        }
        Some(bands)
    }

    fn zoom(&mut self, table: &mut toml::Table, field: &str) -> Option<u8> {
        let zoom: i64 = self.take(table, field)?;
        let valid = u8::try_from(zoom).ok().filter(|zoom| *zoom <= MAX_ZOOM);
        self.ok(field, Some(valid.ok_or_else(|| format!("{zoom} is not a zoom from 0 to {MAX_ZOOM}"))))
    }

    fn classes(&mut self, table: &mut toml::Table) -> BTreeMap<i64, String> {
        let raw: BTreeMap<String, String> = self.take(table, "classes").unwrap_or_default();
        let mut classes = BTreeMap::new();
        for (value, name) in raw {
            match value.parse() {
                Ok(value) => {
                    classes.insert(value, name);
                }
                Err(_) => self.mistake("classes", format!("\"{value}\" is no whole number")),
            }
        }
        classes
    }

    fn cache_control(&mut self, table: &mut toml::Table) -> Option<String> {
        let raw: Option<String> = self.take(table, "cache_control");
        let visible = |text: &String| text.bytes().all(|byte| (32..127).contains(&byte));
        if raw.as_ref().is_some_and(|text| !visible(text)) {
            self.mistake("cache_control", "a header value is printable ASCII");
        }
        raw
    }
}

/// A path or a URL of the configuration, relative to its folder, which may be either.
fn resolve(source: &str, folder: &str) -> String {
    if source.contains("://") || source.starts_with("/vsi") || Path::new(source).is_absolute() {
        return source.to_owned();
    }
    if folder.contains("://") {
        return format!("{folder}/{source}");
    }
    Path::new(folder).join(source).display().to_string()
}
