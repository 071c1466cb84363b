//! From degrees to cells.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

type Failed = Infallible;

fn vertices(polygons: &[Vec<Ring>]) -> usize {
    polygons.iter().flatten().map(Vec::len).sum()
}

fn flat(polygons: Vec<Vec<Ring>>) -> Vec<Ring> {
    polygons.into_iter().flatten().collect()
}

/// The cells whose centres are inside, `offset` aside, of a raster of `width` by `height` cells.
fn covered(polygons: &[Vec<Ring>], width: u32, height: u32) -> Vec<[u32; 2]> {
    let rings: Vec<&Ring> = polygons.iter().flatten().collect();
    let sign = if rings.iter().map(|ring| signed_area(ring)).sum::<f64>() < 0.0 { -1 } else { 1 };
    let is_in = |[col, row]: &[u32; 2]| {
        let count = sign * winding(rings.iter().copied(), [f64::from(*col) + 0.5, f64::from(*row) + 0.5]);
        assert!((0..=1).contains(&count), "cell {col} {row} is counted {count} times");
        count == 1
    };
    (0..height).flat_map(|row| (0..width).map(move |col| [col, row])).filter(is_in).collect()
}

#[test]
fn an_affine_transform_adds_no_vertex() {
    let shape = area(&[&rectangle(-170.0, -80.0, 150.0, 80.0), &rectangle(155.0, 0.0, 179.0, 1.0)]).expect("an area");
    let cells = shape.project(&WORLD, degrees(-180.0)).expect("cells");
    assert_eq!(vertices(&cells), 8);
    assert!(cells.iter().flatten().any(|ring| ring.contains(&[10.0, 170.0])));
}

#[test]
fn the_whole_world_is_one_ring_around_a_world_raster() {
    let world = area(&[&rectangle(-180.0, -90.0, 180.0, 90.0)]).expect("an area");
    let cells = world.project(&WORLD, degrees(-180.0)).expect("cells");
    assert_eq!(covered(&cells, 360, 180).len(), 360 * 180);
    assert_eq!(cells.len(), 1);
    let xs: Vec<f64> = flat(cells).concat().iter().map(|vertex| vertex[0]).collect();
    assert!(xs.iter().all(|x| [-1.0, 0.0, 360.0, 361.0].contains(x)), "{xs:?}");
}

#[test]
fn the_whole_world_is_a_circle_around_the_pole_without_seams() {
    let world = area(&[&rectangle(-180.0, -90.0, 180.0, 90.0)]).expect("an area");
    let cells = world.project(&ARCTIC, polar).expect("cells");
    assert_eq!(covered(&cells, 180, 180).len(), 180 * 180);
    let rings = flat(cells);
    assert_eq!(rings.len(), 1);
    let radius = |[x, y]: &Position| (x - 90.0).hypot(y - 90.0);
    assert!(rings[0].iter().all(|vertex| (radius(vertex) - 135.0).abs() < 1e-6));
}

