//! VRTs of plain sources: what the reader of mosaics reads of them is what GDAL reads.

mod beyond;
mod shapes;
mod values;
pub mod vrts;

use rstest::rstest;

use super::same::{Both, differences};
use crate::support::made::Folder;
use crate::support::readers::{open, open_by_gdal, read};
use cogwheel::raster::{Decimation, Mask, ReadRequest, Window};
use vrts::{Part, Vrt, complex, simple};

/// Windows that are read of each, besides whole levels.
const WINDOWS: usize = 20;

/// A band with it is filled with it.
const NODATA: &str = "<NoDataValue>9</NoDataValue>";

/// What differs between the two readers of a VRT.
fn wrong(folder: &Folder, vrt: &Vrt) -> Option<String> {
    let both = Both::open(&vrt.write(folder, "it.vrt"), "mosaic");
    let compare =
        |both: Both| Both { decimations: &[], ..both }.compare_windows(&mut fastrand::Rng::with_seed(1), WINDOWS);
    both.and_then(compare).err()
}

/// Reads it as it is, and with so many sources that GDAL does not know them.
fn assert_same(vrt: &Vrt) {
    assert_same_in(&Folder::new(), vrt);
}

/// The same, where something is already.
fn assert_same_in(folder: &Folder, vrt: &Vrt) {
    assert_eq!(wrong(folder, vrt), None, "{}", vrt.text());
    assert_eq!(wrong(folder, &vrt.clone().framed()), None, "framed: {}", vrt.text());
}

