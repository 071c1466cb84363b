//! Weighted overlays: each layer's values become scores, and a cell has the sum of its scores times their weights.
//!
//! A cell has no data where one of the layers has none there.

use std::sync::Arc;

use super::answer::{Answer, Method};
use super::counts::Counts;
use super::options::{Options, bad};
use super::scores::Scoring;
use super::shapes::Geometry;
use super::statistics::{self, Statistics};
use super::survey::{Subject, Survey};
use super::{Zonal, ZonalError};
use crate::catalog::OpenLayer;
use crate::config::OverlayConfig;
use crate::raster::DataType;

/// What the one band of an overlay is called.
const BAND: &str = "score";

/// An overlay of open layers, as asked for.
#[derive(Clone)]
pub struct Overlay {
    /// Its layers; cells are counted on the grid of the first.
    pub layers: Vec<Arc<OpenLayer>>,
    /// The band of each, from 1.
    pub bands: Vec<usize>,
    /// What each adds.
    pub scoring: Vec<Scoring>,
}

impl Overlay {
    /// The configured overlay, with the weights (`w.LAYER`) and scores (`LAYER`) that are asked for in their place.
    ///
    /// # Errors
    /// When an option is wrong, or a band is not there.
    pub fn resolve(config: &OverlayConfig, layers: Vec<Arc<OpenLayer>>, options: &Options) -> Result<Self, ZonalError> {
        let (mut bands, mut scoring) = (Vec::new(), Vec::new());
        for ((name, own), layer) in config.layers.iter().zip(&layers) {
            if own.bidx > layer.profile().bands.len() {
                return Err(bad("bidx", format!("layer \"{name}\" has no band {}", own.bidx)));
            }
            let weight = match options.named("w", &format!("w.{name}"))? {
                None => own.weight,
                Some(text) => text
                    .parse()
                    .ok()
                    .filter(|weight: &f64| weight.is_finite())
                    .ok_or_else(|| bad("w", format!("w.{name}: \"{text}\" is no number")))?,
            };
            let rules = match options.named("scores", name)? {
                None => own.scores.clone(),
                Some(text) => text.parse().map_err(|error| bad("scores", format!("{name}: {error}")))?,
            };
            bands.push(own.bidx);
            scoring.push(Scoring { rules, weight });
        }
        let overlay = Self { layers, bands, scoring };
        let is_too_large = |score: &f64| !score.is_finite() || !DataType::F32.holds(*score);
        let have_scores = overlay.scoring.iter().map(|each| each.rules.range()).all(|[low, high]| low <= high);
        if have_scores && overlay.range().iter().any(is_too_large) {
            return Err(bad("scores", "with these weights they add up to more than a cell can hold"));
        }
        Ok(overlay)
    }

    /// The lowest and highest score that there can be.
    #[must_use]
    pub fn range(&self) -> [f64; 2] {
        let weighted = |Scoring { rules, weight }: &Scoring| {
            let [low, high] = rules.range();
            if *weight < 0.0 { [high * weight, low * weight] } else { [low * weight, high * weight] }
        };
        let sum = |[low, high]: [f64; 2], [lower, higher]: [f64; 2]| [low + lower, high + higher];
        self.scoring.iter().map(weighted).fold([0.0, 0.0], sum)
    }

    fn subjects(&self) -> Vec<Subject> {
        let subject =
            |(layer, band): (&Arc<OpenLayer>, &usize)| Subject { layer: Arc::clone(layer), bands: vec![*band] };
        self.layers.iter().zip(&self.bands).map(subject).collect()
    }
}

impl Zonal {
    /// Counts the cells under areas by score.
    ///
    /// # Errors
    /// When any of it can't be read, or there are too many scores.
    pub async fn overlay_counts(
        &self, overlay: &Overlay, geometry: Geometry, options: &Options,
    ) -> Result<Answer<Counts>, ZonalError> {
        let survey = self.overlay_survey(overlay, geometry, options).await?;
        if options.flag("plan")? {
            return Ok(Answer::Plan(Method::of(&survey)));
        }
        self.counts_of(&survey).await.map(Answer::Done)
    }

    /// Statistics of the scores under areas.
    ///
    /// # Errors
    /// When any of it can't be read, or the options make no histogram.
    pub async fn overlay_statistics(
        &self, overlay: &Overlay, geometry: Geometry, options: &Options,
    ) -> Result<Answer<Statistics>, ZonalError> {
        let survey = self.overlay_survey(overlay, geometry, options).await?;
        let wanted = statistics::wanted(options, survey.rule)?;
        if options.flag("plan")? {
            return Ok(Answer::Plan(Method::of(&survey)));
        }
        let band = [(BAND.to_owned(), DataType::F32)];
        self.statistics_of(&survey, &band, &wanted).await.map(Answer::Done)
    }

    async fn overlay_survey(
        &self, overlay: &Overlay, geometry: Geometry, options: &Options,
    ) -> Result<Survey, ZonalError> {
        let names: Vec<&str> = overlay.layers.iter().map(|layer| layer.id.as_str()).collect();
        let question = options.question(geometry, &names)?;
        self.survey(overlay.subjects(), Some(overlay.scoring.clone()), question).await
    }
}
