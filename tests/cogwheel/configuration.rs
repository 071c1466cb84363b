//! Mistakes in `cogwheel.toml`: all of them are reported, with their keys, before anything is served.

use rstest::rstest;

use crate::server::{Folder, Server, cogwheel, layer};

/// What `cogwheel layers` says of a configuration, and its exit code.
fn complaint(toml: &str) -> (i32, String) {
    let folder = Folder::new();
    folder.write("cogwheel.toml", toml);
    let output = cogwheel().current_dir(folder.path()).arg("layers").output().unwrap();
    let said = [output.stderr, output.stdout].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

#[rstest]
#[case("source = 'a.tif'\nresampling = 'best'", "resampling")]
#[case("source = 'a.tif'\ncolormap_name = 'Viridis'", "colormap_name")]
#[case("source = 'a.tif'\ncolormap = { 1 = 'red' }", "colormap")]
#[case("source = 'a.tif'\ncolormap = []", "colormap")]
#[case("source = 'a.tif'\ncolormap = { 1 = '#f00' }\ncolormap_name = 'viridis'", "colormap")]
#[case("source = 'a.tif'\nrescale = [[9, 5]]", "rescale")]
#[case("source = 'a.tif'\nrescale = [[nan, 5]]", "rescale")]
#[case("source = 'a.tif'\nrescale = []", "rescale")]
#[case("source = 'a.tif'\nbidx = []", "bidx")]
#[case("source = 'a.tif'\nmin_zoom = 31", "min_zoom")]
#[case("source = 'a.tif'\nmin_zoom = 5\nmax_zoom = 4", "min_zoom")]
#[case("source = 'a.tif'\ncrs = 'EPSG:99999999'", "crs")]
#[case("source = 'a.tif'\ncache_control = \"a\\nb\"", "cache_control")]
#[case("source = 'a.tif'\n[layers.x.classes]\nwater = 'W'", "classes")]
#[case("source = ' '", "source")]
#[case("title = 'no source'", "source")]
#[case("source = 'a.tif'\nresampling = 5", "resampling")]
#[case("source = 'a.tif'\nbidx = 1", "bidx")]
#[case("source = 'a.tif'\nbidx = [-1]", "bidx")]
#[case("source = 'a.tif'\nrescale = [0, 1]", "rescale")]
#[case("source = 'a.tif'\nnodata = 'none'", "nodata")]
#[case("source = 'a.tif'\nmax_zoom = 300", "max_zoom")]
#[case("source = 'a.tif'\nsorce = 'b.tif'", "sorce")]
fn a_mistake_names_its_key(#[case] body: &str, #[case] key: &str) {
    let (code, said) = complaint(&format!("[layers.x]\n{body}"));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("layers.x") && said.contains(key), "{key} is not in: {said}");
}

#[test]
fn every_wrong_value_is_listed() {
    let (code, said) = complaint(
        "[layers.a]\nsource = ''\nbidx = [0]\nresampling = 'best'\ncrs = 'no'\n\
         [layers.b]\nsource = 'b.tif'\nrescale = [[1, 1], [0, 1]]\nmax_zoom = 31\n\
         [layers.'c d']\nsource = 'c.tif'",
    );
    assert_eq!(code, 2);
    for key in ["a.source", "a.bidx", "a.resampling", "a.crs", "b.rescale", "b.max_zoom", "c d"] {
        assert!(said.contains(&format!("layers.{key}")), "{key} is not in: {said}");
    }
}

#[rstest]
#[case("[layers.a]\nsource = 'a.tif'\nsorce = 1\nbidx = [0]", &["sorce", "layers.a.bidx"])]
#[case("[layers.a]\nsource = 'a.tif'\nresampling = 5\nbidx = 'x'", &["resampling", "bidx"])]
#[case("[layer.a]\nsource = 'a.tif'\n[layers.b]\nsource = 'b.tif'\nbidx = [0]", &["layer", "layers.b.bidx"])]
fn a_misspelt_key_or_a_wrong_type_does_not_hide_the_other_mistakes(#[case] toml: &str, #[case] keys: &[&str]) {
    let (code, said) = complaint(toml);
    assert_eq!(code, 2);
    for key in keys {
        assert!(said.contains(key), "{key} is not in: {said}");
    }
}

#[rstest]
#[case("bidx = [9]", "bidx")]
#[case("bidx = [1, 2, 9]", "bidx")]
#[case("rescale = [[0, 1], [0, 2]]", "rescale")]
#[case("bidx = [1]\nrescale = [[0, 1], [0, 2], [0, 3]]", "rescale")]
fn what_does_not_fit_the_source_is_told_and_not_ignored(#[case] settings: &str, #[case] key: &str) {
    let toml = layer("x", "rgb_smooth_3857.tif", settings);
    let (code, said) = complaint(&toml);
    assert!(code != 0 && said.contains(key), "exit code {code}, {key} is not in: {said}");
    // a server starts, because the source is not opened before it does, but its log says so
    let server = Server::of(&toml);
    server.get("/layers");
    assert!(server.log().contains(&format!("layers.x.{key}")), "{}", server.log());
}

#[rstest]
#[case("[layers.x\nsource = 'a.tif'", "line 1")]
#[case("\n\n[layers.x]\nsource = a.tif", "line 4")]
#[case("[layers.x]\nsource = 'a'\n[layers.x]\nsource = 'b'", "line 3")]
#[case("", "[layers.")]
#[case("layers = 5", "layers")]
#[case("[layers]\nx = 'a.tif'", "line 2")]
fn a_file_that_is_no_configuration_says_where(#[case] toml: &str, #[case] place: &str) {
    let (code, said) = complaint(toml);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(place) && said.contains("cogwheel.toml"), "{said}");
}

#[test]
fn a_configuration_that_is_a_folder_or_no_text_is_refused() {
    let folder = Folder::new();
    folder.write("bytes.toml", [0xff, 0xfe, 0x00]);
    for path in [".", "bytes.toml"] {
        let output = cogwheel().current_dir(folder.path()).args(["layers", "--config", path]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains(path));
    }
}
