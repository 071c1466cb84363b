//! VRTs, and files beside rasters, that lead out of the list: no pixel of the outside is shown, wherever its name is.

use std::fs::OpenOptions;
use std::os::unix::fs::{OpenOptionsExt, symlink};

use gdal::Metadata;
use rstest::rstest;

use super::{Ground, assert_refused};
use crate::server::Server;
use crate::support::geo::{ALIGNED, ALIGNED_CELL_M, ALIGNED_CORNER};
use crate::support::made::{Tiff, fill};
use crate::support::s3::S3;
use crate::support::{Array, Maps};

/// Far enough out that overviews are read.
const FAR_OUT: &str = "8/135/90";

/// Linux's: opening a pipe that nobody reads fails instead of waiting.
const O_NONBLOCK: i32 = 0o4000;

/// `EPSG:3857`, as most VRTs say it.
const SRS: &str = "EPSG:3857";

/// A VRT with the place and the size of the rasters.
fn dataset(srs: &str, body: &str) -> String {
    let ([left, top], cell) = (ALIGNED_CORNER, ALIGNED_CELL_M);
    format!(
        "<VRTDataset rasterXSize=\"128\" rasterYSize=\"128\"><SRS>{srs}</SRS>\
         <GeoTransform>{left}, {cell}, 0, {top}, 0, -{cell}</GeoTransform>{body}</VRTDataset>"
    )
}

/// What the texts of the tables leave out.
fn complete(text: &str) -> String {
    let ([left, top], cell) = (ALIGNED_CORNER, ALIGNED_CELL_M);
    let text = text
        .replace("{nested}", &dataset(SRS, "{band}<SimpleSource>{file}</SimpleSource>{end}"))
        .replace("{band}", "<VRTRasterBand dataType=\"Byte\" band=\"1\">")
        .replace("{end}", "</VRTRasterBand>")
        .replace("{inside}", &beside("ten.tif"))
        .replace("{file}", "<SourceFilename relativeToVRT=\"0\">{outside}</SourceFilename><SourceBand>1</SourceBand>")
        .replace("{forth}", &format!("{left},{cell},0,{top},0,-{cell}"))
        .replace("{back}", &format!("{},{},0,{},0,-{}", -left / cell, 1.0 / cell, top / cell, 1.0 / cell));
    let is_whole = ["<VRTDataset", "<!DOCTYPE"].iter().any(|beginning| text.starts_with(beginning));
    if is_whole { text } else { dataset(SRS, &text) }
}

/// A source in the folder of its VRT.
fn beside(name: &str) -> String {
    format!("<SimpleSource><SourceFilename relativeToVRT=\"1\">{name}</SourceFilename></SimpleSource>")
}

/// A VRT over one source by its whole name.
pub(super) fn over(source: &str) -> String {
    complete("{band}<SimpleSource>{file}</SimpleSource>{end}").replace("{outside}", source)
}

fn tile(maps: &Maps, tile: &str) -> crate::support::Answer {
    maps.get(&format!("/tiles/it/{tile}.npy?resampling=nearest"))
}

/// Neither a tile, nor anything that looks like one.
fn assert_withheld(ground: &Ground, maps: &Maps) {
    for place in [ALIGNED, FAR_OUT] {
        let answer = tile(maps, place);
        assert!([403, 502].contains(&answer.status), "{place} is answered with {}", answer.status);
        let detail = answer.detail();
        assert!(!detail.contains("closed") && !detail.contains("cogwheel-test-"), "{detail}");
    }
    ground.assert_quiet();
}

/// Where a VRT and what it is made of are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Disk,
    S3,
}

/// A ground, seen from one of the two.
struct Scene {
    ground: Ground,
    place: Place,
    s3: S3,
}

impl Scene {
    fn new(place: Place) -> Self {
        let ground = Ground::new();
        let s3 = S3::anonymous(ground.root.path(""));
        Self { ground, place, s3 }
    }

    /// A folder as GDAL knows it.
    fn folder(&self, name: &str) -> String {
        match self.place {
            Place::Disk => self.ground.path(name),
            Place::S3 => format!("/vsis3/maps/{name}"),
        }
    }

    fn fill(&self, text: &str) -> String {
        let outside = format!("{}/thirty.tif", self.folder("closed"));
        let text = text
            .replace("{outside in references}", &outside.replace('/', "&#47;"))
            .replace("{outside}", &outside)
            .replace("{open}", &self.folder("open"))
            .replace("{closed}", &self.folder("closed"));
        self.ground.fill(&text)
    }

