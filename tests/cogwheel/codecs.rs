//! Codecs of TIFFs: what the native reader makes of the fixtures in `codecs/`, those too that GDAL can't read.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use cogwheel::cpu::CpuPool;
use cogwheel::each_samples;
use cogwheel::raster::readers::Readers;
use cogwheel::raster::readers::gdal::{self, GdalRaster};
use cogwheel::raster::{Decimation, Mask, MaskKind, Pixels, Raster, RasterError, ReadRequest, Sample, Samples, Window};
use cogwheel::storage::{Access, Policy, Storage, StorageSettings};
use rstest::rstest;
use tokio::runtime::Runtime;

use crate::support::s3::S3;
use crate::support::{Maps, Setup, fixtures, set_up_gdal};

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().unwrap())
}

fn path(name: &str) -> String {
    fixtures().join("codecs").join(name).display().to_string()
}

/// The reader that is chosen for a file.
fn open(path: &str) -> Result<Arc<dyn Raster>, RasterError> {
    set_up_gdal();
    let pool = CpuPool::new(1, gdal::prepare_thread).unwrap();
    let storage = Storage::new(StorageSettings::default(), Policy::of_sources([path]));
    runtime().block_on(Readers::new(&pool, 1 << 20).open(storage.snapshot(Access::default()), path, None))
}

/// GDAL alone.
fn open_by_gdal(path: &str) -> Result<Arc<dyn Raster>, RasterError> {
    set_up_gdal();
    let pool = CpuPool::new(1, gdal::prepare_thread).unwrap();
    let storage = Storage::new(StorageSettings::default(), Policy::of_sources([path]));
    let raster = runtime().block_on(GdalRaster::open(&pool, storage.snapshot(Access::default()), path, None))?;
    Ok(Arc::new(raster))
}

/// All of a level, every so manieth pixel of it.
fn read(raster: &Arc<dyn Raster>, level: usize, decimation: usize) -> Result<Pixels, RasterError> {
    let size = raster.profile().levels[level].decimated(decimation);
    let window = Window { col: 0, row: 0, width: size.width, height: size.height };
    let bands = (1..=raster.profile().bands.len()).collect();
    let request = ReadRequest { level, decimation, window, bands, nodata: None, decimate_by: Decimation::Nearest };
    runtime().block_on(raster.read(request))
}

fn bytes(samples: &Samples) -> Vec<u8> {
    let mut bytes = Vec::new();
    each_samples!(samples, values => values.iter().for_each(|value| value.write_le(&mut bytes)));
    bytes
}

fn expected(name: &str) -> Vec<u8> {
    fs::read(path(&format!("{name}.bin"))).unwrap()
}

#[rstest]
#[case("zstd_rgb_predictor")]
#[case("zstd_f32_predictor")]
#[case("zstd_i16_planar_big")]
#[case("zstd_strips")]
#[case("zstd_mask_overviews")]
#[case("zstd_overviews_beside")]
#[case("deflate_rgb")]
#[case("webp_lossless_rgb")]
#[case("webp_lossless_rgba")]
#[case("webp_lossy_rgb")]
#[case("webp_lossy_rgba")]
#[case("webp_lossy_opaque_rgba")]
#[case("lerc_f32_nan")]
#[case("lerc_f32_nan_by_band")]
#[case("lerc_i16_interleaved")]
#[case("lerc_deflate_f64")]
#[case("lerc_zstd_u16_planar")]
#[case("lerc_mask_alpha")]
fn a_file_is_read_natively_and_exactly(#[case] name: &str) {
    let raster = open(&path(&format!("{name}.tif"))).unwrap();
    assert_eq!(raster.profile().reader, "cog");
    let pixels = read(&raster, 0, 1).unwrap();
    assert!(bytes(&pixels.samples) == expected(name), "{name} has other cells");
}

#[rstest]
#[case("jpeg_420")]
#[case("jpeg_422")]
#[case("jpeg_444")]
#[case("jpeg_rgb")]
#[case("jpeg_tables")]
fn a_jpeg_is_the_one_that_gdal_shows(#[case] name: &str) {
    let file = path(&format!("{name}.tif"));
    let (raster, reference) = (open(&file).unwrap(), open_by_gdal(&file).unwrap());
    assert_eq!(raster.profile().reader, "cog");
    assert!(read(&raster, 0, 1).unwrap() == read(&reference, 0, 1).unwrap(), "{name}");
}

#[test]
fn overviews_and_masks_of_a_codec_that_gdal_has_not_got_are_read() {
    let raster = open(&path("zstd_mask_overviews.tif")).unwrap();
    assert_eq!(raster.profile().levels.len(), 2);
    let full = read(&raster, 0, 1).unwrap();
    let Mask::Shared(MaskKind::Binary, mask) = full.mask else { panic!("it has no mask: {:?}", full.mask) };
    // np.hypot(*np.mgrid[-12:12, -20:20]) < 11
    let inside = |index: usize| ((index / 40) as f64 - 12.0).hypot((index % 40) as f64 - 20.0) < 11.0;
    assert!(mask.iter().enumerate().all(|(index, value)| *value == if inside(index) { 255 } else { 0 }));
    let overview = read(&raster, 1, 1).unwrap();
    assert_eq!((overview.width, overview.height), (20, 12));
    assert!(matches!(&overview.mask, Mask::Shared(MaskKind::Binary, mask) if mask.contains(&0) && mask.contains(&255)));
}

