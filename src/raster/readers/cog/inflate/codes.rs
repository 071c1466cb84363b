//! Huffman codes, and what is looked up of them.

use super::Stop::{self, Damaged};
use super::bits::Bits;

/// Bits that are looked up at once. Longer codes are rare.
pub const LITERAL_BITS: u32 = 11;
pub const DISTANCE_BITS: u32 = 10;

/// The longest code.
const MOST_BITS: usize = 15;

/// The symbol that ends a block. Those before it are bytes, those behind it lengths.
pub const END: usize = 256;

/// In which order the lengths of the codes of lengths are told.
pub const LENGTHS_OF_CODES: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The shortest match of each symbol of lengths, and the bits that add to it.
const LENGTHS: [(u16, u8); 29] = {
    let mut all = ranges(3, 8, 4);
    // One that could be told otherwise, too.
    all[28] = (258, 0);
    all
};

/// The same for distances.
const DISTANCES: [(u16, u8); 30] = ranges(1, 4, 2);

/// Where ranges begin that follow each other from `first` on, and the bits within: none in the first `single` ones, then
/// one more each `times`.
const fn ranges<const COUNT: usize>(first: u16, single: usize, times: usize) -> [(u16, u8); COUNT] {
    let mut all = [(first, 0); COUNT];
    let mut symbol = 1;
    while symbol < COUNT {
        let (start, bits) = all[symbol - 1];
        let is_wider = symbol >= single && (symbol - single).is_multiple_of(times);
        all[symbol] = (start + (1 << bits), if is_wider { bits + 1 } else { bits });
        symbol += 1;
    }
    all
}

const NO_MEANING: Stop = Damaged("it has a length or a distance that does not exist");

/// A canonical Huffman code.
#[derive(Debug, Default)]
pub struct Code {
    /// By length: how many codes there are.
    counts: [u16; MOST_BITS + 1],
    /// By length: the first code beyond those of this length and shorter ones, in 15 bits.
    ends: [u16; MOST_BITS + 1],
    /// By code.
    symbols: Vec<u16>,
}

impl Code {
    /// Makes it the one with these lengths, by symbol; 0 is none.
    pub fn set(&mut self, lengths: &[u8]) -> Result<(), Stop> {
        const ALL: usize = 1 << MOST_BITS;
        self.counts = [0; MOST_BITS + 1];
        for length in lengths {
            self.counts[usize::from(*length)] += 1;
        }
        self.counts[0] = 0;
        // Where the symbols of a length begin.
        let mut places = [0; MOST_BITS + 2];
        let mut end = 0;
        for length in 1..=MOST_BITS {
            let count = usize::from(self.counts[length]);
            places[length + 1] = places[length] + count;
            end += count << (MOST_BITS - length);
            if end > ALL {
                return Err(Damaged("it has more codes than can be"));
            }
            self.ends[length] = u16::try_from(end).unwrap_or(u16::MAX);
        }
        let used = places[MOST_BITS + 1];
        // One symbol alone has a code of one bit, of which the other one is none.
        if end < ALL && (used > 1 || self.counts[1] != u16::try_from(used).unwrap_or(0)) {
            return Err(Damaged("it has fewer codes than there should be"));
        }
        self.symbols.clear();
        self.symbols.resize(used, 0);
        for (symbol, length) in (0..).zip(lengths).filter(|(_, length)| **length > 0) {
            let place = &mut places[usize::from(*length)];
            self.symbols[*place] = symbol;
            *place += 1;
        }
        Ok(())
    }

    /// The symbol that comes first in 15 bits, the first one on top, and the bits of its code.
    #[cold]
    pub fn find(&self, first: u16) -> Option<(usize, u32)> {
        let length = (1..=MOST_BITS).find(|length| first < self.ends[*length])?;
        let among_them = (first - self.ends[length - 1]) >> (MOST_BITS - length);
        let shorter: u16 = self.counts[..length].iter().sum();
        let symbol = self.symbols.get(usize::from(shorter + among_them))?;
        Some((usize::from(*symbol), u32::try_from(length).unwrap_or(0)))
    }

    /// Takes the symbol that comes next.
    pub fn take(&self, bits: &mut Bits<'_>) -> Result<usize, Stop> {
        let (symbol, length) = self.find(bits.first_15_on_top()).ok_or(Damaged("it has a code that does not exist"))?;
        bits.drop(length);
        Ok(symbol)
    }

    /// Fills a table with what its codes mean, by the bits that come next; with `other` where they are longer, or none.
    pub fn look_up<T: Copy>(&self, table: &mut [T], other: T, meaning: impl Fn(usize, u32) -> T) {
        let mut symbols = self.symbols.iter();
        let mut code = 0_u32;
        let mut size = 1;
        table[0] = other;
        // Up to each length, then the same with a 0 and a 1 behind it.
        for length in 1..=table.len().ilog2() {
            let (known, more) = table.split_at_mut(size);
            more[..size].copy_from_slice(known);
            size *= 2;
            for symbol in symbols.by_ref().take(usize::from(self.counts[length as usize])) {
                let first_bit_lowest = code.reverse_bits() >> (u32::BITS - length);
                table[first_bit_lowest as usize] = meaning(usize::from(*symbol), length);
                code += 1;
            }
            code <<= 1;
        }
    }
}

