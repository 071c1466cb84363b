//! The real binary on a Lambda runtime that others wrote: `cargo lambda watch --only-lambda-apis`, requests through its
//! Function URL, and analyses whose chunks are invocations of a second function.

mod platform;

use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::{Value, json};

use crate::server::{ROOT, Server};
use crate::support::made::Folder;
use crate::support::s3::S3;
use platform::{Door, Instance, Platform, Refusal};

const TILE: &str = "/tiles/landsat/10/163/395.png";

/// More than a hundred chunks of the demo's land cover.
const SMALL_CHUNKS: (&str, &str) = ("COGWHEEL_CHUNK_CELLS", "50000");

/// Every analysis is sent out.
const FAN_OUT: [(&str, &str); 3] =
    [("COGWHEEL_CHUNK_FUNCTION", "chunk"), ("COGWHEEL_FAN_OUT_CELLS", "0"), SMALL_CHUNKS];

fn world() -> String {
    json!({ "type": "Polygon", "coordinates": [[[-170, -55], [170, -55], [170, 80], [10, 60], [-170, 80], [-170, -55]]] })
        .to_string()
}

/// A server with the same configuration: versions of layers depend on where it is.
fn server(environment: &[(&str, &str)]) -> Server {
    let config = format!("{ROOT}/cogwheel.toml");
    Server::demo_with(&[&[("COGWHEEL_CONFIG", config.as_str())], environment].concat())
}

/// What one process answers.
fn near(path: &str, body: &str) -> Vec<u8> {
    server(&[SMALL_CHUNKS]).post(path, body).ok().body
}

fn tiles_with(platform: &Platform, environment: &[(&str, &str)]) -> Instance {
    let all: Vec<(&str, &str)> = FAN_OUT.iter().chain(environment).copied().collect();
    platform.instance("tiles", &all)
}

fn chunks(platform: &Platform, count: usize) -> Vec<Instance> {
    (0..count).map(|_| platform.instance("chunk", &[])).collect()
}

#[test]
fn a_function_url_serves_what_a_server_serves() {
    let platform = Platform::start();
    let _tiles = platform.instance("tiles", &[]);
    let server = server(&[]);
    for path in
        [TILE, "/layers", "/layers/colorado", "/colorMaps/viridis", "/", "/tiles/elevation/3/4/2.npy", "/healthz"]
    {
        let (own, expected) = (platform.get(path), server.get(path).ok());
        assert_eq!(own.status, 200, "{path}: {}", own.excerpt());
        assert_eq!(own.header("content-type"), expected.header("content-type"), "{path}");
        assert_eq!(own.header("etag"), expected.header("etag"), "{path}");
        if path != "/healthz" {
            assert!(own.body == expected.body, "{path}: another body");
        }
    }
    for path in ["/tiles/nothing/0/0/0.png", "/tiles/landsat/3/9/9.png", "/tiles/landsat/0/0/0.png?rescale=x"] {
        let (own, expected) = (platform.get(path), server.get(path));
        assert_eq!((own.status, own.text()), (expected.status, expected.text()), "{path}");
    }
    let etag = server.get(TILE).header("etag").to_owned();
    let not_modified = platform.send("GET", TILE, &[("If-None-Match", &etag)], "");
    assert_eq!((not_modified.status, not_modified.body.len()), (304, 0));
    let zipped = platform.send("GET", "/layers/landcover", &[("Accept-Encoding", "gzip")], "");
    assert_eq!(zipped.header("content-encoding"), "gzip");
    assert_eq!(&zipped.body[..2], [0x1f, 0x8b]);
    assert_eq!(platform.send("HEAD", TILE, &[], "").status, 200);
}

#[test]
fn an_answer_that_lambda_cannot_carry_is_refused_with_its_size() {
    let platform = Platform::start();
    let _tiles = platform.instance("tiles", &[]);
    let too_large = platform.get("/tiles/relief/3/4/2@2x.npy?tilesize=1024");
    let text = too_large.text();
    assert_eq!((too_large.status, &too_large.json()["code"]), (413, &json!("too_large")), "{text}");
    // 2048 x 2048 pixels of three bands and a mask, and the header of the array, in base64.
    assert!(text.contains(&((2048_usize * 2048 * 4 + 128).div_ceil(3) * 4).to_string()), "{text}");
    assert!(text.contains("6291556") && text.contains("ask for less"), "{text}");
    // Just below: 1024 x 1024 pixels of three bands and a mask.
    let fits = platform.get("/tiles/relief/3/4/2.npy?tilesize=1024");
    assert_eq!((fits.status, fits.body.len()), (200, 1024 * 1024 * 4 + 128));
}

