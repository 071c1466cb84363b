//! The distinct colours of a picture, for as long as a palette can hold them.

use super::rgba::{Rgba, TRANSPARENT};

/// As many colours as a one-byte index tells apart, and a PNG palette holds.
pub(super) const MAX_COLORS: usize = 256;

/// A power of two, four times the entries: probes stay short.
const SLOTS: usize = 4 * MAX_COLORS;

/// A hash set of at most [`MAX_COLORS`] colours that numbers them as they come.
pub(super) struct Distinct {
    /// 0 for an empty slot, otherwise 1 + the number of an entry; collisions go to the next slot.
    slots: [u16; SLOTS],
    entries: Vec<Entry>,
}

struct Entry {
    color: Rgba,
    /// The lowest value of this colour, which decides its place in the palette.
    lowest: f64,
}

impl Distinct {
    pub(super) fn new() -> Self {
        Self { slots: [0; SLOTS], entries: Vec::with_capacity(MAX_COLORS) }
    }

    /// The number of the colour of a value, a new one if need be; none when all numbers are taken.
    #[inline]
    pub(super) fn number(&mut self, color: Rgba, value: f64) -> Option<u8> {
        let mut slot = first_slot(color);
        while let Some(number) = self.slots[slot].checked_sub(1) {
            let entry = &mut self.entries[usize::from(number)];
            if entry.color == color {
                if value < entry.lowest {
                    entry.lowest = value;
                }
                return u8::try_from(number).ok();
            }
            slot = (slot + 1) % SLOTS;
        }
        let number = u8::try_from(self.entries.len()).ok()?;
        self.entries.push(Entry { color, lowest: value });
        self.slots[slot] = u16::from(number) + 1;
        Some(number)
    }

    /// The colour of a number that was given out.
    pub(super) fn color(&self, number: u8) -> Rgba {
        self.entries[usize::from(number)].color
    }

    /// The palette, and for each number its place in it.
    ///
    /// Colours that are not opaque come first, so that PNG's tRNS chunk ends with them: "no colour",
    /// then the others. Within these two groups the colours follow the lowest values that have them,
    /// so that neighbouring values have neighbouring indices, and equal pictures equal palettes.
    pub(super) fn into_palette(self) -> (Vec<Rgba>, [u8; MAX_COLORS]) {
        let mut entries: Vec<(u8, Entry)> = (0..=u8::MAX).zip(self.entries).collect();
        entries.sort_by(|(_, a), (_, b)| {
            let group = |entry: &Entry| (entry.color[3] == u8::MAX, entry.color != TRANSPARENT);
            let by_group = group(a).cmp(&group(b));
            by_group.then(a.lowest.total_cmp(&b.lowest)).then(a.color.cmp(&b.color))
        });
        let mut places = [0; MAX_COLORS];
        for (place, (number, _)) in (0..=u8::MAX).zip(&entries) {
            places[usize::from(*number)] = place;
        }
        (entries.into_iter().map(|(_, entry)| entry.color).collect(), places)
    }
}

/// Fibonacci hashing: the top bits of a product with 2^32 / golden ratio.
#[inline]
fn first_slot(color: Rgba) -> usize {
    const GOLDEN: u32 = 0x9E37_79B9;
    let hash = u32::from_le_bytes(color).wrapping_mul(GOLDEN);
    (hash >> (u32::BITS - SLOTS.trailing_zeros())) as usize
}
