//! Many clients at a slow store.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Example, LATENESS, PATIENCE, TILES, is_header, judge, maps, tile};
use crate::server::{Server, layer, request};
use crate::support::geo::{ALIGNED_CELL_M, ALIGNED_CORNER};
use crate::support::made::{Folder, Tiff};
use crate::support::served::{Background, Seen};
use crate::support::web::{Fault, Web};
use crate::support::{Maps, fixtures};

/// Two hundred reads of one block each: what a server takes that does nothing, and 16 reads.
const SLOW_MB: u64 = 100;

/// Reads of many parts: 50 MB for the process, 48 for decoded blocks, 32 for bytes of objects and twice that for those
/// under way, 80 for renders of remote layers and 32 for those of others.
const MANY_PARTS_MB: u64 = 300;

/// The real binary with a layer of a web server, `it`, and one of a file, `local`.
fn server(url: &str, settings: &[(&str, &str)]) -> Server {
    let (local, fixtures) = (layer("local", "rgb_smooth_3857.tif", ""), fixtures().display().to_string());
    let config = format!("[storage]\nallow = ['{url}', '{fixtures}']\n{local}[layers.it]\nsource = '{url}large.tif'\n");
    let settings: Vec<(&str, &str)> =
        [("COGWHEEL_LOG", "off"), ("COGWHEEL_THREADS", "2")].iter().chain(settings).copied().collect();
    Server::with(&config, &settings)
}

/// Writes `large.tif` without overviews, on the tile grid.
fn large(folder: &Folder, side: usize, compression: &str) {
    let options = &[compression, "BLOCKXSIZE=256", "BLOCKYSIZE=256"];
    let path = folder.path("large.tif");
    let tiff = Tiff { options, ..Tiff::new(&path, [side; 2], "EPSG:3857", ALIGNED_CORNER, ALIGNED_CELL_M) };
    tiff.write(|x, y| if (x * 79 + y * 23) % 13 == 0 { ((x * 31 + y * 17) % 251) as u8 } else { 7 });
}

/// A tile of one block of it.
fn block(index: usize) -> String {
    format!("/tiles/it/10/{}/{}.png?resampling=nearest", 540 + index % 16, 360 + index / 16)
}

/// Passes on what a server answers, in pieces with pauses between them.
fn drip(to: SocketAddr) -> (Background, SocketAddr) {
    async fn pass_on(mut client: TcpStream, to: SocketAddr) -> io::Result<()> {
        let mut server = TcpStream::connect(to).await?;
        let ((mut asked, mut back), (mut answered, mut on)) = (client.split(), server.split());
        let slowly = async {
            let mut piece = [0; 8192];
            loop {
                let length = answered.read(&mut piece).await?;
                if length == 0 {
                    return Ok(());
                }
                back.write_all(&piece[..length]).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            result = tokio::io::copy(&mut asked, &mut on) => result.map(drop),
            result = slowly => result,
        }
    }
    Background::serve(move |listener| async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass_on(client, to));
        }
    })
}

