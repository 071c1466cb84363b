//! The stores: one client for each bucket, container or host, made when it is first needed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use tokio::sync::OnceCell;

use super::aws::Aws;
use super::error::StorageError;
use super::location::{Object, Scheme};
use super::locked;
use super::policy::Policy;
use super::transport::{CloudConnector, Transports, WebConnector};

/// Stores that are kept; beyond it all are made anew. They share their connections.
const MOST_STORES: usize = 256;

/// Without a region anywhere, S3 is asked here, and says where the bucket is.
const DEFAULT_REGION: &str = "us-east-1";

/// After this time without credentials they are looked for again.
const ANONYMOUS_FOR: Duration = Duration::from_mins(1);

/// Times that a request is sent again after a 5xx, a 429, a reset or a broken body.
const MOST_RETRIES: usize = 6;

/// The pauses between them grow from the first to the second, with jitter.
const BACKOFF: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// Makes stores, and keeps them.
#[derive(Debug)]
pub struct Stores {
    environment: BTreeMap<String, String>,
    /// For retries: nobody waits longer.
    deadline: Duration,
    policy: Arc<Policy>,
    transports: Arc<Transports>,
    /// For any host, and for those that are listed.
    web: [OnceLock<WebConnector>; 2],
    aws: Mutex<Arc<AwsCell>>,
    made: Mutex<HashMap<StoreKey, Arc<dyn ObjectStore>>>,
    /// Where S3 said that a bucket is.
    regions: Mutex<HashMap<String, String>>,
}

/// What a store is made for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct StoreKey {
    scheme: Scheme,
    container: String,
    query: Option<String>,
    requester_pays: bool,
    /// Whether the operator lists its host.
    listed: bool,
}

/// The credentials, asked for once at a time.
#[derive(Debug)]
struct AwsCell {
    since: Instant,
    found: OnceCell<Aws>,
}

impl Stores {
    /// Stores for a policy, with the variables of the environment that configure them (`AWS_*`, `GOOGLE_*`, `AZURE_*`).
    pub fn new(environment: BTreeMap<String, String>, deadline: Duration, policy: Arc<Policy>) -> Self {
        Self {
            environment,
            deadline,
            policy,
            transports: Arc::default(),
            web: Default::default(),
            aws: Mutex::new(Arc::new(AwsCell::new())),
            made: Mutex::default(),
            regions: Mutex::default(),
        }
    }

    /// The store of an object.
    ///
    /// # Errors
    /// When its settings or credentials are wrong.
    pub async fn store(&self, object: &Object, requester_pays: bool) -> Result<Arc<dyn ObjectStore>, StorageError> {
        let key = StoreKey {
            scheme: object.scheme,
            container: object.container.clone(),
            query: object.query.clone(),
            requester_pays: requester_pays && object.scheme == Scheme::S3,
            listed: object.scheme.is_web() && self.policy.lists(object),
        };
        if let Some(store) = locked(&self.made).get(&key) {
            return Ok(Arc::clone(store));
        }
        let unreadable = |reason| StorageError::Unreadable { what: object.to_string(), reason };
        let (store, keep) = self.make(object, key.requester_pays).await.map_err(unreadable)?;
        if keep {
            let mut made = locked(&self.made);
            if made.len() >= MOST_STORES {
                made.clear();
            }
            made.insert(key, Arc::clone(&store));
        }
        Ok(store)
    }

    /// Notes where S3 said that a bucket is; whether that was news.
    pub fn moved(&self, object: &Object, region: &str) -> bool {
        if self.endpoint().is_some() || object.scheme != Scheme::S3 {
            return false;
        }
        let before = locked(&self.regions).insert(object.container.clone(), region.to_owned());
        locked(&self.made).retain(|key, _| key.scheme != Scheme::S3 || key.container != object.container);
        before.as_deref() != Some(region)
    }

    /// The store, and whether it may be kept.
    async fn make(&self, object: &Object, requester_pays: bool) -> Result<(Arc<dyn ObjectStore>, bool), String> {
        let said = |error: object_store::Error| error.to_string();
        Ok(match object.scheme {
            Scheme::S3 => return self.s3(object, requester_pays).await,
            Scheme::Gs => {
                let with = |builder: GoogleCloudStorageBuilder, key, value: &str| builder.with_config(key, value);
                let builder = self.configured::<GoogleConfigKey, _>(GoogleCloudStorageBuilder::new(), with);
                let builder = builder.with_bucket_name(&object.container);
                let builder = builder.with_retry(self.retry()).with_http_connector(self.cloud());
                (Arc::new(builder.build().map_err(said)?), true)
            }
            Scheme::Azure => {
                let with = |builder: MicrosoftAzureBuilder, key, value: &str| builder.with_config(key, value);
                let builder = self.configured::<AzureConfigKey, _>(MicrosoftAzureBuilder::new(), with);
                let builder = builder.with_container_name(&object.container);
                let builder = builder.with_retry(self.retry()).with_http_connector(self.cloud());
                (Arc::new(builder.build().map_err(said)?), true)
            }
            Scheme::Https | Scheme::Http => {
                let query = object.query.as_ref().map_or(String::new(), |query| format!("?{query}"));
                let builder = HttpBuilder::new()
                    .with_url(format!("{}://{}/{query}", object.scheme.name(), object.container))
                    .with_client_options(ClientOptions::new().with_allow_http(true))
                    .with_retry(self.retry())
                    .with_http_connector(self.web(self.policy.lists(object)).map_err(said)?);
                (Arc::new(builder.build().map_err(said)?), true)
            }
        })
    }

