//! From an area on Earth to rings in the cell space of one raster.

use super::clip::{Bounds, bounds, clip};
use super::{Area, Ring, ShapeError, densify, seam, signed_area};

impl Area {
    /// The polygons in cells: each a list of rings, the exterior first, ready to find what they cover.
    ///
    /// `boxes` are what the raster can see: west, south, east, north in degrees, a margin of some cells around it
    /// included, longitudes in the raster's own terms (170 to 190, or 0 to 360, are fine). The area is clipped to them
    /// first, because projections cannot show the whole world; that changes no cell as long as the margin keeps the
    /// boxes' sides out of the raster. Boxes must not overlap, and if the raster shows a place once only they must
    /// not either: a raster that has the pole inside takes 360° of longitude, no margin.
    ///
    /// `transform` takes longitudes and latitudes of the boxes to columns and rows, in place, many at a time; what it
    /// cannot transform comes out not finite. An affine transform costs no extra vertex.
    ///
    /// Sides along which the area was cut (at the antimeridian, at sides of boxes) are taken out again where the raster
    /// shows both sides next to each other: an area touches the same cells whether it came in one piece or in two.
    /// Therefore a hole can be listed under another polygon than its own; together the rings bound the area.
    ///
    /// # Errors
    ///
    /// The transform fails, or cannot show a part of the area inside the boxes, or too many vertices are needed.
    pub fn project<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        &self, boxes: &[Bounds], mut transform: impl FnMut(&mut [f64], &mut [f64]) -> Result<(), E>,
    ) -> Result<Vec<Vec<Ring>>, ShapeError> {
        let mut transform = |lons: &mut [f64], lats: &mut [f64]| {
            transform(lons, lats).map_err(|error| ShapeError::Transform { source: error.into() })
        };
        let pieces: Vec<Ring> = boxes.iter().flat_map(|bounds| self.within(*bounds)).collect();
        let outline = seam::open(&pieces, boxes, &mut transform)?;
        let paths = densify::project(&outline.paths, &mut transform)?;
        Ok(polygons(outline.loops.iter().map(|parts| join(parts, &paths)).collect()))
    }

    /// What of the rings lies in a box, in the longitudes of the box.
    #[expect(clippy::cast_possible_truncation, reason = "a few turns")]
    fn within(&self, view @ [west, south, east, north]: Bounds) -> Vec<Ring> {
        let turns = ((west - 180.0) / 360.0).ceil() as i32..=((east + 180.0) / 360.0).floor() as i32;
        let mut pieces = Vec::new();
        for ring in &self.rings {
            let [w, s, e, n] = bounds(ring);
            for shift in turns.clone().map(|turn| 360.0 * f64::from(turn)) {
                if w + shift > east || e + shift < west || s > north || n < south {
                    continue;
                }
                let shifted: Ring = ring.iter().map(|[lon, lat]| [lon + shift, *lat]).collect();
                pieces.push(clip(&shifted, view));
            }
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }
}

/// A ring from the paths that it is made of; each ends where the next one starts.
fn join(parts: &[usize], paths: &[Ring]) -> Ring {
    parts.iter().flat_map(|part| paths[*part].split_last().map_or(&[][..], |(_, path)| path)).copied().collect()
}

/// Sorts rings into exteriors and holes by their direction, which rows that count downwards turn round.
fn polygons(rings: Vec<Ring>) -> Vec<Vec<Ring>> {
    let areas: Vec<f64> = rings.iter().map(|ring| signed_area(ring)).collect();
    let direction = areas.iter().sum::<f64>().signum();
    let (mut polygons, mut holes) = (Vec::new(), Vec::new());
    for (ring, area) in rings.into_iter().zip(areas) {
        if area * direction < 0.0 {
            holes.push(ring);
        } else {
            polygons.push(vec![ring]);
        }
    }
    if let Some(first) = polygons.first_mut() {
        first.append(&mut holes);
    }
    polygons
}
