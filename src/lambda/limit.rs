//! What Lambda carries: an answer that is not streamed travels inside JSON, of which there may be so much.

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use axum::http::response::Parts;
use axum::response::{IntoResponse, Response};

use crate::http::ApiError;
use crate::zonal::travel::MOST_CARRIED_BYTES;

/// What is kept free for the status and the headers.
const HEADERS_BYTES: usize = 16 << 10;

/// The response if Lambda can carry it, else a 413.
pub async fn fitting(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = match axum::body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return ApiError::Internal { cause: error.to_string() }.into_response(),
    };
    let size = travelling(&parts, &body);
    if size > MOST_CARRIED_BYTES - HEADERS_BYTES {
        return refusal(parts, size);
    }
    Response::from_parts(parts, Body::from(body))
}

/// How long a body is inside JSON: text is escaped, everything else is base64.
fn travelling(parts: &Parts, body: &Bytes) -> usize {
    let is_text = |kind: &[u8]| {
        [&b"text/"[..], b"application/json", b"application/javascript"].iter().any(|start| kind.starts_with(start))
            || kind.ends_with(b"+xml")
            || kind.ends_with(b"+json")
    };
    let kind = parts.headers.get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    match std::str::from_utf8(body) {
        Ok(text) if is_text(kind) && !parts.headers.contains_key(CONTENT_ENCODING) => text.bytes().map(escaped).sum(),
        _ => body.len().div_ceil(3) * 4,
    }
}

/// Bytes that a byte of text takes in JSON.
fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

/// The error, with what the layers around the router have added for whoever called.
fn refusal(mut parts: Parts, size: usize) -> Response {
    let detail = format!(
        "the answer has {size} bytes on its way, and Lambda carries {MOST_CARRIED_BYTES}: ask for less (a smaller tile or area, \
         more min_cells, simplify), with Accept-Encoding: gzip, or through a function whose answers are streamed"
    );
    let error = ApiError::TooLarge { detail }.into_response();
    for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LENGTH, CACHE_CONTROL, ETAG] {
        parts.headers.remove(name);
    }
    parts.status = error.status();
    parts.headers.extend(error.headers().clone());
    Response::from_parts(parts, error.into_body())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use rstest::rstest;

    async fn status(kind: &'static str, body: Vec<u8>) -> StatusCode {
        fitting(([(CONTENT_TYPE, kind)], body).into_response()).await.status()
    }

    #[rstest]
    #[case::a_picture_at_the_limit("image/png", 4_706_373, StatusCode::OK)]
    #[case::a_picture_beyond_it("image/png", 4_706_380, StatusCode::PAYLOAD_TOO_LARGE)]
    #[case::text_at_the_limit("application/json", 6_275_172, StatusCode::OK)]
    #[case::text_beyond_it("application/json", 6_275_173, StatusCode::PAYLOAD_TOO_LARGE)]
    #[tokio::test]
    async fn an_answer_is_as_long_as_it_travels(
        #[case] kind: &'static str, #[case] length: usize, #[case] expected: StatusCode,
    ) {
        assert_eq!(status(kind, vec![b'7'; length]).await, expected);
    }

    #[tokio::test]
    async fn text_with_much_to_escape_is_longer_than_it_looks() {
        assert_eq!(status("application/json", vec![b'"'; 3_200_000]).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(status("application/json", vec![b'"'; 3_100_000]).await, StatusCode::OK);
    }

    #[test]
    fn escaping_is_that_of_serde_json() {
        let text: String = (0..=0x7f_u8).map(char::from).chain("äß€😀".chars()).collect();
        let counted: usize = text.bytes().map(escaped).sum();
        assert_eq!(counted + 2, serde_json::to_string(&text).unwrap().len());
    }

    #[tokio::test]
    async fn a_refusal_keeps_what_the_caller_needs_and_says_what_to_do() {
        let headers =
            [("content-type", "image/png"), ("x-request-id", "7"), ("etag", "\"a\""), ("cache-control", "public")];
        let refused = fitting((headers, vec![0; 5_000_000]).into_response()).await;
        let header = |name: &str| refused.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("x-request-id").as_deref(), Some("7"));
        assert_eq!((header("etag"), header("cache-control").as_deref()), (None, Some("no-store")));
        let body = axum::body::to_bytes(refused.into_body(), usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("6666668 bytes") && text.contains("6291556") && text.contains("ask for less"), "{text}");
    }
}
