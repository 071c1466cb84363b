//! The one error type at the edge, and its status table.

use std::any::Any;
use std::fmt;

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::cpu::panic_message;
use crate::geo::tile::TileError;
use crate::parameter::BadParameter;
use crate::raster::{RasterError, TOO_MANY_SOURCES};
use crate::render::RenderError;
use crate::storage::{Refusal, StorageError};
use crate::zonal::ZonalError;
use crate::zonal::extract::ExtractError;
use crate::zonal::shapes::Fault;
use crate::zonal::stats::StatsError;

/// How long a missing layer may be remembered as missing.
const NOT_FOUND_CACHE: &str = "public, max-age=60";

/// Nothing about a failure may be kept.
const NO_STORE: &str = "no-store";

/// Longer details are cut.
const MAX_DETAIL_BYTES: usize = 400;

/// When to come back after a 503, in seconds.
const RETRY_AFTER_S: u16 = 1;

/// Everything that a request can end with but success.
#[derive(Debug)]
pub enum ApiError {
    /// 400: a parameter of the query or the path.
    BadParameter(BadParameter),
    /// 400: no such tile.
    BadTile(TileError),
    /// 404: nothing of that kind by that name.
    NotFound {
        /// `layer`, `colormap`, ...
        kind: &'static str,
        /// As asked.
        name: String,
    },
    /// 404: a tile without data, where the server is set to say so.
    EmptyTile,
    /// 405.
    WrongMethod {
        /// As asked.
        method: Method,
    },
    /// 502: the source of a layer; the cause is logged.
    Source {
        /// The layer.
        layer: String,
        /// What happened.
        cause: RasterError,
    },
    /// 400: a body that can't be understood.
    Body {
        /// What is wrong.
        reason: String,
    },
    /// 422: a body that can, but its geometry is none for this.
    Geometry {
        /// What is wrong, and where.
        reason: String,
    },
    /// 413: more than one request may ask for.
    TooLarge {
        /// Limit, size, and what to do.
        detail: String,
    },
    /// 502: another version of a layer than when the analysis began.
    Changed {
        /// The layer.
        layer: String,
    },
    /// 413: it would open more sources of a layer than may be.
    TooManySources {
        /// The layer.
        layer: String,
        /// How many, at least.
        touched: usize,
        /// The limit.
        most: usize,
    },
    /// 403: the operator did not allow it.
    Refused {
        /// The layer.
        layer: String,
        /// What and why.
        refusal: Refusal,
    },
    /// 503: the store of a layer's source does not answer; it may later.
    Unavailable {
        /// The layer.
        layer: String,
        /// What happened.
        cause: RasterError,
    },
    /// 503: not in time.
    Busy,
    /// 500: a bug; the cause is logged.
    Internal {
        /// What happened.
        cause: String,
    },
}

/// The body of an error.
#[derive(Debug, Serialize)]
struct Body {
    detail: String,
    code: &'static str,
}

/// For the log: the cause of a failure, kept on the response until it is logged, once, with the request's id.
#[derive(Debug, Clone)]
pub struct Cause(pub String);

impl ApiError {
    /// A wrong parameter.
    pub fn parameter(parameter: &'static str, reason: impl fmt::Display) -> Self {
        Self::BadParameter(BadParameter { parameter, reason: reason.to_string() })
    }

    /// A failed render of a layer.
    #[must_use]
    pub fn render(layer: &str, error: RenderError) -> Self {
        match error {
            RenderError::Raster(cause) => Self::raster(layer, cause),
            RenderError::Cpu(cause) => Self::Internal { cause: cause.to_string() },
            RenderError::Crs(cause) => Self::Internal { cause: cause.to_string() },
            RenderError::Encode(cause) => Self::Internal { cause: cause.to_string() },
        }
    }

    /// A source that can't be opened or read.
    #[must_use]
    pub fn raster(layer: &str, cause: RasterError) -> Self {
        match cause {
            RasterError::Cpu(cause) => Self::Internal { cause: cause.to_string() },
            RasterError::Storage { error: StorageError::Refused(refusal), .. } => {
                Self::Refused { layer: layer.to_owned(), refusal }
            }
            RasterError::Storage { error: StorageError::Unavailable { .. }, .. } => {
                Self::Unavailable { layer: layer.to_owned(), cause }
            }
            RasterError::TooManySources { touched, most, .. } => {
                Self::TooManySources { layer: layer.to_owned(), touched, most }
            }
            cause => Self::Source { layer: layer.to_owned(), cause },
        }
    }

