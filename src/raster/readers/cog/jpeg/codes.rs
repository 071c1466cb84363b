//! The codes of a scan, and the values between them.
//!
//! What libjpeg would warn of is an error here: a code that does not exist, data that ends too early or too late, a
//! restart that is not where it should be. A decoder that takes the end of the data for an end of the picture paints the
//! rest grey.

use super::dct::{Coefficients, PLACES};
use super::{MARK, cut_off, damaged};
use crate::raster::readers::cog::block::Damaged;

/// Coefficients of a block.
const BLOCK: usize = 64;

/// Bits that are looked up at once; longer codes are rare.
const LOOKUP_BITS: u32 = 10;

/// The symbol of sixteen zeros, which has no value behind it, as the end of a block has not.
const ZEROS: u8 = 0xf0;

/// Bits of the value behind a symbol: its lower half. The upper one is how many zeros come before.
const VALUE: u8 = 15;

/// What some bits begin with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found {
    /// Bits to take: those of the code, and those of its value when that is known too. 0 where the code is longer than
    /// those that are looked up.
    length: u8,
    symbol: u8,
    /// 0 where those looked up don't hold it; no value is 0 itself.
    value: i16,
}

impl Found {
    /// Zeros that come before its value.
    pub fn zeros(self) -> usize {
        usize::from(self.symbol >> 4)
    }

    /// Whether it has a value.
    pub fn has_value(self) -> bool {
        self.symbol & VALUE > 0
    }

    /// Without a value: the digits of a number of blocks, unless it is but sixteen zeros.
    pub fn blocks(self) -> Option<u8> {
        (self.symbol != ZEROS).then_some(self.symbol >> 4)
    }
}

/// Huffman codes, as they are read: each is followed by as many bits of a value as its symbol says.
#[derive(Debug, Clone)]
pub struct Codes {
    /// By the first bits.
    short: Box<[Found; 1 << LOOKUP_BITS]>,
    /// By length: the first code beyond those of this length, in 16 bits, and the place of the symbol of code 0.
    long: [(u32, i64); 17],
    symbols: Vec<u8>,
}

impl Codes {
    /// Those of a table: how many there are of each length, and what they mean.
    pub fn new(counts: &[u8], symbols: &[u8]) -> Result<Self, Damaged> {
        let short = Box::new([Found::default(); 1 << LOOKUP_BITS]);
        let mut codes = Self { short, long: [(0, 0); 17], symbols: symbols.to_vec() };
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, count) in (1_u8..).zip(counts) {
            let bits = u32::from(length);
            codes.long[usize::from(length)].1 = i64::try_from(place).unwrap_or(0) - i64::from(code);
            for _ in 0..*count {
                if code >> bits != 0 {
                    return Err(damaged("there are more codes than can be"));
                }
                if bits <= LOOKUP_BITS {
                    codes.look_up(code, length, symbols[place]);
                }
                code += 1;
                place += 1;
            }
            codes.long[usize::from(length)].0 = code << (16 - bits);
            code <<= 1;
        }
        Ok(codes)
    }

    /// Puts a code where whatever follows it is looked up, with the value where that is among it.
    fn look_up(&mut self, code: u32, length: u8, symbol: u8) {
        let behind = LOOKUP_BITS - u32::from(length);
        let value_bits = u32::from(symbol & VALUE);
        let first = code << behind;
        for rest in 0..1 << behind {
            self.short[(first | rest) as usize] = if (1..=behind).contains(&value_bits) {
                let value = signed(rest >> (behind - value_bits), value_bits);
                Found { length: length + (symbol & VALUE), symbol, value }
            } else {
                Found { length, symbol, value: 0 }
            };
        }
    }

    /// What 16 bits begin with, where the code is longer than those that are looked up.
    #[cold]
    fn find_long(&self, bits: u32) -> Option<Found> {
        let (length, (_, place)) =
            (0_u8..).zip(self.long).skip(LOOKUP_BITS as usize + 1).find(|(_, (end, _))| bits < *end)?;
        let place = i64::from(bits >> (16 - length)) + place;
        let symbol = *self.symbols.get(usize::try_from(place).ok()?)?;
        Some(Found { length, symbol, value: 0 })
    }
}

/// A value from its bits, of which the first one is its sign.
#[inline]
#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "at most 15 bits and a sign")]
fn signed(bits: u32, count: u32) -> i16 {
    let least = if count > 0 && bits >> (count - 1) == 0 { (1 << count) - 1 } else { 0 };
    (bits as i32 - least) as i16
}

/// What a component's blocks are decoded with.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    /// Codes of first coefficients, and of the others.
    pub first: &'a Codes,
    pub others: &'a Codes,
    /// What coefficients are multiples of, in the order of the stream.
    pub steps: &'a [u16; BLOCK],
}

/// What a block of a scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// All cells are one value: there is but this first coefficient.
    Flat(i16),
    /// There are others too.
    Full,
}

/// The bits of a scan.
pub struct Bits<'a> {
    stream: &'a [u8],
    at: usize,
    /// The next bits, first ones on top; zeros behind the last one.
    buffer: u64,
    /// How many there are: fewer than none when more were taken.
    count: i32,
    /// A code was met that does not exist.
    is_unknown: bool,
}

impl<'a> Bits<'a> {
    /// Those of a stream from a place on.
    pub fn new(stream: &'a [u8], at: usize) -> Self {
        Bits { stream, at, buffer: 0, count: 0, is_unknown: false }
    }

