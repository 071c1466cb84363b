//! Validity: where it comes from, and that what is invalid never counts.

use proptest::prelude::*;
use rstest::rstest;

use crate::support::made::{Folder, Tiff, fill};
use crate::support::{Array, KERNELS, Maps, geo};

/// The files with the same holes: where they are, their zoom, and the values that their cells can have.
const WITH_HOLES: [(&str, [f64; 2], u32, [f64; 2]); 9] = [
    ("nodata_u8.tif", [9.2, 45.0], 12, [20.0, 240.0]),
    ("nodata_i16.tif", [10.06, 45.0], 13, [-500.0, 3000.0]),
    ("nodata_f32_tolerance.tif", [11.5, 45.6], 7, [-10.0, 90.0]),
    ("nodata_f32_decimal.tif", [9.2, 45.0], 12, [-10.0, 90.0]),
    ("nodata_nan_f32.tif", [10.06, 45.0], 13, [0.0, 1.0]),
    ("nodata_f64.tif", [9.2, 45.0], 12, [1e6, 1e6 + 100.0]),
    ("mask_dataset.tif", [9.2, 45.0], 12, [0.0, 255.0]),
    ("rgb_one_band_nodata.tif", [9.2, 45.0], 12, [1.0, 255.0]),
    ("alpha_rgba.tif", [9.2, 45.0], 12, [0.0, 110.0]),
];

/// The same for those in EPSG:32632: echo 514594.7 4984534.3 | gdaltransform -`s_srs` EPSG:32632 -`t_srs` EPSG:4326
const DISC_IN_UTM: [f64; 2] = [9.185_221, 45.014_108];

fn raster(file: &str) -> ([f64; 2], u32, [f64; 2]) {
    let (_, place, zoom, range) = WITH_HOLES.iter().find(|(name, ..)| *name == file).unwrap();
    (*place, *zoom, *range)
}

/// The middle of the disc without data that all these files have, from their georeferencing: column 112, row 104.
fn middle_of_the_disc(file: &str) -> [f64; 2] {
    match file {
        "nodata_i16.tif" | "nodata_nan_f32.tif" => {
            let (x, y): (f64, f64) = (1_113_207.9 + 112.0 * 37.3, 5_621_543.1 - 104.0 * 37.3);
            [x / geo::WORLD_M * 360.0, (y / 6_378_137.0).sinh().atan().to_degrees()]
        }
        "nodata_f32_tolerance.tif" => [10.0037 + 1.12, 47.0013 - 1.04],
        _ => DISC_IN_UTM,
    }
}

#[rstest]
fn a_hole_is_a_hole_with_every_kernel(
    #[values(
        "nodata_u8.tif",
        "nodata_i16.tif",
        "nodata_f32_tolerance.tif",
        "nodata_f32_decimal.tif",
        "nodata_nan_f32.tif",
        "nodata_f64.tif",
        "mask_dataset.tif",
        "alpha_rgba.tif"
    )]
    file: &str,
) {
    let (_, zoom, _) = raster(file);
    let maps = Maps::of(file);
    let place = middle_of_the_disc(file);
    for zoom in [zoom - 1, zoom, zoom + 1] {
        let (col, row) = geo::pixel(zoom, place[0], place[1]);
        let (x, y) = ((col / 256.0) as usize, (row / 256.0) as usize);
        let (col, row) = (col as usize % 256, row as usize % 256);
        for kernel in KERNELS {
            let array = maps.npy(&format!("{zoom}/{x}/{y}"), &format!("resampling={kernel}"));
            let mask = array.mask();
            assert_eq!(mask[row * 256 + col], 0, "{kernel} at zoom {zoom}: the middle of the disc");
            assert!(array.valid_count() > 5_000, "{kernel} at zoom {zoom}: the rest");
            if file != "alpha_rgba.tif" {
                assert!(mask.iter().all(|mask| [0, 255].contains(mask)), "{kernel}: valid or not, nothing between");
            }
        }
        let picture = maps.png(&format!("{zoom}/{x}/{y}"), "");
        assert_eq!(picture.at(row, col), [0; 4], "a picture is transparent there");
        assert!(!picture.is_transparent());
    }
}

