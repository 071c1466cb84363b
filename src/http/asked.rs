//! What an analysis is asked: GeoJSON in the body, options beside it or in the query.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};

use super::ApiError;
use super::query::Query;
use crate::zonal::ZonalError;
use crate::zonal::options::Options;
use crate::zonal::shapes::{self, Geometry};

/// The longest body that is looked at: a quarter of a million vertices written out in full.
pub const MAX_BODY_BYTES: usize = 16 << 20;

/// A body and its options. What the query says wins.
#[derive(Debug)]
pub struct Asked {
    query: Query,
    body: Bytes,
}

impl<S: Sync + Send> FromRequest<S> for Asked {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let query = Query::from_request_parts(&mut parts, state).await?;
        let body = match axum::body::to_bytes(body, MAX_BODY_BYTES).await {
            Ok(body) => body,
            Err(error) if is_too_long(&error) => {
                let detail =
                    format!("the body is longer than {MAX_BODY_BYTES} bytes; simplify the shape, or send it in parts");
                return Err(ApiError::TooLarge { detail });
            }
            Err(error) => return Err(ApiError::Body { reason: format!("it can't be read: {error}") }),
        };
        Ok(Self { query, body })
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains("length limit"))
}

impl Asked {
    /// The geometry, and the options. Long ones take a while: call it on a worker.
    pub fn parse(self) -> Result<(Geometry, Options), ZonalError> {
        let geometry = shapes::parse(&self.body)?;
        Ok((geometry, Options::new(self.query.into_pairs(), &self.body)))
    }
}
