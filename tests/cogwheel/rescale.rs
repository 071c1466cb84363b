//! From values to 0..=255, and raw values of every type.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::Value;

use crate::support::made::{Folder, Tiff};
use crate::support::{Array, KERNELS, Maps, geo};

/// The corner of the aligned tile where the rasters of 64 x 64 cells are.
fn corner(file: &str, query: &str) -> Array {
    let array = Maps::of(file).npy(geo::ALIGNED, query);
    assert_eq!(array.valid_count(), array.part(0, 0, 64, 64).valid_count(), "nothing beyond the raster");
    array.part(0, 0, 64, 64)
}

/// Gray by hand: linear, rounded, clamped. Where rounding is on the edge, both neighbours are right.
fn gray(value: f64, [min, max]: [f64; 2]) -> [u8; 2] {
    let exact = ((value - min) / (max - min) * 255.0).clamp(0.0, 255.0);
    [(exact - 1e-6).round().max(0.0) as u8, (exact + 1e-6).round() as u8]
}

#[rstest]
#[case("uint8", [0.0, 255.0])]
#[case("uint8", [0.0, 100.0])]
#[case("uint8", [50.0, 200.0])]
#[case("uint8", [-20.0, 200.0])]
#[case("uint8", [100.25, 101.75])]
#[case("int8", [-128.0, 127.0])]
#[case("int8", [-50.0, 50.0])]
#[case("uint16", [1000.0, 60_000.0])]
#[case("int16", [-20_000.0, 20_000.0])]
#[case("uint32", [0.0, 4e9])]
#[case("int32", [-1e9, 1e9])]
#[case("uint64", [0.0, 1.8e19])]
#[case("int64", [-9e18, 9e18])]
#[case("float32", [-1e10, 1e10])]
#[case("float64", [-1e-3, 1e30])]
fn values_are_rescaled_rounded_and_clamped(#[case] dtype: &str, #[case] range: [f64; 2]) {
    let file = format!("dtypes/{dtype}.tif");
    let (values, mask) =
        (corner(&file, "bidx=1&resampling=nearest").band(0), corner(&file, "bidx=1&resampling=nearest").mask());
    let picture =
        Maps::of(&file).png(geo::ALIGNED, &format!("bidx=1&resampling=nearest&rescale={},{}", range[0], range[1]));
    let (mut low, mut high) = (0, 0);
    for index in 0..4096 {
        let [r, g, b, a] = picture.at(index / 64, index % 64);
        if mask[index] == 0 {
            assert_eq!([r, g, b, a], [0; 4], "pixel {index}");
            continue;
        }
        let expected = gray(values[index], range);
        assert!(
            r == g && g == b && a == 255 && expected.contains(&r),
            "pixel {index}: {} became {r}, not {expected:?}",
            values[index]
        );
        low += usize::from(r == 0);
        high += usize::from(r == 255);
    }
    assert!(low + high > 0, "an end is reached");
}

#[rstest]
#[case("rescale=5,5")]
#[case("rescale=10,5")]
#[case("rescale=5")]
#[case("rescale=1,2,3")]
#[case("rescale=a,b")]
#[case("rescale=nan,5")]
#[case("rescale=0,inf")]
#[case("rescale=-inf,0")]
#[case("rescale=")]
#[case("rescale=,")]
#[case("rescale=-1.7e308,1.7e308")]
#[case("rescale=0,1&rescale=0,1")]
#[case("bidx=1&bidx=2&bidx=3&rescale=0,1&rescale=0,1")]
#[case("bidx=1&bidx=2&bidx=3&rescale=0,1&rescale=0,1&rescale=7,7")]
fn a_range_that_is_none_is_a_400_that_names_rescale(#[case] query: &str) {
    let query = if query.contains("bidx") { query.to_owned() } else { format!("bidx=1&{query}") };
    let answer = Maps::of("dtypes/uint16.tif").refused(geo::ALIGNED, &query);
    assert_eq!(answer.status, 400);
    assert!(answer.detail().starts_with("rescale: "), "{}", answer.detail());
}