    fn write(&self, name: &str, text: &str) {
        self.ground.root.write(&format!("maps/open/{name}"), &self.fill(&complete(text)));
    }

    /// The layer `it` of a file in `open`, where a folder may be opened with what is below it.
    fn maps(&self, file: &str, allowed: &str) -> Maps {
        let (allow, source) = (self.folder(allowed), self.folder(&format!("open/{file}")));
        let text = format!("[storage]\nallow = ['{allow}']\n[layers.it]\nsource = '{source}'\nsidecars = true\n");
        let setup = self.ground.setup();
        let environment = if self.place == Place::S3 { self.s3.environment() } else { setup.environment.clone() };
        crate::support::Setup { environment, ..setup }.maps(&text)
    }

    fn assert_nothing_of_the_outside_was_asked_for(&self) {
        let requests = self.s3.requests();
        assert!(requests.iter().all(|seen| !seen.path.contains("closed")), "{requests:?}");
        self.ground.assert_quiet();
    }
}

const WARPED: &str = "<VRTDataset rasterXSize=\"128\" rasterYSize=\"128\" subClass=\"VRTWarpedDataset\">\
    <SRS>EPSG:3857</SRS><GeoTransform>{forth}</GeoTransform>\
    <VRTRasterBand dataType=\"Byte\" band=\"1\" subClass=\"VRTWarpedRasterBand\"/>\
    <BlockXSize>128</BlockXSize><BlockYSize>128</BlockYSize><GDALWarpOptions><WarpMemoryLimit>6e7</WarpMemoryLimit>\
    <ResampleAlg>NearestNeighbour</ResampleAlg><WorkingDataType>Byte</WorkingDataType>\
    <SourceDataset relativeToVRT=\"0\">{outside}</SourceDataset>\
    <Transformer><GenImgProjTransformer><SrcGeoTransform>{forth}</SrcGeoTransform>\
    <SrcInvGeoTransform>{back}</SrcInvGeoTransform><DstGeoTransform>{forth}</DstGeoTransform>\
    <DstInvGeoTransform>{back}</DstInvGeoTransform></GenImgProjTransformer></Transformer>\
    <BandList><BandMapping src=\"1\" dst=\"1\"/></BandList></GDALWarpOptions></VRTDataset>";

const PROCESSED: &str = "<VRTDataset subClass=\"VRTProcessedDataset\"><Input>\
    <SourceFilename relativeToVRT=\"0\">{outside}</SourceFilename></Input><ProcessingSteps><Step>\
    <Algorithm>BandAffineCombination</Algorithm><Argument name=\"coefficients_1\">0,1</Argument>\
    </Step></ProcessingSteps></VRTDataset>";

const PANSHARPENED: &str = "<VRTDataset subClass=\"VRTPansharpenedDataset\"><PansharpeningOptions>\
    <PanchroBand>{file}</PanchroBand><SpectralBand dstBand=\"1\">{file}</SpectralBand>\
    </PansharpeningOptions></VRTDataset>";

