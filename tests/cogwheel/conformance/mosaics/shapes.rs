//! Where sources come from and where they go: stretched, between pixels, decimated, nested, and by any name.

use cogwheel::raster::{Decimation, Level, ReadRequest, Window};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rstest::rstest;

use super::super::same::Both;
use super::vrts::{Part, SIZE, Vrt, complex, make, simple};
use super::{NODATA, assert_same, assert_same_in, wrong};
use crate::support::made::{Folder, Tiff};
use crate::support::readers::{open, read};

#[rstest]
#[case::in_place(Vrt::of([301, 259], [simple("u8.large.ovr.tif")]))]
#[case::on_the_grid(Vrt::of([256, 256], [simple("u8.square.ovr.a.tif"), simple("u8.square.ovr.b.tif").at(128.0, 128.0)]))]
#[case::with_nodata(Vrt::new([256, 256]).band("Byte", NODATA, [simple("u8.square.ovr.a.tif"), simple("u8.square.ovr.b.tif").at(128.0, 128.0)]))]
#[case::overlapping(Vrt::of([256, 256], [simple("u8.square.ovr.a.tif"), simple("u8.square.ovr.b.tif").at(64.0, 8.0)]))]
#[case::with_a_mask(
    Vrt::of([256, 256], [simple("u8.square.mask.ovr.a.tif").at(8.0, 8.0)]).mask([simple("u8.square.mask.ovr.a.tif").band("mask,1").at(8.0, 8.0)])
)]
#[case::with_alpha(
    Vrt::of([256, 256], [simple("u8.square.alpha.ovr.a.tif").at(8.0, 8.0)])
        .band("Byte", "<ColorInterp>Alpha</ColorInterp>", [simple("u8.square.alpha.ovr.a.tif").band("2").at(8.0, 8.0)])
)]
fn overviews_of_aligned_sources_are_read_as_gdal_reads_them(#[case] vrt: Vrt) {
    let folder = Folder::new();
    let path = vrt.write(&folder, "it.vrt");
    let both = Both { decimations: &[], ..Both::open(&path, "mosaic").unwrap() };
    let bands: Vec<usize> = (1..=both.profile().bands.len()).collect();
    for decimation in [1, 2, 4] {
        let Level { width, height } = both.profile().levels[0].decimated(decimation);
        // A level whose sides are no multiples stretches a little: there each reader has a pixel of its own.
        let window = Window { col: 0, row: 0, width: width / 8 * 8, height: height / 8 * 8 };
        let parts = [window, Window { col: 8, row: 16, width: 17, height: 5 }];
        for window in parts.into_iter().filter(|_| vrt.size[0].is_multiple_of(4) || decimation == 1) {
            let request = ReadRequest {
                level: 0,
                decimation,
                window,
                bands: bands.clone(),
                nodata: None,
                decimate_by: Decimation::Nearest,
            };
            assert_eq!(both.compare(&request), Ok(()));
        }
    }
}

/// What is on the pixel centre: column and row of the source, for each pixel.
fn under(to: [f64; 4], from: [f64; 4], col: usize, row: usize) -> Option<[f64; 2]> {
    let at = |axis: usize, pixel: usize| {
        let ratio = from[axis + 2] / to[axis + 2];
        let center = pixel as f64 + 0.5;
        (to[axis]..to[axis] + to[axis + 2]).contains(&center).then_some(from[axis] + (center - to[axis]) * ratio)
    };
    Some([at(0, col)?, at(1, row)?])
}

