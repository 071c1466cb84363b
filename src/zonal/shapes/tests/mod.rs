//! Tests of shapes, a file a subject; here, what they share.
#![expect(
    clippy::cast_precision_loss,
    clippy::needless_for_each,
    clippy::unnecessary_wraps,
    reason = "small numbers; short loops; closures that stand for others"
)]

mod geojson;
mod line;
mod project;
mod sphere;
mod valid;

use std::convert::Infallible;

use super::*;

/// The boxes of a raster that shows the world in one piece, with a margin.
const WORLD: [[f64; 4]; 1] = [[-181.0, -90.0, 181.0, 90.0]];

fn polygon(exterior: &[Position]) -> Polygon {
    Polygon { exterior: exterior.to_vec(), holes: Vec::new() }
}

fn area(exteriors: &[&[Position]]) -> Result<Area, ShapeError> {
    Area::new(&exteriors.iter().map(|ring| polygon(ring)).collect::<Vec<_>>())
}

/// A rectangle, counterclockwise from its south-western corner.
fn rectangle(west: f64, south: f64, east: f64, north: f64) -> Ring {
    vec![[west, south], [east, south], [east, north], [west, north]]
}

/// How often rings wind around a place.
fn winding<'a>(rings: impl IntoIterator<Item = &'a Ring>, [x, y]: Position) -> i32 {
    let of_edge = |[a, b]: [Position; 2]| {
        let left = (b[0] - a[0]) * (y - a[1]) - (x - a[0]) * (b[1] - a[1]);
        i32::from(a[1] <= y && b[1] > y && left > 0.0) - i32::from(b[1] <= y && a[1] > y && left < 0.0)
    };
    rings.into_iter().flat_map(|ring| edges(ring)).map(of_edge).sum()
}

/// Whether a place is in an area; `lon` from -180 to 180.
fn holds(area: &Area, place: Position) -> bool {
    winding(area.rings(), place) == 1
}

/// Square degrees.
fn size(area: &Area) -> f64 {
    area.rings().iter().map(|ring| signed_area(ring)).sum()
}

/// Cells of one degree in longitude and latitude, west to east from `west`, and north to south.
fn degrees(west: f64) -> impl Fn(&mut [f64], &mut [f64]) -> Result<(), Infallible> {
    move |lons, lats| {
        lons.iter_mut().for_each(|lon| *lon -= west);
        lats.iter_mut().for_each(|lat| *lat = 90.0 - *lat);
        Ok(())
    }
}

/// Polar azimuthal equidistant, north pole in the middle of 180 by 180 cells, 40° to the cells' sides.
fn polar(lons: &mut [f64], lats: &mut [f64]) -> Result<(), Infallible> {
    for (lon, lat) in lons.iter_mut().zip(lats) {
        let (sin, cos) = lon.to_radians().sin_cos();
        let radius = (90.0 - *lat) * 90.0 / 40.0;
        (*lon, *lat) = (90.0 + radius * sin, 90.0 + radius * cos);
    }
    Ok(())
}

/// What [`polar`] can see, corners and margin included.
const ARCTIC: [[f64; 4]; 1] = [[-180.0, 30.0, 180.0, 90.0]];
