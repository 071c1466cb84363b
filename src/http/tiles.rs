//! `GET /tiles/{layer}/{z}/{x}/{y}[@{n}x][.{format}]`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::caching::ETag;
use super::query::Query;
use super::tile_path::TilePath;
use super::{ApiError, AppState};
use crate::catalog::OpenLayer;
use crate::encode::TileFormat;
use crate::render::{self, RenderOptions, Tile};

/// How long tiles may be kept where the layer does not say.
pub const DEFAULT_CACHE_CONTROL: &str = "public, max-age=3600";

/// A tile of a layer.
pub async fn show(
    State(state): State<AppState>, path: TilePath, query: Query, headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = query.tile()?;
    let answer = async |layer: Arc<OpenLayer>| {
        refuse_below_min_zoom(&layer, path.tile.z())?;
        let options = RenderOptions::resolve(&query, path.scale, path.format, &layer)?;
        let etag = ETag::of(&(&layer.version, path.tile, format!("{options:?}"), state.settings.empty_tile));
        let caching = layer.config.cache_control.as_deref().unwrap_or(DEFAULT_CACHE_CONTROL);
        if etag.matches(&headers) {
            return Ok(etag.not_modified(caching));
        }
        let caching = etag.headers(caching);
        let key = (layer.id.clone(), path.tile, etag);
        if let Some(tile) = state.tiles.get(&key) {
            return Ok(respond(tile, caching, state.settings.empty_tile));
        }
        let room = state.room_for(&layer, options.memory_bytes(&layer)).await?;
        let tile = render::tile(&state.pool, &layer, path.tile, options)
            .await
            .map_err(|error| ApiError::render(&path.layer, error))?;
        drop(room);
        state.tiles.keep(key, &tile);
        Ok(respond(tile, caching, state.settings.empty_tile))
    };
    state.on_layer(&path.layer, answer).await
}

pub fn respond(tile: Tile, caching: HeaderMap, empty_status: u16) -> Response {
    let media_type = [(header::CONTENT_TYPE, HeaderValue::from_static(tile.format.media_type()))];
    let mut response = match empty_status {
        204 if tile.is_empty && tile.format == TileFormat::Png => StatusCode::NO_CONTENT.into_response(),
        404 if tile.is_empty && tile.format == TileFormat::Png => ApiError::EmptyTile.into_response(),
        _ => (media_type, tile.body).into_response(),
    };
    response.headers_mut().extend(caching);
    response
}

fn refuse_below_min_zoom(layer: &OpenLayer, z: u8) -> Result<(), ApiError> {
    match layer.config.min_zoom {
        Some(min) if z < min => Err(ApiError::parameter("z", format!("{z} is below the layer's min_zoom, {min}"))),
        _ => Ok(()),
    }
}
