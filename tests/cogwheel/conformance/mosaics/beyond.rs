//! VRTs with anything that the reader of mosaics does not know: they are GDAL's, and overviews, which it leaves to GDAL.

use rstest::rstest;

use super::super::same::Both;
use super::vrts::{SIZE, Vrt, complex, make, simple};
use super::{NODATA, wrong};
use crate::support::made::{Folder, Memory};
use crate::support::readers::open;

#[rstest]
#[case::averages("SimpleSource", "AveragedSource")]
#[case::a_kernel("</SimpleSource>", "<Kernel><Size>3</Size><Coefs>0 0 0 0 1 0 0 0 0</Coefs></Kernel></SimpleSource>")]
#[case::options("</SimpleSource>", "<OpenOptions><OOI key=\"NUM_THREADS\">1</OOI></OpenOptions></SimpleSource>")]
#[case::a_derived_band(
    "band=\"1\">",
    "band=\"1\" subClass=\"VRTDerivedRasterBand\"><PixelFunctionType>sum</PixelFunctionType>"
)]
#[case::few_bits(
    "band=\"1\">",
    "band=\"1\"><Metadata domain=\"IMAGE_STRUCTURE\"><MDI key=\"NBITS\">4</MDI></Metadata>"
)]
#[case::hidden_nodata("band=\"1\">", "band=\"1\"><NoDataValue>7</NoDataValue><HideNoDataValue>1</HideNoDataValue>")]
#[case::of_an_unknown_name("<SimpleSource>", "<Stranger/><SimpleSource>")]
#[case::stretched_by_a_kernel("<SimpleSource>", "<SimpleSource resampling=\"bilinear\">")]
#[case::an_exponent(
    "</SimpleSource>",
    "<Exponent>2</Exponent><DstMin>0</DstMin><DstMax>255</DstMax><SrcMin>0</SrcMin><SrcMax>255</SrcMax></SimpleSource>"
)]
#[case::overviews_that_are_made(
    "</VRTDataset>",
    "<OverviewList resampling=\"average\">2 4</OverviewList></VRTDataset>"
)]
#[case::a_mask_of_a_band("</VRTRasterBand>", "<MaskBand><VRTRasterBand dataType=\"Byte\"/></MaskBand></VRTRasterBand>")]
#[case::without_places("DstRect", "Elsewhere")]
#[case::two_places("<DstRect ", "<DstRect xOff=\"0\" yOff=\"0\" xSize=\"64\" ySize=\"48\"/><DstRect ")]
#[case::two_bands("<SourceBand>1</SourceBand>", "<SourceBand>1</SourceBand><SourceBand>1</SourceBand>")]
#[case::a_band_in_an_attribute("<SimpleSource>", "<SimpleSource SourceBand=\"1\">")]
#[case::a_mask_in_unusual_words("</SimpleSource>", "<UseMaskBand>enabled</UseMaskBand></SimpleSource>")]
#[case::a_nodata_value_of_unusual_words("</SimpleSource>", "<NODATA>-nan</NODATA></SimpleSource>")]
#[case::colours_of_a_constant(
    "</SimpleSource>",
    "<ScaleRatio>0</ScaleRatio><ColorTableComponent>1</ColorTableComponent></SimpleSource>"
)]
#[case::complex_numbers("dataType=\"Byte\"", "dataType=\"CInt16\"")]
#[case::short_floats("dataType=\"Byte\"", "dataType=\"Float16\"")]
#[case::of_another_root("VRTDataset", "Dataset")]
fn a_vrt_with_more_in_it_is_gdals(#[case] from: &str, #[case] to: &str) {
    let folder = Folder::new();
    make(&folder, "u8.a.tif");
    let text = Vrt::of([150, 110], [simple("u8.a.tif").to([3.0, 4.0, 128.0, 96.0])]).text();
    let changed = text.replace(from, to);
    assert_ne!(changed, text);
    let changed =
        if to.contains("<Kernel>") { changed.replace("SimpleSource", "KernelFilteredSource") } else { changed };
    let of_complex = ["<Exponent>", "<UseMaskBand>", "<NODATA>", "<ScaleRatio>"];
    let is_complex = of_complex.iter().any(|element| to.contains(element));
    let changed = if is_complex { changed.replace("SimpleSource", "ComplexSource") } else { changed };
    let path = folder.write("it.vrt", &changed);
    if to == "Dataset" {
        assert!(open(&path).is_err());
        return;
    }
    let both = Both::open(&path, "gdal").unwrap();
    assert_eq!(both.compare_windows(&mut fastrand::Rng::with_seed(1), 5), Ok(()));
}

#[rstest]
#[case::a_nodata_value("<NoDataValue>255</NoDataValue>", "")]
#[case::two_bands("", "<VRTRasterBand dataType=\"Byte\"/>")]
fn a_mask_band_with_more_in_it_is_gdals(#[case] before: &str, #[case] behind: &str) {
    let folder = Folder::new();
    let vrt = Vrt::of(SIZE, [simple("u8.mask.a.tif")]).mask([simple("u8.mask.a.tif").at(5.0, 6.0).band("mask,1")]);
    vrt.write(&folder, "it.vrt");
    let start = "<MaskBand><VRTRasterBand dataType=\"Byte\">";
    let text = vrt.text().replace(start, &format!("{start}{before}"));
    let text = text.replace("</MaskBand>", &format!("{behind}</MaskBand>"));
    let both = Both::open(&folder.write("it.vrt", &text), "gdal").unwrap();
    assert_eq!(both.compare_windows(&mut fastrand::Rng::with_seed(1), 5), Ok(()));
}

