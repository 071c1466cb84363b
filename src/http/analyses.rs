//! Analyses under `/layers/{layer}`: each is asked by a POST of GeoJSON, waits for its turn, and answers in JSON.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::sync::SemaphorePermit;

use super::asked::Asked;
use super::path::Path;
use super::{ApiError, AppState};
use crate::catalog::OpenLayer;
use crate::zonal::ZonalError;
use crate::zonal::options::Options;
use crate::zonal::shapes::Geometry;

/// Analyses that are under way at once; others wait for their turn.
pub const AT_ONCE: usize = 8;

/// `POST /layers/{layer}/counts`.
pub async fn counts(
    State(state): State<AppState>, Path(name): Path<String>, asked: Asked,
) -> Result<Response, ApiError> {
    let (geometry, options, _turn) = state.asked(asked).await?;
    let ask =
        async |layer: Arc<OpenLayer>| state.answer(&state.zonal.counts(&layer, geometry.clone(), &options).await?);
    state.on_layer(&name, ask).await
}

/// `POST /layers/{layer}/statistics`.
pub async fn statistics(
    State(state): State<AppState>, Path(name): Path<String>, asked: Asked,
) -> Result<Response, ApiError> {
    let (geometry, options, _turn) = state.asked(asked).await?;
    let ask =
        async |layer: Arc<OpenLayer>| state.answer(&state.zonal.statistics(&layer, geometry.clone(), &options).await?);
    state.on_layer(&name, ask).await
}

/// `POST /layers/{layer}/extract/{value}`.
pub async fn extract_value(
    State(state): State<AppState>, Path((name, value)): Path<(String, String)>, asked: Asked,
) -> Result<Response, ApiError> {
    let number = value.parse::<f64>().ok().filter(|value| value.is_finite());
    let number = number.ok_or_else(|| ApiError::parameter("value", format!("\"{value}\" is no number")))?;
    extract(state, name, Some(number), asked).await
}

/// `POST /layers/{layer}/extract`, with `values` or a `range`.
pub async fn extract_values(
    State(state): State<AppState>, Path(name): Path<String>, asked: Asked,
) -> Result<Response, ApiError> {
    extract(state, name, None, asked).await
}

async fn extract(state: AppState, name: String, value: Option<f64>, asked: Asked) -> Result<Response, ApiError> {
    let (geometry, options, _turn) = state.asked(asked).await?;
    let ask = async |layer: Arc<OpenLayer>| {
        state.answer(&state.zonal.extract(&layer, value, geometry.clone(), &options).await?)
    };
    state.on_layer(&name, ask).await
}

/// `POST /layers/{layer}/sample`.
pub async fn sample(
    State(state): State<AppState>, Path(name): Path<String>, asked: Asked,
) -> Result<Response, ApiError> {
    let (geometry, options, _turn) = state.asked(asked).await?;
    let ask =
        async |layer: Arc<OpenLayer>| state.answer(&state.zonal.sample(&layer, geometry.clone(), &options).await?);
    state.on_layer(&name, ask).await
}

/// `POST /layers/{layer}/crosstab/{other}`.
pub async fn crosstab(
    State(state): State<AppState>, Path((name, other)): Path<(String, String)>, asked: Asked,
) -> Result<Response, ApiError> {
    let (geometry, options, _turn) = state.asked(asked).await?;
    let ask = async |layers: Vec<Arc<OpenLayer>>| {
        state.answer(&state.zonal.crosstab([&layers[0], &layers[1]], geometry.clone(), &options).await?)
    };
    state.on_layers(&[name, other], ask).await
}

impl AppState {
    /// What is asked, and a turn among the analyses. The body is read on a worker: it may be long.
    pub(super) async fn asked(&self, asked: Asked) -> Result<(Geometry, Options, SemaphorePermit<'_>), ApiError> {
        let turn = self.analyses.acquire().await.map_err(|_| ApiError::Busy)?;
        let (geometry, options) = self.pool.run(move || asked.parse()).await.map_err(ZonalError::from)??;
        Ok((geometry, options, turn))
    }

    /// An answer as JSON, if it is not too long.
    pub(super) fn answer(&self, value: &impl Serialize) -> Result<Response, ApiError> {
        let body = serde_json::to_vec(value).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
        let limit = self.zonal.limits.answer_bytes;
        if body.len() as u64 > limit {
            let detail = format!("the answer has {} bytes, and may have {limit}; ask for less", body.len());
            return Err(ApiError::TooLarge { detail });
        }
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
        Ok((headers, Bytes::from(body)).into_response())
    }
}
