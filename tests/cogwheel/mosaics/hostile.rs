//! VRTs that are damaged, or made to harm: an error or pixels, in time and in bounds, and never a panic.

use std::fmt::Write as _;

use rstest::rstest;

use super::opened_and_read;
use crate::conformance::mosaics::vrts::{Vrt, complex, make, simple};
use crate::corruption::hostile::{assert_little_memory_was_taken, run_apart, told};
use crate::corruption::survey::{Finding, survey};
use crate::support::made::Folder;

/// Between the lengths to which VRTs are cut.
const CUT_BYTES: usize = 64;

/// A VRT with something of everything.
fn rich() -> Vrt {
    let done = "<NODATA>7</NODATA><ScaleOffset>1</ScaleOffset><ScaleRatio>2</ScaleRatio><LUT>0:0,255:255</LUT>";
    Vrt::new([90, 70])
        .band(
            "Byte",
            "<NoDataValue>9</NoDataValue>",
            [simple("u8.a.tif").at(3.0, 4.0), complex("u8.b.tif", done).to([40.0, 30.0, 90.0, 50.0])],
        )
        .band("Byte", "<Description>two</Description>", [simple("u8.three.tif").band("2")])
        .mask([simple("u8.mask.a.tif").band("mask,1")])
}

#[test]
fn a_vrt_that_is_cut_off_is_an_error_or_read_as_gdal_reads_it() {
    let folder = Folder::new();
    rich().write(&folder, "it.vrt");
    let text = rich().text();
    let cut = |at: usize| survey(&folder.write("it.vrt", &text[..at]));
    let wrong: Vec<String> = (0..text.len())
        .step_by(CUT_BYTES)
        .flat_map(|at| cut(at).into_iter().map(move |finding| format!("{at}: {finding:?}")))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_vrt_with_a_wrong_byte_is_an_error_or_read_as_gdal_reads_it() {
    let folder = Folder::new();
    rich().write(&folder, "it.vrt");
    let text = rich().text();
    let mut rng = fastrand::Rng::with_seed(1);
    let mut wrong = Vec::new();
    for _ in 0..400 {
        let mut bytes = text.clone().into_bytes();
        let at = rng.usize(..bytes.len());
        bytes[at] = *rng.choice(b"0123456789.-<>/\"=& \0\xffeN").unwrap();
        std::fs::write(folder.path("it.vrt"), &bytes).unwrap();
        let around = String::from_utf8_lossy(&bytes[at.saturating_sub(40)..(at + 20).min(bytes.len())]).into_owned();
        let findings = survey(&folder.path("it.vrt")).into_iter();
        // A size that the file has not got is taken for its size.
        let findings =
            findings.filter(|finding| !(matches!(finding, Finding::Differs(_)) && around.contains("RasterXSize")));
        wrong.extend(findings.map(|finding| format!("{around}: {finding:?}")));
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[rstest]
fn a_rectangle_may_have_any_numbers(
    #[values("SrcRect", "DstRect")] rect: &str, #[values("xOff", "yOff", "xSize", "ySize")] side: &str,
    #[values(
        "0",
        "-1",
        "-64",
        "nan",
        "inf",
        "-inf",
        "1e300",
        "-1e300",
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "1e-300",
        "-0",
        "0.5",
        "2147483647",
        "2147483648",
        "-2147483649",
        "1e18",
        "9223372036854775808",
        "",
        "x",
        "1e",
        "0x10",
        "64 "
    )]
    number: &str,
) {
    let folder = Folder::new();
    let text = Vrt::of([90, 70], [simple("u8.a.tif").at(3.0, 4.0)]);
    let path = text.write(&folder, "it.vrt");
    let text = text.text();
    let start = text.find(&format!("<{rect}")).unwrap();
    let value = start + text[start..].find(side).unwrap() + side.len() + 2;
    let end = value + text[value..].find('"').unwrap();
    folder.write("it.vrt", &format!("{}{number}{}", &text[..value], &text[end..]));
    if let Err(error) = opened_and_read(&path) {
        assert!(!error.contains("panic"), "{error}");
    }
    folder.write(
        "it.vrt",
        &format!("{}{number}{}", &text[..value], &text[end..]).replace("<SourceProperties", "<!-- --><Ignored"),
    );
    let _ = opened_and_read(&path);
}

#[rstest]
#[case::large("rasterXSize=\"90\" rasterYSize=\"70\"", "rasterXSize=\"2147483647\" rasterYSize=\"2147483647\"")]
#[case::larger("rasterXSize=\"90\"", "rasterXSize=\"4294967296\"")]
#[case::of_no_size("rasterXSize=\"90\"", "rasterXSize=\"0\"")]
#[case::of_a_negative_size("rasterXSize=\"90\"", "rasterXSize=\"-90\"")]
#[case::without_a_size("rasterXSize=\"90\"", "")]
#[case::of_a_large_file("RasterXSize=\"64\"", "RasterXSize=\"2147483647\"")]
#[case::of_a_file_of_no_size("RasterXSize=\"64\"", "RasterXSize=\"0\"")]
#[case::of_a_file_of_any_size("RasterXSize=\"64\"", "RasterXSize=\"nan\"")]
#[case::of_a_file_of_a_negative_size("RasterXSize=\"64\"", "RasterXSize=\"-5\"")]
#[case::of_no_type("dataType=\"Byte\"", "dataType=\"Bit\"")]
#[case::twice_a_file("</SourceFilename>", "</SourceFilename><SourceFilename>b.tif</SourceFilename>")]
#[case::without_a_file("<SourceFilename relativeToVRT=\"1\">u8.a.tif</SourceFilename>", "")]
#[case::with_an_empty_name(">u8.a.tif<", "><")]
#[case::itself(">u8.a.tif<", ">it.vrt<")]
#[case::a_folder(">u8.a.tif<", ">.<")]
#[case::up_and_up(">u8.a.tif<", ">../../../../../../../../etc/passwd<")]
#[case::a_device(">u8.a.tif<", ">/dev/zero<")]
#[case::a_name_with_a_null(">u8.a.tif<", ">a&#0;b<")]
#[case::an_inline_vrt(">u8.a.tif<", ">&lt;VRTDataset rasterXSize=\"1\" rasterYSize=\"1\"&gt;&lt;/VRTDataset&gt;<")]
#[case::two_roots("</VRTDataset>", "</VRTDataset><VRTDataset rasterXSize=\"1\" rasterYSize=\"1\"/>")]
#[case::two_masks("</VRTDataset>", "<MaskBand/><MaskBand><VRTRasterBand dataType=\"Byte\"/></MaskBand></VRTDataset>")]
#[case::an_entity("<VRTDataset", "<!DOCTYPE a [<!ENTITY a \"&b;&b;\"><!ENTITY b \"&a;&a;\">]><VRTDataset")]
#[case::an_outer_entity("<VRTDataset", "<!DOCTYPE a [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><VRTDataset")]
#[case::a_tag_within_a_tag("<SrcRect", "<SrcRect <SrcRect")]
#[case::an_attribute_twice("xOff=\"0\"", "xOff=\"0\" xOff=\"1\"")]
#[case::closed_out_of_order("</SimpleSource>", "</VRTRasterBand></SimpleSource>")]
fn a_vrt_that_makes_no_sense_is_an_error_or_pixels(#[case] from: &str, #[case] to: &str) {
    let folder = Folder::new();
    let vrt = Vrt::of([90, 70], [simple("u8.a.tif").at(3.0, 4.0)]);
    for vrt in [vrt.clone(), vrt.framed()] {
        let path = vrt.write(&folder, "it.vrt");
        let changed = vrt.text().replace(from, to);
        assert_ne!(changed, vrt.text());
        folder.write("it.vrt", &changed);
        if let Err(error) = opened_and_read(&path) {
            assert!(!error.contains("panic"), "{error}");
        }
    }
}

/// GDAL crashes on some of them.
#[rstest]
#[case::averaged("SimpleSource", "AveragedSource")]
#[case::in_any_case("<SourceBand>mask,2</SourceBand>", "<sourceband> MASK,2</sourceband>")]
#[case::as_an_attribute("<SourceBand>mask,2</SourceBand>", "<SourceBand0/><!-- --><Other SourceBand=\"mask,2\"/>")]
#[case::of_a_source("<SimpleSource><SourceFilename", "<SimpleSource SourceBand=\"mask,9\"><SourceFilename")]
#[case::by_reference("mask,2</SourceBand>", "m&#97;sk,&#x32;</SourceBand><Unknown/>")]
fn the_mask_of_a_band_that_is_not_there_is_an_error(#[case] from: &str, #[case] to: &str) {
    let folder = Folder::new();
    let vrt = Vrt::of([90, 70], [simple("u8.a.tif").at(3.0, 4.0).band("mask,2")]);
    let path = vrt.write(&folder, "it.vrt");
    let changed = vrt.text().replace(from, to);
    assert_ne!(changed, vrt.text());
    folder.write("it.vrt", &changed);
    assert!(opened_and_read(&path).is_err());
    let outer = Vrt::of([90, 70], [simple("u8.a.tif")]).text().replace("SimpleSource", "AveragedSource");
    let outer = folder.write("outer.vrt", &outer.replace("u8.a.tif", "it.vrt"));
    assert!(opened_and_read(&outer).is_err());
}

/// A VRT of sources that all are the same whole file.
fn of_copies(file: &str, count: usize) -> Vrt {
    let part = simple(file).from([0.0, 0.0, 64.0, 48.0]);
    Vrt::of([64, 48], vec![part; count])
}

/// VRTs, each made of copies of the next one; the last one is made of copies of a file.
fn chain(folder: &Folder, depth: usize, copies: usize) {
    for index in 0..depth {
        let next = if index + 1 == depth { "u8.a.tif".to_owned() } else { format!("v{}.vrt", index + 1) };
        let name = if index == 0 { "it.vrt".to_owned() } else { format!("v{index}.vrt") };
        of_copies(&next, copies).write(folder, &name);
    }
}

#[rstest]
#[case::two(2)]
#[case::as_many_as_may_be(9)]
fn vrts_may_be_inside_each_other(#[case] depth: usize) {
    let folder = Folder::new();
    chain(&folder, depth, 1);
    assert!(opened_and_read(&folder.path("it.vrt")).is_ok());
}

#[rstest]
#[case::itself(|folder: &Folder| { of_copies("it.vrt", 1).write(folder, "it.vrt"); })]
#[case::itself_often(|folder: &Folder| { of_copies("it.vrt", 200).write(folder, "it.vrt"); })]
#[case::itself_in_a_frame(|folder: &Folder| { of_copies("it.vrt", 1).framed().write(folder, "it.vrt"); })]
#[case::each_other(|folder: &Folder| { of_copies("other.vrt", 9).write(folder, "it.vrt"); of_copies("it.vrt", 9).write(folder, "other.vrt"); })]
#[case::too_deep(|folder: &Folder| chain(folder, 12, 1))]
#[case::wide_and_deep(|folder: &Folder| chain(folder, 7, 200))]
#[case::wider_and_deeper_than_their_sum(|folder: &Folder| chain(folder, 9, 3))]
fn vrts_that_never_end_are_an_error(#[case] make_all: fn(&Folder)) {
    let folder = Folder::new();
    make(&folder, "u8.a.tif");
    make_all(&folder);
    let start = std::time::Instant::now();
    let error = opened_and_read(&folder.path("it.vrt")).unwrap_err();
    assert!(!error.contains("panic"), "{error}");
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

/// What a million sources may take.
const MOST_RESIDENT_KB: u64 = 900 << 10;

#[test]
#[ignore = "the next tests start it"]
fn the_process_that_reads() {
    let Some(path) = told() else { return };
    if let Err(error) = opened_and_read(&path) {
        assert!(!error.contains("panic"), "{error}");
    }
    assert_little_memory_was_taken(MOST_RESIDENT_KB);
}

fn bands(count: usize) -> String {
    let band = "<VRTRasterBand dataType=\"Byte\"><SimpleSource><SourceFilename relativeToVRT=\"1\">u8.a.tif</SourceFilename>\
                <SrcRect xOff=\"0\" yOff=\"0\" xSize=\"64\" ySize=\"48\"/><DstRect xOff=\"0\" yOff=\"0\" xSize=\"64\" ySize=\"48\"/></SimpleSource></VRTRasterBand>\n";
    format!("<VRTDataset rasterXSize=\"64\" rasterYSize=\"48\">{PLACE}{}</VRTDataset>", band.repeat(count))
}

const PLACE: &str = "<SRS>EPSG:4326</SRS><GeoTransform>5, 0.01, 0, 50, 0, -0.01</GeoTransform>";

fn sources(count: usize) -> String {
    let mut text =
        format!("<VRTDataset rasterXSize=\"64\" rasterYSize=\"48\">{PLACE}<VRTRasterBand dataType=\"Byte\">\n");
    for index in 0..count {
        let _ = writeln!(
            text,
            "<SimpleSource><SourceFilename relativeToVRT=\"1\">{index}</SourceFilename><SrcRect xOff=\"0\" yOff=\"0\" xSize=\"1\" ySize=\"1\"/>\
             <DstRect xOff=\"{}\" yOff=\"{}\" xSize=\"1\" ySize=\"1\"/></SimpleSource>",
            1000 + index % 1000,
            index / 1000
        );
    }
    text + "</VRTRasterBand></VRTDataset>"
}

#[rstest]
#[case::many_bands(bands(65_536))]
#[case::deep(format!("{}{}", "<VRTDataset rasterXSize=\"1\" rasterYSize=\"1\"><Metadata>".to_owned() + &"<a>".repeat(300_000), "</a>".repeat(300_000)))]
#[case::never_closed("<VRTDataset rasterXSize=\"1\" rasterYSize=\"1\">".repeat(100_000))]
#[case::many_attributes(format!("<VRTDataset rasterXSize=\"1\" rasterYSize=\"1\" {}>", "a=\"1\" ".repeat(20_000)))]
#[case::a_long_name(sources(1).replace(">0<", &format!(">{}<", "a/".repeat(1 << 20))))]
#[case::a_long_table(bands(1).replace("SimpleSource", "ComplexSource").replace("</ComplexSource>", &format!("<LUT>{}9:9</LUT></ComplexSource>", "1:2,".repeat(500_000))))]
fn a_hostile_vrt_is_read_in_bounds(#[case] text: String) {
    let folder = Folder::new();
    make(&folder, "u8.a.tif");
    assert_eq!(run_apart("mosaics::hostile::the_process_that_reads", &folder.write("it.vrt", &text)), Ok(()));
}

#[test]
fn a_million_sources_of_one_pixel_are_read_in_bounds() {
    let folder = Folder::new();
    assert_eq!(
        run_apart("mosaics::hostile::the_process_that_reads", &folder.write("it.vrt", &sources(1_000_000))),
        Ok(())
    );
}
