//! Whether the compressed data of a JPEG is all there: its codes are walked through, block by block, without making
//! pixels of them. What libjpeg would warn of is an error here: a code that does not exist, data that ends too early or
//! too late, a restart that is not where it should be.
//!
//! Only sequential pictures are looked into; of progressive ones the decoder itself notices what is missing.

use super::decode::Damaged;

/// Coefficients of a block.
const BLOCK: u32 = 64;

/// Bits that are looked up at once; longer codes are rare.
const LOOKUP_BITS: u32 = 10;

/// What every marker begins with.
const MARK: u8 = 0xff;

/// The symbol of sixteen zeros, which has no value behind it, as the end of a block has not.
const ZEROS: u8 = 0xf0;

/// Checks a whole stream, tables included.
pub fn check(stream: &[u8]) -> Result<(), Damaged> {
    Walk { stream, at: 0, frame: None, tables: Default::default(), restart_interval: 0 }.run()
}

fn damaged(what: &str) -> Damaged {
    Damaged(format!("its JPEG: {what}"))
}

fn cut_off() -> Damaged {
    damaged("its data ends too early")
}

/// A walk through the segments of a stream.
struct Walk<'a> {
    stream: &'a [u8],
    at: usize,
    frame: Option<Frame>,
    /// Codes of first, then of other coefficients.
    tables: [[Option<Codes>; 4]; 2],
    /// In groups of blocks; 0 is never.
    restart_interval: usize,
}

/// The size of a picture, and its components.
#[derive(Debug, Clone)]
struct Frame {
    width: usize,
    height: usize,
    components: Vec<Component>,
}

#[derive(Debug, Clone, Copy)]
struct Component {
    id: u8,
    /// Blocks of a group, across and down.
    factors: [usize; 2],
}

impl Walk<'_> {
    fn run(mut self) -> Result<(), Damaged> {
        let mut scanned = 0;
        loop {
            let marker = self.marker()?;
            match marker {
                0xd8 => {}
                0xd9 => break,
                0xc4 => self.codes()?,
                0xc0 | 0xc1 => self.frame = Some(frame(self.segment()?)?),
                // Progressive, lossless or arithmetic.
                0xc2..=0xcf => return Ok(()),
                0xdd => self.restart_interval = self.segment()?.get(..2).map_or(0, number),
                0xda => scanned += self.scan()?,
                _ => {
                    self.segment()?;
                }
            }
        }
        let components = self.frame.map_or(0, |frame| frame.components.len());
        if scanned == 0 || scanned < components { Err(cut_off()) } else { Ok(()) }
    }

    /// The next marker; nothing but fill bytes may come before it.
    fn marker(&mut self) -> Result<u8, Damaged> {
        let is_marked = self.stream.get(self.at) == Some(&MARK);
        let marker = self.stream.get(self.at..).and_then(|rest| rest.iter().position(|byte| *byte != MARK));
        let marker = marker.ok_or_else(cut_off)? + self.at;
        self.at = marker + 1;
        if is_marked { Ok(self.stream[marker]) } else { Err(damaged("there are bytes where a marker should be")) }
    }

    /// What follows a marker.
    fn segment(&mut self) -> Result<&[u8], Damaged> {
        let length = number(self.stream.get(self.at..self.at + 2).ok_or_else(cut_off)?);
        let segment = self.stream.get(self.at + 2..self.at + length.max(2)).ok_or_else(cut_off)?;
        self.at += length.max(2);
        Ok(segment)
    }

    fn codes(&mut self) -> Result<(), Damaged> {
        const COUNTS: usize = 16;
        let mut rest = self.segment()?.to_vec();
        while let Some((head, body)) = rest.split_first() {
            let (class, index) = (usize::from(head >> 4), usize::from(head & 15));
            let counts = body.get(..COUNTS).ok_or_else(cut_off)?;
            let symbols = counts.iter().copied().map(usize::from).sum::<usize>();
            let symbols = body.get(COUNTS..COUNTS + symbols).ok_or_else(cut_off)?;
            let codes = Codes::new(counts, symbols)?;
            let after = body[COUNTS + symbols.len()..].to_vec();
            let place = self.tables.get_mut(class).and_then(|tables| tables.get_mut(index));
            *place.ok_or_else(|| damaged("it has too many tables"))? = Some(codes);
            rest = after;
        }
        Ok(())
    }

    /// Walks through a scan; how many components it had.
    fn scan(&mut self) -> Result<usize, Damaged> {
        let head = self.segment()?.to_vec();
        let frame = self.frame.as_ref().ok_or_else(|| damaged("it has no size"))?;
        let count = usize::from(*head.first().ok_or_else(cut_off)?);
        let selectors = head.get(1..=2 * count).ok_or_else(cut_off)?;
        let mut blocks = Vec::new();
        for selector in selectors.chunks_exact(2) {
            let component = frame.components.iter().find(|component| component.id == selector[0]);
            let component = component.ok_or_else(|| damaged("a scan is of no component"))?;
            let table = |class: usize, index: u8| {
                let table = self.tables[class].get(usize::from(index)).and_then(Option::as_ref);
                table.ok_or_else(|| damaged("a table is missing"))
            };
            let tables = [table(0, selector[1] >> 4)?, table(1, selector[1] & 15)?];
            let each = if count == 1 { 1 } else { component.factors[0] * component.factors[1] };
            blocks.extend(std::iter::repeat_n(tables, each));
        }
        let groups = frame.groups(selectors);
        let mut bits = Bits { stream: self.stream, at: self.at, buffer: 0, count: 0 };
        for group in 0..groups {
            if self.restart_interval > 0 && group > 0 && group % self.restart_interval == 0 {
                bits.restart(group / self.restart_interval - 1)?;
            }
            for tables in &blocks {
                bits.block(tables)?;
            }
        }
        self.at = bits.end()?;
        Ok(count)
    }
}

