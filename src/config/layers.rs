//! `cogwheel.toml`: which layers there are and how each looks by default.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::color::Colormap;
use crate::geo::Crs;
use crate::geo::tile::MAX_ZOOM;
use crate::warp::Resampling;

/// What to write when there is no configuration yet.
const EXAMPLE: &str = r#"Write a cogwheel.toml, for example:

  [layers.elevation]
  source = "data/elevation.tif"   # a COG, or a VRT of them; relative to this file
  title = "Elevation"
  resampling = "bilinear"
  colormap_name = "terrain"
  rescale = [[0, 4000]]

and start cogwheel beside it, or name it with --config or COGWHEEL_CONFIG."#;

/// The keys of a layer, for the message about one that is not among them.
const FIELDS: &str = "source, title, description, attribution, resampling, colormap, colormap_name, rescale, bidx, \
                      nodata, crs, min_zoom, max_zoom, classes and cache_control";

/// The layers of a configuration, in its order.
#[derive(Debug, Clone, Default)]
pub struct LayersFile {
    /// By name.
    pub layers: IndexMap<String, LayerConfig>,
}

/// One layer, checked.
#[derive(Debug, Clone, Default)]
pub struct LayerConfig {
    /// Path, made relative to the configuration.
    pub source: String,
    /// For people.
    pub title: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Who made the data, and its licence.
    pub attribution: Option<String>,
    /// Default kernel.
    pub resampling: Option<Resampling>,
    /// Default colours.
    pub colormap: Option<Colormap>,
    /// The name of `colormap`, when it has one.
    pub colormap_name: Option<String>,
    /// Default range of values by band.
    pub rescale: Option<Vec<[f64; 2]>>,
    /// Default bands, from 1.
    pub bidx: Option<Vec<usize>>,
    /// Replaces the file's own mask and nodata value.
    pub nodata: Option<f64>,
    /// Replaces or assigns the coordinate reference system.
    pub crs: Option<Crs>,
    /// Tiles below it are refused.
    pub min_zoom: Option<u8>,
    /// Where clients should stop asking for more detail.
    pub max_zoom: Option<u8>,
    /// Names of classes by value.
    pub classes: BTreeMap<i64, String>,
    /// The value of `Cache-Control` for its tiles.
    pub cache_control: Option<String>,
}

/// A number, or `nan`, `inf`, `-inf` as text.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "RawNodata")]
pub struct Nodata(pub f64);

#[derive(Deserialize)]
#[serde(untagged)]
enum RawNodata {
    Number(f64),
    Text(String),
}

impl TryFrom<RawNodata> for Nodata {
    type Error = String;

    fn try_from(raw: RawNodata) -> Result<Self, String> {
        match raw {
            RawNodata::Number(value) => Ok(Self(value)),
            RawNodata::Text(text) => text.parse(),
        }
    }
}

impl std::str::FromStr for Nodata {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim().parse().map(Self).map_err(|_| format!("\"{text}\" is no number: use one, or nan, inf, -inf"))
    }
}

/// Why a configuration can't be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConfigError {
    /// There is none.
    #[error("no configuration at {path}: {reason}\n\n{EXAMPLE}")]
    Missing {
        /// Where it was looked for.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// It is not TOML, or has keys that it should not have.
    #[error("{path} is no valid configuration: {reason}")]
    Syntax {
        /// The file.
        path: String,
        /// The parser's words, with the line.
        reason: String,
    },
    /// Keys with wrong values: all of them.
    #[error("{path} has mistakes:{}", list(.mistakes))]
    Mistakes {
        /// The file.
        path: String,
        /// One a mistake, each beginning with its key.
        mistakes: Vec<String>,
    },
}

fn list(mistakes: &[String]) -> String {
    mistakes.iter().flat_map(|mistake| ["\n  ", mistake]).collect()
}

impl LayersFile {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// When it is not there or has mistakes: all of them are reported at once.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Missing { path: shown.clone(), reason: error.to_string() })?;
        Self::parse(&text, &shown, path.parent().unwrap_or(Path::new("")))
    }

    /// Checks the text of a configuration; `folder` is what its paths are relative to.
    ///
    /// # Errors
    /// When it has mistakes: all of them are reported at once.
    pub fn parse(text: &str, shown: &str, folder: &Path) -> Result<Self, ConfigError> {
        let mut file: toml::Table = toml::from_str(text)
            .map_err(|error| ConfigError::Syntax { path: shown.to_owned(), reason: error.to_string() })?;
        let (mut layers, mut mistakes) = (IndexMap::new(), Vec::new());
        let declared = match file.remove("layers") {
            Some(toml::Value::Table(declared)) => declared,
            Some(_) => {
                mistakes.push(format!("layers: it must be a table{}", line_of(text, "layers")));
                toml::Table::new()
            }
            None => toml::Table::new(),
        };
        mistakes.extend(file.keys().map(|key| format!("{key}: there is no such key; layers are [layers.NAME]")));
        if declared.is_empty() && mistakes.is_empty() {
            mistakes.push("layers: there are none; write at least one [layers.NAME]".to_owned());
        }
        for (name, value) in declared {
            let mut check = Check { key: format!("layers.{name}"), mistakes: &mut mistakes };
            check.name(&name);
            if let toml::Value::Table(table) = value {
                let layer = check.layer(table, folder);
                layers.insert(name, layer);
            } else {
                check
                    .mistakes
                    .push(format!("layers.{name}: it must be a table, [layers.{name}]{}", line_of(text, &name)));
            }
        }
        if mistakes.is_empty() {
            Ok(Self { layers })
        } else {
            Err(ConfigError::Mistakes { path: shown.to_owned(), mistakes })
        }
    }
}