#[test]
fn each_band_has_its_own_range() {
    let array = corner("dtypes/uint16.tif", "resampling=nearest");
    let bands = [0, 1, 2].map(|band| array.band(band));
    let ranges = [[0.0, 65_535.0], [20_000.0, 40_000.0], [60_000.0, 65_000.0]];
    let maps = Maps::of("dtypes/uint16.tif");
    let each: String = ranges.iter().map(|[min, max]| format!("&rescale={min},{max}")).collect();
    let one = "&rescale=0,65535,20000,40000,60000,65000";
    for query in [each.as_str(), one] {
        let picture = maps.png(geo::ALIGNED, &format!("resampling=nearest&bidx=1&bidx=2&bidx=3{query}"));
        for (band, (values, range)) in bands.iter().zip(ranges).enumerate() {
            for (index, value) in values.iter().enumerate() {
                let found = picture.at(index / 64, index % 64)[band];
                assert!(gray(*value, range).contains(&found), "pixel {index}, band {band}");
            }
        }
    }
}

#[test]
fn one_range_serves_all_bands_and_the_order_of_bidx_counts() {
    let maps = Maps::of("dtypes/uint16.tif");
    let forth = maps.png(geo::ALIGNED, "bidx=1&bidx=2&bidx=3&rescale=0,65535&resampling=nearest");
    let back = maps.png(geo::ALIGNED, "bidx=3&bidx=2&bidx=1&rescale=0,65535&resampling=nearest");
    for (a, b) in forth.rgba.iter().zip(&back.rgba) {
        assert_eq!([a[0], a[1], a[2], a[3]], [b[2], b[1], b[0], b[3]]);
    }
    assert_ne!(forth.rgba, back.rgba);
}

#[rstest]
fn what_is_not_finite_is_masked(#[values("float32", "float64")] dtype: &str) {
    // the first three cells are NaN, inf and -inf
    let file = format!("dtypes/{dtype}.tif");
    for kernel in ["nearest", "mode"] {
        let array = corner(&file, &format!("resampling={kernel}"));
        assert_eq!(array.mask()[..4], [0, 0, 0, 255], "{kernel}");
        assert_eq!(array.valid_count(), 4093, "{kernel}");
    }
    for kernel in KERNELS {
        let array = Maps::of(&file).npy("11/1080/720", &format!("resampling={kernel}"));
        assert!(array.valid(0).iter().all(|value| value.is_finite()), "{kernel} spreads them");
        assert!(array.valid_count() > 16_000, "{kernel}");
    }
    let picture = Maps::of(&file).png(geo::ALIGNED, "rescale=-1e10,1e10&resampling=nearest");
    assert_eq!((picture.at(0, 0), picture.at(0, 1), picture.at(0, 2)), ([0; 4], [0; 4], [0; 4]));
    assert_eq!(picture.at(0, 3)[3], 255);
}

#[test]
fn sixteen_bit_statistics_of_the_file_are_the_default_range() {
    let maps = Maps::of("uint16_stats.tif");
    for tile in ["12/2152/1473", "11/1076/736", "14/8612/5894"] {
        assert_eq!(maps.png(tile, "").rgba, maps.png(tile, "rescale=300,4100").rgba, "{tile}");
        assert_ne!(maps.png(tile, "").rgba, maps.png(tile, "rescale=0,65535").rgba, "{tile}");
    }
}

#[rstest]
fn every_tile_of_a_layer_has_the_same_range(
    #[values("uint16_nostats.tif", "nodata_i16.tif", "nodata_f32_tolerance.tif", "nodata_f64.tif")] file: &str,
) {
    let (native, [lon, lat]) = match file {
        "nodata_i16.tif" => (13, [10.06, 45.0]),
        "nodata_f32_tolerance.tif" => (7, [11.5, 45.6]),
        _ => (12, [9.2, 45.0]),
    };
    let maps = Maps::of(file);
    let mut grays: BTreeMap<u64, u8> = BTreeMap::new();
    for zoom in native - 1..=native + 2 {
        let (x, y) = geo::tile(zoom, lon, lat);
        for (x, y) in [(x, y), (x + 1, y), (x, y - 1)] {
            let tile = format!("{zoom}/{x}/{y}");
            let (array, picture) = (maps.npy(&tile, "resampling=nearest"), maps.png(&tile, "resampling=nearest"));
            for ((value, mask), pixel) in array.band(0).into_iter().zip(array.mask()).zip(&picture.rgba) {
                assert_eq!(mask, pixel[3], "{tile}");
                if mask > 0 {
                    let key = (value + 1e9).to_bits();
                    let known = *grays.entry(key).or_insert(pixel[0]);
                    assert_eq!(known, pixel[0], "{value} has two grays, in {tile} another than before");
                }
            }
        }
    }
    let in_order: Vec<u8> = grays.values().copied().collect();
    assert!(in_order.is_sorted(), "a larger value is never darker");
    assert!(
        in_order[0] < 30 && in_order[in_order.len() - 1] > 225,
        "the range fits the data, not the type: {in_order:?}"
    );
}

