//! The command line: thin, one file a command.

mod info;
mod layers;
mod serve;
mod tile;
mod zonal;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::catalog::{Catalog, OpenLayer};
use crate::config::{self, ConfigError, LayerConfig, LayersFile, ServerSettings};
use crate::cpu::CpuPool;
use crate::parameter::BadParameter;
use crate::raster::RasterError;
use crate::raster::readers::{Readers, gdal};
use crate::render::RenderError;
use crate::storage::Policy;
use crate::zonal::shapes::ShapeError;
use crate::zonal::{Limits, ZonalError};

/// Something that the operating system or the data refused.
const EXIT_FAILED: u8 = 1;

/// The command was used wrongly: arguments, configuration.
const EXIT_USAGE: u8 = 2;

/// A serverless raster map server: XYZ tiles from COGs and VRTs of them.
///
/// Without a command it serves the layers of ./cogwheel.toml.
#[derive(Debug, Parser)]
#[command(name = "cogwheel", version)]
struct Cli {
    /// The layers: path or URL of a cogwheel.toml [env: COGWHEEL_CONFIG] [default: ./cogwheel.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<String>,

    #[command(flatten)]
    serve: ServerSettings,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve tiles and the map page over HTTP (the default)
    Serve(ServerSettings),
    /// Render one tile into a file
    Tile(tile::TileArgs),
    /// Describe a layer, or a raster by its path
    Info(info::InfoArgs),
    /// Analyse a layer, or a raster by its path, under the features of a GeoJSON file
    #[command(subcommand)]
    Zonal(zonal::ZonalCommand),
    /// List the layers and whether they can be opened
    Layers(layers::LayersArgs),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("there is no layer \"{0}\"; `cogwheel layers` lists them")]
    NoLayer(String),
    #[error("there is no file \"{target}\", and {why}")]
    Nothing { target: String, why: Box<CliError> },
    #[error(transparent)]
    Parameter(#[from] BadParameter),
    #[error(transparent)]
    Tile(#[from] crate::geo::tile::TileError),
    #[error(transparent)]
    Raster(#[from] RasterError),
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error(transparent)]
    Zonal(#[from] ZonalError),
    #[error("{failed} of {all} features have no answer; their lines say why")]
    Unanswered { failed: usize, all: usize },
    #[error("cannot read {what}: {source}")]
    Features { what: String, source: ShapeError },
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("{count} of the layers cannot be opened")]
    BrokenLayers { count: usize },
    #[error("lambda: {0}")]
    Lambda(String),
}

impl CliError {
    fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::NoLayer(_) | Self::Nothing { .. } | Self::Parameter(_) | Self::Tile(_) => {
                EXIT_USAGE
            }
            Self::Zonal(ZonalError::Parameter(_)) => EXIT_USAGE,
            Self::Raster(_)
            | Self::Render(_)
            | Self::Zonal(_)
            | Self::Features { .. }
            | Self::Unanswered { .. }
            | Self::Io { .. }
            | Self::BrokenLayers { .. }
            | Self::Lambda(_) => EXIT_FAILED,
        }
    }
}

