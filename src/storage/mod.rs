//! Bytes from anywhere: files, object stores, web servers; and the allow-list that says which.
//!
//! A reader works on a [`Snapshot`]: it takes the bytes that are there, says which are missing, and has them brought,
//! all in one round trip. Nothing here knows what the bytes mean.

mod addresses;
mod aws;
mod error;
mod fetch;
mod location;
mod pages;
mod policy;
mod snapshot;
mod stores;
mod transport;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use error::StorageError;
pub use fetch::Version;
pub use location::{BadLocation, Location, Object, Scheme, redacted};
pub use pages::Held;
pub use policy::{Policy, Refusal, Rejection};
pub use snapshot::{Known, Snapshot, Want};

use fetch::Fetcher;
use pages::Pages;
use stores::Stores;

/// A text object that is longer is not read.
const LONGEST_TEXT_BYTES: u64 = 4 << 20;

/// How the storage works.
#[derive(Debug, Clone, Default)]
pub struct StorageSettings {
    /// Variables that configure the stores: `AWS_*`, `GOOGLE_*`, `AZURE_*`.
    pub environment: BTreeMap<String, String>,
    /// Memory for bytes of objects.
    pub cache_bytes: u64,
    /// Requests are not repeated beyond this time.
    pub deadline: Duration,
}

/// What a mutex holds; a panic elsewhere left it whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The door to all bytes; cheap to clone.
#[derive(Debug, Clone)]
pub struct Storage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    policy: Arc<Policy>,
    fetcher: Fetcher,
    pages: Pages,
}

/// How the objects of one layer are accessed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Access {
    /// The requests are paid by whoever sends them, as their owner demands.
    pub requester_pays: bool,
    /// Files beside an object (`.ovr`, `.msk`, `.aux.xml`) are looked for, at the price of a request each.
    pub sidecars: bool,
}

impl Storage {
    /// Storage for what a policy allows.
    #[must_use]
    pub fn new(settings: StorageSettings, policy: Policy) -> Self {
        let policy = Arc::new(policy);
        let stores = Stores::new(settings.environment, settings.deadline, Arc::clone(&policy));
        let fetcher = Fetcher::new(stores, Arc::clone(&policy), settings.deadline);
        Self(Arc::new(Inner { policy, fetcher, pages: pages::new(settings.cache_bytes) }))
    }

    /// What may be opened.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// A view of the objects as they are from now on.
    #[must_use]
    pub fn snapshot(&self, access: Access) -> Arc<Snapshot> {
        Arc::new(Snapshot::new(self.clone(), access))
    }

    /// A whole text object: a configuration.
    ///
    /// # Errors
    /// When it is not there, not allowed, too long or no text.
    pub async fn text(&self, object: &Object) -> Result<String, StorageError> {
        let fetched = self.fetcher().get(object, false, 0..LONGEST_TEXT_BYTES, None).await?;
        let unreadable = |reason: String| Err(StorageError::Unreadable { what: object.to_string(), reason });
        if fetched.version.size > LONGEST_TEXT_BYTES {
            return unreadable(format!("it is longer than {LONGEST_TEXT_BYTES} bytes"));
        }
        match String::from_utf8(fetched.bytes.to_vec()) {
            Ok(text) => Ok(text),
            Err(_) => unreadable("it is no UTF-8".to_owned()),
        }
    }

    fn fetcher(&self) -> &Fetcher {
        &self.0.fetcher
    }

    fn pages(&self) -> &Pages {
        &self.0.pages
    }
}
