//! What complex sources do to values, and what becomes of them in a band of another type.

use rstest::rstest;

use cogwheel::raster::{Decimation, Level, Pixels, ReadRequest, Samples, Window};

use super::vrts::{DTYPES, Part, Vrt, complex, simple};
use super::{assert_same, wrong};
use crate::support::made::{Folder, Tiff};
use crate::support::readers::{open, read};

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What is done to the values of each pair of types.
const DONE: [(&str, &str); 9] = [
    ("nothing", ""),
    ("NODATA", "<NODATA>7</NODATA>"),
    ("a scale", "<ScaleOffset>-3.25</ScaleOffset><ScaleRatio>1.7</ScaleRatio>"),
    ("a ratio of 0", "<ScaleOffset>42</ScaleOffset><ScaleRatio>0</ScaleRatio>"),
    ("an offset", "<ScaleOffset>2.75</ScaleOffset>"),
    ("a large ratio", "<ScaleRatio>1e20</ScaleRatio>"),
    ("a LUT", "<LUT>-100:1000,0:10.5,5:20,7.5:-300,200:7</LUT>"),
    ("all", "<ScaleOffset>1</ScaleOffset><ScaleRatio>-0.3</ScaleRatio><LUT>-50:0,50:100</LUT><NODATA>7</NODATA>"),
    ("a mask", "<UseMaskBand>true</UseMaskBand>"),
];

fn has_64_bits(dtype: &str) -> bool {
    ["UInt64", "Int64"].contains(&dtype)
}

/// Large integers of one type of 64 bits are rounded when they become those of the other.
fn is_rounded(source: usize, target: &str) -> bool {
    let source = DTYPES[source].2;
    has_64_bits(source) && has_64_bits(target) && source != target
}

/// GDAL rounds them even where they are merely copied by a complex source.
fn is_rounded_by_gdal(source: usize, target: &str) -> bool {
    has_64_bits(DTYPES[source].2) || has_64_bits(target)
}

#[rstest]
fn values_become_those_of_another_type_as_gdal_converts_them(#[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)] source: usize) {
    let folder = Folder::new();
    let name = format!("{}.tif", DTYPES[source].0);
    let mut found = Vec::new();
    for (.., target) in DTYPES {
        // What is not a number becomes 0, and not the smallest integer now and then.
        if (source, target) != (8, "Int16") && !is_rounded(source, target) {
            let plain = wrong(&folder, &Vrt::new([70, 50]).band(target, "", [simple(&name).at(3.0, 1.0)]));
            found.extend(plain.map(|why| format!("{name} as {target}: {why}")));
        }
        for (what, inner) in DONE {
            if is_rounded_by_gdal(source, target) && !["a ratio of 0", "a LUT"].contains(&what) {
                continue;
            }
            let vrt = Vrt::new([70, 50]).band(target, "", [complex(&name, inner).at(3.0, 1.0)]);
            found.extend(wrong(&folder, &vrt).map(|why| format!("{name} as {target} with {what}: {why}")));
        }
    }
    assert_none(&found);
}

#[rstest]
fn cells_that_are_not_drawn_leave_what_is_below(
    #[values(
        "<NODATA>7</NODATA>",
        "<NODATA>nan</NODATA>",
        "<NODATA>-9999</NODATA>",
        "<NODATA>300</NODATA>",
        "<NODATA>7.0000001</NODATA>",
        "<NODATA>1.5</NODATA>",
        "<NODATA>-0.5</NODATA>",
        "<NODATA>255.5</NODATA>",
        "<NODATA>inf</NODATA>",
        "<NODATA>-3.4028235e38</NODATA>",
        "<NODATA>-1.7976931348623157e308</NODATA>",
        "<UseMaskBand>true</UseMaskBand>",
        "<NODATA>3</NODATA><UseMaskBand>1</UseMaskBand>",
        "<UseMaskBand>false</UseMaskBand>"
    )]
    inner: &str,
) {
    let folder = Folder::new();
    let mut found = Vec::new();
    for (dtype, _, target) in DTYPES {
        if is_rounded_by_gdal(0, target) {
            continue;
        }
        for words in ["a", "nodata", "odd", "mask", "masknodata", "maskbeside", "alpha", "alphanodata"] {
            let (is_float, by_mask) = (dtype.starts_with('f'), inner.contains("UseMaskBand>t"));
            let is_ours = match words {
                // Alpha means the same behind bands of any type, and what is not finite is hidden too.
                "alpha" | "alphanodata" => by_mask && !["u8", "u16"].contains(&dtype),
                "mask" | "masknodata" | "maskbeside" => by_mask && is_float,
                // A nodata value that no cell can have hides nothing.
                "odd" => dtype == "i8" && inner.contains("UseMaskBand>1"),
                _ => false,
            };
            // See the tests below.
            let is_ours = is_ours
                || (inner.contains("-3.4028235e38") && dtype == "f32")
                || (inner.contains("7.0000001") && ["u32", "i32"].contains(&dtype));
            if is_ours {
                continue;
            }
            let file = format!("{dtype}.{words}.tif");
            let parts: [Part; 2] = [simple("u8.a.tif"), complex(&file, inner).at(13.0, 7.0)];
            let vrt = Vrt::new([90, 70]).band(target, "<NoDataValue>9</NoDataValue>", parts);
            found.extend(wrong(&folder, &vrt).map(|why| format!("{file}: {why}")));
        }
    }
    assert_none(&found);
}

