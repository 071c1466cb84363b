//! Rasters, VRTs and the configuration in object stores: the same pixels as from a disk, in as few round trips as
//! there can be.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::support::made::{Folder, Tiff};
use crate::support::s3::S3;
use crate::support::served::Seen;
use crate::support::server::Server;
use crate::support::web::Web;
use crate::support::{Maps, Setup, fixtures, geo};

/// Long enough that what is computed between two requests does not count, and that requests sent together overlap.
const LATENCY: Duration = Duration::from_millis(150);

/// The bytes of the first request for an object.
const HEADER: &str = "bytes=0-32767";

fn demo() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo").display().to_string()
}

/// A folder of buckets: `maps` has the demo data, `fixtures` the fixtures.
fn buckets() -> Folder {
    let folder = Folder::new();
    symlink(demo(), folder.path("maps")).unwrap();
    symlink(fixtures(), folder.path("fixtures")).unwrap();
    folder
}

fn on(s3: &S3, layers: &str) -> Maps {
    Setup { environment: s3.environment(), ..Setup::default() }.maps(layers)
}

fn layer(source: &str) -> String {
    format!("[layers.it]\nsource = '{source}'\n")
}

/// Nine COGs of 512 pixels in a square, and a VRT over them, in the folder `mosaic`.
struct Nine {
    folder: Folder,
}

impl Nine {
    const CELL: f64 = 10.0;
    const LEFT: f64 = 1_000_000.0;
    const TOP: f64 = 6_000_000.0;

    /// A VRT whose sources are named by `prefix` and their own name.
    fn new(prefix: &str) -> Self {
        let folder = Folder::new();
        std::fs::create_dir(folder.path("mosaic")).unwrap();
        let relative = i32::from(prefix.is_empty());
        let mut sources = String::new();
        for (row, col) in (0..3_u32).flat_map(|row| (0..3_u32).map(move |col| (row, col))) {
            let name = format!("{row}-{col}.tif");
            let corner =
                [Self::LEFT + 512.0 * Self::CELL * f64::from(col), Self::TOP - 512.0 * Self::CELL * f64::from(row)];
            let path = folder.path(&format!("mosaic/{name}"));
            let options = &["COMPRESS=DEFLATE", "BLOCKXSIZE=256", "BLOCKYSIZE=256"];
            Tiff { options, ..Tiff::new(&path, [512, 512], "EPSG:3857", corner, Self::CELL) }
                .write(move |x, y| ((x * 7 + y * 13 + (row * 50 + col * 20) as usize) * (x ^ y) % 251 + 1) as u8);
            let source = format!(
                "<SimpleSource><SourceFilename relativeToVRT=\"{relative}\">{prefix}{name}</SourceFilename>\
                 <SourceBand>1</SourceBand>\
                 <SourceProperties RasterXSize=\"512\" RasterYSize=\"512\" DataType=\"Byte\" BlockXSize=\"256\" \
                 BlockYSize=\"256\"/><SrcRect xOff=\"0\" yOff=\"0\" xSize=\"512\" ySize=\"512\"/>\
                 <DstRect xOff=\"{}\" yOff=\"{}\" xSize=\"512\" ySize=\"512\"/></SimpleSource>",
                512 * col,
                512 * row,
            );
            sources.push_str(&source);
        }
        let (left, top, cell) = (Self::LEFT, Self::TOP, Self::CELL);
        let vrt = format!(
            "<VRTDataset rasterXSize=\"1536\" rasterYSize=\"1536\"><SRS>EPSG:3857</SRS>\
             <GeoTransform>{left}, {cell}, 0, {top}, 0, -{cell}</GeoTransform>\
             <VRTRasterBand dataType=\"Byte\" band=\"1\">{sources}</VRTRasterBand></VRTDataset>"
        );
        folder.write("mosaic/all.vrt", &vrt);
        Self { folder }
    }

    fn s3(&self) -> S3 {
        S3::start(self.folder.path(""))
    }

