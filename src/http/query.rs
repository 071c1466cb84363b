//! Query strings, read with care: what is given twice or not percent-encoded text is refused by name.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::ApiError;
use crate::render::TileQuery;

/// The longest query that is looked at: room for a colormap of a few hundred colours.
const MAX_QUERY_BYTES: usize = 48 << 10;

/// Names and values of a query, in order. Names that nobody asks for are ignored (clients add their own).
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = parts.uri.query().unwrap_or("");
        if text.len() > MAX_QUERY_BYTES {
            let reason = format!("it has {} bytes, above the limit of {MAX_QUERY_BYTES}", text.len());
            return Err(ApiError::parameter("query", reason));
        }
        Ok(Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect()))
    }
}

impl Query {
    /// All of it.
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }

    /// All values of a parameter.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// The value of a parameter that is given at most once.
    pub fn one(&self, name: &'static str) -> Result<Option<String>, ApiError> {
        let mut values = self.all(name);
        match values.len() {
            0 | 1 => Ok(values.pop()),
            count => Err(ApiError::parameter(name, format!("it is given {count} times; once is enough"))),
        }
    }

    /// A number from a range, with a default.
    pub fn number(
        &self, name: &'static str, range: std::ops::RangeInclusive<u32>, default: u32,
    ) -> Result<u32, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(default) };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            ApiError::parameter(name, format!("\"{text}\" is not from {} to {}", range.start(), range.end()))
        })
    }

    /// The parameters of a tile.
    pub fn tile(&self) -> Result<TileQuery, ApiError> {
        Ok(TileQuery {
            bidx: self.all("bidx"),
            rescale: self.all("rescale"),
            colormap_name: self.one("colormap_name")?,
            colormap: self.one("colormap")?,
            resampling: self.one("resampling")?,
            nodata: self.one("nodata")?,
            tilesize: self.one("tilesize")?,
            return_mask: self.one("return_mask")?,
        })
    }
}
