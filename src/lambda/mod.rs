//! AWS Lambda: the only place that knows it. The same router as everywhere, under `lambda_http`.
//!
//! What is done to a request on its way in (`event`, `path`) and to an answer on its way out (`limit`) makes every
//! kind of caller look the same to the router: API Gateway's REST and HTTP APIs, Function URLs, load balancers.
//! `fan_out` sends the chunks of large analyses to other instances, which `chunk` runs.

pub mod chunk;
mod event;
mod fan_out;
mod limit;
mod path;

use std::convert::Infallible;
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::response::Response;
use lambda_http::http::header::SET_COOKIE;
use lambda_http::http::{HeaderName, HeaderValue};
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, Error, LambdaEvent, Request, RequestExt, StreamAdapter, lambda_runtime};
use tower::ServiceExt;

use event::Event;
pub use fan_out::{FanOut, FanOutSettings};

use crate::http::Deadline;

/// How long before the platform ends an invocation its caller is told so.
const BEFORE_THE_END: Duration = Duration::from_secs(1);

/// How answers leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// In one piece of JSON: what every front door takes. Larger ones are refused.
    Whole,
    /// As a stream, without a limit of that kind: for a Function URL of the mode `RESPONSE_STREAM`, and nothing else.
    Streamed,
}

/// Serves the router until the platform ends the process.
///
/// # Errors
/// When the runtime API can't be reached.
pub async fn run(app: Router, answers: Answers) -> Result<(), Error> {
    let app = app.map_request(|request| path::router_request(with_deadline(request)));
    match answers {
        Answers::Whole => {
            let fitting = |response| async { Ok::<_, Infallible>(limit::fitting(response).await) };
            let answering = Adapter::from(app.map_response(one_line_a_header).and_then(fitting));
            lambda_runtime::run(answering.map_request(unwrapped)).await
        }
        Answers::Streamed => {
            let answering = StreamAdapter::from(app.map_response(one_line_a_header));
            lambda_runtime::run(answering.map_request(unwrapped)).await
        }
    }
}

fn unwrapped(event: LambdaEvent<Event>) -> LambdaEvent<LambdaRequest> {
    LambdaEvent::new(event.payload.0, event.context)
}

/// Notes until when the request has to be answered.
fn with_deadline(mut request: Request) -> Request {
    if let Some(left) = request.lambda_context_ref().and_then(time_left) {
        request.extensions_mut().insert(Deadline(Instant::now() + left));
    }
    request
}

/// How much time an invocation has to answer; `None` where the platform does not say: emulators tell a time in the past.
fn time_left(context: &Context) -> Option<Duration> {
    let left = context.deadline().duration_since(SystemTime::now()).ok()?;
    Some(left.saturating_sub(BEFORE_THE_END))
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
