//! `GET /healthz`.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::AppState;
use crate::raster::readers::gdal;

/// Versions, and that the process answers. It opens no layer: a broken source is not a sick server.
pub async fn show(State(state): State<AppState>) -> Response {
    let body = json!({
        "status": "ok",
        "versions": { "cogwheel": env!("CARGO_PKG_VERSION"), "gdal": gdal::version() },
        "layers": state.catalog.iter().count(),
    });
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
