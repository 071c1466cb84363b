//! Sources that are not what the VRT says: right pixels, or an error; never a picture without them.

use std::time::Duration;

use rstest::rstest;

use super::{corner, opened_and_read};
use crate::conformance::differences;
use crate::conformance::mosaics::vrts::{SIZE, Vrt, complex, simple};
use crate::support::made::{Folder, Tiff};
use crate::support::readers::open_by_gdal;
use crate::support::{Setup, geo};

/// A VRT over `u8.a.tif`, which is then made into something else.
fn over(folder: &Folder, vrt: &Vrt, change: impl FnOnce(&str)) -> String {
    let path = vrt.write(folder, "it.vrt");
    change(&folder.path("u8.a.tif"));
    path
}

/// Alone, framed, and in a VRT.
fn each(change: impl Fn(&str), check: impl Fn(&str)) {
    let plain = Vrt::of([90, 70], [simple("u8.a.tif").at(3.0, 4.0)]);
    let by_mask = Vrt::new([90, 70]).band("Int16", "", [complex("u8.a.tif", "<UseMaskBand>true</UseMaskBand>")]);
    for vrt in [plain.clone(), plain.clone().framed(), by_mask] {
        let folder = Folder::new();
        check(&over(&folder, &vrt, &change));
    }
    let folder = Folder::new();
    over(&folder, &plain, &change);
    check(&Vrt::of([100, 80], [simple("it.vrt").at(1.0, 1.0)]).write(&folder, "outer.vrt"));
}

#[rstest]
#[case::missing(|path: &str| std::fs::remove_file(path).unwrap())]
#[case::empty(|path: &str| std::fs::write(path, "").unwrap())]
#[case::no_raster(|path: &str| std::fs::write(path, "not a raster").unwrap())]
#[case::a_folder(|path: &str| { std::fs::remove_file(path).unwrap(); std::fs::create_dir(path).unwrap(); })]
#[case::cut_in_the_header(|path: &str| cut(path, 100))]
#[case::cut_in_the_middle(|path: &str| { let size = std::fs::metadata(path).unwrap().len(); cut(path, size / 2); })]
#[case::smaller(|path: &str| Tiff::new(path, [50, 40], "EPSG:4326", [0.0; 2], 1.0).write(|_, _| 5_u8))]
#[case::lower(|path: &str| Tiff::new(path, [64, 47], "EPSG:4326", [0.0; 2], 1.0).write(|_, _| 5_u8))]
#[case::of_one_pixel(|path: &str| Tiff::new(path, [1, 1], "EPSG:4326", [0.0; 2], 1.0).write(|_, _| 5_u8))]
fn a_source_that_can_not_be_read_is_an_error(#[case] change: fn(&str)) {
    each(change, |path| {
        let error = opened_and_read(path).unwrap_err();
        assert!(!error.contains("panic"), "{error}");
    });
}

