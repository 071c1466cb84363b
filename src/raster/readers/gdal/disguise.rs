//! TIFFs of codecs that the GDAL compiled in has not got: it would not even open them. It is shown another codec in
//! their directories, so that it opens and describes them; their blocks are read by others.
//!
//! GDAL can't make cells of such blocks by mistake: what begins as a ZSTD frame or a WebP does not begin as a zlib
//! stream, and is refused.
//!
//! On the way their blocks are measured.

use super::blocks::Blocks;

/// The tag of the codec.
const COMPRESSION: u64 = 259;

/// The tag of directories that belong to one. GDAL looks at those of the first one.
const SUB_IFDS: u64 = 330;

/// Codecs that GDAL has not got, by their numbers.
const UNKNOWN: [(u64, &str); 2] = [(50000, "ZSTD"), (50001, "WebP")];

/// The one that it is shown: it takes the same tags, that of the predictor too.
const DEFLATE: u16 = 8;

/// Directories and entries that are looked at, against files that have no end.
const MOST_DIRECTORIES: usize = 1024;
const MOST_ENTRIES: u64 = 1024;

/// What GDAL is shown of a file in the place of its bytes.
#[derive(Debug)]
pub struct Disguise {
    size: u64,
    /// How numbers are written, and where directories are that nobody has looked into yet; none before the header was read.
    ahead: Option<(Form, Vec<u64>)>,
    directories: usize,
    patches: Vec<Patch>,
    codec: Option<&'static str>,
    largest_block_bytes: u64,
}

/// How numbers are written.
#[derive(Debug, Clone, Copy)]
struct Form {
    is_big_endian: bool,
    is_big_tiff: bool,
}

/// Bytes at a place of the file.
#[derive(Debug)]
struct Patch {
    offset: u64,
    bytes: Vec<u8>,
}

/// Reads bytes of the file; whether they are there.
pub trait Fetch: FnMut(u64, &mut [u8]) -> bool {}
impl<T: FnMut(u64, &mut [u8]) -> bool> Fetch for T {}

impl Disguise {
    /// Of a file that nobody has looked into yet.
    pub fn new(size: u64) -> Self {
        Self { size, ahead: None, directories: 0, patches: Vec::new(), codec: None, largest_block_bytes: 0 }
    }

    /// Gets to know all directories that begin before `end`, to which GDAL is about to read: only what it needs soon is
    /// fetched. Whether everything for it was there.
    pub fn follow(&mut self, end: u64, fetch: &mut impl Fetch) -> bool {
        let Some((form, mut ahead)) = self.ahead.take().or_else(|| self.header(fetch)) else { return false };
        let mut is_all_there = true;
        while let Some(at) = ahead.iter().copied().find(|at| *at < end) {
            let Some(following) = self.directory(form, at, fetch) else {
                is_all_there = false;
                break;
            };
            self.directories += 1;
            ahead.retain(|other| *other != at);
            ahead.extend(following.into_iter().filter(|at| *at != 0));
            ahead.truncate(MOST_DIRECTORIES.saturating_sub(self.directories));
        }
        self.ahead = Some((form, ahead));
        is_all_there
    }

