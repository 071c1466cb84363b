//! Colormaps from JSON and back, and what is said about bad ones.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

#[rstest]
#[case::hex_of_6_digits(json!("#FF8000"), [255, 128, 0, 255])]
#[case::hex_of_8_digits(json!("#ff800040"), [255, 128, 0, 64])]
#[case::hex_of_3_digits(json!("#f80"), [255, 136, 0, 255])]
#[case::hex_of_4_digits(json!("#F804"), [255, 136, 0, 68])]
#[case::a_list_of_3(json!([255, 128, 0]), [255, 128, 0, 255])]
#[case::a_list_of_4(json!([255, 128, 0, 0]), [255, 128, 0, 0])]
fn a_color_is_hex_or_a_list(#[case] color: Value, #[case] expected: Rgba) {
    assert_eq!(Colormap::from_json(&json!({ "7": color })), Ok(discrete(&[(7, expected)])));
}

#[rstest]
#[case::an_object_is_of_classes(json!({"-1": "#f00", "300": [0, 0, 255]}), discrete(&[(-1, RED), (300, BLUE)]))]
#[case::a_list_with_ranges_is_of_intervals(
    json!([[[0, 1.5], "#f00"], [[1, 3], "#00f"]]),
    intervals(&[(0.0, 1.5, RED), (1.0, 3.0, BLUE)])
)]
#[case::null_is_an_open_end(
    json!([[[null, 0], "#f00"], [[1, null], "#00f"]]),
    intervals(&[(f64::NEG_INFINITY, 0.0, RED), (1.0, f64::INFINITY, BLUE)])
)]
#[case::a_list_with_values_is_a_ramp(json!([[0, "#f00"], [10.5, "#00f"]]), ramp(&[(0.0, RED), (10.5, BLUE)]))]
fn each_form_makes_its_kind_of_map(#[case] json: Value, #[case] expected: Colormap) {
    assert_eq!(Colormap::from_json(&json), Ok(expected));
}

#[test]
fn an_object_with_a_color_for_each_byte_is_a_lut() {
    let mut object = viridis().to_json();
    assert_eq!(Colormap::from_json(&object), Ok(viridis()));
    object["256"] = json!("#f00");
    assert!(matches!(Colormap::from_json(&object), Ok(Colormap::Discrete(classes)) if classes.len() == 257));
}

