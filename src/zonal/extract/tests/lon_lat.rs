//! Regions in longitude and latitude: on grids of degrees, and around poles.

use std::convert::Infallible;

use geo::Validation;
use proptest::prelude::*;
use rstest::rstest;

use super::super::{Drawing, Geometry, Region, to_lon_lat};
use super::chunks::rasters;
use super::{EIGHT, FOUR, ORIGIN, Raster};

type Rings = Vec<Vec<[f64; 2]>>;

/// From cells of a raster to longitude and latitude.
#[derive(Debug, Clone, Copy)]
enum Grid {
    /// The corner of the raster and the size of a cell, in degrees. Longitudes are as they come.
    Degrees { corner: [f64; 2], cell: [f64; 2] },
    /// Lambert's azimuthal equal-area projection of a sphere, with a pole at some cell; cells in radians.
    Polar { pole: [f64; 2], cell: f64, south: bool },
}

impl Grid {
    #[expect(clippy::cast_precision_loss, reason = "small rasters")]
    fn to_lon_lat(self, x: f64, y: f64) -> [f64; 2] {
        let (x, y) = (x - ORIGIN[0] as f64, y - ORIGIN[1] as f64);
        match self {
            Self::Degrees { corner, cell } => [corner[0] + x * cell[0], corner[1] + y * cell[1]],
            Self::Polar { pole, cell, south } => {
                let (right, up) = ((x - pole[0]) * cell, (pole[1] - y) * cell);
                let lat = 90.0 - (2.0 * (right.hypot(up) / 2.0).asin()).to_degrees();
                if south { [right.atan2(up).to_degrees(), -lat] } else { [right.atan2(-up).to_degrees(), lat] }
            }
        }
    }

    /// The polygons of a region.
    fn draw(self, region: &Region, drawing: Drawing) -> Vec<Rings> {
        let transform = |x: &mut [f64], y: &mut [f64]| -> Result<(), Infallible> {
            x.iter_mut().zip(y).for_each(|(x, y)| [*x, *y] = self.to_lon_lat(*x, *y));
            Ok(())
        };
        match to_lon_lat(region, drawing, transform).unwrap() {
            Geometry::Polygon(rings) => vec![rings],
            Geometry::MultiPolygon(polygons) => polygons,
        }
    }
}

fn to_geo(polygons: &[Rings]) -> geo::MultiPolygon {
    let line = |ring: &Vec<[f64; 2]>| ring.iter().copied().collect::<geo::LineString>();
    let polygon = |rings: &Rings| geo::Polygon::new(line(&rings[0]), rings[1..].iter().map(line).collect());
    polygons.iter().map(polygon).collect()
}

/// Twice the signed area.
fn area(ring: &[[f64; 2]]) -> f64 {
    ring.windows(2).map(|pair| (pair[0], pair[1])).map(|(p, q)| p[0] * q[1] - q[0] * p[1]).sum()
}

fn contains(polygons: &[Rings], [lon, lat]: [f64; 2]) -> bool {
    let edges = polygons.iter().flatten().flat_map(|ring| ring.windows(2)).map(|pair| (pair[0], pair[1]));
    let crossed = edges
        .filter(|(p, q)| (p[1] > lat) != (q[1] > lat) && lon < p[0] + (q[0] - p[0]) * (lat - p[1]) / (q[1] - p[1]));
    crossed.count() % 2 == 1
}

/// What holds for every geometry.
fn check(polygons: &[Rings]) {
    let shape = to_geo(polygons);
    assert!(shape.is_valid(), "{:?} {polygons:?}", shape.validation_errors());
    for rings in polygons {
        for (index, ring) in rings.iter().enumerate() {
            assert_eq!(ring.first(), ring.last());
            assert_eq!(area(ring) > 0.0, index == 0, "{ring:?}");
            assert!(ring.iter().all(|[lon, lat]| lon.abs() <= 180.0 && lat.abs() <= 90.0), "{ring:?}");
        }
    }
}

