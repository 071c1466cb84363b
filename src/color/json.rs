//! Colormaps as JSON: rio-tiler's two forms, and linear ramps.
//!
//! | JSON | colormap |
//! | --- | --- |
//! | `{"1": "#ff0000", "2": [0, 0, 255, 128]}` | [`Colormap::Discrete`] |
//! | an object with exactly the keys 0..=255 | [`Colormap::Lut`] |
//! | `[[[0, 10], "#ff0000"], [[10, null], "#0000ff"]]` | [`Colormap::Intervals`]; null is an open end |
//! | `[[0, "#ff0000"], [10.5, "#0000ff"]]` | [`Colormap::Ramp`] |
//!
//! The layers' `colormap` in the configuration is read here too.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use serde_json::{Map, Value, json};

use super::rgba::{self, ColorError, Rgba, excerpt};
use super::{Colormap, Interval, Stop};

/// The most classes of an object: as many as a 16-bit raster has values.
pub const MAX_CLASSES: usize = 65_536;

/// The most intervals or stops of a list: a legend of more can't be read, and each pixel searches them.
pub const MAX_STEPS: usize = 1_024;

/// Why a JSON value is not a colormap.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ColormapError {
    /// Neither an object nor a list.
    #[error(
        "`{found}` is not a colormap: write {{\"value\": colour, ...}}, [[[min, max], colour], ...] or [[value, colour], ...]"
    )]
    Type {
        /// The value, shortened.
        found: String,
    },
    /// No entries.
    #[error("the colormap is empty")]
    Empty,
    /// More than [`MAX_CLASSES`] or [`MAX_STEPS`] entries.
    #[error("the colormap has {count} entries, the limit is {limit}")]
    TooMany {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A key of an object that isn't an integer.
    #[error("key `{key}` is not a whole number")]
    Key {
        /// The key, shortened.
        key: String,
    },
    /// A value that two keys name, such as `1` and `01`.
    #[error("key `{key}`: the value {value} has a colour already")]
    Repeated {
        /// The later key, shortened.
        key: String,
        /// What both stand for.
        value: i64,
    },
    /// A colour that can't be read.
    #[error("{place}: {problem}")]
    Color {
        /// Whose colour it is.
        place: Place,
        /// What is wrong with it.
        problem: ColorError,
    },
    /// An entry of a list that is of neither form, or of another form than the first.
    #[error("index {index}: `{found}` is not {expected}")]
    Entry {
        /// Which entry, from 0.
        index: usize,
        /// What it should be.
        expected: &'static str,
        /// The entry, shortened.
        found: String,
    },
    /// An interval that holds nothing.
    #[error("index {index}: the minimum {min} is not below the maximum {max}")]
    Range {
        /// Which interval, from 0.
        index: usize,
        /// Its minimum.
        min: f64,
        /// Its maximum.
        max: f64,
    },
    /// A stop that isn't above the one before it.
    #[error("index {index}: the value {value} is not above {previous}, the one before it")]
    Order {
        /// Which stop, from 0.
        index: usize,
        /// Its value.
        value: f64,
        /// The value of the stop before it.
        previous: f64,
    },
    /// A ramp that leads nowhere.
    #[error("a ramp needs at least 2 stops")]
    LoneStop,
}

/// Where in a colormap a colour is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Under this key of an object, shortened.
    Key(String),
    /// At this index of a list, from 0.
    Index(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "key `{key}`"),
            Self::Index(index) => write!(f, "index {index}"),
        }
    }
}

impl Colormap {
    /// Reads a map from JSON, in one of the forms at the top of this file.
    ///
    /// # Errors
    ///
    /// Says which key or index is wrong, and how.
    pub fn from_json(value: &Value) -> Result<Self, ColormapError> {
        match value {
            Value::Object(entries) => classes(entries),
            Value::Array(entries) => steps(entries),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Err(ColormapError::Type { found: excerpt(&value.to_string()) })
            }
        }
    }

    /// Writes the map as JSON; [`Colormap::from_json`] reads the same map back, if it could have written it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Lut(colors) => {
                colors.iter().enumerate().map(|(value, color)| (value.to_string(), json!(color))).collect()
            }
            Self::Discrete(classes) => classes.iter().map(|(value, color)| (value.to_string(), json!(color))).collect(),
            // An infinite number becomes null, which is how an open end is written.
            Self::Intervals(intervals) => {
                intervals.iter().map(|step| json!([[step.min, step.max], step.color])).collect()
            }
            Self::Ramp(stops) => stops.iter().map(|stop| json!([stop.value, stop.color])).collect(),
        }
    }
}

