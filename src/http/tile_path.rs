//! `/tiles/{layer}/{z}/{x}/{y}[@{n}x][.{format}]`, as a tile that exists.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::ApiError;
use super::path::Path;
use crate::encode::TileFormat;
use crate::geo::TileId;

/// The largest n of `@{n}x`.
const MAX_SCALE: u32 = 4;

/// A tile of a layer.
#[derive(Debug, PartialEq, Eq)]
pub struct TilePath {
    /// The layer's name.
    pub layer: String,
    /// Which tile.
    pub tile: TileId,
    /// The 2 of `@2x`.
    pub scale: u32,
    /// By the extension; PNG without one.
    pub format: TileFormat,
}

impl<S: Sync + Send> FromRequestParts<S> for TilePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path((layer, z, x, y)) = Path::<(String, String, String, String)>::from_request_parts(parts, state).await?;
        parse(layer, &z, &x, &y)
    }
}

fn parse(layer: String, z: &str, x: &str, y: &str) -> Result<TilePath, ApiError> {
    let (y, format) = match y.split_once('.') {
        None => (y, TileFormat::Png),
        Some((y, extension)) => (y, extension.parse().map_err(|error| ApiError::parameter("format", error))?),
    };
    let (y, scale) = match y.split_once('@') {
        None => (y, 1),
        Some((y, suffix)) => (y, scale(suffix)?),
    };
    let tile = TileId::new(whole("z", z)?, whole("x", x)?, whole("y", y)?)?;
    Ok(TilePath { layer, tile, scale, format })
}

fn scale(suffix: &str) -> Result<u32, ApiError> {
    let digits = |number: &&str| number.bytes().all(|byte| byte.is_ascii_digit());
    let scale = suffix.strip_suffix('x').filter(digits).and_then(|number| number.parse().ok());
    scale
        .filter(|scale| (1..=MAX_SCALE).contains(scale))
        .ok_or_else(|| ApiError::parameter("scale", format!("\"@{suffix}\" is not one of @1x to @{MAX_SCALE}x")))
}

fn whole(name: &'static str, text: &str) -> Result<u64, ApiError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| ApiError::parameter(name, format!("\"{text}\" is no whole number from 0 up")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("5", 1, TileFormat::Png)]
    #[case("5.png", 1, TileFormat::Png)]
    #[case("5@2x", 2, TileFormat::Png)]
    #[case("5@2x.npy", 2, TileFormat::Npy)]
    #[case("5@1x.png", 1, TileFormat::Png)]
    fn the_last_segment_holds_row_scale_and_format(#[case] y: &str, #[case] scale: u32, #[case] format: TileFormat) {
        let path = parse("a".to_owned(), "3", "4", y).unwrap();
        assert_eq!((path.tile.y(), path.scale, path.format), (5, scale, format));
    }

    #[rstest]
    #[case("3", "4", "5.jpg")]
    #[case("3", "4", "5@9x")]
    #[case("3", "4", "5@x.png")]
    #[case("3", "4", "5@2.png")]
    #[case("3", "4", ".png")]
    #[case("3", "-1", "5")]
    #[case("3", "+1", "5")]
    #[case("3", "4", "8")]
    #[case("z", "4", "5")]
    #[case("99999999999999999999", "0", "0")]
    fn anything_else_is_refused(#[case] z: &str, #[case] x: &str, #[case] y: &str) {
        assert!(parse("a".to_owned(), z, x, y).is_err());
    }
}