/// The centres of all cells are in their region, and in no other.
fn check_cells(raster: &Raster, grid: Grid) {
    for selection in [FOUR, EIGHT] {
        let mut found = vec![0; raster.classes.len()];
        for region in raster.whole(selection) {
            let polygons = grid.draw(&region, Drawing::default());
            check(&polygons);
            for (index, found) in found.iter_mut().enumerate() {
                if contains(&polygons, center(raster, grid, index)) {
                    assert_eq!(std::mem::replace(found, region.class), 0, "cell {index} is in two regions");
                }
            }
        }
        for (index, (found, class)) in found.iter().zip(&raster.classes).enumerate() {
            // poles and the antimeridian are on edges
            let [lon, lat] = center(raster, grid, index);
            assert!(
                found == class || lat.abs() > 90.0 - 1e-6 || lon.abs() > 180.0 - 1e-6,
                "cell {index} at {lon} {lat}"
            );
        }
    }
}

/// The centre of a cell, between -180 and 180 degrees.
#[expect(clippy::cast_precision_loss, reason = "small rasters")]
fn center(raster: &Raster, grid: Grid, index: usize) -> [f64; 2] {
    let (col, row) = (index % raster.width as usize, index / raster.width as usize);
    let at = grid.to_lon_lat((ORIGIN[0] + col as u64) as f64 + 0.5, (ORIGIN[1] + row as u64) as f64 + 0.5);
    [at[0] - 360.0 * (at[0] / 360.0).round(), at[1]]
}

const NORTH_UP: Grid = Grid::Degrees { corner: [10.0, 50.0], cell: [0.5, -0.5] };
const SOUTH_UP: Grid = Grid::Degrees { corner: [10.0, 50.0], cell: [0.5, 0.5] };

#[rstest]
#[case::north_up(NORTH_UP, vec![vec![
    vec![[10.0, 50.0], [10.0, 48.5], [11.5, 48.5], [11.5, 50.0], [10.0, 50.0]],
    vec![[10.5, 49.5], [11.0, 49.5], [11.0, 49.0], [10.5, 49.0], [10.5, 49.5]],
]])]
#[case::south_up(SOUTH_UP, vec![vec![
    vec![[11.5, 50.0], [11.5, 51.5], [10.0, 51.5], [10.0, 50.0], [11.5, 50.0]],
    vec![[10.5, 51.0], [11.0, 51.0], [11.0, 50.5], [10.5, 50.5], [10.5, 51.0]],
]])]
#[case::beyond_180(Grid::Degrees { corner: [200.0, 50.0], cell: [0.5, -0.5] }, vec![vec![
    vec![[-160.0, 50.0], [-160.0, 48.5], [-158.5, 48.5], [-158.5, 50.0], [-160.0, 50.0]],
    vec![[-159.5, 49.5], [-159.0, 49.5], [-159.0, 49.0], [-159.5, 49.0], [-159.5, 49.5]],
]])]
#[case::across_180(Grid::Degrees { corner: [179.0, 50.0], cell: [1.0, -1.0] }, vec![
    vec![vec![[180.0, 50.0], [179.0, 50.0], [179.0, 47.0], [180.0, 47.0], [180.0, 50.0]]],
    vec![vec![
        [-180.0, 47.0], [-178.0, 47.0], [-178.0, 50.0], [-180.0, 50.0], [-180.0, 49.0], [-179.0, 49.0], [-179.0, 48.0],
        [-180.0, 48.0], [-180.0, 47.0],
    ]],
])]
fn rings_run_as_the_rfc_says(#[case] grid: Grid, #[case] expected: Vec<Rings>) {
    let region = Raster::draw(&["111", "1.1", "111"]).whole(FOUR).remove(0);
    let polygons = grid.draw(&region, Drawing::default());
    check(&polygons);
    assert_eq!(polygons, expected);
}

#[rstest]
#[case(-180.0, vec![vec![vec![[-180.0, 90.0], [-180.0, -90.0], [180.0, -90.0], [180.0, 90.0], [-180.0, 90.0]]]])]
#[case(0.0, vec![
    vec![vec![[180.0, 90.0], [0.0, 90.0], [0.0, -90.0], [180.0, -90.0], [180.0, 90.0]]],
    vec![vec![[-180.0, -90.0], [0.0, -90.0], [0.0, 90.0], [-180.0, 90.0], [-180.0, -90.0]]],
])]
fn a_region_may_be_the_whole_map(#[case] west: f64, #[case] expected: Vec<Rings>) {
    let region = Raster { width: 36, height: 18, classes: vec![1; 36 * 18] }.whole(FOUR).remove(0);
    let polygons = Grid::Degrees { corner: [west, 90.0], cell: [10.0, -10.0] }.draw(&region, Drawing::default());
    assert_eq!(polygons, expected);
}

