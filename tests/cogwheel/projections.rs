//! Projections in which the raster's rectangle is no rectangle on the map: curved, torn, or partly off the earth.

use cogwheel::geo::Crs;
use rstest::rstest;

use crate::support::made::{Folder, Tiff};
use crate::support::mosaic::{Mosaic, Part};
use crate::support::{Maps, fixtures, geo, set_up_gdal};
use crate::world::smooth;

/// A raster of [`smooth`] values, and -1000 off the earth, in squares of `cell_km`, centred on the origin of its CRS.
fn world_in(folder: &Folder, crs: &str, [width_km, height_km]: [usize; 2], cell_km: usize) -> Maps {
    let (cols, rows) = (width_km / cell_km, height_km / cell_km);
    let cell = cell_km as f64 * 1000.0;
    let (left, top) = (-(width_km as f64) * 500.0, height_km as f64 * 500.0);
    let centres = (0..rows).flat_map(|row| (0..cols).map(move |col| (col as f64 + 0.5, row as f64 + 0.5)));
    let (mut x, mut y): (Vec<f64>, Vec<f64>) = centres.map(|(col, row)| (left + col * cell, top - row * cell)).unzip();
    set_up_gdal();
    Crs::parse(crs).unwrap().transform(&Crs::wgs84(), &mut x, &mut y).unwrap();
    let on_earth = |at: usize| x[at].is_finite() && y[at].is_finite();
    let value = |at: usize| if on_earth(at) { smooth(x[at], y[at]) as f32 } else { -1000.0 };
    let path = folder.path("world.tif");
    let tiff = Tiff { nodata: Some(-1000.0), ..Tiff::new(&path, [cols, rows], crs, [left, top], cell) };
    tiff.write(|col, row| value(row * cols + col));
    Maps::of(&path)
}

#[rstest]
#[case::sinusoidal("+proj=sinu +lon_0=0 +datum=WGS84", [40_100, 20_100], 179.0)]
#[case::mollweide("+proj=moll +lon_0=0 +datum=WGS84", [36_100, 18_100], 178.5)]
#[case::robinson("+proj=robin +lon_0=0 +datum=WGS84", [34_100, 17_300], 178.5)]
#[case::interrupted("+proj=igh +lon_0=0 +datum=WGS84", [40_100, 17_400], 178.5)]
#[case::around_a_point("+proj=aeqd +lat_0=20 +lon_0=30 +datum=WGS84", [40_100, 40_100], 180.0)]
fn a_world_that_is_no_rectangle_is_right_and_whole(#[case] crs: &str, #[case] size_km: [usize; 2], #[case] east: f64) {
    let folder = Folder::new();
    let maps = world_in(&folder, crs, size_km, 50);
    let (mut wrong, mut gaps, mut seen) = (Vec::new(), 0, 0);
    for (zoom, x, y) in [(0, 0, 0), (2, 0, 1), (2, 1, 2), (2, 3, 0), (3, 2, 5), (5, 14, 20), (6, 3, 30)] {
        let array = maps.npy(&format!("{zoom}/{x}/{y}"), "resampling=nearest");
        for (index, (value, mask)) in array.band(0).into_iter().zip(array.mask()).enumerate() {
            let lon = geo::lon(zoom, f64::from(x) * 256.0 + (index % 256) as f64 + 0.5);
            let lat = geo::lat(zoom, f64::from(y) * 256.0 + (index / 256) as f64 + 0.5);
            if lon.abs() > east || lat.abs() > 82.0 {
                continue; // where the world is torn the cells are no longer whole
            }
            seen += 1;
            gaps += usize::from(mask == 0);
            // a cell is at most 50 km away, stretched near the edges: 2 degrees at 100 a radian
            if mask > 0 && (value - smooth(lon, lat)).abs() > 4.0 {
                wrong.push(format!("{zoom}/{x}/{y} at {lon:.2},{lat:.2}: {value} instead of {:.1}", smooth(lon, lat)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} pixels are wrong, for example {}", wrong.len(), wrong[wrong.len() / 2]);
    // an interruption or the edge of the world may take a cell on each side
    assert!(gaps * 100 < seen, "{gaps} of {seen} pixels are gaps");
}

#[rstest]
#[case::geostationary("+proj=geos +h=35785831 +lon_0=0 +datum=WGS84 +sweep=y", 11_000, 60.0, 85.0)]
#[case::from_afar("+proj=ortho +lat_0=0 +lon_0=0 +datum=WGS84", 12_800, 70.0, 91.0)]
fn a_disc_of_the_earth_shows_this_side_and_nothing_of_the_other(
    #[case] crs: &str, #[case] size_km: usize, #[case] seen_to: f64, #[case] nothing_from: f64,
) {
    let folder = Folder::new();
    let maps = world_in(&folder, crs, [size_km, size_km], 20);
    for (zoom, x, y) in [(0, 0, 0), (1, 0, 0), (1, 1, 1), (3, 4, 3), (3, 0, 4), (3, 7, 3), (4, 11, 7)] {
        let array = maps.npy(&format!("{zoom}/{x}/{y}"), "resampling=nearest");
        for (index, (value, mask)) in array.band(0).into_iter().zip(array.mask()).enumerate() {
            let lon = geo::lon(zoom, f64::from(x) * 256.0 + (index % 256) as f64 + 0.5);
            let lat = geo::lat(zoom, f64::from(y) * 256.0 + (index / 256) as f64 + 0.5);
            let away = (lon.to_radians().cos() * lat.to_radians().cos()).acos().to_degrees();
            if away < seen_to {
                assert!(mask > 0, "a gap at {lon},{lat}, in {zoom}/{x}/{y}");
                assert!((value - smooth(lon, lat)).abs() < 3.0, "{value} at {lon},{lat}, in {zoom}/{x}/{y}");
            } else if away > nothing_from {
                assert!(mask == 0, "a smear at {lon},{lat}, in {zoom}/{x}/{y}");
            }
        }
    }
}

/// A raster whose top edge is a curve on the map: CONUS Albers, 5,000 km wide, 30 m cells, one value.
fn conus(folder: &Folder) -> Maps {
    let source = fixtures().join("vrt/five.tif").display().to_string();
    let mosaic = Mosaic { size: [166_000, 4_000], crs: "EPSG:5070", corner: [-2_375_000.0, 3_100_000.0], cell: 30.0 };
    Maps::of(&mosaic.write(folder, &source, &[Part { from: [0, 0, 256, 256], to: [0, 0, 166_000, 4_000] }]))
}

#[rstest]
fn the_bulge_of_a_curved_edge_is_not_cut_off(#[values(11, 13, 15)] zoom: u32) {
    // the edge is furthest north where it crosses the central meridian, 96 degrees west
    let folder = Folder::new();
    let maps = conus(&folder);
    // echo 0 3099700 | gdaltransform -s_srs EPSG:5070 -t_srs EPSG:4326 (300 m inside the edge)
    let (lon, lat) = (-96.0, 50.933_969);
    let (col, row) = geo::pixel(zoom, lon, lat);
    let tile = format!("{zoom}/{}/{}", (col / 256.0) as u32, (row / 256.0) as u32);
    let array = maps.npy(&tile, "resampling=nearest");
    let (px, py) = (col as usize % 256, row as usize % 256);
    assert_eq!(array.mask()[py * 256 + px], 255, "{tile}: pixel {px},{py} is ten cells inside the raster");
    let point: serde_json::Value =
        serde_json::from_slice(&maps.get(&format!("/layers/it/point/{lon},{lat}")).ok()).unwrap();
    assert_eq!(point["values"][0], 5.0, "the value under the same point");
}
