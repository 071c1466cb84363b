//! A hundred thousand sources: what a window costs is what it touches.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use cogwheel::raster::Window;
use rstest::rstest;

use super::at;
use crate::support::made::{Folder, Tiff};
use crate::support::readers::{Opened, open};
use crate::support::{Maps, geo};

/// Sides of a source.
const SIDE: usize = 64;

/// Sources along each side that are really there.
const THERE: usize = 24;

/// Opening takes a tenth of it on a laptop.
const TIME_TO_OPEN: Duration = Duration::from_secs(5);

/// A grid of files; only those of the first corner are there. The last one is shown to be elsewhere.
struct Grid {
    folder: Folder,
    path: String,
}

impl Grid {
    fn new(cols: usize, rows: usize, inner: &str) -> Self {
        let folder = Folder::new();
        let tile = folder.path("tile.tif");
        Tiff::new(&tile, [SIDE, SIDE], "EPSG:3857", [0.0, 0.0], 1.0)
            .write(|col, row| (1 + (col + 3 * row) % 250) as u8);
        let mut text = format!(
            "<VRTDataset rasterXSize=\"{}\" rasterYSize=\"{}\"><SRS>EPSG:3857</SRS>\
             <GeoTransform>1000000, 10, 0, 6000000, 0, -10</GeoTransform><VRTRasterBand dataType=\"Byte\" band=\"1\">{inner}\n",
            cols * SIDE,
            rows * SIDE
        );
        for index in 0..cols * rows {
            let (col, row) = (index % cols, index / cols);
            if col < THERE && row < THERE {
                std::fs::hard_link(&tile, folder.path(&format!("t{col}_{row}.tif"))).unwrap();
            }
            let _ = writeln!(
                text,
                "<SimpleSource><SourceFilename relativeToVRT=\"1\">t{col}_{row}.tif</SourceFilename><SourceBand>1</SourceBand>\
                 <SourceProperties RasterXSize=\"{SIDE}\" RasterYSize=\"{SIDE}\" DataType=\"Byte\" BlockXSize=\"256\" BlockYSize=\"256\"/>\
                 <SrcRect xOff=\"0\" yOff=\"0\" xSize=\"{SIDE}\" ySize=\"{SIDE}\"/>\
                 <DstRect xOff=\"{}\" yOff=\"{}\" xSize=\"{SIDE}\" ySize=\"{SIDE}\"/></SimpleSource>",
                col * SIDE,
                row * SIDE
            );
        }
        let path = folder.write("it.vrt", &(text + "</VRTRasterBand></VRTDataset>"));
        Self { folder, path }
    }

    fn open(&self) -> Opened {
        let raster = open(&self.path).unwrap();
        assert_eq!(raster.profile().reader, "mosaic");
        raster
    }

    /// A tile from somewhere in the corner that is there.
    fn tile(index: usize) -> Window {
        let most = (THERE - 5) * SIDE;
        Window { col: index * 97 % most, row: index * 61 % most, width: 256, height: 256 }
    }

    /// The fastest of many rounds of tiles, each of which touches 16 to 25 sources. The rasters take turns, so that
    /// whatever else the machine does slows down all of them.
    fn times_of_tiles(rasters: [&Opened; 2]) -> [Duration; 2] {
        let round = |raster: &Opened| {
            let start = Instant::now();
            for index in 0..20 {
                at(raster, Self::tile(index)).unwrap();
            }
            start.elapsed()
        };
        let mut fastest = [Duration::MAX; 2];
        for _ in 0..40 {
            for (fastest, raster) in fastest.iter_mut().zip(rasters) {
                *fastest = round(raster).min(*fastest);
            }
        }
        fastest
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "figures of docs/PERFORMANCE.md")]
fn a_hundred_thousand_sources_cost_what_a_window_touches_of_them() {
    let (small, large) = (Grid::new(40, 25, ""), Grid::new(400, 250, ""));
    let few = small.open();
    let start = Instant::now();
    let many = large.open();
    let taken = start.elapsed();
    assert!(taken < TIME_TO_OPEN, "{taken:?}");
    let [few, many] = Grid::times_of_tiles([&few, &many]);
    println!("100,000 sources open in {taken:?}; 20 tiles take {many:?} of them, {few:?} of 1,000");
    assert!(many < few * 3, "{many:?} and {few:?}");
}

