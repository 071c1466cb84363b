//! Getting ranges of objects: one GET and what it may mean, tried again where that helps.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{Extensions, GetOptions, GetRange, GetResult, ObjectMeta};
use tokio::sync::Semaphore;

use super::error::StorageError;
use super::location::{Object, Scheme};
use super::pages::VersionKey;
use super::policy::Policy;
use super::stores::Stores;
use super::transport::Seen;

/// Requests under way at once, in the whole process.
const MOST_REQUESTS: usize = 64;

/// Bytes under way at once, in the whole process.
const MOST_BYTES_UNDER_WAY: usize = 32 << 20;

/// A permit for bytes under way is this many.
const PERMIT_BYTES: u64 = 1 << 10;

/// Times that a whole GET is repeated when its answer was cut or did not fit what was asked.
const MOST_REPEATS: u32 = 4;

/// The first pause before it is; each is twice the one before, give or take a half.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A version of an object, as its store tells it.
#[derive(Debug)]
pub struct Version {
    /// The object.
    pub object: Object,
    /// Tells its pages from those of every other version and object.
    pub key: VersionKey,
    /// Its size.
    pub size: u64,
    etag: Option<String>,
    modified: i64,
}

impl Version {
    fn of(object: &Object, meta: &ObjectMeta) -> Self {
        let modified = meta.last_modified.timestamp_millis();
        let dated = || modified.to_string();
        let key = format!("{}\n{}\n{}", object.identity(), meta.e_tag.clone().unwrap_or_else(dated), meta.size);
        Self { object: object.clone(), key: key.into(), size: meta.size, etag: meta.e_tag.clone(), modified }
    }

    /// Whether two answers are about the same version.
    fn is(&self, other: &Self) -> bool {
        let same_date = || self.modified == other.modified;
        let same_tag = self.etag.as_ref().zip(other.etag.as_ref()).map(|(one, other)| one == other);
        self.size == other.size && same_tag.unwrap_or_else(same_date)
    }

    /// Its `ETag`, where it may stand in `If-Match`: a weak one never matches there.
    fn strong_etag(&self) -> Option<String> {
        self.etag.clone().filter(|etag| !etag.starts_with("W/"))
    }
}

/// What a GET brought.
#[derive(Debug)]
pub struct Fetched {
    /// Of which version.
    pub version: Version,
    /// The bytes that were asked for, as far as the object goes.
    pub bytes: Bytes,
}

/// Sends the requests of a process.
#[derive(Debug)]
pub struct Fetcher {
    stores: Stores,
    policy: Arc<Policy>,
    /// Nobody waits longer for one GET, its repeats included.
    deadline: Duration,
    requests: Semaphore,
    bytes: Semaphore,
}

/// How a GET failed.
enum Failure {
    /// For good.
    Final(StorageError),
    /// It may work next time.
    Broken(String),
    /// The bucket is in this region.
    Elsewhere(String),
}

impl Fetcher {
    /// A fetcher for what a policy allows.
    pub fn new(stores: Stores, policy: Arc<Policy>, deadline: Duration) -> Self {
        let bytes = Semaphore::new(MOST_BYTES_UNDER_WAY / usize::try_from(PERMIT_BYTES).unwrap_or(1));
        Self { stores, policy, deadline, requests: Semaphore::new(MOST_REQUESTS), bytes }
    }

