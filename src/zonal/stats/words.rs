//! Counters for cells of two bytes.

use super::cell::Cell;

/// Neighbours count in tables of their own, as in [`super::bytes`]; more tables would not fit into the cache.
const LANES: usize = 2;

/// Cells that are looked at together.
const STRETCH: usize = 8;

const VALUES: usize = 1 << 16;

/// Whole cells by value. The system hands out zeroed memory by the page, and only where it is written to.
#[derive(Debug, Clone)]
pub struct Words {
    lanes: [Vec<u64>; LANES],
}

impl Words {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { lanes: std::array::from_fn(|_| vec![0; VALUES]) }
    }

    /// Counts every cell.
    #[expect(clippy::cast_possible_truncation, reason = "16 bits")]
    pub fn push<T: Cell>(&mut self, cells: &[T]) {
        let [even, odd] = &mut self.lanes;
        let (stretches, rest) = cells.as_chunks::<STRETCH>();
        for stretch in stretches {
            let first = stretch[0];
            if *stretch == [first; STRETCH] {
                even[first.key() as usize] += STRETCH as u64;
                continue;
            }
            for [a, b] in stretch.as_chunks::<2>().0 {
                even[a.key() as usize] += 1;
                odd[b.key() as usize] += 1;
            }
        }
        for cell in rest {
            even[cell.key() as usize] += 1;
        }
    }

    /// Counts cells of one value.
    pub fn add(&mut self, key: usize, cells: u64) {
        self.lanes[0][key] += cells;
    }

    /// What was counted, in the order of the values.
    pub fn entries(&self) -> impl Iterator<Item = (u64, u64)> {
        let [even, odd] = &self.lanes;
        even.iter().zip(odd).enumerate().map(|(key, (a, b))| (key as u64, a + b)).filter(|(_, cells)| *cells > 0)
    }
}
