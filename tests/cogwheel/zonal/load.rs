//! Analyses and tiles at once, of the real binary: tiles are answered, and memory stays small.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::made::{Folder, Tiff};
use crate::support::server::Server;

/// 108 million cells.
const SIZE: [usize; 2] = [12_000, 9_000];

/// Analyses at once.
const ANALYSES: usize = 10;

/// Tiles that are measured.
const TILES: usize = 150;

/// A tile of the raster after the other, each with colours of its own: none is kept.
fn tile(server: &Server, index: usize, round: usize) -> Duration {
    let (x, y) = (650 + index % 12, 1_530 + index / 12);
    let start = Instant::now();
    let path = format!("/tiles/it/12/{x}/{y}.png?rescale=0,{}", 50 + round * 1000 + index);
    let (status, body) = server.get(&path);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    start.elapsed()
}

/// Median, 99th percentile and longest.
fn summary(mut times: Vec<Duration>) -> [Duration; 3] {
    times.sort_unstable();
    [times[times.len() / 2], times[times.len() * 99 / 100], times[times.len() - 1]]
}

#[test]
fn ten_analyses_at_once_leave_tiles_their_turn_and_memory_alone() {
    let folder = Folder::new();
    let path = folder.path("it.tif");
    let raster = Tiff::new(&path, SIZE, "EPSG:4326", [-123.0, 42.0], 0.000_3);
    let options = ["COMPRESS=DEFLATE", "ZLEVEL=1", "BLOCKXSIZE=512", "BLOCKYSIZE=512"];
    Tiff { options: &options, ..raster }.write(|col, row| ((col / 30 + row / 20) % 90 + (col ^ row) % 3) as u8);
    let server = Server::of(&folder, &path, 2);
    let idle = summary((0..TILES).map(|index| tile(&server, index, 0)).collect());
    let before_mb = server.peak_mb();

    let shape = super::polygon(&[[-123.1, 39.2], [-119.5, 39.25], [-119.3, 42.1], [-122.9, 42.05]]).to_string();
    let (is_over, answered, start) = (AtomicBool::new(false), AtomicUsize::new(0), Barrier::new(ANALYSES + 1));
    let loaded = std::thread::scope(|scope| {
        for index in 0..ANALYSES {
            let (server, shape, is_over, answered, start) = (&server, &shape, &is_over, &answered, &start);
            scope.spawn(move || {
                start.wait();
                let what = ["counts", "statistics", "counts?cell_rule=coverage", "crosstab/it"][index % 4];
                while !is_over.load(Ordering::Relaxed) {
                    let (status, body) = server.post(&format!("/layers/it/{what}"), shape);
                    assert_eq!(status, 200, "{what}: {}", String::from_utf8_lossy(&body));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        start.wait();
        std::thread::sleep(Duration::from_millis(300));
        let loaded = summary((0..TILES).map(|index| tile(&server, index, 1)).collect());
        is_over.store(true, Ordering::Relaxed);
        loaded
    });
    let grown_mb = server.peak_mb() - before_mb;
    let answered = answered.into_inner();
    // what it comes to on this machine; see docs/PERFORMANCE.md
    #[expect(clippy::print_stderr, reason = "shown with --nocapture")]
    {
        eprintln!("idle {idle:?}, loaded {loaded:?} (median, p99, longest), {answered} analyses, {grown_mb} MB more");
    }
    assert!(answered >= ANALYSES, "{answered} analyses were answered");
    assert!(loaded[2] < Duration::from_secs(1), "the longest tile took {:?}", loaded[2]);
    assert!(loaded[0] < idle[0] * 10 + Duration::from_millis(20), "{:?} instead of {:?}", loaded[0], idle[0]);
    assert!(grown_mb < 150, "{grown_mb} MB more than before");
}
