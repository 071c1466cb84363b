//! One suite for every reader: what is read of a file is what GDAL reads of it, bit by bit.

mod codecs;
pub mod files;
pub mod mosaics;
mod oddities;
mod same;
pub mod spec;

use cogwheel::raster::{DataType, Decimation, Level, ReadRequest, Window};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;

use crate::support::made::Folder;
use files::NODATA;
use same::Both;
pub use same::differences;
use spec::{Blocks, Codec, Overviews, Spec, Validity};

/// TIFFs that are made.
const FILES: usize = 320;

/// Tests that share them.
const SHARES: usize = 8;

/// Windows that are read of each, besides whole levels.
const WINDOWS: usize = 30;

fn compare(spec: &Spec, folder: &Folder, seed: u64) -> Result<(), String> {
    let path = spec.make(folder, "it.tif", seed);
    let both = Both::open(&path, spec.reader())?;
    both.compare_windows(&mut fastrand::Rng::with_seed(seed), WINDOWS)
}

#[rstest]
fn a_window_of_a_tiff_is_what_gdal_reads_whatever_the_tiff_is_like(#[values(0, 1, 2, 3, 4, 5, 6, 7)] share: usize) {
    let specs = Spec::cover(FILES);
    let mine = specs.iter().enumerate().filter(|(index, _)| index % SHARES == share);
    let wrong: Vec<String> = mine
        .filter_map(|(index, spec)| {
            let why = compare(spec, &Folder::new(), index as u64).err()?;
            Some(format!("{spec:?}\n    {why}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
}

/// Files that are read at random windows.
const SEARCHED: [Spec; 5] = [
    Spec {
        dtype: DataType::U16,
        predictor: 2,
        bands: 3,
        size: [301, 259],
        overviews: Overviews::Inside,
        ..Spec::PLAIN
    },
    Spec { dtype: DataType::F32, by_pixel: false, bands: 4, validity: Validity::AlphaAndNodata, ..Spec::PLAIN },
    Spec { blocks: Blocks::Strips(7), bands: 2, validity: Validity::MaskAndNodata, size: [130, 67], ..Spec::PLAIN },
    Spec { codec: Codec::Lzw, by_pixel: false, bands: 5, sparse: true, big_endian: true, ..Spec::PLAIN },
    Spec {
        codec: Codec::None,
        dtype: DataType::I64,
        validity: Validity::Mask,
        overviews: Overviews::Inside,
        ..Spec::PLAIN
    },
];

/// Windows of each that are tried.
const CASES: u32 = 200;

#[rstest]
fn no_window_can_be_found_that_differs(#[values(0, 1, 2, 3, 4)] file: usize) {
    let folder = Folder::new();
    let spec = SEARCHED[file];
    let both = Both::open(&spec.make(&folder, "it.tif", 1), spec.reader()).unwrap();
    let levels: Vec<Level> = both.profile().levels.clone();
    let window = (0..levels.len()).prop_flat_map(move |level| {
        let Level { width, height } = levels[level];
        let side = |size: usize| (0..size).prop_flat_map(move |start| (Just(start), 1..=size - start));
        (Just(level), side(width), side(height))
    });
    let bands = prop::collection::vec(1..=spec.bands, 1..=6);
    let nodata = prop::option::weighted(0.3, prop_oneof![Just(NODATA), Just(0.0), any::<f64>()]);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let found = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)).run(
        &(window, bands, nodata),
        |((level, (col, width), (row, height)), bands, nodata)| {
            let (window, decimate_by) = (Window { col, row, width, height }, Decimation::Nearest);
            let request = ReadRequest { level, decimation: 1, window, bands, nodata, decimate_by };
            both.compare(&request).map_err(TestCaseError::fail)
        },
    );
    assert_eq!(found, Ok(()));
}