#[test]
#[expect(clippy::print_stdout, reason = "a figure of docs/PERFORMANCE.md")]
fn two_thousand_requests_do_not_let_an_instance_grow() {
    let platform = Platform::start();
    let tiles = platform.instance("tiles", &[]);
    let ask = |index: usize| {
        let (layer, zoom) = [("relief", 5), ("elevation", 5), ("landcover", 4), ("relief", 3)][index % 4];
        let kernel = ["bilinear", "cubic", "average", "nearest"][index / 4 % 4];
        let side = 1 << zoom;
        let (col, row) = (index * 7 % side, side / 4 + index * 3 % (side / 2));
        let form = if index.is_multiple_of(10) { "@2x.png" } else { ".png" };
        let kernel = if layer == "landcover" { "nearest" } else { kernel };
        let path = format!(
            "/tiles/{layer}/{zoom}/{col}/{row}{form}?resampling={kernel}&return_mask={}",
            index.is_multiple_of(2)
        );
        let answer = platform.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.excerpt());
    };
    (0..200).for_each(ask);
    let before = tiles.memory_mb("VmRSS");
    (200..400).for_each(ask);
    let after = tiles.memory_mb("VmRSS");
    assert!(after <= before + 12, "{before} MB became {after} MB");
    (400..2000).for_each(ask);
    let peak = tiles.memory_mb("VmHWM");
    println!("{after} MB after 400 tiles, at most {peak} MB in 2,000");
    assert!(peak < 128, "{peak} MB");
}

#[test]
fn four_instances_serve_side_by_side() {
    let platform = Platform::start();
    let _instances: Vec<Instance> = (0..4).map(|_| platform.instance("tiles", &[])).collect();
    let server = server(&[]);
    let expected = server.get(TILE).ok().body;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert!(platform.get(TILE).ok().body == expected);
                }
            });
        }
    });
}

#[rstest]
#[case::counts("/layers/landcover/counts?cell_rule=coverage")]
#[case::statistics("/layers/elevation/statistics?p=10&p=90")]
#[case::regions("/layers/landcover/extract/13?min_cells=20")]
#[case::pairs("/layers/landcover/crosstab/elevation")]
#[case::scores("/overlays/pressure/counts")]
fn an_analysis_on_many_instances_is_that_of_one_process_to_the_last_byte(#[case] path: &str) {
    let platform = Platform::start();
    let _tiles = tiles_with(&platform, &[]);
    let _chunks = chunks(&platform, 3);
    let far = platform.post(path, &world()).ok();
    let planned = far.json()["plan"]["chunks"].as_u64().unwrap();
    assert!(planned >= 20, "{planned} chunks");
    if path.starts_with("/layers/landcover/counts") {
        assert!(planned >= 100, "{planned} chunks");
    }
    assert!(far.body == near(path, &world()), "{path}: another answer");
}

/// From one chunk to most cells that the demo has.
#[test]
#[expect(clippy::print_stdout, reason = "figures of docs/PERFORMANCE.md")]
fn an_analysis_of_any_size_is_the_same_in_one_process_and_on_two_instances() {
    const PATH: &str = "/layers/landcover/counts";
    const ROUNDS: usize = 9;
    let platforms = [Platform::start(), Platform::start()];
    // Chunks as large as in one process by default.
    let _near = platforms[0].instance("tiles", &[]);
    let _far = platforms[1].instance("tiles", &[FAN_OUT[0], FAN_OUT[1], ("COGWHEEL_CHUNK_CELLS", "4194304")]);
    let _chunks = chunks(&platforms[1], 2);
    for (lon, lat) in [(2.5, 2.5), (25.0, 25.0), (50.0, 50.0), (170.0, 60.0)] {
        let ring = [[-lon, -lat], [lon, -lat], [lon, lat], [-lon, lat], [-lon, -lat]];
        let body = json!({ "type": "Polygon", "coordinates": [ring] }).to_string();
        let expected = platforms[0].post(PATH, &body).ok();
        let median = |platform: &Platform| {
            let time = |_| {
                let start = Instant::now();
                assert!(platform.post(PATH, &body).ok().body == expected.body, "another answer");
                start.elapsed()
            };
            let mut times: Vec<Duration> = (0..ROUNDS).map(time).collect();
            times.sort_unstable();
            times[ROUNDS / 2]
        };
        let [near, far] = platforms.each_ref().map(median);
        println!("{}: {near:?} in the process, {far:?} fanned out", expected.json()["plan"]);
    }
}

