//! TIFFs that are made to harm, each read by a process of its own that may have only so much memory.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rstest::rstest;

use super::survey::survey;
use crate::support::forged::{Forged, LONG, SHORT, Tag, deflated};
use crate::support::made::Folder;

/// Address space of a process that reads one file: its threads and libraries need a third of it.
const MOST_KB: u32 = 1 << 20;

/// Memory that it may really use.
const MOST_RESIDENT_KB: u64 = 200 << 10;

/// Seconds of work that it may take, the start of the process included.
const MOST_CPU_S: u32 = 10;

/// When it hangs. (Other tests at work make it wait, but work no more.)
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Names the file to the process that reads it.
const FILE: &str = "COGWHEEL_TEST_HOSTILE_FILE";

fn tiled(size: [u64; 2], tile: [u64; 2], tags: &[Tag]) -> Forged {
    let mut tiff = Forged::default();
    let at = tiff.add(&[7; 256]);
    let tiles = vec![
        (273, 0, vec![]),
        (278, 0, vec![]),
        (279, 0, vec![]),
        (322, LONG, vec![tile[0]]),
        (323, LONG, vec![tile[1]]),
        (324, LONG, vec![at]),
        (325, LONG, vec![256]),
    ];
    let kept = tiles.into_iter().filter(|(tag, ..)| tags.iter().all(|(other, ..)| other != tag));
    let all: Vec<Tag> = kept.chain(tags.iter().cloned()).collect();
    tiff.picture(size, &[], &all);
    tiff
}

/// The number at the end of the last directory is where the next one is; all else stays.
fn followed_by(tiff: &Forged, next: impl Fn(usize) -> usize) -> Vec<u8> {
    let mut bytes = tiff.bytes();
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes(bytes[first..first + 2].try_into().unwrap()));
    let end = first + 2 + count * 12;
    bytes[end..end + 4].copy_from_slice(&(next(first) as u32).to_le_bytes());
    bytes
}

/// A directory after another, all of them the same.
fn many_directories(count: usize) -> Vec<u8> {
    let mut tiff = Forged::default();
    for index in 0..count {
        tiff.picture([16, 16], &[if index == 0 { &[7; 256] } else { &[] }], &[(254, LONG, vec![index.min(1) as u64])]);
    }
    tiff.bytes()
}

/// An entry with more values than any file has.
fn too_many(tag: u16, kind: u16, count: u32) -> Vec<u8> {
    let tags: &[Tag] = if tag == 347 { &[(347, 7, vec![1; 8]), (259, SHORT, vec![7])] } else { &[] };
    let mut bytes = tiled([16, 16], [16, 16], tags).bytes();
    let first = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    let entry = (first + 2..).step_by(12).find(|at| bytes[*at..*at + 2] == tag.to_le_bytes()).unwrap();
    bytes[entry + 2..entry + 4].copy_from_slice(&kind.to_le_bytes());
    bytes[entry + 4..entry + 8].copy_from_slice(&count.to_le_bytes());
    bytes
}

fn picture(size: [u64; 2], block: &[u8], tags: &[Tag]) -> Vec<u8> {
    let mut tiff = Forged::default();
    tiff.picture(size, &[block], tags);
    tiff.bytes()
}

/// A picture with a mask of one sparse tile of 2^14 x 2^14 bits.
fn large_mask() -> Vec<u8> {
    let mut tiff = tiled([16, 16], [16, 16], &[]);
    let mask: &[Tag] = &[(254, LONG, vec![4]), (258, SHORT, vec![1]), (325, LONG, vec![0])];
    let tile = [(322, LONG, vec![1 << 14]), (323, LONG, vec![1 << 14]), (324, LONG, vec![16])];
    let none = [(273, 0, vec![]), (278, 0, vec![]), (279, 0, vec![])];
    tiff.picture([16, 16], &[], &[mask, &tile, &none].concat());
    tiff.bytes()
}

/// What a JPEG begins with that says that it is 65,500 pixels wide and high.
const LARGE_JPEG: [u8; 23] =
    [255, 216, 255, 192, 0, 17, 8, 255, 220, 255, 220, 3, 1, 17, 0, 2, 17, 0, 3, 17, 0, 255, 217];

