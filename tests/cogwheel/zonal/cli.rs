//! `cogwheel zonal`: a line of JSON for each feature of a file, the same as over HTTP.

use std::process::Output;

use rstest::rstest;
use serde_json::{Value, json};

use super::rectangle;
use crate::server::{Folder, Server, cogwheel, layer};
use crate::support::fixtures;

/// Three shapes over `classes_5070.tif`, one of them beside it.
fn shapes() -> [Value; 3] {
    [[-105.21, 39.89, -105.19, 39.91], [-105.2, 39.9, -105.195, 39.902], [10.0, 45.0, 11.0, 46.0]].map(rectangle)
}

fn feature(id: impl Into<Value>, geometry: &Value) -> Value {
    let id: Value = id.into();
    json!({ "type": "Feature", "id": id, "properties": { "name": format!("shape {id}"), "n": 1.5 }, "geometry": geometry })
}

fn collection(features: &[Value]) -> Value {
    json!({ "type": "FeatureCollection", "features": features })
}

fn folder(file: &Value) -> Folder {
    let folder = Folder::new();
    folder.write("cogwheel.toml", layer("land", "zonal/classes_5070.tif", "classes = { 42 = 'Evergreen' }"));
    folder.write("shapes.geojson", file.to_string());
    folder
}

fn run(folder: &Folder, args: &[&str]) -> Output {
    cogwheel().current_dir(folder.path()).arg("zonal").args(args).output().unwrap()
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    String::from_utf8_lossy(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[rstest]
#[case("counts", &[], "counts")]
#[case("counts", &["--cell-rule", "coverage"], "counts?cell_rule=coverage")]
#[case("counts", &["--plan"], "counts?plan=true")]
#[case("statistics", &["-p", "10", "-p", "90", "--histogram-bins", "4"], "statistics?p=10&p=90&histogram_bins=4")]
#[case("statistics", &["--categorical", "-c", "42", "-c", "-1"], "statistics?categorical=true&c=42&c=-1")]
#[case("statistics", &["--histogram-range", "-5,50", "--bidx", "1"], "statistics?histogram_range=-5,50&bidx=1")]
#[case("extract", &["--values", "42"], "extract?values=42")]
#[case("extract", &["--range", "41,43", "--connectivity", "8", "--min-cells", "3", "--simplify", "1"], "extract?range=41,43&connectivity=8&min_cells=3&simplify=1")]
fn each_feature_is_a_line_that_is_the_answer_over_http(
    #[case] what: &str, #[case] options: &[&str], #[case] path: &str,
) {
    let features: Vec<Value> = shapes().iter().zip(["a", "b", "c"]).map(|(shape, id)| feature(id, shape)).collect();
    let folder = folder(&collection(&features));
    let output = run(&folder, &[&[what, "land", "shapes.geojson"], options].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "{}", message(&output));
    let server = Server::of(&layer("land", "zonal/classes_5070.tif", "classes = { 42 = 'Evergreen' }"));
    let lines = lines(&output.stdout);
    assert_eq!(lines.len(), 3);
    for (line, feature) in lines.iter().zip(&features) {
        assert_eq!((&line["id"], &line["properties"]), (&feature["id"], &feature["properties"]));
        let answer = server.post(&format!("/layers/land/{path}"), &feature.to_string()).ok().json();
        assert_eq!(line["result"], answer, "{what} of {}", feature["id"]);
        assert!(line.get("error").is_none());
    }
}

#[test]
fn a_profile_is_sampled_along_each_line() {
    let line = |to: f64| json!({ "type": "LineString", "coordinates": [[-105.21, 39.89], [to, 39.91]] });
    let folder = folder(&collection(&[feature(1, &line(-105.19)), feature(2, &line(-105.2))]));
    let output = run(&folder, &["sample", "land", "shapes.geojson", "--n", "7", "--resampling", "bilinear"]);
    assert!(output.status.success(), "{}", message(&output));
    let server = Server::of(&layer("land", "zonal/classes_5070.tif", ""));
    for (found, to) in lines(&output.stdout).iter().zip([-105.19, -105.2]) {
        let path = "/layers/land/sample?n=7&resampling=bilinear";
        assert_eq!(found["result"], server.post(path, &line(to).to_string()).ok().json());
    }
}

#[test]
fn a_path_will_do_without_a_configuration_and_one_shape_without_a_collection() {
    let raster = fixtures().join("zonal/classes_5070.tif").display().to_string();
    let server = Server::of(&layer("it", "zonal/classes_5070.tif", ""));
    let shape = &shapes()[0];
    let expected = server.post("/layers/it/counts", &shape.to_string()).ok().json();
    for file in [shape.clone(), feature("x", shape), collection(&[feature("x", shape)])] {
        let folder = Folder::new();
        folder.write("shapes.geojson", file.to_string());
        let output = run(&folder, &["counts", &raster, "shapes.geojson"]);
        assert!(output.status.success(), "{}", message(&output));
        let [line] = &lines(&output.stdout)[..] else { panic!("one line") };
        assert_eq!(
            (&line["result"]["counts"], &line["result"]["areas_m2"]),
            (&expected["counts"], &expected["areas_m2"])
        );
    }
}

#[test]
fn a_feature_that_is_none_is_a_line_with_an_error_and_the_others_are_answered() {
    let bow_tie = super::polygon(&[[-105.21, 39.89], [-105.19, 39.91], [-105.19, 39.89], [-105.21, 39.91]]);
    let point = json!({ "type": "Point", "coordinates": [-105.2, 39.9] });
    let shape = &shapes()[0];
    let folder =
        folder(&collection(&[feature("a", shape), feature("b", &bow_tie), feature("c", &point), feature("d", shape)]));
    let output = run(&folder, &["counts", "land", "shapes.geojson"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(message(&output).contains("2 of 4"), "{}", message(&output));
    let lines = lines(&output.stdout);
    assert_eq!(lines.len(), 4);
    assert!(lines[1]["error"].as_str().unwrap().contains("crosses itself"), "{}", lines[1]);
    assert!(lines[2]["error"].as_str().unwrap().contains("Polygon"), "{}", lines[2]);
    assert_eq!(lines[0]["result"], lines[3]["result"]);
}

#[rstest]
#[case::empty(json!(null))]
#[case::no_world(rectangle([500.0, 600.0, 700.0, 800.0]))]
#[case::too_short(json!({ "type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]] }))]
fn a_geometry_that_can_not_be_read_is_a_line_too(#[case] geometry: Value) {
    let shape = &shapes()[0];
    let folder = folder(&collection(&[feature("a", shape), feature("b", &geometry), feature("c", shape)]));
    let output = run(&folder, &["counts", "land", "shapes.geojson"]);
    assert_eq!(output.status.code(), Some(1), "{}", message(&output));
    let lines = lines(&output.stdout);
    assert_eq!(lines.len(), 3, "{}", message(&output));
    assert!(lines[1]["error"].is_string() && lines[0]["result"] == lines[2]["result"]);
}

#[test]
fn lines_go_to_a_file_where_one_is_named() {
    let folder = folder(&collection(&shapes().map(|shape| feature(1, &shape))));
    let printed = run(&folder, &["counts", "land", "shapes.geojson"]);
    let output = run(&folder, &["counts", "land", "shapes.geojson", "-o", "out.ndjson"]);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", message(&output));
    assert_eq!(std::fs::read(folder.path().join("out.ndjson")).unwrap(), printed.stdout);
    let output = run(&folder, &["counts", "land", "shapes.geojson", "-o", "no/such/folder/out.ndjson"]);
    assert_eq!((output.status.code(), message(&output).contains("no/such/folder")), (Some(1), true));
}

#[rstest]
#[case(&["counts", "land", "shapes.geojson", "--cell-rule", "all"], 2, "cell_rule")]
#[case(&["counts", "land", "shapes.geojson", "--bidx", "9"], 2, "bidx")]
#[case(&["counts", "land", "shapes.geojson", "--overview", "-1"], 2, "overview: ")]
#[case(&["counts", "land", "shapes.geojson", "--overview", "7"], 2, "overview")]
#[case(&["counts", "land", "shapes.geojson", "--frobnicate"], 2, "--frobnicate")]
#[case(&["statistics", "land", "shapes.geojson", "-p", "101"], 2, "p: ")]
#[case(&["extract", "land", "shapes.geojson"], 2, "values")]
#[case(&["extract", "land", "shapes.geojson", "--range", "3"], 2, "range")]
#[case(&["sample", "land", "shapes.geojson", "--n", "two"], 2, "n: ")]
#[case(&["counts", "land"], 2, "<FILE>")]
#[case(&["counts", "nope", "shapes.geojson"], 2, "nope")]
#[case(&["area", "land", "shapes.geojson"], 2, "area")]
#[case(&["counts", "land", "nope.geojson"], 1, "nope.geojson")]
#[case(&["counts", "land", "cogwheel.toml"], 1, "cogwheel.toml: this is not JSON")]
fn a_wrong_use_ends_with_2_and_what_can_not_be_read_with_1(
    #[case] args: &[&str], #[case] code: i32, #[case] message: &str,
) {
    let folder = folder(&collection(&[feature(1, &shapes()[0])]));
    let output = run(&folder, args);
    let stderr = self::message(&output);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(stderr.contains(message) && !stderr.contains("panicked"), "\"{message}\" is not in: {stderr}");
}

#[test]
fn help_names_what_there_is() {
    let folder = Folder::new();
    let help = |args: &[&str]| String::from_utf8(run(&folder, args).stdout).unwrap();
    for word in ["counts", "statistics", "extract", "sample"] {
        assert!(help(&["--help"]).contains(word), "{word}");
    }
    for word in ["<TARGET>", "<FILE>", "--output", "--cell-rule", "--overview", "--plan", "--bidx", "--histogram-bins"]
    {
        assert!(help(&["statistics", "--help"]).contains(word), "{word}");
    }
}
