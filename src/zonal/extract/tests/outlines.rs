//! Outlines of small figures, in cell space.

use rstest::rstest;

use super::super::{Connectivity, Corner, ExtractError, Limits, Region, Selection};
use super::{EIGHT, FOUR, ORIGIN, Raster, UNLIMITED};

const DONUT: &[&str] = &["111", "1.1", "111"];
const NESTED: &[&str] = &["1111111", "1.....1", "1.222.1", "1.2.2.1", "1.222.1", "1.....1", "1111111"];
const ISLANDS: &[&str] = &["11111111", "1......1", "1.1111.1", "1.1..1.1", "1.1.1111", "1......1", "11111111"];
const CHECKERBOARD: &[&str] = &["1.1.", ".1.1", "1.1.", ".1.1"];
const SPIRAL: &[&str] = &["1111111", "......1", "11111.1", "1...1.1", "1.111.1", "1.....1", "1111111"];
const PINCHED: &[&str] = &["111.", "1.1.", "11.1", "..11"];

/// Rings as they are in the raster itself.
fn rings(regions: &[Region]) -> Vec<Vec<Vec<[u64; 2]>>> {
    let local = |ring: &Vec<Corner>| ring.iter().map(|[x, y]| [x - ORIGIN[0], y - ORIGIN[1]]).collect();
    regions.iter().flat_map(|region| &region.parts).map(|part| part.rings().map(local).collect()).collect()
}

#[rstest]
#[case::cell(&["1"], vec![vec![[0, 0], [0, 1], [1, 1], [1, 0]]])]
#[case::plus(
    &[".1.", "111", ".1."],
    vec![vec![[1, 0], [1, 1], [0, 1], [0, 2], [1, 2], [1, 3], [2, 3], [2, 2], [3, 2], [3, 1], [2, 1], [2, 0]]],
)]
#[case::donut(DONUT, vec![vec![[0, 0], [0, 3], [3, 3], [3, 0]], vec![[1, 1], [2, 1], [2, 2], [1, 2]]])]
// the ring would touch itself at (2, 2) if it stayed with its own cell there
#[case::a_hole_that_touches_the_exterior(
    &["111", "1.1", "11."],
    vec![vec![[0, 0], [0, 3], [2, 3], [2, 2], [3, 2], [3, 0]], vec![[1, 1], [2, 1], [2, 2], [1, 2]]],
)]
fn a_part_has_an_exterior_and_holes(#[case] raster: &[&str], #[case] expected: Vec<Vec<[u64; 2]>>) {
    let raster = Raster::draw(raster);
    for cut in [&[][..], &[1], &[2], &[1, 2]] {
        let regions = raster.extract(&raster.chunks(cut, cut), FOUR, UNLIMITED).unwrap();
        assert_eq!(rings(&regions), std::slice::from_ref(&expected), "cut at {cut:?}");
    }
}

#[rstest]
#[case::checkerboard_4(CHECKERBOARD, FOUR, &[1; 8])]
#[case::checkerboard_8(CHECKERBOARD, EIGHT, &[8])]
#[case::nested(NESTED, FOUR, &[24, 8])]
#[case::islands_4(ISLANDS, FOUR, &[36])]
#[case::spiral(SPIRAL, FOUR, &[31])]
#[case::pinched_4(PINCHED, FOUR, &[7, 3])]
#[case::pinched_8(PINCHED, EIGHT, &[10])]
#[case::nothing(&["..", ".."], EIGHT, &[])]
#[case::all(&["1111", "1111"], FOUR, &[8])]
fn regions_are_connected_cells(#[case] raster: &[&str], #[case] selection: Selection, #[case] cells: &[u64]) {
    let raster = Raster::draw(raster);
    for cut in [&[][..], &[1], &[2], &[1, 3], &[1, 2, 3, 4, 5, 6]] {
        let regions = raster.extract(&raster.chunks(cut, cut), selection, UNLIMITED).unwrap();
        assert_eq!(regions.iter().map(|region| region.cells).collect::<Vec<_>>(), cells, "cut at {cut:?}");
    }
}