/// Runs the command line of the process.
#[must_use]
pub fn main() -> ExitCode {
    let (command, layers_file) = if config::on_lambda() {
        (Command::Serve(ServerSettings::from_environment()), None)
    } else {
        let cli = parse();
        (cli.command.unwrap_or(Command::Serve(cli.serve)), cli.config)
    };
    start_logging(&command);
    match run(command, layers_file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "cogwheel: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Parses the arguments; flags of `serve` in front of another command would be lost, and are refused.
fn parse() -> Cli {
    let matches = Cli::command().get_matches();
    let given = |id: &clap::Id| matches.value_source(id.as_str()) == Some(ValueSource::CommandLine);
    let mut settings = ServerSettings::augment_args(clap::Command::new("serve"));
    settings.build();
    let misplaced = settings.get_arguments().find(|argument| given(argument.get_id()));
    if let (Some(command), Some(argument)) = (matches.subcommand_name(), misplaced) {
        let message =
            format!("{argument} belongs behind a command: cogwheel serve {argument} (not before {command})\n");
        Cli::command().error(clap::error::ErrorKind::ArgumentConflict, message).exit();
    }
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

fn run(command: Command, layers_file: Option<String>) -> Result<(), CliError> {
    let settings = match &command {
        Command::Serve(settings) => settings.clone(),
        Command::Tile(_) | Command::Info(_) | Command::Layers(_) | Command::Zonal(_) => {
            ServerSettings::from_environment()
        }
    };
    let cache = settings.block_cache();
    gdal::configure(cache.gdal_mb);
    let pool = CpuPool::new(settings.worker_threads(), gdal::prepare_thread)
        .map_err(CliError::io("cannot start worker threads"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // They only hand on what others do: more of them than this wake each other up.
        .worker_threads(settings.worker_threads().div_ceil(2))
        .enable_all()
        .build()
        .map_err(CliError::io("cannot start the runtime"))?;
    let readers = Readers::new(&pool, cache.native_bytes);
    let setup = Setup { settings, layers_file: config::layers_file(layers_file), readers, pool };
    runtime.block_on(async {
        match command {
            Command::Serve(_) => serve::run(setup).await,
            Command::Tile(args) => tile::run(&setup, args).await,
            Command::Info(args) => info::run(&setup, args).await,
            Command::Layers(args) => layers::run(&setup, args).await,
            Command::Zonal(command) => zonal::run(setup, command).await,
        }
    })
}

/// What every command starts from.
struct Setup {
    settings: ServerSettings,
    layers_file: String,
    readers: Readers,
    pool: CpuPool,
}

impl Setup {
    async fn catalog(&self) -> Result<Catalog, CliError> {
        let file = LayersFile::read(&self.layers_file, &self.settings.storage()).await?;
        Ok(Catalog::new(file, &self.readers, self.settings.storage(), self.settings.recheck()))
    }

    /// The layers of the configuration if one of them has that name, else a catalogue of the raster at that path.
    async fn catalog_with(&self, target: &str) -> Result<Catalog, CliError> {
        let why = match self.catalog().await {
            Ok(catalog) if catalog.get(target).is_some() => return Ok(catalog),
            Ok(_) => CliError::NoLayer(target.to_owned()),
            Err(why @ CliError::Config(ConfigError::Missing { .. })) => why,
            Err(error) => return Err(error),
        };
        if !target.contains("://") && !Path::new(target).exists() {
            return Err(CliError::Nothing { target: target.to_owned(), why: Box::new(why) });
        }
        let config = LayerConfig { source: target.to_owned(), ..LayerConfig::default() };
        // Whoever types it allows it, and what lies beside it.
        let (layers, policy) = ([(target.to_owned(), config)].into(), Policy::of_sources([target]));
        let file = LayersFile { layers, policy, ..LayersFile::default() };
        Ok(Catalog::new(file, &self.readers, self.settings.storage(), None))
    }

    /// What an analysis may ask for.
    fn limits(&self) -> Limits {
        let settings = &self.settings;
        Limits {
            cells: settings.max_cells,
            vertices: settings.max_vertices,
            rings: settings.max_rings,
            features: settings.max_features,
            answer_bytes: settings.answer_bytes(),
            chunk_cells: settings.chunk_cells(),
        }
    }

    /// A layer by its name, or a raster by its path.
    async fn layer_or_raster(&self, target: &str) -> Result<Arc<OpenLayer>, CliError> {
        let catalog = self.catalog_with(target).await?;
        let layer = catalog.get(target).ok_or_else(|| CliError::NoLayer(target.to_owned()))?;
        Ok(layer.open().await?)
    }

    async fn layer(&self, name: &str) -> Result<Arc<OpenLayer>, CliError> {
        let catalog = self.catalog().await?;
        let layer = catalog.get(name).ok_or_else(|| CliError::NoLayer(name.to_owned()))?;
        Ok(layer.open().await?)
    }
}

/// Logs go to standard error; `COGWHEEL_LOG` chooses what (`debug`, `cogwheel=trace`, ...). A server says what it
/// does, the other commands only what is wrong.
fn start_logging(command: &Command) {
    let level = match command {
        Command::Serve(_) => LevelFilter::INFO,
        Command::Tile(_) | Command::Info(_) | Command::Layers(_) | Command::Zonal(_) => LevelFilter::ERROR,
    };
    let asked = config::log_filter().and_then(|text| {
        let parsed = text.parse::<Targets>();
        if let Err(error) = &parsed {
            let _ = writeln!(std::io::stderr(), "cogwheel: COGWHEEL_LOG={text} is left out: {error}");
        }
        parsed.ok()
    });
    let filter = asked.unwrap_or_else(|| Targets::new().with_default(level));
    // What it says of its retries has URLs in it, with their queries. We say what fails in the end.
    let filter = filter.with_target("object_store", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false);
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
}

/// Writes a line to standard output; a closed pipe is not an error.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
