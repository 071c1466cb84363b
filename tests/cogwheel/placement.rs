//! Which source pixel an output pixel shows: `expected/positions.json`, made with PROJ by `make_expected.py`.

use std::collections::BTreeMap;

use cogwheel::geo::Crs;
use serde::Deserialize;

use crate::support::made::{Folder, Tiff};
use crate::support::mosaic::{Mosaic, Part};
use crate::support::{KERNELS, Maps, fixtures, geo, set_up_gdal};

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

/// Longitude and latitude of a place in a CRS.
fn lon_lat(crs: &str, x: f64, y: f64) -> [f64; 2] {
    set_up_gdal();
    let (mut x, mut y) = ([x], [y]);
    Crs::parse(crs).unwrap().transform(&Crs::wgs84(), &mut x, &mut y).unwrap();
    [x[0], y[0]]
}

#[rstest::rstest]
#[case("columns_3857.tif", "EPSG:3857", [1_113_207.9, 5_621_543.1], 37.3)]
#[case("columns_4326.tif", "EPSG:4326", [10.0037, 47.0013], 0.01)]
#[case("columns_utm.tif", "EPSG:32632", [511_234.7, 4_987_654.3], 30.0)]
#[case("columns_polar.tif", "EPSG:3031", [1_200_345.6, 1_900_123.4], 1000.0)]
fn the_deepest_zooms_show_the_right_cell(
    #[case] file: &str, #[case] crs: &str, #[case] corner: [f64; 2], #[case] cell: f64,
    #[values(20, 24, 28, 30)] zoom: u32,
) {
    let maps = Maps::of(file);
    for [col, row] in [[100.0, 200.0], [511.0, 399.0], [0.0, 0.0]] {
        let place = lon_lat(crs, corner[0] + (col + 0.5) * cell, corner[1] - (row + 0.5) * cell);
        let (across, down) = geo::pixel(zoom, place[0], place[1]);
        let tile = format!("{zoom}/{}/{}", (across / 256.0) as u32, (down / 256.0) as u32);
        for kernel in ["nearest", "mode"] {
            let array = maps.npy(&tile, &format!("resampling={kernel}"));
            let index = (down as usize % 256) * 256 + across as usize % 256;
            assert_eq!(array.mask()[index], 255, "{tile}, {kernel}");
            assert_eq!([array.band(0)[index], array.band(1)[index]], [col, row], "{tile}, {kernel}");
        }
    }
}

#[rstest::rstest]
#[case([1, 1])]
#[case([1, 90])]
#[case([90, 1])]
#[case([2, 2])]
#[case([3, 2])]
fn a_raster_of_hardly_any_cells_is_shown(
    #[case] size: [usize; 2], #[values("EPSG:3857", "EPSG:4326", "EPSG:32632")] crs: &str,
) {
    let (corner, cell) = match crs {
        "EPSG:3857" => ([1_113_207.9, 5_621_543.1], 500.0),
        "EPSG:4326" => ([10.0037, 45.0013], 0.005),
        _ => ([511_234.7, 4_987_654.3], 350.0),
    };
    let folder = Folder::new();
    let path = folder.path("few.tif");
    Tiff::new(&path, size, crs, corner, cell).write(|_, _| 9_u8);
    let maps = Maps::of(&path);
    let middle = [corner[0] + size[0] as f64 * cell / 2.0, corner[1] - size[1] as f64 * cell / 2.0];
    let place = lon_lat(crs, middle[0], middle[1]);
    for zoom in [11, 13, 15, 18] {
        let shown = |kernel: &str| {
            let array = maps.npy(&geo::tile_path(zoom, place), &format!("resampling={kernel}"));
            assert!(array.valid(0).iter().all(|value| *value == 9.0), "{kernel} at zoom {zoom}");
            array.mask()
        };
        let nearest = shown("nearest");
        assert!(zoom < 13 || nearest.contains(&255), "nothing at zoom {zoom}");
        for kernel in KERNELS {
            assert_eq!(shown(kernel), nearest, "{kernel} at zoom {zoom} has the same edges");
        }
    }
}

