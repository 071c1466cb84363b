//! TIFFs that GDAL does not write but others do, and what the native reader has to leave to GDAL.

use cogwheel::raster::{Decimation, ReadRequest, Window};
use rstest::rstest;

use super::same::Both;
use super::spec::{Overviews, Spec, Validity};
use crate::support::forged::{Forged, LONG, SHORT, Tag, ascii, deflated};
use crate::support::made::Folder;
use crate::support::readers::{open, open_by_gdal, read};

const SIZE: [u64; 2] = [20, 12];

/// Tags of the place and the length of a strip: both 0 where it is left out.
const NOWHERE: [u16; 2] = [273, 279];
const WINDOWS: usize = 60;

/// Cells of so many bytes each pixel.
fn noise(bytes: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(5);
    (0..SIZE[0] as usize * SIZE[1] as usize * bytes).map(|_| if rng.bool() { 7 } else { rng.u8(..) }).collect()
}

/// A picture of one block.
fn one(bytes: &[u8], tags: &[Tag]) -> Forged {
    let mut tiff = Forged::default();
    tiff.picture(SIZE, &[bytes], tags);
    tiff
}

fn short(tag: u16, values: &[u64]) -> Tag {
    (tag, SHORT, values.to_vec())
}

fn nodata() -> Tag {
    ascii(42113, "7")
}

/// A picture with nodata value and a mask; a byte each pixel, or each sample.
fn masked(bands: u64, mask: &[&[u8]], tags: &[Tag]) -> Forged {
    let bits = vec![8; bands as usize];
    let mut tiff = one(&noise(bits.len()), &[short(277, &[bands]), short(258, &bits), nodata()]);
    tiff.picture(SIZE, mask, &[&[short(262, &[4]), (254, LONG, vec![4])], tags].concat());
    tiff
}

/// A picture of tiles, and an overview of half the size; all blocks are sparse.
fn sparse(overview: &[Tag]) -> Forged {
    let mut tiff = one(b"", &[&[nodata()], &NOWHERE.map(|tag| (tag, LONG, vec![0]))[..]].concat());
    tiff.picture(
        [10, 6],
        &[b""],
        &[&[(254, LONG, vec![1])], &NOWHERE.map(|tag| (tag, LONG, vec![0]))[..], overview].concat(),
    );
    tiff
}

/// Four tiles, of which one has a place but no length.
fn tiles(lengths: [u64; 4]) -> Forged {
    let tags = [
        (273, 0, vec![]),
        (278, 0, vec![]),
        (279, 0, vec![]),
        (322, SHORT, vec![16]),
        (323, SHORT, vec![8]),
        (324, LONG, vec![16, 144, 16, 32]),
        (325, LONG, lengths.to_vec()),
    ];
    let mut tiff = Forged::default();
    tiff.add(&noise(2));
    tiff.picture(SIZE, &[], &tags);
    tiff
}

fn differs(folder: &Folder, tiff: &Forged, reader: &str) -> Option<String> {
    let path = folder.path("it.tif");
    std::fs::write(&path, tiff.bytes()).unwrap();
    let compared =
        Both::open(&path, reader).and_then(|both| both.compare_windows(&mut fastrand::Rng::with_seed(3), WINDOWS));
    compared.err()
}

