//! Colormaps, legends, health, and the embedded web page.

use std::collections::BTreeSet;
use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use crate::server::{Server, Shared, layer};
use crate::support::Picture;

fn server() -> Arc<Server> {
    static SHARED: Shared = Shared::new();
    let layers = [layer("palette", "palette.tif", ""), layer("broken", "not_a_raster.txt", "")];
    SHARED.get(|| Server::of(&layers.concat()))
}

fn color(map: &Value, value: usize) -> [u8; 4] {
    serde_json::from_value(map[value.to_string()].clone()).unwrap()
}

#[test]
fn there_are_rio_tilers_colormaps_and_each_can_be_had() {
    let answer = server().get("/colorMaps").ok();
    assert_eq!(answer.header("cache-control"), "public, max-age=86400");
    let names: Vec<String> = serde_json::from_value(answer.json()["colorMaps"].clone()).unwrap();
    assert!((200..=230).contains(&names.len()), "{}", names.len());
    assert!(names.is_sorted(), "so that a list can be read");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for name in ["viridis", "viridis_r", "terrain", "greys", "rdylgn_r", "thermal", "ylgnbu", "cfastie", "schwarzwald"]
    {
        assert!(names.iter().any(|known| known == name), "{name} is missing");
    }
    for name in names {
        assert_eq!(name, name.to_lowercase());
        let map = server().get(&format!("/colorMaps/{name}")).ok().json();
        assert_eq!(map.as_object().unwrap().len(), 256, "{name}");
        color(&map, 0);
        color(&map, 255);
    }
}

#[test]
fn viridis_is_matplotlibs_and_its_reverse_is_reversed() {
    let [map, reversed] = ["viridis", "viridis_r"].map(|name| server().get(&format!("/colorMaps/{name}")).ok().json());
    // matplotlib.colormaps["viridis"](0) = (0.267, 0.005, 0.329, 1)
    assert_eq!(color(&map, 0), [68, 1, 84, 255]);
    assert_eq!((color(&map, 0), color(&map, 255)), (color(&reversed, 255), color(&reversed, 0)));
}

#[rstest]
#[case("", 256, 20)]
#[case("&orientation=horizontal", 256, 20)]
#[case("&orientation=vertical", 20, 256)]
#[case("&width=1&height=1", 1, 1)]
#[case("&width=2048", 2048, 20)]
#[case("&orientation=vertical&height=2048&width=3", 3, 2048)]
fn a_legend_grows_to_the_right_or_upwards(#[case] query: &str, #[case] width: usize, #[case] height: usize) {
    let answer = server().get(&format!("/colorMaps/viridis?format=png{query}")).ok();
    assert_eq!(answer.header("content-type"), "image/png");
    let picture = Picture::parse(&answer.body);
    assert_eq!((picture.width, picture.height), (width, height));
    if width.max(height) >= 256 {
        let map = server().get("/colorMaps/viridis?format=json").ok().json();
        assert_eq!(picture.at(height - 1, 0), color(&map, 0));
        assert_eq!(picture.at(0, width - 1), color(&map, 255));
    }
}

#[test]
fn the_legend_of_a_layer_has_its_colours() {
    let table = server().get("/layers/palette").ok().json()["bands"][0]["colormap"].clone();
    let answer = server().get("/layers/palette/legend.png?width=400&height=10").ok();
    assert_eq!(answer.header("content-type"), "image/png");
    let picture = Picture::parse(&answer.body);
    let shown: BTreeSet<[u8; 4]> = picture.rgba.iter().copied().collect();
    for class in 0..5 {
        assert!(shown.contains(&color(&table, class)), "class {class} is not in the legend");
    }
}

#[test]
fn health_is_the_processes_own_and_never_kept() {
    let answer = server().get("/healthz").ok();
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    assert_eq!((&body["status"], &body["layers"]), (&json!("ok"), &json!(2)));
    assert_eq!(body["versions"]["cogwheel"], env!("CARGO_PKG_VERSION"));
    assert!(body["versions"]["gdal"].as_str().unwrap().starts_with("3."), "{body}");
}

#[rstest]
#[case("/", "text/html; charset=utf-8")]
#[case("/static/index.html", "text/html; charset=utf-8")]
#[case("/static/app.js", "text/javascript; charset=utf-8")]
#[case("/static/style.css", "text/css; charset=utf-8")]
#[case("/static/cog.svg", "image/svg+xml")]
#[case("/static/vendor/leaflet/leaflet.js", "text/javascript; charset=utf-8")]
#[case("/static/vendor/leaflet/leaflet.css", "text/css; charset=utf-8")]
#[case("/static/vendor/leaflet/images/layers.png", "image/png")]
#[case("/static/vendor/leaflet/LICENSE", "text/plain; charset=utf-8")]
fn every_file_of_the_page_has_its_type_and_a_validator(#[case] path: &str, #[case] kind: &str) {
    let answer = server().get(path).ok();
    assert_eq!(answer.header("content-type"), kind);
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.has("etag") && !answer.body.is_empty());
}

#[test]
fn the_page_refers_to_its_own_files_only_and_by_relative_addresses() {
    let page = server().get("/").ok();
    assert!(page.header("content-security-policy").contains("default-src 'self'"));
    let text = page.text();
    let mut addresses: Vec<&str> = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        addresses.extend(text.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()));
    }
    assert!(addresses.len() >= 4, "{addresses:?}");
    for address in addresses {
        assert!(!address.contains("//") && !address.starts_with('/'), "{address} is not relative");
        server().get(&format!("/{address}")).ok();
    }
}

#[rstest]
#[case("/static/")]
#[case("/static")]
#[case("/static/vendor")]
#[case("/static/vendor/")]
#[case("/static/../Cargo.toml")]
#[case("/static/..%2FCargo.toml")]
#[case("/static/%2e%2e/Cargo.toml")]
#[case("/static/%2E%2E%2FCargo.toml")]
#[case("/static/..%5CCargo.toml")]
#[case("/static/%252e%252e/Cargo.toml")]
#[case("/static/vendor/../../Cargo.toml")]
#[case("/static/vendor/../app.js")]
#[case("/static/./app.js")]
#[case("/static//app.js")]
#[case("/static//etc/passwd")]
#[case("/static/%2Fetc%2Fpasswd")]
#[case("/static/app.js/")]
#[case("/static/app.js%00.png")]
#[case("/static/APP.JS")]
#[case("/../Cargo.toml")]
#[case("/cogwheel.toml")]
fn nothing_else_of_the_disk_is_served(#[case] path: &str) {
    let answer = server().get(path);
    assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("not_found")), "{}", answer.text());
}