#[rstest]
// gdalbuildvrt -resolution highest, of files of 10 m and of 30 m whose corners are not on one grid
#[case::between_pixels([0.0, 0.0, 64.0, 48.0], [10.333_333_333_333_3, 7.25, 64.0, 48.0])]
#[case::stretched_between_pixels([0.0, 0.0, 64.0, 48.0], [10.333_333_333_333_3, 7.25, 192.0, 144.0])]
#[case::shrunk_between_pixels([0.0, 0.0, 64.0, 48.0], [3.6, 2.1, 33.3, 20.7])]
#[case::from_between_pixels([10.4, 5.6, 30.2, 20.9], [3.0, 4.0, 60.0, 50.0])]
#[case::both([10.4, 5.6, 30.2, 20.9], [3.3, 4.7, 111.1, 50.5])]
#[case::by_a_hair([0.0, 0.0, 64.0, 48.0], [10.000_000_001, 6.999_999_999, 64.000_000_002, 47.999_999_99])]
fn a_source_between_pixels_shows_what_is_under_their_centres_in_any_window(
    #[case] from: [f64; 4], #[case] to: [f64; 4],
) {
    let folder = Folder::new();
    let vrt = Vrt::new([220, 160]).band("Byte", NODATA, [simple("u8.a.tif").from(from).to(to)]);
    let raster = open(&vrt.write(&folder, "it.vrt")).unwrap();
    let file = open(&folder.path("u8.a.tif")).unwrap();
    let all = |raster: &crate::support::readers::Opened, window| {
        let request = ReadRequest {
            level: 0,
            decimation: 1,
            window,
            bands: vec![1],
            nodata: None,
            decimate_by: Decimation::Nearest,
        };
        read(raster, &request).unwrap()
    };
    let cells = all(&file, Window { col: 0, row: 0, width: SIZE[0], height: SIZE[1] });
    let whole = Window { col: 0, row: 0, width: 220, height: 160 };
    let pixels = all(&raster, whole);
    for index in 0..220 * 160 {
        let (col, row) = (index % 220, index / 220);
        if let Some([x, y]) = under(to, from, col, row) {
            let place = y as usize * SIZE[0] + x as usize;
            assert_eq!(pixels.samples.value(index), cells.samples.value(place), "{col}, {row}");
        }
    }
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..50 {
        let (col, row) = (rng.usize(..200), rng.usize(..150));
        let window = Window { col, row, width: rng.usize(1..=20), height: rng.usize(1..=10) };
        let part = all(&raster, window);
        for index in 0..window.width * window.height {
            let place = (row + index / window.width) * 220 + col + index % window.width;
            assert_eq!(part.samples.value(index), pixels.samples.value(place), "{window:?}, {index}");
        }
    }
}

/// The overview whose pixels are up to a fifth larger than those wanted, or a tenth of a pixel more.
#[rstest]
fn a_shrunk_source_is_read_of_the_overview_that_gdal_takes(
    #[values(1.5, 1.6, 1.7, 1.95, 2.0, 2.3, 3.2, 3.3, 3.5, 3.9, 4.0)] ratio: f64,
) {
    let folder = Folder::new();
    let from = [0.0, 0.0, (64.0 * ratio).floor(), (60.0 * ratio).floor()];
    let vrt = Vrt::of([64, 60], [simple("u8.large.ovr.tif").from(from).to([0.0, 0.0, 64.0, 60.0])]);
    let path = vrt.write(&folder, "it.vrt");
    let both = Both::open(&path, "mosaic").unwrap();
    assert_eq!(both.compare_windows(&mut fastrand::Rng::with_seed(1), 0), Ok(()), "{}", vrt.text());
}

/// More of a file than is read at once, for few pixels: each is the one under its centre, whatever the window.
#[rstest]
#[case::by_a_whole_number(8.0)]
#[case::by_something_else(6.3)]
fn a_source_that_is_much_larger_is_read_exactly_in_any_window(#[case] ratio: f64) {
    let folder = Folder::new();
    let (path, options) = (folder.path("huge.tif"), &["COMPRESS=DEFLATE", "BLOCKXSIZE=256", "BLOCKYSIZE=256"]);
    let tiff = Tiff { options, ..Tiff::new(&path, [1800, 1400], "EPSG:4326", [5.0, 50.0], 0.001) };
    tiff.write(|x, y| ((x * 31 + y * 17 + x * y % 97) % 251) as u8);
    let size = [1800.0, 1400.0].map(|side: f64| (side / ratio).floor());
    let [from, to] = [size.map(|side| side * ratio), size].map(|[width, height]| [0.0, 0.0, width, height]);
    let part = simple("u8.a.tif").from(from).to(to);
    let text = Vrt::of(size.map(|side| side as usize), [part]).text();
    let start = text.find("<SourceProperties").unwrap();
    let end = start + text[start..].find("/>").unwrap() + 2;
    let text = format!("{}{}", &text[..start], &text[end..]).replace("u8.a.tif", "huge.tif");
    let both = Both { decimations: &[], ..Both::open(&folder.write("it.vrt", &text), "mosaic").unwrap() };
    assert_eq!(both.compare_windows(&mut fastrand::Rng::with_seed(1), 20), Ok(()));
}

