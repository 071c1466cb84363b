//! libdeflate is the judge, of what is sound and of what is damaged.

use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};
use proptest::prelude::*;
use rstest::rstest;

use super::{zlib, zlib_beginning};

fn packed(data: &[u8], level: i32) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(level).unwrap());
    let mut out = vec![0; compressor.zlib_compress_bound(data.len())];
    let length = compressor.zlib_compress(data, &mut out).unwrap();
    out.truncate(length);
    out
}

fn unpacked(raw: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let mut out = vec![0xaa; length];
    let written = zlib(raw, &mut out).map_err(|damaged| damaged.0)?;
    out.truncate(written);
    Ok(out)
}

/// Data with literals, runs, and matches near and far.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..400);
    let few = prop::collection::vec(prop::sample::select(vec![0_u8, 1, 2, 255]), 0..600);
    let run = (any::<u8>(), 0_usize..700).prop_map(|(byte, length)| vec![byte; length]);
    let part = prop_oneof![noise, few, run];
    (prop::collection::vec(part, 1..12), 1_usize..30, any::<bool>()).prop_map(|(parts, times, is_far)| {
        let once = parts.concat();
        let between = if is_far { vec![7; 1000] } else { Vec::new() };
        [once, between].concat().repeat(times)
    })
}

proptest! {
    #[test]
    fn what_was_packed_is_unpacked(data in data(), level in 0..=12) {
        let raw = packed(&data, level);
        prop_assert!(unpacked(&raw, data.len()).as_ref() == Ok(&data));
        prop_assert!(unpacked(&raw, data.len() + 7).as_ref() == Ok(&data), "with room left");
        if let Some(less) = data.len().checked_sub(1) {
            prop_assert!(unpacked(&raw, less).is_err(), "with too little room");
        }
    }

    #[test]
    fn a_beginning_is_that_of_the_whole(data in data(), level in 0..=12, share in 0.0..1.0) {
        let raw = packed(&data, level);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a share")]
        let wanted = (data.len() as f64 * share) as usize;
        let mut out = vec![0xaa; wanted];
        prop_assert_eq!(zlib_beginning(&raw, &mut out), Ok(wanted));
        prop_assert!(out == data[..wanted]);
    }

    /// What libdeflate takes is taken, with the same bytes, and nothing else is.
    #[test]
    fn damage_is_seen_where_libdeflate_sees_it(
        data in data(), level in 0..=12, flips in prop::collection::vec(any::<prop::sample::Index>(), 1..4)
    ) {
        let mut raw = packed(&data, level);
        let deflated = 2..raw.len() - 4;
        for flip in flips {
            let bit = flip.index(deflated.len() * 8);
            raw[deflated.start + bit / 8] ^= 1 << (bit % 8);
        }
        let mut expected = vec![0; data.len() + 1000];
        match Decompressor::new().deflate_decompress(&raw[deflated.clone()], &mut expected) {
            // Nothing comes before the end of an empty one, which is not looked at here.
            Ok(0) => {}
            Ok(length) => {
                // The stream may end earlier now, and have its checksum elsewhere: so up to its last byte.
                let mut found = vec![0; length - 1];
                match zlib_beginning(&raw, &mut found) {
                    Ok(written) => {
                        prop_assert_eq!(written, found.len());
                        prop_assert!(found == expected[..written]);
                    }
                    // To libdeflate, what RFC 1951 does not know means the same as something else.
                    Err(damaged) => prop_assert!(damaged.0.ends_with("does not exist"), "{damaged}"),
                }
            }
            Err(DecompressionError::BadData | DecompressionError::InsufficientSpace) => {
                prop_assert!(unpacked(&raw, data.len() + 1000).is_err());
            }
        }
    }

    #[test]
    fn no_bytes_are_a_reason_to_panic(raw in prop::collection::vec(any::<u8>(), 0..300), length in 0_usize..5000) {
        for raw in [[&[0x78, 0x01], &raw[..]].concat(), raw] {
            let mut out = vec![0; length];
            prop_assert!(zlib(&raw, &mut out).map_or(true, |written| written <= length));
            prop_assert!(zlib_beginning(&raw, &mut out).map_or(true, |written| written <= length));
        }
    }
}

