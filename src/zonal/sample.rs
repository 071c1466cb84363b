//! Values along a line, or at points.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::grid::Grid;
use super::options::{Options, bad};
use super::shapes::{Geometry, LinePoint, Steps, along};
use super::{Zonal, ZonalError};
use crate::catalog::OpenLayer;
use crate::geo::wrap_longitude;
use crate::raster::{Decimation, Pixels, ReadRequest, Window, cell_at};

/// Points of a line when nobody says how many.
const DEFAULT_POINTS: usize = 150;

/// Points in the same square of so many cells are read together.
const SQUARE: usize = 256;

/// Windows that are read at once.
const READS_AT_ONCE: usize = 8;

/// How a value is made of cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// That of the cell that holds the place.
    #[default]
    Nearest,
    /// Between the centres of the four cells around it.
    Bilinear,
}

impl std::str::FromStr for Sampling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "nearest" => Ok(Self::Nearest),
            "bilinear" => Ok(Self::Bilinear),
            _ => Err(format!("\"{text}\" is neither nearest nor bilinear")),
        }
    }
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    /// `b1`, `b2`.
    pub band_names: Vec<String>,
    /// What they are.
    pub band_descriptions: Vec<String>,
    /// How values were made.
    pub resampling: Sampling,
    /// From the first to the last.
    pub points: Vec<SamplePoint>,
}

/// A place and its values.
#[derive(Debug, Clone, Serialize)]
pub struct SamplePoint {
    /// From the start of the line, along it, on the ground; none of single points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<f64>,
    /// Degrees.
    pub lon: f64,
    /// Degrees.
    pub lat: f64,
    /// By band; null where there is no data.
    pub values: Vec<Option<f64>>,
}

/// Cells that are read together, and the points that they are for.
struct Group {
    window: Window,
    points: Vec<usize>,
}

impl Zonal {
    /// Values of bands along a line, or at points.
    ///
    /// # Errors
    /// When any of them can't be read.
    pub async fn sample(
        &self, layer: &Arc<OpenLayer>, geometry: Geometry, options: &Options,
    ) -> Result<Sample, ZonalError> {
        let bands = options.bands(layer)?;
        let sampling = options.parsed("resampling")?.unwrap_or_default();
        let steps = steps(options)?;
        let is_line = matches!(geometry, Geometry::Line(_));
        let places = self.pool.run(move || places(geometry, steps)).await??;
        self.sample_at(layer, &bands, places, is_line, sampling).await
    }

    async fn sample_at(
        &self, layer: &Arc<OpenLayer>, bands: &[usize], places: Vec<LinePoint>, is_line: bool, sampling: Sampling,
    ) -> Result<Sample, ZonalError> {
        let grid = Grid::new(layer, 0);
        let (cells, places) = {
            let (grid, places) = (grid.clone(), places);
            self.pool.run(move || positions(&grid, &places).map(|cells| (cells, places))).await??
        };
        let groups = groups(&cells, grid.size(), sampling);
        let mut values = vec![vec![None; bands.len()]; places.len()];
        let reads = groups.into_iter().map(|group| async {
            let request = ReadRequest {
                level: 0,
                decimation: 1,
                window: group.window,
                bands: bands.to_vec(),
                nodata: layer.config.nodata,
                decimate_by: Decimation::Nearest,
            };
            let pixels = layer.raster.read(request).await;
            let pixels = pixels.map_err(|cause| ZonalError::Raster { layer: layer.id.clone(), cause })?;
            Ok::<_, ZonalError>((group, pixels))
        });
        let mut reads = stream::iter(reads).buffer_unordered(READS_AT_ONCE);
        while let Some((group, pixels)) = reads.try_next().await? {
            for point in group.points {
                values[point] =
                    (0..bands.len()).map(|band| value(&pixels, group.window, cells[point], band, sampling)).collect();
            }
        }
        let points = places.into_iter().zip(values).map(|(place, values)| SamplePoint {
            distance_m: is_line.then_some(place.distance_m),
            lon: place.lon,
            lat: place.lat,
            values,
        });
        Ok(Sample {
            band_names: bands.iter().map(|band| format!("b{band}")).collect(),
            band_descriptions: bands.iter().map(|band| layer.profile().bands[band - 1].description.clone()).collect(),
            resampling: sampling,
            points: points.collect(),
        })
    }
}

