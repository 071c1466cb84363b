//! What a body may be, and what is said of one that may not.

use rstest::rstest;
use serde_json::json;

use super::*;

const SQUARE: &str = r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,4],[0,0]]]}"#;

fn square() -> Geometry {
    Geometry::Areas(vec![polygon(&rectangle(0.0, 0.0, 4.0, 4.0))])
}

#[rstest]
#[case::a_geometry(SQUARE.to_owned())]
#[case::a_feature(format!(r#"{{"type":"Feature","properties":{{"geometry":1}},"geometry":{SQUARE}}}"#))]
#[case::an_object_with_options(format!(r#"{{"bands":[1],"geometry":{SQUARE},"stats":"mean"}}"#))]
#[case::a_multipolygon(r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[4,0],[4,4],[0,4],[0,0]]],[]]}"#.to_owned())]
#[case::a_collection(format!(r#"{{"type":"GeometryCollection","geometries":[{SQUARE}]}}"#))]
#[case::heights_and_more_numbers(SQUARE.replace("4,4", "4,4,100,7"))]
#[case::a_ring_that_is_not_closed(SQUARE.replace(",[0,0]]]", "]]"))]
#[case::the_type_after_the_coordinates(
    r#"{"coordinates":[[[0,0],[4,0],[4,4],[0,4],[0,0]]],"type":"Polygon"}"#.to_owned()
)]
fn the_same_polygon_comes_in_many_wrappings(#[case] body: String) {
    assert_eq!(parse(body.as_bytes()).expect("a polygon"), square());
}

#[rstest]
#[case::a_line(r#"{"type":"LineString","coordinates":[[0,1],[2,3]]}"#, Geometry::Line(vec![[0.0, 1.0], [2.0, 3.0]]))]
#[case::a_line_cut_at_the_antimeridian(
    r#"{"type":"MultiLineString","coordinates":[[[170,0],[180,1]],[[-180,1],[-170,2]]]}"#,
    Geometry::Line(vec![[170.0, 0.0], [180.0, 1.0], [-180.0, 1.0], [-170.0, 2.0]])
)]
#[case::a_point(r#"{"type":"Point","coordinates":[190.5,-90,3]}"#, Geometry::Points(vec![[190.5, -90.0]]))]
#[case::points(r#"{"type":"MultiPoint","coordinates":[[1,2],[3,4]]}"#, Geometry::Points(vec![[1.0, 2.0], [3.0, 4.0]]))]
fn lines_and_points_are_read(#[case] body: &str, #[case] expected: Geometry) {
    assert_eq!(parse(body.as_bytes()).expect("a geometry"), expected);
}

#[rstest]
#[case::no_json("{", "this is not JSON: EOF while parsing an object at line 1 column 1")]
#[case::nothing("", "this is not JSON: EOF while parsing a value at line 1 column 0")]
#[case::a_number_too_large(
    r#"{"type":"Point","coordinates":[1e999,0]}"#,
    "this is not JSON: number out of range at line 1 column 36"
)]
#[case::a_list("[1]", "this is not GeoJSON: invalid type: integer `1`, expected a string at line 1 column 2")]
#[case::a_number("5", "this is not GeoJSON: invalid type: integer `5`, expected a GeoJSON object at line 1 column 1")]
#[case::no_members(
    "{}",
    "there is no geometry: send a GeoJSON geometry, a Feature, or an object with a member \"geometry\""
)]
#[case::a_feature_without(r#"{"type":"Feature"}"#, "there is no geometry: send")]
#[case::an_unknown_type(
    r#"{"type":"Circle","coordinates":[0,0]}"#,
    "this is not GeoJSON: unknown variant `Circle`, expected one of `Point`, `LineString`, `Polygon`"
)]
#[case::an_unknown_type_inside(
    r#"{"geometry":{"type":"circle","coordinates":[0,0]}}"#,
    "this is not GeoJSON: unknown variant `circle`"
)]
#[case::no_type(r#"{"geometry":{"coordinates":[0,0]}}"#, "this is not GeoJSON: missing field `type`")]
#[case::no_coordinates(
    r#"{"type":"Polygon"}"#,
    "this is not GeoJSON: Encountered geometry type: `Polygon` with no `coordinates` key"
)]
#[case::too_shallow(
    r#"{"type":"Polygon","coordinates":[[0,0],[1,1]]}"#,
    "this is not GeoJSON: Encountered geometry type: `Polygon` with unexpected coordinates dimensions: 1"
)]
#[case::texts(
    r#"{"type":"Point","coordinates":["1","2"]}"#,
    "this is not GeoJSON: invalid type: string \"1\", expected a coordinate element"
)]
#[case::null(
    r#"{"type":"LineString","coordinates":[[0,0],[1,null]]}"#,
    "this is not GeoJSON: invalid type: null, expected f64"
)]
#[case::a_short_position(
    r#"{"type":"LineString","coordinates":[[0,0],[1]]}"#,
    "coordinates[1] has 1 numbers: a position is [longitude, latitude]"
)]
fn what_is_malformed_is_said_with_its_place(#[case] body: &str, #[case] message: &str) {
    let error = parse(body.as_bytes()).expect_err("malformed");
    assert_eq!(error.fault(), Fault::Malformed, "{error}");
    assert!(error.to_string().starts_with(message), "{error}");
}

