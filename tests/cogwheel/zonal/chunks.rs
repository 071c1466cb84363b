//! Whatever the blocks and chunks are, the answer is one: over rasters of several chunks in several layouts of blocks,
//! under random shapes.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use super::{ask, polygon, result};
use crate::support::Maps;
use crate::support::made::{Folder, Tiff};

/// More than one chunk of four million cells to each side.
const SIZE: [usize; 2] = [2603, 2307];

/// Metres of EPSG:5070.
const CELL_M: f64 = 30.0;
const CORNER: [f64; 2] = [-780_195.25, 1_950_000.5];

/// In the middle of the raster, and half its size, in degrees.
const MIDDLE: [f64; 2] = [-104.77, 39.97];
const HALF: [f64; 2] = [0.45, 0.3];

/// Blocks of a raster: their creation options. Chunks of a size of their own come of each.
const BLOCKS: [&[&str]; 5] = [
    &["BLOCKXSIZE=16", "BLOCKYSIZE=16"],
    &["BLOCKXSIZE=512", "BLOCKYSIZE=512"],
    &["BLOCKXSIZE=336", "BLOCKYSIZE=80"],
    &["BLOCKXSIZE=2608", "BLOCKYSIZE=16"],
    &["BLOCKXSIZE=64", "BLOCKYSIZE=2320"],
];

/// Patches of 97 x 53 cells, single ones among them, and holes; regions of some of them go through the whole raster.
fn class(col: usize, row: usize) -> u8 {
    let speck = (col * 7919 + row * 104_729) % 1013;
    match speck {
        0..3 => 9,
        3 => 0,
        _ if (col / 61 + row / 83).is_multiple_of(7) => 0,
        _ => [1, 1, 2, 3, 1][(col / 97 + 2 * (row / 53)) % 5],
    }
}

/// The same raster in all layouts.
fn layouts(folder: &Folder) -> Maps {
    let mut config = String::new();
    for (index, blocks) in BLOCKS.iter().enumerate() {
        let path = folder.path(&format!("blocks_{index}.tif"));
        let options = [blocks, &["COMPRESS=DEFLATE", "ZLEVEL=1"][..]].concat();
        let raster = Tiff::new(&path, SIZE, "EPSG:5070", CORNER, CELL_M);
        Tiff { options: &options, nodata: Some(0.0), ..raster }.write(class);
        writeln!(config, "[layers.l{index}]\nsource = '{path}'").unwrap();
    }
    Maps::from_toml(&config)
}

/// Star-shaped rings: a centre, in shares of the raster from its middle, and distances at equal angles.
#[derive(Debug, Clone)]
struct Star {
    centre: [f64; 2],
    radii: Vec<f64>,
}

impl Star {
    fn vertices(&self, scale: f64) -> Vec<[f64; 2]> {
        let vertex = |(index, radius): (usize, &f64)| {
            let angle = std::f64::consts::TAU * index as f64 / self.radii.len() as f64;
            let (dx, dy) = (scale * radius * angle.cos(), scale * radius * angle.sin());
            [self.middle()[0] + HALF[0] * dx, self.middle()[1] + HALF[1] * dy]
        };
        self.radii.iter().enumerate().map(vertex).collect()
    }

    fn middle(&self) -> [f64; 2] {
        [0, 1].map(|axis| MIDDLE[axis] + HALF[axis] * self.centre[axis])
    }
}

fn star(size: impl Strategy<Value = f64>) -> impl Strategy<Value = Star> {
    let radii = prop::collection::vec(0.2..1.0, 3..25);
    ([-1.1..1.1, -1.1..1.1], size, radii).prop_map(|(centre, size, radii): ([f64; 2], f64, Vec<f64>)| Star {
        centre,
        radii: radii.into_iter().map(|radius| radius * size).collect(),
    })
}

/// Tiny to huge.
fn sizes() -> impl Strategy<Value = f64> {
    prop_oneof![1e-4..1e-3, 1e-2..0.2, 0.2..1.5, Just(2.5)]
}

/// A star, perhaps with a hole, perhaps with a second one far away.
fn shape() -> impl Strategy<Value = Value> {
    (star(sizes()), any::<bool>(), prop::option::of(1e-3..0.2)).prop_map(
        |(star, has_hole, second): (Star, bool, Option<f64>)| {
            let ring = |vertices: Vec<[f64; 2]>| polygon(&vertices)["coordinates"][0].clone();
            let mut rings = vec![ring(star.vertices(1.0))];
            if has_hole {
                rings.push(ring(star.vertices(0.5).into_iter().rev().collect()));
            }
            let Some(size) = second else { return json!({ "type": "Polygon", "coordinates": rings }) };
            let reach = star.radii.iter().fold(0.0_f64, |a, b| a.max(*b));
            let centre = [star.centre[0] - (reach + 2.0 * size).copysign(star.centre[0]), star.centre[1]];
            let other = Star { centre, radii: vec![size; 5] };
            json!({ "type": "MultiPolygon", "coordinates": [rings, [ring(other.vertices(1.0))]] })
        },
    )
}

