//! Which resolution a tile is read at, how many bytes that costs, and how much memory.

use gdal::raster::GdalType;
use rstest::rstest;

use crate::support::made::{Folder, Tiff, fill};
use crate::support::mosaic::{Mosaic, Part};
use crate::support::server::Server;
use crate::support::{KERNELS, Maps, geo};

/// The values of a tile, when it has only one.
fn only_value(maps: &Maps, tile: &str, query: &str) -> f64 {
    let array = maps.npy(tile, query);
    let mut values = array.valid(0);
    assert!(!values.is_empty(), "{tile} shows nothing");
    values.dedup();
    assert_eq!(values.len(), 1, "{tile}?{query} shows {:?}", &values[..values.len().min(9)]);
    values[0]
}

#[rstest]
#[case("overviews_3857.tif", 12, [10.3, 44.8])]
#[case("overviews_4326.tif", 7, [18.0, -2.0])]
fn the_zoom_chooses_the_coarsest_level_that_is_not_too_coarse(
    #[case] file: &str, #[case] native: u32, #[case] place: [f64; 2],
) {
    let maps = Maps::of(file);
    for kernel in KERNELS {
        for (zoom, level) in [(2, 0), (1, 0), (0, 0), (-1, 1), (-2, 2), (-3, 3), (-4, 4), (-5, 4)] {
            let zoom = native.checked_add_signed(zoom).unwrap();
            let value = only_value(&maps, &geo::tile_path(zoom, place), &format!("resampling={kernel}"));
            assert_eq!(value, f64::from(level), "{file} at zoom {zoom}, {kernel}");
        }
    }
}

#[rstest]
#[case("tilesize=512", "", 1)]
#[case("", "@2x", 1)]
#[case("tilesize=128", "", -1)]
#[case("tilesize=64", "", -2)]
#[case("tilesize=1024", "", 2)]
fn a_tile_with_more_pixels_is_read_at_a_finer_level(#[case] query: &str, #[case] suffix: &str, #[case] zooms: i32) {
    let maps = Maps::of("overviews_3857.tif");
    let tile = |zoom| geo::tile_path(zoom, [10.3, 44.8]);
    let expected = only_value(&maps, &tile(10_u32.checked_add_signed(zooms).unwrap()), "");
    assert_eq!(only_value(&maps, &format!("{}{suffix}", tile(10)), query), expected);
}

/// A raster whose levels each hold one value: 0, 1, 2 ...
fn marked<T: GdalType + Copy + From<u8>>(tiff: &Tiff<'_>, factors: &[i32]) {
    tiff.create::<T>(|dataset| {
        dataset.build_overviews("NONE", factors, &[]).unwrap();
        let band = dataset.rasterband(1).unwrap();
        for index in 0..factors.len() {
            fill(&mut band.overview(index).unwrap(), |_, _| T::from(index as u8 + 1));
        }
    });
}

#[rstest]
#[case::not_coarser(0.999, 1.0)]
#[case::within_one_percent(1.008, 1.0)]
#[case::beyond_one_percent(1.013, 0.0)]
fn a_level_may_be_one_percent_too_coarse(#[case] coarser: f64, #[case] level: f64) {
    let folder = Folder::new();
    let path = folder.path("marked.tif");
    let cell = geo::WORLD_M / 256.0 / 1024.0 * coarser / 2.0;
    marked::<u8>(&Tiff::new(&path, [4096, 4096], "EPSG:3857", [-150_000.0, 150_000.0], cell), &[2]);
    assert_eq!(only_value(&Maps::of(&path), "10/512/512", ""), level);
}

