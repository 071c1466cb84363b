//! Neighbouring tiles agree to the last bit: a tile is what its parts are, whatever the size of the parts.

use proptest::prelude::*;
use rstest::rstest;

use crate::support::made::{Folder, Tiff};
use crate::support::mosaic::Mosaic;
use crate::support::{KERNELS, Maps, geo};

/// Compares a tile of `size` pixels with the `2^steps` x `2^steps` tiles of the same pixels `steps` zooms deeper.
/// Gives the share of valid pixels.
fn compare(maps: &Maps, [z, x, y]: [u32; 3], size: usize, steps: u32, query: &str) -> Result<f64, String> {
    let whole = maps.npy(&format!("{z}/{x}/{y}"), &format!("tilesize={size}&{query}"));
    let (count, part) = (1_u32 << steps, size >> steps);
    for (down, across) in (0..count).flat_map(|down| (0..count).map(move |across| (down, across))) {
        let tile = format!("{}/{}/{}", z + steps, x * count + across, y * count + down);
        let ours = maps.npy(&tile, &format!("tilesize={part}&{query}"));
        let expected = whole.part(down as usize * part, across as usize * part, part, part);
        if ours != expected {
            let (a, b) = (ours.data.iter(), expected.data.iter());
            let different = a.zip(b).filter(|(a, b)| a != b).count();
            return Err(format!("{different} of {} bytes of {tile} differ", ours.data.len()));
        }
    }
    Ok(whole.valid_count() as f64 / (size * size) as f64)
}

fn same(maps: &Maps, tile: [u32; 3], size: usize, steps: u32, query: &str) -> f64 {
    compare(maps, tile, size, steps, query)
        .unwrap_or_else(|difference| panic!("{tile:?} at {size} px, {query}: {difference}"))
}

/// The tile at a zoom that holds a place.
fn tile_at(zoom: u32, [lon, lat]: [f64; 2]) -> [u32; 3] {
    let (x, y) = geo::tile(zoom, lon, lat);
    [zoom, x, y]
}

#[rstest]
#[case::mercator("rgb_smooth_3857.tif", [10.06, 45.0], 13)]
#[case::mercator_with_nodata("nodata_i16.tif", [10.06, 45.0], 13)]
#[case::mercator_with_nan("nodata_nan_f32.tif", [10.06, 45.0], 13)]
#[case::lon_lat("rgb_smooth_4326.tif", [11.5, 45.0], 7)]
#[case::lon_lat_with_nodata("nodata_f32_tolerance.tif", [11.5, 45.5], 7)]
#[case::utm("rgb_smooth_utm.tif", [9.23, 45.0], 12)]
#[case::utm_with_nodata("nodata_u8.tif", [9.2, 45.0], 12)]
#[case::utm_of_doubles("nodata_f64.tif", [9.2, 45.0], 12)]
#[case::utm_with_a_mask("mask_dataset.tif", [9.2, 45.0], 12)]
#[case::utm_with_alpha("alpha_rgba.tif", [9.2, 45.0], 12)]
#[case::utm_masked_by_band("rgb_one_band_nodata.tif", [9.2, 45.0], 12)]
#[case::polar("columns_polar.tif", [37.0, -68.5], 6)]
#[case::over_the_pole("polar_3031_pole.tif", [40.0, -75.0], 3)]
#[case::turned("rotated.tif", [9.2, 44.97], 12)]
#[case::south_up("south_up.tif", [11.0, 45.0], 7)]
#[case::mosaic("vrt/overlap.vrt", [9.9, 46.97], 10)]
fn a_tile_is_its_four_children_for_every_kernel(
    #[case] file: &str, #[case] place: [f64; 2], #[case] native: u32,
    #[values("nearest", "bilinear", "cubic", "lanczos", "average", "mode")] kernel: &str,
) {
    let maps = Maps::of(file);
    let query = format!("resampling={kernel}");
    let mut most = 0.0_f64;
    for zoom in [native.saturating_sub(4), native - 1, native + 2] {
        most = most.max(same(&maps, tile_at(zoom, place), 512, 1, &query));
    }
    assert!(most > 0.2, "the tiles show hardly any data: {most}");
}

#[rstest]
#[case::sixteen_of_128_px(512, 2)]
#[case::sixteen_of_256_px(1024, 2)]
#[case::four_of_512_px(1024, 1)]
#[case::four_of_64_px(128, 1)]
#[case::four_of_150_px_that_straddle_blocks(300, 1)]
#[case::sixteen_of_77_px_that_straddle_blocks(308, 2)]
#[case::sixty_four_of_64_px(512, 3)]
fn a_tile_of_any_size_is_its_parts(
    #[case] size: usize, #[case] steps: u32,
    #[values(
        "rgb_smooth_3857.tif",
        "rgb_smooth_4326.tif",
        "nodata_u8.tif",
        "nodata_f64.tif",
        "nodata_nan_f32.tif",
        "rgb_one_band_nodata.tif",
        "alpha_rgba.tif",
        "columns_polar.tif"
    )]
    file: &str,
) {
    let (place, native) = match file {
        "rgb_smooth_3857.tif" | "nodata_nan_f32.tif" => ([10.06, 45.0], 13),
        "rgb_smooth_4326.tif" => ([11.5, 45.0], 7),
        "columns_polar.tif" => ([37.0, -68.5], 6),
        _ => ([9.2, 45.0], 12),
    };
    let maps = Maps::of(file);
    for kernel in ["nearest", "bilinear", "cubic", "average"] {
        for zoom in [native - 2, native] {
            let shown = same(&maps, tile_at(zoom, place), size, steps, &format!("resampling={kernel}"));
            assert!(shown > 0.02, "zoom {zoom} shows hardly any data: {shown}");
        }
    }
}