#[rstest]
#[case::simple("{band}<SimpleSource>{file}</SimpleSource>{end}")]
#[case::complex("{band}<ComplexSource>{file}<LUT>0:0,255:255</LUT></ComplexSource>{end}")]
#[case::averaged("{band}<AveragedSource>{file}</AveragedSource>{end}")]
#[case::filtered(
    "{band}<KernelFilteredSource>{file}<Kernel><Size>3</Size><Coefs>0 0 0 0 1 0 0 0 0</Coefs></Kernel>\
     </KernelFilteredSource>{end}"
)]
#[case::by_a_mask(
    "{band}<NoDataFromMaskSource>{file}<NODATA>0</NODATA><MaskValueThreshold>0</MaskValueThreshold>\
     </NoDataFromMaskSource>{end}"
)]
#[case::second("{band}{inside}<SimpleSource>{file}</SimpleSource>{end}")]
#[case::first("{band}<SimpleSource>{file}</SimpleSource>{inside}{end}")]
#[case::up(
    "{band}<SimpleSource><SourceFilename relativeToVRT=\"1\">../closed/thirty.tif</SourceFilename></SimpleSource>{end}"
)]
#[case::up_and_down(
    "{band}<SimpleSource><SourceFilename relativeToVRT=\"1\">./x/../../open/../closed/./thirty.tif</SourceFilename>\
     </SimpleSource>{end}"
)]
#[case::up_from_the_whole_name(
    "{band}<SimpleSource><SourceFilename>{open}/../closed/thirty.tif</SourceFilename></SimpleSource>{end}"
)]
#[case::the_mask_of_a_source(
    "{band}<SimpleSource><SourceFilename>{outside}</SourceFilename><SourceBand>mask,1</SourceBand></SimpleSource>{end}"
)]
#[case::unshared("{band}<SimpleSource><SourceFilename shared=\"0\">{outside}</SourceFilename></SimpleSource>{end}")]
#[case::described(
    "{band}<SimpleSource>{file}<SourceProperties RasterXSize=\"128\" RasterYSize=\"128\" DataType=\"Byte\" \
     BlockXSize=\"128\" BlockYSize=\"128\"/></SimpleSource>{end}"
)]
#[case::character_data(
    "{band}<SimpleSource><SourceFilename><![CDATA[{outside}]]></SourceFilename></SimpleSource>{end}"
)]
#[case::references("{band}<SimpleSource><SourceFilename>{outside in references}</SourceFilename></SimpleSource>{end}")]
#[case::options(
    "{band}<SimpleSource>{file}<OpenOptions><OOI key=\"GEOREF_SOURCES\">NONE</OOI></OpenOptions></SimpleSource>{end}"
)]
#[case::another_root(
    "{band}<SimpleSource><SourceFilename relativeToVRT=\"1\">rooted.vrt</SourceFilename><OpenOptions>\
     <OOI key=\"ROOT_PATH\">{closed}</OOI></OpenOptions></SimpleSource>{end}"
)]
#[case::a_vrt_beside(
    "{band}<SimpleSource><SourceFilename relativeToVRT=\"1\">inner.vrt</SourceFilename></SimpleSource>{end}"
)]
#[case::a_vrt_beside_a_vrt(
    "{band}<SimpleSource><SourceFilename relativeToVRT=\"1\">middle.vrt</SourceFilename></SimpleSource>{end}"
)]
#[case::mask(
    "{band}{inside}{end}<MaskBand><VRTRasterBand dataType=\"Byte\"><SimpleSource>{file}</SimpleSource>\
     </VRTRasterBand></MaskBand>"
)]
#[case::overview("{band}{inside}<Overview>{file}</Overview>{end}")]
#[case::derived(
    "<VRTRasterBand dataType=\"Byte\" band=\"1\" subClass=\"VRTDerivedRasterBand\">\
     <PixelFunctionType>max</PixelFunctionType>{inside}<SimpleSource>{file}</SimpleSource></VRTRasterBand>"
)]
#[case::warped(WARPED)]
#[case::processed(PROCESSED)]
#[case::pansharpened(PANSHARPENED)]
fn a_vrt_of_any_shape_is_kept_inside_the_list(
    #[case] text: &str, #[values(Place::Disk, Place::S3)] place: Place, #[values(true, false)] allowed: bool,
) {
    let scene = Scene::new(place);
    scene.write("hostile.vrt", text);
    scene.write("inner.vrt", "{band}<SimpleSource>{file}</SimpleSource>{end}");
    scene.write("middle.vrt", &format!("{{band}}{}{{end}}", beside("inner.vrt")));
    scene.write("rooted.vrt", &format!("{{band}}{}{{end}}", beside("thirty.tif")));
    if allowed {
        // it would work: what keeps it out is the list
        let maps = scene.maps("hostile.vrt", "");
        for place in [ALIGNED, FAR_OUT] {
            tile(&maps, place).ok();
        }
        return;
    }
    assert_withheld(&scene.ground, &scene.maps("hostile.vrt", "open"));
    scene.assert_nothing_of_the_outside_was_asked_for();
}