fn classes(entries: &Map<String, Value>) -> Result<Colormap, ColormapError> {
    check_count(entries.len(), MAX_CLASSES)?;
    let mut classes = BTreeMap::new();
    for (key, color) in entries {
        let value: i64 = key.trim().parse().map_err(|_| ColormapError::Key { key: excerpt(key) })?;
        let color = color_at(color, || Place::Key(excerpt(key)))?;
        match classes.entry(value) {
            Entry::Vacant(class) => class.insert(color),
            Entry::Occupied(_) => {
                return Err(ColormapError::Repeated { key: excerpt(key), value });
            }
        };
    }
    if !classes.keys().copied().eq(0..=255) {
        return Ok(Colormap::Discrete(classes));
    }
    let mut colors = Box::new([rgba::TRANSPARENT; 256]);
    for (slot, color) in colors.iter_mut().zip(classes.into_values()) {
        *slot = color;
    }
    Ok(Colormap::Lut(colors))
}

/// A list is of intervals when its first entry is one, otherwise of stops.
fn steps(entries: &[Value]) -> Result<Colormap, ColormapError> {
    check_count(entries.len(), MAX_STEPS)?;
    let of_intervals = matches!(pair(&entries[0]), Some((Value::Array(_), _)));
    let entries = entries.iter().enumerate();
    if of_intervals {
        Ok(Colormap::Intervals(entries.map(|(index, entry)| interval(index, entry)).collect::<Result<_, _>>()?))
    } else {
        ramp(entries.map(|(index, entry)| stop(index, entry)).collect::<Result<_, _>>()?)
    }
}

fn interval(index: usize, entry: &Value) -> Result<Interval, ColormapError> {
    let expected = "[[min, max], colour] with numbers or null";
    let parts = pair(entry).and_then(|(range, color)| {
        let (min, max) = pair(range)?;
        Some((end(min, f64::NEG_INFINITY)?, end(max, f64::INFINITY)?, color))
    });
    let (min, max, color) =
        parts.ok_or_else(|| ColormapError::Entry { index, expected, found: excerpt(&entry.to_string()) })?;
    if min >= max {
        return Err(ColormapError::Range { index, min, max });
    }
    Ok(Interval { min, max, color: color_at(color, || Place::Index(index))? })
}

fn stop(index: usize, entry: &Value) -> Result<Stop, ColormapError> {
    let expected = if index == 0 { "[value, colour] or [[min, max], colour]" } else { "[value, colour]" };
    let parts = pair(entry).and_then(|(value, color)| Some((value.as_f64()?, color)));
    let (value, color) =
        parts.ok_or_else(|| ColormapError::Entry { index, expected, found: excerpt(&entry.to_string()) })?;
    Ok(Stop { value, color: color_at(color, || Place::Index(index))? })
}

fn ramp(stops: Vec<Stop>) -> Result<Colormap, ColormapError> {
    if stops.len() < 2 {
        return Err(ColormapError::LoneStop);
    }
    for (index, stop) in stops.iter().enumerate().skip(1) {
        let (value, previous) = (stop.value, stops[index - 1].value);
        if value <= previous {
            return Err(ColormapError::Order { index, value, previous });
        }
    }
    Ok(Colormap::Ramp(stops))
}

fn check_count(count: usize, limit: usize) -> Result<(), ColormapError> {
    match count {
        0 => Err(ColormapError::Empty),
        _ if count > limit => Err(ColormapError::TooMany { count, limit }),
        _ => Ok(()),
    }
}

fn color_at(value: &Value, place: impl Fn() -> Place) -> Result<Rgba, ColormapError> {
    rgba::parse(value).map_err(|problem| ColormapError::Color { place: place(), problem })
}

fn pair(value: &Value) -> Option<(&Value, &Value)> {
    match value.as_array()?.as_slice() {
        [first, second] => Some((first, second)),
        _ => None,
    }
}

/// One end of an interval, null for none.
fn end(value: &Value, open: f64) -> Option<f64> {
    if value.is_null() { Some(open) } else { value.as_f64() }
}
