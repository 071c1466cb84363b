//! Mosaics: order, gaps, nesting, computed sources, overviews, and a source that is not there.

use rstest::rstest;

use crate::support::made::{Folder, Memory};
use crate::support::mosaic::Mosaic;
use crate::support::{Array, KERNELS, Maps, fixtures, geo};

/// Demands a value, or nothing, of every pixel of a band.
fn expect(array: &Array, band: usize, expected: impl Fn(usize, usize) -> Option<f64>) {
    let (values, mask) = (array.band(band), array.mask());
    let mut wrong = Vec::new();
    for row in 0..array.rows {
        for col in 0..array.cols {
            let index = row * array.cols + col;
            let found = (mask[index] > 0).then_some(values[index]);
            if found != expected(col, row) {
                wrong.push(format!("{col},{row}: {found:?} instead of {:?}", expected(col, row)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} pixels are wrong, for example {}", wrong.len(), wrong[0]);
}

/// Whether a pixel of the aligned tile is in the 128 px square at a corner.
fn within(col: usize, row: usize, left: usize, top: usize) -> bool {
    (left..left + 128).contains(&col) && (top..top + 128).contains(&row)
}

fn of_overlap(col: usize, row: usize) -> Option<f64> {
    [(30.0, 128, 128), (20.0, 64, 64), (10.0, 0, 0)]
        .into_iter()
        .find(|(_, left, top)| within(col, row, *left, *top))
        .map(|(value, ..)| value)
}

fn of_gaps(col: usize, row: usize) -> Option<f64> {
    [(10.0, 0, 0), (30.0, 128, 128)]
        .into_iter()
        .find(|(_, left, top)| within(col, row, *left, *top))
        .map(|(value, ..)| value)
}

fn of_nested(col: usize, row: usize) -> Option<f64> {
    if within(col, row, 0, 128) { Some(20.0) } else { of_gaps(col, row) }
}

#[rstest]
#[case::the_later_of_overlapping_sources_wins("vrt/overlap.vrt", of_overlap)]
#[case::a_gap_is_transparent("vrt/gaps.vrt", of_gaps)]
#[case::a_gap_of_a_nested_vrt_is_transparent("vrt/nested.vrt", of_nested)]
fn a_mosaic_shows_its_sources_and_nothing_else(#[case] file: &str, #[case] expected: fn(usize, usize) -> Option<f64>) {
    let maps = Maps::of(file);
    for kernel in KERNELS {
        let query = format!("resampling={kernel}");
        expect(&maps.npy(geo::ALIGNED, &query), 0, expected);
        if kernel == "nearest" {
            for (tile, down, across) in geo::ALIGNED_CHILDREN {
                let place = |col: usize, row: usize| expected(across * 128 + col / 2, down * 128 + row / 2);
                expect(&maps.npy(tile, &query), 0, place);
            }
        }
    }
    let picture = maps.png(geo::ALIGNED, "");
    for (index, pixel) in picture.rgba.iter().enumerate() {
        let value = expected(index % 256, index / 256).map(|value| value as u8);
        assert_eq!(*pixel, value.map_or([0; 4], |v| [v, v, v, 255]), "pixel {index} of the picture");
    }
}

#[rstest]
#[case("vrt/gaps.vrt", &[10.0, 30.0], 0.5)]
#[case("vrt/nested.vrt", &[10.0, 20.0, 30.0], 0.75)]
#[case("vrt/overlap.vrt", &[10.0, 20.0, 30.0], 0.625)]
fn gaps_stay_gaps_when_zooming_out(#[case] file: &str, #[case] values: &[f64], #[case] covered: f64) {
    for (tile, side) in [("9/270/180", 128.0), ("8/135/90", 64.0), ("7/67/45", 32.0)] {
        for kernel in ["nearest", "mode", "average", "bilinear"] {
            let array = Maps::of(file).npy(tile, &format!("resampling={kernel}"));
            let share = array.valid_count() as f64 / (side * side);
            assert!(
                (share - covered).abs() < 0.02,
                "{kernel} at {tile}: {share} of the mosaic holds data, not {covered}"
            );
            let (low, high) = (values[0], values[values.len() - 1]);
            assert!(
                array.valid(0).iter().all(|value| (low..=high).contains(value)),
                "{kernel} at {tile}: zeros of a gap"
            );
        }
    }
}

#[test]
fn a_gap_is_a_gap_whatever_the_nodata_value() {
    // there is nothing in a gap that could be compared with a value
    for (query, hidden) in [("nodata=255", 0.0), ("nodata=10", 10.0), ("nodata=nan", 0.0)] {
        let array = Maps::of("vrt/gaps.vrt").npy(geo::ALIGNED, &format!("resampling=nearest&{query}"));
        expect(&array, 0, |col, row| of_gaps(col, row).filter(|value| *value != hidden));
    }
}

#[test]
fn complex_sources_scale_look_up_and_mask() {
    let maps = Maps::of("vrt/complex.vrt");
    let array = maps.npy(geo::ALIGNED, "resampling=nearest&bidx=1&bidx=2");
    assert_eq!(array.descr, "<i2");
    expect(&array, 0, |col, _| Some(2.0 * col as f64 + 100.0));
    let ramp = |col: usize| match col {
        0..=100 => 10.0 * col as f64,
        101..=200 => 1000.0 + 5.0 * (col as f64 - 100.0),
        _ => 1500.0,
    };
    expect(&array, 1, |col, _| Some(ramp(col)));
    let band = maps.npy(geo::ALIGNED, "resampling=nearest&bidx=3");
    expect(&band, 0, |col, _| (col != 40).then_some(col as f64));
    let all = maps.npy(geo::ALIGNED, "resampling=nearest");
    assert_eq!(all.valid_count(), 256 * 256, "column 40 is valid in two bands of three");
    assert_eq!(all.at(2, 7, 40), -1.0, "and holds nodata in the third");
}

#[rstest]
#[case::a_sidecar("vrt/with_ovr.vrt", &[("11/1080/720", 5.0), ("10/540/360", 5.0), ("9/270/180", 77.0), ("8/135/90", 88.0), ("7/67/45", 88.0)])]
#[case::an_overview_list("vrt/overviewlist.vrt", &[("13/4326/2952", 0.0), ("12/2163/1476", 0.0), ("11/1081/738", 1.0), ("10/540/369", 2.0), ("9/270/184", 3.0), ("8/135/92", 4.0), ("7/67/46", 4.0)])]
fn overviews_of_a_vrt_are_used(#[case] file: &str, #[case] tiles: &[(&str, f64)]) {
    let maps = Maps::of(file);
    for kernel in KERNELS {
        for (tile, expected) in tiles {
            let mut values = maps.npy(tile, &format!("resampling={kernel}")).valid(0);
            values.dedup();
            assert_eq!(values, [*expected], "{tile}, {kernel}");
        }
    }
}

#[test]
fn only_what_touches_a_missing_source_fails() {
    let maps = Maps::of("vrt/missing_source.vrt");
    for tile in [geo::ALIGNED, "11/1081/721", "9/270/180", "13/4326/2886"] {
        for format in ["png", "npy"] {
            let answer = maps.get(&format!("/tiles/it/{tile}.{format}"));
            assert_eq!(answer.status, 502, "{tile}.{format}");
            assert_eq!(answer.header("cache-control"), "no-store", "{tile}.{format}");
            assert!(answer.detail().contains("\"it\""), "it names the layer: {}", answer.detail());
        }
    }
    for round in 0..2 {
        // ... and the failure is not remembered against the rest
        let array = maps.npy("12/2160/1440", "resampling=bilinear");
        expect(&array, 0, |_, _| Some(10.0));
        assert_eq!(maps.get("/tiles/it/11/1081/721").status, 502, "round {round}");
        assert!(maps.png("10/700/360", "").is_transparent(), "far away there is nothing");
    }
}

#[rstest]
#[case("11/1080/720", Some(10.0))]
#[case("11/1081/720", None)]
#[case("11/1080/721", None)]
fn the_quadrants_beside_a_missing_source_need_no_pixel_of_it(#[case] tile: &str, #[case] value: Option<f64>) {
    // nearest reads the pixel under the centre: the next one beyond the edge is nobody's business
    let maps = Maps::of("vrt/missing_source.vrt");
    let answer = maps.get(&format!("/tiles/it/{tile}.npy?resampling=nearest"));
    assert_eq!(answer.status, 200, "{}", answer.detail());
    expect(&Array::parse(&answer.body), 0, |_, _| value);
}

/// The mosaic's cells at full resolution, as GDAL reads them.
fn cells(folder: &Folder) -> (Vec<u8>, usize) {
    let memory = Memory::new();
    memory.load(fixtures().join("rgb_smooth_3857.tif"));
    let mosaic = std::fs::read_to_string(folder.path("mosaic.vrt")).unwrap();
    let mosaic = mosaic.replace(&fixtures().join("").display().to_string(), &memory.path("").display().to_string());
    memory.write("mosaic.vrt", mosaic.into_bytes());
    let dataset = gdal::Dataset::open(memory.path("mosaic.vrt")).unwrap();
    let buffer = dataset.rasterband(1).unwrap().read_as::<u8>((0, 0), (913, 533), (913, 533), None).unwrap();
    (buffer.data().to_vec(), 913)
}

#[rstest]
fn a_zoomed_out_mosaic_is_an_average_of_its_cells(#[values(12, 11, 10, 9)] zoom: u32) {
    // its sources have overviews to a quarter; beyond, their pixels must still be averaged and not picked
    let folder = Folder::new();
    let maps = Maps::of(&Mosaic::odd(&folder));
    let (cells, width) = cells(&folder);
    let (x, y) = geo::tile(zoom, 10.06, 44.94);
    let array = maps.npy(&format!("{zoom}/{x}/{y}"), "resampling=average");
    let (values, mask) = (array.band(0), array.mask());
    let pixel_m = geo::WORLD_M / 256.0 / f64::from(1_u32 << zoom);
    let mut off = Vec::new();
    for index in (0..values.len()).filter(|index| mask[*index] > 0) {
        let (col, row) = (f64::from(x) * 256.0 + (index % 256) as f64, f64::from(y) * 256.0 + (index / 256) as f64);
        let left = (col * pixel_m - geo::WORLD_M / 2.0 - 1_113_207.9) / 37.3;
        let top = (5_621_543.1 - (geo::WORLD_M / 2.0 - row * pixel_m)) / 37.3;
        let size = pixel_m / 37.3;
        // in the first source or in the second, away from what a gap and an edge do
        let inside = |l: f64, t: f64, r: f64, b: f64| {
            left > l + 4.0 && top > t + 4.0 && left + size < r - 4.0 && top + size < b - 4.0
        };
        if inside(0.0, 0.0, 401.0, 400.0) || inside(401.0, 133.0, 913.0, 533.0) {
            off.push((values[index] - mean(&cells, width, left, top, size)).abs());
        }
    }
    assert!(off.len() > 40, "{} pixels", off.len());
    let rms = (off.iter().map(|off| off * off).sum::<f64>() / off.len() as f64).sqrt();
    assert!(rms < 8.0, "the pixels are off by {rms}, their footprints are {} cells wide", pixel_m / 37.3);
}

/// The mean of a square of cells by area.
fn mean(cells: &[u8], width: usize, left: f64, top: f64, size: f64) -> f64 {
    let overlap = |cell: usize, start: f64| (cell as f64 + 1.0).min(start + size) - (cell as f64).max(start);
    let mut sum = 0.0;
    for row in top as usize..(top + size).ceil() as usize {
        for col in left as usize..(left + size).ceil() as usize {
            sum += f64::from(cells[row * width + col]) * overlap(row, top) * overlap(col, left);
        }
    }
    sum / (size * size)
}

#[test]
fn a_mask_band_of_a_vrt_masks_like_that_of_its_source() {
    let folder = Folder::new();
    let source = fixtures().join("mask_dataset.tif").display().to_string();
    let band = |band: &str| {
        format!("<SimpleSource><SourceFilename>{source}</SourceFilename><SourceBand>{band}</SourceBand></SimpleSource>")
    };
    let vrt = folder.write(
        "masked.vrt",
        &format!(
            "<VRTDataset rasterXSize=\"320\" rasterYSize=\"260\"><SRS>EPSG:32632</SRS>\
             <GeoTransform>511234.7, 30, 0, 4987654.3, 0, -30</GeoTransform>\
             <VRTRasterBand dataType=\"Byte\" band=\"1\">{}</VRTRasterBand>\
             <MaskBand><VRTRasterBand dataType=\"Byte\">{}</VRTRasterBand></MaskBand></VRTDataset>",
            band("1"),
            band("mask,1")
        ),
    );
    let (ours, source) = (Maps::of(&vrt), Maps::of("mask_dataset.tif"));
    for tile in ["12/2152/1473", "13/4305/2946", "10/538/368"] {
        for kernel in ["nearest", "bilinear"] {
            let query = format!("bidx=1&resampling={kernel}");
            assert_eq!(ours.npy(tile, &query), source.npy(tile, &query), "{tile}, {kernel}");
        }
    }
}

#[test]
fn paths_are_relative_to_the_vrt_and_not_to_the_process() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("deep")).unwrap();
    for file in ["ten.tif", "thirty.tif"] {
        std::fs::copy(fixtures().join("vrt").join(file), folder.path(&format!("deep/{file}"))).unwrap();
    }
    let gaps = std::fs::read_to_string(fixtures().join("vrt/gaps.vrt")).unwrap();
    folder.write("deep/gaps.vrt", &gaps);
    let outer = std::fs::read_to_string(fixtures().join("vrt/nested.vrt")).unwrap();
    let outer =
        folder.write("outer.vrt", &outer.replace("gaps.vrt", "deep/gaps.vrt").replace("twenty.tif", "deep/thirty.tif"));
    let expected = |col, row| if within(col, row, 0, 128) { Some(30.0) } else { of_gaps(col, row) };
    expect(&Maps::of(&outer).npy(geo::ALIGNED, "resampling=nearest"), 0, expected);
}