#[test]
fn nodata_is_no_part_of_the_default_range() {
    // -9999 would take most of the range, -500..3000 the rest
    let maps = Maps::of("nodata_i16.tif");
    let picture = maps.png("13/4323/2948", "");
    let darkest = picture.rgba.iter().filter(|pixel| pixel[3] > 0).map(|pixel| pixel[0]).min().unwrap();
    assert!(darkest < 60, "the darkest pixel is {darkest}");
}

#[test]
fn a_layer_of_one_value_still_makes_a_picture() {
    let folder = Folder::new();
    let path = folder.path("constant.tif");
    Tiff::new(&path, [64, 64], "EPSG:3857", geo::ALIGNED_CORNER, geo::ALIGNED_CELL_M).write(|_, _| 1234_u16);
    let picture = Maps::of(&path).png(geo::ALIGNED, "");
    assert_eq!(picture.rgba.iter().filter(|pixel| pixel[3] == 255).count(), 4096);
    let path = folder.path("nothing.tif");
    let tiff = Tiff::new(&path, [64, 64], "EPSG:3857", geo::ALIGNED_CORNER, geo::ALIGNED_CELL_M);
    Tiff { nodata: Some(7.0), ..tiff }.write(|_, _| 7_u16);
    assert!(Maps::of(&path).png(geo::ALIGNED, "").is_transparent());
}

#[rstest]
#[case("uint8", "|u1", 0, 255)]
#[case("uint16", "<u2", 0, 65_535)]
#[case("int16", "<i2", -32_768, 32_767)]
#[case("uint32", "<u4", 0, i128::from(u32::MAX))]
#[case("int32", "<i4", i128::from(i32::MIN), i128::from(i32::MAX))]
#[case("uint64", "<u8", 0, i128::from(u64::MAX))]
#[case("int64", "<i8", i128::from(i64::MIN), i128::from(i64::MAX))]
fn whole_numbers_of_every_type_are_exact(
    #[case] dtype: &str, #[case] descr: &str, #[case] min: i128, #[case] max: i128,
) {
    let file = format!("dtypes/{dtype}.tif");
    for kernel in ["nearest", "mode"] {
        let array = corner(&file, &format!("bidx=1&resampling={kernel}"));
        assert_eq!(array.descr, descr);
        let expected: Vec<i128> = (0..4096).map(|i| min + (max - min) * i / 4095).collect();
        assert_eq!(array.whole(0), expected, "{kernel}");
        assert_eq!(array.mask(), [255; 4096]);
    }
}

#[test]
fn int8_widens_only_for_its_mask() {
    let expected: Vec<i128> = (0..4096).map(|i| -128 + 255 * i / 4095).collect();
    let array = corner("dtypes/int8.tif", "resampling=nearest");
    assert_eq!((array.descr.as_str(), array.whole(0), array.mask()), ("<i2", expected.clone(), vec![255; 4096]));
    let bare = Maps::of("dtypes/int8.tif").npy(geo::ALIGNED, "resampling=nearest&return_mask=false").part(0, 0, 64, 64);
    assert_eq!((bare.descr.as_str(), bare.whole(0), bare.bands), ("|i1", expected, 1));
}

#[rstest]
fn pixels_on_the_grid_are_the_cells_whatever_the_kernel(
    #[values("uint8", "int8", "uint16", "int16")] dtype: &str,
    #[values("nearest", "bilinear", "cubic", "lanczos", "average", "mode")] kernel: &str,
) {
    let file = format!("dtypes/{dtype}.tif");
    assert_eq!(corner(&file, &format!("resampling={kernel}")), corner(&file, "resampling=nearest"));
}

