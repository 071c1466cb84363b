//! Random rasters in random chunks, against plain ways to the same answers.

use geo::{Area, Validation};
use proptest::prelude::*;

use super::super::{Connectivity, Region, Selection, Traced, trace};
use super::{EIGHT, FOUR, ORIGIN, Raster, UNLIMITED, to_geo};
use crate::zonal::Window;

/// Rasters of up to 40 × 40 cells: noise or patches, of one to four classes, with none to most of the cells unwanted.
pub fn rasters() -> impl Strategy<Value = Raster> {
    (1..40u32, 1..40u32, 1..5u64, 0..95u64, 1..6u32, any::<u64>()).prop_map(
        |(width, height, classes, unwanted, patch, seed)| {
            let cell = |x: u32, y: u32| {
                let place = u64::from(y / patch) << 32 | u64::from(x / patch);
                let hash = (place ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32;
                if hash % 100 < unwanted { 0 } else { u16::try_from(1 + (hash >> 8) % classes).unwrap() }
            };
            let classes = (0..height).flat_map(|y| (0..width).map(move |x| cell(x, y))).collect();
            Raster { width, height, classes }
        },
    )
}

fn selections() -> impl Strategy<Value = Selection> {
    (prop::bool::ANY, 0..6u64).prop_map(|(four, min_cells)| Selection {
        connectivity: if four { Connectivity::Four } else { Connectivity::Eight },
        min_cells,
    })
}

/// The class and size of all regions, in the order of their first cells, by flooding.
fn flood(raster: &Raster, connectivity: Connectivity) -> Vec<(u16, u64)> {
    let (width, height) = (i64::from(raster.width), i64::from(raster.height));
    let mut seen = vec![false; raster.classes.len()];
    let mut regions = Vec::new();
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        let (class, mut cells, mut stack) = (raster.at(x, y), 0, vec![(x, y)]);
        while let Some((x, y)) = stack.pop() {
            if class == 0 || raster.at(x, y) != class {
                continue;
            }
            if std::mem::replace(&mut seen[usize::try_from(y * width + x).unwrap()], true) {
                continue;
            }
            cells += 1;
            for (dx, dy) in (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))) {
                if connectivity == Connectivity::Eight || dx == 0 || dy == 0 {
                    stack.push((x + dx, y + dy));
                }
            }
        }
        if cells > 0 {
            regions.push((class, cells));
        }
    }
    regions
}

/// The cells inside the rings, by the number of vertical edges on the left of each (even-odd).
fn rasterise(region: &Region, raster: &Raster, into: &mut [u16]) {
    let mut crossed = vec![false; raster.classes.len()];
    for ring in region.parts.iter().flat_map(super::super::Part::rings) {
        for (from, to) in ring.iter().zip(ring.iter().cycle().skip(1)) {
            for y in from[1].min(to[1])..from[1].max(to[1]) {
                for x in from[0]..ORIGIN[0] + u64::from(raster.width) {
                    let index = (y - ORIGIN[1]) * u64::from(raster.width) + x - ORIGIN[0];
                    crossed[usize::try_from(index).unwrap()] ^= true;
                }
            }
        }
    }
    for (cell, _) in into.iter_mut().zip(crossed).filter(|(_, inside)| *inside) {
        assert_eq!(std::mem::replace(cell, region.class), 0, "regions overlap");
    }
}

/// Splits a window into up to four at a time, so that sides of chunks meet other chunks in their middle.
fn split(window: Window, depth: u32, seed: &mut u64, into: &mut Vec<Window>) {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    let across = (*seed >> 60) & 1 == 0;
    let size = if across { window.width } else { window.height };
    if depth == 0 || size < 2 {
        return into.push(window);
    }
    let first = 1 + u32::try_from((*seed >> 33) % u64::from(size - 1)).unwrap();
    let (mut a, mut b) = (window, window);
    if across {
        (a.width, b.width, b.col) = (first, size - first, window.col + u64::from(first));
    } else {
        (a.height, b.height, b.row) = (first, size - first, window.row + u64::from(first));
    }
    split(a, depth - 1, seed, into);
    split(b, depth - 1, seed, into);
}

fn shuffle(chunks: &mut [Window], mut seed: u64) {
    for index in (1..chunks.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        chunks.swap(index, usize::try_from(seed >> 33).unwrap() % (index + 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_grid_of_chunks_in_any_order_gives_the_same_regions(
        raster in rasters(), selection in selections(), cols in prop::collection::vec(1..40u32, 0..6),
        rows in prop::collection::vec(1..40u32, 0..6), seed: u64,
    ) {
        let mut chunks = raster.chunks(&cols, &rows);
        shuffle(&mut chunks, seed);
        prop_assert_eq!(raster.extract(&chunks, selection, UNLIMITED).unwrap(), raster.whole(selection));
    }

    #[test]
    fn chunks_need_not_be_a_grid(raster in rasters(), selection in selections(), depth in 1..6u32, mut seed: u64) {
        let mut chunks = Vec::new();
        split(raster.chunks(&[], &[])[0], depth, &mut seed, &mut chunks);
        shuffle(&mut chunks, seed);
        prop_assert_eq!(raster.extract(&chunks, selection, UNLIMITED).unwrap(), raster.whole(selection));
    }

    #[test]
    fn regions_are_those_of_a_flood_fill(raster in rasters()) {
        for selection in [FOUR, EIGHT] {
            let regions = raster.whole(selection);
            let found: Vec<_> = regions.iter().map(|region| (region.class, region.cells)).collect();
            prop_assert_eq!(found, flood(&raster, selection.connectivity));
        }
    }

    #[test]
    fn small_regions_are_left_out(raster in rasters(), selection in selections()) {
        let mut expected = raster.whole(Selection { min_cells: 0, ..selection });
        expected.retain(|region| region.cells >= selection.min_cells);
        prop_assert_eq!(raster.whole(selection), expected);
    }

    #[test]
    fn regions_cover_exactly_their_cells(raster in rasters()) {
        for selection in [FOUR, EIGHT] {
            let mut cells = vec![0; raster.classes.len()];
            for region in raster.whole(selection) {
                rasterise(&region, &raster, &mut cells);
            }
            prop_assert_eq!(&cells, &raster.classes);
        }
    }

    #[test]
    fn regions_are_valid_polygons_with_the_area_of_their_cells(raster in rasters()) {
        for selection in [FOUR, EIGHT] {
            for region in raster.whole(selection) {
                let shape = to_geo(&region);
                prop_assert!(shape.is_valid(), "{:?}", shape.validation_errors());
                for polygon in &shape {
                    prop_assert!(geo::Polygon::new(polygon.exterior().clone(), vec![]).signed_area() > 0.0);
                }
                #[expect(clippy::cast_precision_loss, reason = "small rasters")]
                let cells = region.cells as f64;
                prop_assert_eq!(shape.unsigned_area(), cells);
            }
        }
    }

    #[test]
    fn a_traced_chunk_survives_its_way_as_text(raster in rasters()) {
        let window = raster.chunks(&[], &[])[0];
        let chunk = trace(window, &raster.classes, EIGHT);
        let text = serde_json::to_string(&chunk).unwrap();
        prop_assert_eq!(serde_json::from_str::<Traced>(&text).unwrap(), chunk);
    }
}
