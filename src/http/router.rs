//! The table of contents.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use super::{AppState, analyses, color_maps, error, health, layers, observe, overlays, page, point, tilejson, tiles};

/// JSON shorter than this is not worth compressing.
const GZIP_FROM_BYTES: u64 = 1024;

/// The whole interface: TCP, Lambda and tests share it.
pub fn build_app(state: AppState) -> Router {
    Router::new()
        .route("/", get(page::index))
        .route("/static/{*path}", get(page::asset))
        .route("/tiles/{layer}/{z}/{x}/{y}", get(tiles::show))
        .route("/layers", get(layers::list))
        .route("/layers/{layer}", get(layers::show))
        .route("/layers/{layer}/tilejson.json", get(tilejson::show))
        .route("/layers/{layer}/legend.png", get(layers::legend))
        .route("/layers/{layer}/point/{lon_lat}", get(point::show))
        .route("/layers/{layer}/counts", post(analyses::counts))
        .route("/layers/{layer}/statistics", post(analyses::statistics))
        .route("/layers/{layer}/extract", post(analyses::extract_values))
        .route("/layers/{layer}/extract/{value}", post(analyses::extract_value))
        .route("/layers/{layer}/sample", post(analyses::sample))
        .route("/layers/{layer}/crosstab/{other}", post(analyses::crosstab))
        .route("/overlays", get(overlays::list))
        .route("/overlays/{overlay}", get(overlays::show))
        .route("/overlays/{overlay}/tiles/{z}/{x}/{y}", get(overlays::tile))
        .route("/overlays/{overlay}/counts", post(overlays::counts))
        .route("/overlays/{overlay}/statistics", post(overlays::statistics))
        .route("/colorMaps", get(color_maps::list))
        .route("/colorMaps/{name}", get(color_maps::show))
        .route("/healthz", get(health::show))
        .fallback(error::no_route)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(CatchPanicLayer::custom(error::from_panic))
        .layer(from_fn_with_state(state.clone(), observe::deadline))
        .layer(CompressionLayer::new().gzip(true).compress_when(SizeAbove::new(GZIP_FROM_BYTES).and(is_json)))
        .layer(cors(&state.settings.cors_origins))
        .layer(from_fn(observe::request))
        .with_state(state)
}

fn is_json(
    _: axum::http::StatusCode, _: axum::http::Version, headers: &axum::http::HeaderMap, _: &axum::http::Extensions,
) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin.trim() == "*") {
        AllowOrigin::from(Any)
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin.trim()).ok()))
    };
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::OPTIONS])
        .allow_headers(Any)
        .expose_headers([header::ETAG, header::RETRY_AFTER, HeaderName::from_static(observe::REQUEST_ID)])
}
