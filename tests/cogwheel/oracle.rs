//! Agreement with rio-tiler, case by case of `tests/fixtures/expected/index.json` (made by `make_expected.py`).

use serde::Deserialize;

use crate::support::{Array, Maps, fixtures};

#[derive(Deserialize)]
struct Index {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    file: String,
    z: u32,
    x: u32,
    y: u32,
    tilesize: usize,
    bidx: Vec<usize>,
    resampling: String,
    npy: String,
    tolerance: String,
}

impl Case {
    fn named(name: &str) -> Self {
        let text = std::fs::read_to_string(fixtures().join("expected/index.json")).unwrap();
        let index: Index = serde_json::from_str(&text).unwrap();
        index.cases.into_iter().find(|case| case.name == name).unwrap()
    }

    fn theirs(&self) -> Array {
        Array::parse(&std::fs::read(fixtures().join("expected").join(&self.npy)).unwrap())
    }

    fn ours(&self) -> Array {
        let bands: String = self.bidx.iter().map(|band| format!("&bidx={band}")).collect();
        let query = format!("resampling={}&tilesize={}{bands}", self.resampling, self.tilesize);
        Maps::of(&self.file).npy(&format!("{}/{}/{}", self.z, self.x, self.y), &query)
    }
}

/// Differences of the pixels that are valid in both, over all bands but the mask.
fn differences(ours: &Array, theirs: &Array, inside: impl Fn(usize) -> bool) -> Vec<f64> {
    assert_eq!((ours.bands, ours.rows, ours.cols), (theirs.bands, theirs.rows, theirs.cols));
    let (our_mask, their_mask) = (ours.mask(), theirs.mask());
    let mut all = Vec::new();
    for band in 0..ours.bands - 1 {
        for (index, (a, b)) in ours.band(band).into_iter().zip(theirs.band(band)).enumerate() {
            if our_mask[index] > 0 && their_mask[index] > 0 && inside(index) {
                all.push((a - b).abs());
            }
        }
    }
    assert!(all.len() > 2_000, "only {} values can be compared", all.len());
    all
}

fn share(of: &[f64], limit: f64) -> f64 {
    of.iter().filter(|difference| **difference <= limit).count() as f64 / of.len() as f64
}

fn mask_agreement(ours: &Array, theirs: &Array) -> f64 {
    let same = ours.mask().into_iter().zip(theirs.mask()).filter(|(a, b)| (*a > 0) == (*b > 0)).count();
    same as f64 / (ours.rows * ours.cols) as f64
}

#[test]
fn every_case_of_the_index_is_tested_here() {
    let text = std::fs::read_to_string(fixtures().join("expected/index.json")).unwrap();
    let index: Index = serde_json::from_str(&text).unwrap();
    let this_file = include_str!("oracle.rs");
    for case in index.cases {
        assert!(this_file.contains(&format!("\"{}\"", case.name)), "{} is not tested", case.name);
    }
}

#[rstest::rstest]
fn nearest_picks_the_oracles_pixels(
    #[values("nearest_3857", "nearest_4326", "nearest_utm", "nearest_polar")] name: &str,
) {
    let case = Case::named(name);
    assert_eq!(case.tolerance, "nearest");
    let (ours, theirs) = (case.ours(), case.theirs());
    assert_eq!(ours.descr, theirs.descr, "the type of the raster");
    let off = differences(&ours, &theirs, |_| true);
    assert!(share(&off, 0.0) >= 0.99, "{} of the pixels are equal", share(&off, 0.0));
    assert!(
        off.iter().all(|off| *off <= 1.0),
        "a pixel is {} source pixels away",
        off.iter().fold(0.0_f64, |a, b| a.max(*b))
    );
    assert!(mask_agreement(&ours, &theirs) >= 0.995, "masks agree on {}", mask_agreement(&ours, &theirs));
}

#[rstest::rstest]
fn interpolating_kernels_are_within_two_counts_of_the_oracle(
    #[values("bilinear_3857", "bilinear_4326", "bilinear_utm", "cubic_utm", "alpha_rgba")] name: &str,
) {
    let case = Case::named(name);
    assert_eq!(case.tolerance, "bilinear");
    let (ours, theirs) = (case.ours(), case.theirs());
    let off = differences(&ours, &theirs, |_| true);
    assert!(share(&off, 2.0) >= 0.99, "{} of the pixels are within 2", share(&off, 2.0));
    assert!(mask_agreement(&ours, &theirs) >= 0.995, "masks agree on {}", mask_agreement(&ours, &theirs));
}

#[rstest::rstest]
fn masks_agree_with_the_oracle(#[values("mask_nodata_u8", "mask_dataset", "mask_rgb_one_band_nodata")] name: &str) {
    let case = Case::named(name);
    assert_eq!(case.tolerance, "mask");
    let (ours, theirs) = (case.ours(), case.theirs());
    assert!(mask_agreement(&ours, &theirs) >= 0.995, "masks agree on {}", mask_agreement(&ours, &theirs));
}

#[rstest::rstest]
fn a_zoomed_out_average_is_within_four_counts_of_the_oracle(
    #[values("zoomed_out_average_3857", "zoomed_out_average_utm")] name: &str,
) {
    let case = Case::named(name);
    assert_eq!(case.tolerance, "average");
    let (ours, theirs) = (case.ours(), case.theirs());
    let size = case.tilesize;
    let inside = |index: usize| {
        let (row, col) = (index / size, index % size);
        (1..size - 1).contains(&row) && (1..size - 1).contains(&col)
    };
    let off = differences(&ours, &theirs, inside);
    assert!(share(&off, 4.0) >= 0.99, "{} of the pixels are within 4", share(&off, 4.0));
}

#[test]
fn opacity_itself_agrees_with_the_oracle() {
    // the alpha band rises from 1 to 255: a mask of 0 and 255 would pass the test above
    let case = Case::named("alpha_rgba");
    let (ours, theirs) = (case.ours(), case.theirs());
    let off: Vec<f64> = ours.mask().into_iter().zip(theirs.mask()).map(|(a, b)| f64::from(a.abs_diff(b))).collect();
    assert!(share(&off, 2.0) >= 0.98, "{} of the opacities are within 2", share(&off, 2.0));
}
