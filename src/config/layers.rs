//! `cogwheel.toml`: which layers there are and how each looks by default.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;

use super::check::{Check, line_of};
use crate::color::Colormap;
use crate::geo::Crs;
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
