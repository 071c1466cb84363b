//! The `chunk` function: one chunk of an analysis an invocation, asked by the `tiles` function and by nobody else.

use std::sync::Arc;

use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};
use tokio::time::timeout;

use super::time_left;
use crate::cpu::CpuPool;
use crate::zonal::ZonalError;
use crate::zonal::runner::ChunkRunner;
use crate::zonal::travel::Envelope;

/// Runs chunks until the platform ends the process.
///
/// # Errors
/// When the runtime API can't be reached.
pub async fn run(pool: &CpuPool, runner: Arc<dyn ChunkRunner>) -> Result<(), Error> {
    let answer = async |event: LambdaEvent<Envelope>| -> Result<Envelope, Error> {
        let left = time_left(&event.context);
        let request = pool.run(move || event.payload.open_request()).await?;
        let result = match (request, left) {
            (Ok(request), Some(left)) => timeout(left, runner.run(request)).await.unwrap_or_else(|_| {
                let reason = "the function's time is over".to_owned();
                Err(ZonalError::Late { reason })
            }),
            (Ok(request), None) => runner.run(request).await,
            (Err(error), _) => Err(error),
        };
        if let Err(error) = &result {
            tracing::error!(%error, "a chunk failed");
        }
        Ok(pool.run(move || Envelope::outcome(result)).await??)
    };
    lambda_runtime::run(service_fn(answer)).await
}
