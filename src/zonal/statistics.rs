//! Statistics of the cells under a shape, band by band, under `TiTiler`'s names.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Serialize;

use super::answer::{Answer, Method};
use super::options::{Options, bad};
use super::reduce::{Partial, Reduction};
use super::shapes::Geometry;
use super::stats::{BandStatistics, Bins, HistogramError, StatisticsOptions, StatisticsPartial};
use super::survey::{Subject, Survey};
use super::{CellRule, Zonal, ZonalError};
use crate::catalog::OpenLayer;
use crate::raster::DataType;

/// The most percentiles that one request may ask for.
const MAX_PERCENTILES: usize = 100;

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Statistics {
    /// By band: `b1`, `b2`.
    pub statistics: IndexMap<String, BandStatistics>,
    /// How it came about.
    #[serde(flatten)]
    pub method: Method,
}

impl Zonal {
    /// Statistics of bands under areas.
    ///
    /// # Errors
    /// When any of it can't be read, or the options make no histogram.
    pub async fn statistics(
        &self, layer: &Arc<OpenLayer>, geometry: Geometry, options: &Options,
    ) -> Result<Answer<Statistics>, ZonalError> {
        let bands = options.bands(layer)?;
        let question = options.question(geometry, &[&layer.id])?;
        let wanted = wanted(options, question.rule)?;
        let band = |band: &usize| (format!("b{band}"), layer.profile().bands[band - 1].dtype);
        let named: Vec<_> = bands.iter().map(band).collect();
        let survey = self.survey(vec![Subject { layer: Arc::clone(layer), bands }], None, question).await?;
        if options.flag("plan")? {
            return Ok(Answer::Plan(Method::of(&survey)));
        }
        self.statistics_of(&survey, &named, &wanted).await.map(Answer::Done)
    }

    /// Statistics of the bands of a survey, which have these names and types.
    pub(super) async fn statistics_of(
        &self, survey: &Survey, bands: &[(String, DataType)], options: &StatisticsOptions,
    ) -> Result<Statistics, ZonalError> {
        let wanted =
            bands.iter().map(|(_, dtype)| options.wanted(*dtype)).collect::<Result<_, _>>().map_err(bad_bins)?;
        let mut merged = self.bands_of(survey, &Reduction::Statistics { wanted }).await?;
        // Between which values the bins lie is known only now.
        let second: Vec<_> = merged.bands.iter().map(|band| band.second_pass(options)).collect();
        if second.iter().any(Option::is_some) {
            let wanted = second.iter().map(|wanted| wanted.clone().unwrap_or_default()).collect();
            let histograms = self.bands_of(survey, &Reduction::Statistics { wanted }).await?;
            for ((band, histogram), wanted) in merged.bands.iter_mut().zip(histograms.bands).zip(second) {
                if wanted.is_some() {
                    band.set_histogram(histogram);
                }
            }
        }
        let names = bands.iter().map(|(name, _)| name.clone());
        Ok(Statistics { statistics: names.zip(merged.finish(options)).collect(), method: Method::of(survey) })
    }

    async fn bands_of(&self, survey: &Survey, reduction: &Reduction) -> Result<StatisticsPartial, ZonalError> {
        match self.reduce(survey, reduction).await? {
            Partial::Statistics(partial) => Ok(partial),
            _ => Err(ZonalError::foreign()),
        }
    }
}

/// `TiTiler`'s names.
pub(super) fn wanted(options: &Options, rule: CellRule) -> Result<StatisticsOptions, ZonalError> {
    let percentiles = options.numbers("p")?;
    if percentiles.len() > MAX_PERCENTILES || percentiles.iter().any(|p| !(0.0..=100.0).contains(p)) {
        return Err(bad("p", format!("it takes up to {MAX_PERCENTILES} numbers from 0 to 100")));
    }
    let bins = match options.numbers("histogram_bins")?.as_slice() {
        [] => Bins::Count(10),
        [_] => Bins::Count(options.parsed("histogram_bins")?.unwrap_or(10)),
        edges => Bins::Edges(edges.to_vec()),
    };
    let range = match options.numbers("histogram_range")?.as_slice() {
        [] => None,
        [low, high] => Some([*low, *high]),
        _ => return Err(bad("histogram_range", "it is two numbers, min,max")),
    };
    let defaults = StatisticsOptions::default();
    Ok(StatisticsOptions {
        rule,
        percentiles: if percentiles.is_empty() { defaults.percentiles } else { percentiles },
        categorical: options.flag("categorical")?,
        categories: options.numbers("c")?,
        bins,
        range,
    })
}

fn bad_bins(error: HistogramError) -> ZonalError {
    match error {
        HistogramError::Range { .. } => bad("histogram_range", error),
        HistogramError::BinCount { .. } | HistogramError::Edge { .. } | HistogramError::TooNarrow { .. } => {
            bad("histogram_bins", error)
        }
    }
}
