//! Options of an analysis by name, as text: from a query, from members of a body, from a command line.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::shapes::{self, Geometry, Polygon, ShapeError};
use super::survey::{Modification, Overview, Question};
use super::{CellRule, ZonalError};
use crate::catalog::OpenLayer;
use crate::parameter::BadParameter;

/// Options by name. Those that were named win over members of a body.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pairs: Vec<(String, String)>,
    members: Map<String, Value>,
}

/// The members of an object that are no GeoJSON.
fn members(body: &[u8]) -> Map<String, Value> {
    /// Those of a geometry or a Feature are passed over.
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "type")]
        _kind: Option<IgnoredAny>,
        #[serde(rename = "coordinates")]
        _coordinates: Option<IgnoredAny>,
        #[serde(rename = "geometries")]
        _geometries: Option<IgnoredAny>,
        #[serde(rename = "geometry")]
        _geometry: Option<IgnoredAny>,
        #[serde(rename = "properties")]
        _properties: Option<IgnoredAny>,
        #[serde(rename = "bbox")]
        _bbox: Option<IgnoredAny>,
        #[serde(flatten)]
        others: Map<String, Value>,
    }
    serde_json::from_slice::<Body>(body).map(|body| body.others).unwrap_or_default()
}

impl Options {
    /// Of names and values, and of the members of a body that are no GeoJSON.
    #[must_use]
    pub fn new(pairs: Vec<(String, String)>, body: &[u8]) -> Self {
        Self { pairs, members: members(body) }
    }

