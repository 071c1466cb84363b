//! A store that fails, at every step of a read: there comes the right tile, or an error that nobody keeps. A wrong
//! tile never comes, nor an empty one, and once the store is well again all is well.

mod crowds;
mod replaced;

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use rstest::rstest;

use crate::support::geo::{ALIGNED_CELL_M, ALIGNED_CORNER};
use crate::support::made::{Folder, Tiff};
use crate::support::served::Seen;
use crate::support::web::{Fault, Web};
use crate::support::{Answer, Maps, Setup};

/// Columns and rows of a source, in blocks that are pages of the storage's cache. It has more bytes than its header.
const SIDE: usize = 512;

/// Columns and rows of the mosaic of four before the first tile, which shows a corner of each.
const BEFORE: usize = 384;

const SOURCES: [&str; 4] = ["a.tif", "b.tif", "c.tif", "d.tif"];

/// Two tiles of the mosaic: as its sources are, and half as large, of their overviews.
const TILES: [&str; 2] = ["10/540/360", "9/270/180"];

/// More than any answer needs that comes at all.
const PATIENCE: Duration = Duration::from_mins(1);

/// Long enough for a good answer on a busy machine.
const IMPATIENCE: Duration = Duration::from_secs(2);

/// What a busy machine may add to a time limit.
const LATENESS: Duration = Duration::from_secs(4);

/// Cases that run at once: they mostly wait.
const CASES_AT_ONCE: usize = 24;

/// Writes a source whose every pixel tells where it is and in which version.
fn raster(folder: &Folder, name: &str, version: usize, [col, row]: [usize; 2]) {
    let [left, top] = ALIGNED_CORNER;
    let offset = |pixels: usize| (pixels as f64 - BEFORE as f64) * ALIGNED_CELL_M;
    let path = folder.path(name);
    let tiff = Tiff {
        options: &["COMPRESS=NONE", "BLOCKXSIZE=128", "BLOCKYSIZE=128"],
        ..Tiff::new(&path, [SIDE; 2], "EPSG:3857", [left + offset(col), top - offset(row)], ALIGNED_CELL_M)
    };
    let start = version * 101 + col / 8 + row / 4;
    tiff.write(|x, y| ((start + x * 3 + y * 7 + x * y % 61) % 255 + 1) as u8);
    tiff.build_overviews("NEAREST", &[2, 4]);
}

/// Where each source is in the mosaic.
fn places() -> impl Iterator<Item = (&'static str, [usize; 2])> {
    SOURCES.into_iter().zip([[0, 0], [SIDE, 0], [0, SIDE], [SIDE, SIDE]])
}

/// Writes four sources and their mosaic; a prefix and a version tell them from others.
fn mosaic(folder: &Folder, prefix: &str, version: usize) {
    let mut sources = String::new();
    for (name, [col, row]) in places() {
        let name = format!("{prefix}{name}");
        raster(folder, &name, version, [col, row]);
        let source = format!(
            "<SimpleSource><SourceFilename relativeToVRT=\"1\">{name}</SourceFilename><SourceBand>1</SourceBand>\
             <SrcRect xOff=\"0\" yOff=\"0\" xSize=\"{SIDE}\" ySize=\"{SIDE}\"/>\
             <DstRect xOff=\"{col}\" yOff=\"{row}\" xSize=\"{SIDE}\" ySize=\"{SIDE}\"/></SimpleSource>"
        );
        sources.push_str(&source);
    }
    let ([left, top], cell, before) = (ALIGNED_CORNER, ALIGNED_CELL_M, BEFORE as f64 * ALIGNED_CELL_M);
    let text = format!(
        "<VRTDataset rasterXSize=\"{0}\" rasterYSize=\"{0}\"><SRS>EPSG:3857</SRS>\
         <GeoTransform>{1}, {cell}, 0, {2}, 0, -{cell}</GeoTransform>\
         <VRTRasterBand dataType=\"Byte\" band=\"1\">{sources}</VRTRasterBand></VRTDataset>",
        2 * SIDE,
        left - before,
        top + before
    );
    folder.write(&format!("{prefix}mosaic.vrt"), &text);
}

