//! `GET /` and `/static/...`: the web page, embedded in the binary.

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::ApiError;
use super::caching::ETag;
use super::path::Path;

/// The page's files carry no version in their names: they are checked again each time, which costs a 304.
const CACHE_CONTROL: &str = "no-cache";

/// The page loads nothing from anywhere else.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors *";

/// `web/`, as it was when the binary was built.
#[derive(RustEmbed)]
#[folder = "web/"]
struct Web;

/// The page.
pub async fn index(headers: HeaderMap) -> Result<Response, ApiError> {
    file("index.html", &headers)
}

/// What the page needs.
pub async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    file(&path, &headers)
}

fn file(path: &str, headers: &HeaderMap) -> Result<Response, ApiError> {
    let EmbeddedFile { data, metadata } =
        Web::get(path).ok_or_else(|| ApiError::NotFound { kind: "file", name: path.to_owned() })?;
    let etag = ETag::of(&metadata.sha256_hash().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }));
    if etag.matches(headers) {
        return Ok(etag.not_modified(CACHE_CONTROL));
    }
    let mut answer = etag.headers(CACHE_CONTROL);
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
    answer.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok((answer, data).into_response())
}

/// By the extension; the page has only these.
fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        _ => "text/plain; charset=utf-8",
    }
}
