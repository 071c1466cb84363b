//! The servers of the tests do what their names say, so that tests of the storage can trust them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt};
use rstest::rstest;

use crate::support::Answer;
use crate::support::made::Folder;
use crate::support::s3::S3;
use crate::support::served::Seen;
use crate::support::web::{Fault, Listener, Web};

const TEXT: &str = "0123456789";

/// What a busy machine may need for one answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with a bucket and an object in it.
fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("bucket")).unwrap();
    folder.write("bucket/digits", TEXT);
    folder
}

/// One of the two servers, without signatures.
enum Either {
    Web(Web),
    S3(S3),
}

impl Either {
    fn start(name: &str, folder: &Folder) -> Self {
        match name {
            "web" => Self::Web(Web::start(folder.path(""))),
            _ => Self::S3(S3::anonymous(folder.path(""))),
        }
    }

    fn address(&self) -> SocketAddr {
        match self {
            Self::Web(web) => web.address(),
            Self::S3(s3) => s3.endpoint().trim_start_matches("http://").parse().unwrap(),
        }
    }

    fn requests(&self) -> Vec<Seen> {
        match self {
            Self::Web(web) => web.requests(),
            Self::S3(s3) => s3.requests(),
        }
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let (bytes, end) = exchange(self.address(), &request(method, path, headers));
        end.unwrap();
        parse(&bytes)
    }
}

fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} /{path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n")
}

/// What came back, and how it ended.
fn exchange(address: SocketAddr, request: &str) -> (Vec<u8>, io::Result<usize>) {
    exchange_within(PATIENCE, address, request)
}

fn exchange_within(patience: Duration, address: SocketAddr, request: &str) -> (Vec<u8>, io::Result<usize>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    (answer, end)
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let status = head.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
    let headers: HeaderMap = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
        .collect();
    Answer { status, headers, body: Bytes::copy_from_slice(&bytes[end + 4..]) }
}

#[rstest]
#[case::none("", 200, TEXT, "")]
#[case::from_to("Range: bytes=2-4\r\n", 206, "234", "bytes 2-4/10")]
#[case::to_beyond_the_end("Range: bytes=7-70\r\n", 206, "789", "bytes 7-9/10")]
#[case::open("Range: bytes=9-\r\n", 206, "9", "bytes 9-9/10")]
#[case::suffix("Range: bytes=-3\r\n", 206, "789", "bytes 7-9/10")]
#[case::suffix_longer_than_the_file("Range: bytes=-300\r\n", 206, TEXT, "bytes 0-9/10")]
fn a_range_is_answered_with_its_bytes(
    #[values("web", "s3")] server: &str, #[case] header: &str, #[case] status: u16, #[case] body: &str,
    #[case] range: &str,
) {
    let folder = folder();
    let answer = Either::start(server, &folder).ask("GET", "bucket/digits", header);
    assert_eq!((answer.status, &answer.body[..]), (status, body.as_bytes()));
    assert_eq!(answer.header("content-range"), range);
    assert_eq!(answer.header("content-length"), body.len().to_string());
    assert_eq!(answer.header("accept-ranges"), "bytes");
}

#[rstest]
fn a_range_beyond_the_end_is_refused(#[values("web", "s3")] server: &str) {
    let folder = folder();
    let answer = Either::start(server, &folder).ask("GET", "bucket/digits", "Range: bytes=10-12\r\n");
    assert_eq!(answer.status, 416);
}

#[rstest]
#[case::key("bucket/nothing")]
#[case::folder("bucket")]
#[case::bucket("no-bucket/digits")]
#[case::outside("bucket/../../digits")]
fn what_is_not_there_is_not_found(#[values("web", "s3")] server: &str, #[case] path: &str) {
    let folder = folder();
    let server = Either::start(server, &folder);
    // a bucket is something else to S3
    if !(matches!(server, Either::S3(_)) && path == "bucket") {
        assert_eq!(server.ask("GET", path, "").status, 404);
        assert_eq!(server.requests()[0].status, Some(404));
    }
}

