//! How often values of two layers come together, on the grid of the first.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Number;

use super::answer::{Answer, Method, cells};
use super::options::Options;
use super::reduce::{Partial, Reduction};
use super::shapes::Geometry;
use super::stats::{Tally, text};
use super::survey::{Subject, Survey};
use super::{Zonal, ZonalError};
use crate::catalog::OpenLayer;

/// How a value is called that is none.
const NODATA: &str = "nodata";

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Crosstab {
    /// Cells in which both layers have data.
    pub total: Number,
    /// By value of the first layer, then by value of the second; `nodata` where one has none.
    pub counts: IndexMap<String, IndexMap<String, Number>>,
    /// How it came about.
    #[serde(flatten)]
    pub method: Method,
}

impl Zonal {
    /// Counts the cells of a layer under areas by pairs of values, the second that of another layer there. `bidx` names
    /// the two bands.
    ///
    /// # Errors
    /// When any of it can't be read, or there are too many pairs.
    pub async fn crosstab(
        &self, layers: [&Arc<OpenLayer>; 2], geometry: Geometry, options: &Options,
    ) -> Result<Answer<Crosstab>, ZonalError> {
        let bands = options.one_band_each(&layers)?;
        let question = options.question(geometry, &layers.map(|layer| layer.id.as_str()))?;
        let subject = |(layer, band): (&Arc<OpenLayer>, usize)| Subject { layer: Arc::clone(layer), bands: vec![band] };
        let survey = self.survey(layers.into_iter().zip(bands).map(subject).collect(), None, question).await?;
        if options.flag("plan")? {
            return Ok(Answer::Plan(Method::of(&survey)));
        }
        self.crosstab_of(&survey).await.map(Answer::Done)
    }

    async fn crosstab_of(&self, survey: &Survey) -> Result<Crosstab, ZonalError> {
        let reduction = Reduction::Pairs { limit: self.limits.values() };
        let Partial::Pairs(pairs) = self.reduce(survey, &reduction).await? else {
            return Err(ZonalError::foreign());
        };
        let mut counts: IndexMap<String, IndexMap<String, Number>> = IndexMap::new();
        let mut total = Tally::default();
        for ([a, b], tally) in pairs.sorted() {
            let [left, right] = [(a, pairs.dtypes()[0]), (b, pairs.dtypes()[1])]
                .map(|(key, dtype)| key.map_or_else(|| NODATA.to_owned(), |key| text(dtype, key)));
            counts.entry(left).or_default().insert(right, cells(survey.rule, tally));
            if a.is_some() && b.is_some() {
                total += tally;
            }
        }
        Ok(Crosstab { total: cells(survey.rule, total), counts, method: Method::of(survey) })
    }
}