    /// Takes a block, dequantized. `last` is the first coefficient of the component's last block, then of this one.
    #[inline]
    pub fn block(
        &mut self, tables: Tables<'_>, last: &mut i16, coefficients: &mut Coefficients,
    ) -> Result<Block, Damaged> {
        let found = self.find(tables.first);
        *last = last.wrapping_add(self.take_value(found));
        let first = scaled(*last, tables.steps[0]);
        let mut index = 1;
        let mut block = Block::Flat(first);
        while index < BLOCK {
            let found = self.find(tables.others);
            if !found.has_value() {
                self.take(found.length);
                if found.symbol != ZEROS {
                    break;
                }
                index += found.zeros() + 1;
                continue;
            }
            if block != Block::Full {
                *coefficients = Coefficients::default();
                coefficients.set(PLACES[0], first);
                block = Block::Full;
            }
            index += found.zeros();
            let value = self.take_value(found);
            if let (Some(place), Some(step)) = (PLACES.get(index), tables.steps.get(index)) {
                coefficients.set(*place, scaled(value, *step));
            }
            index += 1;
        }
        self.check()?;
        if index <= BLOCK { Ok(block) } else { Err(damaged("a block has too many values")) }
    }

    /// Whether all codes and values were there so far.
    #[inline]
    pub fn check(&self) -> Result<(), Damaged> {
        match self.count {
            _ if self.is_unknown => Err(damaged("it has a code that does not exist")),
            ..0 => Err(cut_off()),
            _ => Ok(()),
        }
    }

    /// The code that comes next. One that does not exist is as good as the end of the block, which looks for it.
    #[expect(clippy::inline_always, reason = "a tenth of the time of a whole picture")]
    #[inline(always)]
    pub fn find(&mut self, codes: &Codes) -> Found {
        if self.count < 32 {
            self.fill();
        }
        let found = codes.short[(self.buffer >> (64 - LOOKUP_BITS)) as usize];
        if found.length > 0 { found } else { self.find_long(codes) }
    }

    #[cold]
    fn find_long(&mut self, codes: &Codes) -> Found {
        let bits = u32::try_from(self.buffer >> 48).unwrap_or(0);
        codes.find_long(bits).unwrap_or_else(|| {
            // Behind the end there are zeros, which may be no code.
            self.is_unknown |= self.count >= 16;
            self.count = self.count.min(0);
            Found { length: 1, ..Found::default() }
        })
    }

    /// Takes a code and its value.
    #[inline]
    pub fn take_value(&mut self, found: Found) -> i16 {
        self.take(found.length);
        let count = found.symbol & VALUE;
        if found.value != 0 || count == 0 {
            return found.value;
        }
        signed(self.take_filled(count), u32::from(count))
    }

    /// Takes 1 to 16 bits, which are in the buffer if they are anywhere.
    #[inline]
    fn take_filled(&mut self, count: u8) -> u32 {
        let bits = u32::try_from(self.buffer >> (64 - u32::from(count))).unwrap_or(0);
        self.take(count);
        bits
    }

    /// Takes up to 16 bits.
    pub fn take_bits(&mut self, count: u8) -> u32 {
        if self.count < 32 {
            self.fill();
        }
        if count == 0 { 0 } else { self.take_filled(count) }
    }

    /// Takes a bit.
    pub fn bit(&mut self) -> bool {
        self.take_bits(1) == 1
    }

    #[inline]
    fn take(&mut self, bits: u8) {
        self.buffer <<= bits;
        self.count -= i32::from(bits);
    }

    /// Takes bytes up to the next marker.
    #[inline(never)]
    fn fill(&mut self) {
        if self.count < 0 {
            return;
        }
        if let Some(Ok(bytes)) = self.stream.get(self.at..self.at + 4).map(<[u8; 4]>::try_from)
            && !bytes.contains(&MARK)
        {
            self.buffer |= u64::from(u32::from_be_bytes(bytes)) << (32 - self.count);
            self.count += 32;
            self.at += 4;
            return;
        }
        self.fill_slowly();
    }

    fn fill_slowly(&mut self) {
        while self.count <= 32 {
            let Some(byte) = self.stream.get(self.at) else { return };
            if *byte == MARK {
                if self.stream.get(self.at + 1) != Some(&0) {
                    return;
                }
                self.at += 1;
            }
            self.at += 1;
            self.buffer |= u64::from(*byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Goes on behind a restart marker.
    pub fn restart(&mut self, number: usize) -> Result<(), Damaged> {
        self.at = self.end()?.ok_or_else(cut_off)?;
        while self.stream.get(self.at + 1) == Some(&MARK) {
            self.at += 1;
        }
        let marker = self.stream.get(self.at + 1).copied().ok_or_else(cut_off)?;
        if usize::from(marker) != 0xd0 + number % 8 {
            return Err(damaged("a restart is missing"));
        }
        self.at += 2;
        Ok(())
    }

    /// Where the marker is behind the data, of which nothing but the rest of a byte may be left; none where the stream
    /// ends without one.
    pub fn end(&mut self) -> Result<Option<usize>, Damaged> {
        self.fill_slowly();
        if self.count >= 8 {
            return Err(damaged("it has more data than blocks"));
        }
        (self.buffer, self.count) = (0, 0);
        Ok((self.at < self.stream.len()).then_some(self.at))
    }
}

/// A coefficient from a multiple of its step. Those of a damaged file may be too large; they wrap around.
#[inline]
pub fn scaled(value: i16, step: u16) -> i16 {
    value.wrapping_mul(step.cast_signed())
}