#[rstest]
#[case::one_as_it_is(Vrt::of([64, 48], [simple("u8.a.tif")]))]
#[case::in_order(Vrt::of([100, 80], [simple("u8.a.tif"), simple("u8.b.tif").at(20.0, 10.0), simple("u8.c.tif").at(36.0, 32.0)]))]
#[case::the_first_again_on_top(Vrt::of([100, 80], [simple("u8.a.tif").at(30.0, 20.0), simple("u8.b.tif"), simple("u8.a.tif").at(9.0, 9.0)]))]
#[case::in_an_order_for_each_band(
    Vrt::of([100, 80], [simple("u8.a.tif"), simple("u8.b.tif").at(20.0, 10.0)])
        .band("Byte", "", [simple("u8.b.tif").at(20.0, 10.0), simple("u8.a.tif")])
)]
#[case::fewer_in_a_band(
    Vrt::of([100, 80], [simple("u8.a.tif"), simple("u8.b.tif").at(20.0, 10.0)]).band("Byte", "", [simple("u8.b.tif").at(20.0, 10.0)])
)]
#[case::none_in_a_band(Vrt::of([100, 80], [simple("u8.a.tif"), simple("u8.b.tif").at(20.0, 10.0)]).band("Byte", "", []))]
#[case::gaps(Vrt::of([200, 120], [simple("u8.a.tif").at(5.0, 7.0), simple("u8.b.tif").at(100.0, 70.0)]))]
#[case::beyond_every_edge(
    Vrt::of([90, 70], [simple("u8.a.tif").at(-20.0, -11.0), simple("u8.b.tif").at(60.0, 50.0), simple("u8.c.tif").at(300.0, 0.0)])
)]
#[case::parts_of_files(
    Vrt::of([90, 70], [simple("u8.a.tif").from([10.0, 5.0, 30.0, 20.0]).at(3.0, 4.0), simple("u8.b.tif").from([63.0, 47.0, 1.0, 1.0]).at(50.0, 50.0)])
)]
#[case::a_part_beyond_its_file(
    Vrt::new([90, 70]).band("Byte", NODATA, [simple("u8.a.tif").from([-10.0, -5.0, 30.0, 20.0]).at(3.0, 4.0), simple("u8.b.tif").from([50.0, 40.0, 30.0, 20.0]).at(40.0, 40.0)])
)]
#[case::a_stretched_part_beyond_its_file(
    Vrt::new([190, 170]).band("Byte", NODATA, [simple("u8.a.tif").from([-10.0, -5.0, 30.0, 20.0]).to([3.0, 4.0, 60.0, 60.0]), simple("u8.b.tif").from([50.0, 40.0, 30.0, 20.0]).to([90.0, 90.0, 60.0, 40.0])])
)]
#[case::parts_wholly_beyond_their_files(
    Vrt::new([90, 70]).band("Byte", NODATA, [
        simple("u8.b.tif").from([64.0, 0.0, 30.0, 20.0]).at(40.0, 40.0),
        simple("u8.b.tif").from([90.0, 70.0, 30.0, 20.0]).at(40.0, 10.0),
        simple("u8.b.tif").from([0.0, 70.0, 30.0, 20.0]).at(10.0, 10.0),
        simple("u8.a.tif").from([-10.0, -5.0, 10.0, 20.0]),
        simple("u8.c.tif").at(10.0, 20.0),
    ])
)]
#[case::another_band_of_a_file(
    Vrt::of([64, 48], [simple("u8.three.tif").band("3")]).band("Byte", "", [simple("u8.three.tif").band("1")]).band("Byte", "", [simple("u8.three.tif").band("1")])
)]
#[case::planes(Vrt::of([80, 60], [simple("u8.three.planes.tif").band("2").at(8.0, 9.0)]).band("Byte", "", [simple("u8.three.strips.tif").band("3")]))]
#[case::doubled(Vrt::of([128, 96], [simple("u8.a.tif").to([0.0, 0.0, 128.0, 96.0])]))]
#[case::halved(Vrt::of([60, 60], [simple("u8.a.tif").to([2.0, 3.0, 32.0, 24.0])]))]
#[case::thrice_and_moved(Vrt::of([200, 150], [simple("u8.a.tif").to([5.0, 4.0, 192.0, 144.0])]))]
#[case::by_odd_ratios(Vrt::of([200, 150], [simple("u8.a.tif").to([5.0, 4.0, 101.0, 77.0]), simple("u8.b.tif").to([90.0, 60.0, 37.0, 90.0])]))]
#[case::an_alpha_band(
    Vrt::of([100, 80], [simple("u8.alpha.a.tif"), simple("u8.alpha.b.tif").at(20.0, 10.0)])
        .band("Byte", "<ColorInterp>Alpha</ColorInterp>", [simple("u8.alpha.a.tif").band("2"), simple("u8.alpha.b.tif").band("2").at(20.0, 10.0)])
)]
#[case::an_alpha_band_of_16_bits(
    Vrt::new([100, 80]).band("UInt16", "", [simple("u16.alpha.a.tif"), simple("u16.alpha.b.tif").at(20.0, 10.0)])
        .band("UInt16", "<ColorInterp>Alpha</ColorInterp>", [simple("u16.alpha.a.tif").band("2"), simple("u16.alpha.b.tif").band("2").at(20.0, 10.0)])
)]
#[case::alpha_of_floats(
    Vrt::new([100, 80]).band("Float32", "", [simple("f32.a.tif"), simple("f32.alpha.b.tif").at(20.0, 10.0)])
        .band("Float32", "<ColorInterp>Alpha</ColorInterp>", [simple("f32.alpha.b.tif").band("2").at(20.0, 10.0)])
)]
// gdalbuildvrt -addalpha
#[case::an_alpha_band_of_constants(
    Vrt::of([100, 80], [simple("u8.three.tif"), simple("u8.a.tif").at(36.0, 10.0)]).band("Byte", "", [simple("u8.three.tif").band("2"), simple("u8.a.tif").at(36.0, 10.0)])
        .band("Byte", "<ColorInterp>Alpha</ColorInterp>", [
            complex("u8.three.tif", "<ScaleOffset>255</ScaleOffset><ScaleRatio>0</ScaleRatio>"),
            complex("u8.a.tif", "<ScaleOffset>255</ScaleOffset><ScaleRatio>0</ScaleRatio>").at(36.0, 10.0),
        ])
)]
#[case::a_mask_band(
    Vrt::of([100, 80], [simple("u8.mask.a.tif"), simple("u8.mask.b.tif").at(30.0, 20.0)]).mask([simple("u8.mask.a.tif").band("mask,1"), simple("u8.mask.b.tif").band("mask,1").at(30.0, 20.0)])
)]
#[case::a_mask_band_of_fewer_sources(
    Vrt::of([100, 80], [simple("u8.mask.a.tif"), simple("u8.b.tif").at(30.0, 20.0)]).mask([simple("u8.mask.a.tif").band("mask,1")])
)]
#[case::a_mask_band_of_bands(Vrt::of([100, 80], [simple("u8.a.tif")]).mask([simple("u8.b.tif").at(30.0, 20.0)]))]
#[case::a_mask_band_of_masks_of_every_kind(
    Vrt::of([200, 150], [simple("u8.a.tif"), simple("u8.b.tif").at(64.0, 0.0)]).mask([
        simple("u8.nodata.tif").band("mask,1"),
        simple("u8.alpha.tif").band("mask,1").at(64.0, 0.0),
        simple("u8.maskbeside.tif").band("mask,1").at(0.0, 48.0),
        simple("u8.masknodata.tif").band("mask,1").at(64.0, 48.0),
        simple("u8.alphanodata.tif").band("mask,1").at(128.0, 48.0),
        simple("u16.alpha.tif").band("mask,1").at(0.0, 96.0),
        simple("u8.odd.tif").band("mask").at(128.0, 0.0),
    ])
)]
#[case::masks_as_bands(
    Vrt::of([200, 80], [simple("u8.mask.a.tif").band("mask,1"), simple("u8.nodata.tif").band("mask,1").at(64.0, 3.0), simple("u8.alpha.tif").band("mask,1").at(130.0, 3.0)])
        .band("Byte", "", [simple("u8.mask.a.tif")])
)]
#[case::a_mask_as_a_wider_band(Vrt::new([64, 48]).band("Int16", "", [simple("u8.mask.a.tif").band("mask,1")]).band("Int16", "", [simple("i16.a.tif")]))]
fn sources_are_drawn_as_gdal_draws_them(#[case] vrt: Vrt) {
    assert_same(&vrt);
}