#[rstest]
#[case::a_string(json!("viridis"), "`\"viridis\"` is not a colormap: write {\"value\": colour, ...}, [[[min, max], colour], ...] or [[value, colour], ...]")]
#[case::nothing(json!({}), "the colormap is empty")]
#[case::no_steps(json!([]), "the colormap is empty")]
#[case::a_key_that_is_no_number(json!({"red": "#f00"}), "key `red` is not a whole number")]
#[case::a_key_with_a_fraction(json!({"1.5": "#f00"}), "key `1.5` is not a whole number")]
#[case::a_value_twice(json!({"01": "#f00", "1": "#f00"}), "key `1`: the value 1 has a colour already")]
#[case::a_color_by_name(json!({"3": "red"}), "key `3`: `red` is not a colour: write # and 3, 4, 6 or 8 hex digits")]
#[case::hex_of_5_digits(json!({"3": "#12345"}), "key `3`: `#12345` is not a colour: write # and 3, 4, 6 or 8 hex digits")]
#[case::hex_without_its_sign(json!({"3": "ff0000"}), "key `3`: `ff0000` is not a colour: write # and 3, 4, 6 or 8 hex digits")]
#[case::digits_that_are_not_hex(json!({"3": "#ff00gg"}), "key `3`: `#ff00gg` is not a colour: write # and 3, 4, 6 or 8 hex digits")]
#[case::a_list_of_2(json!({"3": [1, 2]}), "key `3`: a colour has 3 or 4 numbers, not 2")]
#[case::a_component_of_256(json!({"3": [1, 2, 256]}), "key `3`: `256` in a colour is not a whole number from 0 to 255")]
#[case::a_negative_component(json!({"3": [-1, 2, 3]}), "key `3`: `-1` in a colour is not a whole number from 0 to 255")]
#[case::a_component_with_a_fraction(json!({"3": [0.5, 2, 3]}), "key `3`: `0.5` in a colour is not a whole number from 0 to 255")]
#[case::a_color_that_is_a_number(json!({"3": 5}), "key `3`: `5` is not a colour: write \"#rrggbb\", \"#rrggbbaa\", [r, g, b] or [r, g, b, a]")]
#[case::a_color_in_a_list(json!([[0, "#f00"], [1, "blue"]]), "index 1: `blue` is not a colour: write # and 3, 4, 6 or 8 hex digits")]
#[case::a_list_of_neither_form(json!([["a", "#f00"]]), "index 0: `[\"a\",\"#f00\"]` is not [value, colour] or [[min, max], colour]")]
#[case::a_list_of_colors(json!(["#f00"]), "index 0: `\"#f00\"` is not [value, colour] or [[min, max], colour]")]
#[case::an_interval_among_stops(json!([[0, "#f00"], [[0, 1], "#f00"]]), "index 1: `[[0,1],\"#f00\"]` is not [value, colour]")]
#[case::a_stop_among_intervals(json!([[[0, 1], "#f00"], [0, "#f00"]]), "index 1: `[0,\"#f00\"]` is not [[min, max], colour] with numbers or null")]
#[case::a_range_of_3(json!([[[0, 1, 2], "#f00"]]), "index 0: `[[0,1,2],\"#f00\"]` is not [[min, max], colour] with numbers or null")]
#[case::a_range_that_is_empty(json!([[[1, 1], "#f00"]]), "index 0: the minimum 1 is not below the maximum 1")]
#[case::one_stop(json!([[1, "#f00"]]), "a ramp needs at least 2 stops")]
#[case::a_stop_twice(json!([[1, "#f00"], [2, "#f00"], [2, "#00f"]]), "index 2: the value 2 is not above 2, the one before it")]
#[case::descending_stops(json!([[1, "#f00"], [0.5, "#f00"]]), "index 1: the value 0.5 is not above 1, the one before it")]
fn a_bad_map_is_refused_with_the_place_and_the_reason(#[case] json: Value, #[case] message: &str) {
    assert_eq!(Colormap::from_json(&json).map_err(|error| error.to_string()), Err(message.to_owned()));
}

#[test]
fn what_a_user_wrote_is_shortened_in_a_message() {
    let message = Colormap::from_json(&json!({ "é".repeat(1_000): "#f00" })).map_err(|error| error.to_string());
    assert_eq!(message, Err(format!("key `{}…` is not a whole number", "é".repeat(40))));
}

#[rstest]
#[case::of_classes((0..=65_536).map(|value| (value.to_string(), json!("#f00"))).collect(), "the colormap has 65537 entries, the limit is 65536")]
#[case::of_intervals((0..=1_024).map(|value| json!([[value, value + 1], "#f00"])).collect(), "the colormap has 1025 entries, the limit is 1024")]
#[case::of_stops((0..=1_024).map(|value| json!([value, "#f00"])).collect(), "the colormap has 1025 entries, the limit is 1024")]
fn a_map_has_a_largest_size(#[case] mut json: Value, #[case] message: &str) {
    assert_eq!(Colormap::from_json(&json).map_err(|error| error.to_string()), Err(message.to_owned()));
    match &mut json {
        Value::Object(entries) => entries.remove("7"),
        Value::Array(entries) => entries.pop(),
        _ => None,
    };
    assert!(Colormap::from_json(&json).is_ok(), "one entry fewer is accepted");
}

proptest! {
    #[test]
    fn a_map_written_as_json_reads_as_the_same_map(map in any_colormap()) {
        prop_assert_eq!(Colormap::from_json(&map.to_json()), Ok(map));
    }
}
