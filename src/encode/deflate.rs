//! DEFLATE (RFC 1951) as a zlib stream (RFC 1950), made for pictures.
//!
//! Bytes get the codes that are best for the picture at hand, and runs of one byte are matches. Nothing else is looked for:
//! that is what takes the time of other encoders, and in a filtered picture there is little to find.

/// Symbols: bytes, the end, and lengths of runs.
const SYMBOLS: usize = 286;
const END: usize = 256;

/// Longest codes: four of them and what is left of a byte fit into 64 bits.
const MOST_BITS: u8 = 14;

/// Bytes that are looked at together. Runs are as long as some of them.
const GROUP: usize = 8;

/// The longest run that has a code, in whole groups.
const LONGEST_RUN: usize = 256;

/// Of data up to this size, all is counted: whatever does not come needs no code.
const COUNTED_WHOLE: usize = 160 << 10;
/// Of larger data, one part of so many, this long each.
const PART: usize = 1024;
const PARTS_APART: usize = 8;

/// Compresses.
pub fn zlib(data: &[u8], out: &mut Vec<u8>) {
    const HEADER: [u8; 2] = [0x78, 0x01];
    let mut counts = Counts([0; SYMBOLS]);
    if data.len() <= COUNTED_WHOLE {
        tokens(data, &mut counts);
    } else {
        // Whatever was not seen may come.
        counts.0.fill(1);
        data.chunks(PART).step_by(PARTS_APART).for_each(|part| tokens(part, &mut counts));
    }
    counts.0[END] = 1;
    let codes = Codes::new(&counts.0, MOST_BITS);

    out.extend_from_slice(&HEADER);
    let mut writer = Writer { codes: &codes.codes, bits: Bits::new(out) };
    codes.write_header(&mut writer.bits);
    tokens(data, &mut writer);
    let mut bits = writer.bits;
    bits.put(codes.codes[END]);
    bits.finish();
    out.extend_from_slice(&simd_adler32::adler32(&data).to_be_bytes());
}

/// What data is taken apart into.
trait Sink {
    fn literals(&mut self, groups: &[[u8; GROUP]]);
    fn literal(&mut self, byte: u8);
    /// So many bytes more of the last one; at most the longest run.
    fn run(&mut self, length: usize);
}

/// Takes data apart: groups that repeat the byte before them, and others.
fn tokens(data: &[u8], sink: &mut impl Sink) {
    let (mut groups, rest) = data.as_chunks::<GROUP>();
    let repeated = |group: &[u8; GROUP]| [group[GROUP - 1]; GROUP];
    let mut repeat = None;
    while !groups.is_empty() {
        let longest = &groups[..groups.len().min(LONGEST_RUN / GROUP)];
        let run = longest.iter().take_while(|group| Some(**group) == repeat).count();
        let taken = if run > 0 {
            sink.run(run * GROUP);
            run
        } else {
            let pairs = groups.iter().zip(&groups[1..]);
            let others = 1 + pairs.take_while(|(before, group)| **group != repeated(before)).count();
            sink.literals(&groups[..others]);
            repeat = groups[..others].last().map(repeated);
            others
        };
        groups = &groups[taken..];
    }
    for byte in rest {
        sink.literal(*byte);
    }
}

/// How often symbols come.
struct Counts([u32; SYMBOLS]);

impl Sink for Counts {
    fn literals(&mut self, groups: &[[u8; GROUP]]) {
        groups.as_flattened().iter().for_each(|byte| self.literal(*byte));
    }

    fn literal(&mut self, byte: u8) {
        self.0[usize::from(byte)] += 1;
    }

    fn run(&mut self, length: usize) {
        self.0[RUNS[length / GROUP].symbol] += 1;
    }
}

/// How a run is written.
#[derive(Debug, Clone, Copy)]
struct Run {
    symbol: usize,
    extra: Code,
}