/// Runs a property on so many cases, the same ones each time.
fn for_all<T: std::fmt::Debug>(
    cases: u32, strategy: &impl Strategy<Value = T>, test: impl Fn(T) -> Result<(), TestCaseError>,
) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, rng).run(strategy, test).unwrap();
}

/// Features in an order that does not depend on how they were found.
fn sorted(mut answer: Value) -> Value {
    let features = answer["features"].as_array_mut().unwrap();
    features.sort_by_key(ToString::to_string);
    answer
}

#[test]
fn no_layout_of_blocks_changes_counts_statistics_or_pairs() {
    let folder = Folder::new();
    let maps = layouts(&folder);
    for_all(14, &(shape(), 0..3_usize), |(shape, rule)| {
        let rule = ["center", "all_touched", "coverage"][rule];
        for path in ["counts", "statistics", "crosstab/l1"] {
            let answers = (0..BLOCKS.len())
                .map(|index| result(ask(&maps, &format!("/layers/l{index}/{path}?cell_rule={rule}&p=37"), &shape)));
            let answers: Vec<Value> = answers.collect();
            for (index, answer) in answers.iter().enumerate() {
                prop_assert_eq!(answer, &answers[0], "{} with blocks {:?}", path, BLOCKS[index]);
            }
        }
        Ok(())
    });
}

#[test]
fn no_layout_of_blocks_changes_the_regions() {
    let folder = Folder::new();
    let maps = layouts(&folder);
    for_all(6, &(shape(), 0..4_usize), |(shape, query)| {
        let path = [
            "extract/9",
            "extract/3?connectivity=8",
            "extract?range=2,9&min_cells=50",
            "extract/1?cell_rule=all_touched",
        ][query];
        let answers: Vec<Value> = (0..BLOCKS.len())
            .map(|index| sorted(result(ask(&maps, &format!("/layers/l{index}/{path}"), &shape))))
            .collect();
        for (index, answer) in answers.iter().enumerate() {
            prop_assert!(*answer == answers[0], "{} with blocks {:?}", path, BLOCKS[index]);
        }
        Ok(())
    });
}

#[test]
fn several_chunks_are_worked_on() {
    let folder = Folder::new();
    let maps = layouts(&folder);
    let world = super::rectangle([-180.0, -90.0, 180.0, 90.0]);
    let plans: Vec<u64> = (0..BLOCKS.len())
        .map(|index| {
            let plan = ask(&maps, &format!("/layers/l{index}/counts?plan=true"), &world);
            assert_eq!(plan["plan"]["cells"], (SIZE[0] * SIZE[1]) as u64);
            plan["plan"]["chunks"].as_u64().unwrap()
        })
        .collect();
    assert!(plans.iter().all(|chunks| *chunks > 1), "{plans:?}");
    // and they come to what is in the raster
    let mut expected = [0_u64; 10];
    (0..SIZE[1]).for_each(|row| (0..SIZE[0]).for_each(|col| expected[usize::from(class(col, row))] += 1));
    let counts = ask(&maps, "/layers/l2/counts", &world);
    assert_eq!(counts["nodata"], expected[0]);
    for value in [1, 2, 3, 9] {
        assert_eq!(counts["counts"][value.to_string()], expected[value]);
    }
}

#[test]
fn the_parts_of_a_shape_count_as_much_as_the_whole() {
    let folder = Folder::new();
    let maps = layouts(&folder);
    let strategy = (star(sizes()), any::<prop::sample::Index>(), any::<prop::sample::Index>());
    for_all(25, &strategy, |(star, from, to)| {
        let vertices = star.vertices(1.0);
        let (from, to) = (from.index(vertices.len()), to.index(vertices.len()));
        prop_assume!(from != to);
        // two parts that meet along the way from one vertex over the centre to another
        let part = |from: usize, to: usize| {
            let steps = (to + vertices.len() - from) % vertices.len();
            let mut ring: Vec<[f64; 2]> = (0..=steps).map(|step| vertices[(from + step) % vertices.len()]).collect();
            ring.push(star.middle());
            polygon(&ring)
        };
        let shapes = [polygon(&vertices), part(from, to), part(to, from)];
        let [whole, one, other] = shapes.map(|shape| ask(&maps, "/layers/l1/counts", &shape));
        let at = |answer: &Value, value: &str| answer["counts"][value].as_u64().unwrap_or(0);
        for value in ["1", "2", "3", "9"] {
            prop_assert_eq!(at(&whole, value), at(&one, value) + at(&other, value), "value {}", value);
        }
        let nodata = |answer: &Value| answer["nodata"].as_u64().unwrap();
        prop_assert_eq!(nodata(&whole), nodata(&one) + nodata(&other));
        Ok(())
    });
}