#[rstest]
#[case(0, "{closed}/thirty.tif")]
#[case(1, "{closed}/thirty.tif")]
#[case(1, "link.tif")]
#[case(1, "door/thirty.tif")]
#[case(1, "door/../thirty.tif")]
#[case(1, "curl.tif")]
#[case(1, "pipe")]
#[case(1, ".")]
#[case(0, "/etc/passwd")]
#[case(0, "/proc/self/environ")]
#[case(0, "/proc/self/fd/0")]
#[case(0, "/dev/zero")]
#[case(0, "file://{closed}/thirty.tif")]
#[case(0, "http://127.0.0.1:{port}/x.tif")]
#[case(0, "https://localhost:{port}/x.tif")]
#[case(0, "https://user:{secret}@127.0.0.1:{port}/x.tif")]
#[case(0, "/vsicurl/http://127.0.0.1:{port}/x.tif")]
#[case(0, "/vsicurl/http://2130706433:{port}/x.tif?sig={secret}")]
#[case(0, "/vsicurl/https://[::ffff:127.0.0.1]:{port}/x.tif")]
#[case(1, "/vsicurl/http://127.0.0.1:{port}/x.tif")]
#[case(0, "/vsicurl\\http://127.0.0.1:{port}/x.tif")]
#[case(0, "/vsicurl?url=http%3A%2F%2F127.0.0.1%3A{port}%2Fx.tif")]
#[case(0, "/vsicurl_streaming/http://127.0.0.1:{port}/x.tif")]
#[case(0, "/vsis3/maps/closed/thirty.tif")]
#[case(0, "/vsis3_streaming/maps/closed/thirty.tif")]
#[case(0, "s3://maps/closed/thirty.tif")]
#[case(0, "/vsigs/maps/closed/thirty.tif")]
#[case(0, "/vsizip/{closed}/x.zip/x.tif")]
#[case(0, "/vsizip//vsis3/maps/closed/x.zip/x.tif")]
#[case(0, "/vsizip/{/vsicurl/http://127.0.0.1:{port}/x.zip}/x.tif")]
#[case(0, "/vsitar//vsicurl/http://127.0.0.1:{port}/x.tar/x.tif")]
#[case(0, "/vsigzip/{closed}/thirty.tif")]
#[case(0, "/vsisubfile/0_1000000,{closed}/thirty.tif")]
#[case(0, "/vsisubfile/0_1000000,{open}/ten.tif")]
#[case(0, "/vsicached?file={closed}/thirty.tif")]
#[case(0, "/vsicrypt/key=aaaaaaaaaaaaaaaa,file={closed}/thirty.tif")]
#[case(0, "/vsisparse/{closed}/thirty.tif")]
#[case(0, "/vsistdin/")]
#[case(0, "/vsimem/x.tif")]
#[case(0, "vrt://{closed}/thirty.tif?bands=1")]
#[case(0, "vrt:///vsicurl/http://127.0.0.1:{port}/x.tif")]
#[case(0, "GTIFF_DIR:1:{closed}/thirty.tif")]
#[case(0, "GTIFF_RAW:{closed}/thirty.tif")]
#[case(0, "DERIVED_SUBDATASET:AMPLITUDE:{closed}/thirty.tif")]
#[case(0, "MEM:::DATAPOINTER=4096,PIXELS=128,LINES=128,BANDS=1,DATATYPE=Byte")]
#[case(0, "&lt;VRTDataset rasterXSize='9' rasterYSize='9'&gt;{closed}/thirty.tif&lt;/VRTDataset&gt;")]
#[case(0, "{\"type\":\"gdal_streamed_alg\",\"command_line\":\"gdal raster convert {closed}/thirty.tif x.tif\"}")]
fn a_name_in_a_vrt_that_the_list_does_not_cover_fails(#[case] relative: u8, #[case] name: &str) {
    let scene = Scene::new(Place::Disk);
    let text = format!(
        "{{band}}<SimpleSource><SourceFilename relativeToVRT=\"{relative}\">{name}</SourceFilename></SimpleSource>\
         {{end}}"
    );
    scene.write("hostile.vrt", &text);
    assert_withheld(&scene.ground, &scene.maps("hostile.vrt", "open"));
}

