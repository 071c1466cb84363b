//! Lambda's events, as the requests that they are. `lambda_http` translates; which kind an event is, it says
//! itself.

use lambda_http::request::LambdaRequest;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A request from API Gateway, a Function URL or a load balancer.
#[derive(Debug)]
pub struct Event(pub LambdaRequest);

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Value::deserialize(deserializer)?;
        encode_query(&mut event);
        let request = if event.pointer("/requestContext/elb").is_some() {
            typed(event).map(LambdaRequest::Alb)
        } else if event["version"] == "2.0" {
            typed(event).map(LambdaRequest::ApiGatewayV2)
        } else {
            typed(event).map(LambdaRequest::ApiGatewayV1)
        };
        request.map(Self).map_err(Error::custom)
    }
}

fn typed<T: DeserializeOwned>(event: Value) -> Result<T, String> {
    let reason = |error| format!("not an event of API Gateway, a Function URL or a load balancer: {error}");
    serde_json::from_value(event).map_err(reason)
}

/// A raw query may hold what clients did not encode (`curl -g '...?colormap={"1":"#f00"}'`), and a space where
/// they wrote `+`. `lambda_http` takes it for a valid address, and panics when it is none.
fn encode_query(event: &mut Value) {
    let Some(Value::String(query)) = event.get_mut("rawQueryString") else { return };
    let is_bare = |character: char| matches!(character, '"' | '<' | '>' | '#') || character <= ' ';
    if query.contains(is_bare) {
        let encode = |c: char| if is_bare(c) { format!("%{:02X}", u32::from(c)) } else { c.to_string() };
        *query = query.chars().map(encode).collect();
    }
}