    async fn s3(&self, object: &Object, requester_pays: bool) -> Result<(Arc<dyn ObjectStore>, bool), String> {
        let builder = AmazonS3Builder::new().with_retry(self.retry()).with_http_connector(self.cloud());
        let builder = self.configured::<AmazonS3ConfigKey, _>(builder, |builder, key, value| match key {
            // By layer, not for everything.
            AmazonS3ConfigKey::RequestPayer => builder,
            key => builder.with_config(key, value),
        });
        let mut builder = builder.with_bucket_name(&object.container).with_request_payer(requester_pays);
        if let Some(endpoint) = self.endpoint() {
            if endpoint.starts_with("http://") && !self.flag("AWS_ALLOW_HTTP") {
                return Err(format!("the endpoint {endpoint} is plain http: set AWS_ALLOW_HTTP=true to allow it"));
            }
            builder = builder.with_endpoint(endpoint);
        }
        let mut region = self.value("AWS_REGION").or_else(|| self.value("AWS_DEFAULT_REGION")).map(str::to_owned);
        let (mut anonymous, mut keep) = (self.flag("AWS_SKIP_SIGNATURE") || self.flag("AWS_NO_SIGN_REQUEST"), true);
        if !anonymous && self.value("AWS_ACCESS_KEY_ID").is_none() {
            let aws = Box::pin(self.aws(region.clone())).await?;
            region = region.or_else(|| aws.region.clone());
            (anonymous, keep) = (aws.credentials.is_none(), aws.credentials.is_some());
            if let Some(chain) = aws.credentials {
                builder = builder.with_credentials(chain);
            }
        }
        let moved = locked(&self.regions).get(&object.container).cloned();
        builder = builder.with_region(moved.or(region).as_deref().unwrap_or(DEFAULT_REGION));
        let store = builder.with_skip_signature(anonymous).build().map_err(|error| error.to_string())?;
        Ok((Arc::new(store), keep))
    }

    async fn aws(&self, region: Option<String>) -> Result<Aws, String> {
        let cell = {
            let mut cell = locked(&self.aws);
            let without = cell.found.get().is_some_and(|found| found.credentials.is_none());
            if without && cell.since.elapsed() > ANONYMOUS_FOR {
                *cell = Arc::new(AwsCell::new());
            }
            Arc::clone(&cell)
        };
        let discover = async || {
            let found = Aws::discover(region).await?;
            if found.credentials.is_none() {
                tracing::info!("no AWS credentials anywhere: S3 is read with unsigned requests");
            }
            Ok(found)
        };
        cell.found.get_or_try_init(discover).await.cloned()
    }

    /// A builder with everything that the environment says in its keys.
    fn configured<K: std::str::FromStr, B>(&self, builder: B, with: impl Fn(B, K, &str) -> B) -> B {
        self.environment.iter().filter(|(_, value)| !value.is_empty()).fold(
            builder,
            |builder, (name, value)| match name.to_ascii_lowercase().parse::<K>() {
                Ok(key) => with(builder, key, value),
                Err(_) => builder,
            },
        )
    }

    fn endpoint(&self) -> Option<&str> {
        self.value("AWS_ENDPOINT_URL_S3").or_else(|| self.value("AWS_ENDPOINT_URL"))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn flag(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str()))
    }

    fn cloud(&self) -> CloudConnector {
        CloudConnector(Arc::clone(&self.transports))
    }

    fn web(&self, listed: bool) -> object_store::Result<WebConnector> {
        let web = &self.web[usize::from(listed)];
        if let Some(web) = web.get() {
            return Ok(web.clone());
        }
        let made = WebConnector::new(&self.policy, listed)?;
        Ok(web.get_or_init(|| made).clone())
    }

    fn retry(&self) -> RetryConfig {
        let [init_backoff, max_backoff] = BACKOFF;
        RetryConfig {
            backoff: BackoffConfig { init_backoff, max_backoff, base: 2.0 },
            max_retries: MOST_RETRIES,
            retry_timeout: self.deadline,
        }
    }
}

impl AwsCell {
    fn new() -> Self {
        Self { since: Instant::now(), found: OnceCell::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Location;

    fn stores(environment: &[(&str, &str)]) -> Stores {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Stores::new(environment, Duration::from_secs(1), Arc::default())
    }

    fn object(text: &str) -> Object {
        let Location::Object(object) = Location::parse(text).unwrap() else { panic!("{text} is a file") };
        object
    }

    #[tokio::test]
    async fn the_region_that_s3_names_is_used_from_then_on() {
        let stores = stores(&[("AWS_SKIP_SIGNATURE", "true"), ("AWS_REGION", "us-west-2")]);
        let bucket = object("s3://maps/it.tif");
        let shown = async || format!("{:?}", stores.store(&bucket, false).await.unwrap());
        assert!(shown().await.contains("us-west-2"));
        assert!(stores.moved(&bucket, "eu-north-1"), "that is news");
        assert!(shown().await.contains("eu-north-1"));
        assert!(!stores.moved(&bucket, "eu-north-1"), "the second time it is an error");
    }

    #[tokio::test]
    async fn the_environment_cannot_name_another_bucket() {
        let stores = stores(&[("AWS_SKIP_SIGNATURE", "true"), ("AWS_BUCKET", "other"), ("AWS_BUCKET_NAME", "other")]);
        let shown = format!("{:?}", stores.store(&object("s3://maps/it.tif"), false).await.unwrap());
        assert!(shown.contains("\"maps\"") && !shown.contains("other"), "{shown}");
    }
}
