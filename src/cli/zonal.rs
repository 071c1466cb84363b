//! `cogwheel zonal counts|statistics|extract|sample LAYER|PATH FILE.geojson`.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::{CliError, Setup};
use crate::catalog::OpenLayer;
use crate::zonal::options::Options;
use crate::zonal::runner::LocalRunner;
use crate::zonal::shapes::{Feature, Geometry, read_features};
use crate::zonal::{Zonal, ZonalError};

/// What to find out. The options are those of the HTTP interface.
#[derive(Debug, Subcommand)]
pub enum ZonalCommand {
    /// Cells by value
    Counts {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        cells: Cells,
    },
    /// Statistics by band, under `TiTiler`'s names
    Statistics {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        cells: Cells,
        #[command(flatten)]
        statistics: StatisticsArgs,
    },
    /// Regions of values, as GeoJSON
    Extract {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        cells: Cells,
        #[command(flatten)]
        extract: ExtractArgs,
    },
    /// Values along lines, or at points
    Sample {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        sample: SampleArgs,
    },
}

/// Of what, where, and where to.
#[derive(Debug, Args)]
pub struct Common {
    /// Name of a layer, or path of a raster
    target: String,
    /// GeoJSON: a collection of features, a feature or a geometry
    file: PathBuf,
    /// Where to write a line of JSON for each feature (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Bands, from 1 (repeatable)
    #[arg(long)]
    bidx: Vec<String>,
}

/// Which cells.
#[derive(Debug, Args)]
pub struct Cells {
    /// Which cells belong to a shape: `center`, `all_touched` or `coverage`
    #[arg(long)]
    cell_rule: Option<String>,
    /// An estimate from an overview: auto, or its number from 1
    #[arg(long, allow_hyphen_values = true)]
    overview: Option<String>,
    /// Says what would be done, and reads nothing
    #[arg(long)]
    plan: bool,
}

/// Options of `statistics`.
#[derive(Debug, Args)]
pub struct StatisticsArgs {
    /// A percentile, 0 to 100 (repeatable)
    #[arg(short, long, allow_hyphen_values = true)]
    p: Vec<String>,
    /// Count values instead of bins
    #[arg(long)]
    categorical: bool,
    /// A value to count (repeatable)
    #[arg(short, long, allow_hyphen_values = true)]
    c: Vec<String>,
    /// How many bins, or their edges
    #[arg(long, allow_hyphen_values = true)]
    histogram_bins: Option<String>,
    /// min,max
    #[arg(long, allow_hyphen_values = true)]
    histogram_range: Option<String>,
}

/// Options of `extract`.
#[derive(Debug, Args)]
pub struct ExtractArgs {
    /// A value to look for (repeatable)
    #[arg(long, allow_hyphen_values = true)]
    values: Vec<String>,
    /// Values from min to max: min,max
    #[arg(long, allow_hyphen_values = true)]
    range: Option<String>,
    /// Corners that make less than this much of a difference are left out, in cells
    #[arg(long)]
    simplify: Option<String>,
    /// Regions of fewer cells are left out
    #[arg(long)]
    min_cells: Option<String>,
    /// 4 or 8 neighbours
    #[arg(long)]
    connectivity: Option<String>,
}

/// Options of `sample`.
#[derive(Debug, Args)]
pub struct SampleArgs {
    /// Points of a line, both ends included
    #[arg(long)]
    n: Option<String>,
    /// Metres between points
    #[arg(long)]
    spacing_m: Option<String>,
    /// nearest or bilinear
    #[arg(long)]
    resampling: Option<String>,
}

/// A line of the output: the feature without its geometry, and what it came to.
#[derive(Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Value>,
    properties: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Which analysis.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Counts,
    Statistics,
    Extract,
    Sample,
}

pub async fn run(setup: Setup, command: ZonalCommand) -> Result<(), CliError> {
    let (kind, common, options) = command.into_parts();
    let catalog = Arc::new(setup.catalog_with(&common.target).await?);
    let layer = catalog.get(&common.target).ok_or_else(|| CliError::NoLayer(common.target.clone()))?.open().await?;
    let zonal = Zonal::new(&setup.pool, Arc::new(LocalRunner::new(&setup.pool, &catalog)), setup.limits());
    let shown = common.file.display().to_string();
    let text = std::fs::read(&common.file).map_err(CliError::io(format!("cannot read {shown}")))?;
    let features = read_features(&text).map_err(|source| CliError::Features { what: shown, source })?;
    let mut output = open(common.output.as_ref())?;
    let mut progress = Progress::of(features.len());
    let (all, mut failed) = (features.len(), 0);
    for feature in features {
        let Feature { id, properties, geometry } = feature;
        let answer = match geometry {
            Ok(geometry) => ask(&zonal, kind, &layer, geometry, &options).await,
            Err(error) => Err(error.into()),
        };
        let (result, error) = match answer {
            Ok(result) => (Some(result), None),
            // A wrong option is wrong for all of them.
            Err(error @ ZonalError::Parameter(_)) => return Err(error.into()),
            Err(error) => (None, Some(error.to_string())),
        };
        failed += usize::from(error.is_some());
        let line = json(&Line { id, properties, result, error })?;
        progress.hide();
        writeln!(output, "{}", line.get()).map_err(CliError::io("cannot write"))?;
        progress.advance();
    }
    progress.hide();
    output.flush().map_err(CliError::io("cannot write"))?;
    if failed > 0 { Err(CliError::Unanswered { failed, all }) } else { Ok(()) }
}

