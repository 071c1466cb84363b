//! Blocks that come in several scans: some coefficients first, and their last digits later (ITU-T T.81, annex G).

use super::codes::{Bits, Codes};
use super::{damaged, no_table};
use crate::raster::readers::cog::block::Damaged;

/// Coefficients of a block, in the order of the stream.
pub type Block = [i16; 64];

/// What a scan has of blocks.
#[derive(Debug)]
pub struct Scan {
    /// First and last coefficient.
    band: [usize; 2],
    /// Digits that come later.
    digits: u32,
    /// It has one more digit of what was there.
    refines: bool,
    /// Blocks to come that have nothing new.
    without: u32,
}

impl Scan {
    /// From the end of a scan's header: first and last coefficient, and digits that were left before and now.
    pub fn new([first, last, digits]: [u8; 3], components: usize) -> Result<Self, Damaged> {
        const MOST_DIGITS: u8 = 13;
        let (before, now) = (digits >> 4, digits & 15);
        let is_band = if first == 0 { last == 0 } else { first <= last && last < 64 && components == 1 };
        let is_step = now <= MOST_DIGITS && (before == 0 || before == now + 1);
        if !is_band || !is_step {
            return Err(damaged("a scan of it can't be"));
        }
        let band = [first, last].map(usize::from);
        Ok(Self { band, digits: now.into(), refines: before > 0, without: 0 })
    }

    /// Goes on behind a restart.
    pub fn restart(&mut self) {
        self.without = 0;
    }

    /// Takes what there is of a block, by its component's codes of first coefficients or of others. `last` is the first
    /// coefficient of the component's last block, then of this one.
    pub fn block(
        &mut self, bits: &mut Bits<'_>, [first, others]: [Option<&Codes>; 2], last: &mut i16, block: &mut Block,
    ) -> Result<(), Damaged> {
        match (self.band[0], self.refines) {
            (0, true) => block[0] |= i16::from(bits.bit()) << self.digits,
            (0, false) => {
                let found = bits.find(first.ok_or_else(no_table)?);
                *last = last.wrapping_add(bits.take_value(found));
                block[0] = last.wrapping_shl(self.digits);
            }
            (_, false) => self.band(bits, others.ok_or_else(no_table)?, block),
            (_, true) => self.refine(bits, others.ok_or_else(no_table)?, block),
        }
        bits.check()
    }

    fn band(&mut self, bits: &mut Bits<'_>, codes: &Codes, block: &mut Block) {
        if self.without > 0 {
            self.without -= 1;
            return;
        }
        let mut index = self.band[0];
        while index <= self.band[1] {
            let found = bits.find(codes);
            index += found.zeros();
            let value = bits.take_value(found);
            if found.has_value() {
                if let Some(place) = block[..=self.band[1]].get_mut(index) {
                    *place = value.wrapping_shl(self.digits);
                }
            } else if let Some(run) = found.blocks() {
                self.without = bits.blocks(run) - 1;
                return;
            }
            index += 1;
        }
    }

    fn refine(&mut self, bits: &mut Bits<'_>, codes: &Codes, block: &mut Block) {
        let digit = 1 << self.digits;
        let [mut index, end] = [self.band[0], self.band[1] + 1];
        // One more digit of what is there, up to the place behind so many zeros.
        let refined = |block: &mut Block, bits: &mut Bits<'_>, from: usize, mut zeros: usize| {
            for (index, value) in block.iter_mut().enumerate().take(end).skip(from) {
                if *value == 0 {
                    if zeros == 0 {
                        return index;
                    }
                    zeros -= 1;
                } else if bits.bit() && *value & digit == 0 {
                    *value = value.wrapping_add(digit * value.signum());
                }
            }
            end
        };
        while self.without == 0 && index < end {
            let found = bits.find(codes);
            let value = bits.take_value(found);
            if let (false, Some(run)) = (found.has_value(), found.blocks()) {
                self.without = bits.blocks(run);
                break;
            }
            index = refined(block, bits, index, found.zeros());
            if found.has_value()
                && let Some(place) = block[..end].get_mut(index)
            {
                *place = value.wrapping_shl(self.digits);
            }
            index += 1;
        }
        if self.without > 0 {
            refined(block, bits, index, usize::MAX);
            self.without -= 1;
        }
    }
}

impl Bits<'_> {
    /// How many blocks have nothing new, this one among them.
    fn blocks(&mut self, digits: u8) -> u32 {
        (1 << digits) + self.take_bits(digits)
    }
}
