//! `GET /layers`, `/layers/{layer}` and `/layers/{layer}/legend.png`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Value, json};

use super::caching::ETag;
use super::color_maps::{LegendSize, legend_png};
use super::path::Path;
use super::query::Query;
use super::tiles::DEFAULT_CACHE_CONTROL;
use super::{ApiError, AppState};
use crate::catalog::{Layer, OpenLayer};
use crate::color::{Colormap, Rgba};
use crate::encode::TileFormat;
use crate::raster::RasterError;
use crate::render::options::{Rescale, Style};
use crate::render::{RenderOptions, TileQuery};

/// Metadata are asked for again after this time.
pub const METADATA_CACHE_CONTROL: &str = "public, max-age=60";

impl AppState {
    /// Works on an open layer; once more, and on the new version, when its source is replaced meanwhile.
    ///
    /// # Errors
    /// 404 without such a layer; 403, 502 or 503 when its source can't be opened; and those of the work.
    pub(super) async fn on_layer<F, W>(&self, name: &str, work: F) -> Result<Response, ApiError>
    where
        F: Fn(Arc<OpenLayer>) -> W,
        W: Future<Output = Result<Response, ApiError>>,
    {
        let names = [name.to_owned()];
        self.on_layers(&names, |mut layers| work(layers.remove(0))).await
    }

    /// The same on several layers.
    ///
    /// # Errors
    /// As [`Self::on_layer`].
    pub(super) async fn on_layers<F, W>(&self, names: &[String], work: F) -> Result<Response, ApiError>
    where
        F: Fn(Vec<Arc<OpenLayer>>) -> W,
        W: Future<Output = Result<Response, ApiError>>,
    {
        let mut open = Vec::new();
        for name in names {
            let layer = self.catalog.get(name);
            let layer = layer.ok_or_else(|| ApiError::NotFound { kind: "layer", name: name.clone() })?;
            open.push((layer, layer.open().await.map_err(|cause| ApiError::raster(name, cause))?));
        }
        match work(open.iter().map(|(_, layer)| Arc::clone(layer)).collect()).await {
            Err(error) if error.is_change() => {
                tracing::info!(layers = names.join(", "), "a source was replaced: starting again");
                let mut anew = Vec::new();
                for (layer, stale) in &open {
                    anew.push(layer.reopen(stale).await.map_err(|cause| ApiError::raster(&layer.id, cause))?);
                }
                work(anew).await
            }
            result => result,
        }
    }
}

/// The catalogue.
pub async fn list(State(state): State<AppState>) -> Response {
    let patience = state.settings.request_timeout / 2;
    let layers = join_all(state.catalog.iter().map(|layer| summary(layer, patience))).await;
    ([(header::CACHE_CONTROL, METADATA_CACHE_CONTROL)], Json(json!({ "layers": layers }))).into_response()
}

/// Everything about one layer.
pub async fn show(State(state): State<AppState>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let answer = async |layer: Arc<OpenLayer>| {
        let body = document(&layer).await.map_err(|cause| ApiError::raster(&name, cause))?;
        Ok(([(header::CACHE_CONTROL, METADATA_CACHE_CONTROL)], Json(body)).into_response())
    };
    state.on_layer(&name, answer).await
}

/// Everything about one layer, as JSON.
///
/// # Errors
/// When statistics for its legend can't be read.
pub async fn document(layer: &OpenLayer) -> Result<Value, RasterError> {
    let mut body = describe(layer).await?;
    if let (Value::Object(body), Value::Object(profile)) = (&mut body, profile(layer)) {
        body.extend(profile);
    }
    Ok(body)
}

/// The colours of a layer, as a picture.
pub async fn legend(
    State(state): State<AppState>, Path(name): Path<String>, query: Query, headers: HeaderMap,
) -> Result<Response, ApiError> {
    let size = LegendSize::from_query(&query)?;
    let answer = async |layer: Arc<OpenLayer>| {
        let etag = ETag::of(&(&layer.version, "legend", format!("{size:?}")));
        let caching = layer.config.cache_control.as_deref().unwrap_or(DEFAULT_CACHE_CONTROL);
        if etag.matches(&headers) {
            return Ok(etag.not_modified(caching));
        }
        match default_style(&layer)? {
            Style::Mapped(map, _) => legend_png(&map, &size, etag.headers(caching)),
            Style::Direct(rescales) if rescales.len() == 1 => legend_png(&gray(), &size, etag.headers(caching)),
            Style::Direct(_) | Style::Raw => {
                Err(ApiError::NotFound { kind: "legend of layer", name: layer.id.clone() })
            }
        }
    };
    state.on_layer(&name, answer).await
}

/// A layer in the catalogue; one that can't be opened, or not in time, is listed with the reason.
async fn summary(layer: &Arc<Layer>, patience: Duration) -> Value {
    let described = async { describe(&*layer.open().await?).await };
    let error = match tokio::time::timeout(patience, described).await {
        Ok(Ok(description)) => return description,
        Ok(Err(cause)) => {
            tracing::warn!(layer = layer.id, %cause, "cannot be described");
            ApiError::raster(&layer.id, cause)
        }
        Err(_) => ApiError::Busy,
    };
    json!({
        "id": layer.id,
        "title": layer.config.title.as_deref().unwrap_or(&layer.id),
        "description": layer.config.description,
        "attribution": layer.config.attribution,
        "status": "error",
        "detail": error.detail(),
    })
}

