//! What can go wrong between a location and its bytes.

use super::policy::Refusal;

/// Why bytes did not come. Cheap to clone: several readers may have waited for the same ones.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StorageError {
    /// The operator did not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such object.
    #[error("{what} does not exist")]
    NotFound {
        /// The object.
        what: String,
    },
    /// The object was replaced since it was first read.
    #[error("{what} was replaced while it was read")]
    Changed {
        /// The object.
        what: String,
    },
    /// The store did not answer, or not with the object, however often it was asked: later may be better.
    #[error("{what} is unavailable: {reason}")]
    Unavailable {
        /// The object.
        what: String,
        /// What happened.
        reason: String,
    },
    /// The store denies it: S3 also of what is not there, to whoever may not list the bucket.
    #[error("{what} cannot be read: {reason}")]
    Denied {
        /// The object.
        what: String,
        /// What happened.
        reason: String,
    },
    /// The store will not give it: region, a server without ranges.
    #[error("{what} cannot be read: {reason}")]
    Unreadable {
        /// The object.
        what: String,
        /// What happened.
        reason: String,
    },
}