#[rstest]
#[case::a_cap(vec![polygon(&rectangle(-180.0, 80.0, 180.0, 90.0))], 1)]
#[case::a_ring(vec![polygon(&rectangle(-180.0, 70.0, 180.0, 80.0))], 2)]
#[case::a_cap_around_the_pole(vec![polygon(&[[0.0, 80.0], [90.0, 80.0], [180.0, 80.0], [-90.0, 80.0]])], 1)]
#[case::two_halves(
    vec![polygon(&rectangle(0.0, 80.0, 180.0, 90.0)), polygon(&rectangle(-180.0, 80.0, -90.0, 90.0))], 1
)]
#[case::a_box_across(vec![polygon(&rectangle(170.0, 70.0, -170.0, 80.0))], 1)]
#[case::a_box_in_two_parts(
    vec![polygon(&rectangle(170.0, 70.0, 180.0, 80.0)), polygon(&rectangle(-180.0, 70.0, -170.0, 80.0))], 1
)]
#[case::a_hole_across(
    vec![Polygon { exterior: rectangle(-180.0, 60.0, 180.0, 90.0), holes: vec![rectangle(170.0, 70.0, 190.0, 80.0)] }], 2
)]
#[case::parts_of_unequal_height(
    vec![polygon(&rectangle(170.0, 70.0, 180.0, 80.0)), polygon(&rectangle(-180.0, 60.0, -170.0, 75.0))], 1
)]
fn around_the_pole_no_edge_is_left_of_a_cut(#[case] polygons: Vec<Polygon>, #[case] rings: usize) {
    let shape = Area::new(&polygons).expect("an area");
    let cells = shape.project(&ARCTIC, polar).expect("cells");
    let expected: Vec<[u32; 2]> = (0..180_u32)
        .flat_map(|row| (0..180_u32).map(move |col| [col, row]))
        .filter(|[col, row]| {
            let [x, y] = [f64::from(*col) + 0.5 - 90.0, f64::from(*row) + 0.5 - 90.0];
            holds(&shape, [x.atan2(y).to_degrees(), 90.0 - x.hypot(y) * 40.0 / 90.0])
        })
        .collect();
    assert!(covered(&cells, 180, 180) == expected);
    let cells = flat(cells);
    assert_eq!(cells.len(), rings);
    // the antimeridian runs up from the pole, at column 90
    let is_seam = |[a, b]: [Position; 2]| {
        (a[0] - 90.0).abs().max((b[0] - 90.0).abs()) < 1e-6 && a[1].max(b[1]) < 89.999 && (a[1] - b[1]).abs() > 1e-6
    };
    let left: f64 =
        cells.iter().flat_map(|ring| edges(ring)).filter(|e| is_seam(*e)).map(|[a, b]| (a[1] - b[1]).abs()).sum();
    let uneven = if polygons.len() == 2 && polygons[1].exterior[0][1] == 60.0 { 15.0 * 90.0 / 40.0 } else { 0.0 };
    assert!((left - uneven).abs() < 1e-6, "{left} cells of seam");
}

