//! The `chunk` function: one chunk of an analysis an invocation, asked by the `tiles` function and by nobody else.

use std::sync::Arc;

use lambda_http::{Error, LambdaEvent, lambda_runtime, service_fn};

use crate::cpu::CpuPool;
use crate::zonal::runner::ChunkRunner;
use crate::zonal::travel::Envelope;

/// Runs chunks until the platform ends the process.
///
/// # Errors
/// When the runtime API can't be reached.
pub async fn run(pool: &CpuPool, runner: Arc<dyn ChunkRunner>) -> Result<(), Error> {
    let answer = async |event: LambdaEvent<Envelope>| -> Result<Envelope, Error> {
        let request = pool.run(move || event.payload.open_request()).await?;
        let result = match request {
            Ok(request) => runner.run(request).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &result {
            tracing::error!(%error, "a chunk failed");
        }
        Ok(pool.run(move || Envelope::outcome(result)).await??)
    };
    lambda_runtime::run(service_fn(answer)).await
}