#[test]
fn a_stream_that_is_cut_off_is_damaged_wherever() {
    let data: Vec<u8> = (0..20_000_u32).map(|index| ((index * index) >> 7).to_le_bytes()[0]).collect();
    for level in [0, 1, 6, 12] {
        let raw = packed(&data, level);
        for length in 0..raw.len() {
            assert!(unpacked(&raw[..length], data.len()).is_err(), "{length} of {} bytes", raw.len());
            let mut out = vec![0; data.len() / 2];
            if zlib_beginning(&raw[..length], &mut out).is_ok() {
                assert!(out == data[..out.len()], "{length} of {} bytes", raw.len());
            }
        }
    }
}

#[rstest]
#[case::no_stream(&[], "it is no zlib stream")]
#[case::another_method(&[0x77, 0x01, 3, 0, 0, 0, 0, 1], "it is no zlib stream")]
#[case::a_larger_window(&[0x88, 0x1c, 3, 0, 0, 0, 0, 1], "it is no zlib stream")]
#[case::no_check(&[0x78, 0x02, 3, 0, 0, 0, 0, 1], "it is no zlib stream")]
#[case::a_dictionary(&[0x78, 0x20, 3, 0, 0, 0, 0, 1], "it is no zlib stream")]
#[case::another_checksum(&[0x78, 0x01, 3, 0, 0, 0, 0, 2], "its checksum is another")]
fn a_damaged_wrapping_is_told(#[case] raw: &[u8], #[case] reason: &str) {
    assert_eq!(unpacked(raw, 10), Err(reason.to_owned()));
}

#[test]
fn an_empty_stream_has_no_bytes() {
    let raw = [0x78, 0x01, 3, 0, 0, 0, 0, 1];
    assert_eq!(unpacked(&raw, 10), Ok(Vec::new()));
    assert_eq!(unpacked(&[&raw[..], &[1, 2, 3]].concat(), 10), Ok(Vec::new()), "what follows is nobody's");
}

/// Streams that no encoder writes, bit by bit.
#[derive(Clone)]
struct Made {
    bytes: Vec<u8>,
    bits: u32,
}

/// The kinds of a block, the last one of its stream.
const STORED: u32 = 0b001;
const FIXED: u32 = 0b011;
const DYNAMIC: u32 = 0b101;

impl Made {
    /// A stream that begins with the kind of its block.
    fn new(kind: u32) -> Self {
        Self { bytes: vec![0x78, 0x01], bits: 0 }.number(kind, 3)
    }

    /// The lowest bit first.
    fn number(mut self, number: u32, bits: u32) -> Self {
        for bit in 0..bits {
            if self.bits.is_multiple_of(8) {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(number >> bit & 1 == 1) << (self.bits % 8);
            }
            self.bits += 1;
        }
        self
    }

    /// A code: the highest bit first.
    fn code(self, code: u32, bits: u32) -> Self {
        self.number(code.reverse_bits() >> (u32::BITS - bits), bits)
    }

    /// A dynamic block in which symbols have these lengths, from the first on; each length has a code of five bits.
    fn dynamic(literals: &[u32], distances: &[u32]) -> Self {
        let count = |lengths: &[u32], least: usize| u32::try_from(lengths.len() - least).unwrap();
        let mut made = Self::new(DYNAMIC).number(count(literals, 257), 5).number(count(distances, 1), 5).number(15, 4);
        // 0 to 11 have four bits, 12 to 18 have five, and there is one code more.
        for symbol in super::codes::LENGTHS_OF_CODES {
            made = made.number(if symbol < 13 { 4 } else { 5 }, 3);
        }
        literals.iter().chain(distances).fold(made, |made, length| made.length(*length))
    }

    /// A length of a code, as `dynamic` has it.
    fn length(self, length: u32) -> Self {
        if length < 13 { self.code(length, 4) } else { self.code(26 + length - 13, 5) }
    }

    /// With the checksum.
    fn of(mut self, data: &[u8]) -> Vec<u8> {
        self.bytes.extend(libdeflater::adler32(data).to_be_bytes());
        self.bytes
    }

    fn fails(self) -> String {
        unpacked(&self.of(&[]), 100_000).unwrap_err()
    }
}