#[rstest]
#[case::python(
    "<VRTRasterBand dataType=\"Byte\" band=\"1\" subClass=\"VRTDerivedRasterBand\">\
     <PixelFunctionType>run</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>\
     <PixelFunctionCode><![CDATA[import socket\ndef run(*_): socket.create_connection(('127.0.0.1', {port}))\
     ]]></PixelFunctionCode>{inside}</VRTRasterBand>"
)]
#[case::a_python_module(
    "<VRTRasterBand dataType=\"Byte\" band=\"1\" subClass=\"VRTDerivedRasterBand\">\
     <PixelFunctionType>os.system</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>{inside}\
     </VRTRasterBand>"
)]
#[case::raw_bytes(
    "<VRTRasterBand dataType=\"Byte\" band=\"1\" subClass=\"VRTRawRasterBand\">\
     <SourceFilename relativeToVRT=\"1\">ten.tif</SourceFilename><ImageOffset>0</ImageOffset>\
     <PixelOffset>1</PixelOffset><LineOffset>1</LineOffset></VRTRasterBand>"
)]
#[case::raw_bytes_of_the_outside(
    "<VRTRasterBand dataType=\"Byte\" band=\"1\" subClass=\"VRTRawRasterBand\">\
     <SourceFilename relativeToVRT=\"0\">{outside}</SourceFilename><ImageOffset>0</ImageOffset>\
     <PixelOffset>1</PixelOffset><LineOffset>1</LineOffset></VRTRasterBand>"
)]
#[case::a_vrt_inside("{band}<SimpleSource>{nested}<SourceBand>1</SourceBand></SimpleSource>{end}")]
#[case::an_entity(
    "<!DOCTYPE VRTDataset [<!ENTITY e \"{outside}\">]>\
     <VRTDataset rasterXSize=\"128\" rasterYSize=\"128\"><SRS>EPSG:3857</SRS><GeoTransform>{forth}</GeoTransform>\
     {band}<SimpleSource><SourceFilename>&e;</SourceFilename></SimpleSource>{end}</VRTDataset>"
)]
#[case::an_external_entity(
    "<!DOCTYPE VRTDataset [<!ENTITY e SYSTEM \"http://127.0.0.1:{port}/x\">]>\
     <VRTDataset rasterXSize=\"128\" rasterYSize=\"128\"><SRS>EPSG:3857</SRS><GeoTransform>{forth}</GeoTransform>\
     {band}<SimpleSource><SourceFilename>&e;</SourceFilename></SimpleSource>{end}</VRTDataset>"
)]
#[case::a_billion_laughs(
    "<!DOCTYPE VRTDataset [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\
     <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">\
     <!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\"><!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">\
     <!ENTITY g \"&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;\"><!ENTITY h \"&g;&g;&g;&g;&g;&g;&g;&g;&g;&g;\">\
     <!ENTITY i \"&h;&h;&h;&h;&h;&h;&h;&h;&h;&h;\"><!ENTITY j \"&i;&i;&i;&i;&i;&i;&i;&i;&i;&i;\">]>\
     <VRTDataset rasterXSize=\"128\" rasterYSize=\"128\"><SRS>EPSG:3857</SRS><GeoTransform>{forth}</GeoTransform>\
     {band}<SimpleSource><SourceFilename>&j;</SourceFilename></SimpleSource>{end}</VRTDataset>"
)]
fn what_no_vrt_may_do_fails(#[case] text: &str, #[values(Place::Disk, Place::S3)] place: Place) {
    let scene = Scene::new(place);
    scene.write("hostile.vrt", text);
    // not even where everything may be opened
    assert_withheld(&scene.ground, &scene.maps("hostile.vrt", ""));
}

#[test]
fn nobody_asks_for_a_document_type() {
    let scene = Scene::new(Place::Disk);
    let text = complete("{band}{inside}{end}");
    scene.write("typed.vrt", &format!("<!DOCTYPE VRTDataset SYSTEM \"http://127.0.0.1:{{port}}/x.dtd\">{text}"));
    assert_eq!(scene.maps("typed.vrt", "open").npy(ALIGNED, "resampling=nearest").valid(0)[0], 10.0);
    scene.ground.assert_quiet();
}

/// The outside as overview, mask and notes of `ten.tif`.
#[rstest]
#[case::overviews(".ovr", "half.tif")]
#[case::mask(".msk", "zeros.tif")]
#[case::notes(".aux.xml", "notes.xml")]
fn a_file_beside_a_raster_that_is_a_link_out_is_not_read(#[case] suffix: &str, #[case] file: &str) {
    let scene = Scene::new(Place::Disk);
    write_outside(&scene);
    symlink(scene.ground.path(&format!("closed/{file}")), scene.ground.path(&format!("open/ten.tif{suffix}"))).unwrap();
    assert_told_apart(&scene);
}

#[rstest]
fn notes_beside_a_raster_do_not_lead_out(#[values(Place::Disk, Place::S3)] place: Place) {
    let scene = Scene::new(place);
    write_outside(&scene);
    let notes = scene.fill(
        "<PAMDataset><Metadata domain=\"OVERVIEWS\"><MDI key=\"OVERVIEW_FILE\">{closed}/half.tif</MDI></Metadata>\
         </PAMDataset>",
    );
    scene.ground.root.write("maps/open/ten.tif.aux.xml", &notes);
    assert_told_apart(&scene);
}

