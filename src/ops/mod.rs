//! What becomes of single values, whatever raster they are from: no I/O.

mod rules;

pub use rules::{BadRules, Rules, Table, Values};