/// Lengths of codes for the bytes `a`, `b` and the end, and for some lengths of matches.
fn literals(more: &[(usize, u32)]) -> Vec<u32> {
    let mut lengths = vec![0; 286];
    for (symbol, length) in more {
        lengths[*symbol] = *length;
    }
    lengths
}

#[test]
fn fixed_codes_need_no_table() {
    // a, b, the end; then a match of three, two bytes back.
    let made = Made::new(FIXED).code(0x30 + 97, 8).code(0x30 + 98, 8).code(1, 7).code(1, 5).code(0, 7);
    assert_eq!(unpacked(&made.of(b"ababa"), 5), Ok(b"ababa".to_vec()));
    let longest = Made::new(FIXED).code(0x30 + 97, 8).code(0xc0 + 285 - 280, 8).code(0, 5).code(0, 7);
    assert_eq!(unpacked(&longest.of(&[b'a'; 259]), 259), Ok(vec![b'a'; 259]));
}

#[test]
fn a_length_may_be_told_in_two_ways() {
    let made = Made::new(FIXED).code(0x30 + 97, 8).code(0xc0 + 284 - 280, 8).number(31, 5).code(0, 5).code(0, 7);
    assert_eq!(unpacked(&made.of(&[b'a'; 259]), 259), Ok(vec![b'a'; 259]));
}

#[rstest]
#[case::length_286(0xc6)]
#[case::length_287(0xc7)]
fn fixed_lengths_that_do_not_exist_are_damage(#[case] code: u32) {
    let made = Made::new(FIXED).code(0x30 + 97, 8).code(code, 8).code(0, 5).code(0, 7).number(0, 32);
    assert_eq!(made.fails(), "it has a length or a distance that does not exist");
}

#[rstest]
#[case::distance_30(30)]
#[case::distance_31(31)]
fn fixed_distances_that_do_not_exist_are_damage(#[case] code: u32) {
    let made = Made::new(FIXED).code(0x30 + 97, 8).code(1, 7).code(code, 5).code(0, 7).number(0, 32);
    assert_eq!(made.fails(), "it has a length or a distance that does not exist");
}

#[test]
fn nothing_is_repeated_from_before_the_beginning() {
    let made = Made::new(FIXED).code(0x30 + 97, 8).code(1, 7).code(1, 5).code(0, 7).number(0, 32);
    assert_eq!(made.fails(), "it repeats what is before its beginning");
}

#[test]
fn the_farthest_distance_is_32768() {
    let noise: Vec<u8> =
        (0..32_768_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]).collect();
    let made = noise.iter().fold(Made::new(FIXED), |made, byte| match u32::from(*byte) {
        byte @ ..144 => made.code(0x30 + byte, 8),
        byte => made.code(0x190 + byte - 144, 9),
    });
    let made = made.code(0xc5, 8).code(29, 5).number((1 << 13) - 1, 13).code(0, 7);
    let data = [&noise[..], &noise[..258]].concat();
    assert!(unpacked(&made.of(&data), data.len()) == Ok(data));
}

#[test]
fn stored_blocks_follow_each_other() {
    let header = |made: Made, length: u32| made.number(0, 5).number(length, 16).number(!length & 0xffff, 16);
    let made =
        header(Made::new(STORED & !1), 2).number(u32::from(b'h'), 8).number(u32::from(b'e'), 8).number(STORED, 3);
    let made = header(made, 1).number(u32::from(b'y'), 8);
    assert_eq!(unpacked(&made.clone().of(b"hey"), 3), Ok(b"hey".to_vec()));
    assert_eq!(unpacked(&made.clone().of(b"hey"), 2), Err("it has more than 2 bytes".to_owned()));
    let mut beginning = [0; 1];
    assert_eq!(zlib_beginning(&made.of(b"hey"), &mut beginning), Ok(1));
    assert_eq!(beginning, *b"h");

    let damaged = Made::new(STORED).number(0, 5).number(2, 16).number(2, 16).number(0, 32);
    assert_eq!(damaged.fails(), "the length of a block is damaged");
    assert_eq!(header(Made::new(STORED), 9).number(0, 32).fails(), "it is cut off");
}