async fn ask(
    zonal: &Zonal, kind: Kind, layer: &Arc<OpenLayer>, geometry: Geometry, options: &Options,
) -> Result<Box<RawValue>, ZonalError> {
    match kind {
        Kind::Counts => json(&zonal.counts(layer, geometry, options).await?),
        Kind::Statistics => json(&zonal.statistics(layer, geometry, options).await?),
        Kind::Extract => json(&zonal.extract(layer, None, geometry, options).await?),
        Kind::Sample => json(&zonal.sample(layer, geometry, options).await?),
    }
}

/// As JSON, its members in their order.
fn json(answer: &impl Serialize) -> Result<Box<RawValue>, ZonalError> {
    to_raw_value(answer).map_err(|_| ZonalError::foreign())
}

fn open(path: Option<&PathBuf>) -> Result<Box<dyn Write>, CliError> {
    Ok(match path {
        None => Box::new(BufWriter::new(std::io::stdout())),
        Some(path) => {
            let failed = CliError::io(format!("cannot write {}", path.display()));
            Box::new(BufWriter::new(File::create(path).map_err(failed)?))
        }
    })
}

/// How many features are done, on a terminal.
struct Progress {
    all: usize,
    done: usize,
    is_shown: bool,
}

impl Progress {
    fn of(all: usize) -> Self {
        let mut progress = Self { all, done: 0, is_shown: std::io::stderr().is_terminal() };
        progress.show();
        progress
    }

    fn advance(&mut self) {
        self.done += 1;
        self.show();
    }

    fn show(&mut self) {
        const WIDTH: usize = 40;
        if self.is_shown {
            let full = WIDTH * self.done / self.all.max(1);
            let bar = format!("{}{}", "#".repeat(full), ".".repeat(WIDTH - full));
            let _ = write!(std::io::stderr(), "\r[{bar}] {} of {}", self.done, self.all);
        }
    }

    /// Clears the line, so that something else can be written.
    fn hide(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

impl ZonalCommand {
    fn into_parts(self) -> (Kind, Common, Options) {
        let mut named = Vec::new();
        let (kind, common) = match self {
            Self::Counts { common, cells } => {
                cells.name(&mut named);
                (Kind::Counts, common)
            }
            Self::Statistics { common, cells, statistics } => {
                cells.name(&mut named);
                statistics.name(&mut named);
                (Kind::Statistics, common)
            }
            Self::Extract { common, cells, extract } => {
                cells.name(&mut named);
                extract.name(&mut named);
                (Kind::Extract, common)
            }
            Self::Sample { common, sample } => {
                sample.name(&mut named);
                (Kind::Sample, common)
            }
        };
        name(&mut named, "bidx", common.bidx.clone());
        (kind, common, Options::new(named, b"{}"))
    }
}

type Named = Vec<(String, String)>;

fn name(named: &mut Named, name: &str, values: impl IntoIterator<Item = String>) {
    named.extend(values.into_iter().map(|value| (name.to_owned(), value)));
}

fn flag(is_set: bool) -> Option<String> {
    is_set.then(|| "true".to_owned())
}

impl Cells {
    fn name(self, named: &mut Named) {
        name(named, "cell_rule", self.cell_rule);
        name(named, "overview", self.overview);
        name(named, "plan", flag(self.plan));
    }
}

impl StatisticsArgs {
    fn name(self, named: &mut Named) {
        name(named, "p", self.p);
        name(named, "categorical", flag(self.categorical));
        name(named, "c", self.c);
        name(named, "histogram_bins", self.histogram_bins);
        name(named, "histogram_range", self.histogram_range);
    }
}

impl ExtractArgs {
    fn name(self, named: &mut Named) {
        name(named, "values", self.values);
        name(named, "range", self.range);
        name(named, "simplify", self.simplify);
        name(named, "min_cells", self.min_cells);
        name(named, "connectivity", self.connectivity);
    }
}

impl SampleArgs {
    fn name(self, named: &mut Named) {
        name(named, "n", self.n);
        name(named, "spacing_m", self.spacing_m);
        name(named, "resampling", self.resampling);
    }
}
