//! SIGTERM and SIGINT: what is in flight is finished, nothing new is taken, and nobody can hold it up for ever.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::server::{Folder, ROOT, Server, cogwheel, read_answer, request};
use crate::support::web::{Fault, Web};

/// Slow enough to be in flight for a while: 2048 px, the widest kernel, cold.
fn slow_tile(index: u32) -> String {
    format!("/tiles/relief/2/{}/{}@2x.png?tilesize=1024&resampling=lanczos", index % 4, 1 + index / 4 % 2)
}

fn ask(server: &Server, path: &str) -> TcpStream {
    let mut stream = server.connect().unwrap();
    stream.write_all(&request("GET", path, &[])).unwrap();
    stream
}

/// The demo layers, with one second for each request.
fn impatient() -> Server {
    let mut command = cogwheel();
    Server::run(Folder::new(), command.args(["--port", "0"]).env("COGWHEEL_REQUEST_TIMEOUT_S", "1").current_dir(ROOT))
}

#[rstest]
fn requests_in_flight_are_finished_with_whole_bodies(#[values("TERM", "INT")] signal: &str) {
    let mut server = Server::demo();
    server.get("/layers").ok();
    let mut streams: Vec<TcpStream> = (0..8).map(|index| ask(&server, &slow_tile(index))).collect();
    std::thread::sleep(Duration::from_millis(150));
    server.process.signal(signal);
    std::thread::sleep(Duration::from_millis(100));
    assert!(server.process.wait(Duration::ZERO).is_none(), "something is still in flight");
    assert!(server.connect().is_err(), "a new connection is taken after the signal");
    for (index, stream) in streams.iter_mut().enumerate() {
        let answer = read_answer(stream, "GET").unwrap_or_else(|fault| panic!("request {index}: {fault}"));
        assert_eq!(answer.status, 200, "{}", answer.excerpt());
        assert!(answer.body.starts_with(b"\x89PNG") && answer.body.ends_with(b"IEND\xaeB`\x82"), "request {index}");
    }
    let status = server.process.wait(Duration::from_secs(20)).expect("it ends once all are answered");
    assert_eq!(status.code(), Some(0), "{}", server.log());
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[rstest]
#[case(b"")] // a browser's connection in reserve
#[case(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")] // kept alive
fn an_idle_connection_does_not_hold_it_up(#[case] sent: &[u8], #[values("TERM", "INT")] signal: &str) {
    let mut server = Server::demo();
    server.get("/healthz").ok();
    let mut stream = server.connect().unwrap();
    stream.write_all(sent).unwrap();
    if !sent.is_empty() {
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
    }
    std::thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    server.process.signal(signal);
    let status = server.process.wait(Duration::from_secs(10));
    assert_eq!(status.and_then(|status| status.code()), Some(0), "after {:?}", start.elapsed());
    drop(stream);
}

#[test]
fn a_request_that_never_ends_does_not_hold_it_up() {
    let mut server = impatient();
    let mut stream = server.connect().unwrap();
    stream.write_all(b"GET /layers HTTP/1.1\r\nHos").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    server.process.signal("TERM");
    let status = server.process.wait(Duration::from_secs(15));
    assert_eq!(status.and_then(|status| status.code()), Some(0));
    drop(stream);
}

#[test]
fn a_client_that_never_reads_does_not_hold_it_up() {
    let mut server = impatient();
    // 12 MB: more than the sockets take in
    let stream = ask(&server, "/tiles/landcover/1/0/0@4x.npy?tilesize=512&bidx=1&bidx=1&bidx=1");
    std::thread::sleep(Duration::from_millis(900));
    server.process.signal("TERM");
    let status = server.process.wait(Duration::from_secs(15));
    assert_eq!(status.and_then(|status| status.code()), Some(0));
    drop(stream);
}

/// A configuration whose only source never answers.
pub fn with_a_hanging_source() -> (Folder, Web) {
    let (folder, web) = (Folder::new(), Web::start(crate::support::fixtures()));
    web.misbehave(|_, _| Fault::Stall);
    let (address, source) = (web.address(), web.url("alpha_rgba.tif"));
    folder.write(
        "cogwheel.toml",
        format!("[storage]\nallow = ['http://{address}/']\n[layers.slow]\nsource = '{source}'"),
    );
    (folder, web)
}

#[test]
fn a_source_that_hangs_does_not_hold_it_up() {
    let (folder, _web) = with_a_hanging_source();
    let mut server = Server::start(folder, &[("COGWHEEL_REQUEST_TIMEOUT_S", "1")]);
    let mut stream = ask(&server, "/tiles/slow/0/0/0.png");
    std::thread::sleep(Duration::from_millis(100));
    server.process.signal("TERM");
    assert_eq!(read_answer(&mut stream, "GET").unwrap().status, 503, "its deadline ends it");
    let status = server.process.wait(Duration::from_secs(10));
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}

#[test]
fn it_stops_while_layers_are_still_being_opened() {
    let (folder, _web) = with_a_hanging_source();
    let mut server = Server::start(folder, &[]);
    server.get("/healthz").ok();
    server.process.signal("TERM");
    let status = server.process.wait(Duration::from_secs(10));
    assert_eq!(status.and_then(|status| status.code()), Some(0));
}

#[rstest]
fn a_signal_right_behind_the_first_line_is_obeyed(#[values("TERM", "INT")] signal: &str) {
    for _ in 0..10 {
        let mut server = Server::demo();
        server.process.signal(signal);
        let status = server.process.wait(Duration::from_secs(10)).unwrap();
        assert_eq!(status.code(), Some(0), "{status}: it said that it serves, but did not listen to signals yet");
    }
}