#[rstest]
fn an_etag_is_that_of_the_content(#[values("web", "s3")] server: &str) {
    let folder = folder();
    let server = Either::start(server, &folder);
    let ask = |headers: &str| server.ask("GET", "bucket/digits", headers);
    let etag = ask("").header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() > 8, "{etag} is strong");
    assert_eq!(ask("Range: bytes=1-2\r\n").header("etag"), etag);
    assert_eq!(ask(&format!("If-Match: {etag}\r\n")).status, 200);
    assert_eq!(ask("If-Match: *\r\n").status, 200);
    assert_eq!(ask("If-Match: \"other\"\r\n").status, 412);
    let unchanged = ask(&format!("If-None-Match: {etag}\r\n"));
    assert_eq!((unchanged.status, unchanged.body.len(), unchanged.header("etag")), (304, 0, etag.as_str()));

    // at once, so that neither its size nor perhaps its time is another
    folder.write("bucket/digits", "9876543210");
    let changed = ask(&format!("If-None-Match: {etag}\r\n"));
    assert_eq!((changed.status, &changed.body[..]), (200, b"9876543210".as_slice()));
    assert_ne!(changed.header("etag"), etag);
    assert_eq!(ask(&format!("If-Match: {etag}\r\nRange: bytes=1-2\r\n")).status, 412);
    folder.write("bucket/digits", TEXT);
    assert_eq!(ask("").header("etag"), etag);
}