    /// The codec that GDAL is not shown.
    pub fn codec(&self) -> Option<&'static str> {
        self.codec
    }

    /// Memory that the largest block takes of those that are known so far.
    pub fn largest_block_bytes(&self) -> u64 {
        self.largest_block_bytes
    }

    /// Puts it on: changes bytes that were read at an offset.
    pub fn put_on(&self, offset: u64, bytes: &mut [u8]) {
        for patch in &self.patches {
            for (at, byte) in (patch.offset..).zip(&patch.bytes) {
                let place = at.checked_sub(offset).and_then(|place| usize::try_from(place).ok());
                if let Some(shown) = place.and_then(|place| bytes.get_mut(place)) {
                    *shown = *byte;
                }
            }
        }
    }

    /// How numbers are written, and where the first directory is; nowhere in what is no TIFF.
    fn header(&self, fetch: &mut impl Fetch) -> Option<(Form, Vec<u64>)> {
        let head = self.fetched(0, 16.min(self.size), fetch)?.unwrap_or_default();
        let form = Form { is_big_endian: head.starts_with(b"MM"), is_big_tiff: false };
        if !form.is_big_endian && !head.starts_with(b"II") {
            return Some((form, Vec::new()));
        }
        let number = |from: usize, to: usize| head.get(from..to).map(|bytes| form.number(bytes));
        Some(match (number(2, 4), number(4, 8), number(8, 16)) {
            (Some(42), Some(first), _) => (form, vec![first]),
            (Some(43), _, Some(first)) => (Form { is_big_tiff: true, ..form }, vec![first]),
            _ => (form, Vec::new()),
        })
    }

    /// Looks into a directory; where others are that it names.
    fn directory(&mut self, form: Form, at: u64, fetch: &mut impl Fetch) -> Option<Vec<u64>> {
        let (count_bytes, entry_bytes, offset_bytes) = if form.is_big_tiff { (8, 20, 8) } else { (2, 12, 4) };
        let Some(count) = self.fetched(at, count_bytes, fetch)? else { return Some(Vec::new()) };
        let count = form.number(&count);
        if count > MOST_ENTRIES {
            return Some(Vec::new());
        }
        let (first, length) = (at + count_bytes, count * entry_bytes);
        let Some(table) = self.fetched(first, length + offset_bytes, fetch)? else { return Some(Vec::new()) };
        let (entries, next) = table.split_at(usize::try_from(length).unwrap_or(0));
        let entry_length = if form.is_big_tiff { 20 } else { 12 };
        let mut following = vec![form.number(next)];
        let mut blocks = Blocks::default();
        for (place, entry) in (first..).step_by(entry_length).zip(entries.chunks_exact(entry_length)) {
            match form.number(&entry[..2]) {
                SUB_IFDS if self.directories == 0 => {
                    following.extend(self.values(form, entry, MOST_DIRECTORIES, fetch)?);
                }
                tag if Blocks::is_about(tag) => {
                    if let [value] = self.values(form, entry, 1, fetch)?[..] {
                        blocks.note(tag, value);
                        self.hide(form, tag, place, entry, value);
                    }
                }
                _ => {}
            }
        }
        self.largest_block_bytes = self.largest_block_bytes.max(blocks.bytes(self.size));
        Some(following)
    }

    /// Hides the value of a tag where it is a codec that GDAL has not got.
    fn hide(&mut self, form: Form, tag: u64, at: u64, entry: &[u8], value: u64) {
        let unknown = UNKNOWN.iter().find(|(codec, _)| tag == COMPRESSION && *codec == value);
        if let (Some((_, name)), Some(length)) = (unknown, form.length(entry))
            && form.count(entry) == 1
        {
            self.patches.push(Patch { offset: at + form.value_at() as u64, bytes: form.bytes(DEFLATE, length) });
            self.codec = Some(name);
        }
    }

    /// The first numbers of an entry, at most so many, wherever they are; none of another type. `None` when they are not
    /// there yet.
    fn values(&self, form: Form, entry: &[u8], most: usize, fetch: &mut impl Fetch) -> Option<Vec<u64>> {
        let Some(length) = form.length(entry) else { return Some(Vec::new()) };
        let count = usize::try_from(form.count(entry)).unwrap_or(usize::MAX).min(most);
        let values = &entry[form.value_at()..];
        let is_inside = form.count(entry).saturating_mul(length as u64) <= values.len() as u64;
        let bytes = if is_inside {
            values[..count * length].to_vec()
        } else {
            self.fetched(form.number(values), (count * length) as u64, fetch)?.unwrap_or_default()
        };
        Some(bytes.chunks_exact(length).map(|value| form.number(value)).collect())
    }

    /// Bytes of the file: `None` when they are not there yet, none inside when the file ends before them.
    #[expect(clippy::option_option, reason = "two ways of having nothing, told apart where they are asked for")]
    fn fetched(&self, at: u64, length: u64, fetch: &mut impl Fetch) -> Option<Option<Vec<u8>>> {
        if at.checked_add(length).is_none_or(|end| end > self.size) {
            return Some(None);
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        fetch(at, &mut bytes).then_some(Some(bytes))
    }
}