#[rstest]
fn the_nodata_value_of_a_band_fills_its_gaps(
    #[values(("Byte", "7"), ("Byte", "-9999"), ("Byte", "300"), ("Byte", "1.5"), ("Byte", "nan"), ("Int16", "-32768"), ("Float32", "nan"),
    ("Float32", "-3.4028234663852886e+38"), ("Float32", "-3.4e38"), ("Float32", "1e300"), ("Float32", "inf"), ("Float64", "-inf"), ("Float64", "7"), ("UInt32", "4294967295"),
    ("Int64", "-9007199254740992"), ("UInt64", "4294967296"), ("Int8", "-128"), ("Int8", "200"))]
    (dtype, nodata): (&str, &str),
) {
    let name = format!("{}.nodata.tif", vrts::DTYPES.iter().find(|(.., name)| *name == dtype).unwrap().0);
    let inner = format!("<NoDataValue>{nodata}</NoDataValue>");
    let parts: Vec<Part> = vec![simple(&name).at(3.0, 4.0), simple("u8.a.tif").at(80.0, 33.0)];
    assert_same(&Vrt::new([150, 90]).band(dtype, &inner, parts.clone()));
    let two = Vrt::new([150, 90]).band(dtype, &inner, parts).band(
        dtype,
        "<NoDataValue>1</NoDataValue>",
        [simple(&name).at(9.0, 9.0)],
    );
    assert_same(&two);
}

/// GDAL is not asked for it. It reads the same of a VRT whose only band that one is.
#[test]
fn the_mask_of_another_band_is_that_of_a_raster_of_this_band() {
    let folder = Folder::new();
    let file = "u8.three.nodata.tif";
    let nodata = format!("<NoDataValue>{}</NoDataValue>", super::files::NODATA);
    Vrt::new([64, 48]).band("Byte", &nodata, [simple(file).band("2")]).write(&folder, "second.vrt");
    let of = |mask| Vrt::of([100, 80], [simple("u8.a.tif"), simple("u8.b.tif").at(30.0, 20.0)]).mask([mask]);
    let asked = of(simple(file).band("mask,2").at(9.0, 5.0)).write(&folder, "it.vrt");
    let same = of(simple("second.vrt").band("mask,1").at(9.0, 5.0)).write(&folder, "same.vrt");
    let (fast, reference) = (open(&asked).unwrap(), open_by_gdal(&same).unwrap());
    assert_eq!(fast.profile().reader, "mosaic");
    let window = Window { col: 0, row: 0, width: 100, height: 80 };
    let (level, decimation, decimate_by) = (0, 1, Decimation::Nearest);
    let request = ReadRequest { level, decimation, window, bands: vec![1], nodata: None, decimate_by };
    let reference = read(&reference, &request).unwrap();
    assert_eq!(differences(&read(&fast, &request).unwrap(), &reference), None);
    let Mask::Shared(_, mask) = &reference.mask else { panic!("{:?}", reference.mask) };
    assert!(mask.contains(&0) && mask.contains(&255));
    let first = of(simple(file).band("mask,1").at(9.0, 5.0)).write(&folder, "first.vrt");
    assert_ne!(read(&open(&first).unwrap(), &request).unwrap().mask, reference.mask);
    let error = open_by_gdal(&asked).err().unwrap().to_string();
    assert!(error.contains("mask,2"), "{error}");
}