/// What the process has held at most, in megabytes.
#[cfg(target_os = "linux")]
fn peak_mb(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// Has two hundred clients ask at once, and looks after everybody else meanwhile: the clients' statuses, and the longest
/// that anybody else had to wait.
fn crowd(server: &Server, path: impl Fn(usize) -> String + Sync) -> (BTreeMap<u16, usize>, Duration) {
    std::thread::scope(|scope| {
        let path = &path;
        let clients: Vec<_> = (0..200).map(|index| scope.spawn(move || server.get(&path(index)).status)).collect();
        std::thread::sleep(Duration::from_millis(300));
        let mut longest = Duration::ZERO;
        for index in 0..20 {
            for path in ["/healthz".to_owned(), format!("/tiles/local/13/{}/2949.png", 4322 + index % 4)] {
                let start = Instant::now();
                server.get(&path).ok();
                longest = longest.max(start.elapsed());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut statuses = BTreeMap::new();
        for client in clients {
            *statuses.entry(client.join().unwrap()).or_default() += 1;
        }
        (statuses, longest)
    })
}

/// How a store is slow.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Slow {
    Late,
    Drips,
    Silent,
}

#[rstest]
#[case(Slow::Late, 200)]
#[case(Slow::Drips, 200)]
#[case(Slow::Silent, 503)]
#[cfg(target_os = "linux")]
fn two_hundred_slow_reads_take_little_memory_and_keep_nobody_else_waiting(#[case] slow: Slow, #[case] status: u16) {
    let folder = Folder::new();
    large(&folder, 4096, "COMPRESS=NONE");
    let web = Web::start(folder.path(""));
    let (_background, dripping) = drip(web.address());
    let url = if slow == Slow::Drips { format!("http://{dripping}/") } else { web.url("") };
    let server = server(&url, &[("COGWHEEL_REQUEST_TIMEOUT_S", if slow == Slow::Silent { "4" } else { "60" })]);
    server.get("/layers/it").ok();
    web.misbehave(move |_, _| match slow {
        Slow::Late => Fault::Delay(Duration::from_secs(1)),
        Slow::Drips => Fault::None,
        Slow::Silent => Fault::Stall,
    });
    let (statuses, longest) = crowd(&server, block);
    assert_eq!(statuses, [(status, 200)].into());
    assert!(longest < LATENESS, "{longest:?}");
    assert!(peak_mb(&server) < SLOW_MB, "{} MB", peak_mb(&server));
    web.misbehave(|_, _| Fault::None);
    server.get(&block(255)).ok();
}

#[test]
#[cfg(target_os = "linux")]
fn two_hundred_slow_reads_of_many_parts_neither_wait_for_each_other_nor_take_too_much_memory() {
    let folder = Folder::new();
    large(&folder, 8192, "COMPRESS=DEFLATE");
    let web = Web::start(folder.path(""));
    let server = server(&web.url(""), &[("COGWHEEL_REQUEST_TIMEOUT_S", "40")]);
    server.get("/layers/it").ok();
    web.misbehave(|_, _| Fault::Delay(Duration::from_secs(1)));
    // all of it, 64 MB of cells: 16 parts
    let (statuses, longest) = crowd(&server, |_| "/tiles/it/5/17/11.png".to_owned());
    assert_eq!(statuses, [(200, 200)].into());
    assert!(longest < 2 * LATENESS, "{longest:?}: the workers have other things to do");
    assert!(peak_mb(&server) < MANY_PARTS_MB, "{} MB", peak_mb(&server));
}

#[test]
fn requests_for_the_same_tile_ask_the_store_once() {
    let example = Example::new();
    let web = Web::start(example.folder.path(""));
    let maps = maps(&web, "mosaic.vrt", PATIENCE);
    web.misbehave(|_, _| Fault::Delay(Duration::from_millis(150)));
    for (one, right) in TILES.iter().zip(&example.right) {
        let statuses: Vec<_> = std::thread::scope(|scope| {
            let clients: Vec<_> = (0..50).map(|_| scope.spawn(|| judge(&tile(&maps, one), right))).collect();
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        assert!(statuses.iter().all(|status| *status == Ok(200)), "{one}: {statuses:?}");
    }
    assert_eq!(web.requests().len(), example.steps, "as many as for one client");
}

#[rstest]
fn a_client_that_gives_up_leaves_the_others_their_bytes(#[values(true, false)] opening: bool) {
    let folder = Folder::new();
    large(&folder, 4096, "COMPRESS=NONE");
    let web = Web::start(folder.path(""));
    // the server itself opens the layer at start, in vain where a client is to do it
    web.misbehave(move |_, _| if opening { Fault::Status(404) } else { Fault::None });
    let server = server(&web.url(""), &[]);
    assert_eq!(server.get("/layers/it").status, if opening { 502 } else { 200 });
    while opening && web.requests().iter().filter(|seen| seen.end.is_some()).count() < 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    web.forget();
    web.misbehave(|_, _| Fault::Delay(Duration::from_millis(700)));
    let mut first = server.connect().unwrap();
    first.write_all(&request("GET", &block(100), &[])).unwrap();
    let bodies: Vec<_> = std::thread::scope(|scope| {
        std::thread::sleep(Duration::from_millis(200));
        let clients: Vec<_> = (0..20).map(|_| scope.spawn(|| server.get(&block(100)).ok().body)).collect();
        std::thread::sleep(Duration::from_millis(200));
        drop(first);
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let right = Maps::of(&folder.path("large.tif")).get(&block(100)).ok();
    assert!(bodies.iter().all(|body| *body == right));
    let requests = web.requests();
    let asked: Vec<&str> = requests.iter().map(Seen::range).collect();
    assert!(asked.len() > 1 && asked[..2].iter().all(|range| is_header(range) == opening), "it gave up: {asked:?}");
    assert!(asked.len() < 8, "and the others did not ask each for themselves: {asked:?}");
}