#[rstest]
fn there_is_no_value_under_a_point_in_a_hole(
    #[values(
        "nodata_u8.tif",
        "nodata_i16.tif",
        "nodata_f32_tolerance.tif",
        "nodata_f32_decimal.tif",
        "nodata_nan_f32.tif",
        "nodata_f64.tif",
        "mask_dataset.tif",
        "rgb_one_band_nodata.tif",
        "alpha_rgba.tif"
    )]
    file: &str,
) {
    let maps = Maps::of(file);
    let values = |[lon, lat]: [f64; 2]| -> Vec<Option<f64>> {
        let answer = maps.get(&format!("/layers/it/point/{lon},{lat}")).ok();
        let point: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        point["values"].as_array().unwrap().iter().map(serde_json::Value::as_f64).collect()
    };
    let in_the_hole = values(middle_of_the_disc(file));
    let (place, _, [low, high]) = raster(file);
    let beside = values(place);
    assert!(beside.iter().all(|value| value.is_some_and(|value| (low..=high).contains(&value))), "{beside:?}");
    assert_eq!(in_the_hole.len(), beside.len(), "an alpha band is no value");
    let holes = if file == "rgb_one_band_nodata.tif" { 1 } else { in_the_hole.len() };
    assert_eq!(in_the_hole.iter().filter(|value| value.is_none()).count(), holes, "{in_the_hole:?}");
}

#[rstest]
fn all_files_with_the_same_holes_have_the_same_mask(
    #[values("nodata_f32_decimal.tif", "nodata_f64.tif", "mask_dataset.tif", "alpha_rgba.tif")] file: &str,
    #[values("nearest", "bilinear", "cubic")] kernel: &str,
) {
    // opacity interpolates, so that the rim of a hole is faint and not cut at one half
    let tile = "12/2152/1473";
    let holes = |file: &str| Maps::of(file).npy(tile, &format!("resampling={kernel}")).mask();
    let (ours, expected) = (holes(file), holes("nodata_u8.tif"));
    assert!(expected.iter().filter(|mask| **mask == 0).count() > 10_000);
    let different = ours.iter().zip(&expected).filter(|(a, b)| (**a > 0) != (**b > 0)).count();
    let allowed = if file == "alpha_rgba.tif" && kernel != "nearest" { 700 } else { 0 };
    assert!(different <= allowed, "{different} pixels");
}

#[test]
fn a_pixel_is_valid_if_any_band_is() {
    // red is 0, its nodata value, in the holes; green and blue are not
    let maps = Maps::of("rgb_one_band_nodata.tif");
    let (col, row) = geo::pixel(12, DISC_IN_UTM[0], DISC_IN_UTM[1]);
    let tile = format!("12/{}/{}", (col / 256.0) as u32, (row / 256.0) as u32);
    let index = (row as usize % 256) * 256 + col as usize % 256;
    for kernel in KERNELS {
        let all = maps.npy(&tile, &format!("resampling={kernel}"));
        assert_eq!(all.mask()[index], 255, "{kernel}: all bands");
        assert_eq!(all.band(0)[index], 0.0, "{kernel}: an invalid sample of a valid pixel holds nodata");
        assert!(all.band(1)[index] > 0.0);
        assert_eq!(maps.npy(&tile, &format!("resampling={kernel}&bidx=1")).mask()[index], 0, "{kernel}: red only");
        assert_eq!(maps.npy(&tile, &format!("resampling={kernel}&bidx=2")).mask()[index], 255, "{kernel}: green only");
    }
}

/// Every valid value of every data band, with the band's number.
fn values(array: &Array) -> impl Iterator<Item = (usize, f64)> + '_ {
    (0..array.bands - 1).flat_map(|band| array.valid(band).into_iter().map(move |value| (band, value)))
}

fn out_of_range(maps: &Maps, file: &str, tile: &str, query: &str) -> Option<String> {
    let (_, _, [low, high]) = raster(file);
    let array = maps.npy(tile, query);
    let one_band_nodata = file == "rgb_one_band_nodata.tif";
    let wrong: Vec<f64> = values(&array)
        .filter(|(band, value)| !(one_band_nodata && *band == 0 && *value == 0.0))
        .map(|(_, value)| value)
        .filter(|value| !(low..=high).contains(value))
        .collect();
    wrong.first().map(|first| {
        format!("{} values of {file} {tile}?{query} are outside {low}..={high}, for example {first:?}", wrong.len())
    })
}