#[test]
fn what_a_chunk_refuses_is_refused_as_here() {
    let platform = Platform::start();
    let _tiles = tiles_with(&platform, &[("COGWHEEL_MAX_FEATURES", "3")]);
    let _chunks = chunks(&platform, 1);
    let refused = platform.post("/layers/landcover/crosstab/elevation", &world());
    assert_eq!((refused.status, &refused.json()["code"]), (413, &json!("too_large")), "{}", refused.text());
}

#[test]
fn without_an_instance_that_answers_there_is_no_answer_but_a_503() {
    let platform = Platform::start();
    let tiles = tiles_with(&platform, &[("COGWHEEL_CHUNK_TIMEOUT_S", "1"), ("COGWHEEL_REQUEST_TIMEOUT_S", "20")]);
    let [silent] = chunks(&platform, 1).try_into().ok().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    silent.0.signal("STOP");
    let start = Instant::now();
    let answer = platform.post("/layers/landcover/counts", &world());
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("busy")), "{}", answer.text());
    assert!(!answer.header("retry-after").is_empty());
    assert!(start.elapsed() < Duration::from_secs(10), "two attempts of a second took {:?}", start.elapsed());
    assert!(tiles.memory_mb("VmRSS") > 0, "the instance lives on");
    assert_eq!(platform.get(TILE).status, 200);
}

/// What happens to an instance that has a chunk in its hands.
#[rstest]
#[case::it_hangs(false)]
#[case::it_dies(true)]
fn a_chunk_that_an_instance_loses_is_done_by_another(#[case] dies: bool) {
    let platform = Platform::start();
    let _tiles = tiles_with(&platform, &[("COGWHEEL_CHUNK_TIMEOUT_S", "2"), ("COGWHEEL_REQUEST_TIMEOUT_S", "40")]);
    let [lost] = chunks(&platform, 1).try_into().ok().unwrap();
    // It has asked for work by now, and will be given some without ever doing it.
    std::thread::sleep(Duration::from_secs(1));
    lost.0.signal("STOP");
    let _others = chunks(&platform, 2);
    std::thread::sleep(Duration::from_millis(500));
    let path = "/layers/landcover/counts";
    let start = Instant::now();
    let answer = std::thread::scope(|scope| {
        let answer = scope.spawn(|| platform.post(path, &world()));
        std::thread::sleep(Duration::from_secs(1));
        if dies {
            lost.0.signal("KILL");
        }
        answer.join().unwrap()
    });
    assert!(answer.ok().body == near(path, &world()), "another answer");
    assert!(start.elapsed() >= Duration::from_secs(2), "no chunk was lost in {:?}", start.elapsed());
}

#[rstest]
#[case::without_capacity(Refusal::NoCapacity, 40)]
#[case::with_connections_that_end(Refusal::HangsUp, 40)]
#[case::that_fails_once(Refusal::Failed, 1)]
fn a_function_that_does_not_answer_is_asked_again(#[case] refusal: Refusal, #[case] refusals: usize) {
    let platform = Platform::start();
    let door = Door::start(&platform, refusals, refusal);
    let _tiles = tiles_with(&platform, &[("AWS_ENDPOINT_URL_LAMBDA", &format!("http://{}", door.address))]);
    let _chunks = chunks(&platform, 2);
    let path = "/layers/landcover/counts";
    assert!(platform.post(path, &world()).ok().body == near(path, &world()), "another answer");
    assert_eq!(door.turned_away(), refusals);
}