    /// An analysis that has no answer.
    #[must_use]
    pub fn zonal(error: ZonalError) -> Self {
        match error {
            ZonalError::Shape(error) => match error.fault() {
                Fault::Malformed => Self::Body { reason: error.to_string() },
                Fault::Invalid => Self::Geometry { reason: error.to_string() },
                Fault::TooLarge => Self::TooLarge { detail: error.to_string() },
                Fault::Internal => Self::Internal { cause: error.to_string() },
            },
            ZonalError::Parameter(error) => Self::BadParameter(error),
            ZonalError::TooLarge { .. }
            | ZonalError::Extract(ExtractError::TooManyRegions { .. } | ExtractError::TooManyCorners { .. })
            | ZonalError::Stats(StatsError::TooManyValues { .. }) => Self::TooLarge { detail: error.to_string() },
            ZonalError::Changed { layer } => Self::Changed { layer },
            ZonalError::Raster { layer, cause } => Self::raster(&layer, cause),
            ZonalError::Late { .. } => Self::Busy,
            ZonalError::Stats(StatsError::Mismatch)
            | ZonalError::Extract(ExtractError::Unmatched { .. })
            | ZonalError::Version { .. }
            | ZonalError::Crs(_)
            | ZonalError::Cpu(_)
            | ZonalError::TooLong { .. }
            | ZonalError::Chunk { .. } => Self::Internal { cause: error.to_string() },
        }
    }