#[rstest]
fn a_mask_hides_in_the_band_of_the_alpha_too(#[values("u8")] dtype: &str) {
    let target = DTYPES.iter().find(|(name, ..)| *name == dtype).unwrap().2;
    let by_mask = |file: &str| complex(file, "<UseMaskBand>true</UseMaskBand>");
    let (a, b) = (format!("{dtype}.four.alpha.a.tif"), format!("{dtype}.four.alphanodata.b.tif"));
    let parts = |band: &str| [by_mask(&a).band(band), by_mask(&b).band(band).at(20.0, 10.0)];
    let alpha = "<ColorInterp>Alpha</ColorInterp>";
    assert_same(&Vrt::new([100, 80]).band(target, "", parts("1")).band(target, "", parts("2")).band(
        target,
        alpha,
        parts("4"),
    ));
    assert_same(&Vrt::new([100, 80]).band(target, "", parts("1")).band(target, alpha, parts("mask,1")));
}

#[rstest]
fn colours_of_a_palette_become_bands(#[values(1, 2, 3, 4)] part: usize) {
    let folder = Folder::new();
    std::fs::copy(crate::support::fixtures().join("palette.tif"), folder.path("palette")).unwrap();
    let inner = format!("<ColorTableComponent>{part}</ColorTableComponent>");
    for target in ["Byte", "Int16", "Float32"] {
        super::vrts::make(&folder, "u8.a.tif");
        let vrt = Vrt::new([90, 70]).band(target, "", [simple("u8.a.tif"), complex("palette", &inner).at(30.0, 20.0)]);
        assert_eq!(wrong(&folder, &vrt), None);
    }
}

#[test]
fn colours_of_a_band_without_a_palette_are_an_error() {
    let folder = Folder::new();
    let vrt =
        Vrt::new([90, 70]).band("Byte", "", [complex("u8.a.tif", "<ColorTableComponent>1</ColorTableComponent>")]);
    let error = read_all(&vrt.write(&folder, "it.vrt")).unwrap_err();
    assert!(error.contains("no color table"), "{error}");
}

/// The cells of the first band.
fn read_all(path: &str) -> Result<Pixels, String> {
    let raster = open(path).map_err(|error| error.to_string())?;
    assert_eq!(raster.profile().reader, "mosaic");
    let Level { width, height } = raster.profile().levels[0];
    let window = Window { col: 0, row: 0, width, height };
    let request =
        ReadRequest { level: 0, decimation: 1, window, bands: vec![1], nodata: None, decimate_by: Decimation::Nearest };
    read(&raster, &request).map_err(|error| error.to_string())
}

/// A row of cells in a file, and what a VRT shows of it.
fn shown<T: gdal::raster::GdalType + Copy>(cells: &[T], dtype: &str, inner: &str) -> Pixels {
    let folder = Folder::new();
    let path = folder.path("it.tif");
    Tiff::new(&path, [cells.len(), 1], "EPSG:4326", [0.0, 0.0], 1.0).write(|col, _| cells[col]);
    let rect = format!("xOff=\"0\" yOff=\"0\" xSize=\"{}\" ySize=\"1\"", cells.len());
    let text = format!(
        "<VRTDataset rasterXSize=\"{}\" rasterYSize=\"1\"><GeoTransform>0, 1, 0, 0, 0, -1</GeoTransform>\
         <VRTRasterBand dataType=\"{dtype}\" band=\"1\"><ComplexSource><SourceFilename relativeToVRT=\"1\">it.tif</SourceFilename>\
         <SrcRect {rect}/><DstRect {rect}/>{inner}</ComplexSource></VRTRasterBand></VRTDataset>",
        cells.len()
    );
    read_all(&folder.write("it.vrt", &text)).unwrap()
}

#[test]
fn large_integers_keep_their_last_digits_beside_a_nodata_value() {
    // GDAL 3.12 calculates in double precision: 9007199254740993 becomes ...992
    let cells = [9_007_199_254_740_993_i64, -9_007_199_254_740_993, 7, i64::MAX];
    let pixels = shown(&cells, "Int64", "<NODATA>7</NODATA>");
    assert_eq!(pixels.samples, Samples::I64(vec![cells[0], cells[1], 0, i64::MAX]));
}

#[test]
fn an_integer_above_the_range_is_the_largest_and_not_0() {
    // GDAL 3.12 wraps around: u64::MAX + 2.75 becomes 0
    let pixels = shown(&[u64::MAX, 5], "UInt64", "<ScaleOffset>2.75</ScaleOffset>");
    assert_eq!(pixels.samples, Samples::U64(vec![u64::MAX, 8]));
}

#[test]
fn a_half_is_rounded_away_from_zero_and_what_is_less_is_not() {
    // GDAL 3.12 adds a half in single precision first: 0.49999997 becomes 1
    let pixels = shown(&[0.5_f32, 0.499_999_97, -0.5, 1.5, 254.5, f32::NAN], "Int16", "");
    assert_eq!(pixels.samples, Samples::I16(vec![1, 0, -1, 2, 255, 0]));
}

#[test]
fn an_integer_that_is_nearly_the_nodata_value_is_another() {
    // GDAL 3.12 compares seven digits, and hides both
    let pixels = shown(&[u32::MAX, u32::MAX - 100], "UInt32", "<NODATA>4294967295</NODATA>");
    assert_eq!(pixels.samples, Samples::U32(vec![0, u32::MAX - 100]));
}

#[test]
fn the_lowest_float_may_be_written_with_fewer_digits() {
    // GDAL 3.12 finds -3.4028235e38 out of the range of float32, and draws the cells
    let pixels = shown(&[f32::MIN, 5.0], "Float32", "<NODATA>-3.4028235e38</NODATA>");
    assert_eq!(pixels.samples, Samples::F32(vec![0.0, 5.0]));
}