    /// All values of an option: repeated in the query, or a list in the body.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let asked: Vec<String> =
            self.pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect();
        match self.members.get(name) {
            Some(Value::Array(values)) if asked.is_empty() => values.iter().map(text).collect(),
            Some(value) if asked.is_empty() && !value.is_null() => vec![text(value)],
            _ => asked,
        }
    }

    /// The value under a name of somebody's choice, of which `kind` says what it is.
    pub(super) fn named(&self, kind: &'static str, name: &str) -> Result<Option<String>, ZonalError> {
        let mut all = self.all(name);
        match all.len() {
            0 | 1 => Ok(all.pop()),
            count => Err(bad(kind, format!("{name} is given {count} times; once is enough"))),
        }
    }

    /// The value of an option that is given at most once; a list is written with commas.
    pub(super) fn one(&self, name: &'static str) -> Result<Option<String>, ZonalError> {
        let mut all = self.all(name);
        match (self.members.get(name), all.len()) {
            (_, 0 | 1) => Ok(all.pop()),
            (Some(Value::Array(_)), _) if self.pairs.iter().all(|(key, _)| key != name) => Ok(Some(all.join(","))),
            (_, count) => Err(bad(name, format!("it is given {count} times; once is enough"))),
        }
    }

    /// A value of any type that is read from text.
    pub(super) fn parsed<T: FromStr<Err: Display>>(&self, name: &'static str) -> Result<Option<T>, ZonalError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|error| bad(name, error))
    }

    /// Whether something is to be done.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, ZonalError> {
        match self.one(name)?.as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("" | "true" | "1") => Ok(true),
            Some(other) => Err(bad(name, format!("\"{other}\" is neither true nor false"))),
        }
    }

    /// Several numbers: repeated, or with commas between.
    pub(super) fn numbers(&self, name: &'static str) -> Result<Vec<f64>, ZonalError> {
        let all = self.all(name);
        let number = |text: &str| {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| bad(name, format!("\"{text}\" is no number")))
        };
        all.iter().flat_map(|text| text.split(',')).map(number).collect()
    }

    /// The bands to look at (`bidx`), all that hold data when none are named.
    pub(super) fn bands(&self, layer: &OpenLayer) -> Result<Vec<usize>, ZonalError> {
        let bands =
            self.numbers("bidx")?.into_iter().map(|number| band_of(layer, number)).collect::<Result<Vec<_>, _>>()?;
        Ok(if bands.is_empty() { layer.profile().data_bands().collect() } else { bands })
    }

    /// The one band to look at: the first when none is named.
    pub(super) fn band(&self, layer: &OpenLayer) -> Result<usize, ZonalError> {
        match (self.numbers("bidx")?.len(), self.bands(layer)?.first()) {
            (0 | 1, Some(band)) => Ok(*band),
            (0, None) => Err(bad("bidx", "the layer has no band that holds data")),
            (count, _) => Err(bad("bidx", format!("{count} bands are named; this takes one"))),
        }
    }

    /// One band of each of several layers: the first of each when none are named.
    pub(super) fn one_band_each(&self, layers: &[&Arc<OpenLayer>]) -> Result<Vec<usize>, ZonalError> {
        let named = self.numbers("bidx")?;
        if !named.is_empty() && named.len() != layers.len() {
            let reason = format!("{} bands are named for {} layers", named.len(), layers.len());
            return Err(bad("bidx", reason));
        }
        let band = |(index, layer): (usize, &&Arc<OpenLayer>)| match named.get(index) {
            Some(number) => band_of(layer, *number),
            None => {
                layer.profile().data_bands().next().ok_or_else(|| bad("bidx", "a layer has no band that holds data"))
            }
        };
        layers.iter().enumerate().map(band).collect()
    }

    /// Where and how; `names` are the layers that modifications may name, the first of them when they name none.
    pub(super) fn question(&self, geometry: Geometry, names: &[&str]) -> Result<Question, ZonalError> {
        Ok(Question {
            polygons: geometry.into_areas()?,
            rule: self.parsed::<CellRule>("cell_rule")?.unwrap_or_default(),
            overview: self.parsed::<Overview>("overview")?.unwrap_or_default(),
            modifications: self.modifications(names)?,
        })
    }

    fn modifications(&self, names: &[&str]) -> Result<Vec<Modification>, ZonalError> {
        let wrong = |index: usize, reason: &str| bad("modifications", format!("[{index}]: {reason}"));
        let list = match self.members.get("modifications") {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(bad("modifications", "it is a list of {\"geometry\", \"value\"}")),
        };
        let modification = |(index, each): (usize, &Value)| {
            let value =
                each.get("value").and_then(Value::as_f64).ok_or_else(|| wrong(index, "its value is no number"))?;
            let subject = match each.get("layer").map(Value::as_str) {
                None => 0,
                Some(name) => names
                    .iter()
                    .position(|known| Some(*known) == name)
                    .ok_or_else(|| wrong(index, &format!("its layer is none of {}", names.join(", "))))?,
            };
            let geometry = each.get("geometry").ok_or_else(|| wrong(index, "it has no geometry"))?;
            let polygons = polygons(geometry).map_err(|source| wrong_shape(index, source))?;
            Ok(Modification { subject, polygons, value })
        };
        list.iter().enumerate().map(modification).collect()
    }
}

fn band_of(layer: &OpenLayer, number: f64) -> Result<usize, ZonalError> {
    let count = layer.profile().bands.len();
    let index = (1..=count).find(|band| u32::try_from(*band).is_ok_and(|band| f64::from(band) == number));
    index.ok_or_else(|| bad("bidx", format!("there is no band {number}: the layer has {count}, counted from 1")))
}

fn polygons(geometry: &Value) -> Result<Vec<Polygon>, ShapeError> {
    if geometry.is_null() {
        return Err(ShapeError::Empty);
    }
    shapes::parse(geometry.to_string().as_bytes())?.into_areas()
}

fn wrong_shape(index: usize, source: ShapeError) -> ShapeError {
    ShapeError::InModification { index, source: Box::new(source) }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A wrong option.
pub(super) fn bad(parameter: &'static str, reason: impl Display) -> ZonalError {
    BadParameter { parameter, reason: reason.to_string() }.into()
}