#[rstest]
#[case::from_minus_180(-180.0, [-181.0, -90.0, 181.0, 90.0])]
#[case::from_0(0.0, [-1.0, -90.0, 361.0, 90.0])]
#[case::from_170(170.0, [169.0, -90.0, 531.0, 90.0])]
fn a_shape_covers_the_same_places_wherever_the_raster_starts(#[case] west: f64, #[case] view: [f64; 4]) {
    for ring in [
        rectangle(160.2, -10.3, 205.1, 30.7),
        rectangle(-20.2, -10.3, 25.1, 30.7),
        rectangle(-180.0, -90.0, 180.0, 90.0),
    ] {
        let shape = area(&[&ring]).expect("an area");
        let cells = covered(&shape.project(&[view], degrees(west)).expect("cells"), 360, 180);
        let expected = (0..360 * 180_u32).map(|i| [i % 360, i / 360]).filter(|[col, row]| {
            let lon = (f64::from(*col) + 0.5 + west + 180.0).rem_euclid(360.0) - 180.0;
            holds(&shape, [lon, 89.5 - f64::from(*row)])
        });
        assert!(cells == expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_raster_across_the_antimeridian_shows_one_piece_in_one_box_or_two() {
    let shape = area(&[&rectangle(175.0, 0.0, -175.0, 4.0)]).expect("an area");
    // the second half's longitudes come as -180 to -170
    let wrapping = |lons: &mut [f64], lats: &mut [f64]| {
        lons.iter_mut().for_each(|lon| *lon = if *lon < 0.0 { *lon + 360.0 } else { *lon });
        degrees(170.0)(lons, lats)
    };
    for boxes in [&[[169.0, -5.0, 191.0, 10.0]][..], &[[169.0, -5.0, 180.0, 10.0], [-180.0, -5.0, -169.0, 10.0]]] {
        let cells = shape.project(boxes, wrapping).expect("cells");
        assert_eq!(cells.len(), 1);
        let xs: Vec<f64> = flat(cells).concat().iter().map(|vertex| vertex[0]).collect();
        assert!(xs.iter().all(|x| [5.0, 10.0, 15.0].contains(x)), "{xs:?}");
    }
}

#[test]
fn what_the_raster_cannot_see_is_never_transformed() {
    let world = area(&[&rectangle(-180.0, -90.0, 180.0, 90.0)]).expect("an area");
    let view = [5.0, 40.0, 13.0, 60.0];
    let cells = world.project(&[view], |lons: &mut [f64], lats: &mut [f64]| {
        assert!(
            lons.iter()
                .zip(&*lats)
                .all(|(lon, lat)| view[0] <= *lon && *lon <= view[2] && view[1] <= *lat && *lat <= view[3])
        );
        degrees(0.0)(lons, lats)
    });
    assert_eq!(vertices(&cells.expect("cells")), 4);
    let elsewhere = area(&[&rectangle(-90.0, 0.0, -80.0, 10.0)]).expect("an area");
    assert!(elsewhere.project(&[view], degrees(0.0)).expect("nothing").is_empty());
}

#[test]
fn what_the_projection_cannot_show_is_an_error_with_the_place() {
    let shape = area(&[&rectangle(0.0, 0.0, 10.0, 10.0)]).expect("an area");
    let error = shape.project(&WORLD, |lons: &mut [f64], _: &mut [f64]| {
        lons.iter_mut().for_each(|lon| *lon = if *lon > 5.0 { f64::INFINITY } else { *lon });
        Ok::<_, Failed>(())
    });
    let message = "longitude 10, latitude 0 is outside what the raster's projection can show";
    assert_eq!(error.expect_err("not shown").to_string(), message);
}

#[test]
fn a_map_that_is_torn_within_the_shape_is_an_error_not_a_loop() {
    let shape = area(&[&rectangle(0.0, 0.0, 10.0, 10.0)]).expect("an area");
    let error = shape.project(&WORLD, |lons: &mut [f64], lats: &mut [f64]| {
        lons.iter().zip(lats).for_each(|(lon, lat)| *lat += if *lon > 5.3 { 100.0 } else { 0.0 });
        Ok::<_, Failed>(())
    });
    assert!(matches!(error, Err(ShapeError::Unprojectable { lon, .. }) if (lon - 5.3).abs() < 1e-6));
}

#[test]
fn a_transform_that_fails_is_not_the_clients_fault() {
    let shape = area(&[&rectangle(0.0, 0.0, 10.0, 10.0)]).expect("an area");
    let error = shape.project(&WORLD, |_: &mut [f64], _: &mut [f64]| Err("no grid")).expect_err("it fails");
    assert_eq!(error.fault(), Fault::Internal);
    assert_eq!(std::error::Error::source(&error).expect("a source").to_string(), "no grid");
}

#[test]
fn a_shape_that_needs_too_many_vertices_is_refused_with_the_limit() {
    let teeth = (0..90_000).flat_map(|i| [[f64::from(i) * 1e-3, 0.0], [f64::from(i) * 1e-3 + 5e-4, 80.0]]);
    let comb: Ring = teeth.chain([[90.0, -1.0], [0.0, -1.0]]).collect();
    let error = area(&[&comb]).expect("an area").project(&WORLD, |lons: &mut [f64], lats: &mut [f64]| {
        lats.iter_mut().for_each(|lat| *lat = 1e4 * lat.to_radians().sin());
        lons.iter_mut().zip(lats).for_each(|(lon, lat)| *lon += *lat * *lat);
        Ok::<_, Failed>(())
    });
    let error = error.expect_err("too many");
    assert_eq!(error.fault(), Fault::TooLarge);
    assert!(
        error.to_string().ends_with("vertices at the resolution of the raster: one request may have 4000000"),
        "{error}"
    );
}

/// A map with bends of both signs along every line.
fn bent([lon, lat]: Position, cells: f64) -> Position {
    let (x, y) = (lon + 3.0 * (lat / 9.0).sin(), -lat + 2.0 * (lon / 7.0).cos() + 0.01 * lon * lat);
    [cells * x, cells * y]
}

fn distance(place: Position, [from, to]: [Position; 2]) -> f64 {
    let [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    let length = dx * dx + dy * dy;
    let along = if length == 0.0 { 0.0 } else { ((place[0] - from[0]) * dx + (place[1] - from[1]) * dy) / length };
    let along = along.clamp(0.0, 1.0);
    (place[0] - from[0] - along * dx).hypot(place[1] - from[1] - along * dy)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_place_on_an_edge_is_off_its_chords(
        radii in prop::collection::vec(1.0..70.0f64, 3..12), cells in prop::sample::select(&[0.1, 1.0, 30.0]),
    ) {
        let vertex = |(i, radius): (usize, &f64)| {
            let angle = std::f64::consts::TAU * i as f64 / radii.len() as f64;
            [radius * angle.cos(), radius * angle.sin()]
        };
        let ring: Ring = radii.iter().enumerate().map(vertex).collect();
        let shape = area(&[&ring]).expect("a star");
        let polygons = shape.project(&WORLD, |lons: &mut [f64], lats: &mut [f64]| {
            lons.iter_mut().zip(lats).for_each(|(lon, lat)| [*lon, *lat] = bent([*lon, *lat], cells));
            Ok::<_, Failed>(())
        }).expect("cells");
        let projected = &polygons[0][0];
        // each edge again, densely, against the chords between its two ends
        let index = |place: Position| projected.iter().position(|vertex| *vertex == bent(place, cells)).expect("a vertex");
        let mut worst: f64 = 0.0;
        for [from, to] in edges(&ring) {
            let (start, end) = (index(from), index(to));
            let count = (end + projected.len() - start) % projected.len();
            let chords: Vec<_> = (0..count).map(|i| [0, 1].map(|k| projected[(start + i + k) % projected.len()])).collect();
            for i in 0..500 {
                let place = bent([0, 1].map(|k| from[k] + (to[k] - from[k]) * f64::from(i) / 500.0), cells);
                worst = worst.max(chords.iter().map(|chord| distance(place, *chord)).fold(f64::INFINITY, f64::min));
            }
        }
        prop_assert!(worst <= TOLERANCE_CELLS, "{} cells", worst);
        // a chord of length c under a bend of radius r is c2 / 8r off: at that, the tolerance would take about so many,
        // and the precision 64 times as many
        let length: f64 = edges(&ring).map(|[a, b]| (a[0] - b[0]).hypot(a[1] - b[1])).sum();
        prop_assert!((projected.len() as f64) < 64.0 * 20.0 * (length * cells.sqrt() / 4.0 + length + 10.0), "{}", projected.len());
    }

}

proptest! {
    // Each cell beside each edge: slow, and sure.
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn split_or_not_the_same_cells_are_covered(
        radii in prop::collection::vec(2.0..30.0f64, 5..20), lat in 50.0..60.0f64,
    ) {
        let vertex = |(i, radius): (usize, &f64)| {
            let angle = std::f64::consts::TAU * i as f64 / radii.len() as f64;
            [180.3 + radius * angle.cos(), lat + radius * angle.sin()]
        };
        let ring: Ring = radii.iter().enumerate().map(vertex).collect();
        let jumping: Ring = ring.iter().map(|[lon, lat]| [if *lon > 180.0 { lon - 360.0 } else { *lon }, *lat]).collect();
        let past = area(&[&ring]).expect("an area");
        let split: Vec<&[Position]> = past.rings().iter().map(Vec::as_slice).collect();
        let cells = |shape: &Area| covered(&shape.project(&ARCTIC, polar).expect("cells"), 180, 180);
        prop_assert!(cells(&past) == cells(&area(&[&jumping]).expect("an area")));
        prop_assert!(cells(&past) == cells(&area(&split).expect("an area")));
    }
}