/// By length in groups; none has no length.
#[expect(clippy::cast_possible_truncation, reason = "at most five bits")]
static RUNS: [Run; LONGEST_RUN / GROUP + 1] = {
    let mut runs = [Run { symbol: 0, extra: Code { bits: 0, length: 0 } }; LONGEST_RUN / GROUP + 1];
    let mut groups = 1;
    while groups < runs.len() {
        // Lengths of 3 to 10 have a symbol each; then four symbols share each further bit.
        let more = groups * GROUP - 3;
        let bits = if more < 8 { 0 } else { more.ilog2() as usize - 2 };
        let extra = Code { bits: (more & ((1 << bits) - 1)) as u16, length: bits as u8 };
        runs[groups] = Run { symbol: 257 + 4 * bits + (more >> bits), extra };
        groups += 1;
    }
    runs
};

/// Some bits, the first one lowest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Code {
    bits: u16,
    length: u8,
}

/// A code for each symbol that comes.
struct Codes<const N: usize> {
    codes: [Code; N],
}

impl<const N: usize> Codes<N> {
    /// The shortest ones for symbols that come so often (Huffman), none of them longer than `most`.
    fn new(counts: &[u32; N], most: u8) -> Self {
        let mut counts = *counts;
        loop {
            let lengths = lengths(&counts);
            if lengths.iter().all(|length| *length <= most) {
                return Self::of_lengths(&lengths);
            }
            // Counts that are closer to each other make shorter codes.
            counts.iter_mut().filter(|count| **count > 0).for_each(|count| *count = *count / 2 + 1);
        }
    }

    /// In the order that the format prescribes: by length, then by symbol.
    fn of_lengths(lengths: &[u8; N]) -> Self {
        let mut next = [0_u16; 17];
        for length in lengths.iter().filter(|length| **length > 0) {
            next[usize::from(*length) + 1] += 1;
        }
        for length in 1..next.len() {
            next[length] = (next[length] + next[length - 1]) << 1;
        }
        let codes = lengths.map(|length| {
            if length == 0 {
                return Code::default();
            }
            let bits = next[usize::from(length)];
            next[usize::from(length)] += 1;
            Code { bits: bits.reverse_bits() >> (16 - length), length }
        });
        Self { codes }
    }
}

impl Codes<SYMBOLS> {
    /// The header of a last block with these codes, and one for the distance of runs.
    #[expect(clippy::cast_possible_truncation, reason = "at most seven bits")]
    fn write_header(&self, bits: &mut Bits<'_>) {
        /// In the order in which their lengths come.
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        const MOST_BITS: u8 = 7;
        /// Lengths of nothing, up to this many of them, are one symbol.
        const ZEROS: usize = 18;
        const FEWEST_ZEROS: usize = 11;
        const MOST_ZEROS: usize = 138;

        let lengths = self.codes.iter().map(|code| usize::from(code.length)).chain([1]).collect::<Vec<_>>();
        let mut symbols: Vec<(usize, Code)> = Vec::with_capacity(lengths.len());
        let mut rest = &*lengths;
        while let Some(first) = rest.first() {
            let zeros = rest.iter().take(MOST_ZEROS).take_while(|length| **length == 0).count();
            let (symbol, extra, taken) = match zeros {
                FEWEST_ZEROS.. => (ZEROS, Code { bits: (zeros - FEWEST_ZEROS) as u16, length: 7 }, zeros),
                _ => (*first, Code::default(), 1),
            };
            symbols.push((symbol, extra));
            rest = &rest[taken..];
        }
        let mut counts = [0; ORDER.len()];
        for (symbol, _) in &symbols {
            counts[*symbol] += 1;
        }
        let codes = Codes::new(&counts, MOST_BITS).codes;

        let plain = |bits: usize, length: u8| Code { bits: bits as u16, length };
        // The last block, with codes of its own: numbers of symbols, of distances, of lengths.
        for field in [plain(1, 1), plain(2, 2), plain(SYMBOLS - 257, 5), plain(0, 5), plain(ORDER.len() - 4, 4)] {
            bits.put(field);
        }
        for symbol in ORDER {
            bits.put(plain(usize::from(codes[symbol].length), 3));
        }
        for (symbol, extra) in symbols {
            bits.put(codes[symbol]);
            bits.put(extra);
        }
    }
}

