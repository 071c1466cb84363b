//! `cogwheel.toml`: which layers there are and how each looks by default.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::IndexMap;
use serde::Deserialize;

use super::check::{Check, line_of};
use super::overlays::OverlayConfig;
use crate::color::Colormap;
use crate::geo::Crs;
use crate::storage::{Access, Location, Policy, Storage, StorageSettings, redacted};
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

/// A configuration: the layers, in its order, and what may be opened.
#[derive(Debug, Clone, Default)]
pub struct LayersFile {
    /// By name.
    pub layers: IndexMap<String, LayerConfig>,
    /// By name.
    pub overlays: IndexMap<String, OverlayConfig>,
    /// `storage.allow`, or what follows from the layers.
    pub policy: Policy,
}

/// One layer, checked.
#[derive(Debug, Clone, Default)]
pub struct LayerConfig {
    /// Path or URL, made relative to the configuration.
    pub source: String,
    /// How its objects are accessed.
    pub access: Access,
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
    /// Reads and checks a configuration, from a path or a URL; the storage settings are for a URL.
    ///
    /// # Errors
    /// When it is not there or has mistakes: all of them are reported at once.
    pub async fn read(place: &str, storage: &StorageSettings) -> Result<Self, ConfigError> {
        let missing = |reason: String| ConfigError::Missing { path: redacted(place), reason };
        if !place.contains("://") {
            let text = std::fs::read_to_string(place).map_err(|error| missing(error.to_string()))?;
            let folder = Path::new(place).parent().unwrap_or(Path::new(""));
            return Self::parse(&text, place, &folder.display().to_string());
        }
        // Whoever names the configuration allows it.
        let policy =
            Policy::listed(&[without_query(place).to_owned()], "").map_err(|mistakes| missing(mistakes.join(", ")))?;
        let location = policy.location(place).map_err(|refusal| missing(refusal.to_string()))?;
        let text = match &location {
            Location::File(path) => std::fs::read_to_string(path).map_err(|error| missing(error.to_string()))?,
            Location::Object(object) => {
                let text = Storage::new(storage.clone(), policy).text(object).await;
                text.map_err(|error| missing(error.to_string()))?
            }
        };
        Self::parse(&text, &location.to_string(), &location.folder())
    }

    /// Checks the text of a configuration; `folder` is what its paths are relative to: a path or a URL.
    ///
    /// # Errors
    /// When it has mistakes: all of them are reported at once.
    pub fn parse(text: &str, shown: &str, folder: &str) -> Result<Self, ConfigError> {
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
        let overlays = file.remove("overlays");
        let allow = storage(file.remove("storage"), &mut mistakes);
        mistakes.extend(
            file.keys().map(|key| {
                format!("{key}: there is no such key; there are [storage], [layers.NAME] and [overlays.NAME]")
            }),
        );
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
        let overlays = overlays_of(overlays, &layers, &mut mistakes);
        let policy = match allow {
            Some(entries) => Policy::listed(&entries, folder),
            None => Ok(Policy::of_sources(layers.values().map(|layer: &LayerConfig| layer.source.as_str()))),
        };
        let policy = policy.unwrap_or_else(|wrong| {
            mistakes.extend(wrong);
            Policy::default()
        });
        if mistakes.is_empty() {
            Ok(Self { layers, overlays, policy })
        } else {
            Err(ConfigError::Mistakes { path: shown.to_owned(), mistakes })
        }
    }
}

fn overlays_of(
    section: Option<toml::Value>, layers: &IndexMap<String, LayerConfig>, mistakes: &mut Vec<String>,
) -> IndexMap<String, OverlayConfig> {
    let known: Vec<&String> = layers.keys().collect();
    let mut overlays = IndexMap::new();
    let declared = match section {
        None => return overlays,
        Some(toml::Value::Table(declared)) => declared,
        Some(_) => {
            mistakes.push("overlays: it must be a table".to_owned());
            return overlays;
        }
    };
    for (name, value) in declared {
        let mut check = Check { key: format!("overlays.{name}"), mistakes: &mut *mistakes };
        check.name(&name);
        match value {
            toml::Value::Table(table) => {
                let overlay = check.overlay(table, &known);
                overlays.insert(name, overlay);
            }
            _ => check.mistakes.push(format!("overlays.{name}: it must be a table, [overlays.{name}]")),
        }
    }
    overlays
}

fn without_query(place: &str) -> &str {
    place.split('?').next().unwrap_or_default()
}

/// The allow-list, if there is one.
fn storage(section: Option<toml::Value>, mistakes: &mut Vec<String>) -> Option<Vec<String>> {
    let toml::Value::Table(mut table) = section? else {
        mistakes.push("storage: it must be a table, [storage]".to_owned());
        return None;
    };
    let allow = table.remove("allow");
    mistakes.extend(table.keys().map(|key| format!("storage.{key}: there is no such key; storage has allow")));
    let entries = allow?.try_into().ok();
    if entries.is_none() {
        mistakes.push("storage.allow: it must be a list of texts, for example [\"s3://bucket/folder/\"]".to_owned());
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn parse(text: &str) -> Result<LayersFile, ConfigError> {
        LayersFile::parse(text, "cogwheel.toml", "/maps")
    }

    #[test]
    fn paths_are_relative_to_the_configuration() {
        let file = parse("[layers.b]\nsource = 'x/b.tif'\n[layers.a]\nsource = '/abs/a.tif'\nnodata = 'nan'").unwrap();
        assert_eq!(file.layers["b"].source, "/maps/x/b.tif");
        assert_eq!(file.layers["a"].source, "/abs/a.tif");
        assert!(file.layers["a"].nodata.unwrap().is_nan());
        assert_eq!(file.layers.keys().collect::<Vec<_>>(), ["b", "a"], "the order of the file");
    }

    #[test]
    fn names_in_a_bucket_are_relative_to_it_and_absolute_ones_stay() {
        let text = "[layers.a]\nsource = 'x/a.tif'\n[layers.b]\nsource = 'gs://other/b.tif'";
        let file = LayersFile::parse(text, "it", "s3://maps/config").unwrap();
        assert_eq!(file.layers["a"].source, "s3://maps/config/x/a.tif");
        assert_eq!(file.layers["b"].source, "gs://other/b.tif");
    }

    #[test]
    fn what_may_be_opened_is_what_is_listed_or_else_what_the_layers_need() {
        let layers = "[layers.a]\nsource = 'x/a.tif'\nrequester_pays = true";
        let derived = parse(layers).unwrap();
        assert!(derived.policy.location("/maps/x/b.tif").is_ok() && derived.policy.location("/maps/b.tif").is_err());
        assert!(derived.layers["a"].access.requester_pays && !derived.layers["a"].access.sidecars);
        let listed = parse(&format!("[storage]\nallow = ['file:y/', 's3://maps/']\n{layers}")).unwrap();
        assert!(listed.policy.location("/maps/y/b.tif").is_ok() && listed.policy.location("/maps/x/b.tif").is_err());
        let wrong = parse(&format!("[storage]\nallow = ['ftp://x/']\ndeny = []\n{layers}")).unwrap_err().to_string();
        assert!(wrong.contains("storage.allow[0]") && wrong.contains("storage.deny"), "{wrong}");
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

    #[tokio::test]
    async fn without_a_file_the_error_says_how_to_write_one() {
        let message =
            LayersFile::read("/nowhere/cogwheel.toml", &StorageSettings::default()).await.unwrap_err().to_string();
        assert!(message.contains("/nowhere/cogwheel.toml") && message.contains("[layers.elevation]"), "{message}");
    }
}