#[test]
fn a_kind_of_block_that_does_not_exist_is_damage() {
    assert_eq!(Made::new(0b111).number(0, 32).fails(), "it has a block of no kind");
}

/// One symbol alone has a code of one bit; where there are no matches, there need be no code of distances.
#[rstest]
#[case::none(&[0])]
#[case::one(&[1])]
#[case::two(&[1, 1])]
fn few_distances_have_codes(#[case] distances: &[u32]) {
    let made = Made::dynamic(&literals(&[(97, 1), (256, 2), (257, 2)]), distances).code(0, 1).code(0, 1);
    assert_eq!(unpacked(&made.clone().code(0b10, 2).of(b"aa"), 2), Ok(b"aa".to_vec()));
    let matched = made.clone().code(0b11, 2).code(0, 1).code(0b10, 2).of(b"aaaaa");
    let expected =
        if distances[0] > 0 { Ok(b"aaaaa".to_vec()) } else { Err("it has a code that does not exist".to_owned()) };
    assert_eq!(unpacked(&matched, 5), expected);
    let other = made.code(0b11, 2).code(1, 1).code(0b10, 2).number(0, 32);
    let reason = if distances.len() == 2 { "its checksum is another" } else { "it has a code that does not exist" };
    assert_eq!(other.fails(), reason);
}

#[rstest]
#[case::too_many(&[(97, 1), (98, 1), (256, 1)], "it has more codes than can be")]
#[case::too_few(&[(97, 2), (98, 2), (256, 2)], "it has fewer codes than there should be")]
#[case::a_long_one_alone(&[(256, 2)], "it has fewer codes than there should be")]
fn codes_must_add_up(#[case] lengths: &[(usize, u32)], #[case] reason: &str) {
    assert_eq!(Made::dynamic(&literals(lengths), &[0]).number(0, 32).fails(), reason);
}

/// As long as codes get, and the symbols behind them.
#[test]
fn the_longest_codes_have_fifteen_bits() {
    let symbols: Vec<usize> = (97..111).chain([256, 285]).collect();
    let lengths: Vec<(usize, u32)> = symbols.iter().copied().zip((1..=15).chain([15])).collect();
    let distances: Vec<u32> = (1..=15).chain([15]).collect();
    let made = Made::dynamic(&literals(&lengths), &distances);
    // The codes of the bytes are 0, 10, 110 and so on.
    let bytes = |made: Made| (1..=14).fold(made, |made, length| made.code((1 << length) - 2, length));
    let farthest = |made: Made| made.code((1 << 15) - 1, 15).code((1 << 15) - 1, 15).number((1 << 6) - 1, 6);
    let made = (0..20).fold(made, |made, _| bytes(made));
    let data: Vec<u8> = (97..111).collect::<Vec<u8>>().repeat(20);
    let data = [&data[..], &data[data.len() - 256..], &data[data.len() - 256..data.len() - 254]].concat();
    let raw = farthest(made).code((1 << 15) - 2, 15).of(&data);
    assert_eq!(unpacked(&raw, data.len()), Ok(data));
}

#[test]
fn tables_are_checked() {
    let counts =
        |literals: u32, distances: u32| Made::new(DYNAMIC).number(literals, 5).number(distances, 5).number(0, 4);
    assert_eq!(counts(30, 0).number(0, 32).fails(), "it has codes for what does not exist");
    assert_eq!(counts(0, 30).number(0, 32).fails(), "it has codes for what does not exist");
    // The lengths 16, 17, 18 and 0 have two bits each: 0 is 00, 16 is 01, 17 is 10 and 18 is 11.
    let table = || counts(0, 0).number(2, 3).number(2, 3).number(2, 3).number(2, 3);
    assert_eq!(table().code(0b01, 2).number(0, 32).fails(), "it repeats what is not there");
    let too_long = table().code(0b11, 2).number(127, 7).code(0b11, 2).number(127, 7);
    assert_eq!(too_long.number(0, 32).fails(), "it has too many codes");
    let unknown = counts(0, 0).number(1, 3).number(0, 9).code(1, 1).number(0, 32);
    assert_eq!(unknown.fails(), "it has a code that does not exist");
}
