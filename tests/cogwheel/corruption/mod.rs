//! Damaged and hostile TIFFs: an error or pixels, in time and in bounds, and never a panic. What GDAL refuses to read is
//! never served.

mod damage;
pub mod hostile;
pub mod survey;

use rstest::rstest;

use crate::conformance::spec::{Blocks, Codec, Overviews, Spec, Validity};
use crate::support::made::Folder;
use cogwheel::raster::DataType;
use damage::{Damage, Parts};
use survey::{Finding, survey};

/// Small, each different.
const FILES: [(&str, Spec); 12] = [
    ("plain", Spec { codec: Codec::None, ..Spec::PLAIN }),
    ("deflate", Spec { predictor: 2, dtype: DataType::U16, bands: 2, ..Spec::PLAIN }),
    ("lzw", Spec { codec: Codec::Lzw, dtype: DataType::I16, predictor: 2, ..Spec::PLAIN }),
    ("jpeg", Spec { codec: Codec::JpegYcbcr, bands: 3, blocks: Blocks::Tiles(32, 32), ..Spec::PLAIN }),
    (
        "jpeg planes",
        Spec { codec: Codec::Jpeg, bands: 2, by_pixel: false, overviews: Overviews::Inside, ..Spec::PLAIN },
    ),
    ("strips", Spec { blocks: Blocks::Strips(7), dtype: DataType::F32, predictor: 3, ..Spec::PLAIN }),
    ("plain strips", Spec { codec: Codec::None, blocks: Blocks::Strips(0), validity: Validity::Nodata, ..Spec::PLAIN }),
    ("big", Spec { big_tiff: true, codec: Codec::Lzw, overviews: Overviews::Inside, ..Spec::PLAIN }),
    ("big-endian", Spec { big_endian: true, dtype: DataType::I32, by_pixel: false, bands: 3, ..Spec::PLAIN }),
    (
        "big and big-endian",
        Spec { big_endian: true, big_tiff: true, predictor: 3, dtype: DataType::F64, ..Spec::PLAIN },
    ),
    ("mask", Spec { validity: Validity::MaskAndNodata, overviews: Overviews::Inside, ..Spec::PLAIN }),
    (
        "sparse alpha",
        Spec { validity: Validity::Alpha, bands: 4, sparse: true, overviews: Overviews::Inside, ..Spec::PLAIN },
    ),
];

/// Bytes of blocks that are damaged in each file.
const BLOCK_BYTES: usize = 60;

/// Between the lengths to which files are cut.
const CUT_BYTES: usize = 64;

fn plain(index: usize) -> (Spec, Vec<u8>) {
    let (_, spec) = FILES[index];
    let folder = Folder::new();
    let bytes = std::fs::read(spec.make(&folder, "it.tif", index as u64)).unwrap();
    (spec, bytes)
}

/// What is wrong with the answers to damaged files.
fn wrong(index: usize, all: impl Iterator<Item = Damage>, forgiven: impl Fn(&Finding) -> bool) -> Vec<String> {
    let (_, bytes) = plain(index);
    let folder = Folder::new();
    all.flat_map(|damage| {
        let path = folder.path("it.tif");
        std::fs::write(&path, damage.of(&bytes)).unwrap();
        let findings = survey(&path);
        let _ = std::fs::remove_file(&path);
        let findings = findings.into_iter().filter(|finding| !forgiven(finding));
        findings.map(|finding| format!("{}, {damage:?}: {finding:?}", FILES[index].0)).collect::<Vec<_>>()
    })
    .collect()
}

fn assert_none(wrong: &[String]) {
    let shown: Vec<&str> = wrong.iter().map(String::as_str).take(400).collect();
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), shown.join("\n"));
}

/// Two ways to read what is broken may both be right, as long as neither panics and only what GDAL reads is served.
fn is_another_reading(finding: &Finding) -> bool {
    matches!(finding, Finding::Differs(_))
}

/// JPEG has no checksum: what is still a picture, and what no longer, each decoder decides on its own.
fn is_another_jpeg(file: usize, finding: &Finding) -> bool {
    FILES[file].1.is_jpeg() && matches!(finding, Finding::Served(_))
}

#[rstest]
fn a_header_with_one_wrong_byte_is_an_error_or_read_as_gdal_reads_it(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)] file: usize,
) {
    let (_, bytes) = plain(file);
    let header = Parts::of(&bytes).header;
    let damages = header.iter().enumerate().map(|(turn, at)| Damage::of_byte(*at, turn));
    assert_none(&wrong(file, damages, is_another_reading));
}

#[rstest]
fn a_block_with_one_wrong_byte_is_an_error_or_pixels(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)] file: usize) {
    let (_, bytes) = plain(file);
    let blocks = Parts::of(&bytes).blocks;
    let mut rng = fastrand::Rng::with_seed(file as u64);
    let damages = (0..BLOCK_BYTES).map(|turn| Damage::of_byte(blocks[rng.usize(..blocks.len())], turn));
    assert_none(&wrong(file, damages, |finding| is_another_reading(finding) || is_another_jpeg(file, finding)));
}

#[rstest]
fn a_file_that_is_cut_off_is_an_error_or_read_as_gdal_reads_it(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)] file: usize,
) {
    let (_, bytes) = plain(file);
    let damages = (0..bytes.len()).step_by(CUT_BYTES).map(Damage::Cut);
    assert_none(&wrong(file, damages, is_another_reading));
}

#[rstest]
#[ignore = "takes minutes: every header byte in every way"]
fn a_header_with_any_wrong_byte_is_an_error_or_read_as_gdal_reads_it(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)] file: usize,
) {
    let (_, bytes) = plain(file);
    let header = Parts::of(&bytes).header;
    let damages = header.iter().flat_map(|at| (0..Damage::WAYS).map(|way| Damage::of_byte(*at, way)));
    assert_none(&wrong(file, damages, |finding| is_another_reading(finding) || is_another_jpeg(file, finding)));
}

#[rstest]
#[ignore = "takes minutes: many block bytes in every way"]
fn a_block_with_any_wrong_byte_is_an_error_or_pixels(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)] file: usize) {
    let (_, bytes) = plain(file);
    let blocks = Parts::of(&bytes).blocks;
    let damages = blocks.iter().step_by(3).flat_map(|at| (0..Damage::WAYS).map(|way| Damage::of_byte(*at, way)));
    // What the end of a stream is, and what its window, matters to some decoders only.
    assert_none(&wrong(file, damages, |finding| matches!(finding, Finding::Differs(_) | Finding::Served(_))));
}
