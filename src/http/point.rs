//! `GET /layers/{layer}/point/{lon},{lat}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::layers::METADATA_CACHE_CONTROL;
use super::path::Path;
use super::{ApiError, AppState};
use crate::catalog::OpenLayer;
use crate::geo::wrap_longitude;
use crate::render;

/// Values under a point, per data band; null where there is no data.
pub async fn show(
    State(state): State<AppState>, Path((name, place)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let [lon, lat] = parse(&place)?;
    let answer = async |layer: Arc<OpenLayer>| {
        let values = render::point(&state.pool, &layer, lon, lat).await;
        let values = values.map_err(|error| ApiError::render(&name, error))?;
        let profile = layer.profile();
        let bands: Vec<usize> = profile.data_bands().collect();
        let descriptions: Vec<&str> = bands.iter().map(|band| profile.bands[band - 1].description.as_str()).collect();
        let body = json!({
            "coordinates": [lon, lat],
            "values": values,
            "band_names": bands.iter().map(|band| format!("b{band}")).collect::<Vec<_>>(),
            "band_descriptions": descriptions,
        });
        Ok(([(header::CACHE_CONTROL, METADATA_CACHE_CONTROL)], Json(body)).into_response())
    };
    state.on_layer(&name, answer).await
}

/// `lon,lat` in degrees; the longitude is wrapped.
fn parse(place: &str) -> Result<[f64; 2], ApiError> {
    let (lon, lat) = place.split_once(',').ok_or_else(|| {
        ApiError::parameter("lon,lat", format!("\"{place}\" is not two numbers with a comma between"))
    })?;
    let degrees = |name: &'static str, text: &str, limit: f64| {
        let number = text.trim().parse::<f64>().ok().filter(|degrees| degrees.abs() <= limit);
        number.ok_or_else(|| ApiError::parameter(name, format!("\"{text}\" is not from -{limit} to {limit} degrees")))
    };
    Ok([wrap_longitude(degrees("lon", lon, 540.0)?), degrees("lat", lat, 90.0)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn longitudes_wrap() {
        assert_eq!(parse("190,10").unwrap(), [-170.0, 10.0]);
        assert_eq!(parse("-180, -90").unwrap(), [-180.0, -90.0]);
    }

    #[rstest]
    #[case("12")]
    #[case("a,b")]
    #[case("10,91")]
    #[case("NaN,0")]
    #[case("0,inf")]
    #[case("1,2,3")]
    fn anything_else_is_refused(#[case] place: &str) {
        assert!(parse(place).is_err());
    }
}