#[rstest]
#[case::larger(|path: &str| Tiff::new(path, [100, 90], "EPSG:4326", [0.0; 2], 1.0).write(|col, row| (col + row) as u8))]
#[case::of_another_type(|path: &str| Tiff::new(path, SIZE, "EPSG:4326", [0.0; 2], 1.0).write(|col, row| (col * row) as f32 - 9.5))]
#[case::of_larger_integers(|path: &str| Tiff::new(path, SIZE, "EPSG:4326", [0.0; 2], 1.0).write(|col, row| (1000 * col * row) as u32))]
fn a_source_of_another_sort_is_read_as_it_is(#[case] change: fn(&str)) {
    let folder = Folder::new();
    let vrt = Vrt::of([90, 70], [simple("u8.a.tif").at(3.0, 4.0)]);
    // GDAL takes the VRT at its word about blocks.
    let path = over(&folder, &vrt, change);
    let ours = opened_and_read(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let [start, end] = ["<SourceProperties", "<SrcRect"].map(|name| text.find(name).unwrap());
    let reference = folder.write("reference.vrt", &format!("{}{}", &text[..start], &text[end..]));
    let reference = corner(&open_by_gdal(&reference).unwrap()).unwrap();
    assert_eq!(differences(&ours, &reference), None);
}

#[rstest]
#[case::a_band("2")]
#[case::the_mask_of_a_band("mask,2")]
#[case::a_far_band("65535")]
#[case::band_0("0")]
#[case::a_large_number("18446744073709551616")]
#[case::a_negative_number("-1")]
#[case::words("one")]
#[case::the_mask_of_band_0("mask,0")]
fn a_band_that_a_source_has_not_got_is_an_error(#[case] band: &str) {
    let folder = Folder::new();
    let vrt = Vrt::of([90, 70], [simple("u8.a.tif").at(3.0, 4.0).band(band)]);
    for vrt in [vrt.clone(), vrt.framed()] {
        assert!(opened_and_read(&vrt.write(&folder, "it.vrt")).is_err());
    }
}

fn cut(path: &str, size: u64) {
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(size).unwrap();
}

const CORNER: [f64; 2] = [1_000_000.0, 6_000_000.0];

fn write(folder: &Folder, name: &str, value: u8) {
    let fresh = folder.path("fresh.tif");
    Tiff::new(&fresh, [256, 256], "EPSG:3857", CORNER, 10.0).write(move |_, _| value);
    std::fs::rename(fresh, folder.path(name)).unwrap();
}

fn text(file: &str, sources: usize) -> String {
    let rect = "xOff=\"0\" yOff=\"0\" xSize=\"256\" ySize=\"256\"";
    let source = |far: usize| {
        format!(
            "<SimpleSource><SourceFilename relativeToVRT=\"1\">{file}</SourceFilename><SrcRect {rect}/>\
             <DstRect xOff=\"{}\" yOff=\"0\" xSize=\"256\" ySize=\"256\"/></SimpleSource>",
            far * 1000
        )
    };
    let sources: String = (0..sources).map(source).collect();
    format!(
        "<VRTDataset rasterXSize=\"256\" rasterYSize=\"256\"><SRS>EPSG:3857</SRS><GeoTransform>{}, 10, 0, {}, 0, -10</GeoTransform>\
         <VRTRasterBand dataType=\"Byte\" band=\"1\">{sources}</VRTRasterBand></VRTDataset>",
        CORNER[0], CORNER[1]
    )
}

#[rstest]
#[case::a_source(1, "it.tif", 1)]
#[case::a_source_of_many(300, "it.tif", 1)]
#[case::a_source_of_a_vrt_in_a_vrt(1, "inner.vrt", 1)]
#[case::a_source_of_a_vrt_in_one_of_many(300, "inner.vrt", 1)]
#[case::a_source_of_one_of_many_in_a_vrt(1, "inner.vrt", 300)]
fn a_source_that_is_replaced_is_read_anew(#[case] sources: usize, #[case] file: &str, #[case] inner: usize) {
    let folder = Folder::new();
    write(&folder, "it.tif", 10);
    folder.write("inner.vrt", &text("it.tif", inner));
    let path = folder.write("it.vrt", &text(file, sources));
    let setup = Setup { recheck: Some(Duration::from_millis(50)), ..Setup::default() };
    let maps = setup.maps(&format!("[layers.it]\nsource = '{path}'"));
    let tile = geo::tile_path_of_metres(15, [CORNER[0] + 1280.0, CORNER[1] - 1280.0]);
    let value = || maps.npy(&tile, "").at(0, 128, 128);
    assert_eq!(value(), 10.0);
    write(&folder, "it.tif", 20);
    std::thread::sleep(Duration::from_millis(100));
    let seen: Vec<f64> = (0..20)
        .map(|_| {
            std::thread::sleep(Duration::from_millis(20));
            value()
        })
        .collect();
    assert_eq!(seen.last(), Some(&20.0), "{seen:?}");
}
