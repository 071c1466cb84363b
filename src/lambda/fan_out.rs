//! The function as the unit of parallelism: each chunk of a large analysis is an invocation of the `chunk` function.
//!
//! A chunk is whole or an error. What may be better the next time (an instance that died, or that says nothing) is asked
//! once more. Where nothing ran (there is no capacity, or no connection) it is asked again and again, with longer and longer
//! pauses, until the time is over. What an invocation can't carry runs here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_config::retry::{ErrorKind, RetryConfig};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_lambda::Client;
use aws_sdk_lambda::error::{DisplayErrorContext, SdkError};
use aws_sdk_lambda::operation::invoke::InvokeError;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use tokio::sync::OnceCell;

use crate::cpu::CpuPool;
use crate::raster::RasterError;
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
    /// Runs what can't be sent.
    near: Arc<dyn ChunkRunner>,
    settings: FanOutSettings,
}

/// Why an invocation has no result.
enum Failed {
    /// Nothing ran: there is no capacity, or no connection.
    NotNow(String),
    /// Its result can't be carried.
    TooLong(ZonalError),
    /// It may work the next time.
    Maybe(ZonalError),
    /// It would be the same.
    Surely(ZonalError),
}

impl FanOut {
    /// With what the environment says of AWS: region, credentials, endpoint.
    #[must_use]
    pub fn new(pool: &CpuPool, near: Arc<dyn ChunkRunner>, settings: FanOutSettings) -> Self {
        Self { client: OnceCell::new(), pool: pool.patient(), near, settings }
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
        outcome.map_err(|error| match &error {
            // What the data or its store is to blame for may have passed; limits and versions have not.
            ZonalError::Raster { cause: RasterError::TooManySources { .. }, .. } => Failed::Surely(error),
            ZonalError::Raster { .. } | ZonalError::Chunk { .. } | ZonalError::Late { .. } => Failed::Maybe(error),
            ZonalError::TooLong { .. } => Failed::TooLong(error),
            _ => Failed::Surely(error),
        })
    }
}

#[async_trait]
impl ChunkRunner for FanOut {
    async fn run(&self, request: ChunkRequest) -> Result<Partial, ZonalError> {
        let end = Instant::now() + self.settings.deadline;
        let window = request.window;
        let pack = move || Envelope::request(&request).map(|envelope| (envelope, request));
        let (envelope, request) = self.pool.run(pack).await??;
        if !envelope.can_be_carried() {
            tracing::warn!(?window, "a chunk's request can't be carried, and it runs here");
            return self.near.run(request).await;
        }
        let payload = serde_json::to_vec(&envelope).map_err(|error| ZonalError::Chunk { reason: error.to_string() })?;
        let payload = Blob::new(payload);
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
                Err(Failed::TooLong(error)) => {
                    tracing::warn!(?window, %error, "a chunk runs here");
                    return self.near.run(request).await;
                }
                Err(Failed::NotNow(reason)) => {
                    tracing::debug!(?window, reason, "a chunk waits for capacity, or a connection");
                    tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                    pause = (2 * pause).min(LONGEST_PAUSE);
                    if Instant::now() + pause > end {
                        tracing::warn!(?window, reason, "a chunk was not done in time");
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
                Failed::NotNow(reason)
            }
            (500.., _) => Failed::Maybe(ZonalError::Chunk { reason }),
            _ => Failed::Surely(ZonalError::Chunk { reason }),
        },
        // A connection that was kept too long, mostly.
        SdkError::DispatchFailure(failure)
            if failure.is_io() || failure.as_other() == Some(ErrorKind::TransientError) =>
        {
            Failed::NotNow(reason)
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Says that it was asked.
    struct Near;

    #[async_trait]
    impl ChunkRunner for Near {
        async fn run(&self, _: ChunkRequest) -> Result<Partial, ZonalError> {
            Err(ZonalError::Chunk { reason: "it ran here".to_owned() })
        }

        fn at_once(&self) -> usize {
            1
        }
    }

    #[test]
    fn what_no_invocation_can_carry_runs_here() {
        let mut random = fastrand::Rng::with_seed(1);
        let layer: String = (0..10_000_000).map(|_| random.alphanumeric()).collect();
        let window = json!({ "col": 0, "row": 0, "width": 1, "height": 1 });
        let input = json!({ "layer": layer, "version": "", "level": 0, "bands": [1], "nodata": null, "burns": [] });
        let request = json!({
            "version": 1, "window": window, "rule": "center", "shape": { "window": window, "lines": [], "left": [] },
            "inputs": [input], "scoring": null, "reduction": { "counts": { "limit": 1 } }
        });
        let second = Duration::from_secs(1);
        let settings = FanOutSettings { function: "none".to_owned(), at_once: 1, attempt: second, deadline: second };
        let pool = CpuPool::new(1, || ()).unwrap();
        let fan_out = FanOut::new(&pool, Arc::new(Near), settings);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let error = runtime.block_on(fan_out.run(serde_json::from_value(request).unwrap())).unwrap_err();
        assert!(error.to_string().contains("it ran here"), "{error}");
    }
}