/// Lengths of the codes of Huffman; 0 for what does not come. A single symbol gets a bit all the same.
fn lengths<const N: usize>(counts: &[u32; N]) -> [u8; N] {
    let mut lengths = [0; N];
    let mut leaves: Vec<(u32, usize)> =
        counts.iter().zip(0..).filter(|(count, _)| **count > 0).map(|(count, symbol)| (*count, symbol)).collect();
    leaves.sort_unstable();
    if let [(_, only)] = *leaves {
        lengths[only] = 1;
    }
    // Two queues in ascending order: leaves, and what was joined. Parents come after their children.
    let nodes = (2 * leaves.len()).saturating_sub(1);
    let mut weights: Vec<u32> = Vec::with_capacity(nodes);
    weights.extend(leaves.iter().map(|(count, _)| count));
    let mut parents = vec![0; nodes];
    let (mut leaf, mut joined) = (0, leaves.len());
    while weights.len() < nodes {
        let parent = weights.len();
        let mut lightest = || {
            let is_leaf = leaf < leaves.len() && (joined == parent || weights[leaf] <= weights[joined]);
            let taken = if is_leaf { &mut leaf } else { &mut joined };
            *taken += 1;
            *taken - 1
        };
        let pair = [lightest(), lightest()];
        for node in pair {
            parents[node] = parent;
        }
        weights.push(weights[pair[0]] + weights[pair[1]]);
    }
    let mut depths = vec![0_u8; nodes];
    for node in (0..nodes.saturating_sub(1)).rev() {
        depths[node] = depths[parents[node]].saturating_add(1);
        if let Some((_, symbol)) = leaves.get(node) {
            lengths[*symbol] = depths[node];
        }
    }
    lengths
}

/// Data in codes.
struct Writer<'a> {
    codes: &'a [Code; SYMBOLS],
    bits: Bits<'a>,
}

impl Sink for Writer<'_> {
    fn literals(&mut self, groups: &[[u8; GROUP]]) {
        /// What fits into what is staged, however long codes are.
        const AT_ONCE: usize = (STAGED - ROOM) * 8 / (MOST_BITS as usize * GROUP);
        for groups in groups.chunks(AT_ONCE) {
            self.bits.pass_on();
            // Kept in registers, which it is not where it is part of something.
            let mut state = self.bits.state;
            for four in groups.as_flattened().as_chunks::<4>().0 {
                let [a, b, c, d] = four.map(|byte| self.codes[usize::from(byte)]);
                let pair = |a: Code, b: Code| (u64::from(a.bits) | u64::from(b.bits) << a.length, a.length + b.length);
                let ((first, first_length), (second, second_length)) = (pair(a, b), pair(c, d));
                state.put(&mut self.bits.staged, first | second << first_length, first_length + second_length);
            }
            self.bits.state = state;
        }
    }

    fn literal(&mut self, byte: u8) {
        self.bits.put(self.codes[usize::from(byte)]);
    }

    fn run(&mut self, length: usize) {
        const DISTANCE: Code = Code { bits: 0, length: 1 };
        let Run { symbol, extra } = RUNS[length / GROUP];
        for code in [self.codes[symbol], extra, DISTANCE] {
            self.bits.put(code);
        }
    }
}

/// Bytes that are collected before they are appended.
const STAGED: usize = 4096;

/// Bytes that are left free there: the bits of one step, and those that were over.
const ROOM: usize = 2 * size_of::<u64>();

