//! "What if": modifications are the same as editing the raster.

use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ask, polygon, result};
use crate::support::Maps;
use crate::support::made::{Folder, Tiff};

const SIZE: [usize; 2] = [120, 90];
/// 1/64 degree: corners are exact.
const CELL: f64 = 0.015_625;
const CORNER: [f64; 2] = [10.0, 47.0];

/// A second grid, finer, from another corner.
const OTHER_SIZE: [usize; 2] = [200, 160];
const OTHER_CELL: f64 = 0.01;
const OTHER_CORNER: [f64; 2] = [9.987, 47.013];

const OVERLAY: &str = "
[overlays.NAME.layers.A]
weight = 0.5
scores = '1=3,2:4=-1,8=6'
[overlays.NAME.layers.B]
scores = '0:2=1,3=4,*=nodata'
";

type Ring = Vec<[f64; 2]>;

#[derive(Debug, Clone)]
struct Burn {
    ring: Ring,
    value: u8,
    is_other: bool,
}

/// Whether a ray to the west crosses the ring an odd number of times.
fn is_inside(ring: &Ring, [x, y]: [f64; 2]) -> bool {
    let edges = ring.iter().zip(ring.iter().cycle().skip(1));
    let crosses = |([x0, y0], [x1, y1]): (&[f64; 2], &[f64; 2])| {
        (*y0 <= y) != (*y1 <= y) && x0 + (y - y0) / (y1 - y0) * (x1 - x0) < x
    };
    edges.filter(|edge| crosses(*edge)).count() % 2 == 1
}

fn star() -> impl Strategy<Value = Ring> {
    let radii = prop::collection::vec(0.05..0.8_f64, 3..12);
    (10.0..12.0, 45.6..47.0, radii).prop_map(|(lon, lat, radii): (f64, f64, Vec<f64>)| {
        let vertex = |(index, radius): (usize, &f64)| {
            let angle = std::f64::consts::TAU * index as f64 / radii.len() as f64;
            [lon + radius * angle.cos(), lat + radius * angle.sin()]
        };
        radii.iter().enumerate().map(vertex).collect()
    })
}

fn burns() -> impl Strategy<Value = Vec<Burn>> {
    // 0 is no data
    let burn = (star(), 0..9_u8, any::<bool>());
    prop::collection::vec(burn.prop_map(|(ring, value, is_other)| Burn { ring, value, is_other }), 1..5)
}

/// Writes a raster of classes, edited.
fn write(path: &str, is_other: bool, burns: &[Burn]) {
    let (size, cell, corner) = if is_other { (OTHER_SIZE, OTHER_CELL, OTHER_CORNER) } else { (SIZE, CELL, CORNER) };
    let raster = Tiff::new(path, size, "EPSG:4326", corner, cell);
    let raster = Tiff { options: &["BLOCKXSIZE=32", "BLOCKYSIZE=16"], nodata: Some(0.0), ..raster };
    raster.write(|col, row| {
        let centre = [corner[0] + (col as f64 + 0.5) * cell, corner[1] - (row as f64 + 0.5) * cell];
        let burnt = burns.iter().rev().find(|burn| burn.is_other == is_other && is_inside(&burn.ring, centre));
        burnt.map_or_else(|| ((col / 7 + row / 5 + usize::from(is_other)) % 5) as u8, |burn| burn.value)
    });
}

/// Layers `a` and `b` as they are, `c` and `d` as they would be.
fn maps(folder: &Folder, burns: &[Burn]) -> Maps {
    let mut config = String::new();
    for (name, is_other, burns) in [("a", false, &[][..]), ("b", true, &[]), ("c", false, burns), ("d", true, burns)] {
        let path = folder.path(&format!("{name}.tif"));
        write(&path, is_other, burns);
        writeln!(config, "[layers.{name}]\nsource = '{path}'").unwrap();
    }
    for [name, a, b] in [["now", "a", "b"], ["then", "c", "d"]] {
        config += &OVERLAY.replace("NAME", name).replace('A', a).replace('B', b);
    }
    Maps::from_toml(&config)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn modifications_equal_editing_the_raster(
        shape in star(), burns in burns(), rule in prop::sample::select(&["center", "all_touched", "coverage"]),
    ) {
        let folder = Folder::new();
        let maps = maps(&folder, &burns);
        let shape = polygon(&shape);
        let modifications = |of_other: bool, is_named: bool| -> Value {
            let one = |burn: &Burn| {
                let mut one = json!({ "geometry": polygon(&burn.ring), "value": burn.value });
                if is_named {
                    one["layer"] = json!(if burn.is_other { "b" } else { "a" });
                }
                one
            };
            burns.iter().filter(|burn| is_named || burn.is_other == of_other).map(one).collect()
        };
        let asked = |path: &str, modifications: Value| {
            let body = json!({ "geometry": shape, "cell_rule": rule, "modifications": modifications });
            result(ask(&maps, path, &body))
        };
        for path in ["counts", "statistics", "extract?values=1,2,3,4,5,6,7,8"] {
            if path.starts_with("extract") && rule == "coverage" {
                continue;
            }
            for (now, then, is_other) in [("a", "c", false), ("b", "d", true)] {
                let ours = asked(&format!("/layers/{now}/{path}"), modifications(is_other, false));
                prop_assert_eq!(ours, asked(&format!("/layers/{then}/{path}"), json!([])), "{} of {}", path, now);
            }
        }
        for (now, then) in [
            ("/layers/a/crosstab/b", "/layers/c/crosstab/d"),
            ("/overlays/now/counts", "/overlays/then/counts"),
            ("/overlays/now/statistics", "/overlays/then/statistics"),
        ] {
            prop_assert_eq!(asked(now, modifications(false, true)), asked(then, json!([])), "{}", now);
        }
    }
}