    /// Bytes of an object, of `expected` or whatever version there is.
    ///
    /// # Errors
    /// [`StorageError::Changed`] when it is another version than expected.
    pub async fn get(
        &self, object: &Object, requester_pays: bool, range: Range<u64>, expected: Option<&Version>,
    ) -> Result<Fetched, StorageError> {
        self.policy.object(object)?;
        let permits = u32::try_from((range.end - range.start).div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        let permits = permits.min(u32::try_from(MOST_BYTES_UNDER_WAY as u64 / PERMIT_BYTES).unwrap_or(u32::MAX));
        let closed = |_| unavailable(object, "the process is stopping");
        let _bytes = self.bytes.acquire_many(permits).await.map_err(closed)?;
        let _request = self.requests.acquire().await.map_err(closed)?;
        let repeated = self.repeated(object, requester_pays, range, expected);
        match tokio::time::timeout(self.deadline, repeated).await {
            Ok(result) => result,
            Err(_) => Err(unavailable(object, "the store did not answer in time")),
        }
    }

    /// A GET, and again where that helps.
    async fn repeated(
        &self, object: &Object, requester_pays: bool, range: Range<u64>, expected: Option<&Version>,
    ) -> Result<Fetched, StorageError> {
        let mut repeats = 0;
        loop {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range.clone())),
                if_match: expected.and_then(Version::strong_etag),
                ..GetOptions::default()
            };
            match self.once(object, requester_pays, options, &range, expected).await {
                Ok(fetched) => return Ok(fetched),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Elsewhere(region)) => {
                    if !self.stores.moved(object, &region) {
                        let reason = format!("the bucket is in {region}: set AWS_REGION");
                        return Err(StorageError::Unreadable { what: object.to_string(), reason });
                    }
                    tracing::info!(bucket = object.container, region, "found the region of a bucket");
                }
                Err(Failure::Broken(reason)) if repeats >= MOST_REPEATS => return Err(unavailable(object, &reason)),
                Err(Failure::Broken(reason)) => {
                    tracing::debug!(%object, reason, "a request is repeated");
                    tokio::time::sleep(FIRST_PAUSE.mul_f64(f64::from(1 << repeats) * (0.5 + fastrand::f64()))).await;
                    repeats += 1;
                }
            }
        }
    }

    /// Whether the store still has this version; asks for no bytes if so.
    ///
    /// # Errors
    /// When the store does not answer, or the object is gone.
    pub async fn is_current(&self, version: &Version, requester_pays: bool) -> Result<bool, StorageError> {
        self.policy.object(&version.object)?;
        let closed = |_| unavailable(&version.object, "the process is stopping");
        let _request = self.requests.acquire().await.map_err(closed)?;
        let first = 0..1;
        let options = GetOptions {
            range: Some(GetRange::Bounded(first.clone())),
            if_none_match: version.etag.clone(),
            ..GetOptions::default()
        };
        match self.once(&version.object, requester_pays, options, &first, None).await {
            Ok(fetched) => Ok(fetched.version.is(version)),
            Err(Failure::Final(StorageError::Changed { .. })) => Ok(true),
            Err(Failure::Final(error)) => Err(error),
            Err(Failure::Broken(reason) | Failure::Elsewhere(reason)) => Err(unavailable(&version.object, &reason)),
        }
    }

    /// One GET. A 304 comes back as `Changed`, too: whoever asks with `If-None-Match` knows.
    async fn once(
        &self, object: &Object, requester_pays: bool, options: GetOptions, range: &Range<u64>,
        expected: Option<&Version>,
    ) -> Result<Fetched, Failure> {
        let store = self.stores.store(object, requester_pays).await.map_err(Failure::Final)?;
        let malformed = |_| Failure::Final(unreadable(object, "its key has characters that no store client sends"));
        let path = Path::parse(&object.key).map_err(malformed)?;
        let seen = Seen::default();
        let mut extensions = Extensions::new();
        extensions.insert(seen.clone());
        let result = store.get_opts(&path, GetOptions { extensions, ..options }).await;
        let result = result.map_err(|error| explain(object, &error, &seen))?;
        let version = Version::of(object, &result.meta);
        if expected.is_some_and(|expected| !expected.is(&version)) {
            return Err(Failure::Final(StorageError::Changed { what: object.to_string() }));
        }
        let wanted = range.start..range.end.min(version.size);
        let bytes = collect(result, &wanted).await?;
        Ok(Fetched { version, bytes })
    }
}

/// The body, no more of it than was asked for.
async fn collect(result: GetResult, wanted: &Range<u64>) -> Result<Bytes, Failure> {
    if result.range != *wanted {
        return Err(Failure::Broken(format!("asked for {wanted:?}, the answer has {:?}", result.range)));
    }
    let length = usize::try_from(wanted.end - wanted.start).map_err(|error| Failure::Broken(error.to_string()))?;
    let mut body = BytesMut::with_capacity(length);
    let mut stream = result.into_stream();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| Failure::Broken(shown(&error)))?;
        if body.len() + piece.len() > length {
            return Err(Failure::Broken("the answer is longer than what was asked for".to_owned()));
        }
        body.extend_from_slice(&piece);
    }
    if body.len() < length {
        return Err(Failure::Broken(format!("the answer ends after {} of {length} bytes", body.len())));
    }
    Ok(body.freeze())
}

