//! PNG: the smallest kind that holds the picture, the shared empty tile, and the same bytes every time.

use png::{BitDepth, ColorType};
use rstest::rstest;

use crate::support::{Maps, Picture, encoded, geo};

/// The colour type of the IHDR, read from the bytes.
fn color_type(bytes: &[u8]) -> u8 {
    assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(&bytes[12..16], b"IHDR");
    bytes[25]
}

fn body(maps: &Maps, tile: &str, query: &str) -> Vec<u8> {
    let answer = maps.get(&format!("/tiles/it/{tile}?{query}"));
    assert_eq!(answer.header("content-type"), "image/png");
    answer.ok().to_vec()
}

/// PNG's numbers for its colour types.
const GRAY: u8 = 0;
const RGB: u8 = 2;
const PALETTE: u8 = 3;
const GRAY_ALPHA: u8 = 4;
const RGBA: u8 = 6;

#[rstest]
#[case::a_colour_table("palette.tif", "12/2153/1473", "", &[PALETTE])]
#[case::a_colour_table_zoomed_in("palette.tif", "15/17226/11786", "", &[PALETTE])]
#[case::a_named_colormap("nodata_u8.tif", "12/2152/1473", "colormap_name=viridis", &[PALETTE])]
#[case::a_named_colormap_over_floats("nodata_f32_tolerance.tif", "7/68/46", "colormap_name=viridis&rescale=0,80", &[PALETTE])]
#[case::a_named_colormap_over_16_bits("uint16_stats.tif", "12/2152/1473", "colormap_name=terrain", &[PALETTE])]
#[case::three_bands_that_are_all_valid("rgb_smooth_3857.tif", "13/4325/2948", "", &[RGB])]
#[case::three_bands_over_the_edge("rgb_smooth_utm.tif", "11/1076/736", "", &[RGBA])]
#[case::three_bands_with_a_mask("mask_dataset.tif", "12/2152/1473", "", &[RGBA])]
#[case::three_bands_with_alpha("alpha_rgba.tif", "12/2152/1473", "", &[RGBA])]
#[case::three_bands_without_their_mask("mask_dataset.tif", "12/2152/1473", "return_mask=false", &[RGB])]
#[case::one_band_that_is_all_valid("rgb_smooth_3857.tif", "13/4325/2948", "bidx=1", &[GRAY, RGB])]
#[case::one_band_with_holes("nodata_u8.tif", "12/2152/1473", "", &[GRAY_ALPHA, RGBA])]
fn the_kind_of_picture_fits_what_is_in_it(
    #[case] file: &str, #[case] tile: &str, #[case] query: &str, #[case] kinds: &[u8],
) {
    let bytes = body(&Maps::of(file), tile, query);
    assert!(kinds.contains(&color_type(&bytes)), "colour type {}, not one of {kinds:?}", color_type(&bytes));
    let picture = Picture::parse(&bytes);
    assert!(!picture.is_transparent());
    let has_holes = picture.rgba.iter().any(|pixel| pixel[3] < 255);
    let can_have = [GRAY_ALPHA, RGBA].contains(&color_type(&bytes)) || picture.transparency.is_some();
    assert_eq!(has_holes, can_have, "transparency is there when it is needed");
}

#[test]
fn more_colours_than_a_palette_holds_make_a_full_picture() {
    let ramp = "[[-10, \"#000000\"], [20, \"#ff0000\"], [50, \"#ffff00\"], [90, \"#ffffff\"]]";
    let query = format!("resampling=bilinear&colormap={}", encoded(ramp));
    let bytes = body(&Maps::of("nodata_f32_tolerance.tif"), "8/136/92", &query);
    let picture = Picture::parse(&bytes);
    let mut colors = picture.rgba.clone();
    colors.sort_unstable();
    colors.dedup();
    assert!(colors.len() > 256, "{} colours", colors.len());
    assert_eq!(color_type(&bytes), RGBA);
}

#[test]
fn a_palette_has_the_colours_that_occur_and_its_transparent_ones_first() {
    let maps = Maps::of("palette.tif");
    let with_holes = Picture::parse(&body(&maps, "12/2153/1473", "tilesize=512"));
    assert_eq!(with_holes.color, ColorType::Indexed);
    let palette = with_holes.palette.unwrap();
    assert!(palette.len() <= 6, "{palette:?}");
    assert_eq!(with_holes.transparency.unwrap(), [0], "tRNS ends with the last colour that needs it");
    assert!(
        [BitDepth::Two, BitDepth::Four].contains(&with_holes.depth),
        "{:?} is too deep for {} colours",
        with_holes.depth,
        palette.len()
    );

    // far inside, where there are no holes
    let picture = ["16/34453/23567", "16/34454/23567", "16/34455/23568", "16/34450/23565"]
        .map(|tile| Picture::parse(&body(&maps, tile, "")))
        .into_iter()
        .find(|picture| picture.rgba.iter().all(|pixel| pixel[3] == 255));
    let picture = picture.expect("one of these tiles has no hole");
    assert_eq!((picture.color, &picture.transparency), (ColorType::Indexed, &None), "no tRNS without need");
}

