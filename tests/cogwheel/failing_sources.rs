//! The rest of DESIGN's error table: sources that are broken, missing or slow, and tiles without data.
//!
//! "No data here" and "could not read" are different things up to the status and the cache header.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::server::{Folder, Server, Shared, layer};
use crate::status_table::assert_is_error;
use crate::support::Picture;
use crate::support::geo::ALIGNED;
use crate::support::web::{Fault, Web};

/// Far from every fixture.
const NOWHERE: &str = "8/3/200";

fn server() -> Arc<Server> {
    static SHARED: Shared = Shared::new();
    let layers = [
        layer("truncated", "broken_truncated.tif", ""),
        layer("block", "broken_block.tif", ""),
        layer("missing", "vrt/missing_source.vrt", ""),
        layer("header", "broken_header.tif", ""),
        layer("text", "not_a_raster.txt", ""),
        layer("absent", "there_is_no_such_file.tif", ""),
        layer("folder", "vrt", ""),
        layer("no_crs", "no_crs.tif", ""),
        layer("gaps", "vrt/gaps.vrt", ""),
        layer("floats", "nodata_f32_tolerance.tif", "cache_control = 'public, max-age=11'"),
        layer("rgb", "rgb_smooth_3857.tif", ""),
    ];
    SHARED.get(|| Server::of(&layers.concat()))
}

#[rstest]
#[case("header")]
#[case("text")]
#[case("absent")]
#[case("folder")]
#[case("no_crs")]
fn a_source_that_cannot_be_opened_is_a_502_everywhere(#[case] name: &str) {
    let server = server();
    for path in [
        format!("/tiles/{name}/{ALIGNED}.png"),
        format!("/tiles/{name}/{ALIGNED}.npy"),
        format!("/tiles/{name}/{NOWHERE}.png"),
        format!("/layers/{name}"),
        format!("/layers/{name}/tilejson.json"),
        format!("/layers/{name}/legend.png"),
        format!("/layers/{name}/point/10,47"),
    ] {
        let answer = server.get(&path);
        let detail = assert_is_error(&answer, 502, "source_unreadable");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(detail.contains(&format!("\"{name}\"")), "{detail}");
    }
}

#[rstest]
#[case("truncated", "10/540/360", "nearest")]
#[case("truncated", "11/1080/721", "nearest")]
#[case("truncated", "9/270/180", "average")]
#[case("truncated", "0/0/0", "bilinear")]
#[case("block", "10/540/360", "bilinear")]
#[case("block", "11/1081/721", "nearest")]
#[case("block", "8/135/90", "mode")]
#[case("missing", "10/540/360", "nearest")]
#[case("missing", "11/1081/721", "cubic")]
#[case("missing", "7/67/45", "nearest")]
fn a_tile_that_needs_an_unreadable_block_is_a_502_and_never_empty(
    #[case] name: &str, #[case] tile: &str, #[case] kernel: &str, #[values("png", "npy")] format: &str,
) {
    let server = server();
    // the first failure must not change the second answer: GDAL remembers sources that failed
    for _ in 0..3 {
        let answer = server.get(&format!("/tiles/{name}/{tile}.{format}?resampling={kernel}"));
        let detail = assert_is_error(&answer, 502, "source_unreadable");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!(detail.contains(&format!("\"{name}\"")), "{detail}");
    }
}

#[rstest]
#[case("truncated", "12/2160/1440")] // well inside the good quadrants
#[case("block", "12/2160/1443")]
#[case("missing", "12/2160/1440")]
#[case("truncated", "11/1080/720")] // the good quadrants, whose edges are those of the bad blocks
#[case("block", "11/1080/721")]
#[case("missing", "11/1080/720")]
fn the_readable_part_of_a_broken_source_is_served(#[case] name: &str, #[case] tile: &str) {
    let path = format!("/tiles/{name}/{tile}.png?resampling=nearest");
    assert!(!Picture::parse(&server().get(&path).ok().body).is_transparent());
}

#[test]
fn a_point_on_an_unreadable_block_is_a_502() {
    // the middle of the bottom right quadrant of tile 10/540/360
    let answer = server().get("/layers/block/point/10.1,46.86");
    assert_is_error(&answer, 502, "source_unreadable");
    assert_eq!(server().get("/layers/block/point/9.9,46.98").ok().json()["values"].as_array().unwrap().len(), 1);
}

#[test]
fn the_log_says_why_once_with_the_id_that_the_caller_has() {
    let server = Server::of(&layer("block", "broken_block.tif", ""));
    // whoever opens a layer has a line about it: that is not to be the request in question
    server.get("/layers/block").ok();
    let answer = server.send("GET", &format!("/tiles/block/{ALIGNED}"), &[("X-Request-Id", "looked-for-7")]);
    assert_eq!(answer.header("x-request-id"), "looked-for-7");
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("looked-for-7")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("broken_block.tif") && lines[0].contains("ERROR"), "{}", lines[0]);
    assert!(!log.contains('\u{1b}'), "colours are for terminals, not for files: {log}");
}