/// Demands that a raster of column indices shows them within `tolerance` output pixels, 40 cells from its edges.
fn columns_are_in_place(maps: &Maps, left: f64, cell: f64, cols: f64, tolerance: f64) {
    for zoom in 8..=13 {
        let (x, y) = geo::tile(zoom, 10.1, 44.93);
        let pixel_m = geo::WORLD_M / 256.0 / f64::from(1_u32 << zoom);
        for kernel in ["bilinear", "average", "cubic"] {
            let array = maps.npy(&format!("{zoom}/{x}/{y}"), &format!("resampling={kernel}"));
            let mut compared = 0;
            for (index, (value, mask)) in array.band(0).into_iter().zip(array.mask()).enumerate() {
                let metres = (f64::from(x) * 256.0 + (index % 256) as f64 + 0.5) * pixel_m - geo::WORLD_M / 2.0;
                let expected = (metres - left) / cell;
                if mask > 0 && (60.0..cols - 60.0).contains(&expected) {
                    // the value of a cell is that of its left edge
                    let off = (value + 0.5 - expected).abs() * cell / pixel_m;
                    let rounding = 0.5 * cell / pixel_m;
                    assert!(
                        off <= tolerance + rounding,
                        "{kernel} at zoom {zoom}: {value} at {expected}, {off} px off"
                    );
                    compared += 1;
                }
            }
            assert!(compared > 20, "{kernel} at zoom {zoom}: {compared} pixels");
        }
    }
}

#[rstest::rstest]
#[case::powers_of_two(&[2, 4, 8])]
#[case::powers_of_three(&[3, 9])]
fn overviews_of_an_odd_size_are_in_place(#[case] factors: &[i32]) {
    let folder = Folder::new();
    let path = folder.path("columns.tif");
    // no multiple of any factor
    let tiff = Tiff::new(&path, [1001, 777], "EPSG:3857", [1_113_207.9, 5_621_543.1], 37.3);
    tiff.write(|col, _| col as f32);
    tiff.build_overviews("AVERAGE", factors);
    columns_are_in_place(&Maps::of(&path), 1_113_207.9, 37.3, 1001.0, 0.1);
}

#[test]
fn a_mosaic_read_through_the_overviews_of_its_sources_is_in_place() {
    let folder = Folder::new();
    let path = folder.path("columns.tif");
    let tiff = Tiff::new(&path, [1001, 777], "EPSG:3857", [0.0, 0.0], 37.3);
    tiff.write(|col, _| (col / 4) as u8);
    tiff.build_overviews("AVERAGE", &[2, 4, 8]);
    // two halves, the cut at an odd column: the overviews of the right one do not fall on whole pixels
    let parts = [[0, 0, 501, 777], [501, 0, 500, 777]].map(Part::in_place);
    let mosaic = Mosaic { size: [1001, 777], crs: "EPSG:3857", corner: [1_113_207.9, 5_621_543.1], cell: 37.3 };
    let maps = Maps::of(&mosaic.write(&folder, &path, &parts));
    for zoom in 8..=12 {
        let (x, y) = geo::tile(zoom, 10.1, 44.93);
        let pixel_m = geo::WORLD_M / 256.0 / f64::from(1_u32 << zoom);
        for kernel in ["bilinear", "average"] {
            let array = maps.npy(&format!("{zoom}/{x}/{y}"), &format!("resampling={kernel}"));
            let mut off = Vec::new();
            for (index, (value, mask)) in array.band(0).into_iter().zip(array.mask()).enumerate() {
                let metres = (f64::from(x) * 256.0 + (index % 256) as f64 + 0.5) * pixel_m - geo::WORLD_M / 2.0;
                let expected = (metres - 1_113_207.9) / 37.3;
                if mask > 0 && (60.0..940.0).contains(&expected) {
                    // a value stands for four columns; it is rounded
                    off.push((value * 4.0 + 2.0 - expected) * 37.3 / pixel_m);
                }
            }
            let mean = off.iter().sum::<f64>() / off.len() as f64;
            assert!(off.len() > 20 && mean.abs() < 0.2, "{kernel} at zoom {zoom} is {mean} px off on the whole");
            let most = off.iter().fold(0.0_f64, |most, off| most.max(off.abs()));
            let rounding = 2.5 * 37.3 / pixel_m;
            assert!(most < 0.5 + rounding, "{kernel} at zoom {zoom} is up to {most} px off");
        }
    }
}
