//! Validity: where it comes from, and that what is invalid never counts.

use proptest::prelude::*;
use rstest::rstest;

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

fn tile_at(zoom: u32, [lon, lat]: [f64; 2]) -> String {
    let (x, y) = geo::tile(zoom, lon, lat);
    format!("{zoom}/{x}/{y}")
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
            let wrong = out_of_range(&maps, file, &tile_at(zoom, place), &format!("resampling={kernel}"));
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
        let tile = tile_at(zoom, [lon + right, lat + up]);
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
            let array = maps.npy(&tile_at(zoom, place), &format!("resampling={kernel}"));
            // cubic and lanczos overshoot; a nodata value in the sum would throw them off by far more
            let margin = (high - low) * 0.2;
            let wrong = array.valid(0).into_iter().find(|value| !(low - margin..=high + margin).contains(value));
            assert!(wrong.is_none(), "{kernel} at zoom {zoom}: {wrong:?}");
        }
    }
}

mod overrides {
    //! `nodata=` replaces whatever the file says of its validity.

    use super::*;

    const TILE: &str = "12/2152/1473";

    fn count(file: &str, settings: &str, query: &str, wanted: impl Fn(f64) -> bool) -> (usize, usize) {
        let array = Maps::with(file, settings).npy(TILE, &format!("resampling=nearest&bidx=1{query}"));
        let (values, mask) = (array.band(0), array.mask());
        let of = |valid: bool| {
            values.iter().zip(&mask).filter(|(value, mask)| (**mask > 0) == valid && wanted(**value)).count()
        };
        (of(true), of(false))
    }

    #[test]
    fn another_value_is_masked_and_the_files_own_is_data() {
        let (own, _) = count("nodata_u8.tif", "", "&nodata=130", |value| value == 0.0);
        assert!(own > 3_000, "the holes hold 0, which is data now: {own}");
        let (masked_before, _) = count("nodata_u8.tif", "", "", |value| value == 130.0);
        let (still_valid, _) = count("nodata_u8.tif", "", "&nodata=130", |value| value == 130.0);
        assert!(masked_before > 50 && still_valid == 0, "{masked_before} cells of 130, {still_valid} still valid");
    }

    #[test]
    fn the_query_replaces_the_configuration() {
        let (own, _) = count("nodata_u8.tif", "nodata = 130", "", |value| value == 130.0);
        assert_eq!(own, 0);
        let (of_query, _) = count("nodata_u8.tif", "nodata = 130", "&nodata=131", |value| value == 131.0);
        let (of_config, _) = count("nodata_u8.tif", "nodata = 130", "&nodata=131", |value| value == 130.0);
        assert!(of_query == 0 && of_config > 50, "{of_query} {of_config}");
    }

    #[rstest]
    #[case("nodata_u8.tif")]
    #[case("mask_dataset.tif")]
    #[case("alpha_rgba.tif")]
    fn a_value_that_never_occurs_makes_everything_valid(#[case] file: &str) {
        let inside = Maps::of("nodata_u8.tif").npy(TILE, "nodata=-1&resampling=nearest").valid_count();
        let own = Maps::of(file).npy(TILE, "resampling=nearest").valid_count();
        for nodata in ["-1", "0.5", "nan", "inf", "-1e300"] {
            let array = Maps::of(file).npy(TILE, &format!("nodata={nodata}&resampling=nearest"));
            assert_eq!(array.valid_count(), inside, "nodata={nodata}");
            assert!(array.mask().iter().all(|mask| [0, 255].contains(mask)), "no opacity any more");
        }
        assert!(own + 3_000 < inside, "the holes were masked before: {own} of {inside}");
    }

    #[test]
    fn a_value_replaces_the_alpha_band() {
        // the holes of this file are white under alpha 0
        let maps = Maps::of("alpha_rgba.tif");
        let array = maps.npy(TILE, "nodata=255&resampling=nearest");
        let own = maps.npy(TILE, "resampling=nearest");
        let holes: Vec<bool> = own.mask().iter().map(|mask| *mask == 0).collect();
        let ours: Vec<bool> = array.mask().iter().map(|mask| *mask == 0).collect();
        assert_eq!(ours, holes, "only the white cells are masked");
        assert!(array.mask().iter().all(|mask| [0, 255].contains(mask)), "the rest is opaque");
        let picture = maps.png(TILE, "nodata=255");
        assert!(picture.rgba.iter().all(|pixel| [0, 255].contains(&pixel[3])));
        let everything = maps.png(TILE, "nodata=-1");
        assert!(everything.rgba.contains(&[255; 4]), "the white under alpha 0 comes to light");
    }