#[test]
fn how_a_source_is_resampled_does_not_matter_where_it_is_not() {
    let folder = Folder::new();
    make(&folder, "u8.a.tif");
    let text = Vrt::of([150, 110], [simple("u8.a.tif").at(3.0, 4.0)]).text();
    let path = folder.write("it.vrt", &text.replace("<SimpleSource>", "<SimpleSource resampling=\"cubic\">"));
    let both = Both { decimations: &[], ..Both::open(&path, "mosaic").unwrap() };
    assert_eq!(both.compare_windows(&mut fastrand::Rng::with_seed(1), 5), Ok(()));
}

#[rstest]
#[case::of_two_types(Vrt::of(SIZE, [simple("u8.a.tif")]).band("Int16", "", [simple("i16.a.tif")]))]
#[case::without_sources(Vrt::of(SIZE, []))]
fn bands_that_do_not_go_together_are_gdals(#[case] vrt: Vrt) {
    let folder = Folder::new();
    let both = Both::open(&vrt.write(&folder, "it.vrt"), "gdal").unwrap();
    assert_eq!(both.compare_windows(&mut fastrand::Rng::with_seed(1), 5), Ok(()));
}

#[rstest]
#[case::gaps(Vrt::of([200, 160], [simple("u8.a.tif"), simple("u8.b.tif").at(90.0, 80.0)]), "mosaic")]
#[case::nodata(Vrt::new([200, 160]).band("Byte", NODATA, [simple("u8.a.tif"), simple("u8.b.tif").at(90.0, 80.0)]), "mosaic")]
#[case::alpha(
    Vrt::of([200, 160], [simple("u8.alpha.a.tif")]).band("Byte", "<ColorInterp>Alpha</ColorInterp>", [simple("u8.alpha.a.tif").band("2")]),
    "mosaic"
)]
#[case::a_mask(
    Vrt::of([200, 160], [simple("u8.mask.a.tif")]).mask([simple("u8.mask.a.tif").band("mask,1")]),
    "gdal"
)]
fn overviews_beside_a_vrt_are_read_as_gdal_reads_them(#[case] vrt: Vrt, #[case] framed: &str) {
    let folder = Folder::new();
    let path = vrt.write(&folder, "it.vrt");
    overviews(&folder);
    let both = Both { decimations: &[], ..Both::open(&path, "mosaic").unwrap() };
    assert!(both.profile().levels.len() > 2);
    assert_eq!(both.compare_windows(&mut fastrand::Rng::with_seed(1), 30), Ok(()));
    let path = vrt.framed().write(&folder, "it.vrt");
    let both = Both { decimations: &[], ..Both::open(&path, framed).unwrap() };
    assert!(both.profile().levels.len() > 2);
    assert_eq!(both.compare_windows(&mut fastrand::Rng::with_seed(1), 30), Ok(()));
}

/// `gdaladdo -ro it.vrt 2 4`
fn overviews(folder: &Folder) {
    let memory = Memory::new();
    for entry in std::fs::read_dir(folder.path("")).unwrap() {
        memory.load(entry.unwrap().path());
    }
    let mut dataset = gdal::Dataset::open(memory.path("it.vrt")).unwrap();
    dataset.build_overviews("NEAREST", &[2, 4], &[]).unwrap();
    dataset.close().unwrap();
    memory.store(folder.path("").as_ref());
    assert!(std::path::Path::new(&folder.path("it.vrt.ovr")).exists());
}

#[test]
fn overviews_that_a_vrt_names_are_read_as_gdal_reads_them() {
    let folder = Folder::new();
    let half = super::vrts::spec_of("u8.half.tif");
    super::super::spec::Spec { size: [64, 48], ..half }.make(&folder, "half.tif", 5);
    let overview =
        "<Overview><SourceFilename relativeToVRT=\"1\">half.tif</SourceFilename><SourceBand>1</SourceBand></Overview>";
    let parts = [simple("u8.a.tif"), simple("u8.b.tif").at(64.0, 48.0)];
    for vrt in [
        Vrt::new([128, 96]).band("Byte", overview, parts.clone()),
        Vrt::new([128, 96]).band("Byte", overview, parts).framed(),
    ] {
        assert_eq!(wrong(&folder, &vrt), None);
        assert_eq!(open(&folder.path("it.vrt")).unwrap().profile().levels.len(), 2);
    }
}

#[test]
fn a_vrt_of_another_sort_can_be_a_source() {
    let folder = Folder::new();
    let text = Vrt::of(SIZE, [simple("u8.a.tif")]);
    text.write(&folder, "it.vrt");
    folder.write("averaged.vrt", &text.text().replace("SimpleSource", "AveragedSource"));
    for part in [simple("averaged.vrt").at(5.0, 5.0), complex("averaged.vrt", "<NODATA>7</NODATA>").at(5.0, 5.0)] {
        assert_eq!(wrong(&folder, &Vrt::new([90, 70]).band("Byte", NODATA, [part])), None);
    }
}
