//! The bits of a stream, the lowest of a byte first.

/// Bits that are there after a refill, at least.
const REFILLED: u32 = 56;

/// The bits of a stream that were not taken yet.
#[derive(Debug, Clone, Copy)]
pub struct Bits<'a> {
    stream: &'a [u8],
    /// The end of it, which is not held.
    input: &'a [u8],
    held: u64,
    /// How many are held, in the lowest 6 bits; what is above them is what counting left.
    count: u32,
    /// Zeros that were put behind the end, in bytes.
    beyond: u32,
}

impl<'a> Bits<'a> {
    pub fn new(stream: &'a [u8]) -> Self {
        Self { stream, input: stream, held: 0, count: 0, beyond: 0 }
    }

    /// How many are held.
    fn count(&self) -> u32 {
        self.count & 63
    }

    /// Fills up where there are so many bytes that no care is needed.
    #[inline]
    pub fn refill_fast(&mut self) -> bool {
        let Some(word) = self.input.first_chunk() else { return false };
        // More is put there than is counted: the next refill puts the same there.
        self.held |= u64::from_le_bytes(*word) << self.count();
        self.input = &self.input[7 - (self.count() >> 3) as usize..];
        self.count |= REFILLED;
        true
    }

    /// Fills up. Behind the end there are zeros.
    pub fn refill(&mut self) {
        self.count = self.count();
        self.held &= !(!0 << self.count);
        while self.count < REFILLED {
            let byte = if let [first, rest @ ..] = self.input {
                self.input = rest;
                *first
            } else {
                self.beyond += 1;
                0
            };
            self.held |= u64::from(byte) << self.count;
            self.count += 8;
        }
    }

    /// The next `COUNT` bits.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a few bits")]
    pub fn first<const COUNT: u32>(&self) -> usize {
        (self.held & ((1 << COUNT) - 1)) as usize
    }

    /// The next 15 bits, the first one on top.
    #[expect(clippy::cast_possible_truncation, reason = "those above are not asked for")]
    pub fn first_15_on_top(&self) -> u16 {
        (self.held as u16).reverse_bits() >> 1
    }

    /// Drops bits: so many as the lowest 6 bits of a number say.
    #[inline]
    pub fn drop(&mut self, bits: u32) {
        self.held >>= bits & 63;
        self.count = self.count.wrapping_sub(bits);
    }

    /// Drops bits as above, and gives the last ones of them.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a few bits")]
    pub fn drop_with(&mut self, bits: u32, last: u32) -> usize {
        let dropped = self.held & !(!0 << (bits & 63));
        self.drop(bits);
        (dropped >> ((bits & 63) - last)) as usize
    }

    /// Takes up to 16 bits.
    pub fn take(&mut self, bits: u32) -> usize {
        self.drop_with(bits, bits)
    }

    /// Whether more was taken than there is.
    pub fn is_beyond(&self) -> bool {
        self.count() < self.beyond * 8
    }

    /// The bytes behind those of which something was taken.
    pub fn rest(&self) -> Option<&'a [u8]> {
        let held = (self.count() / 8).checked_sub(self.beyond)?;
        self.stream.get(self.stream.len() - self.input.len() - held as usize..)
    }
}
