//! Where the map ends or begins again: 180 degrees, the poles, and everything far away from a raster.

use rstest::rstest;

use crate::support::made::{Folder, Tiff};
use crate::support::{KERNELS, Maps, geo};

/// What `global_4326.tif` holds (`make_rasters.py`), in degrees.
pub fn smooth(lon: f64, lat: f64) -> f64 {
    let (lon, lat) = (lon.to_radians(), lat.to_radians());
    100.0 * lat.sin() + 50.0 * lat.cos() * lon.cos() + 25.0 * lat.cos() * (2.0 * lon).sin()
}

/// All tiles of a zoom.
fn tiles(zoom: u32) -> impl Iterator<Item = (u32, u32)> {
    let count = 1_u32 << zoom;
    (0..count).flat_map(move |y| (0..count).map(move |x| (x, y)))
}

/// Demands the formula of every pixel of the world at a zoom.
fn follows_the_formula(maps: &Maps, zoom: u32, kernel: &str, tolerance: f64) {
    for (x, y) in tiles(zoom) {
        let array = maps.npy(&format!("{zoom}/{x}/{y}"), &format!("resampling={kernel}"));
        assert_eq!(array.valid_count(), 256 * 256, "{kernel} {zoom}/{x}/{y} has gaps");
        for (index, value) in array.band(0).into_iter().enumerate() {
            let lon = geo::lon(zoom, f64::from(x) * 256.0 + (index % 256) as f64 + 0.5);
            let lat = geo::lat(zoom, f64::from(y) * 256.0 + (index / 256) as f64 + 0.5);
            let off = (value - smooth(lon, lat)).abs();
            assert!(off <= tolerance, "{kernel} {zoom}/{x}/{y} at {lon},{lat}: {off} off");
        }
    }
}

#[rstest]
#[case(0, 0.2)] // pixels are 1.4 cells wide: a triangle of that width errs by up to 0.17 itself
#[case(1, 0.03)]
#[case(2, 0.03)]
#[case(3, 0.03)]
fn a_global_grid_is_right_everywhere_and_across_180_degrees(#[case] zoom: u32, #[case] tolerance: f64) {
    let maps = Maps::of("global_4326.tif");
    for kernel in ["bilinear", "cubic"] {
        follows_the_formula(&maps, zoom, kernel, tolerance);
    }
}

#[rstest]
#[case::from_0("EPSG:4326", 0.0, 360, 90.0, 180)]
#[case::from_the_centre_of_0("EPSG:4326", -0.5, 360, 90.5, 181)]
#[case::from_an_odd_meridian("EPSG:4326", -47.3, 360, 90.0, 180)]
#[case::another_datum_with_the_same_degrees("EPSG:4258", -180.0, 360, 90.0, 180)]
#[case::another_datum_with_other_degrees("+proj=longlat +ellps=intl +towgs84=-87,-98,-121 +no_defs", -180.0, 360, 90.0, 180)]
#[case::another_datum_from_0("+proj=longlat +ellps=intl +towgs84=-87,-98,-121 +no_defs", 0.0, 360, 90.0, 180)]
fn a_grid_around_the_world_has_no_seam_wherever_it_begins(
    #[case] crs: &str, #[case] west: f64, #[case] cols: usize, #[case] north: f64, #[case] rows: usize,
) {
    let folder = Folder::new();
    let path = folder.path("world.tif");
    let value = |col: usize, row: usize| smooth(west + col as f64 + 0.5, north - row as f64 - 0.5);
    Tiff::new(&path, [cols, rows], crs, [west, north], 1.0).write(|col, row| value(col, row) as f32);
    let maps = Maps::of(&path);
    // a shift of 300 m between datums is worth 0.005; bilinear itself errs by 0.03
    for zoom in [1, 2] {
        follows_the_formula(&maps, zoom, "bilinear", 0.05);
    }
    let deep = maps.npy("7/0/50", "resampling=bilinear");
    assert_eq!(deep.valid_count(), 256 * 256, "just east of 180 degrees");
    let deep = maps.npy("7/127/50", "resampling=cubic");
    assert_eq!(deep.valid_count(), 256 * 256, "just west of 180 degrees");
}

