//! What becomes of the cells of a chunk: counts, statistics, regions, pairs.

use serde::{Deserialize, Serialize};

use super::areas::CellAreas;
use super::band::BandCells;
use super::extract::{Selection, Traced, trace};
use super::grid::Grid;
use super::ground::Ground;
use super::pairs::Pairs;
use super::stats::{BandPartial, Counts, StatisticsPartial, Wanted};
use super::{Run, Window, ZonalError};
use crate::each_samples;
use crate::ops::Values;
use crate::raster::{DataType, Sample};

/// What is wanted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// How often each value of the first band occurs, if there are not more than so many.
    Counts {
        /// The most.
        limit: usize,
    },
    /// Statistics of each band.
    Statistics {
        /// By band.
        wanted: Vec<Wanted>,
    },
    /// Where each of these sets of values of the first band is.
    Regions {
        /// The sets; a value in several belongs to the first.
        classes: Vec<Values>,
        /// Which regions.
        selection: Selection,
    },
    /// How often each pair of values of the first two bands occurs.
    Pairs {
        /// The most.
        limit: usize,
    },
}

/// What a chunk came to, or several that were merged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Partial {
    /// See [`Reduction::Counts`].
    Counts {
        /// Cells.
        counts: Counts,
        /// Ground, where cells are not all equally large.
        ground: Ground,
    },
    /// See [`Reduction::Statistics`].
    Statistics(StatisticsPartial),
    /// See [`Reduction::Regions`].
    Regions(Traced),
    /// See [`Reduction::Pairs`].
    Pairs(Pairs),
}

impl Reduction {
    /// What no cells come to, of bands of these types.
    #[must_use]
    pub fn nothing(&self, dtypes: &[DataType]) -> Partial {
        match self {
            Self::Counts { limit } => {
                Partial::Counts { counts: Counts::new(dtypes[0], *limit), ground: Ground::default() }
            }
            Self::Statistics { wanted } => Partial::Statistics(StatisticsPartial {
                bands: dtypes.iter().zip(wanted).map(|(dtype, wanted)| BandPartial::new(*dtype, wanted)).collect(),
            }),
            Self::Regions { selection, .. } => {
                Partial::Regions(trace(Window { col: 0, row: 0, width: 0, height: 0 }, &[], *selection))
            }
            Self::Pairs { limit } => Partial::Pairs(Pairs::new([dtypes[0], dtypes[1]], *limit)),
        }
    }
}

impl Partial {
    /// Both together, in whatever order. Regions are joined by others: they need to know their neighbours.
    ///
    /// # Errors
    /// When there are too many values together, or the two are of different kinds.
    pub fn merged(mut self, other: &Self) -> Result<Self, ZonalError> {
        match (&mut self, other) {
            (Self::Counts { counts, ground }, Self::Counts { counts: more, ground: more_ground }) => {
                counts.merge(more)?;
                ground.merge(more_ground);
            }
            (Self::Statistics(partial), Self::Statistics(more)) => partial.merge(more)?,
            (Self::Pairs(pairs), Self::Pairs(more)) => pairs.merge(more)?,
            _ => return Err(ZonalError::foreign()),
        }
        Ok(self)
    }
}

/// Makes a [`Partial`] of the windows of a chunk, one after the other.
pub(super) enum Reducer {
    /// Cells and ground by value.
    Counts {
        /// So far.
        counts: Box<Counts>,
        /// So far.
        ground: Ground,
        /// Ground by cell.
        areas: CellAreas,
    },
    /// By band.
    Statistics(StatisticsPartial),
    /// Of two bands.
    Pairs(Pairs),
    /// Regions are traced when all cells are there.
    Regions {
        /// The chunk.
        window: Window,
        /// What is looked for.
        classes: Vec<Values>,
        /// Which of it each cell of the chunk is, from 1; 0 for none.
        found: Vec<u16>,
        /// Which regions.
        selection: Selection,
    },
}

impl Reducer {
    /// Nothing yet of a window of a grid, in bands of these types.
    pub(super) fn new(
        reduction: &Reduction, window: Window, grid: &Grid, dtypes: &[DataType],
    ) -> Result<Self, ZonalError> {
        if let Reduction::Regions { classes, selection } = reduction {
            let found = vec![0; usize::try_from(window.cells()).unwrap_or(0)];
            return Ok(Self::Regions { window, classes: classes.clone(), found, selection: *selection });
        }
        Ok(match reduction.nothing(dtypes) {
            Partial::Counts { counts, ground } => {
                Self::Counts { counts: Box::new(counts), ground, areas: grid.areas()? }
            }
            Partial::Statistics(partial) => Self::Statistics(partial),
            Partial::Pairs(pairs) => Self::Pairs(pairs),
            Partial::Regions(_) => return Err(ZonalError::foreign()),
        })
    }

    /// Adds the cells of a window that belong to the shape.
    pub(super) fn add(&mut self, window: Window, runs: &[Run], bands: &[BandCells]) -> Result<(), ZonalError> {
        match self {
            Self::Counts { counts, ground, areas } => {
                let (band, strips) = (&bands[0], areas.strips(window)?);
                each_samples!(&band.samples, cells => {
                    for run in runs {
                        let range = run.range(band.width);
                        counts.push(&cells[range.clone()], band.validity_of(range), run.weight)?;
                    }
                    ground.push(cells, band.validity.as_deref(), band.width, runs, &strips);
                });
            }
            Self::Statistics(partial) => {
                for (partial, band) in partial.bands.iter_mut().zip(bands) {
                    each_samples!(&band.samples, cells => {
                        for run in runs {
                            let range = run.range(band.width);
                            partial.push(&cells[range.clone()], band.validity_of(range), run.weight)?;
                        }
                    });
                }
            }
            Self::Pairs(pairs) => pairs.push(&bands[0], &bands[1], runs)?,
            Self::Regions { window: chunk, classes, found, .. } => {
                classify(*chunk, classes, found, window, runs, &bands[0]);
            }
        }
        Ok(())
    }

    /// All of it.
    pub(super) fn finish(self) -> Partial {
        match self {
            Self::Counts { counts, ground, .. } => Partial::Counts { counts: *counts, ground },
            Self::Statistics(partial) => Partial::Statistics(partial),
            Self::Pairs(pairs) => Partial::Pairs(pairs),
            Self::Regions { window, found, selection, .. } => Partial::Regions(trace(window, &found, selection)),
        }
    }
}

/// Writes the class of each cell of a window into its chunk.
fn classify(chunk: Window, classes: &[Values], found: &mut [u16], window: Window, runs: &[Run], band: &BandCells) {
    let class = |value: f64| {
        classes.iter().zip(1_u16..).find(|(values, _)| values.contains(value)).map_or(0, |(_, class)| class)
    };
    let bytes: Option<Vec<u16>> =
        (band.samples.dtype() == DataType::U8).then(|| (0..=u8::MAX).map(|value| class(f64::from(value))).collect());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a byte")]
    let lookup = |value: f64| bytes.as_ref().map_or_else(|| class(value), |bytes| bytes[value as usize]);
    let corner = (window.row - chunk.row) * u64::from(chunk.width) + (window.col - chunk.col);
    each_samples!(&band.samples, cells => {
        for run in runs {
            let at = corner + u64::from(run.row) * u64::from(chunk.width) + u64::from(run.start);
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            for (found, index) in found[at..].iter_mut().zip(run.range(band.width)) {
                if band.is_valid(index) {
                    *found = lookup(cells[index].to_f64());
                }
            }
        }
    });
}
