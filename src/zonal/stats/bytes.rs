//! Counters for cells of one byte: the hottest loop of all.

/// Neighbours count in tables of their own: adding to a counter that has just been written waits for that write.
const LANES: usize = 4;

/// Cells that are looked at together: land cover and masks are the same value for long stretches.
const STRETCH: usize = 16;

/// Whole cells by byte.
#[derive(Debug, Clone)]
pub struct Bytes {
    lanes: Box<[[u64; 256]; LANES]>,
}

impl Bytes {
    /// Nothing yet.
    pub fn new() -> Self {
        Self { lanes: Box::new([[0; 256]; LANES]) }
    }

    /// Counts every cell.
    pub fn push(&mut self, cells: &[u8]) {
        let (stretches, rest) = cells.as_chunks::<STRETCH>();
        for stretch in stretches {
            if *stretch == [stretch[0]; STRETCH] {
                self.lanes[0][usize::from(stretch[0])] += STRETCH as u64;
            } else {
                self.push_each(stretch);
            }
        }
        self.push_each(rest);
    }

    fn push_each(&mut self, cells: &[u8]) {
        for (index, cell) in cells.iter().enumerate() {
            self.lanes[index % LANES][usize::from(*cell)] += 1;
        }
    }

    /// Counts cells of one byte.
    pub fn add(&mut self, byte: u8, cells: u64) {
        self.lanes[0][usize::from(byte)] += cells;
    }

    /// How often a byte occurred.
    pub fn count(&self, byte: u8) -> u64 {
        self.lanes.iter().map(|lane| lane[usize::from(byte)]).sum()
    }
}
