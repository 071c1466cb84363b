//! Who may call from a browser, and what is compressed.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rstest::rstest;

use crate::server::{Answer, Server, Shared, layer};

const TILE: &str = "/tiles/rgb/11/1081/737.png";

fn layers() -> String {
    [layer("rgb", "rgb_smooth_3857.tif", ""), layer("broken", "broken_block.tif", "")].concat()
}

fn server() -> Arc<Server> {
    static SHARED: Shared = Shared::new();
    SHARED.get(|| Server::of(&layers()))
}

fn list(answer: &Answer, name: &str) -> Vec<String> {
    let values = answer.headers.iter().filter(|(known, _)| known == name);
    values.flat_map(|(_, value)| value.split(',').map(|one| one.trim().to_lowercase()).collect::<Vec<_>>()).collect()
}

#[rstest]
#[case("GET", TILE, 200)]
#[case("HEAD", TILE, 200)]
#[case("GET", "/tiles/rgb/11/1081/737.npy", 200)]
#[case("GET", "/layers", 200)]
#[case("GET", "/layers/rgb/tilejson.json", 200)]
#[case("GET", "/layers/rgb/point/10.1,44.95", 200)]
#[case("GET", "/colorMaps/viridis?format=png", 200)]
#[case("GET", "/healthz", 200)]
#[case("GET", "/", 200)]
#[case("GET", "/static/app.js", 200)]
#[case("GET", "/tiles/rgb/99/0/0", 400)]
#[case("GET", "/tiles/%FF/0/0/0", 400)]
#[case("GET", "/tiles/nope/0/0/0", 404)]
#[case("GET", "/nope", 404)]
#[case("POST", TILE, 405)]
#[case("GET", "/tiles/broken/10/540/360", 502)]
fn any_origin_may_read_every_answer(#[case] method: &str, #[case] path: &str, #[case] status: u16) {
    let answer = server().send(method, path, &[("Origin", "https://maps.example"), ("Content-Length", "0")]);
    assert_eq!(answer.status, status);
    assert_eq!(list(&answer, "access-control-allow-origin"), ["*"]);
    let exposed = list(&answer, "access-control-expose-headers");
    assert!(
        ["etag", "x-request-id", "retry-after"].iter().all(|name| exposed.iter().any(|known| known == name)),
        "{exposed:?}"
    );
    assert!(!answer.has("access-control-allow-credentials"));
}

#[test]
fn a_304_has_the_cors_headers() {
    let tag = server().get(TILE).ok().header("etag").to_owned();
    let answer = server().send("GET", TILE, &[("Origin", "https://maps.example"), ("If-None-Match", &tag)]);
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (304, "*"));
}

#[rstest]
fn a_preflight_is_answered(
    #[values("GET", "HEAD", "POST")] method: &str,
    #[values("/layers", TILE, "/layers/rgb/counts", "/layers/rgb/crosstab/broken")] path: &str,
) {
    let headers = [
        ("Origin", "https://maps.example"),
        ("Access-Control-Request-Method", method),
        ("Access-Control-Request-Headers", "content-type, x-request-id"),
    ];
    let answer = server().send("OPTIONS", path, &headers);
    assert!([200, 204].contains(&answer.status), "{}", answer.status);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(list(&answer, "access-control-allow-methods").contains(&method.to_lowercase()), "{:?}", answer.headers);
    let allowed = list(&answer, "access-control-allow-headers");
    assert!(allowed.iter().any(|name| name == "*" || name == "content-type"), "{allowed:?}");
}

/// A server for two origins.
fn restricted() -> Arc<Server> {
    static SHARED: Shared = Shared::new();
    let env = [("COGWHEEL_CORS_ORIGINS", "https://a.example, http://b.example:3000")];
    SHARED.get(|| Server::with(&layers(), &env))
}

#[rstest]
#[case("https://a.example", "https://a.example")]
#[case("http://b.example:3000", "http://b.example:3000")]
#[case("http://b.example", "")]
#[case("http://a.example", "")]
#[case("https://a.example.evil.example", "")]
#[case("https://A.example", "")]
#[case("null", "")]
fn a_configured_list_lets_in_only_its_own(#[case] origin: &str, #[case] allowed: &str) {
    for (path, status) in [(TILE, 200), ("/layers", 200), ("/nope", 404)] {
        let answer = restricted().send("GET", path, &[("Origin", origin)]);
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, allowed));
        // one address, several answers: a shared cache must know
        assert!(list(&answer, "vary").contains(&"origin".to_owned()), "{path}: {:?}", answer.headers);
    }
}

#[test]
fn without_an_origin_a_restricted_server_answers_and_varies() {
    let answer = restricted().get(TILE).ok();
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert!(list(&answer, "vary").contains(&"origin".to_owned()), "{:?}", answer.headers);
}

#[rstest]
#[case("*")]
#[case("https://a.example,*")]
#[case("https://a.example, *")]
#[case(" * ")]
fn a_star_among_the_origins_means_all(#[case] origins: &str) {
    let server = Server::with(&layers(), &[("COGWHEEL_CORS_ORIGINS", origins)]);
    let answer = server.send("GET", "/healthz", &[("Origin", "https://maps.example")]);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
}

#[test]
fn no_origins_at_all_means_none() {
    let server = Server::with(&layers(), &[("COGWHEEL_CORS_ORIGINS", "")]);
    let answer = server.send("GET", "/healthz", &[("Origin", "https://maps.example")]).ok();
    assert!(!answer.has("access-control-allow-origin"));
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut child = Command::new("gzip").arg("-dc").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let feeder = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    assert!(output.status.success());
    output.stdout
}

#[rstest]
#[case("/layers/rgb")]
#[case("/colorMaps")]
#[case("/colorMaps/viridis")]
fn long_json_is_compressed_for_who_asks(#[case] path: &str) {
    let plain = server().get(path).ok();
    assert!(!plain.has("content-encoding") && plain.body.len() > 1_024);
    let packed = server().send("GET", path, &[("Accept-Encoding", "gzip, deflate, br, zstd")]).ok();
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(gunzip(&packed.body), plain.body);
    assert!(packed.body.len() < plain.body.len());
    assert_eq!(packed.header("content-type"), "application/json");
    for answer in [&plain, &packed] {
        assert!(list(answer, "vary").contains(&"accept-encoding".to_owned()), "{:?}", answer.headers);
    }
}

#[rstest]
#[case("gzip;q=0")]
#[case("identity")]
#[case("br")]
#[case("")]
fn who_does_not_take_gzip_gets_none(#[case] accepted: &str) {
    let answer = server().send("GET", "/colorMaps", &[("Accept-Encoding", accepted)]).ok();
    assert!(!answer.has("content-encoding"));
    answer.json();
}

#[rstest]
#[case(TILE)]
#[case("/tiles/rgb/11/1081/737.npy")]
#[case("/tiles/rgb/8/3/200.png")]
#[case("/colorMaps/viridis?format=png&width=2048&height=900")]
#[case("/healthz")] // too short to be worth it
fn tiles_and_pictures_are_never_compressed(#[case] path: &str) {
    let plain = server().get(path).ok();
    let answer = server().send("GET", path, &[("Accept-Encoding", "gzip")]).ok();
    assert!(!answer.has("content-encoding") && !answer.has("transfer-encoding"), "{:?}", answer.headers);
    assert_eq!(answer.body, plain.body);
}