    /// The tile at the corner of four of them: those between columns and rows `at` - 1 and `at`.
    fn corner_tile(at: f64) -> String {
        let (x, y) = (Self::LEFT + 512.0 * Self::CELL * at, Self::TOP - 512.0 * Self::CELL * at);
        geo::tile_path_of_metres(13, [x, y])
    }
}

fn keys(requests: &[Seen]) -> Vec<&str> {
    let mut keys: Vec<&str> = requests.iter().map(|seen| seen.path.rsplit('/').next().unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn assert_only_gets(requests: &[Seen]) {
    for seen in requests {
        assert!(seen.method == "GET" && seen.query.is_empty() && seen.status == Some(206), "{seen:?}");
        assert!(!seen.range().is_empty(), "{seen:?}");
    }
}

#[rstest]
#[case::a_cog("landsat.tif", "12/656/1583")]
#[case::a_cog_with_a_mask("bahamas.tif", "9/144/221")]
#[case::floats("colorado.tif", "13/1658/3131")]
#[case::floats_far_out("colorado.tif", "9/103/195")]
#[case::a_vrt_with_overviews("relief/relief.vrt", "5/17/11@2x")]
#[case::the_world("relief/relief.vrt", "0/0/0")]
#[case::classes("landcover/landcover.vrt", "4/8/5")]
#[case::elevation("elevation/elevation.vrt", "4/3/6")]
#[case::across_180_degrees("elevation/elevation.vrt", "2/0/1")]
fn a_tile_from_s3_is_the_one_from_disk(#[case] source: &str, #[case] tile: &str) {
    let folder = buckets();
    let s3 = S3::start(folder.path(""));
    let remote = on(&s3, &layer(&format!("s3://maps/{source}")));
    let allow = format!("[storage]\nallow = ['{}']\n", demo());
    let local = Maps::from_toml(&(allow + &layer(&format!("{}/{source}", demo()))));
    for query in ["", "resampling=nearest", "resampling=average"] {
        assert_eq!(remote.npy(tile, query), local.npy(tile, query), "{query}");
    }
    assert_only_gets(&s3.requests());
}

#[test]
fn a_cold_tile_of_a_cog_takes_a_request_for_the_header_and_one_round_trip_for_its_blocks() {
    let folder = buckets();
    let s3 = S3::start(folder.path(""));
    s3.set_latency(LATENCY);
    let maps = on(&s3, &layer("s3://maps/landsat.tif"));
    let tile = maps.get("/tiles/it/12/656/1583.png").ok();
    let requests = s3.requests();
    assert_only_gets(&requests);
    assert_eq!(requests[0].range(), HEADER);
    assert_eq!(requests.iter().filter(|seen| seen.range() == HEADER).count(), 1, "the header is read once");
    assert_eq!(s3.round_trips(), 2);
    s3.forget();
    assert_eq!(maps.get("/tiles/it/12/656/1583.png").ok(), tile);
    assert_eq!(s3.requests().len(), 0, "what is in the cache is not asked for again");
    maps.get("/tiles/it/11/328/790@2x.png").ok();
    assert_eq!(s3.round_trips(), 1, "with the header at hand, one round trip brings the blocks of all parts of a tile");
}

#[test]
fn a_mask_comes_with_the_blocks() {
    let folder = buckets();
    let s3 = S3::start(folder.path(""));
    s3.set_latency(LATENCY);
    on(&s3, &layer("s3://maps/bahamas.tif")).get("/tiles/it/9/144/221.png").ok();
    assert_eq!(s3.round_trips(), 2);
}

#[rstest]
#[case::relative_names("")]
#[case::names_of_gdal("/vsis3/mosaic/")]
fn a_cold_tile_of_a_vrt_takes_the_vrt_and_what_it_touches_of_its_sources_together(#[case] prefix: &str) {
    let nine = Nine::new(prefix);
    let s3 = nine.s3();
    s3.set_latency(LATENCY);
    let maps = on(&s3, &layer("s3://mosaic/all.vrt"));
    let start = Instant::now();
    let tile = maps.npy(&Nine::corner_tile(2.0), "resampling=nearest");
    let elapsed = start.elapsed();
    assert_eq!(tile.valid_count(), 256 * 256);
    let requests = s3.requests();
    assert_only_gets(&requests);
    assert_eq!(keys(&requests), ["1-1.tif", "1-2.tif", "2-1.tif", "2-2.tif", "all.vrt"], "no other source");
    assert_eq!(requests.iter().filter(|seen| seen.path.ends_with("all.vrt")).count(), 1);
    assert_eq!(requests.iter().filter(|seen| seen.range() == HEADER).count(), 4);
    assert_eq!(s3.round_trips(), 3, "the VRT, the headers, the blocks");
    assert!(elapsed < 4 * LATENCY, "{elapsed:?}");
    s3.forget();
    maps.npy(&Nine::corner_tile(1.0), "resampling=nearest");
    assert_eq!(s3.round_trips(), 2, "the headers of the new ones, and the blocks");
}

#[test]
fn eight_cold_tiles_at_once_do_not_take_eight_times_one() {
    let nine = Nine::new("");
    let s3 = nine.s3();
    s3.set_latency(LATENCY);
    let tiles: Vec<String> = (0..8).map(|index| Nine::corner_tile(0.4 + 0.3 * f64::from(index))).collect();
    let one = on(&s3, &layer("s3://mosaic/all.vrt"));
    let start = Instant::now();
    one.npy(&tiles[4], "");
    let alone = start.elapsed();
    let eight = on(&s3, &layer("s3://mosaic/all.vrt"));
    let start = Instant::now();
    thread::scope(|scope| {
        for tile in &tiles {
            scope.spawn(|| eight.npy(tile, ""));
        }
    });
    assert!(start.elapsed() < 2 * alone, "{:?} for eight, {alone:?} for one", start.elapsed());
}

#[test]
fn fifty_requests_for_one_cold_tile_are_one_for_the_store() {
    let nine = Nine::new("");
    let s3 = nine.s3();
    on(&s3, &layer("s3://mosaic/all.vrt")).npy(&Nine::corner_tile(2.0), "");
    let alone = s3.requests().len();
    s3.forget();
    s3.set_latency(LATENCY);
    let maps = on(&s3, &layer("s3://mosaic/all.vrt"));
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| maps.npy(&Nine::corner_tile(2.0), ""));
        }
    });
    assert_eq!(s3.requests().len(), alone);
}

