//! The real binary as a Lambda function: every kind of event, and what it answers to each.
//!
//! The events under `events/` have the shapes that AWS documents. What must come back is what the router gives
//! in this process for the same path and query.

mod door;
mod runtime;

use std::time::{Duration, Instant};

use cogwheel::zonal::ZonalError;
use cogwheel::zonal::request::ChunkRequest;
use cogwheel::zonal::travel::Envelope;
use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Answer, Maps};
use door::Door;
use runtime::{Lambda, Reply};

const TILE: &str = "/tiles/landsat/10/163/395.png";

/// A query with what gateways may lose: repeated names, commas, and text that has to be percent-encoded.
const HARD_QUERY: &str =
    "colormap=%5B%5B%5B0%2C%2060%5D%2C%22%23f00%22%5D%2C%5B%5B60,256%5D,%22%2300ff0080%22%5D%5D&bidx=2";

/// The demo layers, in this process.
fn demo() -> Maps {
    let root = env!("CARGO_MANIFEST_DIR");
    let text = std::fs::read_to_string(format!("{root}/cogwheel.toml")).unwrap();
    Maps::from_toml(&text.replace("source = \"data/", &format!("source = \"{root}/data/")))
}

fn assert_same_tile(door: Door, reply: &Reply, expected: &Answer) {
    assert_eq!(reply.status, 200, "{door:?}: {}", reply.text());
    assert!(reply.is_base64, "{door:?}: a picture travels as base64");
    assert_eq!(reply.header("content-type"), "image/png");
    assert_eq!(reply.header("etag"), expected.header("etag"));
    assert!(reply.bytes() == expected.ok(), "{door:?}: another picture");
}

#[rstest]
#[case(Door::RestStage)]
#[case(Door::RestCustomDomain)]
#[case(Door::HttpApiStage)]
#[case(Door::HttpApiCustomDomain)]
#[case(Door::HttpApiDefault)]
#[case(Door::FunctionUrl)]
#[case(Door::AlbMultiValue)]
fn the_documented_event_of_each_door_gives_its_tile_with_repeated_parameters(#[case] door: Door) {
    let query = "rescale=0,160&rescale=0,140&rescale=0,120&bidx=3&bidx=2&bidx=1";
    let expected = demo().get(&format!("{TILE}?{query}"));
    assert_same_tile(door, &Lambda::start().invoke(&door.example()), &expected);
}

#[test]
fn a_load_balancer_without_multi_value_headers_keeps_the_commas_of_a_value() {
    let expected = demo().get("/tiles/colorado/12/829/1565.png?rescale=2000,4000&colormap_name=viridis");
    assert_same_tile(Door::AlbSingleValue, &Lambda::start().invoke(&Door::AlbSingleValue.example()), &expected);
}

#[rstest]
fn encoded_text_in_a_query_arrives_as_it_was_sent(
    #[values(HARD_QUERY, "bidx=1&nodata=0&return_mask=true")] query: &str,
) {
    let expected = demo().get(&format!("{TILE}?{query}"));
    let lambda = Lambda::start();
    for door in Door::ALL {
        assert_same_tile(door, &lambda.invoke(&door.event("GET", TILE, query, &[])), &expected);
    }
}

#[test]
fn characters_that_a_client_did_not_encode_are_a_query_all_the_same() {
    let encoded = "colormap=%7B%221%22:%22%23f00%22,%222%22:%22%230f0%22%7D&resampling=nearest";
    let bare = r##"colormap={"1":"#f00","2":"#0f0"}&resampling=nearest&note=a b"##;
    let path = "/tiles/landcover/2/1/1.png";
    let expected = demo().get(&format!("{path}?{encoded}"));
    assert_same_tile(
        Door::FunctionUrl,
        &Lambda::start().invoke(&Door::FunctionUrl.event("GET", path, bare, &[])),
        &expected,
    );
}

#[test]
fn json_is_text_and_tile_addresses_are_the_ones_of_the_door() {
    let lambda = Lambda::start();
    for door in Door::ALL {
        let reply = lambda.invoke(&door.event("GET", "/layers/colorado/tilejson.json", "rescale=2000,4000", &[]));
        assert_eq!((reply.status, reply.is_base64), (200, false), "{door:?}: {}", reply.text());
        assert_eq!(reply.header("content-type"), "application/json");
        let tiles = reply.json()["tiles"][0].as_str().unwrap().replace("%2C", ",");
        assert_eq!(tiles, format!("{}/tiles/colorado/{{z}}/{{x}}/{{y}}.png?rescale=2000,4000", door.address()));
    }
}

