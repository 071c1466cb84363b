//! TIFFs that GDAL does not write but others do, and what the native reader has to leave to GDAL.

use cogwheel::raster::{Decimation, ReadRequest, Window};
use rstest::rstest;

use super::same::Both;
use super::spec::{Overviews, Spec, Validity};
use crate::support::forged::{Forged, LONG, LONG8, SHORT, Tag, ascii, deflated, zstd};
use crate::support::made::Folder;
use crate::support::readers::{open, open_by_gdal, open_without_cache, read};

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

/// The same, of a picture that GDAL can't read, and a twin with the same cells that it can.
fn differs_from(tiff: &Forged, twin: &Forged) -> Option<String> {
    let folder = Folder::new();
    let [path, reference] = [("it.tif", tiff), ("twin.tif", twin)].map(|(name, tiff)| {
        let path = folder.path(name);
        std::fs::write(&path, tiff.bytes()).unwrap();
        path
    });
    let both = Both {
        fast: open(&path).unwrap(),
        uncached: open_without_cache(&path).unwrap(),
        reference: open_by_gdal(&reference).unwrap(),
        decimations: &[],
    };
    assert_eq!(both.fast.profile().reader, "cog");
    assert_eq!(both.fast.profile().levels, both.reference.profile().levels);
    both.compare_windows(&mut fastrand::Rng::with_seed(3), WINDOWS).err()
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

#[rstest]
#[case::deflated(8)]
#[case::as_it_is(1)]
fn the_only_strip_with_more_rows_than_there_are_is_read(#[case] codec: u64) {
    let rows = noise(1);
    let strip = if codec == 8 { deflated(&rows) } else { rows };
    let mut tiff = Forged::default();
    tiff.picture([20, 7], &[&strip], &[short(259, &[codec]), (278, LONG, vec![12])]);
    assert_eq!(differs(&Folder::new(), &tiff, "cog"), None);
}

/// As some writers leave it that do not know the length. The strip is larger than the pieces in which it is read.
#[rstest]
#[case::of_a_band(1, 1, 8)]
#[case::of_three_bands(3, 1, 16)]
#[case::of_planes(3, 2, 16)]
#[case::of_bits(1, 1, 1)]
fn a_strip_as_it_is_is_read_whatever_the_file_says_of_its_length(
    #[case] bands: u64, #[case] planar: u64, #[case] bits: u64,
    #[values(None, Some(0), Some(1), Some(1 << 40))] length: Option<u64>,
) {
    let (width, height) = (600, 421);
    let strip_bytes = (width * bits * if planar == 2 { 1 } else { bands }).div_ceil(8) * height;
    let mut rng = fastrand::Rng::with_seed(9);
    let strips: Vec<Vec<u8>> =
        (0..if planar == 2 { bands } else { 1 }).map(|_| (0..strip_bytes).map(|_| rng.u8(..)).collect()).collect();
    let strips: Vec<&[u8]> = strips.iter().map(Vec::as_slice).collect();
    let of = |length: u64| {
        let lengths = (279, LONG8, vec![length; strips.len()]);
        let tags = [short(277, &[bands]), short(258, &vec![bits; bands as usize]), short(284, &[planar]), lengths];
        let mut tiff = Forged::default();
        if bits == 1 {
            // GDAL alone reads such pictures, but as masks.
            tiff.picture([width, height], &[&vec![9; (width * height) as usize]], &[]);
            tiff.picture([width, height], &strips, &[&tags[..], &[(254, LONG, vec![4]), short(262, &[4])]].concat());
        } else {
            tiff.picture([width, height], &strips, &tags);
        }
        tiff.written(false, true)
    };
    assert_eq!(differs_from(&of(length.unwrap_or(strip_bytes)), &of(strip_bytes)), None);
}

/// Floats that were subtracted by their bits.
#[rstest]
fn differences_of_floats_are_those_of_their_bits(#[values(4, 8)] bytes: usize, #[values(8, 50000)] codec: u64) {
    let cells: Vec<u8> = (0..SIZE[0] * SIZE[1])
        .flat_map(|cell| {
            let value = f64::from(u32::try_from(cell * 7919 % 1000).unwrap()) * -1.5e-3;
            #[expect(clippy::cast_possible_truncation, reason = "any value will do")]
            if bytes == 4 { (value as f32).to_le_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
        })
        .collect();
    let row_bytes = SIZE[0] as usize * bytes;
    let bits = |at: usize| cells[at..at + bytes].iter().rev().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let predicted: Vec<u8> = (0..cells.len())
        .step_by(bytes)
        .flat_map(|at| {
            let before = if at % row_bytes == 0 { 0 } else { bits(at - bytes) };
            bits(at).wrapping_sub(before).to_le_bytes()[..bytes].to_vec()
        })
        .collect();
    let of = |codec| {
        let block = if codec == 8 { deflated(&predicted) } else { zstd(&predicted) };
        let bits = short(258, &[8 * bytes as u64]);
        one(&block, &[short(259, &[codec]), bits, short(339, &[3]), short(317, &[2])])
    };
    assert_eq!(differs_from(&of(codec), &of(8)), None);
}

#[rstest]
#[case::twelve_bits("compressed with ZSTD", &[short(258, &[12])])]
#[case::half_floats("compressed with ZSTD", &[short(258, &[16]), short(339, &[3])])]
#[case::complex("compressed with ZSTD", &[short(258, &[64]), short(339, &[6])])]
#[case::cmyk("compressed with ZSTD", &[short(277, &[4]), short(258, &[8; 4]), short(262, &[5])])]
#[case::large_blocks("64 MB", &[short(258, &[64]), (257, LONG, vec![3_000_000])])]
#[case::nodata_of_all_bands_together("compressed with ZSTD", &[ascii(42112, "<GDALMetadata><Item name=\"NODATA_VALUES\">7</Item></GDALMetadata>")])]
fn what_no_reader_can_make_cells_of_is_told_when_it_is_opened(#[case] why: &str, #[case] tags: &[Tag]) {
    let folder = Folder::new();
    let path = folder.path("it.tif");
    std::fs::write(&path, one(&zstd(&noise(8)), &[&[short(259, &[50000])], tags].concat()).bytes()).unwrap();
    let error = open(&path).err().unwrap().to_string();
    assert!(error.contains(why), "{error}");
}

/// Where OME and others put them.
#[rstest]
fn masks_and_overviews_below_the_first_picture_are_found(#[values(1, 8, 50000)] codec: u64) {
    let of = |codec: u64| {
        let block = |bytes: &[u8]| match codec {
            8 => deflated(bytes),
            50000 => zstd(bytes),
            _ => bytes.to_vec(),
        };
        let (cells, small) = (noise(1), noise(1)[..60].to_vec());
        let mut tiff = one(&block(&cells), &[short(259, &[codec])]);
        let parts = [(4, SIZE, &cells), (1, [10, 6], &small), (5, [10, 6], &small)];
        for (kind, size, bytes) in parts {
            let bytes = if kind & 4 > 0 { bytes.iter().map(|cell| cell & 1).collect() } else { bytes.clone() };
            tiff.picture(size, &[&block(&bytes)], &[short(259, &[codec]), (254, LONG, vec![kind])]);
        }
        tiff.nested()
    };
    for (big_endian, big_tiff) in [(false, false), (true, true)] {
        let [tiff, twin] = [codec, 8].map(|codec| of(codec).written(big_endian, big_tiff));
        assert_eq!(differs_from(&tiff, &twin), None, "big-endian: {big_endian}, BigTIFF: {big_tiff}");
    }
}

/// Below a picture something else may be, and nothing at all.
#[rstest]
#[case::behind_the_end(1 << 20)]
#[case::in_the_middle_of_cells(17)]
fn what_is_below_the_first_picture_and_no_directory_is_left_out(#[case] place: u64) {
    let tiff = one(&noise(1), &[(330, LONG, vec![place, place])]);
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