/// How far points of a line are apart.
fn steps(options: &Options) -> Result<Steps, ZonalError> {
    match (options.parsed::<usize>("n")?, options.parsed::<f64>("spacing_m")?) {
        (Some(_), Some(_)) => Err(bad("n", "name either n or spacing_m")),
        (Some(count), None) if count >= 2 => Ok(Steps::Count(count)),
        (Some(count), None) => Err(bad("n", format!("{count}: a line has two ends; ask for 2 points or more"))),
        (None, Some(spacing)) if spacing > 0.0 && spacing.is_finite() => Ok(Steps::SpacingM(spacing)),
        (None, Some(spacing)) => Err(bad("spacing_m", format!("{spacing} is no distance in metres above 0"))),
        (None, None) => Ok(Steps::Count(DEFAULT_POINTS)),
    }
}

fn places(geometry: Geometry, steps: Steps) -> Result<Vec<LinePoint>, ZonalError> {
    match geometry {
        Geometry::Line(line) => Ok(along(&line, steps)?),
        Geometry::Points(points) => {
            let point = |[lon, lat]: [f64; 2]| LinePoint { distance_m: 0.0, lon: wrap_longitude(lon), lat };
            Ok(points.into_iter().map(point).collect())
        }
        areas @ Geometry::Areas(_) => Err(areas.not("a LineString, a MultiPoint or a Point").into()),
    }
}

/// Columns and rows of places.
fn positions(grid: &Grid, places: &[LinePoint]) -> Result<Vec<[f64; 2]>, ZonalError> {
    let (mut cols, mut rows): (Vec<f64>, Vec<f64>) = places.iter().map(|place| (place.lon, place.lat)).unzip();
    grid.to_own_cells(&mut cols, &mut rows)?;
    Ok(cols.into_iter().zip(rows).map(|(col, row)| [col, row]).collect())
}

/// What is read for the points that are in the raster.
fn groups(cells: &[[f64; 2]], [width, height]: [usize; 2], sampling: Sampling) -> Vec<Group> {
    let mut groups: BTreeMap<[usize; 2], Group> = BTreeMap::new();
    for (index, [col, row]) in cells.iter().enumerate() {
        let Some([col, row]) = cell_at(*col, width).zip(cell_at(*row, height)).map(|(col, row)| [col, row]) else {
            continue;
        };
        let reach = usize::from(sampling == Sampling::Bilinear);
        let low = [col.saturating_sub(reach), row.saturating_sub(reach)];
        let high = [(col + reach).min(width - 1), (row + reach).min(height - 1)];
        let window = Window { col: low[0], row: low[1], width: high[0] - low[0] + 1, height: high[1] - low[1] + 1 };
        let group = groups.entry([row / SQUARE, col / SQUARE]).or_insert(Group { window, points: Vec::new() });
        group.window = union(group.window, window);
        group.points.push(index);
    }
    groups.into_values().collect()
}

fn union(a: Window, b: Window) -> Window {
    let (col, row) = (a.col.min(b.col), a.row.min(b.row));
    let (right, bottom) = ((a.col + a.width).max(b.col + b.width), (a.row + a.height).max(b.row + b.height));
    Window { col, row, width: right - col, height: bottom - row }
}

/// The value at a place of the raster, from the pixels of a window around it.
fn value(pixels: &Pixels, window: Window, [col, row]: [f64; 2], band: usize, sampling: Sampling) -> Option<f64> {
    let at = |col: usize, row: usize| {
        let pixel = (row - window.row) * window.width + (col - window.col);
        let is_valid = pixels.mask.is_valid(pixel, band, pixels.bands);
        is_valid.then(|| pixels.samples.value(pixel * pixels.bands + band))
    };
    let size = [window.col + window.width, window.row + window.height];
    match sampling {
        Sampling::Nearest => at(cell_at(col, size[0])?, cell_at(row, size[1])?),
        Sampling::Bilinear => {
            let (cols, rows) = (taps(col, [window.col, size[0]]), taps(row, [window.row, size[1]]));
            let (mut sum, mut weights) = (0.0, 0.0);
            for (row, y) in rows {
                for (col, x) in cols {
                    if let Some(value) = at(col, row).filter(|_| x * y > 0.0) {
                        sum += value * x * y;
                        weights += x * y;
                    }
                }
            }
            // As in tiles: valid when at least half of the weight is.
            (weights >= 0.5).then(|| sum / weights)
        }
    }
}

/// The two cells along an axis between whose centres a position lies, and their weights; at the edge the last one twice.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the window")]
#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
fn taps(position: f64, [start, end]: [usize; 2]) -> [(usize, f64); 2] {
    let before = (position - 0.5).floor();
    let share = position - 0.5 - before;
    let clamped = |cell: f64| cell.clamp(start as f64, end as f64 - 1.0) as usize;
    [(clamped(before), 1.0 - share), (clamped(before + 1.0), share)]
}