#[rstest]
#[case(Door::RestStage)]
#[case(Door::AlbMultiValue)]
fn the_same_request_always_has_the_same_tile_address(#[case] door: Door) {
    let query = "bidx=3&bidx=2&bidx=1&nodata=0&resampling=cubic&rescale=0,90&return_mask=true&tilesize=512";
    let lambda = Lambda::start();
    let event = door.event("GET", "/layers/landsat/tilejson.json", query, &[]);
    for _ in 0..8 {
        let tiles = lambda.invoke(&event).json()["tiles"][0].as_str().unwrap().replace("%2C", ",");
        assert_eq!(tiles.split_once('?').unwrap().1, query);
    }
}

#[test]
fn a_stage_that_is_named_like_a_route_is_still_a_stage() {
    let lambda = Lambda::start();
    for door in [Door::RestStage, Door::HttpApiStage, Door::HttpApiCustomDomain] {
        let event = door.event("GET", "/layers/landsat/tilejson.json", "", &[]);
        let event: Value =
            serde_json::from_str(&event.to_string().replace("\"prod\"", "\"layers\"").replace("/prod/", "/layers/"))
                .unwrap();
        let reply = lambda.invoke(&event);
        assert_eq!(reply.status, 200, "{door:?}: {}", reply.text());
        let address = door.address().replace("/prod", "/layers");
        assert_eq!(reply.json()["tiles"][0], format!("{address}/tiles/landsat/{{z}}/{{x}}/{{y}}.png"));
    }
}

#[test]
fn the_page_is_at_the_root_of_every_door_as_text() {
    let lambda = Lambda::start();
    for door in Door::ALL {
        let reply = lambda.invoke(&door.event("GET", "/", "", &[]));
        assert_eq!((reply.status, reply.is_base64), (200, false), "{door:?}: {}", reply.text());
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert!(reply.text().starts_with("<!doctype html>"), "{door:?}: {}", reply.text());
    }
}

#[test]
fn json_that_is_compressed_travels_as_base64() {
    let expected = demo().get("/layers/landcover").ok();
    let lambda = Lambda::start();
    for door in Door::ALL {
        let reply =
            lambda.invoke(&door.event("GET", "/layers/landcover", "", &[("accept-encoding", "gzip, deflate, br")]));
        assert_eq!((reply.status, reply.is_base64), (200, true), "{door:?}");
        assert_eq!((reply.header("content-encoding"), reply.header("content-type")), ("gzip", "application/json"));
        let bytes = reply.bytes();
        assert!(bytes.starts_with(b"\x1f\x8b") && bytes.len() < expected.len(), "{door:?}: {} bytes", bytes.len());
        let length = u32::from_le_bytes(bytes[bytes.len() - 4..].try_into().unwrap());
        assert_eq!(usize::try_from(length).unwrap(), expected.len(), "gzip ends with the length of its content");
    }
}

#[test]
fn a_header_with_two_lines_keeps_both_where_only_one_is_carried() {
    let lambda = Lambda::with(&[("COGWHEEL_CORS_ORIGINS", "https://map.example.com")]);
    let asked = [("origin", "https://map.example.com"), ("accept-encoding", "gzip")];
    for door in Door::ALL {
        let reply = lambda.invoke(&door.event("GET", "/layers/landcover", "", &asked));
        assert_eq!(reply.header("access-control-allow-origin"), "https://map.example.com");
        let vary = reply.header("vary").to_lowercase();
        assert!(vary.contains("accept-encoding") && vary.contains("origin"), "{door:?}: {vary}");
    }
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    let lambda = Lambda::start();
    let expected = demo().get(TILE);
    let doors = Door::ALL.map(|door| door.event("HEAD", TILE, "", &[]));
    let documented = door::read("head");
    assert_eq!(documented["requestContext"]["http"]["method"], "HEAD");
    for (index, event) in doors.iter().enumerate() {
        let reply = lambda.invoke(event);
        assert_eq!((reply.status, reply.bytes().len()), (200, 0), "{index}");
        assert_eq!((reply.header("content-type"), reply.header("etag")), ("image/png", expected.header("etag")));
    }
    let reply = lambda.invoke(&documented);
    assert_eq!((reply.status, reply.bytes().len(), reply.header("content-type")), (200, 0, "image/png"));
}

#[test]
fn a_tile_that_the_caller_has_is_not_sent_again() {
    let lambda = Lambda::start();
    let mut event = door::read("if_none_match");
    let other = lambda.invoke(&event);
    assert_eq!(other.status, 200, "another tag is not this tile's");
    let tag = other.header("etag").to_owned();
    event["headers"]["If-None-Match"] = json!(tag);
    event["multiValueHeaders"]["If-None-Match"] = json!([tag]);
    let reply = lambda.invoke(&event);
    assert_eq!((reply.status, reply.header("etag"), reply.bytes().len()), (304, tag.as_str(), 0));

    let tag = demo().get(TILE).header("etag").to_owned();
    for door in Door::ALL {
        let reply = lambda.invoke(&door.event("GET", TILE, "", &[("if-none-match", &tag)]));
        assert_eq!((reply.status, reply.header("etag"), reply.bytes().len()), (304, tag.as_str(), 0), "{door:?}");
    }
}

