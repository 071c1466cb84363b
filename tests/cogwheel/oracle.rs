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

/// The textbook formula of a kernel at distance `x` from its centre, with the radius beyond which it is 0.
fn formula(kernel: &str, x: f64) -> f64 {
    use std::f64::consts::PI;
    let x = x.abs();
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    match kernel {
        "bilinear" => (1.0 - x).max(0.0),
        // Keys (1981), a = -0.5
        "cubic" if x < 1.0 => 1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0,
        "cubic" if x < 2.0 => -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0,
        "lanczos" if x < 3.0 => sinc(x) * sinc(x / 3.0),
        _ => 0.0,
    }
}

/// Weights of all cells of a row or column for one output pixel, normalised.
fn weights(kernel: &str, centre: f64, size: f64, cells: usize) -> Vec<f64> {
    let widened = size.max(1.0);
    let weight = |cell: usize| match kernel {
        "average" => ((cell as f64 + 1.0).min(centre + size / 2.0) - (cell as f64).max(centre - size / 2.0)).max(0.0),
        _ => formula(kernel, (cell as f64 + 0.5 - centre) / widened),
    };
    let all: Vec<f64> = (0..cells).map(weight).collect();
    let sum: f64 = all.iter().sum();
    all.into_iter().map(|weight| weight / sum).collect()
}

#[rstest::rstest]
fn every_kernel_is_its_formula(
    #[values("bilinear", "cubic", "lanczos", "average")] kernel: &str, #[values(8, 9, 10, 11, 12)] zoom: u32,
) {
    use crate::support::geo;
    use crate::support::made::{Folder, Tiff};

    const COLS: usize = 90;
    const ROWS: usize = 70;
    let cell_at = |col: usize, row: usize| 100.0 + ((col * 7919 + row * 104_729) % 977) as f64;
    let folder = Folder::new();
    let path = folder.path("cells.tif");
    // pixels of zoom 10 are 1.33 cells wide
    let (left, top, cell) = (1_113_207.9, 5_621_543.1, 115.0);
    Tiff::new(&path, [COLS, ROWS], "EPSG:3857", [left, top], cell).write(|col, row| cell_at(col, row) as f32);
    let (x, y) = geo::tile(zoom, 10.03, 44.98);
    let array = Maps::of(&path).npy(&format!("{zoom}/{x}/{y}"), &format!("resampling={kernel}"));
    let (values, mask) = (array.band(0), array.mask());
    let pixel_m = geo::WORLD_M / 256.0 / f64::from(1_u32 << zoom);
    let size = pixel_m / cell;
    let col_of = |px: usize| ((f64::from(x) * 256.0 + px as f64 + 0.5) * pixel_m - geo::WORLD_M / 2.0 - left) / cell;
    let row_of = |py: usize| (top - geo::WORLD_M / 2.0 + (f64::from(y) * 256.0 + py as f64 + 0.5) * pixel_m) / cell;
    let across: Vec<Vec<f64>> = (0..256).map(|px| weights(kernel, col_of(px), size, COLS)).collect();
    let mut compared = 0;
    for (py, down) in (0..256).map(|py| (py, weights(kernel, row_of(py), size, ROWS))) {
        for px in (0..256).filter(|px| mask[py * 256 + px] > 0) {
            let of_row = |row: usize| -> f64 {
                (0..COLS).filter(|col| across[px][*col] != 0.0).map(|col| across[px][col] * cell_at(col, row)).sum()
            };
            let expected: f64 = (0..ROWS).filter(|row| down[*row] != 0.0).map(|row| down[row] * of_row(row)).sum();
            let off = (values[py * 256 + px] - expected).abs();
            assert!(off < 0.05, "pixel {px},{py}: {} instead of {expected}", values[py * 256 + px]);
            compared += 1;
        }
    }
    assert!(compared > 100, "{compared} pixels");
}