/// Where a key is written, for a mistake that has no other place.
fn line_of(text: &str, key: &str) -> String {
    let line = text.lines().position(|line| line.trim_start().starts_with(key));
    line.map_or(String::new(), |line| format!(" (line {})", line + 1))
}

/// Collects the mistakes of one layer.
struct Check<'a> {
    key: String,
    mistakes: &'a mut Vec<String>,
}

impl Check<'_> {
    fn name(&mut self, name: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || !name.chars().all(plain) {
            self.mistakes.push(format!("{}: a layer's name is made of letters, digits, - and _", self.key));
        }
    }

    fn mistake(&mut self, field: &str, reason: impl fmt::Display) {
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
    fn take<T: DeserializeOwned>(&mut self, table: &mut toml::Table, field: &str) -> Option<T> {
        let typed = table.remove(field)?.try_into::<T>();
        self.ok(field, Some(typed.map_err(|error| error.to_string().trim().replace('\n', ", "))))
    }

    fn layer(&mut self, mut table: toml::Table, folder: &Path) -> LayerConfig {
        let table = &mut table;
        let layer = LayerConfig {
            source: self.source(table, folder),
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

    fn parsed<T, E: fmt::Display>(
        &mut self, table: &mut toml::Table, field: &str, parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text: String = self.take(table, field)?;
        self.ok(field, Some(parse(&text)))
    }

    fn source(&mut self, table: &mut toml::Table, folder: &Path) -> String {
        if !table.contains_key("source") {
            self.mistake("source", "it is missing; give a path");
        }
        let source: String = self.take(table, "source").unwrap_or_else(|| "?".to_owned());
        if source.trim().is_empty() {
            self.mistake("source", "it is empty; give a path");
        }
        resolve(&source, folder)
    }

    fn colors(&mut self, table: &mut toml::Table) -> LayerConfig {
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

    fn rescale(&mut self, table: &mut toml::Table) -> Option<Vec<[f64; 2]>> {
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

/// A path of the configuration, relative to its folder.
fn resolve(source: &str, folder: &Path) -> String {
    if source.contains("://") || Path::new(source).is_absolute() {
        return source.to_owned();
    }
    PathBuf::from(folder).join(source).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn parse(text: &str) -> Result<LayersFile, ConfigError> {
        LayersFile::parse(text, "cogwheel.toml", Path::new("/maps"))
    }

    #[test]
    fn paths_are_relative_to_the_configuration() {
        let file = parse("[layers.b]\nsource = 'x/b.tif'\n[layers.a]\nsource = '/abs/a.tif'\nnodata = 'nan'").unwrap();
        assert_eq!(file.layers["b"].source, "/maps/x/b.tif");
        assert_eq!(file.layers["a"].source, "/abs/a.tif");
        assert!(file.layers["a"].nodata.unwrap().is_nan());
        assert_eq!(file.layers.keys().collect::<Vec<_>>(), ["b", "a"], "the order of the file");
    }

    #[rstest]
    #[case("sorce = 'a.tif'", "layers.x.sorce: there is no such key")]
    #[case("source = ''", "layers.x.source: it is empty")]
    #[case("source = 'a.tif'\nresampling = 'cubical'", "layers.x.resampling: \"cubical\" is no resampling")]
    #[case("source = 'a.tif'\ncolormap_name = 'Viridis'", "layers.x.colormap_name: there is no colormap \"Viridis\"")]
    #[case("source = 'a.tif'\nrescale = [[5, 5]]", "layers.x.rescale: [5, 5]")]
    #[case("source = 'a.tif'\nbidx = [0]", "layers.x.bidx: bands count from 1")]
    #[case("source = 'a.tif'\ncrs = 'EPSG:0'", "layers.x.crs: \"EPSG:0\" is no CRS")]
    #[case("source = 'a.tif'\nmin_zoom = 9\nmax_zoom = 3", "layers.x.min_zoom: it is above max_zoom")]
    #[case("source = 'a.tif'\nmax_zoom = 44", "layers.x.max_zoom: 44 is not a zoom")]
    #[case("source = 'a.tif'\n[layers.x.classes]\nwater = 'Water'", "layers.x.classes: \"water\"")]
    #[case("source = 'a.tif'\nnodata = 'none'", "layers.x.nodata: ")]
    fn a_mistake_is_reported_with_its_key(#[case] body: &str, #[case] expected: &str) {
        let message = parse(&format!("[layers.x]\n{body}")).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }

    #[test]
    fn all_mistakes_are_reported_at_once() {
        let message =
            parse("[layers.x]\nsource = ''\nbidx = []\n[layers.y]\nsource = 'a'\ncrs = 'no'").unwrap_err().to_string();
        assert!(message.contains("layers.x.source") && message.contains("layers.x.bidx"), "{message}");
        assert!(message.contains("layers.y.crs"), "{message}");
    }

    #[test]
    fn without_a_file_the_error_says_how_to_write_one() {
        let message = LayersFile::read(Path::new("/nowhere/cogwheel.toml")).unwrap_err().to_string();
        assert!(message.contains("/nowhere/cogwheel.toml") && message.contains("[layers.elevation]"), "{message}");
    }
}
