//! Memory that the blocks of a TIFF take: GDAL decodes a block as a whole, whatever of it is asked for.

/// Memory that a decoded block may take: a tile of 512 x 512 px takes 8 MB with four bands of 64 bits.
pub const MOST_BLOCK_BYTES: u64 = 64 << 20;

/// Tags of "TIFF" 6.0.
mod tag {
    pub const WIDTH: u64 = 256;
    pub const HEIGHT: u64 = 257;
    pub const BITS: u64 = 258;
    pub const CODEC: u64 = 259;
    pub const SAMPLES: u64 = 277;
    pub const ROWS_PER_STRIP: u64 = 278;
    pub const PLANES: u64 = 284;
    pub const TILE_WIDTH: u64 = 322;
    pub const TILE_HEIGHT: u64 = 323;

    pub const ALL: [u64; 9] = [WIDTH, HEIGHT, BITS, CODEC, SAMPLES, ROWS_PER_STRIP, PLANES, TILE_WIDTH, TILE_HEIGHT];
}

/// What a directory says of its blocks.
#[derive(Debug, Clone, Copy)]
pub struct Blocks {
    size: [u64; 2],
    tile: [u64; 2],
    rows_per_strip: u64,
    bits: u64,
    samples: u64,
    is_compressed: bool,
    has_planes: bool,
}

impl Default for Blocks {
    /// Of a directory that says nothing.
    fn default() -> Self {
        let (size, tile, rows_per_strip) = ([0; 2], [0; 2], u64::MAX);
        Self { size, tile, rows_per_strip, bits: 1, samples: 1, is_compressed: false, has_planes: false }
    }
}

impl Blocks {
    /// Whether a tag says something of blocks.
    pub fn is_about(tag: u64) -> bool {
        tag::ALL.contains(&tag)
    }

    /// Takes in the first value of a tag.
    pub fn note(&mut self, tag: u64, value: u64) {
        match tag {
            tag::WIDTH => self.size[0] = value,
            tag::HEIGHT => self.size[1] = value,
            tag::BITS => self.bits = value,
            tag::CODEC => self.is_compressed = value != 1,
            tag::SAMPLES => self.samples = value,
            tag::ROWS_PER_STRIP => self.rows_per_strip = value,
            tag::PLANES => self.has_planes = value == 2,
            tag::TILE_WIDTH => self.tile[0] = value,
            tag::TILE_HEIGHT => self.tile[1] = value,
            _ => {}
        }
    }

    /// Memory that a decoded block takes, in bytes, of a file of so many.
    pub fn bytes(&self, file_bytes: u64) -> u64 {
        /// A strip that is not compressed and that no file holds: GDAL keeps a few bytes for each 8 kB of it all the same.
        const MOST_BEYOND_FILE: u64 = 1 << 30;
        let samples = if self.has_planes { 1 } else { self.samples };
        let line = |width: u64| width.saturating_mul(samples).saturating_mul(self.bits.div_ceil(8));
        if !self.tile.contains(&0) {
            return line(self.tile[0]).saturating_mul(self.tile[1]);
        }
        let [width, height] = self.size;
        let strip = line(width).saturating_mul(self.rows_per_strip.min(height));
        // One of all rows is read by lines, or as if it were several.
        let is_by_lines = self.rows_per_strip >= height
            && if self.is_compressed { self.bits == 8 } else { strip <= file_bytes.max(MOST_BEYOND_FILE) };
        if is_by_lines { line(width) } else { strip }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const SIZE: [(u64, u64); 2] = [(256, 20_000), (257, 10_000)];

    #[rstest]
    #[case::one_strip_as_it_is(&[(258, 16)], 20_000 * 2)]
    #[case::one_strip_that_the_file_can_not_hold(&[(258, 8), (257, 0x7fff_ffff)], 20_000 * 0x7fff_ffff)]
    #[case::one_deflated_strip_of_bytes(&[(258, 8), (259, 8), (278, 10_000)], 20_000)]
    #[case::one_deflated_strip_of_words(&[(258, 16), (259, 8)], 20_000 * 10_000 * 2)]
    #[case::two_deflated_strips(&[(258, 8), (259, 8), (278, 5000)], 20_000 * 5000)]
    #[case::tiles(&[(258, 8), (277, 3), (322, 512), (323, 256)], 512 * 256 * 3)]
    #[case::tiles_of_planes(&[(258, 8), (277, 3), (284, 2), (322, 512), (323, 256)], 512 * 256)]
    #[case::tiles_of_bits(&[(322, 1 << 14), (323, 1 << 14)], 1 << 28)]
    #[case::tiles_without_end(&[(322, u64::MAX), (323, u64::MAX)], u64::MAX)]
    fn a_block_takes_what_gdal_takes_for_it(#[case] tags: &[(u64, u64)], #[case] bytes: u64) {
        let mut blocks = Blocks::default();
        SIZE.iter().chain(tags).for_each(|(tag, value)| {
            assert!(Blocks::is_about(*tag));
            blocks.note(*tag, *value);
        });
        assert_eq!(blocks.bytes(1000), bytes);
    }
}
