//! Grids in every direction, control points, and rasters that do not say where they are.

use rstest::rstest;

use crate::support::made::{Folder, Tiff};
use crate::support::{Maps, geo};

/// Columns and rows of the rasters made here; a cell holds `row * COLS + col`.
const COLS: usize = 230;
const ROWS: usize = 170;

/// The inverse of a geotransform: column and row of a place.
fn position(c: [f64; 6], x: f64, y: f64) -> [f64; 2] {
    let (dx, dy, det) = (x - c[0], y - c[3], c[1] * c[5] - c[2] * c[4]);
    [(c[5] * dx - c[2] * dy) / det, (c[1] * dy - c[4] * dx) / det]
}

#[rstest]
#[case::north_up([1.0, 0.0, 0.0, -1.0])]
#[case::south_up([1.0, 0.0, 0.0, 1.0])]
#[case::east_left([-1.0, 0.0, 0.0, -1.0])]
#[case::upside_down([-1.0, 0.0, 0.0, 1.0])]
#[case::columns_run_south([0.0, 1.0, -1.0, 0.0])]
#[case::columns_run_north([0.0, 1.0, 1.0, 0.0])]
#[case::turned([0.956, 0.292, 0.292, -0.956])]
#[case::turned_and_sheared([0.9, 0.5, -0.3, -1.1])]
#[case::not_square([1.0, 0.0, 0.0, -0.37])]
fn an_affine_grid_is_placed_by_its_geotransform(#[case] turn: [f64; 4], #[values("EPSG:3857", "EPSG:4326")] crs: &str) {
    let (zoom, cell, corner) = match crs {
        "EPSG:3857" => (12, 37.3, [1_113_207.9, 5_621_543.1]),
        _ => (11, 0.000_71, [10.0037, 44.9981]),
    };
    let c = [corner[0], turn[0] * cell, turn[1] * cell, corner[1], turn[2] * cell, turn[3] * cell];
    let folder = Folder::new();
    let path = folder.path("grid.tif");
    let tiff = Tiff { geotransform: c, ..Tiff::new(&path, [COLS, ROWS], crs, corner, cell) };
    tiff.write(|col, row| (row * COLS + col) as u16);
    let maps = Maps::of(&path);
    let (centre_x, centre_y) = geo::tile(zoom, 10.0037, 44.9981);
    let (mut shown, mut outside) = (0, 0);
    for (x, y) in (centre_x - 1..=centre_x + 1).flat_map(|x| (centre_y - 1..=centre_y + 1).map(move |y| (x, y))) {
        let array = maps.npy(&format!("{zoom}/{x}/{y}"), "resampling=nearest");
        let (values, mask) = (array.band(0), array.mask());
        for index in 0..values.len() {
            let col = f64::from(x) * 256.0 + (index % 256) as f64 + 0.5;
            let row = f64::from(y) * 256.0 + (index / 256) as f64 + 0.5;
            let (lon, lat) = (geo::lon(zoom, col), geo::lat(zoom, row));
            let pixel_m = geo::WORLD_M / 256.0 / f64::from(1_u32 << zoom);
            let metres = (col * pixel_m - geo::WORLD_M / 2.0, geo::WORLD_M / 2.0 - row * pixel_m);
            let (px, py) = if crs == "EPSG:3857" { metres } else { (lon, lat) };
            let at = position(c, px, py);
            if at.iter().any(|at| (at - at.round()).abs() < 0.01) {
                continue; // on the edge of two cells
            }
            let inside = (0.0..COLS as f64).contains(&at[0]) && (0.0..ROWS as f64).contains(&at[1]);
            assert_eq!(mask[index] > 0, inside, "tile {x}/{y}, pixel {index}, {at:?}");
            if inside {
                assert_eq!(
                    values[index],
                    at[1].floor() * COLS as f64 + at[0].floor(),
                    "tile {x}/{y}, pixel {index}, {at:?}"
                );
                shown += 1;
            } else {
                outside += 1;
            }
        }
    }
    assert!(shown > 10_000 && outside > 10_000, "{shown} pixels inside, {outside} outside");
}

#[test]
fn the_corners_around_a_raster_with_control_points_are_transparent() {
    // turned by 12 degrees: GDAL's warp makes it north-up, with corners that it has nothing for
    let maps = Maps::of("gcps.tif");
    let array = maps.npy("10/538/368", "");
    let (cols, rows, mask) = (array.band(0), array.band(1), array.mask());
    let black = (0..mask.len()).filter(|at| mask[*at] > 0 && cols[*at] == 0.0 && rows[*at] == 0.0).count();
    assert!(black <= 1, "{black} pixels show the first cell, or rather nothing at all");
    assert!(array.valid_count() > 100, "{}", array.valid_count());
    let picture = maps.png("10/538/368", "bidx=1&rescale=0,200");
    assert_eq!(picture.rgba.iter().filter(|pixel| pixel[3] > 0).count(), array.valid_count());
}