#[test]
fn a_vrt_of_a_vrt_is_followed() {
    let nine = Nine::new("");
    let outer = std::fs::read_to_string(nine.folder.path("mosaic/all.vrt")).unwrap();
    let head = &outer[..outer.find("<SimpleSource>").unwrap()];
    let whole = "xOff=\"0\" yOff=\"0\" xSize=\"1536\" ySize=\"1536\"";
    let text = format!(
        "{head}<SimpleSource><SourceFilename relativeToVRT=\"1\">./all.vrt</SourceFilename>\
         <SourceBand>1</SourceBand><SrcRect {whole}/><DstRect {whole}/></SimpleSource></VRTRasterBand></VRTDataset>"
    );
    nine.folder.write("mosaic/outer.vrt", &text);
    let s3 = nine.s3();
    s3.set_latency(LATENCY);
    let tile = Nine::corner_tile(2.0);
    let inner = on(&s3, &layer("s3://mosaic/all.vrt")).npy(&tile, "resampling=nearest");
    s3.forget();
    assert_eq!(on(&s3, &layer("s3://mosaic/outer.vrt")).npy(&tile, "resampling=nearest"), inner);
    assert_eq!(s3.round_trips(), 4, "both VRTs, the headers, the blocks");
}

#[test]
fn zooming_out_reads_overviews_only() {
    let folder = buckets();
    let s3 = S3::start(folder.path(""));
    on(&s3, &layer("s3://maps/landsat.tif")).get("/tiles/it/8/41/98.png").ok();
    let bytes: u64 = s3.requests().iter().map(|seen| length(seen.range())).sum();
    assert!(bytes < 300_000, "{bytes} of 1.1 MB were read for the smallest overview");
}

