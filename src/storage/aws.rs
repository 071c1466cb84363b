//! Credentials and region for S3, from AWS's own chain: profile, web identity, container, instance.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::meta::region::{ProvideRegion, RegionProviderChain};
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

use super::locked;

/// Credentials are renewed when they end within this time.
const RENEW_BEFORE: Duration = Duration::from_mins(5);

/// What the chain found when it was first asked.
#[derive(Debug, Clone)]
pub struct Aws {
    /// The profile's region.
    pub region: Option<String>,
    /// `None` when there are no credentials anywhere: requests go unsigned.
    pub credentials: Option<Arc<Chain>>,
}

/// The chain, with what it gave last.
#[derive(Debug)]
pub struct Chain {
    providers: DefaultCredentialsChain,
    last: Mutex<Dated>,
    renewing: AtomicBool,
}

/// Credentials and when they end.
type Dated = (Arc<AwsCredential>, Option<SystemTime>);

impl Aws {
    /// Walks the chain once. `region` is needed where a role is assumed.
    ///
    /// # Errors
    /// When there are credentials but they can't be used: an expired login, a role that may not be assumed.
    pub async fn discover(region: Option<String>) -> Result<Self, String> {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let config = ProviderConfig::default().with_http_client(http);
        let profile = ProfileFileRegionProvider::builder().configure(&config).build();
        let region = match region {
            Some(region) => Some(region),
            None => profile.region().await.map(|region| region.to_string()),
        };
        let home = region.clone().map(aws_config::Region::new);
        let providers = DefaultCredentialsChain::builder()
            .configure(config)
            .region(RegionProviderChain::first_try(home).or_else(aws_config::Region::from_static("us-east-1")))
            .build()
            .await;
        let credentials = match providers.provide_credentials().await {
            Ok(found) => {
                let last = Mutex::new(converted(&found));
                Some(Arc::new(Chain { providers, last, renewing: AtomicBool::new(false) }))
            }
            Err(CredentialsError::CredentialsNotLoaded(_)) => None,
            // The instance's own service is asked last: where it is switched off, there are no credentials.
            Err(error) if explained(&error).contains("IMDS") => None,
            Err(error) => return Err(explained(&error)),
        };
        Ok(Self { region, credentials })
    }
}

#[async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    /// While one caller renews them, the others go on with the old ones, as long as these are good.
    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let (credential, end) = locked(&self.last).clone();
        let left = end.map_or(RENEW_BEFORE, |end| end.duration_since(SystemTime::now()).unwrap_or_default());
        if left >= RENEW_BEFORE || (!left.is_zero() && self.renewing.swap(true, Ordering::AcqRel)) {
            return Ok(credential);
        }
        let renewed = self.providers.provide_credentials().await;
        self.renewing.store(false, Ordering::Release);
        let renewed = renewed.map_err(|error| object_store::Error::Generic {
            store: "S3",
            source: format!("AWS credentials cannot be renewed: {}", explained(&error)).into(),
        })?;
        let dated = converted(&renewed);
        *locked(&self.last) = dated.clone();
        Ok(dated.0)
    }
}

fn converted(found: &Credentials) -> Dated {
    let credential = AwsCredential {
        key_id: found.access_key_id().to_owned(),
        secret_key: found.secret_access_key().to_owned(),
        token: found.session_token().map(str::to_owned),
    };
    (Arc::new(credential), found.expiry())
}

/// An error with its causes in one line.
fn explained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