#[test]
fn the_level_follows_the_tiles_own_footprint_and_not_the_whole_dataset() {
    let folder = Folder::new();
    let path = folder.path("polar.tif");
    // 1 km cells from -55 to the pole; at zoom 4 a pixel is 9784 m * cos(lat) on the ground
    marked::<u8>(&Tiff::new(&path, [8000, 8000], "EPSG:3031", [-4_000_000.0, 4_000_000.0], 1000.0), &[2, 4, 8, 16]);
    let maps = Maps::of(&path);
    assert_eq!(only_value(&maps, &geo::tile_path(5, [40.0, -58.5]), ""), 1.0, "2.5 km");
    assert_eq!(only_value(&maps, &geo::tile_path(5, [40.0, -82.0]), ""), 0.0, "0.7 km");
    assert_eq!(only_value(&maps, &geo::tile_path(3, [40.0, -60.0]), ""), 3.0, "9 km");

    let path = folder.path("world.tif");
    let degree = 360.0 / 4096.0;
    marked::<u8>(&Tiff::new(&path, [4096, 2048], "EPSG:4326", [-180.0, 90.0], degree), &[2, 4, 8]);
    let maps = Maps::of(&path);
    assert_eq!(only_value(&maps, "2/1/1", ""), 1.0, "mean height of a pixel: 0.26 degrees, three cells");
    assert_eq!(only_value(&maps, "2/1/0", ""), 0.0, "0.07 degrees, less than one cell");
}

/// 36000 x 18000 cells around the world; uncompressed, so that bytes read are cells read. Cells of level `n`
/// are `16 n` to `16 n + 15`; the finest levels are empty (0), which costs no space.
fn world_of_36000(path: &str) {
    let options = ["SPARSE_OK=TRUE", "BLOCKXSIZE=512", "BLOCKYSIZE=512"];
    let tiff = Tiff { options: &options, ..Tiff::new(path, [36_000, 18_000], "EPSG:4326", [-180.0, 90.0], 0.01) };
    tiff.create::<u8>(|dataset| {
        dataset.build_overviews("NONE", &[2, 4, 8, 16, 32, 64, 128], &[]).unwrap();
        let band = dataset.rasterband(1).unwrap();
        for index in 2..7 {
            let level = index as u8 + 1;
            fill(&mut band.overview(index).unwrap(), |col, row| 16 * level + ((col * 7 + row * 3) % 16) as u8);
        }
    });
}

#[test]
fn a_zoomed_out_tile_of_a_36000_px_cog_reads_a_few_overview_blocks() {
    let folder = Folder::new();
    let path = folder.path("world.tif");
    world_of_36000(&path);
    let server = Server::of(&folder, &path, 1);
    let block = 512 * 512;
    // zoom, level by hand (mean height of a pixel / 0.01 degrees), blocks of 512 px that the tile overlaps
    for (tile, level, blocks) in [("0/0/0", 6, 2), ("1/1/0", 5, 4), ("2/1/1", 4, 6), ("3/4/3", 4, 4)] {
        let before = server.bytes_read();
        let array = server.npy(tile, "resampling=bilinear");
        let read = server.bytes_read() - before;
        let values = array.valid(0);
        assert_eq!(values.len(), 256 * 256);
        let (low, high) = (f64::from(16 * level), f64::from(16 * level + 15));
        assert!(
            values.iter().all(|value| (low..=high).contains(value)),
            "{tile} is not of level {level}: {}",
            values[0]
        );
        // 128 kB more for the directories of eight levels: 3,400 tile offsets and sizes
        assert!(read <= blocks * block + 131_072, "{tile} read {read} bytes, more than {blocks} blocks");
        assert!(read >= block / 2 || tile != "0/0/0", "{tile} read {read} bytes: nothing is counted");
    }
}

#[test]
fn a_zoomed_out_tile_of_a_mosaic_reads_the_overviews_of_its_sources() {
    let folder = Folder::new();
    let path = folder.path("world.tif");
    world_of_36000(&path);
    let part = |part: usize| Part::in_place([part % 4 * 9000, part / 4 * 9000, 9000, 9000]);
    let mosaic = Mosaic { size: [36_000, 18_000], crs: "EPSG:4326", corner: [-180.0, 90.0], cell: 0.01 };
    let server = Server::of(&folder, &mosaic.write(&folder, &path, &[0, 1, 2, 3, 4, 5, 6, 7].map(part)), 1);
    for (tile, coarsest) in [("0/0/0", 6), ("2/1/1", 4)] {
        let before = server.bytes_read();
        let values = server.npy(tile, "resampling=bilinear").valid(0);
        let read = server.bytes_read() - before;
        assert_eq!(values.len(), 256 * 256);
        // overviews of sources may lie on grids of their own: up to two levels finer is no waste
        let (low, high) = (f64::from(16 * (coarsest - 2)), f64::from(16 * coarsest + 15));
        let wrong = values.iter().find(|value| !(low..=high).contains(*value));
        assert_eq!(wrong, None, "{tile} is not of a level from {} to {coarsest}", coarsest - 2);
        assert!(read <= 16 * 512 * 512, "{tile} read {read} bytes");
    }
}

