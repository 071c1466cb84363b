//! The ways into a Lambda function, and the event that each makes of a request.

use serde_json::{Map, Value, json};

/// What stands between a caller and the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// REST API (payload 1.0), called at its stage `prod`.
    RestStage,
    /// The same through a custom domain that maps `maps` to the stage.
    RestCustomDomain,
    /// HTTP API (payload 2.0), stage `prod`, route `ANY /{proxy+}`.
    HttpApiStage,
    /// HTTP API, stage `prod`, route `$default`, through a custom domain.
    HttpApiCustomDomain,
    /// HTTP API, stage `$default`, route `$default`.
    HttpApiDefault,
    /// A Function URL.
    FunctionUrl,
    /// Load balancer whose target group has multi-value headers.
    AlbMultiValue,
    /// Load balancer whose target group has not: the last of repeated parameters is kept.
    AlbSingleValue,
}

/// An event under `events/`.
pub fn read(name: &str) -> Value {
    let path = format!("{}/tests/cogwheel/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

impl Door {
    pub const ALL: [Self; 8] = [
        Self::RestStage,
        Self::RestCustomDomain,
        Self::HttpApiStage,
        Self::HttpApiCustomDomain,
        Self::HttpApiDefault,
        Self::FunctionUrl,
        Self::AlbMultiValue,
        Self::AlbSingleValue,
    ];

    /// The documented event.
    pub fn example(self) -> Value {
        read(match self {
            Self::RestStage => "rest_stage",
            Self::RestCustomDomain => "rest_custom_domain",
            Self::HttpApiStage => "http_api_stage",
            Self::HttpApiCustomDomain => "http_api_custom_domain",
            Self::HttpApiDefault => "http_api_default",
            Self::FunctionUrl => "function_url",
            Self::AlbMultiValue => "alb_multi_value",
            Self::AlbSingleValue => "alb_single_value",
        })
    }

    /// Where its callers find the router's `/`, without the slash.
    pub fn address(self) -> &'static str {
        match self {
            Self::RestStage => "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod",
            Self::RestCustomDomain => "https://api.example.com/maps",
            Self::HttpApiStage => "https://f6g7h8i9j0.execute-api.eu-central-1.amazonaws.com/prod",
            Self::HttpApiCustomDomain => "https://api.example.com",
            Self::HttpApiDefault => "https://f6g7h8i9j0.execute-api.eu-central-1.amazonaws.com",
            Self::FunctionUrl => "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws",
            Self::AlbMultiValue | Self::AlbSingleValue => "http://tiles-1234567890.eu-central-1.elb.amazonaws.com",
        }
    }

    /// Its event with another request in it; `query` as a client sends it, `path` without anything to encode.
    pub fn event(self, method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> Value {
        let mut event = self.example();
        match self {
            Self::RestStage | Self::RestCustomDomain => rest(&mut event, method, path, query, self),
            Self::HttpApiStage | Self::HttpApiCustomDomain => http(&mut event, method, path, query, "/prod"),
            Self::HttpApiDefault | Self::FunctionUrl => http(&mut event, method, path, query, ""),
            Self::AlbMultiValue | Self::AlbSingleValue => alb(&mut event, method, path, query),
        }
        for (name, value) in headers {
            for (field, value) in [("headers", json!(value)), ("multiValueHeaders", json!([value]))] {
                if let Some(all) = event[field].as_object_mut() {
                    all.insert((*name).to_owned(), value);
                }
            }
        }
        event
    }
}

/// REST APIs decode path and query; the root is a resource of its own.
fn rest(event: &mut Value, method: &str, path: &str, query: &str, door: Door) {
    let (path_prefix, caller_prefix) = if door == Door::RestStage { ("", "/prod") } else { ("/maps", "/maps") };
    let (single, multi) = values(form_urlencoded::parse(query.as_bytes()).into_owned());
    event["path"] = json!(format!("{path_prefix}{path}"));
    event["httpMethod"] = json!(method);
    event["requestContext"]["httpMethod"] = json!(method);
    event["requestContext"]["path"] = json!(format!("{caller_prefix}{path}"));
    event["queryStringParameters"] = if query.is_empty() { Value::Null } else { single };
    event["multiValueQueryStringParameters"] = if query.is_empty() { Value::Null } else { multi };
    event["pathParameters"] = json!({ "proxy": path.trim_start_matches('/') });
    if path == "/" {
        event["pathParameters"] = Value::Null;
        event["resource"] = json!("/");
        event["requestContext"]["resourcePath"] = json!("/");
    }
}

/// HTTP APIs and Function URLs hand the query on as it is.
fn http(event: &mut Value, method: &str, path: &str, query: &str, stage: &str) {
    event["rawPath"] = json!(format!("{stage}{path}"));
    event["rawQueryString"] = json!(query);
    event["requestContext"]["http"]["path"] = json!(format!("{stage}{path}"));
    event["requestContext"]["http"]["method"] = json!(method);
    if let Some(parameters) = event.get_mut("pathParameters") {
        *parameters = json!({ "proxy": path.trim_start_matches('/') });
    }
    let mut joined = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        let text = joined.get(&name).and_then(Value::as_str).map_or(value.clone(), |first| format!("{first},{value}"));
        joined.insert(name, json!(text));
    }
    event["queryStringParameters"] = Value::Object(joined);
}

/// Load balancers do not decode.
fn alb(event: &mut Value, method: &str, path: &str, query: &str) {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let (single, multi) = values(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    event["path"] = json!(path);
    event["httpMethod"] = json!(method);
    for (field, values) in [("queryStringParameters", single), ("multiValueQueryStringParameters", multi)] {
        if let Some(parameters) = event.get_mut(field) {
            *parameters = values;
        }
    }
}

/// The last value of each name, and all of them.
fn values(pairs: impl Iterator<Item = (String, String)>) -> (Value, Value) {
    let (mut single, mut multi) = (Map::new(), Map::new());
    for (name, value) in pairs {
        single.insert(name.clone(), json!(value));
        if let Some(all) = multi.entry(name).or_insert_with(|| json!([])).as_array_mut() {
            all.push(json!(value));
        }
    }
    (Value::Object(single), Value::Object(multi))
}
