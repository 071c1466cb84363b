//! Windows against the whole.

use std::f64::consts::TAU;

use proptest::prelude::*;
use rstest::rstest;

use super::super::{Part, Relation};
use super::strategies::{SIZE, any_polygons, partition, windows};
use super::{RULES, Ring, Shape, rectangle, shifted, total, weights, window};
use crate::zonal::{CellRule, WHOLE, Window};

/// A ring of short edges around (500, 500), as a long coast is.
fn coast(vertices: u32) -> Ring {
    let at = |i| {
        let angle = TAU * f64::from(i) / f64::from(vertices);
        let radius = 400.0 + (97.0 * angle).sin() * 20.0;
        [500.0 + radius * angle.cos(), 500.0 + radius * angle.sin()]
    };
    (0..vertices).map(at).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_cell_weighs_the_same_in_every_window(
        polygons in any_polygons(), partition in partition(), at in prop::sample::select(vec![0, 10_000_000, 1 << 40]),
    ) {
        let shape = Shape::new(&shifted(&polygons, at as f64));
        let whole = shape.clip(Window { col: at, row: at, width: SIZE, height: SIZE });
        for rule in RULES {
            let expected = weights(&whole, rule);
            for tile in &partition {
                let tile_at = Window { col: at + tile.col, row: at + tile.row, ..*tile };
                let found = weights(&shape.clip(tile_at), rule);
                prop_assert_eq!(&weights(&whole.clip(tile_at), rule), &found, "of a part, {:?} {:?}", rule, tile);
                for (row, cells) in (tile.row..).zip(found.chunks(tile.width as usize)) {
                    let start = (row * u64::from(SIZE) + tile.col) as usize;
                    let expected = &expected[start..start + tile.width as usize];
                    prop_assert_eq!(cells, expected, "{:?} {:?} {}", rule, tile, row);
                }
            }
        }
    }

    #[test]
    fn a_relation_is_never_wrong(polygons in any_polygons(), window in windows()) {
        let part = Shape::new(&polygons).clip(window);
        for rule in RULES {
            let cells = weights(&part, rule);
            match part.relation() {
                Relation::Outside => prop_assert!(cells.iter().all(|cell| *cell == 0)),
                Relation::Inside => prop_assert!(cells.iter().all(|cell| *cell == WHOLE)),
                Relation::Crossing => {}
            }
        }
    }

    #[test]
    fn all_that_is_covered_lies_within_the_bounds(polygons in any_polygons()) {
        let shape = Shape::new(&polygons);
        let whole = total(&weights(&shape.clip(window(SIZE, SIZE)), CellRule::AllTouched));
        let bounds = shape.bounds(SIZE.into(), SIZE.into());
        let within = bounds.map_or(0.0, |bounds| total(&weights(&shape.clip(bounds), CellRule::AllTouched)));
        prop_assert_eq!(within, whole);
    }
}

#[test]
fn a_part_survives_being_sent() {
    let part = Shape::new(&[vec![coast(20_000)]]).clip(Window { col: 50, row: 300, width: 200, height: 200 });
    let sent: Part = serde_json::from_str(&serde_json::to_string(&part).unwrap()).unwrap();
    assert_eq!(sent, part);
}

#[test]
fn a_long_coast_is_the_same_in_small_windows() {
    let shape = Shape::new(&[vec![coast(20_000)], vec![coast(300)]]);
    for rule in RULES {
        let whole = weights(&shape.clip(window(1024, 1024)), rule);
        for (row, col) in (0..16).flat_map(|row| (0..16).map(move |col| (row * 64, col * 64))) {
            let tile = Window { col, row, width: 64, height: 64 };
            for (row, cells) in (tile.row..).zip(weights(&shape.clip(tile), rule).chunks(64)) {
                assert_eq!(cells, &whole[(row * 1024 + col) as usize..][..64], "{rule:?} {tile:?}");
            }
        }
    }
}

#[rstest]
#[case::in_the_middle([480, 480], Relation::Inside)]
#[case::left([10, 480], Relation::Outside)]
#[case::right([960, 480], Relation::Outside)]
#[case::above([480, 20], Relation::Outside)]
#[case::below([480, 960], Relation::Outside)]
#[case::on_the_coast([480, 80], Relation::Crossing)]
fn a_window_lies_outside_or_inside_or_on_the_coast(#[case] at: [u64; 2], #[case] relation: Relation) {
    let [col, row] = at;
    let shape = Shape::new(&[vec![coast(100_000)]]);
    assert_eq!(shape.clip(Window { col, row, width: 40, height: 40 }).relation(), relation);
}

#[rstest]
#[case::inside([5, 5], Relation::Inside)]
#[case::outside([85, 85], Relation::Outside)]
#[case::on_the_edge([45, 45], Relation::Crossing)]
fn a_slanted_edge_beside_a_window_leaves_it_inside_or_outside(#[case] at: [u64; 2], #[case] relation: Relation) {
    let [col, row] = at;
    let window = Window { col, row, width: 10, height: 10 };
    let triangle = vec![[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]];
    assert_eq!(Shape::new(&[vec![triangle]]).clip(window).relation(), relation);
    // The same from the other side, in a frame.
    let rest = vec![[100.0, 0.0], [100.0, 100.0], [0.0, 100.0]];
    let opposite = match relation {
        Relation::Inside => Relation::Outside,
        Relation::Outside => Relation::Inside,
        Relation::Crossing => Relation::Crossing,
    };
    assert_eq!(Shape::new(&[vec![rest]]).clip(window).relation(), opposite);
}

#[test]
fn edges_that_end_on_a_window_leave_it_inside_or_outside() {
    let shape = Shape::new(&[vec![rectangle([10.0, 10.0], [20.0, 20.0])]]);
    let relation = |col, row| shape.clip(Window { col, row, width: 10, height: 10 }).relation();
    assert_eq!(relation(10, 10), Relation::Inside);
    for (col, row) in [(0, 10), (20, 10), (10, 0), (10, 20), (0, 0), (20, 20)] {
        assert_eq!(relation(col, row), Relation::Outside);
    }
    assert_eq!(relation(10, 15), Relation::Crossing);
}

#[test]
fn a_window_takes_what_is_near_it_only() {
    // A coast; left of it a thousand islands, and a comb whose teeth run up and down past all rows.
    let islands = (0..1000).map(|i| vec![rectangle([1.0, f64::from(i)], [1.5, f64::from(i) + 0.5])]);
    let side = |tooth| {
        let (x, ys) = (2.0 + f64::from(tooth), (0..20_000).map(|y| f64::from(y) / 20.0));
        ys.map(move |y| [x, if tooth % 2 == 0 { y } else { 1000.0 - y }]).collect::<Ring>()
    };
    let comb = (0..6).flat_map(side).collect();
    let shape = Shape::new(&islands.chain([vec![coast(100_000)], vec![comb]]).collect::<Vec<_>>());
    assert_eq!(shape.edges(), 4_000 + 100_000 + 120_000);

    for (col, row, width) in [(2000, 350, 256), (0, 350, 1), (480, 2000, 256)] {
        let window = Window { col, row, width, height: 256 };
        assert_eq!(shape.clip(window), Part::empty(window));
    }
    let bytes =
        |col| serde_json::to_string(&shape.clip(Window { col, row: 350, width: 256, height: 256 })).unwrap().len();
    assert!(bytes(480) < 150, "{}", bytes(480));
    assert!(bytes(80) < 1_000_000, "{}", bytes(80));
}
