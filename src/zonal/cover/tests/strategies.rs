//! Random polygons and windows.

use std::f64::consts::TAU;

use proptest::prelude::*;

use super::Ring;
use crate::zonal::Window;

/// Width and height of what random polygons lie in, more or less.
pub const SIZE: u32 = 48;

/// Coordinates in so many steps a cell leave cross products exact in `f64`, and rings as they are but for that.
pub const FINE: f64 = 65_536.0;

/// Coordinates that use all digits of an `f64`.
const ANY: f64 = 281_474_976_710_656.0;

/// Steps a cell of the coordinates: coarse ones make ties, and rings that touch or cross.
fn grids(finest: f64) -> impl Strategy<Value = f64> {
    prop::sample::select(vec![1.0, 2.0, 8.0, finest])
}

fn snap(ring: &mut Ring, grid: f64) {
    for value in ring.iter_mut().flatten() {
        *value = (*value * grid).round() / grid;
    }
}

/// A ring around a centre, with distances as shares of a radius.
fn star(center: [f64; 2], radius: f64, distances: &[f64]) -> Ring {
    let at = |(index, distance): (usize, &f64)| {
        let (sin, cos) = (TAU * index as f64 / distances.len() as f64).sin_cos();
        [center[0] + radius * distance * cos, center[1] + radius * distance * sin]
    };
    distances.iter().enumerate().map(at).collect()
}

/// One star-shaped polygon, perhaps with a hole, from far smaller than a cell to larger than [`SIZE`].
pub fn star_polygon(grids: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<Ring>> {
    let center = prop::array::uniform2(-4.0..f64::from(SIZE) + 4.0);
    let radius = prop_oneof![0.05..1.0, 1.0..10.0, 10.0..60.0];
    (center, radius, prop::collection::vec(0.2..1.0, 3..40), any::<bool>(), any::<bool>(), grids).prop_map(
        |(center, radius, distances, hole, backwards, grid)| {
            let mut rings = vec![star(center, radius, &distances)];
            if hole {
                rings.push(star(center, radius * 0.6, &distances));
            }
            for ring in &mut rings {
                snap(ring, grid);
                if backwards {
                    ring.reverse();
                }
            }
            rings
        },
    )
}

/// A ring that crosses itself as it likes.
fn tangle(finest: f64) -> impl Strategy<Value = Vec<Ring>> {
    (prop::collection::vec(prop::array::uniform2(-4.0..f64::from(SIZE) + 4.0), 1..12), grids(finest)).prop_map(
        |(mut ring, grid)| {
            snap(&mut ring, grid);
            vec![ring]
        },
    )
}

/// Several polygons, which may overlap and nest, on coarse grids or the finest.
pub fn polygons(finest: f64) -> impl Strategy<Value = Vec<Vec<Ring>>> {
    prop::collection::vec(prop_oneof![3 => star_polygon(grids(finest)), 1 => tangle(finest)], 1..4)
}

/// A long way across the cells, from far outside to far outside: positions on its edges are rounded by much.
fn band() -> impl Strategy<Value = Vec<Ring>> {
    let middle = prop::array::uniform2(0.0..f64::from(SIZE));
    (middle, 0.0..TAU, 0.1..20.0, 10..41).prop_map(|([x, y], angle, width, length)| {
        let ((sin, cos), length) = (angle.sin_cos(), 2.0_f64.powi(length));
        let corner = |along: f64, aside: f64| [x + along * cos - aside * sin, y + along * sin + aside * cos];
        vec![vec![corner(length, 0.0), corner(length, width), corner(-length, width), corner(-length, 0.0)]]
    })
}

/// Polygons with coordinates of all kinds.
pub fn any_polygons() -> impl Strategy<Value = Vec<Vec<Ring>>> {
    prop_oneof![2 => polygons(ANY), 1 => prop::collection::vec(band(), 1..3)]
}

/// Any window in or around.
pub fn windows() -> impl Strategy<Value = Window> {
    (0..u64::from(SIZE), 0..u64::from(SIZE), 1..SIZE, 1..SIZE).prop_map(|(col, row, width, height)| Window {
        col,
        row,
        width,
        height,
    })
}

/// The window from the origin, cut along whole columns and rows.
pub fn partition() -> impl Strategy<Value = Vec<Window>> {
    let cuts = || {
        prop::collection::btree_set(1..SIZE, 0..6)
            .prop_map(|cuts| [0].into_iter().chain(cuts).chain([SIZE]).collect::<Vec<u32>>())
    };
    (cuts(), cuts()).prop_map(|(cols, rows)| {
        let tile = |(col, row): (&[u32], &[u32])| Window {
            col: col[0].into(),
            row: row[0].into(),
            width: col[1] - col[0],
            height: row[1] - row[0],
        };
        rows.windows(2).flat_map(|row| cols.windows(2).map(move |col| tile((col, row)))).collect()
    })
}