#[rstest]
fn head_is_get_without_a_body(#[values("web", "s3")] server: &str) {
    let folder = folder();
    let server = Either::start(server, &folder);
    let (head, get) = (server.ask("HEAD", "bucket/digits", ""), server.ask("GET", "bucket/digits", ""));
    assert_eq!((head.status, head.body.len()), (200, 0));
    for name in ["content-length", "etag", "last-modified"] {
        assert!(!head.header(name).is_empty(), "{name}");
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(head.header("content-length"), "10");
    assert!(head.header("last-modified").ends_with(" GMT"));
    assert_eq!(server.ask("HEAD", "bucket/digits", "If-Match: \"other\"\r\n").status, 412);
    let etag = format!("If-None-Match: {}\r\n", get.header("etag"));
    assert_eq!(server.ask("HEAD", "bucket/digits", &etag).status, 304);
    assert_eq!(server.ask("HEAD", "bucket/nothing", "").status, 404);
}

#[rstest]
fn what_was_asked_is_seen(#[values("web", "s3")] server: &str) {
    let folder = folder();
    folder.write("bucket/a b+c", TEXT);
    let server = Either::start(server, &folder);
    let before = Instant::now();
    let headers = "Range: bytes=0-1\r\nIf-Match: *\r\nx-amz-request-payer: requester\r\n";
    assert_eq!(server.ask("GET", "bucket/a%20b+c?versionId=null", headers).status, 206);
    let [seen] = &server.requests()[..] else { panic!("one request") };
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", "/bucket/a%20b+c"));
    assert_eq!((seen.query.as_str(), seen.range(), seen.if_match()), ("versionId=null", "bytes=0-1", "*"));
    assert_eq!((seen.request_payer(), seen.header("x-other")), ("requester", ""));
    let end = seen.end.unwrap();
    assert!(before < seen.start && seen.start < end && end < Instant::now());
    assert_eq!(seen.status, Some(206));
}

#[rstest]
fn a_server_that_is_dropped_takes_no_connection(#[values("web", "s3")] server: &str) {
    let folder = folder();
    let server = Either::start(server, &folder);
    let address = server.address();
    let mut idle = TcpStream::connect(address).unwrap();
    drop(server);
    assert!(matches!(idle.read(&mut [0]), Ok(0) | Err(_)), "what was open is closed");
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

/// A client of the bucket, led by the server's environment.
fn client(s3: &S3, change: impl FnOnce(AmazonS3Builder) -> AmazonS3Builder) -> AmazonS3 {
    // an error says that another test was first
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = s3.environment().into_iter().fold(AmazonS3Builder::new(), |builder, (key, value)| {
        builder.with_config(key.to_lowercase().parse::<AmazonS3ConfigKey>().unwrap(), value)
    });
    change(builder).with_bucket_name("bucket").build().unwrap()
}

/// The object `digits`.
async fn digits(client: &AmazonS3, options: GetOptions) -> Result<Bytes, Error> {
    client.get_opts(&"digits".into(), options).await?.bytes().await
}

#[tokio::test]
async fn s3_answers_who_signs_rightly_and_nobody_else() {
    let folder = folder();
    let s3 = S3::start(folder.path(""));
    let signed = client(&s3, |builder| builder);
    assert_eq!(digits(&signed, GetOptions::new()).await.unwrap(), TEXT);
    assert_eq!(signed.get_range(&"digits".into(), 2..5).await.unwrap(), "234");
    let etag = signed.head(&"digits".into()).await.unwrap().e_tag.unwrap();
    assert_eq!(digits(&signed, GetOptions::new().with_if_match(Some(etag))).await.unwrap(), TEXT);
    let other = digits(&signed, GetOptions::new().with_if_match(Some("\"other\""))).await;
    assert!(matches!(other, Err(Error::Precondition { .. })), "{other:?}");
    s3.forget();
    let payer = client(&s3, |builder| builder.with_request_payer(true));
    assert_eq!(digits(&payer, GetOptions::new()).await.unwrap(), TEXT);
    assert_eq!(s3.requests()[0].request_payer(), "requester");

    for wrong in [
        client(&s3, |builder| builder.with_secret_access_key("wrong")),
        client(&s3, |builder| builder.with_access_key_id("NOBODY")),
        client(&s3, |builder| builder.with_skip_signature(true)),
    ] {
        s3.forget();
        let refused = digits(&wrong, GetOptions::new()).await;
        assert!(matches!(refused, Err(Error::PermissionDenied { .. })), "{refused:?}");
        assert_eq!(s3.requests()[0].status, Some(403));
    }
}

#[tokio::test]
async fn anonymous_s3_answers_who_does_not_sign() {
    let folder = folder();
    let s3 = S3::anonymous(folder.path(""));
    assert_eq!(digits(&client(&s3, |builder| builder), GetOptions::new()).await.unwrap(), TEXT);
    assert_eq!(s3.requests()[0].header("authorization"), "");
}

#[tokio::test]
async fn round_trips_count_what_does_not_overlap() {
    let folder = folder();
    let s3 = S3::start(folder.path(""));
    let client = client(&s3, |builder| builder);
    let latency = Duration::from_millis(250);
    s3.set_latency(latency);
    let start = Instant::now();
    for _ in 0..2 {
        digits(&client, GetOptions::new()).await.unwrap();
    }
    assert!(start.elapsed() >= 2 * latency);
    assert_eq!((s3.round_trips(), s3.most_at_once(), s3.requests().len()), (2, 1, 2));
    let get = || digits(&client, GetOptions::new());
    let (a, b, c) = tokio::join!(get(), get(), get());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!((s3.round_trips(), s3.most_at_once(), s3.requests().len()), (3, 3, 5));
    s3.forget();
    assert_eq!((s3.round_trips(), s3.most_at_once(), s3.requests().len()), (0, 0, 0));
}

#[test]
fn requests_that_come_one_after_the_other_never_overlap() {
    let folder = folder();
    let (web, s3) = (Either::start("web", &folder), Either::start("s3", &folder));
    for server in [&web, &s3] {
        for _ in 0..200 {
            server.ask("GET", "bucket/digits", "");
        }
    }
    let (Either::Web(web), Either::S3(s3)) = (web, s3) else { panic!("one of each") };
    assert_eq!((web.round_trips(), web.most_at_once()), (200, 1));
    assert_eq!((s3.round_trips(), s3.most_at_once()), (200, 1));
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let folder = folder();
    let web = Web::start(folder.path("bucket"));
    assert_eq!(web.url("/digits"), format!("http://{}/digits", web.address()));
    let keep = "GET /digits HTTP/1.1\r\nHost: here\r\n\r\n";
    let (bytes, end) = exchange(web.address(), &format!("{keep}{keep}{}", request("GET", "nothing", "")));
    end.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert_eq!((web.connections(), web.requests().len(), web.most_at_once()), (1, 3, 1));
    web.forget();
    assert_eq!((web.connections(), web.requests().len()), (0, 0));
    exchange(web.address(), &request("GET", "digits", "")).1.unwrap();
    assert_eq!((web.connections(), web.requests().len()), (1, 1));
}

#[test]
fn only_get_and_head_are_known_to_the_web_server() {
    let folder = folder();
    assert_eq!(Either::start("web", &folder).ask("DELETE", "bucket/digits", "").status, 405);
}

/// The answer with a fault to a request for bytes 2 to 5, and how it ended.
fn with_fault(fault: Fault) -> (Web, Vec<u8>, io::Result<usize>) {
    let folder = folder();
    let web = Web::start(folder.path("bucket"));
    web.misbehave(move |_, _| fault.clone());
    let (bytes, end) = exchange(web.address(), &request("GET", "digits", "Range: bytes=2-5\r\nIf-Match: *\r\n"));
    (web, bytes, end)
}

#[rstest]
#[case::none(Fault::None, 206, "2345", [("content-range", "bytes 2-5/10"), ("content-length", "4")])]
#[case::delay(Fault::Delay(Duration::from_millis(50)), 206, "2345", [("location", ""), ("content-length", "4")])]
#[case::truncate(Fault::Truncate(1), 206, "2", [("content-range", "bytes 2-5/10"), ("content-length", "4")])]
#[case::truncate_everything(Fault::Truncate(0), 206, "", [("content-range", "bytes 2-5/10"), ("content-length", "4")])]
#[case::long_length(Fault::LongLength, 206, "2345", [("content-range", "bytes 2-5/10"), ("content-length", "1004")])]
#[case::status(Fault::Status(503), 503, "", [("content-range", ""), ("content-length", "0")])]
#[case::wrong_range(Fault::WrongRange, 206, "2345", [("content-range", "bytes 3-6/10"), ("content-length", "4")])]
#[case::ignore_range(Fault::IgnoreRange, 200, TEXT, [("content-range", ""), ("content-length", "10")])]
#[case::etag(Fault::ETag("\"other\"".to_owned()), 206, "2345", [("etag", "\"other\""), ("content-length", "4")])]
#[case::no_etag(Fault::NoETag, 206, "2345", [("etag", ""), ("content-length", "4")])]
#[case::redirect(Fault::Redirect("http://there/".to_owned()), 302, "", [("location", "http://there/"), ("etag", "")])]
fn a_fault_is_in_the_answer(
    #[case] fault: Fault, #[case] status: u16, #[case] body: &str, #[case] headers: [(&str, &str); 2],
) {
    let (web, bytes, end) = with_fault(fault);
    end.unwrap();
    let answer = parse(&bytes);
    assert_eq!((answer.status, &answer.body[..]), (status, body.as_bytes()));
    for (name, value) in headers {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(web.requests()[0].status, Some(status));
    assert!(web.requests()[0].end.is_some());
}

#[test]
fn a_weak_etag_is_the_right_one_marked_as_weak() {
    let (_, right, _) = with_fault(Fault::None);
    let (_, weak, _) = with_fault(Fault::WeakETag);
    assert_eq!(parse(&weak).header("etag"), format!("W/{}", parse(&right).header("etag")));
}

#[test]
fn a_delay_is_before_the_answer() {
    let start = Instant::now();
    let (web, ..) = with_fault(Fault::Delay(Duration::from_millis(80)));
    assert!(start.elapsed() >= Duration::from_millis(80));
    let seen = &web.requests()[0];
    assert!(seen.end.unwrap() - seen.start >= Duration::from_millis(80));
}

#[rstest]
#[case::closed_before_answering(Fault::Close, 0, None)]
#[case::reset_before_answering(Fault::Reset, 0, Some(ErrorKind::ConnectionReset))]
#[case::reset_after_the_headers(Fault::ResetAfter(0), 0, Some(ErrorKind::ConnectionReset))]
#[case::reset_in_the_body(Fault::ResetAfter(3), 3, Some(ErrorKind::ConnectionReset))]
fn a_connection_ends_as_the_fault_says(#[case] fault: Fault, #[case] body: usize, #[case] error: Option<ErrorKind>) {
    let answers = !matches!(fault, Fault::Close | Fault::Reset);
    let (web, bytes, end) = with_fault(fault);
    assert_eq!(end.err().map(|error| error.kind()), error);
    assert_eq!(!bytes.is_empty(), answers);
    if answers {
        let answer = parse(&bytes);
        assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (206, "4", body));
    }
    assert_eq!(web.requests()[0].status, answers.then_some(206));
    assert!(web.requests()[0].end.is_some());
}

#[test]
fn a_stalled_answer_is_headers_and_silence() {
    let folder = folder();
    let web = Web::start(folder.path("bucket"));
    web.misbehave(|_, _| Fault::Stall);
    let (bytes, end) = exchange_within(Duration::from_millis(500), web.address(), &request("GET", "digits", ""));
    assert_eq!(end.unwrap_err().kind(), ErrorKind::WouldBlock, "the connection is still there");
    let answer = parse(&bytes);
    assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (200, "10", 0));
    assert_eq!(web.requests()[0].status, Some(200));
}

#[rstest]
fn a_request_is_under_way_until_its_client_gives_up(#[values("web", "s3")] server: &str) {
    let folder = folder();
    let server = Either::start(server, &folder);
    match &server {
        Either::Web(web) => web.misbehave(|_, _| Fault::Stall),
        Either::S3(s3) => s3.set_latency(PATIENCE),
    }
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(request("GET", "bucket/digits", "").as_bytes()).unwrap();
    let ends = || server.requests().into_iter().map(|seen| seen.end.is_some()).collect::<Vec<_>>();
    let start = Instant::now();
    while ends().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(ends(), [false]);
    drop(stream);
    while ends() == [false] {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(start.elapsed() < PATIENCE, "S3 did not only end when the latency did");
}

#[test]
fn garbage_is_not_http() {
    let (web, bytes, end) = with_fault(Fault::Garbage);
    end.unwrap();
    assert!(!bytes.starts_with(b"HTTP") && !bytes.is_empty());
    assert_eq!(web.requests()[0].status, None);
}

#[test]
fn an_endless_answer_does_not_end() {
    let folder = folder();
    let web = Web::start(folder.path("bucket"));
    web.misbehave(|_, _| Fault::Endless);
    let mut stream = TcpStream::connect(web.address()).unwrap();
    stream.write_all(request("GET", "digits", "Range: bytes=2-5\r\n").as_bytes()).unwrap();
    let mut bytes = vec![0; 30_000_000];
    stream.read_exact(&mut bytes).unwrap();
    let answer = parse(&bytes);
    assert_eq!((answer.status, answer.header("content-range")), (206, "bytes 2-5/10"));
    assert_eq!((answer.header("transfer-encoding"), answer.header("content-length")), ("chunked", ""));
    assert!(answer.body.starts_with(b"10000\r\n\0\0\0"));
    assert_eq!(answer.body[7 + 65_536..][..9], *b"\r\n10000\r\n");
}

#[test]
fn a_fault_may_depend_on_the_request_and_on_its_number() {
    let folder = folder();
    let web = Web::start(folder.path("bucket"));
    let status = |path: &str| parse(&exchange(web.address(), &request("GET", path, "")).0).status;
    assert_eq!(status("digits"), 200);
    web.misbehave(|seen, number| match (seen.path.as_str(), number) {
        ("/digits", 0 | 2) => Fault::Status(500),
        _ => Fault::None,
    });
    assert_eq!(["digits", "digits", "digits", "digits"].map(status), [500, 200, 500, 200]);
    web.misbehave(|seen, number| if seen.path == "/digits" && number < 2 { Fault::Status(500) } else { Fault::None });
    assert_eq!(["nothing", "digits", "digits"].map(status), [404, 500, 200]);
}

#[test]
fn requests_of_several_connections_are_answered_at_once() {
    let folder = folder();
    let web = Web::start(folder.path("bucket"));
    web.misbehave(|_, _| Fault::Delay(Duration::from_millis(500)));
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| exchange(web.address(), &request("GET", "digits", "")));
        }
    });
    assert_eq!((web.most_at_once(), web.round_trips(), web.connections()), (5, 1, 5));
}

#[test]
fn a_listener_counts_who_connects() {
    let listener = Listener::start();
    let addresses = listener.addresses();
    assert!(addresses[0].is_ipv4() && addresses.iter().all(|address| address.port() == addresses[0].port()));
    assert_eq!(listener.connections(), 0);
    for (index, address) in addresses.iter().enumerate() {
        let _connection = TcpStream::connect(address).unwrap();
        assert_eq!(listener.connections(), index + 1);
    }
    assert_eq!(listener.connections(), addresses.len());
    assert_eq!(addresses[0].ip(), Ipv4Addr::LOCALHOST);
}
