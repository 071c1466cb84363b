//! `nodata=` replaces whatever the file says of its validity.

use rstest::rstest;

use crate::support::made::{Folder, Tiff};
use crate::support::{KERNELS, Maps};

const TILE: &str = "12/2152/1473";

fn count(file: &str, settings: &str, query: &str, wanted: impl Fn(f64) -> bool) -> (usize, usize) {
    let array = Maps::with(file, settings).npy(TILE, &format!("resampling=nearest&bidx=1{query}"));
    let (values, mask) = (array.band(0), array.mask());
    let of =
        |valid: bool| values.iter().zip(&mask).filter(|(value, mask)| (**mask > 0) == valid && wanted(**value)).count();
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

#[rstest]
fn a_nodata_value_that_the_type_cannot_hold_masks_nothing(
    #[values(-9999.0, 256.0, 0.5, f64::NAN, f64::NEG_INFINITY)] nodata: f64,
) {
    // cast to a byte each of them would be 0, 255 or 1
    let folder = Folder::new();
    let path = folder.path("bytes.tif");
    let tiff = Tiff::new(&path, [320, 260], "EPSG:32632", [511_234.7, 4_987_654.3], 30.0);
    Tiff { nodata: Some(nodata), ..tiff }.write(|col, row| [0_u8, 1, 255][(col + row) % 3]);
    let everything = Maps::of("nodata_u8.tif").npy(TILE, "nodata=-1&resampling=nearest").mask();
    for kernel in KERNELS {
        assert_eq!(Maps::of(&path).npy(TILE, &format!("resampling={kernel}")).mask(), everything, "{kernel}");
    }
}
