//! HTTP clients for the stores: whom they may connect to, which redirects they follow, and what they saw.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;

use super::addresses::is_public;
use super::location::Location;
use super::locked;
use super::policy::Policy;

/// A host that does not take a connection in this time is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// An answer that stands still for this long is asked for again.
const STALL_TIMEOUT: Duration = Duration::from_secs(8);

/// Redirects that are followed, one after the other.
const MOST_REDIRECTS: usize = 5;

/// Idle connections kept to one host.
const IDLE_PER_HOST: usize = 32;

/// How long: hosts end them without a word, and an instance of Lambda that was frozen does not hear of it.
const MOST_IDLE: Duration = Duration::from_secs(15);

/// The clients of a process, each made when it is first needed: certificates take a while to load.
#[derive(Debug, Default)]
pub struct Transports {
    tls_only: OnceLock<reqwest::Client>,
    any: OnceLock<reqwest::Client>,
}

/// Connects object stores: their hosts are the operator's choice.
#[derive(Debug, Clone)]
pub struct CloudConnector(pub Arc<Transports>);

/// Connects web servers: their hosts are in the locations, so that every address and redirect is checked.
#[derive(Debug, Clone)]
pub struct WebConnector {
    client: reqwest::Client,
}

/// What a request met on its way; travels with it.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<Observed>>);

/// What the last answer said.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Its status, if there was an answer.
    pub status: Option<u16>,
    /// The region in which S3 says that the bucket is.
    pub region: Option<String>,
    /// The host has no address that may be connected to.
    pub private: bool,
}

/// A host whose addresses are all private.
#[derive(Debug)]
struct PrivateHost;

impl fmt::Display for PrivateHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host has no public address")
    }
}

impl Error for PrivateHost {}

impl Seen {
    /// As if this had been seen.
    #[cfg(test)]
    pub fn of(observed: Observed) -> Self {
        Self(Arc::new(Mutex::new(observed)))
    }

    /// What was seen last.
    pub fn last(&self) -> Observed {
        locked(&self.0).clone()
    }

    fn note(&self, observed: Observed) {
        *locked(&self.0) = observed;
    }
}

impl HttpConnector for CloudConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let plain = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let made = if plain { &self.0.any } else { &self.0.tls_only };
        if let Some(client) = made.get() {
            return Ok(HttpClient::new(Transport(client.clone())));
        }
        let client = builder().redirect(redirect::Policy::none()).https_only(!plain).build().map_err(generic)?;
        let client = made.get_or_init(|| client).clone();
        Ok(HttpClient::new(Transport(client)))
    }
}

impl WebConnector {
    /// A client that keeps to a policy. With `listed` it is for hosts that the operator lists, which may have any address;
    /// it follows redirects to such hosts only.
    pub fn new(policy: &Arc<Policy>, listed: bool) -> object_store::Result<Self> {
        let rules = Arc::clone(policy);
        let redirects = redirect::Policy::custom(move |attempt| {
            let allowed = match Location::parse(attempt.url().as_str()) {
                Ok(Location::Object(object)) => rules.object(&object).is_ok() && (!listed || rules.lists(&object)),
                Ok(Location::File(_)) | Err(_) => false,
            };
            if allowed && attempt.previous().len() <= MOST_REDIRECTS { attempt.follow() } else { attempt.stop() }
        });
        // A proxy would resolve names, and see queries.
        let builder = builder().no_proxy().redirect(redirects);
        let builder = if listed { builder } else { builder.dns_resolver(Arc::new(PublicOnly)) };
        Ok(Self { client: builder.build().map_err(generic)? })
    }
}

impl HttpConnector for WebConnector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Transport(self.client.clone())))
    }
}

fn builder() -> reqwest::ClientBuilder {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("cogwheel/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(STALL_TIMEOUT)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .pool_idle_timeout(MOST_IDLE)
        .tcp_nodelay(true)
        // It would tell the target of a redirect where it came from, query and all.
        .referer(false)
}

fn generic(error: reqwest::Error) -> object_store::Error {
    object_store::Error::Generic { store: "HTTP client", source: Box::new(error) }
}

/// A client that notes what it sees.
#[derive(Debug)]
struct Transport(reqwest::Client);

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let seen = request.extensions().get::<Seen>().cloned().unwrap_or_default();
        match self.0.call(request).await {
            Ok(response) => {
                let region = response.headers().get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
                let status = Some(response.status().as_u16());
                seen.note(Observed { status, region: region.map(str::to_owned), private: false });
                Ok(response)
            }
            Err(error) => {
                let private = is_private(&error);
                seen.note(Observed { private, ..Observed::default() });
                // What may not be connected to is not tried again.
                Err(if private { HttpError::new(HttpErrorKind::Unknown, PrivateHost) } else { error })
            }
        }
    }
}

fn is_private(error: &HttpError) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<PrivateHost>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Resolves names, and hides the addresses that may not be connected to. What it returns is what is connected to, so
/// that a name can't change its address in between.
#[derive(Debug)]
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let all = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = all.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Box::new(PrivateHost) as Box<dyn Error + Send + Sync>);
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
