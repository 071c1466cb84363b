//! Where values are: connected cells, as GeoJSON features.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::answer::{Answer, Method};
use super::extract::{self, Connectivity, Drawing, Region, Regions, Selection};
use super::options::{Options, bad};
use super::reduce::{Partial, Reduction};
use super::shapes::Geometry;
use super::survey::{Subject, Survey};
use super::{CellRule, Zonal, ZonalError};
use crate::catalog::OpenLayer;
use crate::geo::CrsError;
use crate::ops::Values;

/// Regions that one job draws: some milliseconds.
const REGIONS_AT_ONCE: usize = 100;

/// The most values that one request may ask for.
const MAX_VALUES: usize = 1_000;

/// The largest `simplify`, in cells.
const MAX_SIMPLIFY: f64 = 1e6;

/// What is looked for.
struct Wanted {
    /// Each with a name of its own in the answer.
    classes: Vec<Values>,
    /// Which regions.
    selection: Selection,
    /// How they are drawn.
    drawing: Drawing,
}

/// The answer: a GeoJSON `FeatureCollection`, with members of its own.
#[derive(Debug, Serialize)]
pub struct Extraction {
    r#type: &'static str,
    features: Vec<Box<RawValue>>,
    /// How it came about.
    #[serde(flatten)]
    method: Method,
}

#[derive(Serialize)]
struct Feature {
    r#type: &'static str,
    properties: Properties,
    geometry: extract::Geometry,
}

#[derive(Serialize)]
struct Properties {
    /// The value, or the range of values.
    value: serde_json::Value,
    /// Its name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    cells: u64,
}

impl Zonal {
    /// The regions of a band under areas in which values are, dissolved across chunks: the value that is given, else those
    /// of the options.
    ///
    /// # Errors
    /// When any of it can't be read, or there is too much of it.
    pub async fn extract(
        &self, layer: &Arc<OpenLayer>, value: Option<f64>, geometry: Geometry, options: &Options,
    ) -> Result<Answer<Extraction>, ZonalError> {
        let classes = value.map_or_else(|| classes(options), |value| Ok(vec![Values::one(value)]))?;
        let wanted = Wanted { classes, selection: selection(options)?, drawing: drawing(options)? };
        let question = options.question(geometry, &[&layer.id])?;
        if question.rule == CellRule::Coverage {
            return Err(bad("cell_rule", "regions are whole cells: center or all_touched"));
        }
        let subject = Subject { layer: Arc::clone(layer), bands: vec![options.band(layer)?] };
        let survey = self.survey(vec![subject], None, question).await?;
        if options.flag("plan")? {
            return Ok(Answer::Plan(Method::of(&survey)));
        }
        self.extract_of(survey, wanted).await.map(Answer::Done)
    }