#[rstest]
#[case::cmyk_becomes_rgba("gdal", one(&noise(4), &[short(277, &[4]), short(258, &[8; 4]), short(262, &[5])]))]
#[case::cmyk_of_16_bits_does_not("gdal", one(&noise(8), &[short(277, &[4]), short(258, &[16; 4]), short(262, &[5])]))]
#[case::lab("gdal", one(&noise(3), &[short(277, &[3]), short(258, &[8; 3]), short(262, &[8])]))]
#[case::ycbcr_without_jpeg("gdal", one(&noise(3), &[short(277, &[3]), short(258, &[8; 3]), short(262, &[6]), short(530, &[1, 1])]))]
#[case::white_is_zero("cog", one(&noise(1), &[short(262, &[0])]))]
#[case::bits_from_the_right("gdal", one(&noise(1), &[short(266, &[2])]))]
#[case::four_bits("gdal", one(&noise(1), &[short(258, &[4])]))]
#[case::one_bit("gdal", one(&noise(1), &[short(258, &[1])]))]
#[case::twelve_bits("gdal", one(&noise(2), &[short(258, &[12])]))]
#[case::half_floats("gdal", one(&noise(2), &[short(258, &[16]), short(339, &[3])]))]
#[case::floats_of_24_bits("gdal", one(&noise(3), &[short(258, &[24]), short(339, &[3])]))]
#[case::complex_floats("gdal", one(&noise(8), &[short(258, &[64]), short(339, &[6])]))]
#[case::complex_integers("gdal", one(&noise(4), &[short(258, &[32]), short(339, &[5])]))]
#[case::a_format_that_is_not_defined("gdal", one(&noise(2), &[short(258, &[16]), short(339, &[4])]))]
#[case::one_format_for_all_bands("cog", one(&noise(6), &[short(277, &[3]), short(258, &[16; 3]), short(339, &[2])]))]
#[case::planes_of_one_band("cog", one(&noise(1), &[short(284, &[2])]))]
#[case::no_planes_at_all("cog", one(&noise(1), &[short(284, &[1])]))]
#[case::the_old_number_of_deflate("cog", one(&deflated(&noise(1)), &[short(259, &[32946])]))]
#[case::a_predictor_without_a_codec("cog", one(&noise(1), &[short(317, &[2])]))]
#[case::a_palette("cog", one(&noise(1), &[short(262, &[3]), short(320, &[300; 768])]))]
#[case::turned_by_its_orientation("cog", one(&noise(1), &[short(274, &[3])]))]
#[case::offsets_of_two_bytes("cog", one(&noise(1), &[short(273, &[16]), short(279, &[240])]))]
#[case::a_block_that_is_longer_than_its_cells("cog", one(&[noise(1), noise(1)].concat(), &[]))]
#[case::more_blocks_than_needed("cog", one(&noise(1), &[(273, LONG, vec![16, 20, 30]), (279, LONG, vec![240, 1, 2])]))]
#[case::tiles("cog", tiles([128; 4]))]
#[case::a_tile_with_a_place_but_no_length("cog", tiles([128, 0, 128, 128]))]
#[case::no_sizes_of_blocks("gdal", one(&noise(1), &[(279, 0, vec![])]))]
#[case::no_rows_per_strip("cog", one(&noise(1), &[(278, 0, vec![])]))]
#[case::a_strip_of_more_rows_than_there_are("cog", one(&noise(1), &[(278, LONG, vec![0xffff_ffff])]))]
#[case::a_mask_of_bytes("cog", masked(1, &[&noise(1)], &[]))]
#[case::a_mask_of_bytes_that_is_sparse("cog", masked(1, &[b""], &[(273, LONG, vec![0]), (279, LONG, vec![0])]))]
#[case::a_mask_of_bits_that_is_sparse("cog", masked(1, &[b""], &[(273, LONG, vec![0]), (279, LONG, vec![0]), short(258, &[1])]))]
#[case::a_mask_a_band("gdal", masked(2, &[&noise(2)], &[short(277, &[2]), short(258, &[8; 2])]))]
#[case::a_mask_of_other_bands("cog", masked(1, &[&noise(2)], &[short(277, &[2]), short(258, &[8; 2])]))]
#[case::a_mask_of_16_bits("cog", masked(1, &[&noise(2)], &[short(258, &[16])]))]
#[case::a_mask_of_four_bits("gdal", masked(1, &[&noise(1)], &[short(258, &[4])]))]
#[case::a_mask_of_bits_from_the_right("gdal", masked(1, &[&noise(1)], &[short(258, &[1]), short(266, &[2])]))]
#[case::a_mask_of_another_size("cog", masked(1, &[&noise(1)], &[(256, LONG, vec![10])]))]
#[case::an_overview_that_is_sparse("cog", sparse(&[nodata()]))]
#[case::the_first_picture_says_that_it_is_an_overview("cog", one(&noise(1), &[(254, LONG, vec![1])]))]
#[case::the_first_picture_says_that_it_is_a_mask("cog", one(&noise(1), &[(254, LONG, vec![4])]))]
fn an_odd_tiff_is_read_as_gdal_reads_it(#[case] reader: &str, #[case] tiff: Forged) {
    let folder = Folder::new();
    for (big_endian, big_tiff) in [(false, false), (true, false), (false, true), (true, true)] {
        let why = differs(&folder, &tiff.written(big_endian, big_tiff), reader);
        assert_eq!(why, None, "big-endian: {big_endian}, BigTIFF: {big_tiff}");
    }
}