#[rstest]
#[case::cap(&["111", "111", "111"], [1.5, 1.5], 1)]
#[case::cap_around_a_corner(&["11", "11"], [1.0, 1.0], 1)]
#[case::ring_around_the_pole(&["111", "1.1", "111"], [1.5, 1.5], 1)]
#[case::two_rings_around_the_pole(&["11111", "1...1", "1.1.1", "1...1", "11111"], [2.5, 2.5], 1)]
#[case::quarter(&["1.", ".."], [1.0, 1.0], 1)]
#[case::quarter_on_both_sides_of_180(&["1.", ".."], [1.0, 1.25], 1)]
#[case::half(&["11", ".."], [1.0, 1.0], 2)]
#[case::other_half(&["..", "11"], [1.0, 1.0], 1)]
#[case::three_quarters(&["11", "1."], [1.0, 1.0], 2)]
#[case::edge_through_the_pole(&["111111", "......"], [3.0, 1.0], 2)]
fn regions_around_a_pole_are_cut(#[case] cells: &[&str], #[case] pole: [f64; 2], #[case] polygons: usize) {
    let raster = Raster::draw(cells);
    for south in [false, true] {
        let grid = Grid::Polar { pole, cell: 0.01, south };
        check_cells(&raster, grid);
        if !south {
            let region = raster.whole(FOUR).remove(0);
            assert_eq!(grid.draw(&region, Drawing::default()).len(), polygons);
        }
    }
}

#[rstest]
#[case::at_the_pole(&["11.1", "1.1.", "1111"], [2.0, 1.0])]
#[case::on_the_antimeridian(&["1.111", ".11.1", ".1.11"], [3.0, 2.0])]
#[case::from_the_other_side(&["11.11.", "111111", "1.11.1", "1..11."], [5.0, 3.5])]
#[case::farther_away(&["1.111", "11111", "11111", "1111.", "111.1", ".1111"], [4.0, 4.0])]
fn rings_that_touch_do_not_cross_when_they_are_cut(#[case] cells: &[&str], #[case] pole: [f64; 2]) {
    for south in [false, true] {
        check_cells(&Raster::draw(cells), Grid::Polar { pole, cell: 0.001, south });
    }
}

#[rstest]
#[case(&["1.", ".."], 90.0)]
#[case(&[".1", ".."], 90.0)]
#[case(&["..", "1."], 90.0)]
#[case(&["..", ".1"], 90.0)]
#[case(&["1.", "1."], 180.0)]
#[case(&[".1", ".1"], 180.0)]
#[case(&["..", "11"], 180.0)]
#[case(&["11", ".."], 180.0)]
#[case(&["111", "111", "...", "..."], 180.0)]
#[case(&["...", "...", "111", "111"], 180.0)]
fn what_ends_at_a_pole_has_only_its_own_meridians(#[case] cells: &[&str], #[case] expected: f64) {
    let raster = Raster::draw(cells);
    let region = raster.whole(FOUR).remove(0);
    for south in [false, true] {
        // on an edge between two corners, or at a corner of cells
        let pole = if raster.width == 3 { [1.5, 2.0] } else { [1.0, 1.0] };
        let polygons = Grid::Polar { pole, cell: 0.01, south }.draw(&region, Drawing::default());
        check(&polygons);
        let extent = |rings: &Rings| {
            let lons = || rings[0].iter().map(|place| place[0]);
            lons().fold(f64::NEG_INFINITY, f64::max) - lons().fold(f64::INFINITY, f64::min)
        };
        assert_eq!(polygons.iter().map(extent).sum::<f64>().round(), expected, "{polygons:?}");
    }
}

#[test]
fn a_cell_too_small_for_seven_decimals_keeps_all_of_its_own() {
    let region = Raster::draw(&["1"]).whole(FOUR).remove(0);
    let grid = Grid::Degrees { corner: [10.0, 50.0], cell: [1e-9, -1e-9] };
    let ring = &grid.draw(&region, Drawing::default())[0][0];
    assert_eq!((ring.len(), ring[0][1], ring[1][1] < 50.0), (5, 50.0, true));
}

