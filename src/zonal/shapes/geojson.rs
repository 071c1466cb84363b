//! GeoJSON (RFC 7946) to typed geometries, every position checked to lie in the world.
//!
//! Rings that are not closed are closed: people draw by hand, and nothing else can be meant. Numbers after longitude
//! and latitude are ignored, as the RFC asks for.

use geojson::GeometryValue;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{Geometry, MAX_VERTICES, Polygon, Position, ShapeError};

/// The farthest longitude: half a turn past the antimeridian, as maps send that are scrolled round the Earth.
const MAX_LON: f64 = 540.0;

/// A feature of a file.
#[derive(Debug)]
pub struct Feature {
    /// A text or a number, if it has one.
    pub id: Option<Value>,
    /// Its properties; none is the same as `null`.
    pub properties: Map<String, Value>,
    /// Its geometry, or what is wrong with it: the other features are none the worse.
    pub geometry: Result<Geometry, ShapeError>,
}

/// What a body may be: a geometry, a Feature, or an object whose member "geometry" is one, next to options.
#[derive(Deserialize)]
#[serde(expecting = "a GeoJSON object")]
struct Body {
    r#type: Option<String>,
    #[serde(default)]
    geometry: Member,
}

/// The member "geometry": `null` is an empty one.
#[derive(Default)]
enum Member {
    #[default]
    Missing,
    Null,
    Given(geojson::Geometry),
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Option::deserialize(value).map(|geometry| geometry.map_or(Self::Null, Self::Given))
    }
}

/// The geometry of a body: a geometry, a Feature, or an object `{"geometry": ..., options}`.
///
/// # Errors
///
/// All of [`ShapeError`] that one position, ring or line can have.
pub fn parse(body: &[u8]) -> Result<Geometry, ShapeError> {
    let Body { r#type, geometry } = serde_json::from_slice(body)?;
    match (r#type.as_deref(), geometry) {
        (Some("FeatureCollection"), _) => {
            Err(ShapeError::WrongType { expected: "one geometry or Feature at a time", found: "FeatureCollection" })
        }
        (None | Some("Feature"), Member::Missing) => Err(ShapeError::NoGeometry),
        (_, Member::Null) => Err(ShapeError::Empty),
        (_, Member::Given(geometry)) => typed(geometry.value),
        (Some(_), Member::Missing) => typed(serde_json::from_slice::<geojson::Geometry>(body)?.value),
    }
}

/// The features of a file: of a `FeatureCollection`, or the one that a Feature or a geometry is.
///
/// # Errors
///
/// The file is no GeoJSON.
pub fn read_features(file: &[u8]) -> Result<Vec<Feature>, ShapeError> {
    #[derive(Deserialize)]
    #[serde(expecting = "a GeoJSON object")]
    struct Type {
        r#type: Option<String>,
    }
    let features = match serde_json::from_slice::<Type>(file)?.r#type.as_deref() {
        Some("FeatureCollection") => serde_json::from_slice::<geojson::FeatureCollection>(file)?.features,
        Some("Feature") => vec![serde_json::from_slice(file)?],
        _ => return Ok(vec![Feature { id: None, properties: Map::new(), geometry: Ok(parse(file)?) }]),
    };
    let feature = |feature: geojson::Feature| Feature {
        id: feature.id.map(|id| match id {
            geojson::feature::Id::String(text) => Value::String(text),
            geojson::feature::Id::Number(number) => Value::Number(number),
        }),
        properties: feature.properties.unwrap_or_default(),
        geometry: feature.geometry.ok_or(ShapeError::Empty).and_then(|geometry| typed(geometry.value)),
    };
    Ok(features.into_iter().map(feature).collect())
}

fn typed(value: GeometryValue) -> Result<Geometry, ShapeError> {
    let at = "coordinates";
    match value {
        GeometryValue::Point { coordinates } => Ok(Geometry::Points(vec![position(&coordinates, || at.to_owned())?])),
        GeometryValue::MultiPoint { coordinates } => nonempty(positions(&coordinates, at)?).map(Geometry::Points),
        GeometryValue::LineString { coordinates } => line(&coordinates, at).map(Geometry::Line),
        GeometryValue::MultiLineString { coordinates } => joined(&coordinates).map(Geometry::Line),
        GeometryValue::Polygon { .. }
        | GeometryValue::MultiPolygon { .. }
        | GeometryValue::GeometryCollection { .. } => {
            let mut polygons = Vec::new();
            collect(value, "", &mut polygons)?;
            let vertices = polygons.iter().flat_map(|p| p.holes.iter().chain([&p.exterior])).map(Vec::len).sum();
            if vertices > MAX_VERTICES {
                return Err(ShapeError::TooMany { what: "vertices", count: vertices, limit: MAX_VERTICES });
            }
            nonempty(polygons).map(Geometry::Areas)
        }
    }
}

