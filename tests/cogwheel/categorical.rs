//! Classes are never mixed in a picture: nearest, or mode when zooming out, in the colours of the table.

use std::collections::BTreeSet;

use rstest::rstest;

use crate::support::made::{Folder, Tiff};
use crate::support::{Maps, encoded, geo};

/// The colour table of palette.tif (`make_rasters.py`), and nothing.
const COLORS: [[u8; 4]; 6] =
    [[20, 60, 160, 255], [90, 160, 60, 255], [230, 220, 120, 255], [170, 110, 60, 255], [245, 245, 245, 255], [0; 4]];

/// Tiles of palette.tif from far out to far in.
const TILES: [&str; 7] =
    ["8/134/92", "9/269/184", "10/538/368", "11/1076/736", "12/2153/1473", "13/4306/2946", "15/17226/11786"];

/// A discrete colormap for `nodata_u8.tif`, whose values run from 20 to 240.
fn by_tens() -> String {
    let classes: Vec<String> = (20..=240).map(|value| format!("\"{value}\": [{value}, 0, {}]", value / 10)).collect();
    format!("{{{}}}", classes.join(","))
}

#[test]
fn a_picture_of_classes_has_no_colours_but_those_of_the_table() {
    let maps = Maps::of("palette.tif");
    let mut seen = BTreeSet::new();
    for tile in TILES {
        for query in ["", "tilesize=512", "resampling=mode", "resampling=nearest"] {
            let picture = maps.png(tile, query);
            let colors: BTreeSet<[u8; 4]> = picture.rgba.into_iter().collect();
            assert!(colors.iter().all(|color| COLORS.contains(color)), "{tile}?{query}: {colors:?}");
            seen.extend(colors);
        }
    }
    assert_eq!(seen.len(), COLORS.len(), "every class was seen: {seen:?}");
}

#[test]
fn every_pixel_has_the_colour_of_its_class() {
    let maps = Maps::of("palette.tif");
    for tile in TILES {
        let (picture, array) = (maps.png(tile, ""), maps.npy(tile, ""));
        for (index, (class, mask)) in array.band(0).into_iter().zip(array.mask()).enumerate() {
            let expected = if mask == 0 { [0; 4] } else { COLORS[class as usize] };
            assert_eq!(picture.rgba[index], expected, "{tile}, pixel {index}, class {class}");
        }
    }
}

#[test]
fn the_default_is_nearest_zoomed_in_and_mode_zoomed_out() {
    let maps = Maps::of("palette.tif");
    for (tile, kernel, other) in [
        ("13/4306/2946", "nearest", "bilinear"),
        ("12/2153/1473", "nearest", "bilinear"),
        ("11/1076/736", "mode", "nearest"),
        ("10/538/368", "mode", "nearest"),
    ] {
        let default = maps.npy(tile, "");
        assert_eq!(default, maps.npy(tile, &format!("resampling={kernel}")), "{tile} is made with {kernel}");
        assert_ne!(default, maps.npy(tile, &format!("resampling={other}")), "{tile} is not made with {other}");
    }
}

#[rstest]
fn an_interpolating_picture_of_classes_is_refused_and_raw_values_are_not(
    #[values("bilinear", "cubic", "lanczos", "average")] kernel: &str,
) {
    let maps = Maps::of("palette.tif");
    let answer = maps.refused("12/2153/1473.png", &format!("resampling={kernel}"));
    assert_eq!(answer.status, 400);
    assert!(answer.detail().starts_with("resampling: "), "{}", answer.detail());
    assert!(
        answer.detail().contains(kernel) && answer.detail().contains("nearest"),
        "it says why: {}",
        answer.detail()
    );
    let mixed = maps.npy("12/2153/1473", &format!("resampling={kernel}"));
    assert_ne!(mixed, maps.npy("12/2153/1473", "resampling=nearest"), "npy is interpolated");
}

