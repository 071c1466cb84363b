//! The objects that one opening of a layer is made of, each in the version in which it was first seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use quick_cache::sync::GuardResult;
use tokio::sync::OnceCell;

use super::error::StorageError;
use super::fetch::Version;
use super::location::{Location, Object};
use super::pages::{self, Held, Loading, PAGE_BYTES};
use super::{Access, Storage, locked};

/// The first request for an object: a COG's header is in it.
const HEADER_BYTES: u64 = 32 << 10;

/// The first request for a VRT, which is of use only as a whole.
const VRT_BYTES: u64 = 1 << 20;

/// Two ranges with less than this between them are one request: the bytes cost less than another round trip.
const COALESCE_GAP_BYTES: u64 = 64 << 10;

/// A longer request is cut into several, which go in parallel.
const LONGEST_REQUEST_BYTES: u64 = 4 << 20;

/// Objects that are asked for a newer version in one round; the others follow in the next ones.
const RECHECKED_AT_ONCE: usize = 32;

/// Objects, each in one version. Whoever reads through a snapshot never sees two versions of one object.
#[derive(Debug)]
pub struct Snapshot {
    storage: Storage,
    access: Access,
    objects: Mutex<HashMap<Object, Arc<OnceCell<Known>>>>,
    /// Objects that were named with a query, by what they are called without.
    queries: Mutex<HashMap<Object, Object>>,
    /// From where the next recheck goes on.
    rechecked: Mutex<usize>,
}

/// What a snapshot knows of an object.
#[derive(Debug, Clone)]
pub enum Known {
    /// It is there, in this version.
    Present(Arc<Version>),
    /// It is not there.
    Absent,
}

/// What a reader misses.
#[derive(Debug, Clone)]
pub enum Want {
    /// The version and the header of an object.
    Header(Object),
    /// The same of one that need not be there.
    Sidecar(Object),
    /// Bytes of it.
    Bytes(Arc<Version>, Range<u64>),
}

impl Snapshot {
    /// A snapshot that has seen nothing yet.
    pub(super) fn new(storage: Storage, access: Access) -> Self {
        Self { storage, access, objects: Mutex::default(), queries: Mutex::default(), rechecked: Mutex::new(0) }
    }

    /// The storage that it looks at.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// How objects are accessed.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// Whether it has anything to do with a network.
    #[must_use]
    pub fn has_objects(&self) -> bool {
        !locked(&self.objects).is_empty()
    }

    /// Remembers the query of an object, which often is a signature: others call the object by what this gives.
    pub fn without_query(&self, location: Location) -> Location {
        match location {
            Location::Object(object) if object.query.is_some() => {
                let bare = object.without_query();
                locked(&self.queries).insert(bare.clone(), object);
                Location::Object(bare)
            }
            other => other,
        }
    }

    /// The object that somebody calls so.
    #[must_use]
    pub fn with_query(&self, object: Object) -> Object {
        locked(&self.queries).get(&object).cloned().unwrap_or(object)
    }

    /// What is known of an object without asking.
    #[must_use]
    pub fn known(&self, object: &Object) -> Option<Known> {
        locked(&self.objects).get(object)?.get().cloned()
    }

    /// Bytes `range` of a version, from what a reader holds and from the cache; `None` when some are missing.
    #[must_use]
    pub fn cached(&self, version: &Version, range: &Range<u64>, held: &Held) -> Option<Vec<Bytes>> {
        let page = |index| {
            let key = (Arc::clone(&version.key), index);
            let page = held.get(&key).cloned().or_else(|| self.storage.pages().get(&key))?;
            let start = index * PAGE_BYTES;
            let cut = |at: u64| usize::try_from(at.saturating_sub(start)).unwrap_or(usize::MAX).min(page.len());
            Some(page.slice(cut(range.start)..cut(range.end)))
        };
        pages::of(range).map(page).collect()
    }

    /// Brings everything that is wanted, in as few requests and round trips as possible, and puts it into `held`.
    ///
    /// # Errors
    /// The first that occurs; an absent object is none.
    pub async fn bring(&self, wants: Vec<Want>, held: &mut Held) -> Result<(), StorageError> {
        let mut objects: BTreeMap<String, (Object, bool)> = BTreeMap::new();
        let mut ranges: BTreeMap<String, (Arc<Version>, BTreeSet<u64>)> = BTreeMap::new();
        for want in wants {
            match want {
                Want::Header(object) => drop(objects.insert(object.identity(), (object, true))),
                Want::Sidecar(object) => drop(objects.entry(object.identity()).or_insert((object, false))),
                Want::Bytes(version, range) => {
                    let (_, pages) =
                        ranges.entry(version.key.to_string()).or_insert_with(|| (version, BTreeSet::new()));
                    pages.extend(pages::of(&range));
                }
            }
        }
        let headers = try_join_all(objects.values().map(|(object, needed)| self.header(object, *needed)));
        let ranges = try_join_all(ranges.into_values().map(|(version, pages)| self.load(version, pages)));
        let (headers, ranges) = futures_util::future::try_join(headers, ranges).await?;
        held.extend(headers.into_iter().chain(ranges).flatten());
        Ok(())
    }