#[test]
fn a_source_that_comes_back_is_served_without_a_restart() {
    let folder = Folder::new();
    folder.write("cogwheel.toml", "[layers.late]\nsource = 'five.tif'");
    let server = Server::start(folder, &[]);
    assert_is_error(&server.get(&format!("/tiles/late/{ALIGNED}.png")), 502, "source_unreadable");
    server.folder.copy("vrt/five.tif");
    let tile = server.get(&format!("/tiles/late/{ALIGNED}.png")).ok();
    assert!(!Picture::parse(&tile.body).is_transparent());
}

#[test]
fn a_tile_without_data_is_one_transparent_png_kept_like_any_tile() {
    let server = server();
    let [gaps, floats] = ["gaps", "floats"].map(|layer| server.get(&format!("/tiles/{layer}/{NOWHERE}.png")).ok());
    assert_eq!(gaps.body, floats.body, "all layers share it");
    let gap = server.get("/tiles/gaps/12/2162/1440.png?resampling=nearest").ok();
    assert_eq!(gap.body, gaps.body, "inside the bounds as well");
    assert!(gaps.body.len() < 1_000, "{} bytes", gaps.body.len());
    let picture = Picture::parse(&gaps.body);
    assert!(picture.is_transparent() && picture.width == 256);
    assert_eq!(gaps.header("content-type"), "image/png");
    assert_eq!(gaps.header("cache-control"), "public, max-age=3600");
    assert_eq!(floats.header("cache-control"), "public, max-age=11");
    assert!(gaps.has("etag"));
    let large = Picture::parse(&server.get(&format!("/tiles/gaps/{NOWHERE}@2x.png?tilesize=512")).ok().body);
    assert!(large.is_transparent() && large.width == 1024);
}

#[rstest]
#[case("204")]
#[case("404")]
fn another_status_of_empty_tiles_can_be_configured(#[case] status: &str) {
    let server = Server::with(&layer("gaps", "vrt/gaps.vrt", ""), &[("COGWHEEL_EMPTY_TILE", status)]);
    let answer = server.get(&format!("/tiles/gaps/{NOWHERE}.png"));
    if status == "404" {
        assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("empty_tile")));
        assert_eq!(answer.header("content-type"), "application/json");
    } else {
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert!(!answer.has("content-type"), "there is no content");
    }
    // raw values have no such convention, and a tile with data is what it was
    assert_eq!(server.get(&format!("/tiles/gaps/{NOWHERE}.npy")).status, 200);
    assert_eq!(server.get(&format!("/tiles/gaps/{ALIGNED}.png")).status, 200);
    assert_eq!(answer.header("cache-control"), "public, max-age=3600", "DESIGN: cached as a tile");
}

#[test]
fn a_status_of_empty_tiles_that_is_none_is_refused_at_start() {
    let output = crate::server::cogwheel().env("COGWHEEL_EMPTY_TILE", "418").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("200, 204 or 404"));
}

/// A server with a source that hangs until the test lets go of it, beside one that works.
fn with_a_hanging_source(threads: &str) -> (Server, Web) {
    let web = Web::start(crate::support::fixtures().join("vrt"));
    web.misbehave(|_, _| Fault::Stall);
    let folder = Folder::new();
    folder.write(
        "cogwheel.toml",
        format!(
            "[storage]\nallow = ['http://{}/', '{}']\n[layers.slow]\nsource = '{}'\n{}",
            web.address(),
            crate::support::fixtures().display(),
            web.url("five.tif"),
            layer("rgb", "rgb_smooth_3857.tif", "")
        ),
    );
    (Server::start(folder, &[("COGWHEEL_REQUEST_TIMEOUT_S", "1"), ("COGWHEEL_THREADS", threads)]), web)
}

#[test]
fn a_request_that_takes_too_long_is_a_503_with_retry_after() {
    let (server, _web) = with_a_hanging_source("2");
    let start = Instant::now();
    let answer = server.get(&format!("/tiles/slow/{ALIGNED}.png"));
    assert!((1.0..5.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    assert_is_error(&answer, 503, "busy");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1), "{:?}", answer.headers);
}

#[test]
fn a_source_that_hangs_does_not_hold_up_the_others() {
    let (server, _web) = with_a_hanging_source("2");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(server.get(&format!("/tiles/slow/{ALIGNED}.png")).status, 503));
        }
        std::thread::sleep(Duration::from_millis(200));
        for path in ["/tiles/rgb/11/1081/737.png", "/layers/rgb", "/healthz", "/colorMaps"] {
            server.get(path).ok();
        }
    });
}

#[test]
fn the_catalogue_lists_a_source_that_hangs_as_an_error() {
    let (server, _web) = with_a_hanging_source("2");
    let body = server.get("/layers").ok().json();
    let layers = body["layers"].as_array().unwrap();
    let status = |id: &str| layers.iter().find(|layer| layer["id"] == id).unwrap()["status"].clone();
    assert_eq!((status("slow"), status("rgb")), ("error".into(), "ok".into()));
}

#[test]
fn a_source_that_stops_hanging_is_asked_again() {
    let (server, web) = with_a_hanging_source("2");
    assert_eq!(server.get(&format!("/tiles/slow/{ALIGNED}.png")).status, 503);
    web.misbehave(|_, _| Fault::None);
    let start = Instant::now();
    let status = loop {
        let status = server.get(&format!("/tiles/slow/{ALIGNED}.png")).status;
        if status == 200 || start.elapsed() > Duration::from_secs(10) {
            break status;
        }
    };
    assert_eq!(status, 200, "{}", server.log());
}