    #[test]
    fn nan_as_nodata_masks_what_is_not_a_number_and_nothing_else() {
        let holes = |query: &str| Maps::of("nodata_nan_f32.tif").npy("13/4323/2948", query).mask();
        assert_eq!(holes("nodata=nan"), holes(""));
        assert_eq!(holes("nodata=-1"), holes(""), "a NaN is never data");
    }

    #[test]
    fn a_float_is_compared_in_the_type_of_the_cells() {
        // -9999.9 is no float32: the cells hold -9999.900390625
        let own = Maps::of("nodata_f32_decimal.tif").npy(TILE, "").mask();
        assert_eq!(Maps::of("nodata_f32_decimal.tif").npy(TILE, "nodata=-9999.9").mask(), own);
        assert_eq!(Maps::with("nodata_f32_decimal.tif", "nodata = -9999.9").npy(TILE, "").mask(), own);
        let close = Maps::of("nodata_f32_decimal.tif").npy(TILE, "nodata=-9999.8").valid_count();
        assert!(close > own.iter().filter(|mask| **mask > 0).count() + 3_000, "-9999.8 is another number");
    }

    #[rstest]
    #[case("nodata=abc")]
    #[case("nodata=")]
    #[case("nodata=1&nodata=2")]
    fn nonsense_is_refused_by_name(#[case] query: &str) {
        let answer = Maps::of("nodata_u8.tif").refused(TILE, query);
        assert_eq!(answer.status, 400);
        assert!(answer.detail().contains("nodata"), "{}", answer.detail());
    }
}