#[test]
fn a_function_that_keeps_failing_is_an_error_and_no_partial_sum() {
    let platform = Platform::start();
    let door = Door::start(&platform, usize::MAX, Refusal::Failed);
    let _tiles = tiles_with(&platform, &[("AWS_ENDPOINT_URL_LAMBDA", &format!("http://{}", door.address))]);
    let answer = platform.post("/layers/landcover/counts", &world());
    assert_eq!((answer.status, &answer.json()["code"]), (500, &json!("internal")), "{}", answer.text());
}

#[test]
fn throttling_without_an_end_is_a_503_in_time() {
    let platform = Platform::start();
    let door = Door::start(&platform, usize::MAX, Refusal::NoCapacity);
    let endpoint = format!("http://{}", door.address);
    let settings = [("COGWHEEL_CHUNK_TIMEOUT_S", "1"), ("COGWHEEL_REQUEST_TIMEOUT_S", "5")];
    let _tiles = tiles_with(&platform, &[("AWS_ENDPOINT_URL_LAMBDA", &endpoint), settings[0], settings[1]]);
    let start = Instant::now();
    let answer = platform.post("/layers/landcover/counts", &world());
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("busy")), "{}", answer.text());
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}

#[test]
fn small_analyses_stay_in_the_process() {
    let platform = Platform::start();
    // There is no instance of the chunk function at all.
    let _tiles = tiles_with(&platform, &[("COGWHEEL_FAN_OUT_CELLS", "30000000")]);
    assert_eq!(platform.post("/layers/landcover/counts", &world()).status, 200);
}

#[rstest]
#[case::no_envelope(json!({ "hello": 1 }))]
#[case::of_another_version(json!({ "version": 999, "packed": "" }))]
#[case::damaged(json!({ "version": 1, "packed": "AAAA" }))]
fn a_chunk_function_that_is_asked_nonsense_says_so_and_lives(#[case] event: Value) {
    let platform = Platform::start();
    let _tiles = tiles_with(&platform, &[]);
    let _chunk = chunks(&platform, 1);
    let answer = platform.invoke("chunk", &event.to_string());
    assert!(answer.json()["packed"].is_string() || answer.text().contains("error"), "{}", answer.text());
    assert_eq!(platform.post("/layers/landcover/counts", &world()).status, 200);
}

#[test]
fn streamed_answers_have_no_limit() {
    let platform = Platform::start();
    let _tiles = platform.instance("tiles", &[("COGWHEEL_STREAM_ANSWERS", "true")]);
    let server = server(&[]);
    for path in [TILE, "/layers/colorado", "/tiles/relief/3/4/2@2x.npy?tilesize=1024"] {
        let answer = platform.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.excerpt());
        assert!(answer.body == server.get(path).ok().body, "{path}: another body");
    }
}

/// Configuration and layers in a bucket, requests signed, 30 ms away.
#[test]
#[expect(clippy::print_stdout, reason = "a figure of docs/PERFORMANCE.md")]
fn an_instance_starts_from_a_bucket() {
    let buckets = Folder::new();
    std::os::unix::fs::symlink(format!("{ROOT}/data/demo"), buckets.path("maps")).unwrap();
    std::fs::create_dir(buckets.path("config")).unwrap();
    buckets.write("config/cogwheel.toml", "[layers.landsat]\nsource = 's3://maps/landsat.tif'\n");
    let s3 = S3::start(buckets.path(""));
    s3.set_latency(Duration::from_millis(30));
    let environment = s3.environment();
    let mut settings: Vec<(&str, &str)> =
        environment.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    settings.push(("COGWHEEL_CONFIG", "s3://config/cogwheel.toml"));
    let platform = Platform::start();
    let endpoint = format!("http://127.0.0.1:{}", platform.port);
    settings.push(("AWS_ENDPOINT_URL_LAMBDA", &endpoint));
    let start = Instant::now();
    let _tiles = platform.instance("tiles", &settings);
    let answer = platform.get("/tiles/landsat/8/41/98.png");
    let first = start.elapsed();
    assert_eq!(answer.status, 200, "{}", answer.excerpt());
    let trips = s3.round_trips();
    println!("exec to the first tile of a bucket 30 ms away: {first:?}, {trips} round trips");
    assert!(trips <= 4, "{trips} round trips");
    s3.forget();
    assert_eq!(platform.get("/tiles/landsat/8/41/98.png").status, 200);
    assert_eq!(s3.requests().len(), 0, "what was read is kept from one invocation to the next");
}
