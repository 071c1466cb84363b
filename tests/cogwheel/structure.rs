//! The house rules of the source tree: who may know what.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, found);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                found.push(entry);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    found.into_iter().map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect()
}

#[rstest]
#[case::axum_is_known_by_http_and_by_what_boots_it("axum::", &["http/", "lambda/", "cli/serve.rs"])]
#[case::gdal_is_known_by_its_reader_and_the_crs("gdal::", &["raster/readers/", "geo/crs.rs", "cli/mod.rs", "http/health.rs", "catalog.rs", "cli/info.rs"])]
#[case::gdals_own_types_stay_in_its_folder("gdal_sys", &["raster/readers/gdal/ffi.rs"])]
#[case::unsafe_is_in_one_file("unsafe {", &["raster/readers/gdal/ffi.rs"])]
#[case::stores_are_known_by_the_storage("object_store::", &["storage/"])]
#[case::http_clients_are_known_by_the_storage("reqwest::", &["storage/"])]
#[case::the_environment_is_read_by_the_configuration("env::var", &["config/"])]
#[case::lambda_is_known_by_its_folder("lambda_http", &["lambda/"])]
#[case::clap_is_known_by_the_command_line_and_the_settings("clap::", &["cli/", "config/server.rs"])]
fn a_thing_is_known_only_where_it_belongs(#[case] word: &str, #[case] allowed: &[&str]) {
    let code =
        |text: &str| text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| line.contains(word));
    let offenders: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| code(text) && !allowed.iter().any(|place| name.starts_with(place)))
        .map(|(name, _)| name)
        .collect();
    assert!(offenders.is_empty(), "`{word}` is in {offenders:?}");
}

/// Arrows point inward: an inner module does not name an outer one.
#[rstest]
#[case("storage/", &["raster", "warp", "render", "http", "cli", "catalog", "config", "encode", "color", "lambda", "geo"])]
#[case("geo/", &["raster", "storage", "warp", "render", "http", "cli", "catalog", "config", "encode", "color", "lambda"])]
#[case("color/", &["raster", "warp", "render", "http", "cli", "catalog", "config", "encode", "lambda"])]
#[case("encode/", &["warp", "render", "http", "cli", "catalog", "config", "lambda"])]
#[case("raster/", &["warp", "render", "zonal", "http", "cli", "catalog", "config", "encode", "lambda"])]
#[case("warp/", &["render", "zonal", "http", "cli", "catalog", "config", "encode", "lambda"])]
#[case("ops/", &["render", "zonal", "http", "cli", "lambda"])]
#[case("zonal/", &["render", "http", "cli", "lambda"])]
#[case("render/", &["http", "cli", "lambda"])]
fn arrows_point_inward(#[case] inner: &str, #[case] outer: &[&str]) {
    for (name, text) in sources().into_iter().filter(|(name, _)| name.starts_with(inner)) {
        for module in outer {
            assert!(!text.contains(&format!("crate::{module}::")), "{name} knows {module}");
        }
    }
}

#[test]
fn every_file_opens_with_what_it_owns() {
    for (name, text) in sources() {
        assert!(text.starts_with("//! "), "{name} does not begin with //!");
    }
}
