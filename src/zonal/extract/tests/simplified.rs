//! Simplified regions.

use geo::Validation;
use proptest::prelude::*;

use super::super::Part;
use super::super::simplify::simplify;
use super::chunks::rasters;
use super::{EIGHT, FOUR, ORIGIN, Raster, to_geo};

#[test]
fn a_staircase_becomes_a_diagonal() {
    let raster = Raster::draw(&["1....", "11...", "111..", "1111.", "11111"]);
    let parts = simplify(&raster.whole(FOUR)[0].parts, 1.0);
    let corners: Vec<_> = parts[0].exterior.iter().map(|[x, y]| [x - ORIGIN[0], y - ORIGIN[1]]).collect();
    assert_eq!(corners, [[0, 0], [0, 5], [5, 5]]);
}

#[test]
fn a_cell_stays_a_cell() {
    let parts = Raster::draw(&["1"]).whole(FOUR).remove(0).parts;
    assert_eq!(simplify(&parts, 100.0), parts);
}

#[test]
fn a_ring_does_not_pass_over_what_lies_in_its_bay() {
    let raster = Raster::draw(&["1111111", "11...11", "11.1.11", "1111111"]);
    let regions = raster.whole(EIGHT);
    let island = raster.whole(FOUR);
    assert_eq!(island.len(), 1, "the island hangs on the lower edge");
    for tolerance in [1.0, 2.0, 10.0] {
        let mut region = regions[0].clone();
        region.parts = simplify(&region.parts, tolerance);
        assert!(to_geo(&region).is_valid());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn simplified_regions_stay_valid(raster in rasters(), tolerance in 0.5..10.0f64) {
        for mut region in [raster.whole(FOUR), raster.whole(EIGHT)].concat() {
            let parts = simplify(&region.parts, tolerance);
            let count = |parts: &[Part]| parts.iter().flat_map(Part::rings).map(Vec::len).sum::<usize>();
            prop_assert!(count(&parts) <= count(&region.parts));
            region.parts = parts;
            let shape = to_geo(&region);
            prop_assert!(shape.is_valid(), "{:?}", shape.validation_errors());
        }
    }
}