fn length(range: &str) -> u64 {
    let (start, end) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    end.parse::<u64>().unwrap() - start.parse::<u64>().unwrap() + 1
}

#[test]
fn files_beside_an_object_are_looked_for_where_the_layer_says_so() {
    let nine = Nine::new("");
    let path = nine.folder.path("mosaic/0-0.tif");
    let corner = [Nine::LEFT, Nine::TOP];
    Tiff::new(&nine.folder.path("mosaic/0-0.tif.ovr"), [256, 256], "EPSG:3857", corner, 2.0 * Nine::CELL)
        .write(|_, _| 77_u8);
    assert!(Path::new(&path).exists());
    let s3 = nine.s3();
    let source = layer("s3://mosaic/0-0.tif");
    let without = on(&s3, &source).get("/layers/it").ok();
    assert_eq!(keys(&s3.requests()), ["0-0.tif"]);
    let with = on(&s3, &(source + "sidecars = true")).get("/layers/it").ok();
    let overviews = |body: &[u8]| serde_json::from_slice::<serde_json::Value>(body).unwrap()["overviews"].to_string();
    assert_eq!((overviews(&without).as_str(), overviews(&with).as_str()), ("[]", "[2]"));
}

#[test]
fn the_requester_pays_for_the_layers_that_say_so_and_for_no_other() {
    let nine = Nine::new("");
    let s3 = nine.s3();
    let layers = "[layers.it]\nsource = 's3://mosaic/all.vrt'\nrequester_pays = true\n\
                  [layers.free]\nsource = 's3://mosaic/all.vrt'\n";
    let maps = on(&s3, layers);
    let tile = Nine::corner_tile(1.0);
    maps.get(&format!("/tiles/free/{tile}")).ok();
    assert!(s3.requests().iter().all(|seen| seen.request_payer().is_empty()));
    s3.forget();
    maps.get(&format!("/tiles/it/{}", Nine::corner_tile(2.0))).ok();
    assert!(s3.requests().iter().all(|seen| seen.request_payer() == "requester"));
}

#[test]
fn a_wrong_key_is_an_error_that_does_not_tell_it() {
    let folder = buckets();
    let s3 = S3::start(folder.path(""));
    let mut environment = s3.environment();
    environment.retain(|(name, _)| name != "AWS_SECRET_ACCESS_KEY");
    environment.push(("AWS_SECRET_ACCESS_KEY".to_owned(), "not-the-key".to_owned()));
    let maps = Setup { environment, ..Setup::default() }.maps(&layer("s3://maps/landsat.tif"));
    let answer = maps.refused("12/656/1583", "");
    assert_eq!((answer.status, answer.header("cache-control")), (502, "no-store"));
    assert!(!answer.detail().contains("key"), "{}", answer.detail());
}

#[test]
fn plain_http_to_a_store_has_to_be_allowed() {
    let folder = buckets();
    let s3 = S3::start(folder.path(""));
    let mut environment = s3.environment();
    environment.retain(|(name, _)| name != "AWS_ALLOW_HTTP");
    let maps = Setup { environment, ..Setup::default() }.maps(&layer("s3://maps/landsat.tif"));
    assert_eq!(maps.refused("12/656/1583", "").status, 502);
    assert_eq!(s3.requests().len(), 0);
}

#[test]
fn an_absent_object_is_an_error_and_not_an_empty_tile() {
    let nine = Nine::new("");
    std::fs::remove_file(nine.folder.path("mosaic/1-1.tif")).unwrap();
    let s3 = nine.s3();
    let maps = on(&s3, &(layer("s3://mosaic/all.vrt") + "[layers.gone]\nsource = 's3://mosaic/gone.tif'\n"));
    assert_eq!(maps.get("/tiles/gone/1/0/0").status, 502);
    let answer = maps.refused(&Nine::corner_tile(2.0), "");
    assert_eq!((answer.status, answer.header("cache-control")), (502, "no-store"));
}

