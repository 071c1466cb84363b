//! What surrounds every request: its id, its log line, its deadline.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::error::Cause;
use super::{ApiError, AppState};

/// The header that carries the id of a request.
pub const REQUEST_ID: &str = "x-request-id";

/// Ids that callers give are kept up to this length.
const LONGEST_ID: usize = 64;

/// Gives the request an id, logs it, and logs the cause of a failure, once.
pub async fn request(request: Request, next: Next) -> Response {
    let id = given_id(&request).unwrap_or_else(fresh_id);
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let total_ms = started.elapsed().as_secs_f64() * 1000.0;
    let status = response.status().as_u16();
    span.in_scope(|| {
        if let Some(Cause(cause)) = response.extensions().get::<Cause>() {
            tracing::error!(status, total_ms, cause, "failed");
        } else {
            tracing::debug!(status, total_ms, "answered");
        }
    });
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Until when a request has to be answered, where its platform sets a time of its own.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

/// Gives the request up when it takes too long.
pub async fn deadline(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let own = Instant::now() + state.settings.request_timeout;
    let end = request.extensions().get::<Deadline>().map_or(own, |deadline| deadline.0.min(own));
    match tokio::time::timeout_at(end.into(), next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Busy.into_response(),
    }
}

fn given_id(request: &Request) -> Option<String> {
    let text = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:=".contains(&byte));
    (plain && !text.is_empty() && text.len() <= LONGEST_ID).then(|| text.to_owned())
}

/// Unique within the process, and between processes by the time of its start.
fn fresh_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static START: std::sync::LazyLock<u128> =
        std::sync::LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis()));
    format!("{:x}-{:x}", *START, COUNT.fetch_add(1, Ordering::Relaxed))
}