#[rstest]
#[case::inside_the_file("YES")]
#[case::in_a_file_beside_it("NO")]
fn a_mask_with_overviews_counts_at_every_level(#[case] internal: &str) {
    use crate::support::made::{Folder, Tiff, fill};

    let folder = Folder::new();
    let path = folder.path("masked.tif");
    let valid = |col: usize, row: usize| (col / 100 + row / 100).is_multiple_of(2);
    {
        let dataset = Tiff::new(&path, [1000, 1000], "EPSG:32632", [511_234.7, 4_987_654.3], 30.0).create::<u8>();
        let mut band = dataset.rasterband(1).unwrap();
        fill(&mut band, |col, row| if valid(col, row) { 10_u8 } else { 200 });
        gdal::config::set_thread_local_config_option("GDAL_TIFF_INTERNAL_MASK", internal).unwrap();
        band.create_mask_band(true).unwrap();
        fill(&mut band.open_mask_band().unwrap(), |col, row| if valid(col, row) { 255_u8 } else { 0 });
    }
    // only once the mask is on disk do its overviews know it
    let update = gdal::DatasetOptions { open_flags: gdal::GdalOpenFlags::GDAL_OF_UPDATE, ..Default::default() };
    gdal::Dataset::open_ex(&path, update).unwrap().build_overviews("AVERAGE", &[2, 4, 8], &[]).unwrap();
    assert_eq!(std::path::Path::new(&format!("{path}.msk")).exists(), internal == "NO");
    let maps = Maps::of(&path);
    for zoom in [8, 9, 10, 11, 12, 13] {
        for kernel in KERNELS {
            let array = maps.npy(&tile_at(zoom, [9.25, 44.95]), &format!("resampling={kernel}"));
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

mod alpha {
    //! Colours under a transparent alpha never show.

    use super::*;

    #[rstest]
    fn white_under_alpha_0_does_not_bleed(
        #[values("bilinear", "cubic", "lanczos", "average", "mode", "nearest")] kernel: &str,
        #[values(9, 10, 11, 12, 13, 14, 15)] zoom: u32,
    ) {
        // visible colours never exceed 110; kernels with negative lobes overshoot, by little of what can be seen
        let overshoot = if ["cubic", "lanczos"].contains(&kernel) { 40 } else { 0 };
        let maps = Maps::of("alpha_rgba.tif");
        let mut seen = 0;
        for place in [[9.2, 45.0], [9.185, 45.019], [9.225, 44.995]] {
            let picture = maps.png(&tile_at(zoom, place), &format!("resampling={kernel}"));
            for pixel in picture.rgba.iter().filter(|pixel| pixel[3] > 0) {
                let seen_above = pixel[..3].iter().map(|value| i32::from(*value) - 110 - overshoot).max().unwrap();
                let slack = if overshoot > 0 { 255 } else { 0 };
                assert!(seen_above * i32::from(pixel[3]) <= slack, "{pixel:?} at zoom {zoom}");
                seen += 1;
            }
        }
        assert!(seen > 200, "{seen} pixels");
    }

    #[test]
    fn a_file_with_alpha_gives_three_bands_and_its_opacity() {
        let array = Maps::of("alpha_rgba.tif").npy("12/2152/1473", "resampling=nearest");
        assert_eq!(array.bands, 4, "red, green, blue and the mask");
        let mut opacities = array.mask();
        opacities.sort_unstable();
        opacities.dedup();
        assert!(opacities.len() > 100, "{} opacities", opacities.len());
    }

    #[test]
    fn one_band_of_a_file_with_alpha_keeps_its_opacity() {
        let maps = Maps::of("alpha_rgba.tif");
        let (all, red) =
            (maps.npy("12/2152/1473", "resampling=bilinear"), maps.npy("12/2152/1473", "resampling=bilinear&bidx=1"));
        assert_eq!(red.mask(), all.mask());
        assert_eq!(red.band(0), all.band(0));
    }

    #[rstest]
    #[case::one_band_and_alpha(&[2])]
    #[case::two_bands_and_alpha(&[1, 3])]
    #[case::three_bands_and_alpha(&[1, 2, 3])]
    #[case::four_bands_and_alpha(&[1, 2, 3, 1])]
    fn alpha_counts_beside_any_number_of_bands(#[case] bands: &[usize]) {
        // GDAL itself knows an alpha band as a mask only where there are two or four bands
        let folder = crate::support::made::Folder::new();
        let source = crate::support::fixtures().join("alpha_rgba.tif").display().to_string();
        let band = |(index, (source_band, color)): (usize, (usize, &str))| {
            format!(
                "<VRTRasterBand dataType=\"Byte\" band=\"{}\"><ColorInterp>{color}</ColorInterp><SimpleSource>\
                 <SourceFilename>{source}</SourceFilename><SourceBand>{source_band}</SourceBand></SimpleSource></VRTRasterBand>",
                index + 1
            )
        };
        let sources = bands.iter().map(|band| (*band, "Undefined")).chain([(4, "Alpha")]);
        let text: String = sources.enumerate().map(band).collect();
        let head = "rasterXSize=\"320\" rasterYSize=\"260\"><SRS>EPSG:32632</SRS>\
                    <GeoTransform>511234.7, 30, 0, 4987654.3, 0, -30</GeoTransform>";
        let vrt = folder.write("alpha.vrt", &format!("<VRTDataset {head}{text}</VRTDataset>"));
        let chosen: String = bands.iter().map(|band| format!("&bidx={band}")).collect();
        for kernel in ["nearest", "bilinear"] {
            let ours = Maps::of(&vrt).npy("12/2152/1473", &format!("resampling={kernel}"));
            let expected = Maps::of("alpha_rgba.tif").npy("12/2152/1473", &format!("resampling={kernel}{chosen}"));
            assert_eq!(ours.bands, bands.len() + 1, "the alpha band is no value");
            assert_eq!(ours, expected, "{kernel}");
        }
    }

    #[test]
    fn return_mask_false_leaves_the_mask_out() {
        let maps = Maps::of("alpha_rgba.tif");
        let (with, without) = (maps.npy("12/2152/1473", ""), maps.npy("12/2152/1473", "return_mask=false"));
        assert_eq!((with.bands, without.bands), (4, 3));
        let picture = maps.png("12/2152/1473", "return_mask=false");
        assert!(picture.rgba.iter().all(|pixel| pixel[3] == 255));
    }
}

mod whole_numbers {
    //! The type of the sums must not show.

    use super::*;
    use crate::support::made::{Folder, Tiff};

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
            let array = maps.npy(&tile_at(zoom, [9.18, 44.99]), &format!("resampling={kernel}"));
            let (values, mask) = (array.whole(0), array.mask());
            let valid: Vec<i128> =
                values.into_iter().zip(mask).filter(|(_, mask)| *mask > 0).map(|(value, _)| value).collect();
            assert!(valid.len() > 100);
            let other = valid.iter().find(|one| **one != i128::from(value));
            assert!(other.is_none(), "{other:?} is outside the range of its inputs, {value}..={value}");
        }
    }
}
