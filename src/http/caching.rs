//! Validators: an answer that the caller already has costs nothing.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A strong entity tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// Made of everything that decides the answer.
    pub fn of(parts: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        parts.hash(&mut hasher);
        Self(format!("\"{:016x}\"", hasher.finish()))
    }

    /// Whether the caller has it already (RFC 9110, 13.1.2: weak comparison, lists, `*`).
    pub fn matches(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(header::IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.0)
    }

    /// The headers of an answer with this tag.
    pub fn headers(&self, cache_control: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::ETAG, self.0.as_str()), (header::CACHE_CONTROL, cache_control)] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        headers
    }

    /// "You have it."
    pub fn not_modified(&self, cache_control: &str) -> Response {
        (StatusCode::NOT_MODIFIED, self.headers(cache_control)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("TAG", true)]
    #[case("W/TAG", true)]
    #[case("\"other\", TAG", true)]
    #[case("*", true)]
    #[case("\"other\"", false)]
    #[case("", false)]
    fn a_tag_matches_as_the_rfc_says(#[case] value: &str, #[case] expected: bool) {
        let tag = ETag::of(&"x");
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, value.replace("TAG", &tag.0).parse().unwrap());
        assert_eq!(tag.matches(&headers), expected);
    }
}
