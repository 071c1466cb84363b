//! Files that are replaced while they are read.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use rstest::rstest;

use super::{Example, PATIENCE, TILES, is_header, judge, maps, places, raster, tile};
use crate::support::Maps;
use crate::support::geo::{ALIGNED_CELL_M, ALIGNED_CORNER};
use crate::support::made::{Folder, Tiff};
use crate::support::served::Seen;
use crate::support::web::{Fault, Web};

/// A wide raster, of which one tile needs several ranges that are far apart, in two versions.
struct Changing {
    folder: Folder,
    /// A tile of each version.
    right: [Bytes; 2],
}

/// A tile at its right edge, and one at its left.
const WIDE: [&str; 2] = ["10/547/360", "10/540/360"];

impl Changing {
    /// The second version has as many bytes as the first, or fewer.
    fn new(same_size: bool) -> Self {
        let folder = Folder::new();
        for version in 0..2 {
            let options: &[&str] = match (version, same_size) {
                (1, false) => &["COMPRESS=DEFLATE", "BLOCKXSIZE=64", "BLOCKYSIZE=64"],
                _ => &["COMPRESS=NONE", "BLOCKXSIZE=64", "BLOCKYSIZE=64"],
            };
            let path = folder.path(&format!("{version}.tif"));
            let tiff = Tiff { options, ..Tiff::new(&path, [2048, 512], "EPSG:3857", ALIGNED_CORNER, ALIGNED_CELL_M) };
            tiff.write(|x, y| ((version * 101 + x * 3 + y * 7 + x * y % 61) % 255 + 1) as u8);
        }
        let right = [0, 1].map(|version| tile(&Maps::of(&folder.path(&format!("{version}.tif"))), WIDE[0]).ok());
        assert_ne!(right[0], right[1]);
        put(&folder.path(""), 0, 0);
        Self { folder, right }
    }
}

/// Puts a version in the place of `it.tif`, at once; its date is so many seconds from now, as no clock is so fine.
fn put(folder: &str, version: usize, seconds: u64) {
    let new = format!("{folder}/new-{seconds}");
    std::fs::copy(format!("{folder}/{version}.tif"), &new).unwrap();
    let date = SystemTime::now() + Duration::from_secs(seconds);
    OpenOptions::new().write(true).open(&new).unwrap().set_modified(date).unwrap();
    std::fs::rename(new, format!("{folder}/it.tif")).unwrap();
}

fn is_for_blocks(seen: &Seen) -> bool {
    !is_header(seen.range())
}

#[rstest]
fn a_file_that_is_replaced_while_it_is_read_is_read_anew(
    #[values(Fault::None, Fault::NoETag, Fault::WeakETag)] tag: Fault, #[values(0, 1, 2, 3)] blocks_before: usize,
    #[values(true, false)] same_size: bool,
) {
    let changing = Changing::new(same_size);
    let web = Web::start(changing.folder.path(""));
    let (folder, asked, all) = (changing.folder.path(""), AtomicUsize::new(0), tag.clone());
    web.misbehave(move |seen, _| {
        if is_for_blocks(seen) && asked.fetch_add(1, Ordering::Relaxed) == blocks_before {
            put(&folder, 1, 100);
        }
        all.clone()
    });
    let maps = maps(&web, "it.tif", PATIENCE);
    let answer = tile(&maps, WIDE[0]);
    assert_eq!(judge(&answer, &changing.right[1]), Ok(200), "the whole tile is of the new version");
    let headers = web.requests().iter().filter(|seen| !is_for_blocks(seen)).count();
    assert_eq!(headers, 2, "it starts again once");
    web.misbehave(move |_, _| tag.clone());
    assert_eq!(judge(&tile(&maps, WIDE[0]), &changing.right[1]), Ok(200));
}

#[rstest]
fn a_file_that_is_replaced_between_two_tiles_is_read_anew(
    #[values(Fault::None, Fault::NoETag, Fault::WeakETag)] tag: Fault,
) {
    let changing = Changing::new(true);
    let web = Web::start(changing.folder.path(""));
    web.misbehave(move |_, _| tag.clone());
    let maps = maps(&web, "it.tif", PATIENCE);
    let first = tile(&maps, WIDE[0]);
    assert_eq!(judge(&first, &changing.right[0]), Ok(200));
    put(&changing.folder.path(""), 1, 100);
    // what is needed of it is not in the cache
    let other = tile(&Maps::of(&changing.folder.path("1.tif")), WIDE[1]).ok();
    assert_eq!(judge(&tile(&maps, WIDE[1]), &other), Ok(200));
    let again = tile(&maps, WIDE[0]);
    assert_eq!(judge(&again, &changing.right[1]), Ok(200), "from now on all is new");
    assert_ne!(first.header("etag"), again.header("etag"));
}

#[rstest]
fn a_file_that_keeps_changing_is_a_502(#[values(true, false)] really: bool) {
    let changing = Changing::new(true);
    let web = Web::start(changing.folder.path(""));
    let (path, changes) = (changing.folder.path("it.tif"), AtomicUsize::new(0));
    web.misbehave(move |seen, number| match (really, is_for_blocks(seen)) {
        (true, true) => {
            // behind the raster, where nobody looks
            let change = changes.fetch_add(1, Ordering::Relaxed).to_string();
            OpenOptions::new().append(true).open(&path).unwrap().write_all(change.as_bytes()).unwrap();
            Fault::None
        }
        (true, false) => Fault::None,
        (false, _) => Fault::ETag(format!("\"{number}\"")),
    });
    let maps = maps(&web, "it.tif", PATIENCE);
    for round in 1..4 {
        let answer = tile(&maps, WIDE[0]);
        assert_eq!(judge(&answer, &changing.right[0]), Ok(502));
        assert!(answer.detail().contains("keeps changing"), "{}", answer.detail());
        let headers = web.requests().iter().filter(|seen| !is_for_blocks(seen)).count();
        assert_eq!(headers, 1 + round, "it starts again once, and the next one from there");
    }
    web.misbehave(|_, _| Fault::None);
    assert_eq!(judge(&tile(&maps, WIDE[0]), &changing.right[0]), Ok(200));
}

#[rstest]
fn a_mosaic_shows_no_source_in_two_versions(#[values("a.tif", "b.tif", "c.tif")] name: &str) {
    let example = Example::new();
    let web = Web::start(example.folder.path(""));
    let place = places().find(|(other, _)| *other == name).unwrap().1;
    raster(&example.folder, "new.tif", 1, place);
    let (folder, path) = (example.folder.path(""), format!("/{name}"));
    web.misbehave(move |seen, _| {
        if seen.path == path && is_for_blocks(seen) {
            // it may be asked again, when there is nothing left to move
            let _ = std::fs::rename(format!("{folder}/new.tif"), format!("{folder}{path}"));
        }
        Fault::None
    });
    let maps = maps(&web, "mosaic.vrt", PATIENCE);
    let answers = TILES.map(|one| tile(&maps, one));
    let local = Maps::of(&example.folder.path("mosaic.vrt"));
    for ((answer, one), old) in answers.iter().zip(TILES).zip(&example.right) {
        let right = tile(&local, one).ok();
        assert_ne!(right, old, "it shows the new source");
        assert_eq!(judge(answer, &right), Ok(200), "{one}");
    }
}