#[test]
fn a_global_grid_that_the_reader_decimates_has_no_seam() {
    let folder = Folder::new();
    let path = folder.path("world.tif");
    let (cols, rows, cell) = (12_000, 6_000, 0.03);
    // smooth() / 2 + 100, in bytes, from what depends on the column and on the row alone
    let lons: Vec<f64> = (0..cols).map(|col| (-180.0 + (col as f64 + 0.5) * cell).to_radians()).collect();
    let across: Vec<f64> = lons.iter().map(|lon| 25.0 * lon.cos() + 12.5 * (2.0 * lon).sin()).collect();
    let lats: Vec<f64> = (0..rows).map(|row| (90.0 - (row as f64 + 0.5) * cell).to_radians()).collect();
    let tiff = Tiff::new(&path, [cols, rows], "EPSG:4326", [-180.0, 90.0], cell);
    tiff.write(|col, row| (100.0 + 50.0 * lats[row].sin() + lats[row].cos() * across[col]).round() as u8);
    let maps = Maps::of(&path);
    for kernel in ["average", "bilinear", "nearest"] {
        let array = maps.npy("0/0/0", &format!("tilesize=64&resampling={kernel}"));
        assert_eq!(array.valid_count(), 64 * 64, "{kernel} has gaps");
        for (index, value) in array.band(0).into_iter().enumerate() {
            let (lon, lat) =
                (geo::lon(0, (index % 64) as f64 * 4.0 + 2.0), geo::lat(0, (index / 64) as f64 * 4.0 + 2.0));
            let off = (value - (smooth(lon, lat) / 2.0 + 100.0)).abs();
            assert!(off < 2.5, "{kernel} at {lon},{lat}: {off} off");
        }
    }
}

#[test]
fn a_mercator_grid_around_the_world_has_no_seam() {
    let folder = Folder::new();
    let path = folder.path("world.tif");
    let (size, half) = (512, geo::WORLD_M / 2.0);
    let cell = geo::WORLD_M / 512.0;
    let value = |col: usize, row: usize| smooth(geo::lon(1, col as f64 + 0.5), geo::lat(1, row as f64 + 0.5)) as f32;
    Tiff::new(&path, [size, size], "EPSG:3857", [-half, half], cell).write(value);
    let maps = Maps::of(&path);
    // the pixels nearest to 180 degrees lie between the last and the first column
    for (tile, col) in [("4/0/6", 0), ("4/15/6", 255)] {
        let (x, y) = if col == 0 { (0.0, 6.0) } else { (15.0, 6.0) };
        let array = maps.npy(tile, "resampling=bilinear");
        assert_eq!(array.valid_count(), 256 * 256);
        for row in 0..256 {
            let lon = geo::lon(4, x * 256.0 + f64::from(col) + 0.5);
            let lat = geo::lat(4, y * 256.0 + row as f64 + 0.5);
            let off = (array.at(0, row, col as usize) - smooth(lon, lat)).abs();
            assert!(off < 0.03, "{tile} row {row}: {off} off");
        }
    }
}

#[rstest]
fn grids_from_0_to_360_degrees_cover_the_world(#[values("lon_0_360.tif", "lon_0_360_centres.tif")] file: &str) {
    let maps = Maps::of(file);
    for kernel in KERNELS {
        for zoom in 0..=2 {
            for (x, y) in tiles(zoom) {
                let array = maps.npy(&format!("{zoom}/{x}/{y}"), &format!("resampling={kernel}"));
                assert_eq!(array.valid_count(), 256 * 256, "{kernel} {zoom}/{x}/{y} has gaps");
            }
        }
    }
}

/// Rasters that are small on the world's scale, and a box in degrees that holds them; east may exceed 180.
const SMALL: [(&str, [f64; 4]); 8] = [
    ("columns_3857.tif", [9.99, 44.88, 10.18, 45.01]),
    ("columns_4326.tif", [10.0, 43.0, 15.13, 47.01]),
    ("columns_utm.tif", [9.13, 44.92, 9.35, 45.05]),
    ("nodata_u8.tif", [9.13, 44.96, 9.28, 45.05]),
    ("rotated.tif", [9.08, 44.9, 9.35, 45.1]),
    ("gcps.tif", [9.1, 44.95, 9.3, 45.08]),
    ("columns_polar.tif", [32.2, -72.5, 48.9, -66.7]),
    ("antimeridian_utm60.tif", [178.8, 51.2, 181.2, 52.5]),
];