    /// Whether the source was replaced while it was read: then it is worth another try.
    pub(super) fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Changed { .. }
                | Self::Source { cause: RasterError::Storage { error: StorageError::Changed { .. }, .. }, .. }
        )
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadParameter(_) | Self::BadTile(_) | Self::Body { .. } => StatusCode::BAD_REQUEST,
            Self::Geometry { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound { .. } | Self::EmptyTile => StatusCode::NOT_FOUND,
            Self::WrongMethod { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManySources { .. } | Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Refused { .. } => StatusCode::FORBIDDEN,
            Self::Source { .. } | Self::Changed { .. } => StatusCode::BAD_GATEWAY,
            Self::Unavailable { .. } | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::BadParameter(_) => "bad_parameter",
            Self::BadTile(_) => "bad_tile",
            Self::NotFound { .. } => "not_found",
            Self::EmptyTile => "empty_tile",
            Self::WrongMethod { .. } => "method_not_allowed",
            Self::Body { .. } => "bad_geojson",
            Self::Geometry { .. } => "invalid_geometry",
            Self::TooLarge { .. } => "too_large",
            Self::TooManySources { .. } => "too_many_sources",
            Self::Refused { .. } => "source_refused",
            Self::Source { .. } | Self::Changed { .. } => "source_unreadable",
            Self::Unavailable { .. } => "source_unavailable",
            Self::Busy => "busy",
            Self::Internal { .. } => "internal",
        }
    }

    /// What the caller is told. Paths of the server stay in its log.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::BadParameter(error) => error.to_string(),
            Self::BadTile(error) => error.to_string(),
            Self::NotFound { kind, name } => format!("there is no {kind} \"{name}\""),
            Self::EmptyTile => "there is no data in this tile".to_owned(),
            Self::WrongMethod { method } => format!("{method} is not allowed here; the Allow header says what is"),
            Self::Source { layer, cause } => match cause {
                RasterError::NoCrs { .. } => format!(
                    "layer \"{layer}\": its source has no coordinate reference system; assign one in the configuration, \
                     for example crs = \"EPSG:4326\""
                ),
                RasterError::NoGeotransform { .. } => {
                    format!("layer \"{layer}\": its source has neither a geotransform nor ground control points")
                }
                RasterError::Unfit { .. } => {
                    format!("layer \"{layer}\": its configuration does not fit its source; the server's log says why")
                }
                RasterError::Storage { error: StorageError::Changed { .. }, .. } => {
                    format!("layer \"{layer}\": its source keeps changing while it is read; try again")
                }
                RasterError::Open { .. } | RasterError::Storage { .. } => {
                    format!("layer \"{layer}\": its source cannot be opened; the server's log says why")
                }
                RasterError::Read { .. } | RasterError::TooManySources { .. } | RasterError::Cpu(_) => {
                    format!("layer \"{layer}\": its source cannot be read; the server's log says why")
                }
            },
            Self::Body { reason } | Self::Geometry { reason } => reason.clone(),
            Self::TooLarge { detail } => detail.clone(),
            Self::Changed { layer } => {
                format!("layer \"{layer}\": its source keeps changing while it is read; try again")
            }
            Self::TooManySources { layer, touched, most } => format!(
                "layer \"{layer}\": {touched} of its sources are touched at once, and {most} may be; {TOO_MANY_SOURCES}"
            ),
            // The rule, not the location: that is for the log.
            Self::Refused { layer, refusal } => {
                format!("layer \"{layer}\": its source may not be opened: {}", refusal.rule)
            }
            Self::Unavailable { layer, .. } => {
                format!("layer \"{layer}\": the store of its source does not answer; try again")
            }
            Self::Busy => "the server could not answer in time; try again".to_owned(),
            Self::Internal { .. } => "something went wrong; the server's log has it under this x-request-id".to_owned(),
        }
    }

    fn cache_control(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => NOT_FOUND_CACHE,
            Self::BadParameter(_)
            | Self::BadTile(_)
            | Self::EmptyTile
            | Self::WrongMethod { .. }
            | Self::TooManySources { .. }
            | Self::Body { .. }
            | Self::Geometry { .. }
            | Self::TooLarge { .. }
            | Self::Changed { .. }
            | Self::Refused { .. }
            | Self::Source { .. }
            | Self::Unavailable { .. }
            | Self::Busy
            | Self::Internal { .. } => NO_STORE,
        }
    }

    fn cause(&self) -> Option<Cause> {
        match self {
            Self::Source { layer, cause } | Self::Unavailable { layer, cause } => {
                Some(Cause(format!("layer {layer}: {cause}")))
            }
            Self::Refused { layer, refusal } => Some(Cause(format!("layer {layer}: {refusal}"))),
            Self::Internal { cause } => Some(Cause(cause.clone())),
            Self::Busy => Some(Cause("not answered in time".to_owned())),
            Self::BadParameter(_)
            | Self::BadTile(_)
            | Self::NotFound { .. }
            | Self::EmptyTile
            | Self::TooManySources { .. }
            | Self::Body { .. }
            | Self::Geometry { .. }
            | Self::TooLarge { .. }
            | Self::Changed { .. }
            | Self::WrongMethod { .. } => None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(Body { detail: cut(self.detail()), code: self.code() });
        let caching = [(header::CACHE_CONTROL, HeaderValue::from_static(self.cache_control()))];
        let mut response = (self.status(), caching, body).into_response();
        if matches!(self, Self::Busy | Self::Unavailable { .. }) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
        }
        if let Some(cause) = self.cause() {
            response.extensions_mut().insert(cause);
        }
        response
    }
}

/// A detail quotes what was asked: a long question must not come back whole.
fn cut(mut detail: String) -> String {
    if detail.len() > MAX_DETAIL_BYTES {
        let end = (0..=MAX_DETAIL_BYTES).rev().find(|end| detail.is_char_boundary(*end)).unwrap_or(0);
        detail.truncate(end);
        detail.push('…');
    }
    detail
}

impl From<BadParameter> for ApiError {
    fn from(error: BadParameter) -> Self {
        Self::BadParameter(error)
    }
}

impl From<ZonalError> for ApiError {
    fn from(error: ZonalError) -> Self {
        Self::zonal(error)
    }
}

impl From<TileError> for ApiError {
    fn from(error: TileError) -> Self {
        Self::BadTile(error)
    }
}

/// A path that is not in the table.
pub async fn no_route(uri: Uri) -> ApiError {
    ApiError::NotFound { kind: "page", name: uri.path().to_owned() }
}

/// A path that is, with another method.
pub async fn wrong_method(method: Method) -> ApiError {
    ApiError::WrongMethod { method }
}

/// A handler that panicked.
#[expect(clippy::needless_pass_by_value, reason = "tower-http's signature")]
pub fn from_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::Internal { cause: format!("a handler panicked: {}", panic_message(panic.as_ref())) }.into_response()
}
