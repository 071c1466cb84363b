//! Colours under a transparent alpha never show.

use rstest::rstest;

use crate::support::made::Folder;
use crate::support::{Maps, fixtures, geo};

#[rstest]
fn white_under_alpha_0_does_not_bleed(
    #[values("bilinear", "cubic", "lanczos", "average", "mode", "nearest")] kernel: &str,
    #[values(9, 10, 11, 12, 13, 14, 15)] zoom: u32,
) {
    // visible colours never exceed 110; kernels with negative lobes overshoot, by little of what can be seen
    let overshoot = if ["cubic", "lanczos"].contains(&kernel) { 40 } else { 0 };
    let maps = Maps::of("alpha_rgba.tif");
    let mut seen = 0;
    for place in [[9.2, 45.0], [9.185, 45.019], [9.225, 44.995]] {
        let picture = maps.png(&geo::tile_path(zoom, place), &format!("resampling={kernel}"));
        for pixel in picture.rgba.iter().filter(|pixel| pixel[3] > 0) {
            let seen_above = pixel[..3].iter().map(|value| i32::from(*value) - 110 - overshoot).max().unwrap();
            let slack = if overshoot > 0 { 255 } else { 0 };
            assert!(seen_above * i32::from(pixel[3]) <= slack, "{pixel:?} at zoom {zoom}");
            seen += 1;
        }
    }
    assert!(seen > 200, "{seen} pixels");
}

#[test]
fn a_file_with_alpha_gives_three_bands_and_its_opacity() {
    let array = Maps::of("alpha_rgba.tif").npy("12/2152/1473", "resampling=nearest");
    assert_eq!(array.bands, 4, "red, green, blue and the mask");
    let mut opacities = array.mask();
    opacities.sort_unstable();
    opacities.dedup();
    assert!(opacities.len() > 100, "{} opacities", opacities.len());
}

#[test]
fn one_band_of_a_file_with_alpha_keeps_its_opacity() {
    let maps = Maps::of("alpha_rgba.tif");
    let (all, red) =
        (maps.npy("12/2152/1473", "resampling=bilinear"), maps.npy("12/2152/1473", "resampling=bilinear&bidx=1"));
    assert_eq!(red.mask(), all.mask());
    assert_eq!(red.band(0), all.band(0));
}

#[rstest]
#[case::one_band_and_alpha(&[2])]
#[case::two_bands_and_alpha(&[1, 3])]
#[case::three_bands_and_alpha(&[1, 2, 3])]
#[case::four_bands_and_alpha(&[1, 2, 3, 1])]
fn alpha_counts_beside_any_number_of_bands(#[case] bands: &[usize]) {
    // GDAL itself knows an alpha band as a mask only where there are two or four bands
    let folder = Folder::new();
    let source = fixtures().join("alpha_rgba.tif").display().to_string();
    let band = |(index, (source_band, color)): (usize, (usize, &str))| {
        format!(
            "<VRTRasterBand dataType=\"Byte\" band=\"{}\"><ColorInterp>{color}</ColorInterp><SimpleSource>\
             <SourceFilename>{source}</SourceFilename><SourceBand>{source_band}</SourceBand></SimpleSource></VRTRasterBand>",
            index + 1
        )
    };
    let sources = bands.iter().map(|band| (*band, "Undefined")).chain([(4, "Alpha")]);
    let text: String = sources.enumerate().map(band).collect();
    let head = "rasterXSize=\"320\" rasterYSize=\"260\"><SRS>EPSG:32632</SRS>\
                <GeoTransform>511234.7, 30, 0, 4987654.3, 0, -30</GeoTransform>";
    let vrt = folder.write("alpha.vrt", &format!("<VRTDataset {head}{text}</VRTDataset>"));
    let chosen: String = bands.iter().map(|band| format!("&bidx={band}")).collect();
    for kernel in ["nearest", "bilinear"] {
        let ours = Maps::of(&vrt).npy("12/2152/1473", &format!("resampling={kernel}"));
        let expected = Maps::of("alpha_rgba.tif").npy("12/2152/1473", &format!("resampling={kernel}{chosen}"));
        assert_eq!(ours.bands, bands.len() + 1, "the alpha band is no value");
        assert_eq!(ours, expected, "{kernel}");
    }
}

#[test]
fn return_mask_false_leaves_the_mask_out() {
    let maps = Maps::of("alpha_rgba.tif");
    let (with, without) = (maps.npy("12/2152/1473", ""), maps.npy("12/2152/1473", "return_mask=false"));
    assert_eq!((with.bands, without.bands), (4, 3));
    let picture = maps.png("12/2152/1473", "return_mask=false");
    assert!(picture.rgba.iter().all(|pixel| pixel[3] == 255));
}
