//! Streams that are whole, and damaged in every way; the transform against its definition.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const SIZE: usize = 48;
const END: usize = 2;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/codecs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The stream at the end of a fixture that holds nothing else behind its directory.
fn stream(name: &str) -> Vec<u8> {
    let file = fixture(&format!("{name}.tif"));
    let start = file.windows(3).position(|bytes| bytes == [0xff, 0xd8, 0xff]).unwrap();
    file[start..].to_vec()
}

fn decoded(stream: &[u8], ycbcr: bool) -> Result<Vec<u8>, Damaged> {
    let mut out = vec![0; SIZE * SIZE * 3];
    let whole = Area { cols: 0..SIZE, rows: 0..SIZE };
    decode(Shape { width: SIZE, height: SIZE, samples: 3 }, ycbcr, stream, &whole, &mut out)?;
    Ok(out)
}

#[rstest]
fn every_cell_is_the_one_that_libjpeg_makes(
    #[values("jpeg_420", "jpeg_422", "jpeg_444", "jpeg_rgb", "jpeg_restarts")] name: &str,
) {
    let ycbcr = name != "jpeg_rgb";
    assert_eq!(decoded(&stream(name), ycbcr).unwrap(), fixture(&format!("{name}.bin")), "{name}");
}

/// Decoders paint what is missing grey when the data ends with the marker of its end.
#[rstest]
fn data_that_ends_too_early_is_found_wherever_it_ends(
    #[values("jpeg_420", "jpeg_422", "jpeg_444", "jpeg_rgb", "jpeg_restarts")] name: &str,
) {
    let whole = stream(name);
    let data = whole.windows(2).rposition(|bytes| bytes == [0xff, 0xda]).unwrap() + 14;
    for end in data..whole.len() - END {
        let cut = [&whole[..end], &[0xff, 0xd9]].concat();
        assert!(decoded(&cut, true).is_err(), "{name}: {end} of {} bytes", whole.len());
    }
}

#[test]
fn data_that_ends_too_late_and_restarts_out_of_order_are_found() {
    let whole = stream("jpeg_420");
    let (data, end) = whole.split_at(whole.len() - END);
    assert!(decoded(&[data, &[1, 2, 3], end].concat(), true).is_err());
    let mut restarts = stream("jpeg_restarts");
    let second = restarts.windows(2).position(|bytes| bytes == [0xff, 0xd1]).unwrap();
    restarts[second + 1] = 0xd2;
    assert!(decoded(&restarts, true).is_err());
}

/// As some encoders leave it: all cells are there.
#[rstest]
#[case::a_restart(&[0xff, 0xd3, 0xff, 0xd9])]
#[case::bytes_to_fill_up(&[0xff, 0xff, 0xff, 0xd9])]
#[case::a_marker_of_nothing(&[0xff, 0x01, 0xff, 0xd9])]
#[case::nothing_at_all(&[])]
fn the_end_may_be_another_one(#[case] end: &[u8]) {
    let whole = stream("jpeg_420");
    let other = [&whole[..whole.len() - END], end].concat();
    assert!(decoded(&other, true).unwrap() == decoded(&whole, true).unwrap());
}

/// There may be more of the picture in a scan that is missing.
#[test]
fn a_progressive_picture_has_an_end() {
    let file = fixture("../conformance/jpeg_420_progressive.tif");
    let first = file.windows(3).position(|bytes| bytes == [0xff, 0xd8, 0xff]).unwrap();
    let end = first + file[first..].windows(2).position(|bytes| bytes == [0xff, 0xd9]).unwrap();
    let size = 32;
    let decoded = |stream: &[u8]| {
        let whole = Area { cols: 0..size, rows: 0..size };
        decode(Shape { width: size, height: size, samples: 3 }, true, stream, &whole, &mut vec![0; size * size * 3])
    };
    assert_eq!(decoded(&file[first..end + END]), Ok(()));
    assert!(decoded(&file[first..end]).is_err());
}

#[test]
fn colours_that_are_no_chrominance_have_all_their_cells() {
    assert!(decoded(&stream("jpeg_420"), false).unwrap_err().to_string().contains("fewer cells"));
    assert!(decoded(&stream("jpeg_444"), false).is_ok());
}

#[rstest]
#[case::nothing(&[])]
#[case::no_scan(&[0xff, 0xd8, 0xff, 0xd9])]
#[case::a_segment_without_an_end(&[0xff, 0xd8, 0xff, 0xc4, 0xff])]
#[case::a_scan_without_a_frame(&[0xff, 0xd8, 0xff, 0xda, 0, 3, 0, 0xff, 0xd9])]
#[case::more_codes_than_can_be(&[0xff, 0xd8, 0xff, 0xc4, 0, 22, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3])]
#[case::another_size(&[0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 49, 0, 48, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0, 0xff, 0xd9])]
#[case::factors_of_nothing(&[0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 48, 0, 48, 3, 1, 0x00, 0, 2, 0x00, 0, 3, 0x00, 0, 0xff, 0xd9])]
#[case::factors_that_do_not_divide(&[0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 48, 0, 48, 3, 1, 0x33, 0, 2, 0x22, 0, 3, 0x11, 0, 0xff, 0xd9])]
fn what_is_no_jpeg_is_damaged(#[case] bytes: &[u8]) {
    assert!(decoded(bytes, true).is_err());
}

/// The transform by its definition, in floating point.
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn by_definition(coefficients: &[[f64; 8]; 8]) -> [[f64; 8]; 8] {
    let basis = |at: usize, frequency: usize| {
        let angle = (2 * at + 1) as f64 * frequency as f64 * std::f64::consts::PI / 16.0;
        angle.cos() * if frequency == 0 { 0.5_f64.sqrt() } else { 1.0 } / 2.0
    };
    let cell = |row: usize, col: usize| -> f64 {
        let places = (0..64).map(|place| (place / 8, place % 8));
        places.map(|(down, across)| coefficients[down][across] * basis(row, down) * basis(col, across)).sum()
    };
    std::array::from_fn(|row| std::array::from_fn(|col| (cell(row, col) + 128.0).clamp(0.0, 255.0)))
}

proptest! {
    #[test]
    fn the_transform_is_what_it_is_called(values in proptest::collection::vec((0..64_usize, -400..400_i16), 1..12)) {
        // From corner to corner by diagonals, as the standard draws it.
        let mut order: Vec<(usize, usize)> = (0..64).map(|place| (place / 8, place % 8)).collect();
        order.sort_by_key(|(row, col)| (row + col, if (row + col) % 2 == 0 { *col } else { *row }));
        let (mut own, mut expected) = (Coefficients::default(), [[0.0; 8]; 8]);
        for (index, value) in values {
            own.set(dct::PLACES[index], value);
            expected[order[index].0][order[index].1] = f64::from(value);
        }
        let (cells, expected) = (dct::inverse(&own), by_definition(&expected));
        for (cell, expected) in cells.as_flattened().iter().zip(expected.as_flattened()) {
            prop_assert!((f64::from(*cell) - expected).abs() <= 1.0, "{cell} is not {expected}");
        }
    }

    #[test]
    fn a_flat_block_is_what_the_transform_makes_of_it(first in -3000..3000_i16) {
        let mut coefficients = Coefficients::default();
        coefficients.set(dct::PLACES[0], first);
        prop_assert_eq!(dct::inverse(&coefficients), [[dct::flat(first); 8]; 8]);
    }
}