    async fn extract_of(&self, survey: Survey, wanted: Wanted) -> Result<Extraction, ZonalError> {
        let reduction = Reduction::Regions { classes: wanted.classes.clone(), selection: wanted.selection };
        let limits = extract::Limits { regions: self.limits.features, corners: self.limits.answer_bytes / 16 };
        let mut regions = Regions::new(wanted.selection, limits);
        let mut chunks = self.chunks(&survey, &reduction);
        while let Some(partial) = chunks.next().await? {
            let Partial::Regions(traced) = partial else { return Err(ZonalError::foreign()) };
            regions = self.pool.run(move || regions.add(traced).map(|()| regions)).await??;
        }
        drop(chunks);
        let regions = Arc::new(self.pool.run(move || regions.finish()).await??);
        let method = Method::of(&survey);
        let features = self.drawn(regions, Arc::new((survey, wanted))).await?;
        Ok(Extraction { r#type: "FeatureCollection", features, method })
    }

    async fn drawn(
        &self, regions: Arc<Vec<Region>>, context: Arc<(Survey, Wanted)>,
    ) -> Result<Vec<Box<RawValue>>, ZonalError> {
        let (mut features, mut bytes) = (Vec::with_capacity(regions.len()), 0);
        for start in (0..regions.len()).step_by(REGIONS_AT_ONCE) {
            let (regions, context) = (Arc::clone(&regions), Arc::clone(&context));
            let job = move || {
                let end = regions.len().min(start + REGIONS_AT_ONCE);
                regions[start..end]
                    .iter()
                    .map(|region| feature(region, &context.0, &context.1))
                    .collect::<Result<Vec<_>, _>>()
            };
            let drawn: Vec<Box<RawValue>> = self.pool.run(job).await??;
            bytes += drawn.iter().map(|feature| feature.get().len() as u64).sum::<u64>();
            if bytes > self.limits.answer_bytes {
                let advice = "ask for a smaller area, or for less detail with simplify or min_cells";
                let limit = self.limits.answer_bytes;
                return Err(ZonalError::TooLarge { what: "bytes of features", size: bytes, limit, advice });
            }
            features.extend(drawn);
        }
        Ok(features)
    }
}

fn feature(region: &Region, survey: &Survey, wanted: &Wanted) -> Result<Box<RawValue>, ZonalError> {
    let to_lon_lat = |col: &mut [f64], row: &mut [f64]| -> Result<(), CrsError> { survey.grid.to_lon_lat(col, row) };
    let geometry = extract::to_lon_lat(region, wanted.drawing, to_lon_lat)?;
    let values = &wanted.classes[usize::from(region.class).saturating_sub(1)];
    let names = &survey.grid.layer().config.classes;
    let value = values.to_json();
    let class = value.as_i64().and_then(|value| names.get(&value).cloned());
    let properties = Properties { value, class, cells: region.cells };
    to_raw_value(&Feature { r#type: "Feature", properties, geometry }).map_err(|_| ZonalError::foreign())
}

/// The values that are looked for: several (`values`), or a range (`range`).
fn classes(options: &Options) -> Result<Vec<Values>, ZonalError> {
    let values = options.numbers("values")?;
    match (values.as_slice(), options.one("range")?) {
        ([], Some(range)) => Ok(vec![of_range(&range)?]),
        ([], None) => Err(bad("values", "name values, or a range=min,max")),
        (_, Some(_)) => Err(bad("range", "name either values or a range")),
        (values, None) if values.len() > MAX_VALUES => {
            Err(bad("values", format!("{} are named; {MAX_VALUES} may be", values.len())))
        }
        (values, None) => Ok(values.iter().copied().map(Values::one).collect()),
    }
}

/// `min,max` or `min:max`, both included.
fn of_range(text: &str) -> Result<Values, ZonalError> {
    let range = text.replacen(',', ":", 1);
    let bad = || bad("range", format!("\"{text}\" is no range min,max"));
    let (low, high) = range.split_once(':').ok_or_else(bad)?;
    match (low.trim().parse::<f64>(), high.trim().parse::<f64>()) {
        (Ok(low), Ok(high)) if low <= high => Ok(Values::range(low, high)),
        _ => Err(bad()),
    }
}

fn selection(options: &Options) -> Result<Selection, ZonalError> {
    let connectivity = match options.one("connectivity")?.as_deref() {
        None | Some("4") => Connectivity::Four,
        Some("8") => Connectivity::Eight,
        Some(other) => return Err(bad("connectivity", format!("\"{other}\" is neither 4 nor 8"))),
    };
    Ok(Selection { connectivity, min_cells: options.parsed("min_cells")?.unwrap_or(1) })
}

fn drawing(options: &Options) -> Result<Drawing, ZonalError> {
    let simplify = options.parsed::<f64>("simplify")?.unwrap_or(0.0);
    if !(0.0..=MAX_SIMPLIFY).contains(&simplify) {
        return Err(bad("simplify", format!("it is a number of cells from 0 to {MAX_SIMPLIFY}")));
    }
    Ok(Drawing { simplify, ..Drawing::default() })
}