#[rstest]
fn a_raster_around_the_world_has_no_seams_inside(
    #[values("global_4326.tif", "lon_0_360.tif", "lon_0_360_centres.tif")] file: &str,
) {
    let maps = Maps::of(file);
    for kernel in KERNELS {
        for tile in [[0, 0, 0], [1, 0, 1], [1, 1, 0], [2, 3, 1], [3, 0, 7]] {
            let shown = same(&maps, tile, 512, 1, &format!("resampling={kernel}"));
            assert!(shown > 0.99, "{tile:?} has gaps: {shown}");
        }
    }
}

#[rstest]
#[case("rgb_smooth_utm.tif", [9.23, 45.0], 11)]
#[case("palette.tif", [9.23, 45.0], 10)]
#[case("alpha_rgba.tif", [9.2, 45.0], 11)]
#[case("uint16_nostats.tif", [9.2, 45.0], 11)]
fn pictures_have_no_seams_either(#[case] file: &str, #[case] place: [f64; 2], #[case] zoom: u32) {
    let maps = Maps::of(file);
    let [z, x, y] = tile_at(zoom, place);
    let whole = maps.png(&format!("{z}/{x}/{y}"), "tilesize=512");
    assert!(!whole.is_transparent());
    for (down, across) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let part = maps.png(&format!("{}/{}/{}", z + 1, 2 * x + across, 2 * y + down), "");
        for row in 0..256 {
            let from = (row + 256 * down as usize) * 512 + 256 * across as usize;
            assert_eq!(
                part.rgba[row * 256..(row + 1) * 256],
                whole.rgba[from..from + 256],
                "row {row} of {down},{across}"
            );
        }
    }
}

#[rstest]
fn twice_the_pixels_is_the_tile_of_512_px(
    #[values("nearest", "bilinear", "cubic", "lanczos", "average", "mode")] kernel: &str,
) {
    for (file, tile) in
        [("rgb_smooth_utm.tif", "11/1076/736"), ("columns_3857.tif", "12/2162/1474"), ("alpha_rgba.tif", "11/1076/736")]
    {
        let maps = Maps::of(file);
        let twice = maps.npy(&format!("{tile}@2x"), &format!("resampling={kernel}"));
        assert_eq!((twice.rows, twice.cols), (512, 512));
        assert_eq!(twice, maps.npy(tile, &format!("resampling={kernel}&tilesize=512")), "{file}");
    }
}

#[rstest]
fn a_hole_far_away_changes_nothing(
    #[values("EPSG:3857", "EPSG:32632")] crs: &str, #[values("bilinear", "cubic", "lanczos", "average")] kernel: &str,
) {
    // a tile next door reads a window without the hole: it must come to the same sums
    let folder = Folder::new();
    let (corner, tile) = match crs {
        "EPSG:3857" => ([1_113_207.9, 5_621_543.1], "13/4323/2947"),
        _ => ([511_234.7, 4_987_654.3], "12/2152/1473"),
    };
    let tile_of = |name: &str, hole: usize| {
        let path = folder.path(name);
        let tiff = Tiff { nodata: Some(-1.0), ..Tiff::new(&path, [320, 260], crs, corner, 31.7) };
        let value = |col: usize, row: usize| 1e6 + ((col * 7919 + row * 104_729) % 1000) as f64 / 7.0;
        tiff.write(|col, row| if col < hole && (60..60 + hole).contains(&row) { -1.0 } else { value(col, row) });
        Maps::of(&path).npy(tile, &format!("resampling={kernel}"))
    };
    let (whole, with_hole) = (tile_of("whole.tif", 0), tile_of("hole.tif", 20));
    assert!(whole.valid_count() > with_hole.valid_count() + 100, "the hole is in the tile");
    // the hole ends above row 100 of the tile: from 140 on it is out of reach
    let [a, b] = [&whole, &with_hole].map(|array| array.part(140, 0, 116, 256));
    assert!(a.valid_count() > 1_000 && a.mask() == b.mask());
    let different = a.band(0).iter().zip(b.band(0)).filter(|(a, b)| **a != *b).count();
    assert_eq!(different, 0, "{different} of {} values differ in their last bits", a.valid_count());
}

