//! `/overlays`: weighted overlays of layers, as tiles and under shapes.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::asked::Asked;
use super::caching::ETag;
use super::layers::METADATA_CACHE_CONTROL;
use super::path::Path;
use super::query::Query;
use super::tile_path::TilePath;
use super::tiles::{DEFAULT_CACHE_CONTROL, respond};
use super::{ApiError, AppState};
use crate::catalog::OpenLayer;
use crate::color::Colormap;
use crate::config::OverlayConfig;
use crate::encode::TileFormat;
use crate::render::{self, OverlayStyle, RenderOptions, TileQuery};
use crate::zonal::options::Options;
use crate::zonal::overlay::Overlay;

/// Colours of an overlay that names none.
const DEFAULT_COLORMAP: &str = "viridis";

/// All overlays.
pub async fn list(State(state): State<AppState>) -> Response {
    let overlays: Vec<Value> = state.catalog.overlays().map(|(name, config)| describe(name, config)).collect();
    ([(header::CACHE_CONTROL, METADATA_CACHE_CONTROL)], Json(json!({ "overlays": overlays }))).into_response()
}

/// One of them.
pub async fn show(State(state): State<AppState>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let body = describe(&name, state.overlay(&name)?);
    Ok(([(header::CACHE_CONTROL, METADATA_CACHE_CONTROL)], Json(body)).into_response())
}

/// A tile of it.
pub async fn tile(
    State(state): State<AppState>, path: TilePath, query: Query, headers: HeaderMap,
) -> Result<Response, ApiError> {
    let config = state.overlay(&path.layer)?.clone();
    let size = query.one("tilesize")?;
    let (map, rescale) = (query.tile()?, query.all("rescale"));
    let options = Options::new(query.into_pairs(), b"");
    let names: Vec<String> = config.layers.keys().cloned().collect();
    let answer = async |layers: Vec<Arc<OpenLayer>>| {
        let overlay = Overlay::resolve(&config, layers, &options)?;
        let style = style(&config, &overlay, &map, &rescale, path.format)?;
        let reads = reads(&overlay, size.as_ref(), path.scale)?;
        let versions: Vec<&str> = overlay.layers.iter().map(|layer| layer.version.as_str()).collect();
        let made_of = format!("{:?}{reads:?}{style:?}", overlay.scoring);
        let etag = ETag::of(&(versions, path.tile, made_of, state.settings.empty_tile));
        if etag.matches(&headers) {
            return Ok(etag.not_modified(DEFAULT_CACHE_CONTROL));
        }
        let caching = etag.headers(DEFAULT_CACHE_CONTROL);
        let key = (format!("overlays/{}", path.layer), path.tile, etag);
        if let Some(tile) = state.tiles.get(&key) {
            return Ok(respond(tile, caching, state.settings.empty_tile));
        }
        let bytes = overlay.layers.iter().zip(&reads).map(|(layer, options)| options.memory_bytes(layer)).sum();
        let room = state.room_for(&overlay.layers[0], bytes).await?;
        let tile = render::overlay(&state.pool, &overlay, path.tile, reads, style)
            .await
            .map_err(|error| ApiError::render(&path.layer, error))?;
        drop(room);
        state.tiles.keep(key, &tile);
        Ok(respond(tile, caching, state.settings.empty_tile))
    };
    state.on_layers(&names, answer).await
}

/// Cells by score under a shape.
pub async fn counts(
    State(state): State<AppState>, Path(name): Path<String>, asked: Asked,
) -> Result<Response, ApiError> {
    let config = state.overlay(&name)?.clone();
    let (geometry, options, _turn) = state.asked(asked).await?;
    let names: Vec<String> = config.layers.keys().cloned().collect();
    let ask = async |layers: Vec<Arc<OpenLayer>>| {
        let overlay = Overlay::resolve(&config, layers, &options)?;
        state.answer(&state.zonal.overlay_counts(&overlay, geometry.clone(), &options).await?)
    };
    state.on_layers(&names, ask).await
}

/// Statistics of scores under a shape.
pub async fn statistics(
    State(state): State<AppState>, Path(name): Path<String>, asked: Asked,
) -> Result<Response, ApiError> {
    let config = state.overlay(&name)?.clone();
    let (geometry, options, _turn) = state.asked(asked).await?;
    let names: Vec<String> = config.layers.keys().cloned().collect();
    let ask = async |layers: Vec<Arc<OpenLayer>>| {
        let overlay = Overlay::resolve(&config, layers, &options)?;
        state.answer(&state.zonal.overlay_statistics(&overlay, geometry.clone(), &options).await?)
    };
    state.on_layers(&names, ask).await
}

impl AppState {
    fn overlay(&self, name: &str) -> Result<&OverlayConfig, ApiError> {
        let overlay = self.catalog.overlay(name);
        overlay.ok_or_else(|| ApiError::NotFound { kind: "overlay", name: name.to_owned() })
    }
}

fn describe(name: &str, config: &OverlayConfig) -> Value {
    let layer = |(name, layer): (&String, &crate::config::OverlayLayer)| json!({ "id": name, "weight": layer.weight, "scores": layer.scores.to_string(), "bidx": layer.bidx });
    json!({
        "id": name,
        "title": config.title.as_deref().unwrap_or(name),
        "description": config.description,
        "attribution": config.attribution,
        "colormap_name": config.colormap_name,
        "rescale": config.rescale,
        "layers": config.layers.iter().map(layer).collect::<Vec<_>>(),
    })
}

/// How each layer is read: as classes, or as it is shown.
fn reads(overlay: &Overlay, size: Option<&String>, scale: u32) -> Result<Vec<RenderOptions>, ApiError> {
    let options = |(layer, band): (&Arc<OpenLayer>, &usize)| {
        let query = TileQuery { bidx: vec![band.to_string()], tilesize: size.cloned(), ..TileQuery::default() };
        Ok(RenderOptions::resolve(&query, scale, TileFormat::Npy, layer)?)
    };
    overlay.layers.iter().zip(&overlay.bands).map(options).collect()
}

/// The colours that are asked for, else the overlay's; over the scores that are asked for, else the overlay's, else all
/// that there can be.
fn style(
    config: &OverlayConfig, overlay: &Overlay, query: &TileQuery, rescale: &[String], format: TileFormat,
) -> Result<OverlayStyle, ApiError> {
    let asked_map = render::options::asked_colormap(query)?.map(|(_, map)| map);
    // The overlay's range belongs to its colours: a colormap of actual scores in the query replaces both.
    let own_range = config.rescale.filter(|_| asked_map.as_ref().is_none_or(|map| matches!(map, Colormap::Lut(_))));
    let colormap = asked_map.or_else(|| config.colormap.clone()).or_else(|| Colormap::named(DEFAULT_COLORMAP));
    let colormap = colormap.ok_or_else(|| ApiError::Internal { cause: "the default colormap is gone".to_owned() })?;
    let is_by_value = !matches!(colormap, Colormap::Lut(_));
    let asked = render::options::rescale(rescale, 1)?.and_then(|ranges| ranges.first().copied());
    let [low, high] = overlay.range();
    let whole = if low < high { [low, high] } else { [low, low + 1.0] };
    let range = asked.or(own_range).or_else(|| (!is_by_value).then_some(whole));
    Ok(OverlayStyle { colormap, range, format })
}