#[rstest]
#[case("/tiles/it/10/540/360")]
#[case("/tiles/it/10/540/360.npy")]
#[case("/tiles/it/0/0/0")]
#[case("/layers/it")]
#[case("/layers/it/tilejson.json")]
#[case("/layers/it/point/10,47")]
fn a_raster_without_crs_is_refused_with_a_message_that_helps(#[case] path: &str) {
    let answer = Maps::of("no_crs.tif").get(path);
    assert_eq!(answer.status, 502);
    let detail = answer.detail();
    assert!(detail.contains("no coordinate reference system") && detail.contains("crs = \"EPSG:4326\""), "{detail}");
    assert!(detail.contains("\"it\""), "it names the layer: {detail}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn a_crs_can_be_assigned_in_the_configuration() {
    let array = Maps::with("no_crs.tif", "crs = 'EPSG:3857'").npy(geo::ALIGNED, "resampling=nearest");
    for (row, col) in [(0, 0), (0, 127), (127, 0), (127, 127), (50, 81)] {
        assert_eq!((array.at(0, row, col), array.at(1, row, col)), (col as f64, row as f64));
    }
    assert_eq!(array.valid_count(), 128 * 128);
}

#[test]
fn the_configured_crs_overrides_the_one_of_the_file() {
    // the same numbers in the next zone are 6 degrees further east, 512 pixels at zoom 7.5...
    let (here, there) = (Maps::of("columns_utm.tif"), Maps::with("columns_utm.tif", "crs = 'EPSG:32633'"));
    let query = "resampling=nearest";
    let east = |lon: f64| geo::tile(12, lon, 45.0);
    let (own, next) = (east(9.2), east(15.2));
    let tile = |(x, y): (u32, u32)| format!("12/{x}/{y}");
    assert!(here.npy(&tile(own), query).valid_count() > 1_000);
    assert_eq!(here.npy(&tile(next), query).valid_count(), 0);
    assert_eq!(there.npy(&tile(own), query).valid_count(), 0);
    assert!(there.npy(&tile(next), query).valid_count() > 1_000);
}

#[test]
fn a_crs_of_the_user_may_be_a_proj_string() {
    let utm = "crs = '+proj=utm +zone=32 +datum=WGS84 +units=m'";
    let (own, assigned) = (Maps::of("columns_utm.tif"), Maps::with("columns_utm.tif", utm));
    let tile = "12/2152/1474";
    assert_eq!(own.npy(tile, "resampling=nearest"), assigned.npy(tile, "resampling=nearest"));
}

#[test]
fn a_raster_without_georeferencing_is_refused() {
    let folder = Folder::new();
    let path = folder.path("nowhere.tif");
    let tiff = Tiff::new(&path, [64, 64], "EPSG:3857", [0.0, 0.0], 1.0);
    Tiff { geotransform: [0.0; 6], ..tiff }.write(|_, _| 1_u8);
    let answer = Maps::of(&path).get("/tiles/it/0/0/0");
    assert_eq!(answer.status, 502);
    assert!(answer.detail().contains("geotransform"), "{}", answer.detail());
}

#[test]
fn a_point_and_a_tile_agree_on_the_cell() {
    for file in ["columns_utm.tif", "south_up.tif", "rotated.tif", "columns_polar.tif", "antimeridian_utm60.tif"] {
        let maps = Maps::of(file);
        let layer: serde_json::Value = serde_json::from_slice(&maps.get("/layers/it").ok()).unwrap();
        let bounds: Vec<f64> = layer["bounds"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let east = if bounds[2] < bounds[0] { bounds[2] + 360.0 } else { bounds[2] };
        let mut compared = 0;
        for step in 1..12 {
            let share = f64::from(step) / 12.0;
            let (lon, lat) =
                (bounds[0] + (east - bounds[0]) * share, bounds[1] + (bounds[3] - bounds[1]) * (0.9 - 0.7 * share));
            let lon = if lon > 180.0 { lon - 360.0 } else { lon };
            let zoom = 18;
            let (col, row) = geo::pixel(zoom, lon, lat);
            let (col, row) = (col.floor(), row.floor());
            // the point asked for is the centre of the pixel
            let (lon, lat) = (geo::lon(zoom, col + 0.5), geo::lat(zoom, row + 0.5));
            let answer = maps.get(&format!("/layers/it/point/{lon},{lat}")).ok();
            let point: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            let tile = format!("{zoom}/{}/{}", (col / 256.0) as u32, (row / 256.0) as u32);
            let array = maps.npy(&tile, "resampling=nearest");
            let (px, py) = (col as usize % 256, row as usize % 256);
            let shown = array.mask()[py * 256 + px] > 0;
            for band in 0..2 {
                assert_eq!(
                    point["values"][band].as_f64(),
                    shown.then(|| array.at(band, py, px)),
                    "{file} at {lon},{lat}"
                );
            }
            compared += usize::from(shown);
        }
        assert!(compared >= 4, "{file}: {compared} points inside");
    }
}