/// Layers `it0`, `it1` ... over files of a web server; `it` when there is one.
fn config(web: &Web, files: &[&str]) -> String {
    let layer = |(index, file): (usize, &&str)| {
        let index = if files.len() == 1 { String::new() } else { index.to_string() };
        format!("[layers.it{index}]\nsource = '{}'\n", web.url(file))
    };
    let layers: String = files.iter().enumerate().map(layer).collect();
    format!("[storage]\nallow = ['{}']\n{layers}", web.url(""))
}

fn maps(web: &Web, file: &str, timeout: Duration) -> Maps {
    Setup { timeout, ..Setup::default() }.maps(&config(web, &[file]))
}

fn tile(maps: &Maps, tile: &str) -> Answer {
    maps.get(&format!("/tiles/it/{tile}.png"))
}

/// The status, if the answer is the right tile or an error that nobody keeps.
fn judge(answer: &Answer, right: &Bytes) -> Result<u16, String> {
    let (caching, retry) = (answer.header("cache-control"), answer.header("retry-after"));
    match answer.status {
        200 if answer.body != *right => Err("a wrong tile".to_owned()),
        200 if caching != "public, max-age=3600" => Err(format!("a tile with cache-control \"{caching}\"")),
        200 => Ok(200),
        status if caching != "no-store" => Err(format!("{status} with cache-control \"{caching}\"")),
        status if (status == 503) == retry.is_empty() => Err(format!("{status} with retry-after \"{retry}\"")),
        status @ (403 | 502 | 503) => Ok(status),
        status => Err(format!("{status}: {}", String::from_utf8_lossy(&answer.body))),
    }
}

/// Whether a range begins the file.
fn is_header(range: &str) -> bool {
    range.starts_with("bytes=0-")
}

