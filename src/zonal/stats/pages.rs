//! Counters of whole cells by a small key, in pages that exist once they are needed.

/// Counters a page; a page of [`super::sketch::Sketch`] is one power of two of one sign.
const PAGE: usize = 1 << 11;

/// Whole cells by key.
#[derive(Debug, Clone)]
pub struct Pages {
    pages: Vec<Option<Box<[u64; PAGE]>>>,
}

impl Pages {
    /// For keys of so many bits, at least 11.
    pub fn new(key_bits: u32) -> Self {
        Self { pages: vec![None; (1 << key_bits) / PAGE] }
    }

    /// Whether keys up to this one have a place.
    pub fn holds(&self, key: u64) -> bool {
        key < (self.pages.len() * PAGE) as u64
    }

    /// Counts cells of one key.
    pub fn add(&mut self, key: usize, cells: u64) {
        let page = self.pages[key / PAGE].get_or_insert_with(|| Box::new([0; PAGE]));
        page[key % PAGE] += cells;
    }

    /// What was counted, in the order of the keys.
    pub fn entries(&self) -> impl Iterator<Item = (u64, u64)> {
        let filled = self.pages.iter().enumerate().filter_map(|(index, page)| Some((index, page.as_ref()?)));
        filled.flat_map(|(index, page)| {
            let keyed = page.iter().enumerate().map(move |(slot, cells)| ((index * PAGE + slot) as u64, *cells));
            keyed.filter(|(_, cells)| *cells > 0)
        })
    }
}
