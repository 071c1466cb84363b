//! Path parameters, refused in the words of [`ApiError`].

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::ApiError;

/// The parameters of a path, as UTF-8 text.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<S: Sync + Send, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let axum::extract::Path(parameters) = axum::extract::Path::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::parameter("path", error.body_text()))?;
        Ok(Self(parameters))
    }
}