#[rstest]
fn a_hole_far_away_changes_nothing_either_when_a_pixel_is_made_of_a_thousand_cells(
    #[values("bilinear", "cubic", "lanczos", "average")] kernel: &str,
) {
    // 28 cells a pixel: the block is read in parts, some with the hole and some without
    let folder = Folder::new();
    let tile_of = |name: &str, hole: usize| {
        let path = folder.path(name);
        let tiff =
            Tiff { nodata: Some(0.0), ..Tiff::new(&path, [4000, 4000], "EPSG:3857", [1_113_207.9, 5_621_543.1], 11.0) };
        let value = |col: usize, row: usize| 30_000 + ((col * 7919 + row * 104_729) % 3000) as u16;
        tiff.write(|col, row| if col < hole && row < hole { 0 } else { value(col, row) });
        Maps::of(&path).npy("9/270/184", &format!("resampling={kernel}"))
    };
    let (whole, with_hole) = (tile_of("whole.tif", 0), tile_of("hole.tif", 400));
    let far = |array: &crate::support::Array| -> Vec<f64> {
        let (values, mask) = (array.band(0), array.mask());
        let first = mask.iter().position(|mask| *mask > 0).unwrap() / 256;
        (0..values.len()).filter(|at| at / 256 > first + 40 && mask[*at] > 0).map(|at| values[at]).collect()
    };
    let (a, b) = (far(&whole), far(&with_hole));
    assert!(whole.valid_count() > with_hole.valid_count() && a.len() > 1_000 && a.len() == b.len(), "{}", a.len());
    let different = a.iter().zip(&b).filter(|(a, b)| a != b).count();
    assert_eq!(different, 0, "{different} of {} values differ", a.len());
}

/// A raster that has no overviews and is so large that the reader decimates it.
fn large_raster(folder: &Folder) -> Maps {
    let path = folder.path("large.tif");
    // 9001 x 8801: no multiple of any decimation
    let tiff =
        Tiff { nodata: Some(0.0), ..Tiff::new(&path, [9001, 8801], "EPSG:3857", [1_113_207.9, 5_621_543.1], 10.3) };
    tiff.write(|col, row| if (col / 700 + row / 900) % 5 == 0 { 0 } else { ((col * 7 + row * 13) % 200 + 20) as u8 });
    Maps::with(&path, "")
}

#[test]
fn a_raster_that_the_reader_decimates_has_no_seams() {
    let folder = Folder::new();
    let maps = large_raster(&folder);
    for (zoom, kernel) in [(6, "bilinear"), (8, "nearest"), (8, "average"), (8, "lanczos")] {
        let shown = same(&maps, tile_at(zoom, [10.4, 44.8]), 512, 1, &format!("resampling={kernel}"));
        assert!(shown > 0.002, "{shown}");
    }
}

#[test]
fn a_mosaic_read_through_the_overviews_of_its_sources_has_no_seams() {
    let folder = Folder::new();
    let maps = Maps::of(&Mosaic::odd(&folder));
    for zoom in [8, 9, 10, 11, 12] {
        for kernel in KERNELS {
            let shown = same(&maps, tile_at(zoom, [10.1, 44.96]), 512, 1, &format!("resampling={kernel}"));
            assert!(shown > 0.002, "{shown}");
        }
    }
}

/// A place and a zoom where a raster can be seen.
fn views() -> impl Strategy<Value = (&'static str, [u32; 3])> {
    let rasters = prop::sample::select(vec![
        ("rgb_smooth_3857.tif", [10.0, 10.17], [44.9, 45.0], 10..15_u32),
        ("nodata_f32_tolerance.tif", [10.0, 13.2], [44.4, 47.0], 4..9),
        ("mask_dataset.tif", [9.14, 9.26], [44.97, 45.04], 8..14),
        ("columns_polar.tif", [30.0, 42.0], [-70.0, -65.0], 3..8),
        ("antimeridian_utm60.tif", [178.9, 180.0], [51.0, 52.4], 6..11),
        ("global_4326.tif", [-180.0, 180.0], [-85.0, 85.0], 0..4),
    ]);
    (rasters, 0.0..1.0_f64, 0.0..1.0_f64, any::<prop::sample::Index>()).prop_map(
        |((file, lons, lats, zooms), right, up, which)| {
            let zooms: Vec<u32> = zooms.collect();
            let place = [lons[0] + (lons[1] - lons[0]) * right, lats[0] + (lats[1] - lats[0]) * up];
            (file, tile_at(*which.get(&zooms), [place[0].min(179.999), place[1]]))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn any_tile_of_any_size_is_its_parts(
        (file, tile) in views(), which in 0..KERNELS.len(), steps in 1..=2_u32, part in 64..=150_usize,
    ) {
        let compared = compare(&Maps::of(file), tile, part << steps, steps, &format!("resampling={}", KERNELS[which]));
        prop_assert!(compared.is_ok(), "{file} {tile:?} {} {part} px {steps} steps: {}", KERNELS[which], compared.unwrap_err());
    }
}