#[rstest]
#[case::of_a_nodata_value(Vrt::new(SIZE).band("Byte", "<NoDataValue>9</NoDataValue>", [simple("u8.a.tif").at(20.0, 10.0)]))]
#[case::of_a_mask(
    Vrt::of(SIZE, [simple("u8.mask.a.tif").at(20.0, 10.0)]).mask([simple("u8.mask.a.tif").at(20.0, 10.0).band("mask,1")])
)]
fn the_gaps_of_a_vrt_that_says_what_they_are_are_for_who_looks_at_that(#[case] inner: Vrt) {
    let folder = Folder::new();
    inner.write(&folder, "inner.vrt");
    assert_same_in(&folder, &Vrt::of([90, 80], [simple("inner.vrt").at(3.0, 4.0)]));
}

/// GDAL looks at the place on the Earth of what it shows, and of nothing else.
#[rstest]
#[case::with_one_source(Vrt::of(SIZE, [simple("u8.a.tif")]))]
#[case::with_some(Vrt::of(SIZE, [simple("u8.a.tif"), simple("u8.b.tif").at(9.0, 9.0)]))]
#[case::with_many(Vrt::of(SIZE, [simple("u8.a.tif")]).framed())]
fn a_vrt_in_a_vrt_may_be_nowhere(#[case] inner: Vrt) {
    let folder = Folder::new();
    inner.write(&folder, "inner.vrt");
    let text = inner.text();
    let (start, end) = (text.find("<GeoTransform>").unwrap(), text.find("</GeoTransform>").unwrap());
    folder.write("inner.vrt", &format!("{}{}", &text[..start], &text[end + "</GeoTransform>".len()..]));
    assert_same_in(&folder, &Vrt::of([90, 80], [simple("inner.vrt").at(3.0, 4.0)]));
}

#[rstest]
#[case::plain("inner.vrt")]
#[case::in_capitals("INNER.VRT")]
fn a_vrt_in_a_vrt_has_its_gaps(#[case] name: &str) {
    let folder = Folder::new();
    let gaps = Vrt::of(
        SIZE,
        [simple("u8.a.tif").from([0.0, 0.0, 20.0, 20.0]), simple("u8.b.tif").from([0.0, 0.0, 9.0, 9.0]).at(50.0, 30.0)],
    );
    gaps.write(&folder, name);
    let cases = [
        Vrt::of(SIZE, [simple(name)]),
        Vrt::of([100, 80], [simple(name).at(3.0, 4.0), simple("u8.c.tif").from([0.0, 0.0, 5.0, 5.0]).at(30.0, 30.0)]),
        Vrt::of([100, 80], [simple("u8.c.tif"), simple(name).at(3.0, 4.0)]),
        Vrt::of([200, 160], [simple(name).to([3.0, 4.0, 128.0, 96.0])]),
        Vrt::of([100, 80], [simple(name).from([10.0, 10.0, 45.0, 30.0]).at(3.0, 4.0)]),
        Vrt::new([100, 80]).band("Byte", NODATA, [simple("u8.c.tif"), simple(name).at(3.0, 4.0)]),
        Vrt::new([100, 80]).band("Int16", "", [complex(name, "<ScaleRatio>2</ScaleRatio>").at(3.0, 4.0)]),
    ];
    for vrt in cases {
        assert_eq!(wrong(&folder, &vrt), None, "{}", vrt.text());
    }
}

#[test]
fn a_vrt_in_a_vrt_in_a_vrt_has_its_gaps_and_its_mask() {
    let folder = Folder::new();
    Vrt::of(SIZE, [simple("u8.mask.a.tif").from([0.0, 0.0, 20.0, 20.0])])
        .mask([simple("u8.mask.a.tif").from([0.0, 0.0, 20.0, 20.0]).band("mask,1")])
        .write(&folder, "one.vrt");
    Vrt::of(SIZE, [simple("one.vrt").from([0.0, 0.0, 60.0, 40.0]).at(4.0, 4.0)])
        .mask([simple("one.vrt").from([0.0, 0.0, 60.0, 40.0]).at(4.0, 4.0).band("mask,1")])
        .write(&folder, "two.vrt");
    let three =
        Vrt::of([90, 90], [simple("two.vrt").at(7.0, 7.0)]).mask([simple("two.vrt").at(7.0, 7.0).band("mask,1")]);
    assert_eq!(wrong(&folder, &three), None);
    let by_mask = complex("two.vrt", "<UseMaskBand>true</UseMaskBand>").at(9.0, 2.0);
    let hidden = Vrt::new([90, 90]).band("Byte", NODATA, [simple("u8.a.tif"), by_mask]);
    assert_eq!(wrong(&folder, &hidden), None);
}

