//! Undoing DEFLATE (RFC 1951) in a zlib stream (RFC 1950), from one piece of memory into another, which never grows.
//!
//! Made for pictures: two literals, or a literal and the length behind it, are looked up at once. And it may stop: of a
//! block of which only the upper rows are wanted, the others are not unpacked.

mod bits;
mod codes;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use bits::Bits;
use codes::{Code, DISTANCE_BITS, Distance, END, LENGTHS_OF_CODES, LITERAL_BITS, Literal};

use super::block::Damaged;

/// Symbols of literals and lengths, and of distances, that may have a code.
const MOST_LITERALS: usize = 286;
const MOST_DISTANCES: usize = 30;

/// Bytes that are copied together: most matches are shorter.
const COPIED: usize = 32;

/// Lookups of literals between two refills. With a first literal of 15 bits, that could not be looked up, they take 37 of
/// 64 bits: enough are left for one more.
const AT_ONCE: usize = 3;

/// Bytes that a turn may write: two a lookup, then a match.
const ROOM: usize = 2 * (AT_ONCE + 1) + COPIED;

/// Why decoding stops before the end of the stream.
#[derive(Debug)]
enum Stop {
    /// There is no room for more.
    Full,
    Damaged(&'static str),
}

use Stop::{Damaged as Bad, Full};

/// Unpacks a zlib stream; how many bytes it had. One that has more than there is room for is damaged.
pub fn zlib(raw: &[u8], out: &mut [u8]) -> Result<usize, Damaged> {
    unpack(raw, out).map_err(|stop| match stop {
        Full => Damaged(format!("it has more than {} bytes", out.len())),
        Bad(reason) => Damaged(reason.to_owned()),
    })
}

/// Unpacks the beginning of a zlib stream; how many bytes there were. What follows is not looked at: neither is the
/// checksum, unless the stream ends there.
pub fn zlib_beginning(raw: &[u8], out: &mut [u8]) -> Result<usize, Damaged> {
    unpack(raw, out).or_else(|stop| match stop {
        Full => Ok(out.len()),
        Bad(reason) => Err(Damaged(reason.to_owned())),
    })
}

fn unpack(raw: &[u8], out: &mut [u8]) -> Result<usize, Stop> {
    thread_local! {
        /// Its tables are worth keeping.
        static TABLES: RefCell<Tables> = RefCell::default();
    }
    let deflated = match raw {
        [method, flags, rest @ ..] if is_header(*method, *flags) => rest,
        _ => return Err(Bad("it is no zlib stream")),
    };
    let mut inflater = Inflater { bits: Bits::new(deflated), out, at: 0 };
    TABLES.with_borrow_mut(|tables| inflater.run(tables))?;
    let Inflater { bits, out, at } = inflater;
    let checksum = bits.rest().and_then(|rest| rest.first_chunk::<4>()).ok_or(CUT_OFF)?;
    if simd_adler32::adler32(&&out[..at]) != u32::from_be_bytes(*checksum) {
        return Err(Bad("its checksum is another"));
    }
    Ok(at)
}

const CUT_OFF: Stop = Bad("it is cut off");
const NO_CODE: Stop = Bad("it has a code that does not exist");
const TOO_FAR: Stop = Bad("it repeats what is before its beginning");

/// Whether two bytes are the header of a zlib stream without a dictionary.
fn is_header(method: u8, flags: u8) -> bool {
    const DEFLATE: u8 = 8;
    const MOST_WINDOW: u8 = 7;
    const HAS_DICTIONARY: u8 = 0x20;
    let is_deflate = method & 15 == DEFLATE && method >> 4 <= MOST_WINDOW;
    is_deflate && flags & HAS_DICTIONARY == 0 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

/// What the bits of a block mean.
#[derive(Debug, Default)]
struct Tables {
    literals: Literals,
    distances: Distances,
}

/// Codes of literals and lengths.
#[derive(Debug)]
struct Literals {
    code: Code,
    short: Box<[Literal; 1 << LITERAL_BITS]>,
}

/// Codes of distances.
#[derive(Debug)]
struct Distances {
    code: Code,
    short: Box<[Distance; 1 << DISTANCE_BITS]>,
}

impl Default for Literals {
    fn default() -> Self {
        Self { code: Code::default(), short: Box::new([Literal::NOT_HERE; 1 << LITERAL_BITS]) }
    }
}

impl Default for Distances {
    fn default() -> Self {
        Self { code: Code::default(), short: Box::new([Distance::NOT_HERE; 1 << DISTANCE_BITS]) }
    }
}

impl Tables {
    /// Those of codes with these lengths, by symbol.
    fn set(&mut self, literals: &[u8], distances: &[u8]) -> Result<(), Stop> {
        let Self { literals: Literals { code, short }, .. } = self;
        code.set(literals)?;
        code.look_up(&mut short[..], Literal::NOT_HERE, Literal::new);
        Literal::join(short);
        let Self { distances: Distances { code, short }, .. } = self;
        code.set(distances)?;
        code.look_up(&mut short[..], Distance::NOT_HERE, Distance::new);
        Ok(())
    }

    /// Those that need no table in the stream.
    fn set_fixed(&mut self) -> Result<(), Stop> {
        let mut literals = [8; 288];
        literals[144..256].fill(9);
        literals[256..280].fill(7);
        self.set(&literals, &[5; 32])
    }

    /// Those that the next bits describe.
    fn read(&mut self, bits: &mut Bits<'_>) -> Result<(), Stop> {
        /// Symbols that are no lengths: the last one again, and zeros.
        const AGAIN: u8 = 16;
        const ZEROS: u8 = 17;
        /// The longest code of a length.
        const LENGTH_BITS: u32 = 7;
        bits.refill();
        let literals = 257 + bits.take(5);
        let distances = 1 + bits.take(5);
        let described = 4 + bits.take(4);
        if literals > MOST_LITERALS || distances > MOST_DISTANCES {
            return Err(Bad("it has codes for what does not exist"));
        }
        let mut lengths = [0; LENGTHS_OF_CODES.len()];
        for symbol in &LENGTHS_OF_CODES[..described] {
            bits.refill();
            lengths[*symbol] = bits.take(3).to_le_bytes()[0];
        }
        let mut code = Code::default();
        code.set(&lengths)?;
        let mut short = [Literal::NOT_HERE; 1 << LENGTH_BITS];
        code.look_up(&mut short, Literal::NOT_HERE, Literal::new);

        let mut lengths = [0; MOST_LITERALS + MOST_DISTANCES];
        let lengths = &mut lengths[..literals + distances];
        let mut at = 0;
        while at < lengths.len() {
            bits.refill();
            let found = short[bits.first::<LENGTH_BITS>()];
            if found.is_not_here() {
                return Err(NO_CODE);
            }
            bits.drop(found.bits());
            let (length, times) = match found.literals()[0] {
                length @ ..AGAIN => (length, 1),
                AGAIN if at == 0 => return Err(Bad("it repeats what is not there")),
                AGAIN => (lengths[at - 1], 3 + bits.take(2)),
                ZEROS => (0, 3 + bits.take(3)),
                _ => (0, 11 + bits.take(7)),
            };
            lengths.get_mut(at..at + times).ok_or(Bad("it has too many codes"))?.fill(length);
            at += times;
        }
        let (literals, distances) = lengths.split_at(literals);
        self.set(literals, distances)
    }
}

/// A stream on its way.
struct Inflater<'a> {
    bits: Bits<'a>,
    out: &'a mut [u8],
    /// Bytes that are there.
    at: usize,
}

/// What a round of decoding came to.
enum Round {
    /// The block ended.
    Ended,
    /// Near the end of the input or of the output, where care is needed.
    NearEnd,
}

impl Inflater<'_> {
    /// All blocks.
    fn run(&mut self, tables: &mut Tables) -> Result<(), Stop> {
        loop {
            self.bits.refill();
            let is_last = self.bits.take(1) == 1;
            match self.bits.take(2) {
                0 => self.stored()?,
                1 => {
                    tables.set_fixed()?;
                    self.block(tables)?;
                }
                2 => {
                    tables.read(&mut self.bits)?;
                    self.block(tables)?;
                }
                _ => return Err(Bad("it has a block of no kind")),
            }
            if self.bits.is_beyond() {
                return Err(CUT_OFF);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// A block that is not compressed.
    fn stored(&mut self) -> Result<(), Stop> {
        let [low, high, not_low, not_high, bytes @ ..] = self.bits.rest().ok_or(CUT_OFF)? else {
            return Err(CUT_OFF);
        };
        if [!low, !high] != [*not_low, *not_high] {
            return Err(Bad("the length of a block is damaged"));
        }
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (bytes, rest) = bytes.split_at_checked(length).ok_or(CUT_OFF)?;
        let room = &mut self.out[self.at..];
        let fitting = length.min(room.len());
        room[..fitting].copy_from_slice(&bytes[..fitting]);
        self.at += fitting;
        self.bits = Bits::new(rest);
        if fitting < length { Err(Full) } else { Ok(()) }
    }

    /// A compressed block.
    fn block(&mut self, tables: &Tables) -> Result<(), Stop> {
        while let Round::NearEnd = self.round(tables)? {
            self.bits.refill();
            let symbol = tables.literals.code.take(&mut self.bits)?;
            if self.bits.is_beyond() {
                return Err(CUT_OFF);
            }
            if let Ok(byte) = u8::try_from(symbol) {
                *self.out.get_mut(self.at).ok_or(Full)? = byte;
                self.at += 1;
            } else if symbol == END {
                break;
            } else {
                let length = Literal::new(symbol, 0).known()?.take_length(&mut self.bits);
                let distance = tables.distances.code.take(&mut self.bits)?;
                let distance = Distance::new(distance, 0).known()?.take(&mut self.bits);
                let from = self.at.checked_sub(distance).ok_or(TOO_FAR)?;
                self.at = repeat(self.out, self.at, from, length)?;
            }
        }
        Ok(())
    }

    /// As many symbols as can be taken without care.
    fn round(&mut self, tables: &Tables) -> Result<Round, Stop> {
        // Copies, which are kept in registers.
        let (mut bits, mut at) = (self.bits, self.at);
        let round = round(tables, &mut bits, self.out, &mut at);
        self.bits = bits;
        self.at = at;
        round
    }
}

/// As many symbols as can be taken without care. What is looked up next is looked up as early as it is known: each of these
/// waits for the one before.
#[inline]
fn round(tables: &Tables, bits: &mut Bits<'_>, out: &mut [u8], at: &mut usize) -> Result<Round, Stop> {
    let Tables { literals, distances } = tables;
    if !bits.refill_fast() {
        return Ok(Round::NearEnd);
    }
    let mut found = literals.short[bits.first::<LITERAL_BITS>()];
    loop {
        let Some((known, room)) = out.split_at_mut_checked(*at) else { return Ok(Round::NearEnd) };
        let Some(room) = room.first_chunk_mut::<ROOM>() else { return Ok(Round::NearEnd) };
        // Bytes of this turn.
        let mut count = 0;
        room[..2].copy_from_slice(&found.literals());
        for _ in 0..AT_ONCE {
            if !found.is_literals_only() {
                break;
            }
            count += found.count();
            bits.drop(found.bits());
            found = literals.short[bits.first::<LITERAL_BITS>()];
            room[count..count + 2].copy_from_slice(&found.literals());
        }
        if count > 0 && !bits.refill_fast() {
            *at += count;
            return Ok(Round::NearEnd);
        }
        if found.is_literals_only() {
            *at += count;
            continue;
        }
        if found.is_not_here() {
            *at += count;
            let (symbol, length) = literals.code.find(bits.first_15_on_top()).ok_or(NO_CODE)?;
            if symbol == END {
                bits.drop(length);
                return Ok(Round::Ended);
            }
            found = Literal::new(symbol, length).known()?;
            continue;
        }
        count += found.count();
        let length = found.take_length(bits);
        let mut distance = distances.short[bits.first::<DISTANCE_BITS>()];
        if distance.is_not_here() {
            let (symbol, length) = distances.code.find(bits.first_15_on_top()).ok_or(NO_CODE)?;
            distance = Distance::new(symbol, length).known()?;
        }
        let distance = distance.take(bits);
        // Of 64 bits no more than 48 were taken: there are enough to look up what comes next.
        found = literals.short[bits.first::<LITERAL_BITS>()];
        let is_filled = bits.refill_fast();
        let from = known.len().checked_sub(distance.wrapping_sub(count));
        let source = from.and_then(|from| known[from..].first_chunk::<COPIED>());
        if let Some(source) = source
            && length <= COPIED
        {
            // What is copied too much is overwritten.
            room[count..count + COPIED].copy_from_slice(source);
            *at += count + length;
        } else {
            *at += count;
            let from = at.checked_sub(distance).ok_or(TOO_FAR)?;
            *at = repeat(out, *at, from, length)?;
        }
        if !is_filled {
            return Ok(Round::NearEnd);
        }
    }
}

/// Repeats what is there from one place on at another; where that ends.
#[inline(never)]
fn repeat(out: &mut [u8], at: usize, from: usize, length: usize) -> Result<usize, Stop> {
    let end = at + length;
    if from + COPIED <= at && end + COPIED <= out.len() {
        for copied in (0..length).step_by(COPIED) {
            out.copy_within(from + copied..from + copied + COPIED, at + copied);
        }
        return Ok(end);
    }
    let fitting = end.min(out.len());
    if from + 1 == at && at < fitting {
        let byte = out[from];
        out[at..fitting].fill(byte);
    } else {
        // What was repeated can be repeated with the rest.
        let mut at = at;
        while at < fitting {
            let length = (fitting - at).min(at - from);
            out.copy_within(from..from + length, at);
            at += length;
        }
    }
    if fitting < end { Err(Full) } else { Ok(end) }
}
