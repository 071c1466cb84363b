//! Regions in longitude and latitude, as GeoJSON has them (RFC 7946).

use serde::Serialize;

use super::antimeridian::{Polygon, bounds, cut, signed_area};
use super::densify::{LonLat, Loop, ToLonLat, draw, is_mirrored};
use super::simplify::simplify;
use super::{Part, Region};

/// Coordinates have seven decimals: a centimetre.
const UNITS: f64 = 1e7;

/// How a region is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawing {
    /// Corners go whose triangles with their neighbours are at most half a square of this many cells; 0 keeps all.
    /// Regions are simplified each for itself: neighbours may come to overlap, or gaps to open between them.
    pub simplify: f64,
    /// How far an edge may be from where it is in the raster, in cells.
    pub tolerance: f64,
}

impl Default for Drawing {
    fn default() -> Self {
        Self { simplify: 0.0, tolerance: 0.25 }
    }
}

/// A GeoJSON geometry: closed rings, exteriors counterclockwise, holes clockwise, nothing across ±180°.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", content = "coordinates")]
pub enum Geometry {
    /// An exterior ring and holes.
    Polygon(Polygon),
    /// Several of them.
    MultiPolygon(Vec<Polygon>),
}

/// A region as a geometry.
///
/// `to_lon_lat` transforms many cell coordinates at once to longitude and latitude, in degrees; what isn't finite then
/// is left out of the outline.
///
/// # Errors
/// Those of `to_lon_lat`.
pub fn to_lon_lat<E>(
    region: &Region, drawing: Drawing, mut to_lon_lat: impl FnMut(&mut [f64], &mut [f64]) -> Result<(), E>,
) -> Result<Geometry, E> {
    let simplified = (drawing.simplify > 0.0).then(|| simplify(&region.parts, drawing.simplify));
    let parts = simplified.as_ref().unwrap_or(&region.parts);
    let mut polygons = draw_parts(parts, drawing.tolerance, &mut to_lon_lat)?;
    Ok(if polygons.len() == 1 { Geometry::Polygon(polygons.remove(0)) } else { Geometry::MultiPolygon(polygons) })
}

fn draw_parts<E>(parts: &[Part], tolerance: f64, to_lon_lat: &mut impl ToLonLat<E>) -> Result<Vec<Polygon>, E> {
    let Some(first) = parts.first() else { return Ok(Vec::new()) };
    let mirrored = is_mirrored(first.exterior[0], to_lon_lat)?;
    // all rings at once, since a transform has a price of its own
    let rings: Vec<_> = parts.iter().flat_map(Part::rings).collect();
    let mut loops = draw(&rings, tolerance, to_lon_lat)?.into_iter();
    let mut polygons = Vec::with_capacity(parts.len());
    for part in parts {
        let mut loops: Vec<Loop> = loops.by_ref().take(1 + part.holes.len()).collect();
        if mirrored {
            loops.iter_mut().for_each(Loop::reverse);
        }
        let has_exterior = loops[0].places.len() > 2;
        loops.retain(|ring| ring.places.len() > 2);
        if has_exterior {
            polygons.extend(tidy(cut(&loops)));
        }
    }
    Ok(polygons)
}

/// Rounded and closed polygons without those that are nothing then, unless all are.
fn tidy(polygons: Vec<Polygon>) -> Vec<Polygon> {
    let rounded = |polygon: &Polygon| polygon.iter().map(|ring| round(ring)).collect::<Polygon>();
    let mut kept: Vec<Polygon> = polygons.iter().map(rounded).collect();
    kept.retain_mut(|polygon| {
        let exists = encloses(&polygon[0]);
        polygon.retain(|ring| encloses(ring));
        exists
    });
    if kept.is_empty() {
        kept = polygons;
        for polygon in &mut kept {
            polygon.truncate(1);
        }
    }
    kept.iter_mut().flatten().for_each(|ring| ring.extend_from_within(..1));
    kept
}

/// The places of a ring, rounded, without those that are the same then.
pub fn round(ring: &[LonLat]) -> Vec<LonLat> {
    // adding 0 makes 0 of -0
    let mut places: Vec<LonLat> = ring.iter().map(|place| place.map(|v| (v * UNITS).round() / UNITS + 0.0)).collect();
    places.dedup();
    if places.len() > 1 && places.first() == places.last() {
        places.pop();
    }
    places
}

/// Whether a ring is more than a line, or what rounding has made of one.
fn encloses(ring: &[LonLat]) -> bool {
    let [low, high] = bounds(ring);
    let extent = high[0] - low[0] + high[1] - low[1];
    ring.len() > 2 && signed_area(ring).abs() > extent / UNITS / 2.0
}