#[rstest]
#[case("float32", "<f4", 1e-6)]
#[case("float64", "<f8", 1e-12)]
fn floats_from_1e38_to_1e_38_survive(#[case] dtype: &str, #[case] descr: &str, #[case] precision: f64) {
    let array = corner(&format!("dtypes/{dtype}.tif"), "resampling=nearest");
    assert_eq!(array.descr, descr);
    for (index, value) in array.band(0).into_iter().enumerate().skip(3) {
        let exponent = -38.0 + 76.0 * index as f64 / 4095.0;
        let expected = exponent.signum() * 10_f64.powf(exponent.abs());
        assert!((value / expected - 1.0).abs() < precision, "pixel {index}: {value} instead of {expected}");
    }
}

#[test]
fn a_complex_raster_gives_its_real_part() {
    let array = corner("dtypes/complex64.tif", "resampling=nearest");
    let expected: Vec<f64> = (0..4096).map(f64::from).collect();
    assert_eq!((array.bands, array.band(0)), (2, expected));
    let picture = Maps::of("dtypes/complex64.tif").png(geo::ALIGNED, "rescale=0,4095&resampling=nearest");
    assert_eq!((picture.at(0, 0), picture.at(63, 63)), ([0, 0, 0, 255], [255; 4]));
}

#[test]
fn seven_bands_are_seven_bands_and_a_mask() {
    let array = corner("dtypes/seven_bands.tif", "resampling=nearest");
    assert_eq!((array.bands, array.descr.as_str()), (8, "<u2"));
    for band in 0..7 {
        let expected: Vec<f64> = (0..4096).map(|i| f64::from(4096 * band + i)).collect();
        assert_eq!(array.band(band as usize), expected);
    }
    let chosen = corner("dtypes/seven_bands.tif", "bidx=7&bidx=2&bidx=2&resampling=nearest");
    assert_eq!(chosen.bands, 4);
    assert_eq!([chosen.at(0, 0, 5), chosen.at(1, 0, 5), chosen.at(2, 0, 5)], [24_581.0, 4101.0, 4101.0]);
}

#[test]
fn a_picture_of_seven_bands_takes_the_first_three() {
    let maps = Maps::of("dtypes/seven_bands.tif");
    let picture = maps.png(geo::ALIGNED, "rescale=0,12287&resampling=nearest");
    let chosen = maps.png(geo::ALIGNED, "bidx=1&bidx=2&bidx=3&rescale=0,12287&resampling=nearest");
    assert_eq!(picture.rgba, chosen.rgba);
    for (query, names) in [("bidx=1&bidx=2", "bidx"), ("bidx=8", "bidx"), ("bidx=0", "bidx"), ("bidx=x", "bidx")] {
        let answer = maps.refused(geo::ALIGNED, query);
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.detail().starts_with(names), "{}", answer.detail());
    }
}

#[test]
fn the_layers_own_range_follows_its_bands() {
    let settings = "bidx = [3, 1, 2]\nrescale = [[0, 1000], [0, 2000], [0, 3000]]";
    let own = Maps::with("dtypes/uint16.tif", settings);
    let plain = Maps::of("dtypes/uint16.tif");
    let by_hand = "bidx=3&bidx=1&bidx=2&rescale=0,1000&rescale=0,2000&rescale=0,3000&resampling=nearest";
    assert_eq!(own.png(geo::ALIGNED, "resampling=nearest").rgba, plain.png(geo::ALIGNED, by_hand).rgba);
    let one = own.png(geo::ALIGNED, "bidx=2&resampling=nearest");
    assert_eq!(one.rgba, plain.png(geo::ALIGNED, "bidx=2&rescale=0,3000&resampling=nearest").rgba);
}

#[test]
fn the_catalogue_knows_every_type() {
    for dtype in ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"] {
        let answer = Maps::of(&format!("dtypes/{dtype}.tif")).get("/layers/it").ok();
        let layer: Value = serde_json::from_slice(&answer).unwrap();
        assert!(layer["bands"].to_string().contains(&format!("\"{dtype}\"")), "{dtype}: {}", layer["bands"]);
    }
}
