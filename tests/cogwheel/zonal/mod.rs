//! Analyses of rasters under shapes, seen from outside: what is asked, what is answered, and what other tools say.

mod answers;
mod burns;
mod chunks;
mod cli;
mod crosstabs;
mod load;
mod oracle;
mod overlays;
mod pieces;
mod refusals;
mod regions;
mod samples;
mod shapes;

use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Maps, fixtures};

/// `tests/fixtures/zonal/expected.json`, made by `make.py` beside it.
pub fn expected() -> &'static Value {
    static EXPECTED: OnceLock<Value> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        serde_json::from_slice(&std::fs::read(fixtures().join("zonal/expected.json")).unwrap()).unwrap()
    })
}

/// One of its lists, as something of a type.
pub fn listed<T: for<'a> Deserialize<'a>>(name: &str) -> Vec<T> {
    serde_json::from_value(expected()[name].clone()).unwrap()
}

/// A closed ring as a polygon.
pub fn polygon(ring: &[[f64; 2]]) -> Value {
    let closed: Vec<[f64; 2]> = ring.iter().chain(ring.first()).copied().collect();
    json!({ "type": "Polygon", "coordinates": [closed] })
}

/// A rectangle of degrees.
pub fn rectangle([west, south, east, north]: [f64; 4]) -> Value {
    polygon(&[[west, south], [east, south], [east, north], [west, north]])
}

/// Of a POST that succeeds.
pub fn ask(maps: &Maps, path: &str, body: &Value) -> Value {
    maps.post(path, body).json()
}

/// An answer without how it came about: chunks and bytes may differ where results may not.
pub fn result(mut answer: Value) -> Value {
    for member in ["plan", "grid"] {
        answer.as_object_mut().unwrap().remove(member);
    }
    answer
}

/// A number, or nothing for null.
pub fn number(value: &Value) -> Option<f64> {
    assert!(value.is_null() || value.is_number(), "{value} is no number");
    value.as_f64()
}

/// Whether two numbers are the same but for a share, or both are nothing.
pub fn is_close(ours: Option<f64>, theirs: Option<f64>, share: f64) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs() <= share * theirs.abs().max(1e-9),
        (ours, theirs) => ours == theirs,
    }
}
