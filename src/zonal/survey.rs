//! An analysis that is prepared: which layers, which cells, which chunks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::burn::Burn;
use super::cover::Shape;
use super::grid::Grid;
use super::plan::Plan;
use super::reduce::{Partial, Reduction};
use super::request::{ChunkRequest, Input, VERSION};
use super::scores::Scoring;
use super::shapes::{Area, Polygon};
use super::{CellRule, Limits, Window, ZonalError};
use crate::catalog::OpenLayer;
use crate::parameter::BadParameter;
use crate::raster::DataType;

/// A layer that is looked at.
#[derive(Clone)]
pub struct Subject {
    /// The layer.
    pub layer: Arc<OpenLayer>,
    /// Its bands, from 1.
    pub bands: Vec<usize>,
}

/// Where, and which cells.
pub struct Question {
    /// The area, as it was sent.
    pub polygons: Vec<Polygon>,
    /// Which cells belong to it.
    pub rule: CellRule,
    /// At which resolution.
    pub overview: Overview,
    /// What is burnt in before, in this order.
    pub modifications: Vec<Modification>,
}

/// What if: a value for an area.
pub struct Modification {
    /// Index of the subject.
    pub subject: usize,
    /// Where.
    pub polygons: Vec<Polygon>,
    /// What.
    pub value: f64,
}

/// The resolution of an analysis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overview {
    /// The raster's own cells: the answer is exact.
    #[default]
    Native,
    /// So many overviews above them: an estimate.
    Level(usize),
    /// The finest that is not too large.
    Auto,
}

impl std::str::FromStr for Overview {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(Self::Auto),
            (_, Ok(0)) => Ok(Self::Native),
            (_, Ok(level)) => Ok(Self::Level(level)),
            _ => Err(format!("\"{text}\" is neither auto nor the number of an overview, from 1")),
        }
    }
}

/// An analysis that is ready to run.
pub struct Survey {
    /// Whose cells are counted.
    pub grid: Grid,
    /// What will be done.
    pub plan: Plan,
    /// Which cells belong to the shape.
    pub rule: CellRule,
    shape: Shape,
    inputs: Vec<Prepared>,
    scoring: Option<Vec<Scoring>>,
}

/// An input, without what depends on the chunk.
struct Prepared {
    grid: Grid,
    bands: Vec<usize>,
    burns: Vec<(Shape, f64)>,
}

impl Survey {
    /// Prepares an analysis of the cells of the first subject; the others are read on its grid. It takes a while: call it
    /// on a worker.
    ///
    /// # Errors
    /// When the shape is none, or too large.
    pub fn new(
        subjects: &[Subject], scoring: Option<Vec<Scoring>>, question: &Question, limits: &Limits,
    ) -> Result<Self, ZonalError> {
        let burnt = question.modifications.iter().flat_map(|modification| &modification.polygons);
        limits.check(&question.polygons.iter().chain(burnt).collect::<Vec<_>>())?;
        let area = Area::new(&question.polygons)?;
        let first = &subjects[0];
        let levels = first.layer.profile().levels.len();
        let candidates = match question.overview {
            Overview::Native => 0..1,
            Overview::Auto => 0..levels,
            Overview::Level(level) if level < levels => level..level + 1,
            Overview::Level(level) => return Err(no_overview(level, levels).into()),
        };
        let mut refused = None;
        for level in candidates {
            let grid = Grid::new(&first.layer, level);
            let shape = grid.shape(&area)?;
            match Plan::new(&grid, &first.bands, &shape, question.rule, limits) {
                Ok(plan) => return Self::over(grid, plan, shape, subjects, scoring, question),
                Err(error) => refused = Some(error),
            }
        }
        Err(match (refused, question.overview) {
            (Some(ZonalError::TooLarge { what, size, limit, .. }), Overview::Auto) => {
                let advice = "that is the smallest overview: ask for a smaller area, or add overviews to the layer";
                ZonalError::TooLarge { what, size, limit, advice }
            }
            (Some(error), _) => error,
            (None, _) => no_overview(0, levels).into(),
        })
    }

    fn over(
        grid: Grid, plan: Plan, shape: Shape, subjects: &[Subject], scoring: Option<Vec<Scoring>>, question: &Question,
    ) -> Result<Self, ZonalError> {
        let mut inputs = Vec::new();
        for (index, Subject { layer, bands }) in subjects.iter().enumerate() {
            let grid = if index == 0 { grid.clone() } else { Grid::new(layer, 0) };
            let mut burns = Vec::new();
            for modification in question.modifications.iter().filter(|each| each.subject == index) {
                fits(&grid, bands, modification.value)?;
                burns.push((grid.shape(&Area::new(&modification.polygons)?)?, modification.value));
            }
            inputs.push(Prepared { grid, bands: bands.clone(), burns });
        }
        Ok(Self { grid, plan, rule: question.rule, shape, inputs, scoring })
    }

    /// Whether the answer is that of the raster's own cells.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.grid.level() == 0
    }

    /// The names of values, where they are those of a layer.
    #[must_use]
    pub fn class_names(&self) -> Option<&BTreeMap<i64, String>> {
        self.scoring.is_none().then_some(&self.grid.layer().config.classes)
    }

    /// What an analysis of no cells comes to.
    #[must_use]
    pub fn nothing(&self, reduction: &Reduction) -> Partial {
        if self.scoring.is_some() {
            return reduction.nothing(&[DataType::F32]);
        }
        let own = |input: &Prepared| input.bands.iter().map(|band| input.grid.dtype(*band)).collect::<Vec<_>>();
        reduction.nothing(&self.inputs.iter().flat_map(own).collect::<Vec<_>>())
    }

    /// The request for one of the chunks.
    #[must_use]
    pub fn request(&self, window: Window, reduction: &Reduction) -> ChunkRequest {
        let inputs = self.inputs.iter().enumerate().map(|(index, input)| {
            let Prepared { grid, bands, burns } = input;
            let [width, height] = grid.size().map(|size| u32::try_from(size).unwrap_or(u32::MAX));
            // What a chunk reads of another grid is known when it does.
            let near = if index == 0 { window } else { Window { col: 0, row: 0, width, height } };
            let burns = burns.iter().map(|(shape, value)| Burn { part: shape.clip(near), value: *value });
            Input {
                layer: grid.layer().id.clone(),
                version: grid.layer().data_version.clone(),
                level: grid.level(),
                bands: bands.clone(),
                nodata: grid.layer().config.nodata,
                burns: burns.collect(),
            }
        });
        ChunkRequest {
            version: VERSION,
            window,
            rule: self.rule,
            shape: self.shape.clip(window),
            inputs: inputs.collect(),
            scoring: self.scoring.clone(),
            reduction: reduction.clone(),
        }
    }
}

fn no_overview(level: usize, levels: usize) -> BadParameter {
    let reason = format!("there is no overview {level}: the layer has {}", levels - 1);
    BadParameter { parameter: "overview", reason }
}

/// A value that a band can't hold would become another one.
fn fits(grid: &Grid, bands: &[usize], value: f64) -> Result<(), BadParameter> {
    for band in bands {
        let dtype = grid.dtype(*band);
        if !dtype.holds(value) {
            let reason = format!("{value:?} is no value that cells of type {dtype} can have");
            return Err(BadParameter { parameter: "modifications", reason });
        }
    }
    Ok(())
}