#[rstest]
fn a_decimated_read_takes_the_pixels_that_gdal_would(#[values(2, 3, 5, 16, 40)] decimation: usize) {
    let native = open(&path("zstd_rgb_predictor.tif")).unwrap();
    let reference = open_by_gdal(&path("deflate_rgb.tif")).unwrap();
    let (native, reference) = (read(&native, 0, decimation).unwrap(), read(&reference, 0, decimation).unwrap());
    assert_eq!(native, reference);
}

#[rstest]
#[case::mask("zstd_mask_overviews.tif", 1)]
#[case::webp("webp_lossless_rgba.tif", 0)]
#[case::planar("zstd_i16_planar_big.tif", 0)]
#[case::lerc("lerc_zstd_u16_planar.tif", 0)]
fn a_decimated_read_is_part_of_the_whole_one(#[case] file: &str, #[case] level: usize) {
    let raster = open(&path(file)).unwrap();
    let (whole, some) = (read(&raster, level, 1).unwrap(), read(&raster, level, 2).unwrap());
    for row in 0..some.height {
        for col in 0..some.width {
            // The middle of each square of four is the corner of its last pixel.
            let (pixel, from) = (row * some.width + col, (2 * row + 1) * whole.width + 2 * col + 1);
            for band in 0..whole.bands {
                let (a, b) = (pixel * whole.bands + band, from * whole.bands + band);
                assert_eq!(some.samples.value(a), whole.samples.value(b), "{file} at {col}, {row}");
                assert_eq!(some.mask.is_valid(pixel, band, 1), whole.mask.is_valid(from, band, 1));
            }
        }
    }
}

#[rstest]
#[case("zstd_rgb_predictor.tif", "ZSTD")]
#[case("zstd_f32_predictor.tif", "ZSTD")]
#[case("zstd_i16_planar_big.tif", "ZSTD")]
#[case("webp_lossy_rgb.tif", "WebP")]
#[case::gdal_opens_it_itself("lerc_zstd_u16_planar.tif", "TIFFReadEncodedTile")]
fn gdal_alone_says_what_it_can_not_read(#[case] file: &str, #[case] codec: &str) {
    let error = open_by_gdal(&path(file)).and_then(|raster| read(&raster, 0, 1)).unwrap_err().to_string();
    assert!(error.contains(codec), "{error}");
}

#[test]
fn overviews_beside_a_file_are_refused_by_name_where_gdal_can_not_decode_them() {
    let raster = open(&path("zstd_overviews_beside.tif")).unwrap();
    assert_eq!(raster.profile().levels.len(), 2);
    let error = read(&raster, 1, 1).unwrap_err().to_string();
    assert!(error.contains("ZSTD") && error.contains(".ovr"), "{error}");
}

/// A VRT over the first fixture that is read by GDAL: of a kind that nobody else knows.
#[test]
fn a_vrt_that_gdal_reads_fails_where_its_source_can_not_be_decoded() {
    let folder = std::env::temp_dir().join(format!("cogwheel-codecs-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let copy = |name: &str| fs::copy(path(name), folder.join(name)).unwrap();
    copy("zstd_rgb_predictor.tif");
    let vrt = folder.join("it.vrt");
    fs::write(&vrt, vrt_over("zstd_rgb_predictor.tif")).unwrap();
    let raster = open_by_gdal(&vrt.display().to_string()).unwrap();
    let error = read(&raster, 0, 1).unwrap_err().to_string();
    fs::remove_dir_all(&folder).unwrap();
    assert!(error.contains("ZSTD"), "{error}");
}

fn vrt_over(file: &str) -> String {
    format!(
        "<VRTDataset rasterXSize='40' rasterYSize='24'><SRS>EPSG:3857</SRS>\
         <GeoTransform>1113207.9, 37.3, 0, 5621543.1, 0, -37.3</GeoTransform>\
         <VRTRasterBand dataType='Byte' band='1'><SimpleSource>\
         <SourceFilename relativeToVRT='1'>{file}</SourceFilename><SourceBand>1</SourceBand>\
         <SrcRect xOff='0' yOff='0' xSize='40' ySize='24'/><DstRect xOff='0' yOff='0' xSize='40' ySize='24'/>\
         </SimpleSource></VRTRasterBand></VRTDataset>"
    )
}

#[rstest]
#[case("zstd_rgb_predictor.tif")]
#[case("webp_lossless_rgb.tif")]
fn a_tile_of_a_codec_that_gdal_has_not_got_is_that_of_one_that_it_has(
    #[case] file: &str, #[values("11/1080/736", "4/8/5", "14/8647/5893")] tile: &str,
) {
    let of = |file: &Path| Maps::of(&file.display().to_string()).npy(tile, "resampling=nearest");
    let folder = fixtures().join("codecs");
    assert_eq!(of(&folder.join(file)), of(&folder.join("deflate_rgb.tif")));
}

#[rstest]
fn a_tile_from_s3_is_the_one_from_disk(
    #[values("zstd_mask_overviews", "webp_lossy_rgba", "lerc_f32_nan", "zstd_i16_planar_big")] name: &str,
) {
    let s3 = S3::start(fixtures());
    let setup = Setup { environment: s3.environment(), ..Setup::default() };
    let remote = setup.maps(&format!("[layers.it]\nsource = 's3://codecs/{name}.tif'\n"));
    let local = Maps::of(&path(&format!("{name}.tif")));
    for tile in ["11/1080/736", "4/8/5"] {
        assert_eq!(remote.npy(tile, ""), local.npy(tile, ""), "{name}");
    }
}