/// What an error means, from what the store said.
fn explain(object: &Object, error: &object_store::Error, seen: &Seen) -> Failure {
    use object_store::Error::{NotFound, NotModified, PermissionDenied, Precondition, Unauthenticated};
    let observed = seen.last();
    let status = observed.status.unwrap_or(0);
    if observed.private {
        return Failure::Final(StorageError::Refused(Policy::private(object)));
    }
    let plain = |region: &String| region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let region = observed.region.filter(|region| plain(region) && object.scheme == Scheme::S3);
    if let Some(region) = region.filter(|_| matches!(status, 301 | 307 | 400)) {
        return Failure::Elsewhere(region);
    }
    Failure::Final(match error {
        NotFound { .. } => StorageError::NotFound { what: object.to_string() },
        NotModified { .. } | Precondition { .. } => StorageError::Changed { what: object.to_string() },
        PermissionDenied { .. } | Unauthenticated { .. } => {
            let reason = "credentials, or the bucket's policy; or it is not there, and they may not list the bucket";
            StorageError::Denied {
                what: object.to_string(),
                reason: format!("the store denies access (status {status}): {reason}"),
            }
        }
        _ => match status {
            300..400 if object.scheme.is_web() => StorageError::Refused(Policy::redirect(object)),
            200 => unreadable(object, "the server ignores range requests"),
            206 => return Failure::Broken(shown(error)),
            416 => unreadable(object, "it is empty, or shorter than its own header says"),
            429 | 408 | 500..600 => unavailable(object, &format!("the store answers with status {status}")),
            0 => unavailable(object, &shown(error)),
            status => unreadable(object, &format!("the store answers with status {status}")),
        },
    })
}

/// The innermost cause: the outer ones repeat the URL, with what may be secret in it.
fn shown(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    super::location::redacted(&cause.to_string())
}

fn unavailable(object: &Object, reason: &str) -> StorageError {
    StorageError::Unavailable { what: object.to_string(), reason: reason.to_owned() }
}

fn unreadable(object: &Object, reason: &str) -> StorageError {
    StorageError::Unreadable { what: object.to_string(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Location;
    use crate::storage::transport::Observed;
    use rstest::rstest;

    fn object(text: &str) -> Object {
        let Location::Object(object) = Location::parse(text).unwrap() else { panic!("{text} is a file") };
        object
    }

    fn explained(url: &str, observed: Observed) -> Failure {
        let error = object_store::Error::Generic { store: "it", source: "GET https://host/it?sig=secret".into() };
        explain(&object(url), &error, &Seen::of(observed))
    }

    fn status(status: u16) -> Observed {
        Observed { status: Some(status), ..Observed::default() }
    }

    #[rstest]
    #[case(301)]
    #[case(400)]
    fn a_bucket_elsewhere_says_where(#[case] code: u16) {
        let observed = Observed { region: Some("eu-north-1".to_owned()), ..status(code) };
        let failure = explained("s3://maps/it.tif", observed);
        assert!(matches!(&failure, Failure::Elsewhere(region) if region == "eu-north-1"));
    }

    #[rstest]
    #[case(503, "unavailable")]
    #[case(429, "unavailable")]
    #[case(416, "cannot be read")]
    #[case(405, "cannot be read")]
    #[case(200, "ignores range requests")]
    #[case(302, "redirects")]
    fn a_status_means_what_it_says_and_tells_no_secret(#[case] code: u16, #[case] expected: &str) {
        let Failure::Final(error) = explained("https://host/it.tif?sig=secret", status(code)) else { panic!("{code}") };
        let text = error.to_string();
        assert!(text.contains(expected) && !text.contains("secret"), "{text}");
    }

    #[test]
    fn versions_are_told_apart_by_etag_or_else_by_date_and_size() {
        let version = |etag: Option<&str>, size, seconds| {
            let meta = ObjectMeta {
                location: Path::from("it.tif"),
                last_modified: (std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).into(),
                size,
                e_tag: etag.map(str::to_owned),
                version: None,
            };
            Version::of(&object("s3://maps/it.tif"), &meta)
        };
        let one = version(Some("a"), 10, 0);
        assert!(one.is(&version(Some("a"), 10, 1)) && !one.is(&version(Some("b"), 10, 0)));
        assert!(!one.is(&version(Some("a"), 11, 0)), "the same tag for another size is a lie");
        let dated = version(None, 10, 0);
        assert!(dated.is(&version(None, 10, 0)) && !dated.is(&version(None, 10, 1)));
        assert_ne!(one.key, version(Some("a"), 11, 0).key);
    }
}