impl Form {
    fn number(self, bytes: &[u8]) -> u64 {
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.is_big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }

    /// Bytes of a number of an entry, where it has whole ones.
    fn length(self, entry: &[u8]) -> Option<usize> {
        match self.number(&entry[2..4]) {
            3 => Some(2),
            // Numbers, and places of directories.
            4 | 13 => Some(4),
            16 | 18 => Some(8),
            _ => None,
        }
    }

    /// How many values an entry has.
    fn count(self, entry: &[u8]) -> u64 {
        self.number(&entry[4..self.value_at()])
    }

    /// Where in an entry its values are, or their place.
    fn value_at(self) -> usize {
        if self.is_big_tiff { 12 } else { 8 }
    }

    fn bytes(self, number: u16, length: usize) -> Vec<u8> {
        let mut bytes = u64::from(number).to_le_bytes()[..length].to_vec();
        if self.is_big_endian {
            bytes.reverse();
        }
        bytes
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the files are a few bytes long")]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The bytes of a TIFF whose directories, one after the other, have these codecs.
    fn tiff(form: Form, codecs: &[(u16, u16)]) -> Vec<u8> {
        let wide = if form.is_big_tiff { 8 } else { 4 };
        let long = |number: u64, length: usize| {
            let mut bytes = number.to_le_bytes()[..length].to_vec();
            if form.is_big_endian {
                bytes.reverse();
            }
            bytes
        };
        let mut file = if form.is_big_endian { b"MM".to_vec() } else { b"II".to_vec() };
        file.extend(long(if form.is_big_tiff { 43 } else { 42 }, 2));
        if form.is_big_tiff {
            file.extend([long(8, 2), long(0, 2)].concat());
        }
        file.extend(long(file.len() as u64 + wide as u64, wide));
        for (index, (kind, codec)) in codecs.iter().enumerate() {
            file.extend(long(2, if form.is_big_tiff { 8 } else { 2 }));
            for (tag, kind, value) in [(256, 3, 50000), (259, u64::from(*kind), u64::from(*codec))] {
                let size = if kind == 3 { 2 } else { 4 };
                let mut entry = [long(tag, 2), long(kind, 2), long(1, wide), long(value, size)].concat();
                entry.resize(if form.is_big_tiff { 20 } else { 12 }, 0);
                file.extend(entry);
            }
            let next = if index + 1 < codecs.len() { file.len() + wide } else { 0 };
            file.extend(long(next as u64, wide));
        }
        file
    }

    /// A file as GDAL sees it, read in pieces of some bytes.
    fn seen(file: &[u8], piece: usize) -> (Vec<u8>, Option<&'static str>) {
        let mut disguise = Disguise::new(file.len() as u64);
        let mut fetch = |offset: u64, bytes: &mut [u8]| {
            bytes.copy_from_slice(&file[offset as usize..][..bytes.len()]);
            true
        };
        let mut shown = Vec::new();
        for (index, piece_bytes) in file.chunks(piece).enumerate() {
            let (offset, mut bytes) = (index * piece, piece_bytes.to_vec());
            assert!(disguise.follow((offset + bytes.len()) as u64, &mut fetch));
            disguise.put_on(offset as u64, &mut bytes);
            shown.extend(bytes);
        }
        (shown, disguise.codec())
    }

    #[rstest]
    fn every_directory_is_shown_as_deflate_however_it_is_read(
        #[values(false, true)] is_big_endian: bool, #[values(false, true)] is_big_tiff: bool,
        #[values(1, 2, 3, 7, 4096)] piece: usize,
    ) {
        let form = Form { is_big_endian, is_big_tiff };
        let file = tiff(form, &[(3, 50000), (3, 5), (4, 50001), (3, 50001)]);
        let expected = tiff(form, &[(3, 8), (3, 5), (4, 8), (3, 8)]);
        assert_eq!(seen(&file, piece), (expected, Some("WebP")));
    }

    #[rstest]
    #[case::other_codecs(tiff(Form { is_big_endian: false, is_big_tiff: false }, &[(3, 8), (3, 34887), (3, 7)]))]
    #[case::no_tiff(b"<VRTDataset>".to_vec())]
    #[case::too_short(b"II*\0".to_vec())]
    #[case::a_directory_beyond_the_end(b"II*\0\xff\xff\0\0".to_vec())]
    #[case::nothing(Vec::new())]
    fn what_gdal_knows_is_shown_as_it_is(#[case] file: Vec<u8>) {
        assert_eq!(seen(&file, 5), (file, None));
    }

    #[rstest]
    fn directories_below_the_first_one_are_followed_and_only_those(
        #[values(false, true)] is_big_endian: bool, #[values(1, 5, 4096)] piece: usize,
    ) {
        let form = Form { is_big_endian, is_big_tiff: false };
        let below = |file: &mut Vec<u8>, directory: usize, places: &[u32]| {
            // The width becomes a list of directories.
            let number =
                |bytes: &[u8]| if is_big_endian { bytes.iter().rev().copied().collect() } else { bytes.to_vec() };
            let entry = [number(&330_u16.to_le_bytes()), number(&13_u16.to_le_bytes())].concat();
            let list = file.len() as u32;
            let at = directory + 2;
            file[at..at + 4].copy_from_slice(&entry);
            file[at + 4..at + 8].copy_from_slice(&number(&(places.len() as u32).to_le_bytes()));
            file[at + 8..at + 12].copy_from_slice(&number(&list.to_le_bytes()));
            for place in places {
                file.extend(number(&place.to_le_bytes()));
            }
        };
        let made = |codecs: [(u16, u16); 4]| {
            let mut file = tiff(form, &codecs);
            let directory = |index: usize| 8 + index * 30;
            // The chain ends with the second one, and nothing follows the third.
            for last in [1, 2] {
                file[directory(last) + 26..directory(last) + 30].fill(0);
            }
            below(&mut file, directory(1), &[directory(3) as u32, 0]);
            below(&mut file, directory(0), &[directory(2) as u32, 1 << 20, 0]);
            file
        };
        let file = made([(3, 5), (3, 5), (3, 50001), (3, 50000)]);
        assert_eq!(seen(&file, piece), (made([(3, 5), (3, 5), (3, 8), (3, 50000)]), Some("WebP")));
    }

    #[test]
    fn directories_in_a_circle_come_to_an_end() {
        let mut file = tiff(Form { is_big_endian: false, is_big_tiff: false }, &[(3, 50000)]);
        let next = file.len() - 4;
        file[next] = 8;
        assert_eq!(seen(&file, 4096).1, Some("ZSTD"));
    }

    #[test]
    fn nothing_is_fetched_behind_what_gdal_reads_and_what_is_missing_stops_it() {
        let file = tiff(Form { is_big_endian: false, is_big_tiff: false }, &[(3, 50000), (3, 50000)]);
        let mut disguise = Disguise::new(file.len() as u64);
        let mut furthest = 0;
        let mut fetch = |offset: u64, bytes: &mut [u8]| {
            furthest = furthest.max(offset);
            bytes.copy_from_slice(&file[offset as usize..][..bytes.len()]);
            true
        };
        assert!(disguise.follow(9, &mut fetch));
        assert!(furthest < 30, "{furthest}");
        assert!(!disguise.follow(file.len() as u64, &mut |_, _: &mut [u8]| false));
        assert!(disguise.follow(file.len() as u64, &mut |offset: u64, bytes: &mut [u8]| {
            bytes.copy_from_slice(&file[offset as usize..][..bytes.len()]);
            true
        }));
        assert_eq!(disguise.patches.len(), 2);
    }
}