#[rstest]
fn a_small_raster_shows_nothing_far_away(
    #[values(0, 1, 2, 3, 4, 5, 6, 7)] which: usize, #[values("nearest", "bilinear", "lanczos", "average")] kernel: &str,
) {
    let (file, [west, south, east, north]) = SMALL[which];
    let maps = Maps::of(file);
    for zoom in 0..=4 {
        let mut shown = 0;
        for (x, y) in tiles(zoom) {
            let array = maps.npy(&format!("{zoom}/{x}/{y}"), &format!("resampling={kernel}"));
            let pixel = 360.0 / 256.0 / f64::from(1_u32 << zoom);
            for (index, _) in array.mask().into_iter().enumerate().filter(|(_, mask)| *mask > 0) {
                let lon = geo::lon(zoom, f64::from(x) * 256.0 + (index % 256) as f64 + 0.5);
                let lat = geo::lat(zoom, f64::from(y) * 256.0 + (index / 256) as f64 + 0.5);
                let lon = if lon < west - pixel { lon + 360.0 } else { lon };
                let near =
                    (west - pixel..=east + pixel).contains(&lon) && (south - pixel..=north + pixel).contains(&lat);
                assert!(near, "{file} shows something at {lon},{lat}, in {zoom}/{x}/{y}");
                shown += 1;
            }
        }
        let pixels = (east - west) * 256.0 * f64::from(1_u32 << zoom) / 360.0;
        assert!(pixels < 4.0 || shown > 0, "{file} is nowhere at zoom {zoom}");
    }
}

#[test]
fn an_empty_tile_far_away_is_the_shared_constant() {
    for (file, _) in SMALL {
        let maps = Maps::of(file);
        for tile in ["3/1/2", "8/20/200", "20/3/5"] {
            assert!(maps.png(tile, "").is_transparent(), "{file} {tile}");
            assert_eq!(maps.npy(tile, "").valid_count(), 0, "{file} {tile}");
        }
    }
}

#[test]
fn data_across_180_degrees_is_on_both_edges_of_the_map() {
    let maps = Maps::of("antimeridian_utm60.tif");
    for zoom in [0, 3, 6, 9] {
        let last = (1_u32 << zoom) - 1;
        let (_, y) = geo::tile(zoom, 179.9, 51.9);
        let east = maps.npy(&format!("{zoom}/{last}/{y}"), "resampling=nearest");
        let west = maps.npy(&format!("{zoom}/0/{y}"), "resampling=nearest");
        let column = |array: &crate::support::Array, col: usize| -> Vec<Option<f64>> {
            let (values, mask) = (array.band(0), array.mask());
            (0..256).map(|row| row * 256 + col).map(|at| (mask[at] > 0).then_some(values[at])).collect()
        };
        // the last column before 180 degrees and the first one after it are neighbours in the raster
        let (before, after) = (column(&east, 255), column(&west, 0));
        let pixel_cells = 40_075_016.0 / 256.0 / f64::from(1_u32 << zoom) * 0.617 / 300.0;
        let pairs: Vec<f64> = before.iter().zip(&after).filter_map(|(a, b)| Some(b.as_ref()? - a.as_ref()?)).collect();
        assert!(zoom < 6 || pairs.len() > 20, "{} rows at zoom {zoom}", pairs.len());
        for step in pairs {
            assert!(
                step >= 0.0 && step <= pixel_cells.ceil() + 1.0,
                "a step of {step} cells at zoom {zoom}, not {pixel_cells}"
            );
        }
    }
}

#[rstest]
#[case::south("EPSG:3031", 1.0)]
#[case::north("EPSG:3413", -1.0)]
#[case::north_by_azimuth("+proj=laea +lat_0=90 +lon_0=10 +datum=WGS84", -1.0)]
fn a_raster_over_a_pole_has_no_gap_around_it(#[case] crs: &str, #[case] south: f64) {
    let folder = Folder::new();
    let path = folder.path("pole.tif");
    // 6000 km square: the parallel of 70 degrees lies inside
    Tiff::new(&path, [600, 600], crs, [-3_000_000.0, 3_000_000.0], 10_000.0).write(|_, _| 7_u8);
    let maps = Maps::of(&path);
    for zoom in 0..=3 {
        for kernel in ["nearest", "bilinear", "average"] {
            for (x, y) in tiles(zoom) {
                let array = maps.npy(&format!("{zoom}/{x}/{y}"), &format!("resampling={kernel}"));
                for (index, mask) in array.mask().into_iter().enumerate() {
                    let lat = geo::lat(zoom, f64::from(y) * 256.0 + (index / 256) as f64 + 0.5) * south;
                    let lon = geo::lon(zoom, f64::from(x) * 256.0 + (index % 256) as f64 + 0.5);
                    if lat < -68.0 {
                        assert!(mask > 0, "{kernel}: a gap at {lon},{lat}, in {zoom}/{x}/{y}");
                    } else if lat > -45.0 {
                        assert!(mask == 0, "{kernel}: a smear at {lon},{lat}, in {zoom}/{x}/{y}");
                    }
                }
                assert!(array.valid(0).iter().all(|value| *value == 7.0));
            }
        }
    }
}
