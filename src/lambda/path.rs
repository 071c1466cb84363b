//! Where the gateway's part of a path ends and the router's begins.
//!
//! API Gateway puts a stage (`/prod/tiles/...`) or the base path of a custom domain (`/maps/tiles/...`) in front
//! of the router's paths. Which of them an event has, and in which of its fields, depends on the kind of API:
//!
//! | API                                | the caller's path | `lambda_http`'s path | said to the router |
//! | ---------------------------------- | ----------------- | -------------------- | ------------------ |
//! | REST, stage `prod`                 | `/prod/tiles/...` | `/prod/tiles/...`    | `/prod`            |
//! | REST, custom domain, `maps` → prod | `/maps/tiles/...` | `/prod/maps/tiles/.` | `/maps`            |
//! | HTTP, stage `prod`                 | `/prod/tiles/...` | `/prod/tiles/...`    | `/prod`            |
//! | HTTP, custom domain → `prod`       | not in the event  | `/prod/tiles/...`    | nothing            |
//! | stage `$default`, Function URL, ALB | `/tiles/...`     | `/tiles/...`         | nothing            |
//!
//! So the router's path is found from its end: it is as long as the resource that API Gateway matched.

use lambda_http::http::Uri;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use crate::http::PathPrefix;

/// What API Gateway says about the address of a request.
struct Address {
    /// The path that the caller used, where the event has it.
    caller_path: Option<String>,
    stage: Option<String>,
    /// What was matched, for example `/{proxy+}`; without it, everything was.
    resource: Option<String>,
}

/// The request as the router knows it: without the gateway's prefix, which is kept beside it as a [`PathPrefix`].
pub fn router_request(mut request: Request) -> Request {
    let has_raw_query = matches!(request.request_context_ref(), Some(RequestContext::ApiGatewayV2(_)));
    let query = request.uri().query().map(|query| if has_raw_query { query.to_owned() } else { in_order(query) });
    let mut path = request.uri().path().to_owned();
    if let Some(address) = address(&request) {
        let begin = match &address.resource {
            Some(resource) => segments(&path).saturating_sub(matched_segments(resource, &request)),
            None => usize::from(address.stage.is_some() && path.split('/').nth(1) == address.stage.as_deref()),
        };
        let router_path = split_after(&path, begin).1.to_owned();
        if let Some(caller_path) = address.caller_path {
            let prefix = split_after(&caller_path, segments(&caller_path).saturating_sub(segments(&router_path))).0;
            if !prefix.is_empty() {
                request.extensions_mut().insert(PathPrefix(prefix.to_owned()));
            }
        }
        path = if router_path.is_empty() { "/".to_owned() } else { router_path };
    }
    if let Some(uri) = replace(request.uri(), path, query) {
        *request.uri_mut() = uri;
    }
    request
}

fn address(request: &Request) -> Option<Address> {
    match request.request_context_ref()? {
        RequestContext::ApiGatewayV1(context) => Some(Address {
            caller_path: context.path.clone(),
            stage: context.stage.clone(),
            resource: context.resource_path.clone().filter(|resource| resource.starts_with('/')),
        }),
        RequestContext::ApiGatewayV2(context) => Some(Address {
            // A custom domain's mapping is not in the event: its callers never see the stage that is.
            caller_path: is_execute_api(context.domain_name.as_deref()).then(|| request.raw_http_path().to_owned()),
            stage: context.stage.clone(),
            resource: context.route_key.as_deref().and_then(|key| key.split_once(' ')).map(|(_, path)| path.to_owned()),
        }),
        _ => None,
    }
}

/// `{api}.execute-api.{region}.amazonaws.com`, in any partition, public or private.
fn is_execute_api(domain: Option<&str>) -> bool {
    domain.and_then(|domain| domain.split('.').nth(1)) == Some("execute-api")
}

/// How many segments of a path a resource matched; `{proxy+}` matched as many as its value has.
fn matched_segments(resource: &str, request: &Request) -> usize {
    let values = request.path_parameters_ref();
    let one = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix("+}")) {
        Some(name) => values.as_ref().and_then(|values| values.first(name)).map_or(0, segments),
        None => 1,
    };
    resource.split('/').filter(|segment| !segment.is_empty()).map(one).sum()
}

fn segments(path: &str) -> usize {
    path.split('/').filter(|segment| !segment.is_empty()).count()
}

/// A path in two, behind its first segments; the second part begins with a slash or is empty.
fn split_after(path: &str, segments: usize) -> (&str, &str) {
    let mut rest = path;
    for _ in 0..segments {
        let segment = rest.trim_start_matches('/');
        rest = &segment[segment.find('/').unwrap_or(segment.len())..];
    }
    path.split_at(path.len() - rest.len())
}

/// A query by its names, values of one name as they were: events without a raw query come in no order, and an
/// address that is made of one must not change from call to call.
fn in_order(query: &str) -> String {
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_by_key(|pair| pair.split('=').next());
    pairs.join("&")
}

fn replace(uri: &Uri, path: String, query: Option<String>) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let text = match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    parts.path_and_query = Some(text.parse().ok()?);
    Uri::from_parts(parts).ok()
}