/// What some bits begin with: up to two literals, or up to one and a length.
///
/// From the lowest bit: 6 bits, how many bits to take; 2, how many literals; then two bytes, the literals, of which one that
/// is alone is both. A length has its shortest match, 9 bits, where the second one would be, and then 3 bits, how many of
/// those taken add to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal(u32);

impl Literal {
    const COUNT: u32 = 6;
    const FIRST: u32 = 8;
    const SECOND: u32 = 16;
    const SHORTEST: u32 = 16;
    const ADDED: u32 = 25;
    const LENGTH: u32 = 1 << 28;
    const NOT_HERE_FLAG: u32 = 1 << 29;

    /// Nothing that could be looked up: it is longer than all that could.
    pub const NOT_HERE: Self = Self(Self::NOT_HERE_FLAG | 63);

    /// What a symbol with a code of so many bits means. The end is not here, and what does not exist is not either.
    pub fn new(symbol: usize, bits: u32) -> Self {
        if let Ok(byte) = u8::try_from(symbol) {
            return Self(bits | 1 << Self::COUNT | u32::from(byte) << Self::FIRST | u32::from(byte) << Self::SECOND);
        }
        let length = symbol.checked_sub(END + 1).and_then(|index| LENGTHS.get(index));
        length.map_or(Self::NOT_HERE, |(shortest, added)| {
            let (shortest, added) = (u32::from(*shortest), u32::from(*added));
            Self((bits + added) | shortest << Self::SHORTEST | added << Self::ADDED | Self::LENGTH)
        })
    }

    /// Puts two together where both are known.
    pub fn join(table: &mut [Self; 1 << LITERAL_BITS]) {
        // What is behind some bits comes before them in the table: it is not yet joined.
        for index in (0..table.len()).rev() {
            let first = table[index];
            let bits = first.bits() & 63;
            let second = table[index.unbounded_shr(bits)];
            // Its literal comes before the second one, which is where it has to be already.
            let joined = Self((second.0 & !(0xff << Self::FIRST)) + (first.0 & 0xffff));
            let is_known = bits + second.code_bits() <= LITERAL_BITS;
            table[index] = if first.is_literals_only() && is_known { joined } else { first };
        }
    }

    /// Bits to take: in the lowest 6 bits.
    #[inline]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// How many literals there are.
    #[inline]
    pub fn count(self) -> usize {
        (self.0 >> Self::COUNT & 3) as usize
    }

    /// The literals; what is too much of them is overwritten.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "two bytes are asked for")]
    pub fn literals(self) -> [u8; 2] {
        ((self.0 >> Self::FIRST) as u16).to_le_bytes()
    }

    #[inline]
    pub fn is_literals_only(self) -> bool {
        self.0 & (Self::LENGTH | Self::NOT_HERE_FLAG) == 0
    }

    #[inline]
    pub fn is_not_here(self) -> bool {
        self.0 & Self::NOT_HERE_FLAG != 0
    }

    /// The same, unless it does not exist.
    pub fn known(self) -> Result<Self, Stop> {
        if self.is_not_here() { Err(NO_MEANING) } else { Ok(self) }
    }

    /// Bits of the code of one that is not joined.
    #[inline]
    fn code_bits(self) -> u32 {
        (self.0 & 63) - (self.0 >> Self::ADDED & 7)
    }

    /// Takes all of it; the length.
    #[inline]
    pub fn take_length(self, bits: &mut Bits<'_>) -> usize {
        let shortest = (self.0 >> Self::SHORTEST & 0x1ff) as usize;
        shortest + bits.drop_with(self.0, self.0 >> Self::ADDED & 7)
    }
}

/// A distance: 6 bits, how many bits to take; from the 9th bit on, how many of them add to it; from the 17th one on, the
/// shortest one. 0 is nothing that could be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance(u32);

impl Distance {
    const ADDED: u32 = 8;
    const SHORTEST: u32 = 16;

    /// Nothing that could be looked up.
    pub const NOT_HERE: Self = Self(0);

    /// What a symbol with a code of so many bits means. What does not exist is not here.
    pub fn new(symbol: usize, bits: u32) -> Self {
        DISTANCES.get(symbol).map_or(Self::NOT_HERE, |(shortest, added)| {
            let (shortest, added) = (u32::from(*shortest), u32::from(*added));
            Self((bits + added) | added << Self::ADDED | shortest << Self::SHORTEST)
        })
    }

    #[inline]
    pub fn is_not_here(self) -> bool {
        self == Self::NOT_HERE
    }

    /// The same, unless it does not exist.
    pub fn known(self) -> Result<Self, Stop> {
        if self.is_not_here() { Err(NO_MEANING) } else { Ok(self) }
    }

    /// Takes all of it; the distance.
    #[inline]
    pub fn take(self, bits: &mut Bits<'_>) -> usize {
        let shortest = (self.0 >> Self::SHORTEST) as usize;
        shortest + bits.drop_with(self.0, self.0 >> Self::ADDED & 63)
    }
}