#[rstest]
#[case::as_large_as_it_can_be(tiled([0x7fff_ffff; 2], [16, 16], &[]).bytes())]
#[case::larger_than_it_can_be(tiled([0xffff_ffff; 2], [16, 16], &[]).bytes())]
#[case::as_many_bands_as_can_be(tiled([16, 16], [16, 16], &[(277, SHORT, vec![65_535])]).bytes())]
#[case::as_many_planes_as_can_be(tiled([16, 16], [16, 16], &[(277, SHORT, vec![65_535]), (284, SHORT, vec![2])]).bytes())]
#[case::large_tiles(tiled([16, 16], [1 << 30, 1 << 30], &[]).bytes())]
#[case::a_wide_tile(tiled([16, 16], [1 << 20, 16], &[]).bytes())]
#[case::large_sparse_tiles(tiled([16, 16], [4096, 8192], &[(325, LONG, vec![0])]).bytes())]
#[case::a_bomb_of_zeros(picture([16, 16], &deflated(&vec![0; 100 << 20]), &[(259, SHORT, vec![8])]))]
#[case::a_jpeg_larger_than_its_block(picture([16, 16], &LARGE_JPEG, &[(259, SHORT, vec![7])]))]
#[case::too_many_bits(too_many(258, 3, u32::MAX))]
#[case::too_many_blocks(too_many(324, 4, u32::MAX))]
#[case::too_many_sizes(too_many(325, 16, 0x2000_0000))]
#[case::too_many_tables(too_many(347, 7, u32::MAX))]
#[case::a_directory_that_follows_itself(followed_by(&tiled([16, 16], [16, 16], &[]), |first| first))]
#[case::a_directory_inside_another(followed_by(&tiled([16, 16], [16, 16], &[]), |first| first + 12))]
#[case::a_directory_beyond_the_end(followed_by(&tiled([16, 16], [16, 16], &[]), |_| 0x7fff_fff0))]
#[case::ten_thousand_directories(many_directories(10_000))]
#[case::blocks_beyond_the_end(tiled([16, 16], [16, 16], &[(324, LONG, vec![0xffff_fff0])]).bytes())]
#[case::a_block_longer_than_the_file(tiled([16, 16], [16, 16], &[(325, LONG, vec![u64::from(u32::MAX)])]).bytes())]
#[case::a_strip_of_any_height(picture([16, 0x7fff_ffff], &[7; 256], &[]))]
#[case::a_large_mask(large_mask())]
#[case::a_bomb_in_a_large_tile(tiled([16, 16], [16_384, 16_384], &[(259, SHORT, vec![8])]).bytes())]
#[case::tiles_of_one_pixel(tiled([128, 128], [1, 1], &[(324, LONG, vec![0; 16_384]), (325, LONG, vec![0; 16_384])]).bytes())]
fn a_hostile_file_is_read_in_bounds(#[case] bytes: Vec<u8>) {
    let folder = Folder::new();
    let path = folder.path("it.tif");
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(read_apart(&path), Ok(()));
}

#[test]
fn a_block_as_long_as_a_huge_file_is_not_taken_into_memory() {
    let folder = Folder::new();
    let path = folder.path("it.tif");
    let huge = 60 << 30;
    let mut tiff = Forged::default().written(false, true);
    tiff.picture([16, 16], &[&[7; 256]], &[(279, crate::support::forged::LONG8, vec![huge - 16])]);
    std::fs::write(&path, tiff.bytes()).unwrap();
    // A hole: no disk holds it.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(huge).unwrap();
    assert_eq!(read_apart(&path), Ok(()));
}

/// Reads a file in another process: an error when that ends badly, or not at all.
fn read_apart(path: &str) -> Result<(), String> {
    run_apart("corruption::hostile::the_process_that_reads", path)
}

/// Runs a test that is told the name of a file, in another process that may have only so much memory.
pub fn run_apart(test: &str, path: &str) -> Result<(), String> {
    let program = std::env::current_exe().unwrap();
    // What the program itself maps does not count.
    let most_kb = u64::from(MOST_KB) + program.metadata().unwrap().len() / 1024;
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -v {most_kb}; ulimit -t {MOST_CPU_S}; exec \"$0\" \"$@\"")])
        .arg(program)
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FILE, path)
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while started.elapsed() < TIME_LIMIT {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            let has_run = said.contains("1 passed");
            return if output.status.success() && has_run { Ok(()) } else { Err(format!("{} {said}", output.status)) };
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    Err(format!("it took more than {TIME_LIMIT:?}"))
}

#[test]
#[ignore = "the other tests start it"]
fn the_process_that_reads() {
    let Some(path) = told() else { return };
    let findings = survey(&path);
    assert!(findings.is_empty(), "{findings:?}");
    assert_little_memory_was_taken(MOST_RESIDENT_KB);
}

/// The file that this process is to read.
pub fn told() -> Option<String> {
    std::env::var(FILE).ok()
}

/// Looks at the most that this process ever had.
pub fn assert_little_memory_was_taken(most_kb: u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches("kB").trim().parse().unwrap();
    assert!(peak < most_kb, "{peak} kB in use");
}