    /// The version of an object and its first bytes, in one request; once for each object.
    async fn header(&self, object: &Object, needed: bool) -> Result<Held, StorageError> {
        let cell = Arc::clone(locked(&self.objects).entry(object.clone()).or_default());
        let mut held = Held::new();
        let ask = async {
            let length = if object.ends_with(".vrt") { VRT_BYTES } else { HEADER_BYTES };
            match self.storage.fetcher().get(object, self.access.requester_pays, 0..length, None).await {
                Ok(fetched) => {
                    let version = Arc::new(fetched.version);
                    held.extend(self.keep(&version, &fetched.bytes));
                    Ok(Known::Present(version))
                }
                // What is needed may come: only what is not is remembered as absent.
                Err(StorageError::NotFound { .. }) if !needed => Ok(Known::Absent),
                Err(StorageError::Denied { reason, .. }) if !needed => {
                    tracing::debug!(%object, reason, "taken to be absent");
                    Ok(Known::Absent)
                }
                Err(error) => Err(error),
            }
        };
        cell.get_or_try_init(|| ask).await?;
        Ok(held)
    }

    /// Pages of a version: those that somebody else is loading are waited for, the others are loaded, in parallel.
    async fn load(&self, version: Arc<Version>, wanted: BTreeSet<u64>) -> Result<Held, StorageError> {
        let cache = self.storage.pages();
        let (mut held, mut ours, mut theirs) = (Held::new(), BTreeMap::new(), Vec::new());
        for index in wanted {
            let key = (Arc::clone(&version.key), index);
            match cache.get_value_or_guard(&key, Some(std::time::Duration::ZERO)) {
                GuardResult::Value(page) => {
                    held.insert(key, page);
                }
                GuardResult::Guard(guard) => {
                    ours.insert(index, guard);
                }
                GuardResult::Timeout => theirs.push(key),
            }
        }
        // First our own: who waits must not keep others waiting.
        let gap = COALESCE_GAP_BYTES / PAGE_BYTES;
        let runs = pages::runs(ours.keys().copied(), gap, LONGEST_REQUEST_BYTES / PAGE_BYTES);
        let runs = runs.into_iter().map(|run| {
            let guards: BTreeMap<u64, Loading<'_>> =
                run.clone().filter_map(|index| Some((index, ours.remove(&index)?))).collect();
            self.load_run(&version, run, guards)
        });
        for pages in try_join_all(runs.collect::<Vec<_>>()).await? {
            held.extend(pages);
        }
        for key in theirs {
            match cache.get_value_or_guard_async(&key).await {
                Ok(page) => {
                    held.insert(key, page);
                }
                // Whoever was loading it gave up.
                Err(guard) => held.extend(self.load_run(&version, key.1..key.1 + 1, [(key.1, guard)].into()).await?),
            }
        }
        Ok(held)
    }

    /// One request for consecutive pages.
    async fn load_run(
        &self, version: &Arc<Version>, run: Range<u64>, mut guards: BTreeMap<u64, Loading<'_>>,
    ) -> Result<Held, StorageError> {
        let bytes = pages::bytes_of(&run, version.size);
        let pays = self.access.requester_pays;
        let fetched = self.storage.fetcher().get(&version.object, pays, bytes, Some(version)).await?;
        let mut held = Held::new();
        for (index, page) in in_pages(run.start, &fetched.bytes, version.size) {
            if let Some(guard) = guards.remove(&index) {
                // An error means that the cache has no room for it: it is held all the same.
                let _ = guard.insert(page.clone());
            }
            held.insert((Arc::clone(&version.key), index), page);
        }
        Ok(held)
    }

    /// Puts the whole pages of an object's first `bytes` into the cache.
    fn keep(&self, version: &Arc<Version>, bytes: &Bytes) -> Held {
        let mut held = Held::new();
        for (index, page) in in_pages(0, bytes, version.size) {
            let key = (Arc::clone(&version.key), index);
            self.storage.pages().insert(key.clone(), page.clone());
            held.insert(key, page);
        }
        held
    }

    /// Whether all objects are still in the versions that were seen first; asks for some of them at a time.
    ///
    /// # Errors
    /// When a store does not answer, or an object is gone.
    pub async fn is_current(&self) -> Result<bool, StorageError> {
        let present: Vec<Arc<Version>> = {
            let objects = locked(&self.objects);
            let mut present: Vec<Arc<Version>> = objects.values().filter_map(|cell| present(cell)).collect();
            present.sort_by(|one, other| one.key.cmp(&other.key));
            present
        };
        let start = {
            let mut rechecked = locked(&self.rechecked);
            let start = *rechecked % present.len().max(1);
            *rechecked = start + RECHECKED_AT_ONCE;
            start
        };
        let round = present.iter().cycle().skip(start).take(RECHECKED_AT_ONCE.min(present.len()));
        let pays = self.access.requester_pays;
        let answers = join_all(round.map(|version| self.storage.fetcher().is_current(version, pays))).await;
        for answer in answers {
            if !answer? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn present(cell: &OnceCell<Known>) -> Option<Arc<Version>> {
    match cell.get() {
        Some(Known::Present(version)) => Some(Arc::clone(version)),
        Some(Known::Absent) | None => None,
    }
}

/// Bytes from the beginning of a page on, cut into pages with memory of their own; a last page that is cut off by
/// the request, and not by the object's end, is left out.
fn in_pages(first: u64, bytes: &Bytes, size: u64) -> impl Iterator<Item = (u64, Bytes)> {
    let page_bytes = usize::try_from(PAGE_BYTES).unwrap_or(usize::MAX);
    (first..).zip(bytes.chunks(page_bytes)).filter_map(move |(index, page)| {
        let whole = page.len() == page_bytes || index * PAGE_BYTES + page.len() as u64 == size;
        whole.then(|| (index, Bytes::copy_from_slice(page)))
    })
}