impl Frame {
    /// Groups of blocks of a scan. Where it is of one component, a group is a block, and none is there for padding.
    fn groups(&self, selectors: &[u8]) -> usize {
        let most = |side: usize| self.components.iter().map(|component| component.factors[side]).max().unwrap_or(1);
        let (across, down) = (most(0), most(1));
        let only = match selectors {
            [id, _] => self.components.iter().find(|component| component.id == *id),
            _ => None,
        };
        match only {
            None => self.width.div_ceil(8 * across) * self.height.div_ceil(8 * down),
            Some(Component { factors: [own_across, own_down], .. }) => {
                let side = |length: usize, own: usize, most: usize| (length * own).div_ceil(most).div_ceil(8);
                side(self.width, *own_across, across) * side(self.height, *own_down, down)
            }
        }
    }
}

/// The header of a frame.
fn frame(segment: &[u8]) -> Result<Frame, Damaged> {
    let [_, height @ .., count] = segment.get(..6).ok_or_else(cut_off)? else { return Err(cut_off()) };
    let (height, width) = (number(&height[..2]), number(&height[2..]));
    let all = segment.get(6..6 + 3 * usize::from(*count)).ok_or_else(cut_off)?;
    let component = |bytes: &[u8]| Component {
        id: bytes[0],
        factors: [usize::from(bytes[1] >> 4).clamp(1, 4), usize::from(bytes[1] & 15).clamp(1, 4)],
    };
    Ok(Frame { width, height, components: all.chunks_exact(3).map(component).collect() })
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Huffman codes, as they are read: each is followed by as many bits of a value as its symbol says.
struct Codes {
    /// By the first bits: the bits of code and value, 0 where the code is longer, and the symbol.
    short: Box<[[u8; 2]; 1 << LOOKUP_BITS]>,
    /// By length: the first code beyond those of this length, in 16 bits, and the place of the symbol of code 0.
    long: [(u32, i64); 17],
    symbols: Vec<u8>,
}

/// Bits of the value behind a symbol: its lower half.
const VALUE: u8 = 15;

impl Codes {
    fn new(counts: &[u8], symbols: &[u8]) -> Result<Self, Damaged> {
        let short = Box::new([[0; 2]; 1 << LOOKUP_BITS]);
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
                    let rest = LOOKUP_BITS - bits;
                    let first = usize::try_from(code << rest).unwrap_or(0);
                    let symbol = symbols[place];
                    codes.short[first..first + (1 << rest)].fill([length + (symbol & VALUE), symbol]);
                }
                code += 1;
                place += 1;
            }
            codes.long[usize::from(length)].0 = code << (16 - bits);
            code <<= 1;
        }
        Ok(codes)
    }

    /// What 16 bits begin with, where the code is longer than those that are looked up.
    #[cold]
    fn find_long(&self, bits: u32) -> Option<[u8; 2]> {
        let (length, (_, place)) =
            (0_u8..).zip(self.long).skip(LOOKUP_BITS as usize + 1).find(|(_, (end, _))| bits < *end)?;
        let place = i64::from(bits >> (16 - length)) + place;
        let symbol = *self.symbols.get(usize::try_from(place).ok()?)?;
        Some([length + (symbol & VALUE), symbol])
    }
}

