//! `[overlays.NAME]`: weighted sums of reclassified layers.

use indexmap::IndexMap;

use super::check::Check;
use crate::color::Colormap;
use crate::ops::Rules;

/// The keys of an overlay and of a layer in it, for the message about one that is not among them.
const FIELDS: &str = "title, description, attribution, colormap, colormap_name, rescale and layers";
const LAYER_FIELDS: &str = "weight, scores and bidx";

/// The most layers of an overlay.
pub const MAX_LAYERS: usize = 16;

/// An overlay, checked.
#[derive(Debug, Clone)]
pub struct OverlayConfig {
    /// For people.
    pub title: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Who made the data, and its licence.
    pub attribution: Option<String>,
    /// Colours of scores.
    pub colormap: Option<Colormap>,
    /// The name of `colormap`, when it has one.
    pub colormap_name: Option<String>,
    /// The range of scores that the colours span.
    pub rescale: Option<[f64; 2]>,
    /// By name. The first is the one whose cells are counted.
    pub layers: IndexMap<String, OverlayLayer>,
}

/// What a layer adds.
#[derive(Debug, Clone, PartialEq)]
pub struct OverlayLayer {
    /// What its scores are multiplied by.
    pub weight: f64,
    /// Scores by value.
    pub scores: Rules,
    /// From 1.
    pub bidx: usize,
}

impl Check<'_> {
    /// The overlay as far as it is right; what is not has become a mistake.
    pub fn overlay(&mut self, mut table: toml::Table, known: &[&String]) -> OverlayConfig {
        let table = &mut table;
        let colors = self.colors(table);
        let ranges = self.rescale(table);
        if ranges.as_ref().is_some_and(|ranges| ranges.len() != 1) {
            self.mistake("rescale", "scores have one range; give [[min, max]]");
        }
        let overlay = OverlayConfig {
            title: self.take(table, "title"),
            description: self.take(table, "description"),
            attribution: self.take(table, "attribution"),
            colormap: colors.colormap,
            colormap_name: colors.colormap_name,
            rescale: ranges.and_then(|ranges| ranges.first().copied()),
            layers: self.overlay_layers(table, known),
        };
        for unknown in table.keys() {
            self.mistake(unknown, format!("there is no such key; an overlay has {FIELDS}"));
        }
        overlay
    }

    fn overlay_layers(&mut self, table: &mut toml::Table, known: &[&String]) -> IndexMap<String, OverlayLayer> {
        let tables: IndexMap<String, toml::Table> = self.take(table, "layers").unwrap_or_default();
        if tables.is_empty() || tables.len() > MAX_LAYERS {
            let name = self.key.clone();
            self.mistake("layers", format!("it takes 1 to {MAX_LAYERS} layers; write [{name}.layers.LAYER]"));
        }
        let mut layers = IndexMap::new();
        for (name, mut table) in tables {
            if !known.contains(&&name) {
                self.mistake(&format!("layers.{name}"), format!("there is no layer \"{name}\""));
            }
            let mut check = Check { key: format!("{}.layers.{name}", self.key), mistakes: self.mistakes };
            layers.insert(name, check.overlay_layer(&mut table));
        }
        layers
    }

    fn overlay_layer(&mut self, table: &mut toml::Table) -> OverlayLayer {
        let weight: f64 = self.take(table, "weight").unwrap_or(1.0);
        if !weight.is_finite() {
            self.mistake("weight", "it must be a number");
        }
        let bidx: usize = self.take(table, "bidx").unwrap_or(1);
        if bidx == 0 {
            self.mistake("bidx", "bands count from 1");
        }
        if !table.contains_key("scores") {
            self.mistake("scores", "it is missing; give scores by value, such as \"21:24=10,41:43=1\"");
        }
        let scores = self.parsed(table, "scores", str::parse).unwrap_or_default();
        for unknown in table.keys() {
            self.mistake(unknown, format!("there is no such key; a layer of an overlay has {LAYER_FIELDS}"));
        }
        OverlayLayer { weight, scores, bidx }
    }
}
