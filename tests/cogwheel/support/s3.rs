//! A server of the S3 protocol in this process: the crate `s3s`, which checks signatures, over a folder of buckets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::error_handling::HandleError;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::serve::ListenerExt;
use bytes::Bytes;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    ETag, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, StreamingBlob, Timestamp,
};
use s3s::service::S3ServiceBuilder;
use s3s::{Body, HttpError, S3Request, S3Response, S3Result, s3_error};

use super::served::{Background, Log, Object, Seen};

/// A server on a port of its own; it ends with the test.
pub struct S3 {
    signed: bool,
    address: SocketAddr,
    traffic: Arc<Traffic>,
    _background: Background,
}

#[derive(Default)]
struct Traffic {
    log: Log,
    latency: Mutex<Duration>,
}

impl S3 {
    pub const KEY: &'static str = "AKIDOFTHETESTS";
    pub const SECRET: &'static str = "the-secret-of-the-tests";

    /// Serves the folders of a folder as buckets, to signed requests only.
    ///
    /// Names of buckets are checked: three characters or more, of lower case. Objects are read anew for each request.
    pub fn start(buckets: impl Into<PathBuf>) -> Self {
        Self::with(buckets.into(), true)
    }

    /// The same for unsigned requests; one that is signed is answered with 501.
    pub fn anonymous(buckets: impl Into<PathBuf>) -> Self {
        Self::with(buckets.into(), false)
    }

    fn with(buckets: PathBuf, signed: bool) -> Self {
        let mut service = S3ServiceBuilder::new(Buckets(buckets));
        if signed {
            service.set_auth(SimpleAuth::from_single(Self::KEY, Self::SECRET));
        }
        let traffic = Arc::new(Traffic::default());
        let routes = Router::new()
            .fallback_service(HandleError::new(service.build(), refuse))
            .layer(from_fn_with_state(Arc::clone(&traffic), watch));
        let (background, address) = Background::serve(|listener| async move {
            // without it, the kernel holds back the ends of answers for 40 ms
            let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
            axum::serve(listener, routes).await.unwrap();
        });
        Self { signed, address, traffic, _background: background }
    }

    /// Objects are at `{endpoint}/{bucket}/{key}`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The variables that lead a client here.
    pub fn environment(&self) -> Vec<(String, String)> {
        let endpoint = self.endpoint();
        let mut environment =
            vec![("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_ALLOW_HTTP", "true"), ("AWS_REGION", "us-east-1")];
        if self.signed {
            environment.extend([("AWS_ACCESS_KEY_ID", Self::KEY), ("AWS_SECRET_ACCESS_KEY", Self::SECRET)]);
        } else {
            environment.push(("AWS_SKIP_SIGNATURE", "true"));
        }
        environment.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// Lets every answer take longer, from now on.
    pub fn set_latency(&self, latency: Duration) {
        *self.traffic.latency.lock().unwrap() = latency;
    }

    /// The requests since the start or since `forget`.
    pub fn requests(&self) -> Vec<Seen> {
        self.traffic.log.requests()
    }

    pub fn forget(&self) {
        self.traffic.log.forget();
    }

    /// How many rounds of requests there were, one after the other. Set a latency first: without it, requests that
    /// were sent together may be answered so fast that they do not overlap.
    pub fn round_trips(&self) -> usize {
        self.traffic.log.round_trips()
    }

    /// The most requests that were under way at one time.
    pub fn most_at_once(&self) -> usize {
        self.traffic.log.most_at_once()
    }
}

async fn watch(State(traffic): State<Arc<Traffic>>, request: Request, next: Next) -> Response {
    let (method, uri) = (request.method().as_str(), request.uri());
    let under_way =
        traffic.log.begin(Seen::new(method, uri.path(), uri.query().unwrap_or(""), request.headers().clone()));
    let latency = *traffic.latency.lock().unwrap_or_else(PoisonError::into_inner);
    tokio::time::sleep(latency).await;
    let response = next.run(request).await;
    under_way.status(response.status().as_u16());
    response
}

async fn refuse(error: HttpError) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}"))
}

/// Objects are files in folders. (The crate `s3s-fs` is no help: it ignores conditions, and takes `ETag` and bytes from
/// two openings of a file that may have been replaced in between.)
struct Buckets(PathBuf);

impl Buckets {
    fn object(&self, bucket: &str, key: &str) -> S3Result<Object> {
        let folder = self.0.join(bucket);
        if !folder.is_dir() {
            return Err(s3_error!(NoSuchBucket));
        }
        Object::read(Path::new(&folder), key).ok_or_else(|| s3_error!(NoSuchKey))
    }
}

/// An error where a condition says so.
fn check(etag: &ETag, if_match: Option<&ETagCondition>, if_none_match: Option<&ETagCondition>) -> S3Result<()> {
    let is = |condition: &ETagCondition| condition.as_etag().is_none_or(|wanted| wanted.strong_cmp(etag));
    if if_match.is_some_and(|condition| !is(condition)) {
        return Err(s3_error!(PreconditionFailed));
    }
    if if_none_match.is_some_and(is) {
        let mut error = s3_error!(NotModified);
        error.set_headers(HeaderMap::from_iter([(header::ETAG, etag.to_http_header().unwrap())]));
        return Err(error);
    }
    Ok(())
}

#[async_trait::async_trait]
impl s3s::S3 for Buckets {
    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.object(&input.bucket, &input.key)?;
        let etag = ETag::Strong(object.etag);
        check(&etag, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let mut bytes = Bytes::from(object.bytes);
        let mut content_range = None;
        if let Some(range) = input.range {
            let size = bytes.len();
            let range = range.check(size as u64)?;
            content_range = Some(format!("bytes {}-{}/{size}", range.start, range.end - 1));
            bytes = bytes.slice(range.start as usize..range.end as usize);
        }
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(i64::try_from(bytes.len()).unwrap()),
            content_range,
            e_tag: Some(etag),
            last_modified: Some(Timestamp::from(object.modified)),
            body: Some(StreamingBlob::from(Body::from(bytes))),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let object = self.object(&input.bucket, &input.key)?;
        let etag = ETag::Strong(object.etag);
        check(&etag, input.if_match.as_ref(), input.if_none_match.as_ref())?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(i64::try_from(object.bytes.len()).unwrap()),
            e_tag: Some(etag),
            last_modified: Some(Timestamp::from(object.modified)),
            ..HeadObjectOutput::default()
        }))
    }
}