/// The bits of a scan.
struct Bits<'a> {
    stream: &'a [u8],
    at: usize,
    /// The next bits, first ones on top; zeros behind the last one.
    buffer: u64,
    /// How many there are: fewer than none when more were taken.
    count: i32,
}

impl Bits<'_> {
    /// Walks through a block.
    #[inline]
    fn block(&mut self, [first, others]: &[&Codes; 2]) -> Result<(), Damaged> {
        self.symbol(first)?;
        let mut index = 1;
        while index < BLOCK {
            let symbol = self.symbol(others)?;
            if symbol & VALUE == 0 && symbol != ZEROS {
                break;
            }
            index += u32::from(symbol >> 4) + 1;
        }
        match index {
            _ if self.count < 0 => Err(cut_off()),
            0..=BLOCK => Ok(()),
            _ => Err(damaged("a block has too many values")),
        }
    }

    /// Takes a code and its value.
    #[inline]
    fn symbol(&mut self, codes: &Codes) -> Result<u8, Damaged> {
        if self.count < 32 {
            self.fill();
        }
        let [mut length, mut symbol] = codes.short[(self.buffer >> (64 - LOOKUP_BITS)) as usize];
        if length == 0 {
            let bits = u32::try_from(self.buffer >> 48).unwrap_or(0);
            [length, symbol] = codes.find_long(bits).ok_or_else(|| match self.count {
                ..16 => cut_off(),
                _ => damaged("it has a code that does not exist"),
            })?;
        }
        self.buffer <<= length;
        self.count -= i32::from(length);
        Ok(symbol)
    }

    /// Takes bytes up to the next marker.
    #[inline]
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
    fn restart(&mut self, number: usize) -> Result<(), Damaged> {
        self.at = self.end()?;
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

    /// Where the marker is behind the data, of which nothing but the rest of a byte may be left.
    fn end(&mut self) -> Result<usize, Damaged> {
        self.fill_slowly();
        if self.count >= 8 {
            return Err(damaged("it has more data than blocks"));
        }
        (self.buffer, self.count) = (0, 0);
        if self.at < self.stream.len() { Ok(self.at) } else { Err(cut_off()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The stream at the end of a fixture that holds nothing else behind its directory.
    fn stream(name: &str) -> Vec<u8> {
        let path = format!("{}/tests/fixtures/codecs/{name}.tif", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::read(path).unwrap();
        let start = file.windows(3).position(|bytes| bytes == [0xff, 0xd8, 0xff]).unwrap();
        file[start..].to_vec()
    }

    const END: usize = 2;

    #[rstest]
    fn what_is_all_there_passes(#[values("jpeg_420", "jpeg_422", "jpeg_444", "jpeg_rgb", "jpeg_restarts")] name: &str) {
        check(&stream(name)).unwrap();
    }

    /// Decoders paint what is missing grey when the data ends with the marker of its end.
    #[rstest]
    fn data_that_ends_too_early_is_found_wherever_it_ends(
        #[values("jpeg_420", "jpeg_422", "jpeg_444", "jpeg_rgb", "jpeg_restarts")] name: &str,
    ) {
        let whole = stream(name);
        let data = whole.windows(2).rposition(|bytes| bytes == [0xff, 0xda]).unwrap() + 14;
        for end in data..whole.len() - END {
            let cut = [&whole[..end], &[0xff, 0xd9]].concat();
            assert!(check(&cut).is_err(), "{name}: {end} of {} bytes", whole.len());
        }
    }

    #[test]
    fn data_that_ends_too_late_and_restarts_out_of_order_are_found() {
        let whole = stream("jpeg_420");
        let (data, end) = whole.split_at(whole.len() - END);
        assert!(check(&[data, &[1, 2, 3], end].concat()).is_err());
        let mut restarts = stream("jpeg_restarts");
        let second = restarts.windows(2).position(|bytes| bytes == [0xff, 0xd1]).unwrap();
        restarts[second + 1] = 0xd2;
        assert!(check(&restarts).is_err());
    }

    #[rstest]
    #[case::nothing(&[])]
    #[case::no_scan(&[0xff, 0xd8, 0xff, 0xd9])]
    #[case::a_segment_without_an_end(&[0xff, 0xd8, 0xff, 0xc4, 0xff])]
    #[case::a_scan_without_a_frame(&[0xff, 0xd8, 0xff, 0xda, 0, 3, 0, 0xff, 0xd9])]
    #[case::more_codes_than_can_be(&[0xff, 0xd8, 0xff, 0xc4, 0, 22, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3])]
    fn what_is_no_jpeg_is_damaged(#[case] bytes: &[u8]) {
        assert!(check(bytes).is_err());
    }
}