#[rstest]
fn a_mosaic_without_overviews_stays_bounded_too(#[values("average", "nearest", "bilinear")] kernel: &str) {
    let folder = Folder::new();
    let path = folder.path("large.tif");
    let tiff = Tiff::new(&path, [20_000, 20_000], "EPSG:3857", [1_113_207.9, 5_621_543.1], 10.0);
    tiff.write(|col, row| ((col / 64 + row / 64) % 200 + 20) as u8);
    let mosaic = Mosaic { size: [20_000, 20_000], crs: "EPSG:3857", corner: [1_113_207.9, 5_621_543.1], cell: 10.0 };
    // the two overlap
    let parts = [[0, 0, 11_000, 20_000], [9_000, 0, 11_000, 20_000]].map(Part::in_place);
    let server = Server::of(&folder, &mosaic.write(&folder, &path, &parts), 2);
    for tile in ["7/67/46", "0/0/0"] {
        let array = server.npy(tile, &format!("resampling={kernel}"));
        assert!(array.valid_count() > 0, "{tile} shows the mosaic");
        assert!(array.valid(0).iter().all(|value| (20.0..=219.0).contains(value)), "{tile}");
    }
    assert!(server.peak_mb() < 150, "{} MB at the peak; the mosaic has 381", server.peak_mb());
}

#[test]
fn without_overviews_a_wide_raster_of_doubles_stays_bounded_too() {
    let folder = Folder::new();
    let path = folder.path("doubles.tif");
    let tiff = Tiff::new(&path, [10_000, 8_000], "EPSG:32632", [511_234.7, 4_987_654.3], 20.0);
    tiff.write(|col, row| (col / 64 + row / 64) as f64);
    let server = Server::of(&folder, &path, 2);
    for (tile, query) in
        [("7/67/46", "resampling=cubic"), ("7/67/46", "resampling=mode"), ("4/8/5", "resampling=average")]
    {
        assert!(server.npy(tile, query).valid_count() > 0, "{tile} shows the raster");
    }
    assert!(server.peak_mb() < 200, "{} MB at the peak; the raster has 610", server.peak_mb());
}

#[rstest]
fn a_tile_that_is_read_in_parts_reads_no_more_than_it_needs(#[values("cubic", "mode")] kernel: &str) {
    // 43 cells a pixel: the window of 32 x 32 pixels is larger than what is read at once
    let folder = Folder::new();
    let path = folder.path("doubles.tif");
    let tiff = Tiff::new(&path, [1500, 1500], "EPSG:32632", [511_234.7, 4_987_654.3], 20.0);
    tiff.write(|col, row| (col / 64 + row / 64) as f64);
    let maps = Maps::of(&path);
    let start = std::time::Instant::now();
    assert!(maps.npy("7/67/46", &format!("resampling={kernel}")).valid_count() > 500);
    let seconds = start.elapsed().as_secs_f64();
    assert!(seconds < 5.0, "{seconds} s for 35 x 35 pixels of a raster of 18 MB");
}

/// 9001 x 8801 cells without overviews: too many to read them all for one tile.
fn checkerboard(folder: &Folder, nodata: Option<f64>, settings: &str) -> Maps {
    let path = folder.path("checkerboard.tif");
    let tiff = Tiff { nodata, ..Tiff::new(&path, [9001, 8801], "EPSG:3857", [1_113_207.9, 5_621_543.1], 10.3) };
    tiff.write(|col, row| if (col + row) % 2 == 0 { 50_u8 } else { 150 });
    Maps::with(&path, settings)
}

