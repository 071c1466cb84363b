//! A Lambda runtime API in this process, and the real binary that polls it.

use std::process::{Child, Command};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use lambda_http::aws_lambda_events::encodings::Base64Data;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// What a slow machine may need for one answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The binary, running as a function; it ends with this value.
pub struct Lambda {
    process: Child,
    events: tokio::sync::mpsc::UnboundedSender<String>,
    outcomes: mpsc::Receiver<(String, Value)>,
    _runtime: Runtime,
}

/// What the function answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub is_base64: bool,
    headers: Value,
    body: String,
}

#[derive(Clone)]
struct Api {
    events: Arc<tokio::sync::Mutex<tokio::sync::mpsc::UnboundedReceiver<String>>>,
    outcomes: Arc<std::sync::Mutex<mpsc::Sender<(String, Value)>>>,
    /// What the function is told that it has.
    time: Duration,
}

impl Lambda {
    /// The function with the repository's demo layers.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// The same with more environment.
    pub fn with(environment: &[(&str, &str)]) -> Self {
        Self::with_time(PATIENCE, environment)
    }

    /// The same with so much time for each invocation.
    pub fn with_time(time: Duration, environment: &[(&str, &str)]) -> Self {
        let runtime = Runtime::new().unwrap();
        let (events, pending) = tokio::sync::mpsc::unbounded_channel();
        let (done, outcomes) = mpsc::channel();
        let (events_api, outcomes_api) = (tokio::sync::Mutex::new(pending), std::sync::Mutex::new(done));
        let api = Api { events: Arc::new(events_api), outcomes: Arc::new(outcomes_api), time };
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{kind}", post(outcome))
            .with_state(api);
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move { axum::serve(listener, routes).await });
        let process = Command::new(env!("CARGO_BIN_EXE_cogwheel"))
            .env_clear()
            .env("COGWHEEL_CONFIG", concat!(env!("CARGO_MANIFEST_DIR"), "/cogwheel.toml"))
            .env("COGWHEEL_LOG", "warn")
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "cogwheel")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .envs(environment.iter().copied())
            .spawn()
            .unwrap();
        Self { process, events, outcomes, _runtime: runtime }
    }

    /// What an event comes to.
    pub fn result(&self, event: &Value) -> Value {
        let (kind, body) = self.outcome(event);
        assert_eq!(kind, "response", "the function failed: {body}");
        body
    }

    /// The answer to an event.
    pub fn invoke(&self, event: &Value) -> Reply {
        let body = self.result(event);
        Reply {
            status: u16::try_from(body["statusCode"].as_u64().unwrap()).unwrap(),
            is_base64: body["isBase64Encoded"].as_bool().unwrap(),
            headers: headers_of(event, &body),
            body: body["body"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// The error that an event ends with.
    pub fn fail(&self, event: &Value) -> Value {
        let (kind, body) = self.outcome(event);
        assert_eq!(kind, "error", "the function answered: {body}");
        body
    }

    fn outcome(&self, event: &Value) -> (String, Value) {
        self.events.send(event.to_string()).unwrap();
        match self.outcomes.recv_timeout(PATIENCE) {
            Ok(outcome) => outcome,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => panic!("no answer to {event}"),
        }
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Reply {
    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].as_str().unwrap_or_default()
    }

    /// The body as the caller gets it.
    pub fn bytes(&self) -> Vec<u8> {
        if self.is_base64 {
            serde_json::from_value::<Base64Data>(json!(self.body)).unwrap().0
        } else {
            self.body.clone().into_bytes()
        }
    }

    /// The body of an answer that is text.
    pub fn text(&self) -> &str {
        &self.body
    }

    /// The body of an answer that is JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The headers that the caller gets: of a REST API and of a load balancer that sends lists, those of the lists;
/// of everything else the single ones, which is where a second line of a header would be lost.
fn headers_of(event: &Value, body: &Value) -> Value {
    let Value::Object(lists) = &body["multiValueHeaders"] else { return body["headers"].clone() };
    if event["multiValueHeaders"].is_null() {
        return body["headers"].clone();
    }
    let line = |(name, values): (&String, &Value)| {
        let values: Vec<&str> = values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
        (name.clone(), json!(values.join(", ")))
    };
    Value::Object(lists.iter().map(line).collect())
}

async fn next(State(api): State<Api>) -> Response<Body> {
    let Some(event) = api.events.lock().await.recv().await else {
        return std::future::pending().await;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Response::builder()
        .header("Content-Type", "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        .header("Lambda-Runtime-Deadline-Ms", (now + api.time).as_millis().to_string())
        .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:123456789012:function:cogwheel")
        .header("Lambda-Runtime-Trace-Id", "Root=1-66f0a1b2-0123456789abcdef01234567;Sampled=0")
        .body(Body::from(event))
        .unwrap()
}

async fn outcome(State(api): State<Api>, Path((_, kind)): Path<(String, String)>, body: Bytes) -> StatusCode {
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let _ = api.outcomes.lock().unwrap_or_else(PoisonError::into_inner).send((kind, body));
    StatusCode::ACCEPTED
}
