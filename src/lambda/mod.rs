//! AWS Lambda: the only place that knows it. The same router as everywhere, under `lambda_http`.
//!
//! What is done to a request on its way in (`event`, `path`) and to an answer on its way out makes every
//! kind of caller look the same to the router: API Gateway's REST and HTTP APIs, Function URLs, load balancers.

mod event;
mod path;

use axum::Router;
use axum::response::Response;
use lambda_http::http::header::SET_COOKIE;
use lambda_http::http::{HeaderName, HeaderValue};
use lambda_http::{Adapter, Error, LambdaEvent, Service, lambda_runtime, service_fn};
use tower::ServiceExt;

use event::Event;

/// Serves the router until the platform ends the process.
///
/// # Errors
/// When the runtime API can't be reached.
pub async fn run(app: Router) -> Result<(), Error> {
    let mut adapter = Adapter::from(app.map_request(path::router_request).map_response(one_line_a_header));
    let answer =
        service_fn(move |event: LambdaEvent<Event>| adapter.call(LambdaEvent::new(event.payload.0, event.context)));
    lambda_runtime::run(answer).await
}

/// HTTP APIs, Function URLs and load balancers carry one line of each header and would drop the others: a list
/// in one line means the same (RFC 9110, 5.3). Cookies, which can't be joined, have a field of their own.
fn one_line_a_header(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let repeated = |name: &&HeaderName| **name != SET_COOKIE && headers.get_all(*name).iter().nth(1).is_some();
    let names: Vec<HeaderName> = headers.keys().filter(repeated).cloned().collect();
    for name in names {
        let lines: Vec<&[u8]> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(line) = HeaderValue::from_bytes(&lines.join(&b", "[..])) {
            headers.insert(name, line);
        }
    }
    response
}
