//! AWS Lambda: the only place that knows it. The same router as everywhere, under `lambda_http`.

use axum::Router;
use lambda_http::Error;

/// Serves the router until the platform ends the process.
///
/// # Errors
/// When the runtime API can't be reached.
pub async fn run(app: Router) -> Result<(), Error> {
    lambda_http::run(app).await
}
