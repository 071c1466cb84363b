//! What all answers have in common: which cells, how many, and numbers as JSON has them.

use serde::Serialize;
use serde_json::Number;

use super::CellRule;
use super::plan::Plan;
use super::stats::Tally;
use super::survey::Survey;

/// How an answer came about.
#[derive(Debug, Clone, Serialize)]
pub struct Method {
    /// Which cells belong to the shape.
    pub cell_rule: CellRule,
    /// Whether the raster's own cells were counted; `false` for an estimate from an overview.
    pub exact: bool,
    /// Whose cells.
    pub grid: GridInfo,
    /// What was done.
    pub plan: Plan,
}

/// What an analysis says: what it would do, or what it came to.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer<T> {
    /// Asked for with `plan`: nothing was read.
    Plan(Method),
    /// The result.
    Done(T),
}

/// A grid of cells.
#[derive(Debug, Clone, Serialize)]
pub struct GridInfo {
    /// The layer that has it.
    pub layer: String,
    /// Its reference system.
    pub crs: String,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// In GDAL's order.
    pub geotransform: [f64; 6],
    /// 0 for the raster's own cells, else the number of the overview.
    pub overview: usize,
}

impl Method {
    /// Of an analysis.
    #[must_use]
    pub fn of(survey: &Survey) -> Self {
        let [width, height] = survey.grid.size();
        let grid = GridInfo {
            layer: survey.grid.layer().id.clone(),
            crs: survey.grid.profile().crs.label().to_owned(),
            width,
            height,
            geotransform: survey.grid.geotransform().0,
            overview: survey.grid.level(),
        };
        Self { cell_rule: survey.rule, exact: survey.is_exact(), grid, plan: survey.plan.clone() }
    }
}

/// So many cells: a whole number, but for shares of cells.
#[must_use]
pub fn cells(rule: CellRule, tally: Tally) -> Number {
    match rule {
        CellRule::Center | CellRule::AllTouched => tally.cells.into(),
        CellRule::Coverage => Number::from_f64(tally.area()).unwrap_or_else(|| 0.into()),
    }
}
