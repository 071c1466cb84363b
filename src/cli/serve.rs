//! `cogwheel serve`: the server on TCP, or on Lambda's runtime API.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;
use tokio::signal;

use super::{CliError, Setup, say};
use crate::catalog::{Catalog, Layer};
use crate::config::{ConfigError, ServerSettings};
use crate::http::{AppState, HttpSettings, build_app};
use crate::lambda::{Answers, FanOut, FanOutSettings};
use crate::parameter::BadParameter;
use crate::storage::redacted;
use crate::zonal::runner::LocalRunner;
use crate::{config, cpu, lambda};

pub async fn run(setup: Setup) -> Result<(), CliError> {
    cpu::quiet_panics();
    let catalog = if config::on_lambda() { catalog_in_time(&setup).await? } else { setup.catalog().await? };
    let limits = setup.limits();
    let settings = &setup.settings;
    if config::runs_chunks() {
        let runner = LocalRunner::new(&setup.pool, &Arc::new(catalog));
        return lambda::chunk::run(&setup.pool, Arc::new(runner))
            .await
            .map_err(|error| CliError::Lambda(error.to_string()));
    }
    let http = HttpSettings {
        cors_origins: settings.cors_origins.clone(),
        request_timeout: Duration::from_secs(settings.request_timeout_s),
        empty_tile: settings.empty_tile,
        tile_cache_bytes: u64::from(settings.tile_cache_mb()) << 20,
    };
    let mut state = AppState::new(catalog, setup.pool.clone(), http, limits);
    if let Some(fan_out) = fan_out(settings)? {
        let runner = Arc::new(FanOut::new(&setup.pool, state.zonal.near(), fan_out));
        state.zonal = state.zonal.with_far(runner, settings.fan_out_cells);
    }
    let catalog = Arc::clone(&state.catalog);
    let app = build_app(state);
    if config::on_lambda() {
        let opening = tokio::spawn(open_all(catalog));
        let _ = tokio::time::timeout(INIT_BUDGET, opening).await;
        let answers = if settings.stream_answers { Answers::Streamed } else { Answers::Whole };
        return lambda::run(app, answers).await.map_err(|error| CliError::Lambda(error.to_string()));
    }
    let address = format!("{}:{}", settings.host, settings.port);
    let failed = CliError::io(format!("cannot listen on {address} (choose another with --host and --port)"));
    let listener = TcpListener::bind((settings.host.as_str(), settings.port)).await.map_err(failed)?;
    let local = listener.local_addr().map_err(CliError::io("the listener has no address"))?;
    let stop = StopSignal::listen().map_err(CliError::io("cannot listen for signals"))?;
    say(&format!("Cogwheel serves {} layers at http://{local}", catalog.iter().count()));
    tokio::spawn(open_all(catalog));
    let (stopping, mut stopped) = tokio::sync::watch::channel(false);
    let signal = async move {
        stop.received().await;
        tracing::info!("stopping: finishing what is in flight");
        let _ = stopping.send(true);
    };
    let patience = Duration::from_secs(settings.request_timeout_s);
    let out_of_patience = async move {
        let _ = stopped.wait_for(|stopping| *stopping).await;
        tokio::time::sleep(patience).await;
    };
    tokio::select! {
        result = axum::serve(listener, app).with_graceful_shutdown(signal) => {
            result.map_err(CliError::io("the server stopped"))?;
        }
        // A client that neither sends nor reads must not keep the process.
        () = out_of_patience => tracing::warn!("stopping with requests unfinished"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// How long a Lambda instance waits for its configuration: it has ten seconds to start.
const CONFIG_BUDGET: Duration = Duration::from_secs(8);

async fn catalog_in_time(setup: &Setup) -> Result<Catalog, CliError> {
    tokio::time::timeout(CONFIG_BUDGET, setup.catalog()).await.unwrap_or_else(|_| {
        let (path, reason) = (redacted(&setup.layers_file), format!("no answer in {CONFIG_BUDGET:?}"));
        Err(ConfigError::Missing { path, reason }.into())
    })
}

/// How chunks are sent out, if they are.
fn fan_out(settings: &ServerSettings) -> Result<Option<FanOutSettings>, BadParameter> {
    let Some(function) = settings.chunk_function.clone() else { return Ok(None) };
    let [attempt, whole] = [settings.chunk_timeout_s, settings.request_timeout_s].map(Duration::from_secs);
    if attempt >= whole {
        let reason = format!("{attempt:?} is not below --request-timeout-s, which is {whole:?}");
        return Err(BadParameter { parameter: "chunk-timeout-s", reason });
    }
    let at_once = settings.chunk_concurrency.into();
    Ok(Some(FanOutSettings { function, at_once, attempt, deadline: whole.saturating_sub(Duration::from_secs(1)) }))
}

/// How long a Lambda instance opens layers before it takes its first request; what is left is opened meanwhile.
const INIT_BUDGET: Duration = Duration::from_millis(100);

/// Layers that are opened at once.
const OPENED_AT_ONCE: usize = 8;

/// Opens every layer, so that the first request finds it open and a broken one is known at start.
async fn open_all(catalog: Arc<Catalog>) {
    let open = |layer: Arc<Layer>| async move {
        if let Err(error) = layer.open().await {
            let key = format!("layers.{}.source", layer.id);
            tracing::error!(key, %error, "cannot be used; its tiles are answered with an error");
        }
    };
    stream::iter(catalog.iter().map(Arc::clone).map(open)).for_each_concurrent(OPENED_AT_ONCE, |opened| opened).await;
}

/// SIGTERM or ctrl-c, listened for from the moment that this exists.
struct StopSignal {
    #[cfg(unix)]
    terminate: signal::unix::Signal,
    #[cfg(unix)]
    interrupt: signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignal {
    fn listen() -> std::io::Result<Self> {
        use signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl StopSignal {
    #[expect(clippy::unnecessary_wraps, reason = "as on Unix")]
    fn listen() -> std::io::Result<Self> {
        Ok(Self {})
    }

    async fn received(self) {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
