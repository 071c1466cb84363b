//! TIFFs put together tag by tag: what no writer would write, and some would.

/// `SHORT`, `LONG`, `DOUBLE` and `LONG8`.
pub const SHORT: u16 = 3;
pub const LONG: u16 = 4;
pub const DOUBLE: u16 = 12;
pub const LONG8: u16 = 16;

/// A tag, its type and its values.
pub type Tag = (u16, u16, Vec<u64>);

/// A TIFF under construction.
#[derive(Debug, Clone, Default)]
pub struct Forged {
    big_endian: bool,
    big_tiff: bool,
    data: Vec<u8>,
    directories: Vec<Vec<Tag>>,
    /// Those that belong to the first one.
    below: Vec<Vec<Tag>>,
}

/// Where blocks begin: behind the longer of both headers.
const DATA_START: u64 = 16;

impl Forged {
    /// The same in another order and kind; only where the classic kind can hold its values.
    pub fn written(&self, big_endian: bool, big_tiff: bool) -> Self {
        Self { big_endian, big_tiff, ..self.clone() }
    }

    /// Adds bytes, such as a block; where they are.
    pub fn add(&mut self, bytes: &[u8]) -> u64 {
        let at = DATA_START + self.data.len() as u64;
        self.data.extend_from_slice(bytes);
        if !self.data.len().is_multiple_of(2) {
            self.data.push(0);
        }
        at
    }

    /// Adds a directory. A tag that is there twice is there twice.
    pub fn directory(&mut self, tags: Vec<Tag>) -> &mut Self {
        self.directories.push(tags);
        self
    }

    /// The directory of one strip or tile a band (or of all) with these bytes, tags replaced or added; one with a type
    /// of 0 is left out.
    pub fn picture(&mut self, size: [u64; 2], blocks: &[&[u8]], tags: &[Tag]) -> &mut Self {
        let offsets = blocks.iter().map(|block| self.add(block)).collect();
        let counts = blocks.iter().map(|block| block.len() as u64).collect();
        let degrees = |value: f64| value.to_bits();
        let mut all: Vec<Tag> = vec![
            (256, LONG, vec![size[0]]),
            (257, LONG, vec![size[1]]),
            (258, SHORT, vec![8]),
            (259, SHORT, vec![1]),
            (262, SHORT, vec![1]),
            (273, LONG, offsets),
            (277, SHORT, vec![1]),
            (278, LONG, vec![size[1]]),
            (279, LONG, counts),
            (33550, DOUBLE, vec![degrees(0.01), degrees(0.01), 0]),
            (33922, DOUBLE, vec![0, 0, 0, degrees(5.0), degrees(50.0), 0]),
        ];
        all.retain(|(tag, ..)| tags.iter().all(|(other, ..)| other != tag));
        all.extend(tags.iter().filter(|(_, kind, _)| *kind != 0).cloned());
        all.sort_by_key(|(tag, ..)| *tag);
        self.directory(all)
    }

    /// Puts all directories but the first one below that one.
    pub fn nested(mut self) -> Self {
        self.below = self.directories.split_off(1);
        self
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        const SUB_IFDS: u16 = 330;
        let mut below = vec![0; DATA_START as usize + self.data.len()];
        let places: Vec<u64> = self.below.iter().map(|tags| self.write_directory(&mut below, tags, false)).collect();
        let start = below.len() as u64;
        let mut directories = self.directories.clone();
        if !places.is_empty() {
            let first = &mut directories[0];
            first.push((SUB_IFDS, LONG, places));
            first.sort_by_key(|(tag, ..)| *tag);
        }
        let mut file: Vec<u8> = if self.big_endian { b"MM".to_vec() } else { b"II".to_vec() };
        if self.big_tiff {
            for number in [43, 8, 0] {
                self.number(&mut file, number, 2);
            }
            self.number(&mut file, start, 8);
        } else {
            self.number(&mut file, 42, 2);
            self.number(&mut file, start, 4);
            self.number(&mut file, 0, 8);
        }
        file.extend_from_slice(&self.data);
        file.extend_from_slice(&below[file.len()..]);
        for (index, tags) in directories.iter().enumerate() {
            self.write_directory(&mut file, tags, index + 1 < directories.len());
        }
        file
    }

    /// Writes a directory; where it is.
    fn write_directory(&self, file: &mut Vec<u8>, tags: &[Tag], more: bool) -> u64 {
        let start = file.len() as u64;
        let (count_bytes, word) = if self.big_tiff { (8, 8) } else { (2, 4) };
        let mut free = file.len() + count_bytes + tags.len() * (4 + 2 * word) + word;
        let mut arrays = Vec::new();
        self.number(file, tags.len() as u64, count_bytes);
        for (tag, kind, values) in tags {
            self.number(file, u64::from(*tag), 2);
            self.number(file, u64::from(*kind), 2);
            self.number(file, values.len() as u64, word);
            let size = match kind {
                1 | 2 | 6 | 7 => 1,
                3 | 8 => 2,
                5 | 10 | 12 | 16.. => 8,
                _ => 4,
            };
            let mut array = Vec::new();
            for value in values {
                self.number(&mut array, *value, size);
            }
            if array.len() <= word {
                array.resize(word, 0);
                file.extend_from_slice(&array);
            } else {
                self.number(file, free as u64, word);
                free += array.len();
                arrays.extend_from_slice(&array);
            }
        }
        self.number(file, if more { free as u64 } else { 0 }, word);
        file.extend_from_slice(&arrays);
        start
    }

    fn number(&self, to: &mut Vec<u8>, value: u64, bytes: usize) {
        if self.big_endian {
            to.extend_from_slice(&value.to_be_bytes()[8 - bytes..]);
        } else {
            to.extend_from_slice(&value.to_le_bytes()[..bytes]);
        }
    }
}

/// As a tag's text.
pub fn ascii(tag: u16, text: &str) -> Tag {
    (tag, 2, text.bytes().chain([0]).map(u64::from).collect())
}

/// Bytes as a frame of ZSTD.
pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0; zstd_safe::compress_bound(bytes.len())];
    let length = zstd_safe::compress(&mut out[..], bytes, zstd_safe::CLEVEL_DEFAULT).unwrap();
    out.truncate(length);
    out
}

/// Bytes as zlib writes them.
pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
    let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
    let length = compressor.zlib_compress(bytes, &mut out).unwrap();
    out.truncate(length);
    out
}