/// Does something for each case, several at once; the cases that went wrong.
fn each<T: Sync>(cases: &[T], case: impl Fn(&T) -> Result<(), String> + Sync) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..CASES_AT_ONCE.min(cases.len()) {
            scope.spawn(|| {
                while let Some(one) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // first the case, then the lock
                    if let Err(what) = case(one) {
                        wrong.lock().unwrap().push(what);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

/// A mosaic in a folder, its tiles as they should be, and how many requests it takes to open it and read them.
struct Example {
    folder: Folder,
    right: [Bytes; 2],
    steps: usize,
}

impl Example {
    fn new() -> Self {
        let folder = Folder::new();
        mosaic(&folder, "", 0);
        let web = Web::start(folder.path(""));
        let remote = maps(&web, "mosaic.vrt", PATIENCE);
        let right = TILES.map(|one| tile(&remote, one).ok());
        let local = Maps::of(&folder.path("mosaic.vrt"));
        assert_eq!(right, TILES.map(|one| tile(&local, one).ok()), "the same file on a disk");
        let steps = web.requests().len();
        assert!(steps > 10, "{steps} requests: the mosaic, four headers, and blocks");
        Self { folder, right, steps }
    }

    /// Opens the mosaic and reads its tiles while `fault` says what is wrong with each answer, and once more when
    /// nothing is wrong any more. The worst status while something was wrong.
    fn run(&self, timeout: Duration, fault: impl Fn(usize) -> Fault + Send + Sync + 'static) -> Result<u16, String> {
        let web = Web::start(self.folder.path(""));
        let maps = maps(&web, "mosaic.vrt", timeout);
        web.misbehave(move |_, number| fault(number));
        let mut worst = 200;
        for (one, right) in TILES.iter().zip(&self.right) {
            let start = Instant::now();
            worst = worst.max(judge(&tile(&maps, one), right).map_err(|wrong| format!("{one}: {wrong}"))?);
            if start.elapsed() > timeout + LATENESS {
                return Err(format!("{one} took {:?}", start.elapsed()));
            }
        }
        web.misbehave(|_, _| Fault::None);
        for (one, right) in TILES.iter().zip(&self.right) {
            match judge(&tile(&maps, one), right).map_err(|wrong| format!("{one}, afterwards: {wrong}"))? {
                200 => {}
                status => return Err(format!("{one}, afterwards: {status}")),
            }
        }
        Ok(worst)
    }
}

/// Once it is survived (200) or reported, for ever it is one of these.
#[rstest]
#[case::a_500(Fault::Status(500), &[200], &[503])]
#[case::a_503(Fault::Status(503), &[200], &[503])]
#[case::a_504(Fault::Status(504), &[200], &[503])]
#[case::too_many_requests(Fault::Status(429), &[200], &[503])]
#[case::a_request_timeout(Fault::Status(408), &[200], &[503])]
#[case::a_closed_connection(Fault::Close, &[200], &[503])]
#[case::a_reset(Fault::Reset, &[200], &[503])]
#[case::a_body_that_never_begins(Fault::Truncate(0), &[200], &[503])]
#[case::a_body_that_is_cut(Fault::Truncate(300), &[200], &[503])]
#[case::a_reset_in_the_body(Fault::ResetAfter(300), &[200], &[503])]
#[case::a_body_shorter_than_its_length(Fault::LongLength, &[200], &[503])]
#[case::bytes_from_elsewhere(Fault::WrongRange, &[200], &[503])]
#[case::a_body_without_end(Fault::Endless, &[200], &[503])]
#[case::an_empty_206(Fault::Status(206), &[200], &[503])]
#[case::garbage(Fault::Garbage, &[200, 503], &[503])]
#[case::a_delay(Fault::Delay(Duration::from_millis(40)), &[200], &[200])]
#[case::silence_before_the_headers(Fault::Delay(PATIENCE), &[503], &[503])]
#[case::silence_before_the_body(Fault::Stall, &[503], &[503])]
#[case::the_whole_file(Fault::IgnoreRange, &[502], &[502])]
#[case::a_400(Fault::Status(400), &[502], &[502])]
#[case::a_401(Fault::Status(401), &[502], &[502])]
#[case::a_403(Fault::Status(403), &[502], &[502])]
#[case::a_404(Fault::Status(404), &[502], &[502])]
#[case::gone(Fault::Status(410), &[502], &[502])]
#[case::a_range_that_is_not_there(Fault::Status(416), &[502], &[502])]
#[case::another_version(Fault::Status(412), &[200, 502], &[502])]
#[case::nothing_new(Fault::Status(304), &[200, 502], &[502])]
#[case::a_200_of_nothing(Fault::Status(200), &[502], &[502])]
#[case::a_redirect_to_where_nothing_may_be_opened(Fault::Redirect("http://127.0.0.2/".to_owned()), &[403], &[403])]
#[case::another_etag(Fault::ETag("\"other\"".to_owned()), &[200], &[200])]
#[case::no_etag(Fault::NoETag, &[200], &[200])]
#[case::a_weak_etag(Fault::WeakETag, &[200], &[200])]
fn a_fault_at_any_step_gives_the_right_tile_or_an_error_that_nobody_keeps(
    #[case] fault: Fault, #[case] once: &[u16], #[case] always: &[u16],
) {
    let example = Example::new();
    let waits = matches!(fault, Fault::Stall) || matches!(fault, Fault::Delay(time) if time == PATIENCE);
    let cases: Vec<(usize, bool)> = (0..example.steps).flat_map(|step| [(step, false), (step, true)]).collect();
    let wrong = each(&cases, |(step, lasts)| {
        let (step, lasts, fault) = (*step, *lasts, fault.clone());
        let timeout = if lasts || waits { IMPATIENCE } else { PATIENCE };
        let faulty = move |number| number == step || lasts && number > step;
        let worst = example.run(timeout, move |number| if faulty(number) { fault.clone() } else { Fault::None });
        let expected = if lasts { always } else { once };
        match worst {
            Ok(status) if expected.contains(&status) => Ok(()),
            worst => Err(format!("{} step {step}: {worst:?}", if lasts { "from" } else { "at" })),
        }
    });
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn an_answer_that_stands_still_is_asked_for_again() {
    let example = Example::new();
    // all at once, because it takes the eight seconds of the storage each time
    let steps: Vec<usize> = (0..example.steps).collect();
    let wrong = each(&steps, |step| {
        let step = *step;
        let worst = example.run(PATIENCE, move |number| if number == step { Fault::Stall } else { Fault::None });
        if worst == Ok(200) { Ok(()) } else { Err(format!("at step {step}: {worst:?}")) }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// S3 denies what is not there to whoever may not list the bucket.
#[rstest]
#[case::not_there(404, 200)]
#[case::not_to_be_seen(403, 200)]
#[case::in_trouble(500, 503)]
#[case::not_understood(400, 502)]
fn a_file_beside_a_source_need_not_be_there(#[case] beside: u16, #[case] status: u16) {
    let example = Example::new();
    let web = Web::start(example.folder.path(""));
    let is_beside = |seen: &Seen| [".ovr", ".msk", ".aux.xml"].iter().any(|end| seen.path.ends_with(end));
    web.misbehave(move |seen, _| if is_beside(seen) { Fault::Status(beside) } else { Fault::None });
    let config = config(&web, &["a.tif"]) + "sidecars = true\n";
    let answer = Setup { timeout: PATIENCE, ..Setup::default() }.maps(&config).get("/layers/it");
    assert_eq!(answer.status, status);
    assert!(web.requests().iter().any(is_beside));
}

/// The fixed start of all that is random here.
const SEED: u64 = 0x0063_6f67_7768_6565;

/// What is wrong with the answer to a request: nothing, but for one in twenty.
fn random_fault(number: usize) -> Fault {
    let mut random = fastrand::Rng::with_seed(SEED.wrapping_add(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    if random.u32(..100) >= 5 {
        return Fault::None;
    }
    match random.u32(..16) {
        0 => Fault::Status(500),
        1 => Fault::Status(503),
        2 => Fault::Status(429),
        3 => Fault::Close,
        4 => Fault::Reset,
        5 | 6 => Fault::Truncate(random.u64(..40_000)),
        7 => Fault::ResetAfter(random.u64(..40_000)),
        8 => Fault::LongLength,
        9 => Fault::WrongRange,
        10 => Fault::ETag(format!("\"{number}\"")),
        11 => {
            if random.bool() {
                Fault::NoETag
            } else {
                Fault::WeakETag
            }
        }
        12 => Fault::Delay(Duration::from_millis(random.u64(..50))),
        13 => Fault::Garbage,
        14 => Fault::Endless,
        _ => {
            if random.bool() {
                Fault::IgnoreRange
            } else {
                Fault::Status(403)
            }
        }
    }
}

#[test]
fn ten_thousand_requests_under_random_faults_give_right_tiles_or_errors() {
    let folder = Folder::new();
    // forty layers, more than a worker keeps open: mosaics, and one source of each
    let mut files = Vec::new();
    for index in 0..20 {
        mosaic(&folder, &index.to_string(), index);
        files.extend([format!("{index}mosaic.vrt"), format!("{index}d.tif")]);
    }
    let web = Web::start(folder.path(""));
    let config = config(&web, &files.iter().map(String::as_str).collect::<Vec<_>>());
    let tile = |index: usize| match index % 2 {
        0 => format!("/tiles/it{index}/10/540/360.png?tilesize=64"),
        _ => format!("/tiles/it{index}/12/{}/1443.png?tilesize=64", 2162 + index / 2 % 4),
    };
    let paths: Vec<String> = (0..files.len()).map(tile).collect();
    let well = Setup::default().maps(&config);
    let right: Vec<Bytes> = paths.iter().map(|path| well.get(path).ok()).collect();
    assert_eq!(right.iter().collect::<HashSet<_>>().len(), paths.len(), "no tile is like another");
    web.forget();
    web.misbehave(|_, number| random_fault(number));
    let caches = Setup { cache_bytes: 256 << 10, block_cache_bytes: Some(0), ..Setup::default() };
    let maps = Setup { timeout: PATIENCE, ..caches }.maps(&config);
    let statuses = Mutex::new(BTreeMap::<u16, usize>::new());
    let mut random = fastrand::Rng::with_seed(SEED);
    let requests: Vec<usize> = (0..10_000).map(|_| random.usize(..paths.len())).collect();
    let wrong = each(&requests, |index| {
        let status = judge(&maps.get(&paths[*index]), &right[*index])?;
        *statuses.lock().unwrap().entry(status).or_default() += 1;
        Ok(())
    });
    let (statuses, asked) = (statuses.into_inner().unwrap(), web.requests().len());
    assert!(wrong.is_empty(), "{} are wrong, such as {}", wrong.len(), wrong[0]);
    assert!(statuses.keys().all(|status| [200, 502, 503].contains(status)), "{statuses:?}");
    assert!(statuses[&200] > 9_500, "{statuses:?}");
    assert!(asked > 10_000, "{asked} requests to the store are too few to try it");
    web.misbehave(|_, _| Fault::None);
    for (path, right) in paths.iter().zip(&right) {
        assert_eq!(judge(&maps.get(path), right), Ok(200), "{path}, afterwards");
    }
}