/// The polygons of a geometry; `prefix` is its place.
fn collect(value: GeometryValue, prefix: &str, polygons: &mut Vec<Polygon>) -> Result<(), ShapeError> {
    match value {
        GeometryValue::Polygon { coordinates } => {
            polygons.extend(polygon(&coordinates, &format!("{prefix}coordinates"))?);
        }
        GeometryValue::MultiPolygon { coordinates } => {
            for (i, rings) in coordinates.iter().enumerate() {
                polygons.extend(polygon(rings, &format!("{prefix}coordinates[{i}]"))?);
            }
        }
        GeometryValue::GeometryCollection { geometries } => {
            for (i, geometry) in geometries.into_iter().enumerate() {
                collect(geometry.value, &format!("{prefix}geometries[{i}]."), polygons)?;
            }
        }
        GeometryValue::Point { .. }
        | GeometryValue::MultiPoint { .. }
        | GeometryValue::LineString { .. }
        | GeometryValue::MultiLineString { .. } => {
            let found = "GeometryCollection of other things than polygons";
            return Err(ShapeError::WrongType { expected: "a collection of polygons", found });
        }
    }
    Ok(())
}

/// A polygon; `None` if it has no rings, as RFC 7946 lets parts be.
fn polygon(rings: &[Vec<geojson::Position>], place: &str) -> Result<Option<Polygon>, ShapeError> {
    let ring = |(i, ring): (usize, &Vec<geojson::Position>)| {
        let place = format!("{place}[{i}]");
        let mut vertices = positions(ring, &place)?;
        if vertices.len() > 1 && vertices.first() == vertices.last() {
            vertices.pop();
        }
        let short = ShapeError::ShortRing { place, positions: ring.len() };
        if vertices.len() < 3 { Err(short) } else { Ok(vertices) }
    };
    let mut rings = rings.iter().enumerate().map(ring).collect::<Result<Vec<_>, _>>()?.into_iter();
    Ok(rings.next().map(|exterior| Polygon { exterior, holes: rings.collect() }))
}

fn line(coordinates: &[geojson::Position], place: &str) -> Result<Vec<Position>, ShapeError> {
    match coordinates.len() {
        0 => Err(ShapeError::Empty),
        1 => Err(ShapeError::ShortLine { place: place.to_owned(), positions: 1 }),
        count if count > MAX_VERTICES => Err(ShapeError::TooMany { what: "vertices", count, limit: MAX_VERTICES }),
        _ => positions(coordinates, place),
    }
}

/// The parts of a line, end to start; 180 and -180 are the same place.
fn joined(parts: &[Vec<geojson::Position>]) -> Result<Vec<Position>, ShapeError> {
    let mut whole: Vec<Position> = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        let place = format!("coordinates[{i}]");
        let part = line(part, &place)?;
        if let Some([lon, lat]) = whole.last() {
            let [next_lon, next_lat] = part[0];
            if *lat != next_lat || (lon - next_lon) % 360.0 != 0.0 {
                return Err(ShapeError::Gap { place });
            }
        }
        whole.extend(part);
    }
    nonempty(whole)
}

fn nonempty<T>(items: Vec<T>) -> Result<Vec<T>, ShapeError> {
    if items.is_empty() { Err(ShapeError::Empty) } else { Ok(items) }
}

fn positions(coordinates: &[geojson::Position], place: &str) -> Result<Vec<Position>, ShapeError> {
    coordinates.iter().enumerate().map(|(i, one)| position(one, || format!("{place}[{i}]"))).collect()
}

fn position(coordinates: &geojson::Position, place: impl Fn() -> String) -> Result<Position, ShapeError> {
    match *coordinates.as_slice() {
        [lon, lat, ..] if lon.abs() <= MAX_LON && lat.abs() <= 90.0 => Ok([lon, lat]),
        [lon, lat, ..] => Err(ShapeError::OutsideWorld { place: place(), lon, lat }),
        ref short => Err(ShapeError::ShortPosition { place: place(), numbers: short.len() }),
    }
}