/// Google's and Azure's stores are HTTP servers to whoever may read without a signature.
#[rstest]
#[case::google("gs://maps/landsat.tif", &["GOOGLE_BASE_URL"], &[("GOOGLE_SKIP_SIGNATURE", "true"), ("GOOGLE_ALLOW_HTTP", "true")])]
#[case::azure("az://maps/landsat.tif", &["AZURE_STORAGE_ENDPOINT"], &[("AZURE_SKIP_SIGNATURE", "true"), ("AZURE_ALLOW_HTTP", "true"), ("AZURE_STORAGE_ACCOUNT_NAME", "account")])]
#[case::google_as_gdal_has_it("/vsigs/maps/landsat.tif", &["GOOGLE_BASE_URL"], &[("GOOGLE_SKIP_SIGNATURE", "true"), ("GOOGLE_ALLOW_HTTP", "true")])]
fn other_stores_are_read_alike(#[case] source: &str, #[case] address: &[&str], #[case] settings: &[(&str, &str)]) {
    let folder = buckets();
    let web = Web::start(folder.path(""));
    let endpoint = format!("http://{}", web.address());
    let mut environment: Vec<(String, String)> =
        address.iter().map(|name| ((*name).to_owned(), endpoint.clone())).collect();
    environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let allow = format!("[storage]\nallow = ['{}', '{}']\n", demo(), source.trim_end_matches("landsat.tif"));
    let text = format!("{allow}{}[layers.local]\nsource = '{}/landsat.tif'\n", layer(source), demo());
    let maps = Setup { environment, ..Setup::default() }.maps(&text);
    assert_eq!(maps.get("/tiles/it/12/656/1583").ok(), maps.get("/tiles/local/12/656/1583").ok());
    assert_only_gets(&web.requests());
}

#[test]
fn a_url_keeps_its_query_and_nobody_is_told_it() {
    let folder = buckets();
    let web = Web::start(folder.path(""));
    let address = web.address();
    let text = format!(
        "[storage]\nallow = ['http://{address}/maps/']\n[layers.it]\nsource = '{}?token=secret'\n\
         [layers.gone]\nsource = '{}?token=secret'\n",
        web.url("maps/landsat.tif"),
        web.url("maps/gone.tif"),
    );
    let maps = Setup::default().maps(&text);
    maps.get("/tiles/it/12/656/1583").ok();
    assert!(web.requests().iter().all(|seen| seen.query == "token=secret"));
    for path in ["/layers/it", "/layers", "/layers/gone", "/tiles/gone/1/0/0"] {
        assert!(!String::from_utf8_lossy(&maps.get(path).body).contains("secret"), "{path}");
    }
}

#[test]
fn the_configuration_may_be_an_object_and_its_paths_start_from_it() {
    let nine = Nine::new("");
    nine.folder.write("mosaic/cogwheel.toml", "[layers.it]\nsource = 'all.vrt'\n");
    let s3 = nine.s3();
    let server = Server::start("s3://mosaic/cogwheel.toml", &s3.environment());
    let local = Maps::from_toml(&layer(&nine.folder.path("mosaic/all.vrt")));
    let tile = Nine::corner_tile(2.0);
    assert_eq!(server.npy(&tile, ""), local.npy(&tile, ""));
}

#[test]
fn credentials_come_from_the_profile() {
    let nine = Nine::new("");
    let config = nine.folder.write("cogwheel.toml", &layer("s3://mosaic/all.vrt"));
    let keys = format!("[surveys]\naws_access_key_id = {}\naws_secret_access_key = {}\n", S3::KEY, S3::SECRET);
    let credentials = nine.folder.write("credentials", &keys);
    let s3 = nine.s3();
    let own = [
        ("AWS_ENDPOINT_URL", s3.endpoint()),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_PROFILE", "surveys".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", credentials),
        ("AWS_CONFIG_FILE", nine.folder.path("no-config")),
    ];
    let server = Server::start(&config, &own.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(server.npy(&Nine::corner_tile(2.0), "").valid_count(), 256 * 256);
}
