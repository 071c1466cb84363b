//! The cache of bytes: fixed pages of objects, bounded in bytes, by version.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::{Cache, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, Weighter};

/// Bytes of a page. Two make the 32 KB in which a COG has its header; a block of a COG is a few of them.
pub const PAGE_BYTES: u64 = 16 << 10;

/// What a page costs besides its bytes.
const OVERHEAD_BYTES: u64 = 160;

/// A version of an object: pages of different versions never meet.
pub type VersionKey = Arc<str>;

/// A page of a version of an object.
pub type PageKey = (VersionKey, u64);

/// Pages that a reader holds on to, so that nothing takes them away while it needs them.
pub type Held = BTreeMap<PageKey, Bytes>;

/// The right to load a page, which others wait for.
pub type Loading<'a> = PlaceholderGuard<
    'a,
    PageKey,
    Bytes,
    PageWeight,
    DefaultHashBuilder,
    quick_cache::sync::DefaultLifecycle<PageKey, Bytes>,
>;

/// The pages of all objects.
pub type Pages = Cache<PageKey, Bytes, PageWeight>;

/// Counts bytes.
#[derive(Debug, Clone)]
pub struct PageWeight;

impl Weighter<PageKey, Bytes> for PageWeight {
    fn weight(&self, _: &PageKey, page: &Bytes) -> u64 {
        page.len() as u64 + OVERHEAD_BYTES
    }
}

/// An empty cache.
pub fn new(capacity_bytes: u64) -> Pages {
    let items = usize::try_from(capacity_bytes / PAGE_BYTES).unwrap_or(usize::MAX);
    Cache::with_weighter(items, capacity_bytes, PageWeight)
}

/// The pages that a range touches.
pub fn of(range: &Range<u64>) -> Range<u64> {
    if range.is_empty() { 0..0 } else { range.start / PAGE_BYTES..range.end.div_ceil(PAGE_BYTES) }
}

/// The bytes of consecutive pages of an object of `size` bytes.
pub fn bytes_of(pages: &Range<u64>, size: u64) -> Range<u64> {
    pages.start * PAGE_BYTES..(pages.end * PAGE_BYTES).min(size)
}

/// Sorted pages as runs of consecutive ones; gaps of up to `gap` pages are closed, runs of more than `most` cut.
pub fn runs(pages: impl IntoIterator<Item = u64>, gap: u64, most: u64) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for page in pages {
        match runs.last_mut() {
            Some(run) if page <= run.end + gap && page + 1 - run.start <= most => run.end = run.end.max(page + 1),
            _ => runs.push(page..page + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_touches_whole_pages() {
        assert_eq!(of(&(0..1)), 0..1);
        assert_eq!(of(&(PAGE_BYTES - 1..PAGE_BYTES + 1)), 0..2);
        assert_eq!(of(&(7..7)), 0..0);
        assert_eq!(bytes_of(&(1..3), PAGE_BYTES * 2 + 5), PAGE_BYTES..PAGE_BYTES * 2 + 5);
    }

    proptest! {
        #[test]
        fn runs_hold_every_page_once_and_nothing_far_from_one(
            pages in proptest::collection::btree_set(0_u64..200, 0..60), gap in 0_u64..9, most in 1_u64..40,
        ) {
            let runs = runs(pages.iter().copied(), gap, most);
            for pair in runs.windows(2) {
                prop_assert!(pair[0].end <= pair[1].start);
            }
            for page in &pages {
                prop_assert_eq!(runs.iter().filter(|run| run.contains(page)).count(), 1);
            }
            for run in &runs {
                prop_assert!(run.end - run.start <= most);
                prop_assert!(pages.contains(&run.start) && pages.contains(&(run.end - 1)));
                let gaps = run.clone().filter(|page| !pages.contains(page)).count() as u64;
                prop_assert!(gaps == 0 || gap > 0);
            }
        }
    }
}
