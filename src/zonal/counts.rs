//! How many cells of each value are under a shape, and how much ground they cover.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Number;

use super::answer::{Answer, Method, cells};
use super::options::Options;
use super::reduce::{Partial, Reduction};
use super::shapes::Geometry;
use super::stats::Tally;
use super::survey::{Subject, Survey};
use super::{Zonal, ZonalError};
use crate::catalog::OpenLayer;

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Counts {
    /// Cells with data.
    pub total: Number,
    /// By value, in ascending order.
    pub counts: IndexMap<String, Number>,
    /// Ground by value, in square metres on the WGS 84 ellipsoid.
    pub areas_m2: IndexMap<String, f64>,
    /// Names of the values that have one.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub classes: IndexMap<String, String>,
    /// Cells without data.
    pub nodata: Number,
    /// How it came about.
    #[serde(flatten)]
    pub method: Method,
}

impl Zonal {
    /// Counts the cells of a band under areas by value.
    ///
    /// # Errors
    /// When any of it can't be read, or there are too many values.
    pub async fn counts(
        &self, layer: &Arc<OpenLayer>, geometry: Geometry, options: &Options,
    ) -> Result<Answer<Counts>, ZonalError> {
        let subject = Subject { layer: Arc::clone(layer), bands: vec![options.band(layer)?] };
        let question = options.question(geometry, &[&layer.id])?;
        let survey = self.survey(vec![subject], None, question).await?;
        if options.flag("plan")? {
            return Ok(Answer::Plan(Method::of(&survey)));
        }
        self.counts_of(&survey).await.map(Answer::Done)
    }

    /// Counts the cells of a survey by value.
    pub(super) async fn counts_of(&self, survey: &Survey) -> Result<Counts, ZonalError> {
        let reduction = Reduction::Counts { limit: self.limits.values() };
        let merged = self.reduce(survey, &reduction).await?;
        let Partial::Counts { counts, ground } = merged else { return Err(ZonalError::foreign()) };
        let areas = survey.grid.areas()?;
        let entries = counts.values();
        let on_ground: HashMap<u64, f64> = ground.cells().collect();
        let area = |key: &u64, tally: &Tally| {
            let cells = if areas.are_equal() { tally.area() } else { on_ground.get(key).copied().unwrap_or(0.0) };
            cells * areas.reference_m2()
        };
        let names = survey.class_names();
        let name = |text: &String| Some((text.clone(), names?.get(&text.parse().ok()?)?.clone()));
        let mut total = Tally::default();
        for (_, _, tally) in &entries {
            total += *tally;
        }
        Ok(Counts {
            total: cells(survey.rule, total),
            counts: entries.iter().map(|(_, text, tally)| (text.clone(), cells(survey.rule, *tally))).collect(),
            areas_m2: entries.iter().map(|(key, text, tally)| (text.clone(), area(key, tally))).collect(),
            classes: entries.iter().filter_map(|(_, text, _)| name(text)).collect(),
            nodata: cells(survey.rule, counts.nodata()),
            method: Method::of(survey),
        })
    }
}
