//! Which source pixel an output pixel shows: `expected/positions.json`, made with PROJ by `make_expected.py`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::support::{Maps, fixtures};

#[derive(Deserialize)]
struct Positions {
    near_an_edge_px: f64,
    rasters: Vec<Placed>,
}

/// z, x, y of a tile, column and row of a pixel in it, column and row in the source.
type PixelRow = (u32, u32, u32, usize, usize, Option<f64>, Option<f64>);

#[derive(Deserialize)]
struct Placed {
    file: String,
    width: f64,
    height: f64,
    tolerance_px: f64,
    pixels: Vec<PixelRow>,
}

fn positions() -> Positions {
    serde_json::from_slice(&std::fs::read(fixtures().join("expected/positions.json")).unwrap()).unwrap()
}

impl Placed {
    /// What is wrong with one output pixel, if anything.
    fn fault(&self, value: [f64; 2], mask: u8, position: Option<[f64; 2]>, near_px: f64) -> Option<String> {
        let Some(position) = position else {
            let wrong = mask != 0 && !(self.tolerance_px > 0.0 && self.is_on_the_edge(value));
            return wrong.then(|| format!("it is outside, but shows {value:?}"));
        };
        if mask == 0 {
            return Some(format!("it shows nothing, but {position:?} is inside"));
        }
        for (value, position) in value.into_iter().zip(position) {
            let lowest = (position - near_px).floor() - self.tolerance_px;
            let highest = (position + near_px).floor() + self.tolerance_px;
            if !(lowest..=highest).contains(&value) {
                return Some(format!("it shows {value} where {position} is"));
            }
        }
        None
    }

    /// Where being one cell off decides whether there is data. 0, 0 does not count: a warper that knows no
    /// better fills the corners beyond the raster with it.
    fn is_on_the_edge(&self, [col, row]: [f64; 2]) -> bool {
        let edge = |at: f64, size: f64| at == 0.0 || at == size - 1.0;
        (edge(col, self.width) || edge(row, self.height)) && [col, row] != [0.0, 0.0]
    }
}

#[rstest::rstest]
fn an_output_pixel_shows_the_source_pixel_under_its_centre(
    #[values(
        "columns_3857.tif",
        "columns_4326.tif",
        "columns_utm.tif",
        "columns_polar.tif",
        "polar_3031_pole.tif",
        "antimeridian_utm60.tif",
        "lon_0_360.tif",
        "lon_0_360_centres.tif",
        "south_up.tif",
        "rotated.tif",
        "gcps.tif"
    )]
    file: &str,
    #[values("tilesize=256", "tilesize=512", "tilesize=128")] how: &str,
) {
    let positions = positions();
    let raster = positions.rasters.iter().find(|raster| raster.file == file).unwrap();
    let maps = Maps::of(file);
    let mut tiles = BTreeMap::new();
    let mut faults = Vec::new();
    for &(z, x, y, px, py, col, row) in &raster.pixels {
        // the same pixel of the global grid, through a larger or smaller tile
        let (z, x, y, px, py) = match how {
            "tilesize=256" => (z, x, y, px, py),
            "tilesize=128" => {
                let half = |at: usize| (at / 128) as u32;
                (z + 1, 2 * x + half(px), 2 * y + half(py), px % 128, py % 128)
            }
            _ if z == 0 => continue,
            _ => {
                let quadrant = |tile: u32, at: usize| (tile % 2) as usize * 256 + at;
                (z - 1, x / 2, y / 2, quadrant(x, px), quadrant(y, py))
            }
        };
        let tile = format!("{z}/{x}/{y}");
        let (cols, rows, mask, width) = tiles.entry(tile.clone()).or_insert_with(|| {
            let array = maps.npy(&tile, &format!("resampling=nearest&bidx=1&bidx=2&{how}"));
            (array.band(0), array.band(1), array.mask(), array.cols)
        });
        let index = py * *width + px;
        let position = col.zip(row).map(|(col, row)| [col, row]);
        if let Some(fault) = raster.fault([cols[index], rows[index]], mask[index], position, positions.near_an_edge_px)
        {
            faults.push(format!("tile {tile}, pixel {px},{py}: {fault}"));
        }
    }
    assert!(tiles.len() > 10, "{} tiles", tiles.len());
    assert!(
        faults.is_empty(),
        "{} of {} pixels are wrong:\n{}",
        faults.len(),
        raster.pixels.len(),
        faults[..faults.len().min(20)].join("\n")
    );
}