#[rstest]
#[case::of_the_query("", true)]
#[case::of_the_configuration("colormap", false)]
fn a_discrete_colormap_makes_classes(#[case] setting: &str, #[case] in_query: bool) {
    let map = by_tens();
    let settings = if setting.is_empty() { String::new() } else { format!("colormap = {}", map.replace(':', " =")) };
    let maps = Maps::with("nodata_u8.tif", &settings);
    let query = if in_query { format!("colormap={}", encoded(&map)) } else { String::new() };
    for tile in ["10/538/368", "12/2152/1473", "14/8610/5893"] {
        let picture = maps.png(tile, &query);
        for pixel in picture.rgba {
            let of_a_class = pixel[1] == 0 && pixel[2] == pixel[0] / 10 && pixel[0] >= 20;
            assert!(pixel == [0; 4] || of_a_class && pixel[3] == 255, "{tile}: {pixel:?}");
        }
    }
    let answer = maps.refused("12/2152/1473.png", &format!("resampling=bilinear&{query}"));
    assert_eq!(answer.status, 400);
    assert!(answer.detail().starts_with("resampling: "), "{}", answer.detail());
}

#[test]
fn a_value_without_a_class_is_transparent() {
    let maps = Maps::of("nodata_u8.tif");
    let array = maps.npy("12/2152/1473", "resampling=nearest");
    let picture = maps.png("12/2152/1473", &format!("colormap={}", encoded("{\"130\": \"#ff0000\"}")));
    for ((value, mask), pixel) in array.band(0).into_iter().zip(array.mask()).zip(picture.rgba) {
        let expected = if value == 130.0 && mask > 0 { [255, 0, 0, 255] } else { [0; 4] };
        assert_eq!(pixel, expected, "value {value}");
    }
}

#[test]
fn a_layer_that_interpolates_by_default_still_does_not_mix_its_classes() {
    let maps = Maps::with("palette.tif", "resampling = 'cubic'");
    for tile in TILES {
        let picture = maps.png(tile, "");
        assert!(picture.rgba.iter().all(|color| COLORS.contains(color)), "{tile}");
    }
}

#[test]
fn intervals_and_ramps_are_no_classes_and_may_be_interpolated() {
    let maps = Maps::of("nodata_u8.tif");
    for map in ["[[[0, 100], \"#ff0000\"], [[100, 256], \"#0000ff\"]]", "[[0, \"#000000\"], [255, \"#ffffff\"]]"] {
        let picture = maps.png("12/2152/1473", &format!("resampling=bilinear&colormap={}", encoded(map)));
        assert!(!picture.is_transparent());
    }
}

#[test]
fn mode_is_the_class_with_the_largest_area() {
    let folder = Folder::new();
    let path = folder.path("classes.tif");
    let class = |col: usize, row: usize| ((col * 7 + row * 5 + (col * row) % 11) % 4) as u8;
    Tiff::new(&path, [256, 256], "EPSG:3857", geo::ALIGNED_CORNER, geo::ALIGNED_CELL_M).write(class);
    // a zoom further out the raster is the top left quadrant, each pixel 2 x 2 cells
    let array = Maps::of(&path).npy("9/270/180", "resampling=mode");
    let values = array.band(0);
    let mut ties = 0;
    for row in 0..128 {
        for col in 0..128 {
            let mut areas = [0; 4];
            for (dc, dr) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                areas[usize::from(class(2 * col + dc, 2 * row + dr))] += 1;
            }
            let most = *areas.iter().max().unwrap();
            ties += usize::from(areas.iter().filter(|area| **area == most).count() > 1);
            let value = values[row * 256 + col] as usize;
            assert_eq!(areas[value], most, "{col},{row}: class {value} of {areas:?}");
        }
    }
    assert!(ties < 128 * 128 / 2, "the test tests something");
    assert_eq!(array.valid_count(), 128 * 128);
}