#[test]
fn a_hole_that_rounding_closes_is_left_out() {
    let rows: [&str; 5] = ["11111", "11111", "11.11", "11111", "11111"];
    let region = Raster::draw(&rows).whole(FOUR).remove(0);
    let grid = Grid::Degrees { corner: [10.0, 50.0], cell: [4e-8, -4e-8] };
    let expected =
        vec![[10.0, 50.0], [10.0, 49.999_999_8], [10.000_000_2, 49.999_999_8], [10.000_000_2, 50.0], [10.0, 50.0]];
    assert_eq!(grid.draw(&region, Drawing::default()), [[expected]]);
}

#[test]
fn long_edges_are_divided_where_they_are_bent() {
    let region = Raster { width: 1000, height: 1, classes: vec![1; 1000] }.whole(FOUR).remove(0);
    let count = |grid: Grid, tolerance| grid.draw(&region, Drawing { tolerance, ..Drawing::default() })[0][0].len();
    assert_eq!(count(NORTH_UP, 0.25), 5);
    let polar = Grid::Polar { pole: [500.0, 3000.0], cell: 1e-4, south: false };
    assert!((10..100).contains(&count(polar, 0.25)));
    assert!(count(polar, 0.01) > count(polar, 0.25));
}

#[test]
fn corners_without_a_place_are_left_out() {
    let region = Raster::draw(&["111", "111", ".11"]).whole(FOUR).remove(0);
    let geometry = to_lon_lat(&region, Drawing::default(), |x, y| {
        for (x, y) in x.iter_mut().zip(y) {
            [*x, *y] = NORTH_UP.to_lon_lat(*x, *y);
            *x = if *x < 10.1 && *y > 49.9 { f64::INFINITY } else { *x };
        }
        Ok::<(), Infallible>(())
    });
    let ring = vec![[10.0, 49.0], [10.5, 49.0], [10.5, 48.5], [11.5, 48.5], [11.5, 50.0], [10.0, 49.0]];
    assert_eq!(geometry, Ok(Geometry::Polygon(vec![ring])));
}

#[test]
fn a_geometry_is_written_as_geojson() {
    let region = Raster::draw(&["1"]).whole(FOUR).remove(0);
    let geometry = to_lon_lat(&region, Drawing::default(), |x, y| {
        x.iter_mut().zip(y).for_each(|(x, y)| [*x, *y] = NORTH_UP.to_lon_lat(*x, *y));
        Ok::<(), Infallible>(())
    });
    let expected =
        r#"{"type":"Polygon","coordinates":[[[10.0,50.0],[10.0,49.5],[10.5,49.5],[10.5,50.0],[10.0,50.0]]]}"#;
    assert_eq!(serde_json::to_string(&geometry.unwrap()).unwrap(), expected);
}

#[test]
fn the_error_of_a_transform_is_passed_on() {
    let region = Raster::draw(&["1"]).whole(FOUR).remove(0);
    assert_eq!(to_lon_lat(&region, Drawing::default(), |_, _| Err("no grid file")), Err("no grid file"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_cell_is_in_its_region_around_a_pole(
        raster in rasters(), x in 0..80u32, y in 0..80u32, offset in 0..3u8, cell in 1e-4..0.02f64, south: bool,
    ) {
        // in the middle of a cell, at its corner, or anywhere
        let fraction = f64::from(offset) * 0.17;
        let pole = [f64::from(x) / 2.0 + fraction, f64::from(y) / 2.0 + fraction];
        check_cells(&raster, Grid::Polar { pole, cell, south });
    }

    #[test]
    fn every_cell_is_in_its_region_on_a_grid_of_degrees(
        raster in rasters(), west in -400..400i32, shift in prop::sample::select(vec![0.0, 0.3, 2e-9, -2e-9]), up: bool,
        size in 1..10u8,
    ) {
        let cell = [f64::from(size), if up { 1.0 } else { -1.0 }];
        check_cells(&raster, Grid::Degrees { corner: [f64::from(west) + shift, 0.0], cell });
    }
}