#[test]
fn an_empty_tile_can_be_a_204() {
    let lambda = Lambda::with(&[("COGWHEEL_EMPTY_TILE", "204")]);
    for door in Door::ALL {
        let reply = lambda.invoke(&door.event("GET", "/tiles/landsat/10/0/0.png", "", &[]));
        assert_eq!((reply.status, reply.bytes().len(), reply.header("content-type")), (204, 0, ""), "{door:?}");
    }
}

#[rstest]
#[case("/tiles/nothing/0/0/0", 404)]
#[case("/tiles/landsat/0/0/0?rescale=5,5", 400)]
#[case("/nowhere", 404)]
fn an_error_is_json_that_says_what_is_wrong(#[case] address: &str, #[case] status: u16) {
    let lambda = Lambda::start();
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let expected = demo().get(address).detail();
    for door in Door::ALL {
        let reply = lambda.invoke(&door.event("GET", path, query, &[]));
        assert_eq!((reply.status, reply.is_base64, reply.header("content-type")), (status, false, "application/json"));
        assert_eq!(reply.json()["detail"], expected, "{door:?}");
    }
}

#[test]
fn an_event_that_is_no_request_fails_alone() {
    let lambda = Lambda::with(&[("COGWHEEL_LOG", "off")]);
    for event in [json!({ "source": "aws.events", "detail": {} }), json!("text"), json!(null)] {
        let error = lambda.fail(&event);
        assert!(error.to_string().contains("not an event of API Gateway"), "{error}");
    }
    assert_eq!(lambda.invoke(&Door::FunctionUrl.event("GET", "/healthz", "", &[])).status, 200);
}

#[rstest]
#[case(Door::FunctionUrl)]
#[case(Door::RestStage)]
fn a_request_ends_a_second_before_its_invocation(#[case] door: Door) {
    let (folder, _web) = crate::shutdown::with_a_hanging_source();
    let config = folder.path().join("cogwheel.toml").display().to_string();
    let lambda = Lambda::with_time(Duration::from_secs(3), &[("COGWHEEL_CONFIG", &config)]);
    let start = Instant::now();
    let reply = lambda.invoke(&door.event("GET", "/tiles/slow/0/0/0.png", "", &[]));
    let elapsed = start.elapsed();
    assert_eq!((reply.status, reply.json()["code"].as_str()), (503, Some("busy")));
    assert_ne!(reply.header("retry-after"), "");
    assert!(elapsed > Duration::from_millis(1500) && elapsed < Duration::from_millis(2900), "{elapsed:?}");
}

#[test]
fn a_chunk_ends_a_second_before_its_invocation() {
    let (folder, _web) = crate::shutdown::with_a_hanging_source();
    let config = folder.path().join("cogwheel.toml").display().to_string();
    let lambda = Lambda::with_time(Duration::from_secs(3), &[("COGWHEEL_CONFIG", &config), ("_HANDLER", "chunk")]);
    let window = json!({ "col": 0, "row": 0, "width": 1, "height": 1 });
    let input = json!({ "layer": "slow", "version": "", "level": 0, "bands": [1], "nodata": null, "burns": [] });
    let request: ChunkRequest = serde_json::from_value(json!({
        "version": 1, "window": window, "rule": "center", "shape": { "window": window, "lines": [], "left": [] },
        "inputs": [input], "scoring": null, "reduction": { "counts": { "limit": 1 } }
    }))
    .unwrap();
    let start = Instant::now();
    let outcome = lambda.result(&serde_json::to_value(Envelope::request(&request).unwrap()).unwrap());
    let elapsed = start.elapsed();
    let error = serde_json::from_value::<Envelope>(outcome).unwrap().open_outcome().unwrap_err();
    assert!(matches!(error, ZonalError::Late { .. }), "{error}");
    assert!(elapsed > Duration::from_millis(1500) && elapsed < Duration::from_millis(2900), "{elapsed:?}");
}

#[test]
fn an_answer_beyond_what_lambda_carries_is_a_413_at_every_door() {
    let lambda = Lambda::start();
    for door in Door::ALL {
        let reply = lambda.invoke(&door.event("GET", "/tiles/relief/3/4/2@2x.npy", "tilesize=1024", &[]));
        assert_eq!((reply.status, reply.json()["code"].as_str()), (413, Some("too_large")), "{door:?}");
        assert_eq!((reply.header("cache-control"), reply.header("etag")), ("no-store", ""), "{door:?}");
    }
}