#[test]
fn cells_that_touch_where_four_chunks_meet_are_one_region_of_two_parts() {
    let raster = Raster::draw(&["1.", ".1"]);
    let chunks = raster.chunks(&[1], &[1]);
    let regions = raster.extract(&chunks, EIGHT, UNLIMITED).unwrap();
    assert_eq!((regions.len(), regions[0].parts.len(), regions[0].cells), (1, 2, 2));
    assert_eq!(raster.extract(&chunks, FOUR, UNLIMITED).unwrap().len(), 2);
}

#[test]
fn a_chunk_inside_a_region_leaves_no_trace() {
    let raster = Raster { width: 9, height: 9, classes: vec![3; 81] };
    let regions = raster.extract(&raster.chunks(&[3, 6], &[3, 6]), FOUR, UNLIMITED).unwrap();
    assert_eq!(rings(&regions), [[[[0, 0], [0, 9], [9, 9], [9, 0]]]]);
}

#[test]
fn regions_of_different_classes_stay_apart() {
    let raster = Raster::draw(&["1122", "1122"]);
    let regions = raster.extract(&raster.chunks(&[2], &[1]), EIGHT, UNLIMITED).unwrap();
    assert_eq!(regions.iter().map(|region| (region.class, region.cells)).collect::<Vec<_>>(), [(1, 4), (2, 4)]);
}

#[test]
fn a_chunk_that_is_not_there_has_no_cells() {
    let raster = Raster { width: 4, height: 4, classes: vec![1; 16] };
    let chunks = raster.chunks(&[2], &[2]);
    let regions = raster.extract(&chunks[..3], FOUR, UNLIMITED).unwrap();
    assert_eq!(rings(&regions), [[[[0, 0], [0, 4], [2, 4], [2, 2], [4, 2], [4, 0]]]]);
}

#[test]
fn small_regions_are_left_out_after_the_join_only() {
    let raster = Raster::draw(&["11.1.", "11..1", "...1."]);
    let selection = |connectivity| Selection { connectivity, min_cells: 3 };
    for (connectivity, expected) in [(Connectivity::Four, vec![4]), (Connectivity::Eight, vec![4, 3])] {
        for cut in [&[][..], &[1], &[4], &[1, 2, 3, 4]] {
            let regions = raster.extract(&raster.chunks(cut, cut), selection(connectivity), UNLIMITED).unwrap();
            assert_eq!(regions.iter().map(|region| region.cells).collect::<Vec<_>>(), expected, "cut at {cut:?}");
        }
    }
}

#[rstest]
#[case(Limits { regions: 8, corners: 32 }, None)]
#[case(Limits { regions: 7, corners: 32 }, Some("there are 8 regions or more, 7 are allowed"))]
#[case(Limits { regions: 8, corners: 31 }, Some("the regions have 32 corners or more, 31 are allowed"))]
fn a_result_larger_than_its_limits_is_an_error_for_any_chunks(#[case] limits: Limits, #[case] expected: Option<&str>) {
    let raster = Raster::draw(CHECKERBOARD);
    for cut in [&[][..], &[1], &[2], &[1, 2, 3]] {
        let error = raster.extract(&raster.chunks(cut, cut), FOUR, limits).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), expected.is_some(), "cut at {cut:?}");
        assert!(error.unwrap_or_default().starts_with(expected.unwrap_or_default()), "cut at {cut:?}");
    }
}

#[test]
fn a_limit_is_felt_as_soon_as_it_is_certain() {
    let raster = Raster::draw(&["......", ".1.1..", "......", "......"]);
    let chunks = raster.chunks(&[], &[3]);
    let error = raster.extract(&chunks[..1], FOUR, Limits { regions: 1, ..UNLIMITED }).unwrap_err();
    assert_eq!(error, ExtractError::TooManyRegions { found: 2, limit: 1 });
}

#[test]
fn chunks_that_overlap_are_an_error() {
    let raster = Raster::draw(&["1111", "11.1", "1111"]);
    let mut chunks = raster.chunks(&[2], &[]);
    chunks[0].width = 3;
    assert!(matches!(raster.extract(&chunks, FOUR, UNLIMITED), Err(ExtractError::Unmatched { .. })));
}