#[rstest]
#[case::an_ampersand("a&b.tif", "u8.a.tif")]
#[case::spaces("a b .tif", "u8.a.tif")]
#[case::a_space_at_its_end("a.tif ", "u8.a.tif")]
#[case::unicode("größe_東京.tif", "u8.a.tif")]
#[case::quotes("a'b\"c.tif", "u8.a.tif")]
#[case::brackets("a<b>c.tif", "u8.a.tif")]
#[case::a_question("a?b.tif", "u8.a.tif")]
#[case::a_hash("a#b.tif", "u8.a.tif")]
#[case::percent("a%20b.tif", "u8.a.tif")]
#[case::a_colon("a:b.tif", "u8.a.tif")]
#[case::without_an_extension("a", "u8.a.tif")]
#[case::in_a_folder("inner/a.tif", "u8.a.tif")]
#[case::roundabout("./inner/../inner/./a.tif", "u8.a.tif")]
#[case::an_extension_of_another("a.vrt.tif", "u8.a.tif")]
fn a_file_may_have_any_name(#[case] name: &str, #[case] file: &str) {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("inner")).unwrap();
    make(&folder, file);
    std::fs::rename(folder.path(file), folder.path(name)).unwrap();
    let vrt = Vrt::of(SIZE, [simple(file)]).text();
    let text = vrt.replace(file, &quick_xml::escape::escape(name));
    let path = folder.write("it.vrt", &text);
    let open_both = Both::open(&path, "mosaic");
    let compare = |both: Both| Both { decimations: &[], ..both }.compare_windows(&mut fastrand::Rng::with_seed(1), 5);
    assert_eq!(open_both.and_then(compare), Ok(()));
}

#[rstest]
#[case::absolute(">u8.a.tif<", ">{folder}u8.a.tif<")]
#[case::absolute_though_relative("relativeToVRT=\"1\">u8.a.tif", "relativeToVRT=\"1\">{folder}u8.a.tif")]
#[case::in_character_data(">u8.a.tif<", "><![CDATA[u8.a.tif]]><")]
#[case::in_references(">u8.a.tif<", ">u8&#46;a&#x2e;tif<")]
#[case::with_attributes_in_other_cases("relativeToVRT", "relativetovrt")]
#[case::after_a_comment("<SourceFilename", "<!-- <SourceFilename>no</SourceFilename> --><SourceFilename")]
#[case::with_a_line_of_its_own(">u8.a.tif<", ">\n  u8.a.tif<")]
#[case::shared("relativeToVRT=\"1\"", "relativeToVRT=\"1\" shared=\"0\"")]
#[case::with_a_declaration("<VRTDataset", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VRTDataset")]
#[case::with_a_byte_order_mark("<VRTDataset", "\u{feff}<VRTDataset")]
#[case::of_blocks("<VRTRasterBand", "<BlockXSize>128</BlockXSize><BlockYSize>128</BlockYSize><VRTRasterBand")]
#[case::in_lines("><", ">\r\n  <")]
#[case::without_properties("<SourceProperties", "<!-- --><SourceProperties")]
#[case::of_sizes_in_exponents("xSize=\"64\"", "xSize=\"6.4e1\"")]
#[case::with_spaces_around_numbers("xSize=\"64\"", "xSize=\" 64 \"")]
fn a_vrt_may_be_written_in_any_way(#[case] from: &str, #[case] to: &str) {
    let folder = Folder::new();
    make(&folder, "u8.a.tif");
    let text = Vrt::of([90, 70], [simple("u8.a.tif").at(3.0, 4.0)]).text();
    let path = folder.write("it.vrt", &text.replace(from, &to.replace("{folder}", &folder.path(""))));
    let raster = open(&path).unwrap();
    let both = Both::open(&path, raster.profile().reader).unwrap();
    assert_eq!(Both { decimations: &[], ..both }.compare_windows(&mut fastrand::Rng::with_seed(1), 5), Ok(()));
}

