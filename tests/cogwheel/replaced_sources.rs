//! Sources that are replaced under a running server: never two versions in one picture, and no restart.

use std::time::{Duration, Instant};

use rstest::rstest;

use crate::support::made::{Folder, Tiff};
use crate::support::s3::S3;
use crate::support::{Array, Maps, Setup, geo};

/// Where the rasters of these tests are.
const CORNER: [f64; 2] = [1_000_000.0, 6_000_000.0];

/// Soon enough for a test, and late enough that requests come in between.
const RECHECK: Duration = Duration::from_millis(200);

/// 1024 pixels of one value, in blocks of 256 that are too noisy to be small.
fn write(folder: &Folder, value: u8) {
    let path = folder.path("maps/it.tif");
    let options = &["COMPRESS=NONE", "BLOCKXSIZE=256", "BLOCKYSIZE=256"];
    let fresh = folder.path("fresh.tif");
    Tiff { options, ..Tiff::new(&fresh, [1024, 1024], "EPSG:3857", CORNER, 10.0) }.write(move |_, _| value);
    std::fs::rename(fresh, path).unwrap();
}

fn bucket() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("maps")).unwrap();
    write(&folder, 10);
    let rect = "xOff=\"0\" yOff=\"0\" xSize=\"1024\" ySize=\"1024\"";
    folder.write(
        "maps/it.vrt",
        &format!(
            "<VRTDataset rasterXSize=\"1024\" rasterYSize=\"1024\"><SRS>EPSG:3857</SRS>\
             <GeoTransform>{}, 10, 0, {}, 0, -10</GeoTransform><VRTRasterBand dataType=\"Byte\" band=\"1\">\
             <SimpleSource><SourceFilename relativeToVRT=\"1\">it.tif</SourceFilename><SourceBand>1</SourceBand>\
             <SrcRect {rect}/><DstRect {rect}/></SimpleSource></VRTRasterBand></VRTDataset>",
            CORNER[0], CORNER[1]
        ),
    );
    folder
}

/// A tile in the middle of a quarter of the raster.
fn tile(col: u32, row: u32) -> String {
    let metres = [CORNER[0] + 10.0 * f64::from(256 + 512 * col), CORNER[1] - 10.0 * f64::from(256 + 512 * row)];
    geo::tile_path_of_metres(15, metres)
}

/// The one value of a tile.
fn value(array: &Array) -> f64 {
    let values = array.band(0);
    assert!(values.iter().all(|value| *value == values[0]), "two versions in one picture");
    values[0]
}

fn maps(s3: &S3, source: &str, recheck: Option<Duration>) -> Maps {
    Setup { environment: s3.environment(), recheck, ..Setup::default() }
        .maps(&format!("[layers.it]\nsource = '{source}'"))
}

/// Asks until the answer is as wished, or for a few seconds; gives the last one.
fn until(wished: impl Fn(f64) -> bool, ask: impl Fn() -> f64) -> f64 {
    let start = Instant::now();
    loop {
        let value = ask();
        if wished(value) || start.elapsed() > Duration::from_secs(5) {
            return value;
        }
        std::thread::sleep(RECHECK / 4);
    }
}

#[rstest]
#[case::a_cog("s3://maps/it.tif")]
#[case::a_source_of_a_vrt("s3://maps/it.vrt")]
fn a_new_version_of_an_object_is_picked_up(#[case] source: &str) {
    let folder = bucket();
    let s3 = S3::start(folder.path(""));
    let maps = maps(&s3, source, Some(RECHECK));
    let ask = || value(&maps.npy(&tile(0, 0), ""));
    assert_eq!(ask(), 10.0);
    std::thread::sleep(RECHECK);
    write(&folder, 20);
    assert_eq!(ask(), 10.0, "whoever finds it due is served the old version meanwhile");
    assert_eq!(until(|value| value == 20.0, ask), 20.0);
}

#[test]
fn a_new_version_of_a_file_is_picked_up() {
    let folder = bucket();
    let source = folder.path("maps/it.vrt");
    let maps = Setup { recheck: Some(RECHECK), ..Setup::default() }.maps(&format!("[layers.it]\nsource = '{source}'"));
    let ask = || value(&maps.npy(&tile(0, 0), ""));
    let etag = || maps.get(&format!("/tiles/it/{}", tile(0, 0))).header("etag").to_owned();
    assert_eq!(ask(), 10.0);
    let before = etag();
    write(&folder, 20);
    assert_eq!(until(|value| value == 20.0, ask), 20.0);
    assert_ne!(etag(), before);
}

#[test]
fn a_new_version_has_another_etag() {
    let folder = bucket();
    let s3 = S3::start(folder.path(""));
    let maps = maps(&s3, "s3://maps/it.tif", Some(RECHECK));
    let etag = || maps.get(&format!("/tiles/it/{}", tile(0, 0))).header("etag").to_owned();
    let before = etag();
    assert_eq!(etag(), before);
    write(&folder, 20);
    until(|value| value == 20.0, || value(&maps.npy(&tile(0, 0), "")));
    assert_ne!(etag(), before);
}

#[test]
fn a_broken_replacement_leaves_the_old_version_in_place() {
    let folder = bucket();
    let s3 = S3::start(folder.path(""));
    let maps = maps(&s3, "s3://maps/it.tif", Some(RECHECK));
    let ask = || value(&maps.npy(&tile(0, 0), ""));
    assert_eq!(ask(), 10.0);
    folder.write("maps/it.tif", "this is no raster");
    for _ in 0..8 {
        std::thread::sleep(RECHECK / 2);
        assert_eq!(ask(), 10.0);
    }
    let answer = maps.refused(&tile(1, 1), "");
    assert_eq!((answer.status, answer.header("cache-control")), (502, "no-store"), "what was not read is gone");
    write(&folder, 30);
    assert_eq!(until(|value| value == 30.0, ask), 30.0);
}

#[rstest]
#[case::a_cog("s3://maps/it.tif")]
#[case::a_source_of_a_vrt("s3://maps/it.vrt")]
fn a_read_that_meets_a_new_version_starts_again_with_it(#[case] source: &str) {
    let folder = bucket();
    let s3 = S3::start(folder.path(""));
    let maps = maps(&s3, source, None);
    assert_eq!(value(&maps.npy(&tile(0, 0), "")), 10.0);
    write(&folder, 20);
    assert_eq!(value(&maps.npy(&tile(0, 0), "")), 10.0, "nobody looks");
    assert_eq!(value(&maps.npy(&tile(1, 1), "")), 20.0, "blocks that were not read yet are of the new version");
    assert_eq!(value(&maps.npy(&tile(0, 0), "")), 20.0, "and so is the whole layer from now on");
}

#[test]
fn an_object_that_comes_later_is_found() {
    let folder = bucket();
    std::fs::remove_file(folder.path("maps/it.tif")).unwrap();
    let s3 = S3::start(folder.path(""));
    let maps = maps(&s3, "s3://maps/it.vrt", None);
    assert_eq!(maps.refused(&tile(0, 0), "").status, 502);
    write(&folder, 10);
    assert_eq!(value(&maps.npy(&tile(0, 0), "")), 10.0);
}