#[test]
fn a_colormap_with_alpha_keeps_it() {
    let map = "{\"0\": [10, 20, 30, 128], \"1\": [40, 50, 60, 255], \"2\": [70, 80, 90, 7], \"3\": [1, 2, 3, 0], \"4\": \"#ffffff\"}";
    let maps = Maps::of("palette.tif");
    let (picture, array) =
        (maps.png("12/2153/1473", &format!("colormap={}", encoded(map))), maps.npy("12/2153/1473", ""));
    assert_eq!(picture.color, ColorType::Indexed);
    for ((value, mask), pixel) in array.band(0).into_iter().zip(array.mask()).zip(&picture.rgba) {
        let expected = match (mask, value as u8) {
            (0, _) => [0, 0, 0, 0],
            (_, 0) => [10, 20, 30, 128],
            (_, 1) => [40, 50, 60, 255],
            (_, 2) => [70, 80, 90, 7],
            (_, 3) => [1, 2, 3, 0],
            _ => [255; 4],
        };
        assert!(*pixel == expected || expected[3] == 0 && pixel[3] == 0, "{pixel:?} instead of {expected:?}");
    }
}

/// Requests whose pixels are all transparent, each for another reason.
fn transparent() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("rgb_smooth_utm.tif", "10/1/1", String::new()),
        ("palette.tif", "10/1/1", String::new()),
        ("uint16_nostats.tif", "3/0/0", "colormap_name=viridis".to_owned()),
        ("columns_polar.tif", "4/3/3", "bidx=1".to_owned()),
        // within the lon/lat bounds, outside the raster
        ("rotated.tif", "16/34432/23532", "bidx=1".to_owned()),
        // in the hole
        ("nodata_u8.tif", "17/68880/47138", String::new()),
        ("alpha_rgba.tif", "17/68880/47138", String::new()),
        ("mask_dataset.tif", "17/68880/47138", "resampling=bilinear".to_owned()),
        // in a gap
        ("vrt/gaps.vrt", "12/2163/1440", String::new()),
    ]
}

#[test]
fn a_fully_transparent_tile_is_one_small_constant() {
    let constant = body(&Maps::of("columns_3857.tif"), "10/1/1", "bidx=1");
    assert!(constant.len() < 250, "{} bytes", constant.len());
    let picture = Picture::parse(&constant);
    assert_eq!((picture.width, picture.height), (256, 256));
    assert!(picture.is_transparent());
    for (file, tile, query) in transparent() {
        let bytes = body(&Maps::of(file), tile, &query);
        assert!(Picture::parse(&bytes).is_transparent(), "{file} {tile} shows something");
        assert_eq!(bytes, constant, "{file} {tile}?{query}");
    }
}

#[test]
fn a_tile_whose_colours_are_all_transparent_is_the_same_constant() {
    // there is data, but the colormap has no colour for it
    let constant = body(&Maps::of("columns_3857.tif"), "10/1/1", "bidx=1");
    let query = format!("colormap={}", encoded("{\"77\": \"#ff0000\"}"));
    let bytes = body(&Maps::of("palette.tif"), "12/2153/1473", &query);
    assert!(Picture::parse(&bytes).is_transparent());
    assert_eq!(bytes, constant);
}

#[test]
fn a_transparent_tile_of_another_size_has_that_size() {
    let maps = Maps::of("columns_3857.tif");
    for (tile, query, size) in [
        ("10/1/1", "tilesize=512", 512),
        ("10/1/1@2x", "", 512),
        ("10/1/1", "tilesize=64", 64),
        ("10/1/1@4x", "", 1024),
    ] {
        let bytes = body(&maps, tile, &format!("bidx=1&{query}"));
        let picture = Picture::parse(&bytes);
        assert_eq!((picture.width, picture.height), (size, size));
        assert!(picture.is_transparent() && bytes.len() < 700, "{} bytes", bytes.len());
    }
}

#[rstest]
#[case("rgb_smooth_utm.tif", "11/1076/736")]
#[case("palette.tif", "11/1076/736")]
#[case("columns_4326.tif", "6/33/22")]
fn twice_as_many_pixels_show_the_same_place(#[case] file: &str, #[case] tile: &str) {
    let maps = Maps::of(file);
    for scale in 1..=4_usize {
        let picture = maps.png(&format!("{tile}@{scale}x"), "bidx=1&rescale=0,512&resampling=nearest");
        assert_eq!((picture.width, picture.height), (256 * scale, 256 * scale));
        let (mut low, mut high) = ([usize::MAX; 2], [0; 2]);
        for (index, _) in picture.rgba.iter().enumerate().filter(|(_, pixel)| pixel[3] > 0) {
            let at = [index % (256 * scale), index / (256 * scale)];
            low = [low[0].min(at[0]), low[1].min(at[1])];
            high = [high[0].max(at[0]), high[1].max(at[1])];
        }
        let once = maps.png(tile, "bidx=1&rescale=0,512&resampling=nearest");
        let (first, last) = (
            once.rgba.iter().position(|p| p[3] > 0).unwrap() / 256,
            once.rgba.iter().rposition(|p| p[3] > 0).unwrap() / 256,
        );
        assert!(
            low[1].abs_diff(first * scale) <= scale && high[1].abs_diff(last * scale) <= scale,
            "{low:?} to {high:?}"
        );
    }
}

#[rstest]
#[case("rgb_smooth_utm.tif", "11/1076/736", "resampling=cubic")]
#[case("palette.tif", "11/1076/736", "")]
#[case("uint16_nostats.tif", "12/2152/1473", "colormap_name=magma")]
#[case("nodata_f32_tolerance.tif", "7/68/46", "colormap_name=viridis&rescale=0,80")]
#[case("alpha_rgba.tif", "12/2152/1473", "resampling=lanczos")]
#[case("vrt/overlap.vrt", geo::ALIGNED, "")]
fn identical_requests_have_identical_answers(#[case] file: &str, #[case] tile: &str, #[case] query: &str) {
    let maps = Maps::of(file);
    let first = body(&maps, tile, query);
    let again: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| body(&maps, tile, query))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(again.iter().all(|bytes| *bytes == first), "at the same time, in several threads");
    assert_eq!(body(&Maps::of(file), tile, query), first, "in another application");
}