#[rstest]
fn bilinear_and_average_stay_within_the_valid_values(
    #[values(
        "nodata_u8.tif",
        "nodata_i16.tif",
        "nodata_f32_tolerance.tif",
        "nodata_f32_decimal.tif",
        "nodata_nan_f32.tif",
        "nodata_f64.tif",
        "mask_dataset.tif",
        "rgb_one_band_nodata.tif",
        "alpha_rgba.tif"
    )]
    file: &str,
) {
    let (place, native, _) = raster(file);
    let maps = Maps::of(file);
    for zoom in native - 3..=native + 3 {
        for kernel in ["bilinear", "average"] {
            let wrong = out_of_range(&maps, file, &geo::tile_path(zoom, place), &format!("resampling={kernel}"));
            assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn no_tile_leaves_the_range_of_the_valid_values(
        which in 0..WITH_HOLES.len(), zooms in -4..=5_i32, right in -0.02..0.02_f64, up in -0.02..0.02_f64,
        bilinear in any::<bool>(), size in 64..=300_u32,
    ) {
        let (file, [lon, lat], native, _) = WITH_HOLES[which];
        let zoom = native.checked_add_signed(zooms).unwrap();
        let kernel = if bilinear { "bilinear" } else { "average" };
        let tile = geo::tile_path(zoom, [lon + right, lat + up]);
        let wrong = out_of_range(&Maps::of(file), file, &tile, &format!("resampling={kernel}&tilesize={size}"));
        prop_assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
    }
}

#[rstest]
fn every_kernel_gives_finite_values_that_are_never_the_nodata_value(
    #[values(
        "nodata_i16.tif",
        "nodata_f32_tolerance.tif",
        "nodata_f32_decimal.tif",
        "nodata_nan_f32.tif",
        "nodata_f64.tif"
    )]
    file: &str,
) {
    let (place, zoom, [low, high]) = raster(file);
    let maps = Maps::of(file);
    for kernel in KERNELS {
        for zoom in [zoom - 2, zoom, zoom + 2] {
            let array = maps.npy(&geo::tile_path(zoom, place), &format!("resampling={kernel}"));
            // cubic and lanczos overshoot; a nodata value in the sum would throw them off by far more
            let margin = (high - low) * 0.2;
            let wrong = array.valid(0).into_iter().find(|value| !(low - margin..=high + margin).contains(value));
            assert!(wrong.is_none(), "{kernel} at zoom {zoom}: {wrong:?}");
        }
    }
}

#[rstest]
#[case::inside_the_file("YES")]
#[case::in_a_file_beside_it("NO")]
fn a_mask_with_overviews_counts_at_every_level(#[case] internal: &str) {
    let folder = Folder::new();
    let path = folder.path("masked.tif");
    let valid = |col: usize, row: usize| (col / 100 + row / 100).is_multiple_of(2);
    let tiff = Tiff::new(&path, [1000, 1000], "EPSG:32632", [511_234.7, 4_987_654.3], 30.0);
    tiff.create::<u8>(|dataset| {
        let mut band = dataset.rasterband(1).unwrap();
        fill(&mut band, |col, row| if valid(col, row) { 10_u8 } else { 200 });
        gdal::config::set_thread_local_config_option("GDAL_TIFF_INTERNAL_MASK", internal).unwrap();
        band.create_mask_band(true).unwrap();
        fill(&mut band.open_mask_band().unwrap(), |col, row| if valid(col, row) { 255_u8 } else { 0 });
    });
    // only once the mask is on disk do its overviews know it
    tiff.build_overviews("AVERAGE", &[2, 4, 8]);
    assert_eq!(std::path::Path::new(&format!("{path}.msk")).exists(), internal == "NO");
    let maps = Maps::of(&path);
    for zoom in [8, 9, 10, 11, 12, 13] {
        for kernel in KERNELS {
            let array = maps.npy(&geo::tile_path(zoom, [9.25, 44.95]), &format!("resampling={kernel}"));
            let values = array.valid(0);
            let hidden = values.iter().filter(|value| **value != 10.0).count();
            assert_eq!(hidden, 0, "{hidden} of {} values at zoom {zoom} with {kernel} are not 10", values.len());
            let share = values.len() as f64 / (256.0 * 256.0);
            assert!(
                zoom < 11 || (0.3..0.7).contains(&share),
                "{share} of the tile at zoom {zoom} with {kernel} holds data"
            );
            assert!(!values.is_empty(), "nothing at zoom {zoom} with {kernel}");
        }
    }
}

#[rstest]
fn a_constant_is_the_same_after_every_kernel(
    #[values("bilinear", "average", "mode")] kernel: &str,
    #[values(i64::MAX, 9_007_199_254_740_993, -9_007_199_254_740_995, 2_147_483_647, 3)] value: i64,
) {
    let folder = Folder::new();
    let path = folder.path("constant.tif");
    Tiff::new(&path, [300, 300], "EPSG:32632", [511_234.7, 4_987_654.3], 30.0).write(|_, _| value);
    let maps = Maps::of(&path);
    for zoom in [11, 13] {
        let array = maps.npy(&geo::tile_path(zoom, [9.18, 44.99]), &format!("resampling={kernel}"));
        let (values, mask) = (array.whole(0), array.mask());
        let valid: Vec<i128> =
            values.into_iter().zip(mask).filter(|(_, mask)| *mask > 0).map(|(value, _)| value).collect();
        assert!(valid.len() > 100);
        let other = valid.iter().find(|one| **one != i128::from(value));
        assert!(other.is_none(), "{other:?} is outside the range of its inputs, {value}..={value}");
    }
}