#[test]
fn a_pixel_of_a_hundred_thousand_sources_is_the_right_one() {
    let grid = Grid::new(400, 250, "");
    let raster = grid.open();
    let window = Window { col: 5 * SIDE + 60, row: 7 * SIDE + 62, width: 8, height: 4 };
    let pixels = at(&raster, window).unwrap();
    for index in 0..32 {
        let (col, row) = ((60 + index % 8) % SIDE, (62 + index / 8) % SIDE);
        assert_eq!(pixels.samples.value(index), (1 + (col + 3 * row) % 250) as f64);
    }
    assert!(at(&raster, Window { col: 300 * SIDE, row: 5, width: 8, height: 4 }).unwrap_err().contains("t300_0.tif"));
}

#[test]
#[ignore = "the next test starts it"]
fn the_process_that_opens() {
    let Some(path) = crate::corruption::hostile::told() else { return };
    let raster = open(&path).unwrap();
    for index in 0..20 {
        at(&raster, Grid::tile(index)).unwrap();
    }
    crate::corruption::hostile::assert_little_memory_was_taken(300 << 10);
}

#[test]
fn a_hundred_thousand_sources_fit_into_little_memory() {
    let grid = Grid::new(400, 250, "<NoDataValue>0</NoDataValue>");
    assert_eq!(crate::corruption::hostile::run_apart("mosaics::scale::the_process_that_opens", &grid.path), Ok(()));
}

/// A tile in the corner that is there.
fn tile(zoom: u32) -> String {
    geo::tile_path_of_metres(zoom, [1_000_000.0 + 7_000.0, 6_000_000.0 - 7_000.0])
}

#[rstest]
#[case::png("png")]
#[case::npy("npy")]
fn a_tile_that_touches_too_many_is_refused_and_not_kept(#[case] format: &str) {
    let grid = Grid::new(400, 250, "");
    let maps = Maps::of(&grid.path);
    for _ in 0..2 {
        let answer = maps.get(&format!("/tiles/it/{}.{format}", tile(7)));
        assert_eq!((answer.status, answer.header("cache-control")), (413, "no-store"), "{}", answer.detail());
        assert!(answer.detail().contains("gdaladdo"), "{}", answer.detail());
        assert_eq!(answer.header("etag"), "");
    }
    // ... and what touches few is none the worse for it
    assert_eq!(maps.get(&format!("/tiles/it/{}.{format}", tile(14))).status, 200);
    let maps = Maps::with(&grid.path, "min_zoom = 12");
    assert_eq!(maps.get(&format!("/tiles/it/{}.{format}", tile(11))).status, 400);
    assert_eq!(maps.get(&format!("/tiles/it/{}.{format}", tile(14))).status, 200);
}

#[test]
fn the_operator_is_told_what_to_do_about_too_many() {
    let grid = Grid::new(400, 250, "");
    let error = at(&grid.open(), Window { col: 0, row: 0, width: 20 * SIDE, height: 20 * SIDE }).unwrap_err();
    for words in ["400 of its sources", "256 may be", "gdaladdo", "min_zoom"] {
        assert!(error.contains(words), "{error}");
    }
    // As many as may be.
    at(&grid.open(), Window { col: 0, row: 0, width: 16 * SIDE, height: 16 * SIDE }).unwrap();
}

#[test]
fn a_first_source_that_is_missing_is_in_nobodys_way() {
    let grid = Grid::new(40, 25, "");
    std::fs::remove_file(grid.folder.path("t0_0.tif")).unwrap();
    let maps = Maps::of(&grid.path);
    for zoom in [12, 13, 14] {
        let answer = maps.get(&format!("/tiles/it/{}.png", tile(zoom)));
        assert_eq!(answer.status, 200, "{zoom}: {}", answer.detail());
    }
    let corner = geo::tile_path_of_metres(16, [1_000_000.0 + 100.0, 6_000_000.0 - 100.0]);
    assert_eq!(maps.get(&format!("/tiles/it/{corner}.png")).status, 502);
}
