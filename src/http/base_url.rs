//! Where the caller reached this server: absolute addresses in answers are made of it.

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

/// A path in front of the router's own, for example the stage of an API gateway; set by whoever strips it.
#[derive(Debug, Clone)]
pub struct PathPrefix(pub String);

/// `https://host/prefix`, without a slash at the end; from `X-Forwarded-Proto`, `X-Forwarded-Host` and
/// `X-Forwarded-Prefix` where a proxy sets them.
pub fn of(parts: &Parts) -> String {
    let headers = &parts.headers;
    let host = first(headers, "x-forwarded-host")
        .or_else(|| first(headers, header::HOST.as_str()))
        .or_else(|| parts.uri.authority().map(ToString::to_string))
        .unwrap_or_else(|| "localhost".to_owned());
    let scheme = first(headers, "x-forwarded-proto").unwrap_or_else(|| "http".to_owned());
    let prefix = parts.extensions.get::<PathPrefix>().map(|prefix| prefix.0.clone());
    let prefix = first(headers, "x-forwarded-prefix").or(prefix).unwrap_or_default();
    match prefix.trim_matches('/') {
        "" => format!("{scheme}://{host}"),
        prefix => format!("{scheme}://{host}/{prefix}"),
    }
}

/// The first of a comma-separated list, when it is made of characters that an address can have.
fn first(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.split(',').next()?.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]".contains(&byte);
    (!value.is_empty() && value.bytes().all(plain)).then(|| value.to_owned())
}