/// GDAL takes it for data: zeros.
#[test]
fn what_an_overview_leaves_out_is_nodata_even_where_the_overview_names_no_value() {
    let folder = Folder::new();
    let path = folder.path("it.tif");
    std::fs::write(&path, sparse(&[]).bytes()).unwrap();
    let raster = open(&path).unwrap();
    let window = Window { col: 0, row: 0, width: 10, height: 6 };
    let (bands, decimate_by) = (vec![1], Decimation::Nearest);
    let request = ReadRequest { level: 1, decimation: 1, window, bands, nodata: None, decimate_by };
    assert!(read(&raster, &request).unwrap().is_empty());
}

#[rstest]
#[case::deflated(8)]
#[case::as_it_is(1)]
fn a_last_strip_with_all_of_its_rows_is_read(#[case] codec: u64) {
    let rows = noise(1);
    let strip = if codec == 8 { deflated(&rows) } else { rows.clone() };
    let mut tiff = Forged::default();
    // Rows 12 to 23, of which there are but 5.
    tiff.picture([20, 17], &[&strip, &strip], &[short(259, &[codec]), (278, LONG, vec![12])]);
    assert_eq!(differs(&Folder::new(), &tiff, "cog"), None);
}

#[test]
fn a_mask_beside_the_file_hides_the_one_inside() {
    let folder = Folder::new();
    let inside = Spec { validity: Validity::Mask, ..Spec::PLAIN }.make(&folder, "it.tif", 1);
    let beside = Spec { validity: Validity::MaskBeside, ..Spec::PLAIN }.make(&folder, "other.tif", 2);
    std::fs::rename(format!("{beside}.msk"), format!("{inside}.msk")).unwrap();
    let both = Both::open(&inside, "gdal").unwrap();
    both.compare_windows(&mut fastrand::Rng::with_seed(1), WINDOWS).unwrap();
}

#[test]
fn overviews_inside_the_file_hide_those_beside_it() {
    let folder = Folder::new();
    let inside = Spec { overviews: Overviews::Inside, ..Spec::PLAIN }.make(&folder, "it.tif", 1);
    let beside = Spec { overviews: Overviews::Beside, ..Spec::PLAIN }.make(&folder, "other.tif", 2);
    std::fs::rename(format!("{beside}.ovr"), format!("{inside}.ovr")).unwrap();
    let both = Both::open(&inside, "cog").unwrap();
    both.compare_windows(&mut fastrand::Rng::with_seed(1), WINDOWS).unwrap();
}

#[test]
fn a_strip_of_no_rows_is_no_panic() {
    let folder = Folder::new();
    let path = folder.path("it.tif");
    std::fs::write(&path, one(&noise(1), &[(278, LONG, vec![0])]).bytes()).unwrap();
    assert_eq!(open(&path).is_ok(), open_by_gdal(&path).is_ok());
}