/// Bits on their way to bytes.
struct Bits<'a> {
    out: &'a mut Vec<u8>,
    staged: [u8; STAGED],
    state: State,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// Bytes that are staged.
    length: usize,
    /// Bits that are no whole byte, the first one lowest.
    buffer: u64,
    count: u8,
}

impl State {
    /// At most 56 bits.
    #[inline]
    fn put(&mut self, staged: &mut [u8; STAGED], bits: u64, length: u8) {
        self.buffer |= bits << self.count;
        self.count += length;
        // All are written, and those that are no whole byte again with the next ones: nothing depends on their number.
        if let Some(place) = staged[self.length..].first_chunk_mut() {
            *place = self.buffer.to_le_bytes();
        }
        self.length += usize::from(self.count / 8);
        self.buffer >>= self.count & !7;
        self.count %= 8;
    }
}

impl<'a> Bits<'a> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, staged: [0; STAGED], state: State::default() }
    }

    fn put(&mut self, code: Code) {
        if self.state.length > STAGED - ROOM {
            self.pass_on();
        }
        self.state.put(&mut self.staged, code.bits.into(), code.length);
    }

    /// Appends what is staged.
    fn pass_on(&mut self) {
        self.out.extend_from_slice(&self.staged[..self.state.length]);
        self.state.length = 0;
    }

    /// Fills up the last byte.
    fn finish(mut self) {
        self.put(Code { bits: 0, length: (8 - self.state.count) % 8 });
        self.pass_on();
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "any byte will do")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By another's decoder.
    fn inflated(stream: &[u8], length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        let written = libdeflater::Decompressor::new().zlib_decompress(stream, &mut out).unwrap();
        assert_eq!(written, length);
        out
    }

    fn deflated(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        zlib(data, &mut out);
        out
    }

    #[test]
    fn every_length_of_a_run_is_the_one_that_is_read() {
        for length in 0..1200 {
            let data = [vec![7; length], vec![9; 3]].concat();
            assert_eq!(inflated(&deflated(&data), data.len()), data, "{length}");
        }
    }

    #[test]
    fn codes_are_never_longer_than_they_may_be() {
        // Fibonacci's numbers make the longest ones.
        let (mut counts, mut pair) = ([0; SYMBOLS], [1_u32, 1]);
        for count in &mut counts[..40] {
            *count = pair[0];
            pair = [pair[1], pair[0] + pair[1]];
        }
        assert_eq!(lengths(&counts).iter().max(), Some(&39));
        let codes = Codes::new(&counts, MOST_BITS).codes;
        assert_eq!(codes.iter().map(|code| code.length).max(), Some(MOST_BITS));
        let full: f64 = codes.iter().filter(|code| code.length > 0).map(|code| 0.5_f64.powi(code.length.into())).sum();
        assert!((full - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_like_itself_gets_small() {
        assert!(deflated(&vec![0; 100_000]).len() < 400);
        assert!(deflated(&vec![0; 196_608]).len() < 1000);
        let gentle: Vec<u8> = (0..196_608_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 30) as u8).collect();
        // Two bits a byte; one of the four bytes needs a third, because others might come.
        assert!(deflated(&gentle).len() < gentle.len() * 9 / 32 + 400);
    }

    proptest! {
        #[test]
        fn whatever_goes_in_comes_out(
            parts in proptest::collection::vec((any::<u8>(), 1..600_usize, 0..3_u8), 0..30), tail in 0..9_usize,
        ) {
            let mut data = Vec::new();
            for (byte, length, kind) in parts {
                data.extend((0..length).map(|index| match kind {
                    0 => byte,
                    1 => byte.wrapping_add((index * index / 7) as u8),
                    _ => byte.wrapping_mul(index as u8),
                }));
            }
            data.resize(data.len() + tail, 3);
            prop_assert_eq!(inflated(&deflated(&data), data.len()), data);
        }
    }
}