async fn describe(layer: &OpenLayer) -> Result<Value, RasterError> {
    let [minzoom, maxzoom] = layer.zooms;
    Ok(json!({
        "id": layer.id,
        "title": layer.config.title.as_deref().unwrap_or(&layer.id),
        "description": layer.config.description,
        "attribution": layer.config.attribution,
        "bounds": layer.profile().bounds.to_bbox(),
        "minzoom": minzoom,
        "maxzoom": maxzoom,
        "version": layer.version,
        "status": "ok",
        "detail": null,
        "legend": legend_of(layer).await?,
    }))
}

fn profile(layer: &OpenLayer) -> Value {
    let profile = layer.profile();
    let [scale_x, _] = [profile.width, profile.height];
    let bands: Vec<Value> = profile
        .bands
        .iter()
        .enumerate()
        .map(|(index, band)| {
            json!({
                "index": index + 1,
                "dtype": band.dtype.to_string(),
                "nodata": band.nodata.map(number),
                "mask": band.mask.name(),
                "color_interpretation": band.color_interpretation,
                "description": band.description,
                "unit": band.unit,
                "scale": band.scale,
                "offset": band.offset,
                "block_size": band.block_size,
                "colormap": layer.color_table(index + 1).map(|map| map.to_json()),
            })
        })
        .collect();
    json!({
        "crs": profile.crs.label(),
        "crs_wkt": profile.crs.wkt(),
        "native_bounds": profile.native_bounds(),
        "geotransform": profile.geotransform.0,
        "width": profile.width,
        "height": profile.height,
        "driver": profile.driver,
        "reader": profile.reader,
        "bands": bands,
        "overviews": profile.levels[1..].iter().map(|level| scale_x.div_ceil(level.width)).collect::<Vec<_>>(),
        "resampling": layer.config.resampling.map(|resampling| resampling.to_string()),
        "colormap_name": layer.config.colormap_name,
        "rescale": layer.config.rescale,
        "bidx": layer.config.bidx,
    })
}

/// JSON has no NaN and no infinities: they are text, as in the configuration.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| Value::String(value.to_string().to_lowercase()), Value::Number)
}

#[derive(Debug, Serialize)]
struct Class {
    value: i64,
    name: Option<String>,
    color: String,
}

/// What the colours of the layer's default look mean.
async fn legend_of(layer: &OpenLayer) -> Result<Value, RasterError> {
    let image = format!("layers/{}/legend.png", layer.id);
    let (map, rescale) = match default_style(layer) {
        Ok(Style::Mapped(map, rescale)) => (map, rescale),
        Ok(Style::Direct(rescales)) if rescales.len() == 1 => (gray(), rescales[0]),
        Ok(Style::Direct(_) | Style::Raw) | Err(_) => return Ok(Value::Null),
    };
    if let (Colormap::Discrete(colors), Rescale::Identity) = (&map, rescale) {
        return Ok(json!({ "kind": "classes", "image": image, "classes": classes(layer, colors) }));
    }
    let range = match (&map, rescale) {
        (_, Rescale::Range(range)) => Some(range),
        (Colormap::Ramp(stops), _) => stops.first().zip(stops.last()).map(|(low, high)| [low.value, high.value]),
        (Colormap::Intervals(steps), _) => steps.first().zip(steps.last()).map(|(low, high)| [low.min, high.max]),
        (Colormap::Lut(_) | Colormap::Discrete(_), Rescale::Identity) => Some([0.0, 255.0]),
        (Colormap::Lut(_) | Colormap::Discrete(_), Rescale::Auto) => {
            let band = layer.config.bidx.as_ref().and_then(|bands| bands.first().copied()).unwrap_or(1);
            Some(layer.range(band, layer.config.nodata).await?)
        }
    };
    let Some([min, max]) = range else { return Ok(Value::Null) };
    let unit = layer.profile().bands.first().and_then(|band| band.unit.clone());
    Ok(json!({ "kind": "ramp", "image": image, "min": number(min), "max": number(max), "unit": unit }))
}

/// Classes with a name, or all that have a colour when none is named.
fn classes(layer: &OpenLayer, colors: &std::collections::BTreeMap<i64, Rgba>) -> Vec<Class> {
    let names = &layer.config.classes;
    colors
        .iter()
        .filter(|(value, color)| names.contains_key(value) || (names.is_empty() && color[3] > 0))
        .map(|(value, [r, g, b, _])| Class {
            value: *value,
            name: names.get(value).cloned(),
            color: format!("#{r:02x}{g:02x}{b:02x}"),
        })
        .collect()
}

fn default_style(layer: &OpenLayer) -> Result<Style, ApiError> {
    Ok(RenderOptions::resolve(&TileQuery::default(), 1, TileFormat::Png, layer)?.style)
}

/// What one band without a colormap looks like.
fn gray() -> Colormap {
    Colormap::Lut(Box::new(std::array::from_fn(|i| {
        let level = u8::try_from(i).unwrap_or(u8::MAX);
        [level, level, level, 255]
    })))
}
