//! `GET /layers/{layer}/tilejson.json`: TileJSON 3.0.0.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::layers::METADATA_CACHE_CONTROL;
use super::path::Path;
use super::query::Query;
use super::{ApiError, AppState, base_url};
use crate::catalog::OpenLayer;
use crate::encode::TileFormat;
use crate::geo::wrap_longitude;
use crate::render::{RenderOptions, TileQuery};

/// What a map client needs to show the layer. Tile parameters of the query go into the address of the tiles.
pub async fn show(
    State(state): State<AppState>, Path(name): Path<String>, query: Query, request: Request,
) -> Result<Response, ApiError> {
    let query = query.tile()?;
    let (parts, _) = request.into_parts();
    state.on_layer(&name, async |layer: Arc<OpenLayer>| document(&layer, &query, &parts)).await
}

fn document(layer: &OpenLayer, query: &TileQuery, parts: &Parts) -> Result<Response, ApiError> {
    RenderOptions::resolve(query, 1, TileFormat::Png, layer)?;
    let mut tiles = format!("{}/tiles/{}/{{z}}/{{x}}/{{y}}.png", base_url::of(parts), layer.id);
    if let Some(query) = parts.uri.query().filter(|query| !query.is_empty()) {
        tiles = format!("{tiles}?{query}");
    }
    let bounds = layer.profile().bounds.to_tilejson();
    let [minzoom, maxzoom] = layer.zooms;
    let own = &layer.profile().bounds;
    let center = [wrap_longitude(f64::midpoint(own.west, own.east)), f64::midpoint(bounds[1], bounds[3])];
    let mut body = Map::from_iter([
        ("tilejson".to_owned(), json!("3.0.0")),
        ("name".to_owned(), json!(layer.config.title.as_deref().unwrap_or(&layer.id))),
        ("scheme".to_owned(), json!("xyz")),
        ("tiles".to_owned(), json!([tiles])),
        ("minzoom".to_owned(), json!(minzoom)),
        ("maxzoom".to_owned(), json!(maxzoom)),
        ("bounds".to_owned(), json!(bounds)),
        ("center".to_owned(), json!([center[0], center[1], minzoom])),
    ]);
    let texts = [("description", &layer.config.description), ("attribution", &layer.config.attribution)];
    for (key, text) in texts {
        if let Some(text) = text {
            body.insert(key.to_owned(), json!(text));
        }
    }
    Ok(([(header::CACHE_CONTROL, METADATA_CACHE_CONTROL)], Json(Value::Object(body))).into_response())
}