fn write_outside(scene: &Scene) {
    let file = |name: &str| scene.ground.path(&format!("closed/{name}"));
    Tiff::new(&file("half.tif"), [64, 64], SRS, ALIGNED_CORNER, 2.0 * ALIGNED_CELL_M).write(|_, _| 30_u8);
    let zeros = file("zeros.tif");
    Tiff::new(&zeros, [128, 128], SRS, ALIGNED_CORNER, ALIGNED_CELL_M).create::<u8>(|dataset| {
        // for all bands, or else GDAL takes it for no mask
        dataset.set_metadata_item("INTERNAL_MASK_FLAGS_1", "2", "").unwrap();
        fill(&mut dataset.rasterband(1).unwrap(), |_, _| 0_u8);
    });
    let notes = "<PAMDataset><PAMRasterBand band=\"1\"><NoDataValue>10</NoDataValue></PAMRasterBand></PAMDataset>";
    scene.ground.root.write("maps/closed/notes.xml", notes);
}

/// What is beside the raster counts where it may be opened, and only there.
fn assert_told_apart(scene: &Scene) {
    let plain = Maps::of("vrt/ten.tif").npy(FAR_OUT, "resampling=nearest");
    assert_ne!(scene.maps("ten.tif", "").npy(FAR_OUT, "resampling=nearest"), plain, "the outside would be read");
    scene.s3.forget();
    let answer = tile(&scene.maps("ten.tif", "open"), FAR_OUT);
    match answer.status {
        200 => assert_eq!(Array::parse(&answer.body), plain),
        status => assert!([403, 502].contains(&status), "{status}"),
    }
    scene.assert_nothing_of_the_outside_was_asked_for();
}

#[test]
fn nobody_waits_for_a_pipe_beside_a_raster() {
    let scene = Scene::new(Place::Disk);
    symlink(scene.ground.path("open/pipe"), scene.ground.path("open/ten.tif.msk")).unwrap();
    assert_refused(&tile(&scene.maps("ten.tif", "open"), ALIGNED), super::NO_FILE);
}

/// The real binary, because a worker that hangs would be missed by the other tests.
fn serve(scene: &Scene, file: &str, seconds: &str) -> Server {
    let (open, source) = (scene.folder("open"), scene.folder(&format!("open/{file}")));
    let toml = format!("[storage]\nallow = ['{open}']\n[layers.it]\nsource = '{source}'\n");
    Server::with(&toml, &[("COGWHEEL_REQUEST_TIMEOUT_S", seconds)])
}

#[rstest]
#[case::a_grid("+proj=longlat +ellps=GRS80 +nadgrids={closed}/pipe +no_defs +type=crs")]
#[case::a_grid_under_a_projection("+proj=merc +a=6378137 +b=6378137 +nadgrids={closed}/pipe +no_defs +type=crs")]
#[case::heights("+proj=longlat +datum=WGS84 +geoidgrids={closed}/pipe +vunits=m +no_defs +type=crs")]
#[case::definitions("+init={closed}/pipe:x")]
fn the_reference_system_of_a_vrt_opens_no_file(#[case] srs: &str) {
    let scene = Scene::new(Place::Disk);
    scene.write("placed.vrt", &dataset(srs, "{band}{inside}{end}"));
    let server = serve(&scene, "placed.vrt", "3");
    let status = server.get(&format!("/tiles/it/{ALIGNED}.png")).status;
    let pipe = scene.ground.path("closed/pipe");
    let read = OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(pipe);
    assert!(read.is_err(), "somebody has opened a file outside the list, and waits for it");
    assert_ne!(status, 503, "it is decided in time");
}

#[test]
fn vrts_of_vrts_of_each_other_come_to_an_end() {
    const COUNT: usize = 6;
    let scene = Scene::new(Place::Disk);
    let source = |index: usize| {
        format!(
            "<SimpleSource><SourceFilename relativeToVRT=\"1\">{index}.vrt</SourceFilename><SourceBand>1</SourceBand>\
             <SrcRect xOff=\"0\" yOff=\"0\" xSize=\"64\" ySize=\"64\"/><DstRect xOff=\"0\" yOff=\"0\" xSize=\"64\" \
             ySize=\"64\"/></SimpleSource>"
        )
    };
    let sources: String = (0..COUNT).map(source).collect();
    for index in 0..COUNT {
        scene.write(&format!("{index}.vrt"), &format!("{{band}}{sources}{{end}}"));
    }
    let answer = serve(&scene, "0.vrt", "10").get("/layers/it");
    assert_ne!(answer.status, 503, "it takes longer than ten seconds to see that there is nothing in it");
}
