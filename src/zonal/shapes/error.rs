//! What can be wrong with a shape, and whose fault it is.

use super::Position;

/// Why a shape cannot be used. Places are paths into the GeoJSON, or degrees.
#[derive(Debug, thiserror::Error)]
pub enum ShapeError {
    /// Not JSON at all.
    #[error("this is not JSON: {source}")]
    NotJson {
        /// Says line and column.
        source: serde_json::Error,
    },
    /// JSON, but not GeoJSON: an unknown type, missing members, coordinates that are not numbers or not as deep as the
    /// type says.
    #[error("this is not GeoJSON: {source}")]
    NotGeoJson {
        /// Says line and column.
        source: serde_json::Error,
    },
    /// An object without a geometry.
    #[error("there is no geometry: send a GeoJSON geometry, a Feature, or an object with a member \"geometry\"")]
    NoGeometry,
    /// A position of fewer than two numbers.
    #[error("{place} has {numbers} numbers: a position is [longitude, latitude]")]
    ShortPosition {
        /// Where in the GeoJSON.
        place: String,
        /// How many there are.
        numbers: usize,
    },
    /// No coordinates, or a null geometry.
    #[error("the geometry is empty")]
    Empty,
    /// Too few positions to bound an area.
    #[error("{place} is a ring of {positions} positions: it takes 4, the last equal to the first")]
    ShortRing {
        /// Where in the GeoJSON.
        place: String,
        /// How many there are.
        positions: usize,
    },
    /// A line of one position.
    #[error("{place} is a line of {positions} positions: it takes 2")]
    ShortLine {
        /// Where in the GeoJSON.
        place: String,
        /// How many there are.
        positions: usize,
    },
    /// No place on Earth.
    #[error(
        "{place} is [{lon}, {lat}]: latitudes are -90 to 90, longitudes -180 to 180 (-540 to 540 where a shape \
             goes on past the antimeridian)"
    )]
    OutsideWorld {
        /// Where in the GeoJSON.
        place: String,
        /// Longitude in degrees.
        lon: f64,
        /// Latitude in degrees.
        lat: f64,
    },
    /// Not what the analysis works on.
    #[error("the geometry is a {found}, and this takes {expected}")]
    WrongType {
        /// The types that would do.
        expected: &'static str,
        /// The type that came.
        found: &'static str,
    },
    /// A `MultiLineString` that is not one line in pieces.
    #[error("{place} does not start where the part before it ends: the parts of a line must join")]
    Gap {
        /// Where in the GeoJSON.
        place: String,
    },
    /// Two edges cross.
    #[error("the polygon crosses itself at longitude {lon}, latitude {lat}")]
    Crossing {
        /// Longitude in degrees.
        lon: f64,
        /// Latitude in degrees.
        lat: f64,
    },
    /// Rings that do not cross but do not fit either.
    #[error("rings overlap, or a hole lies outside its polygon, at longitude {lon}, latitude {lat}")]
    Overlap {
        /// Longitude in degrees.
        lon: f64,
        /// Latitude in degrees.
        lat: f64,
    },
    /// A ring that goes round the Earth more than once.
    #[error("{place} winds {turns} times about the pole")]
    Turns {
        /// Which ring.
        place: String,
        /// How often, eastwards positive.
        turns: f64,
    },
    /// A ring that overlaps itself on the sphere.
    #[error("{place} spans {span} degrees of longitude: the world has 360")]
    TooWide {
        /// Which ring.
        place: String,
        /// From west to east.
        span: f64,
    },
    /// A part of the shape near the raster that the raster's projection cannot show.
    #[error("longitude {lon}, latitude {lat} is outside what the raster's projection can show")]
    Unprojectable {
        /// Longitude in degrees.
        lon: f64,
        /// Latitude in degrees.
        lat: f64,
    },
    /// Points along a line at distances that are none.
    #[error("{given}: a line takes 2 points or more, or a spacing in metres that is positive")]
    BadSteps {
        /// What was asked for.
        given: String,
    },
    /// More of something than one request may have.
    #[error("{count} {what}: one request may have {limit}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many, or where counting stopped.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// Edges so long and so close together that to look for crossings takes too long.
    #[error("the shape is too intricate to be checked: it takes more than {limit} comparisons of edges")]
    TooIntricate {
        /// The limit.
        limit: usize,
    },
    /// The transform failed as a whole.
    #[error("positions could not be transformed to the raster's CRS")]
    Transform {
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A shape of a list of modifications.
    #[error("modifications: [{index}]: {source}")]
    InModification {
        /// Counted from 0.
        index: usize,
        /// What is wrong with it.
        source: Box<ShapeError>,
    },
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The body cannot be understood (400).
    Malformed,
    /// It can, but is no shape for this analysis (422).
    Invalid,
    /// More than one request may ask for (413).
    TooLarge,
    /// Not the client's (500).
    Internal,
}

impl ShapeError {
    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotJson { .. } | Self::NotGeoJson { .. } | Self::NoGeometry | Self::ShortPosition { .. } => {
                Fault::Malformed
            }
            Self::Empty
            | Self::ShortRing { .. }
            | Self::ShortLine { .. }
            | Self::OutsideWorld { .. }
            | Self::WrongType { .. }
            | Self::Gap { .. }
            | Self::Crossing { .. }
            | Self::Overlap { .. }
            | Self::Turns { .. }
            | Self::TooWide { .. }
            | Self::Unprojectable { .. }
            | Self::BadSteps { .. } => Fault::Invalid,
            Self::TooMany { .. } | Self::TooIntricate { .. } => Fault::TooLarge,
            Self::Transform { .. } => Fault::Internal,
            Self::InModification { source, .. } => source.fault(),
        }
    }

    pub(super) fn crossing([lon, lat]: Position) -> Self {
        Self::Crossing { lon, lat }
    }

    pub(super) fn overlap([lon, lat]: Position) -> Self {
        Self::Overlap { lon, lat }
    }
}

impl From<serde_json::Error> for ShapeError {
    fn from(source: serde_json::Error) -> Self {
        if source.is_data() { Self::NotGeoJson { source } } else { Self::NotJson { source } }
    }
}
