//! `cogwheel serve`: the server on TCP, or on Lambda's runtime API.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal;

use super::{CliError, Setup, say};
use crate::catalog::Catalog;
use crate::http::{AppState, HttpSettings, build_app};
use crate::{config, cpu, lambda};

pub async fn run(setup: Setup) -> Result<(), CliError> {
    cpu::quiet_panics();
    let catalog = setup.catalog()?;
    let settings = &setup.settings;
    let http = HttpSettings {
        cors_origins: settings.cors_origins.clone(),
        request_timeout: Duration::from_secs(settings.request_timeout_s),
        empty_tile: settings.empty_tile,
    };
    let state = AppState::new(catalog, setup.pool, http);
    let catalog = Arc::clone(&state.catalog);
    let app = build_app(state);
    if config::on_lambda() {
        return lambda::run(app).await.map_err(|error| CliError::Lambda(error.to_string()));
    }
    let address = format!("{}:{}", settings.host, settings.port);
    let failed = CliError::io(format!("cannot listen on {address} (choose another with --host and --port)"));
    let listener = TcpListener::bind((settings.host.as_str(), settings.port)).await.map_err(failed)?;
    let local = listener.local_addr().map_err(CliError::io("the listener has no address"))?;
    say(&format!("Cogwheel serves {} layers at http://{local}", catalog.iter().count()));
    tokio::spawn(open_all(catalog));
    axum::serve(listener, app).with_graceful_shutdown(stop()).await.map_err(CliError::io("the server stopped"))?;
    tracing::info!("stopped");
    Ok(())
}

/// Opens every layer, so that the first request finds it open and a broken one is known at start.
async fn open_all(catalog: Arc<Catalog>) {
    for layer in catalog.iter() {
        if let Err(error) = layer.open().await {
            tracing::error!(key = format!("layers.{}.source", layer.id), %error, "cannot be opened; its tiles are answered with 502");
        }
    }
}

/// Returns at SIGTERM or ctrl-c; requests in flight are finished after that.
async fn stop() {
    let interrupt = async {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut terminated) => {
                terminated.recv().await;
            }
            Err(_) => std::future::pending::<()>().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
    tracing::info!("stopping: finishing what is in flight");
}