#[rstest]
fn a_raster_that_the_reader_decimates_is_averaged_and_not_sampled(
    #[values("bilinear", "cubic", "lanczos", "average")] kernel: &str,
) {
    let folder = Folder::new();
    let maps = checkerboard(&folder, None, "");
    for zoom in [5, 7] {
        let values = maps.npy(&geo::tile_path(zoom, [10.4, 44.8]), &format!("resampling={kernel}")).valid(0);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean - 100.0).abs() < 2.0, "the mean at zoom {zoom} is {mean}");
        let far = values.iter().filter(|value| (**value - 100.0).abs() > 20.0).count();
        assert!(far * 20 <= values.len(), "{far} of {} values at zoom {zoom} are one cell's, not a mean", values.len());
    }
}

#[rstest]
#[case::of_the_file(Some(150.0), "", "")]
#[case::of_the_configuration(None, "nodata = 150", "")]
#[case::of_the_query(None, "", "&nodata=150")]
fn nodata_is_left_out_before_the_reader_decimates(
    #[case] of_the_file: Option<f64>, #[case] settings: &str, #[case] query: &str,
) {
    let folder = Folder::new();
    let maps = checkerboard(&folder, of_the_file, settings);
    for kernel in KERNELS {
        let array = maps.npy(&geo::tile_path(6, [10.4, 44.8]), &format!("resampling={kernel}{query}"));
        let mixed: Vec<f64> = array.valid(0).into_iter().filter(|value| *value != 50.0).collect();
        assert!(
            mixed.is_empty(),
            "{kernel}: {} of {} values hold nodata, for example {}",
            mixed.len(),
            array.valid_count(),
            mixed[0]
        );
        assert!(array.valid_count() > 0 || ["nearest", "mode"].contains(&kernel), "{kernel} shows nothing");
    }
}

#[rstest]
fn a_mean_that_happens_to_be_the_nodata_value_is_still_data(#[values("average", "bilinear", "cubic")] kernel: &str) {
    // the cells are 50 and 150, never 100: nothing may be masked by comparing after the reader has averaged
    let folder = Folder::new();
    let maps = checkerboard(&folder, Some(100.0), "");
    let query = format!("resampling={kernel}");
    for zoom in [6, 7] {
        let tile = geo::tile_path(zoom, [10.4, 44.8]);
        let (shown, all) =
            (maps.npy(&tile, &query).valid_count(), maps.npy(&tile, &format!("{query}&nodata=-1")).valid_count());
        assert!(all > 1_000 && shown == all, "{shown} of {all} pixels at zoom {zoom}");
    }
}

#[test]
fn what_the_reader_decimates_stays_in_its_place() {
    let folder = Folder::new();
    let path = folder.path("columns.tif");
    let (left, top, cell) = (1_113_207.9, 5_621_543.1, 10.3);
    let tiff = Tiff::new(&path, [9001, 8801], "EPSG:3857", [left, top], cell);
    tiff.write(|col, _| col as u16);
    let maps = Maps::of(&path);
    for zoom in [5, 6, 8] {
        let (x, y) = geo::tile(zoom, 10.4, 44.8);
        let pixel_m = geo::WORLD_M / 256.0 / f64::from(1_u32 << zoom);
        for kernel in ["nearest", "bilinear", "average"] {
            let array = maps.npy(&format!("{zoom}/{x}/{y}"), &format!("resampling={kernel}"));
            let (values, mask) = (array.band(0), array.mask());
            // far from the edges, where a kernel is lopsided
            let expected = |col: usize| {
                ((f64::from(x) * 256.0 + col as f64 + 0.5) * pixel_m - geo::WORLD_M / 2.0 - left) / cell - 0.5
            };
            let inner = |col: usize| (expected(col) - 4500.0).abs() < 3000.0;
            let mut compared = 0;
            for index in (0..values.len()).filter(|index| mask[*index] > 0 && inner(index % 256)) {
                let off = (values[index] - expected(index % 256)).abs();
                let allowed = if kernel == "nearest" { 0.75 * pixel_m / cell } else { 1.5 };
                assert!(off <= allowed, "{kernel} at zoom {zoom}: {off} cells off, pixels are {} wide", pixel_m / cell);
                compared += 1;
            }
            assert!(compared > 20, "{kernel} at zoom {zoom}: {compared} pixels");
        }
    }
}