#[rstest]
#[case::a_null_geometry(r#"{"type":"Feature","geometry":null}"#, "the geometry is empty")]
#[case::no_rings(r#"{"type":"Polygon","coordinates":[]}"#, "the geometry is empty")]
#[case::no_parts(r#"{"type":"MultiPolygon","coordinates":[]}"#, "the geometry is empty")]
#[case::no_positions(r#"{"type":"LineString","coordinates":[]}"#, "the geometry is empty")]
#[case::an_empty_ring(
    r#"{"type":"Polygon","coordinates":[[]]}"#,
    "coordinates[0] is a ring of 0 positions: it takes 4, the last equal to the first"
)]
#[case::a_short_ring(
    r#"{"type":"MultiPolygon","coordinates":[[[[0,0],[1,1],[0,0]]]]}"#,
    "coordinates[0][0] is a ring of 3 positions"
)]
#[case::a_short_line(
    r#"{"type":"LineString","coordinates":[[0,0]]}"#,
    "coordinates is a line of 1 positions: it takes 2"
)]
#[case::lat_before_lon(
    r#"{"type":"Point","coordinates":[52,-120]}"#,
    "coordinates is [52, -120]: latitudes are -90 to 90, longitudes -180 to 180"
)]
#[case::metres(
    r#"{"type":"MultiPoint","coordinates":[[0,0],[691000,40]]}"#,
    "coordinates[1] is [691000, 40]: latitudes"
)]
#[case::a_place_in_a_collection(
    r#"{"type":"GeometryCollection","geometries":[{"type":"Polygon","coordinates":[[[0,0],[0,91],[1,0]]]}]}"#,
    "geometries[0].coordinates[0][1] is [0, 91]"
)]
#[case::a_mixed_collection(
    r#"{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[0,0]}]}"#,
    "the geometry is a GeometryCollection of other things than polygons, and this takes a collection of polygons"
)]
#[case::many_features(
    r#"{"type":"FeatureCollection","features":[]}"#,
    "the geometry is a FeatureCollection, and this takes one geometry or Feature at a time"
)]
#[case::parts_that_do_not_join(
    r#"{"type":"MultiLineString","coordinates":[[[0,0],[1,0]],[[2,0],[3,0]]]}"#,
    "coordinates[1] does not start where the part before it ends"
)]
fn what_is_no_shape_is_said_with_its_place(#[case] body: &str, #[case] message: &str) {
    let error = parse(body.as_bytes()).expect_err("invalid");
    assert_eq!(error.fault(), Fault::Invalid, "{error}");
    assert!(error.to_string().starts_with(message), "{error}");
}

#[test]
fn a_shape_with_too_many_vertices_is_refused_with_the_limit() {
    let ring: Vec<_> = (0..=MAX_VERTICES + 1).map(|i| [i % 100, i % 77]).collect();
    let error = parse(json!({"type": "Polygon", "coordinates": [ring]}).to_string().as_bytes()).expect_err("large");
    assert_eq!(error.fault(), Fault::TooLarge);
    assert!(error.to_string().ends_with("vertices: one request may have 1000000"), "{error}");
}

#[test]
fn an_analysis_takes_its_own_type_only() {
    let line = square().not("a LineString");
    assert_eq!(line.to_string(), "the geometry is a polygon, and this takes a LineString");
    let area = Geometry::Points(vec![[0.0, 0.0]]).into_areas().expect_err("no area");
    assert_eq!(area.to_string(), "the geometry is a set of points, and this takes a Polygon or a MultiPolygon");
}

#[test]
fn features_of_a_file_keep_id_and_properties() {
    let file = format!(
        r#"{{"type":"FeatureCollection","features":[
            {{"type":"Feature","id":7,"properties":{{"name":"a"}},"geometry":{SQUARE}}},
            {{"type":"Feature","properties":null,"geometry":{SQUARE}}}]}}"#
    );
    let features = read_features(file.as_bytes()).expect("two features");
    assert_eq!(features.iter().map(|feature| feature.id.clone()).collect::<Vec<_>>(), [Some(json!(7)), None]);
    assert_eq!(features[0].properties["name"], "a");
    assert!(features[1].properties.is_empty());
    assert!(features.iter().all(|feature| feature.geometry.as_ref().is_ok_and(|geometry| *geometry == square())));
    assert_eq!(read_features(SQUARE.as_bytes()).expect("one geometry").len(), 1);
    let feature = format!(r#"{{"type":"Feature","id":"x","properties":null,"geometry":{SQUARE}}}"#);
    assert_eq!(read_features(feature.as_bytes()).expect("one feature")[0].id, Some(json!("x")));
}

#[test]
fn a_feature_that_is_wrong_does_not_stand_in_the_way_of_others() {
    let file = format!(
        r#"{{"type":"FeatureCollection","features":[
            {{"type":"Feature","properties":null,"geometry":null}},
            {{"type":"Feature","properties":null,"geometry":{SQUARE}}}]}}"#
    );
    let [wrong, right] = &read_features(file.as_bytes()).expect("features")[..] else { panic!("two features") };
    assert!(matches!(wrong.geometry, Err(ShapeError::Empty)));
    assert!(right.geometry.is_ok());
}
