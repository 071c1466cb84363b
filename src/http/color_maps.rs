//! `GET /colorMaps` and `/colorMaps/{name}[?format=png]`.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::ApiError;
use super::path::Path;
use super::query::Query;
use crate::color::{self, Colormap, Orientation};
use crate::encode::{Picture, png};

/// Colormaps change with the program only.
const CACHE_CONTROL: &str = "public, max-age=86400";

/// A legend is at most this many pixels wide or high.
const MAX_LEGEND_PX: u32 = 2048;

/// Length and thickness of a legend when nobody says.
const LEGEND_PX: [u32; 2] = [256, 20];

/// Shape of a legend.
#[derive(Debug)]
pub struct LegendSize {
    width: u32,
    height: u32,
    orientation: Orientation,
}

impl LegendSize {
    /// `orientation`, `width`, `height`.
    pub fn from_query(query: &Query) -> Result<Self, ApiError> {
        let orientation = match query.one("orientation")? {
            None => Orientation::Horizontal,
            Some(text) => text.parse().map_err(|error| ApiError::parameter("orientation", error))?,
        };
        let [length, thickness] = LEGEND_PX;
        let (width, height) = match orientation {
            Orientation::Horizontal => (length, thickness),
            Orientation::Vertical => (thickness, length),
        };
        let range = 1..=MAX_LEGEND_PX;
        Ok(Self {
            width: query.number("width", range.clone(), width)?,
            height: query.number("height", range, height)?,
            orientation,
        })
    }
}

/// All names.
pub async fn list() -> Response {
    let names: Vec<&str> = color::names().collect();
    ([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(json!({ "colorMaps": names }))).into_response()
}

/// One colormap, as JSON by value or as a picture.
pub async fn show(Path(name): Path<String>, query: Query) -> Result<Response, ApiError> {
    let map = Colormap::named(&name).ok_or(ApiError::NotFound { kind: "colormap", name })?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHE_CONTROL));
    match query.one("format")?.as_deref() {
        None | Some("json") => Ok((headers, Json(map.to_json())).into_response()),
        Some("png") => legend_png(&map, &LegendSize::from_query(&query)?, headers),
        Some(other) => Err(ApiError::parameter("format", format!("\"{other}\" is neither json nor png"))),
    }
}

/// A legend, with the given headers.
pub fn legend_png(map: &Colormap, size: &LegendSize, mut headers: HeaderMap) -> Result<Response, ApiError> {
    let pixels = color::legend(map, size.width, size.height, size.orientation);
    let picture = Picture::Rgba(pixels.into_iter().flatten().collect());
    let body =
        png(&picture, size.width, size.height).map_err(|error| ApiError::Internal { cause: error.to_string() })?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
    Ok((headers, body).into_response())
}