/// Sources of any number, anywhere, of some kinds of files.
fn any_vrt() -> impl Strategy<Value = Vrt> {
    const FILES: [&str; 8] = [
        "u8.a.tif",
        "u8.b.tif",
        "i16.a.tif",
        "u16.nodata.tif",
        "u8.mask.a.tif",
        "u8.alpha.a.tif",
        "i8.a.tif",
        "i32.nodata.tif",
    ];
    const DONE: [&str; 5] = [
        "",
        "<NODATA>7</NODATA>",
        "<UseMaskBand>true</UseMaskBand>",
        "<ScaleRatio>3</ScaleRatio>",
        "<LUT>0:9,100:0</LUT>",
    ];
    let side = |size: usize| (0..size).prop_flat_map(move |start| (Just(start), 1..=size - start));
    let part = (
        0..FILES.len(),
        0..DONE.len(),
        side(SIZE[0]),
        side(SIZE[1]),
        -30_i32..120,
        -30_i32..90,
        prop::bool::weighted(0.8),
        (1_u8..4, 1_u8..4),
    );
    let part = part.prop_map(|(file, done, (col, width), (row, height), left, top, is_moved, (wider, higher))| {
        let part = if done == 0 { simple(FILES[file]) } else { complex(FILES[file], DONE[done]) };
        let [col, row, width, height] = [col, row, width, height].map(|side| side as f64);
        let part = part.from([col, row, width, height]).at(f64::from(left), f64::from(top));
        if is_moved {
            part
        } else {
            part.to([f64::from(left), f64::from(top), width * f64::from(wider), height * f64::from(higher)])
        }
    });
    let band = prop::collection::vec(part, 0..12);
    let inner = prop_oneof![Just(""), Just(NODATA)];
    let dtype = prop_oneof![Just("Byte"), Just("Int16"), Just("UInt16"), Just("Float32"), Just("Int32")];
    (dtype, prop::collection::vec((inner, band), 1..3), any::<bool>()).prop_map(|(dtype, bands, is_framed)| {
        let start: Vec<Part> = vec![simple("u8.a.tif").at(-500.0, 0.0)];
        let vrt = bands
            .into_iter()
            .fold(Vrt::new([130, 100]), |vrt, (inner, parts)| vrt.band(dtype, inner, [start.clone(), parts].concat()));
        if is_framed { vrt.framed() } else { vrt }
    })
}

#[test]
fn no_mosaic_can_be_found_that_differs() {
    let folder = Folder::new();
    let config = Config { cases: 150, failure_persistence: None, max_shrink_iters: 300, ..Config::default() };
    let found = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        .run(&any_vrt(), |vrt| wrong(&folder, &vrt).map_or(Ok(()), |why| Err(TestCaseError::fail(why + &vrt.text()))));
    assert_eq!(found.map_err(|error| error.to_string()), Ok(()));
}

#[test]
fn a_pixel_that_its_file_does_not_reach_is_not_covered() {
    // the rectangle goes 30 pixels beyond the file: GDAL's reader takes all of it for covered, with zeros
    let folder = Folder::new();
    let vrt = Vrt::of([120, 60], [simple("u8.a.tif").from([34.0, 0.0, 60.0, 48.0])]);
    let raster = open(&vrt.write(&folder, "it.vrt")).unwrap();
    let window = Window { col: 0, row: 0, width: 120, height: 60 };
    let request =
        ReadRequest { level: 0, decimation: 1, window, bands: vec![1], nodata: None, decimate_by: Decimation::Nearest };
    let pixels = read(&raster, &request).unwrap();
    let valid = |col: usize, row: usize| pixels.mask.is_valid(row * 120 + col, 0, 1);
    assert!(valid(29, 47) && !valid(30, 47) && !valid(29, 48));
    assert_same(&Vrt::new([120, 60]).band("Byte", NODATA, [simple("u8.a.tif").from([34.0, 0.0, 60.0, 48.0])]));
}
