//! The function as the unit of parallelism: each chunk of a large analysis is an invocation of the `chunk` function.
//!
//! A chunk is whole or an error. What may be better the next time (an instance that died, or that says nothing) is asked
//! once more; a store that throttles is asked again and again, with longer and longer pauses, until the time is over.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{DisplayErrorContext, SdkError};
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tokio::sync::OnceCell;

use crate::cpu::CpuPool;
use crate::zonal::ZonalError;
use crate::zonal::reduce::Partial;
use crate::zonal::request::ChunkRequest;
use crate::zonal::runner::ChunkRunner;
use crate::zonal::travel::Envelope;

/// The first pause after a refusal for want of capacity; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// How chunks are sent out.
#[derive(Debug, Clone)]
pub struct FanOutSettings {
    /// Name or ARN of the function.
    pub function: String,
    /// Invocations of one analysis that are under way at once.
    pub at_once: usize,
    /// How long one invocation may take.
    pub attempt: Duration,
    /// How long a chunk may take, with all that is tried.
    pub deadline: Duration,
}

/// Runs chunks on the instances of a Lambda function.
pub struct FanOut {
    /// Made when the first chunk is sent: tiles, which come sooner, don't need it.
    client: OnceCell<Client>,
    pool: CpuPool,
    settings: FanOutSettings,
}

/// Why an invocation has no result.
enum Failed {
    /// There is no capacity now.
    Throttled(String),
    /// It may work the next time.
    Maybe(ZonalError),
    /// It would be the same.
    Surely(ZonalError),
}

impl FanOut {
    /// With what the environment says of AWS: region, credentials, endpoint.
    #[must_use]
    pub fn new(pool: &CpuPool, settings: FanOutSettings) -> Self {
        Self { client: OnceCell::new(), pool: pool.patient(), settings }
    }

    /// One invocation.
    async fn invoke(&self, payload: Blob) -> Result<Partial, Failed> {
        let client = self.client.get_or_init(async || Client::new(&sdk_config().await)).await;
        let call = client.invoke().function_name(&self.settings.function).payload(payload).send();
        let Ok(answer) = tokio::time::timeout(self.settings.attempt, call).await else {
            let reason = format!("no answer in {:?}", self.settings.attempt);
            return Err(Failed::Maybe(ZonalError::Late { reason }));
        };
        let output = answer.map_err(|error| refused(&error))?;
        let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
        if let Some(kind) = output.function_error {
            let reason = format!("{kind}: {}", String::from_utf8_lossy(&payload));
            return Err(Failed::Maybe(ZonalError::Chunk { reason }));
        }
        let open = move || {
            let envelope: Envelope = serde_json::from_slice(&payload)
                .map_err(|error| ZonalError::Chunk { reason: format!("its answer is none: {error}") })?;
            envelope.open_outcome()
        };
        let outcome = self.pool.run(open).await.map_err(ZonalError::from).and_then(|outcome| outcome);
        outcome.map_err(|error| match error {
            // What the data or its store is to blame for may have passed; limits and versions have not.
            error @ (ZonalError::Raster { .. } | ZonalError::Chunk { .. }) => Failed::Maybe(error),
            error => Failed::Surely(error),
        })
    }
}

#[async_trait]
impl ChunkRunner for FanOut {
    async fn run(&self, request: ChunkRequest) -> Result<Partial, ZonalError> {
        let end = Instant::now() + self.settings.deadline;
        let window = request.window;
        let pack = move || Envelope::request(&request).map(|envelope| serde_json::to_vec(&envelope));
        let payload = self.pool.run(pack).await??;
        let payload = Blob::new(payload.map_err(|error| ZonalError::Chunk { reason: error.to_string() })?);
        let mut pause = FIRST_PAUSE;
        let mut is_second = false;
        loop {
            match self.invoke(payload.clone()).await {
                Ok(partial) => return Ok(partial),
                Err(Failed::Surely(error)) => return Err(error),
                Err(Failed::Maybe(error)) if is_second => return Err(error),
                Err(Failed::Maybe(error)) => {
                    tracing::warn!(?window, %error, "a chunk failed, and is tried once more");
                    is_second = true;
                }
                Err(Failed::Throttled(reason)) => {
                    tracing::debug!(?window, reason, "a chunk waits for capacity");
                    tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                    if Instant::now() + pause > end {
                        return Err(ZonalError::Late { reason });
                    }
                }
            }
        }
    }

    fn at_once(&self) -> usize {
        self.settings.at_once
    }
}

fn refused(error: &SdkError<InvokeError>) -> Failed {
    let reason = DisplayErrorContext(error).to_string();
    match error {
        SdkError::ServiceError(refusal) => match (refusal.raw().status().as_u16(), refusal.err()) {
            (429, _) | (_, InvokeError::TooManyRequestsException(_) | InvokeError::Ec2ThrottledException(_)) => {
                Failed::Throttled(reason)
            }
            (500.., _) => Failed::Maybe(ZonalError::Chunk { reason }),
            _ => Failed::Surely(ZonalError::Chunk { reason }),
        },
        _ => Failed::Maybe(ZonalError::Chunk { reason }),
    }
}

/// Retries are our own: the SDK knows nothing of the time that is left.
async fn sdk_config() -> SdkConfig {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}
