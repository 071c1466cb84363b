//! The colour of single values, and that the prepared look-up agrees with it.

use proptest::prelude::*;
use rstest::rstest;

use super::super::lookup::Lookup;
use super::*;

const CLEAR: Rgba = TRANSPARENT;

#[rstest]
#[case::the_first(0.0, [68, 1, 84, 255])]
#[case::the_last(255.0, [253, 231, 36, 255])]
#[case::rounded_down(127.4, [32, 143, 140, 255])]
#[case::rounded_up(127.5, [32, 144, 140, 255])]
#[case::below_is_clamped_not_wrapped(-1.0, [68, 1, 84, 255])]
#[case::above_is_clamped_not_wrapped(256.0, [253, 231, 36, 255])]
#[case::infinity_is_clamped(f64::INFINITY, [253, 231, 36, 255])]
#[case::nan_has_none(f64::NAN, CLEAR)]
fn a_lut_takes_the_nearest_color(#[case] value: f64, #[case] expected: Rgba) {
    assert_eq!(viridis().color(value), expected);
}

#[rstest]
#[case::a_class(1.0, RED)]
#[case::a_negative_class(-5.0, GREEN)]
#[case::a_class_that_is_missing(2.0, CLEAR)]
#[case::between_classes(1.5, CLEAR)]
#[case::beyond_integers(1e300, CLEAR)]
#[case::nan(f64::NAN, CLEAR)]
fn classes_have_exact_values(#[case] value: f64, #[case] expected: Rgba) {
    assert_eq!(discrete(&[(1, RED), (-5, GREEN), (300, BLUE)]).color(value), expected);
}

#[rstest]
#[case::below(-0.1, CLEAR)]
#[case::at_a_minimum(0.0, RED)]
#[case::inside(0.9, RED)]
#[case::at_a_maximum_that_another_starts_at(1.0, GREEN)]
#[case::where_two_overlap_the_first_wins(1.75, GREEN)]
#[case::where_the_first_has_ended(2.5, BLUE)]
#[case::in_a_gap(3.5, CLEAR)]
#[case::in_an_open_end(1e300, RED)]
#[case::nan(f64::NAN, CLEAR)]
fn intervals_hold_their_minimum_not_their_maximum(#[case] value: f64, #[case] expected: Rgba) {
    let map = intervals(&[(0.0, 1.0, RED), (1.0, 2.0, GREEN), (1.5, 3.0, BLUE), (4.0, f64::INFINITY, RED)]);
    assert_eq!(map.color(value), expected);
}

#[rstest]
#[case::below(-10.0, [0, 0, 0, 0])]
#[case::at_a_stop(0.0, [0, 0, 0, 0])]
#[case::a_quarter(2.5, [25, 50, 64, 0])]
#[case::half_a_step_rounds_up(5.0, [50, 100, 128, 0])]
#[case::at_the_middle_stop(10.0, [100, 200, 255, 0])]
#[case::falling_again(15.0, [50, 200, 255, 128])]
#[case::at_the_last_stop(20.0, [0, 200, 255, 255])]
#[case::above(1e300, [0, 200, 255, 255])]
#[case::infinity(f64::INFINITY, [0, 200, 255, 255])]
#[case::minus_infinity(f64::NEG_INFINITY, [0, 0, 0, 0])]
#[case::nan(f64::NAN, CLEAR)]
fn a_ramp_is_linear_between_its_stops(#[case] value: f64, #[case] expected: Rgba) {
    let map = ramp(&[(0.0, [0, 0, 0, 0]), (10.0, [100, 200, 255, 0]), (20.0, [0, 200, 255, 255])]);
    assert_eq!(map.color(value), expected);
}

#[test]
fn a_ramp_across_all_finite_numbers_does_not_overflow() {
    let map = ramp(&[(f64::MIN, [0, 0, 0, 255]), (f64::MAX, [255, 255, 255, 255])]);
    assert_eq!(map.color(0.0), [128, 128, 128, 255]);
    assert_eq!(map.color(f64::INFINITY), [255, 255, 255, 255]);
}

#[test]
fn only_classes_are_categorical() {
    assert!(discrete(&[(1, RED)]).is_categorical());
    assert!(!viridis().is_categorical());
    assert!(!intervals(&[(0.0, 1.0, RED)]).is_categorical());
    assert!(!ramp(&[(0.0, RED), (1.0, BLUE)]).is_categorical());
}

proptest! {
    #[test]
    fn a_prepared_map_gives_the_same_colors(
        map in any_colormap(),
        quarters in vec(-1600i32..1600, 100),
        numbers in vec(any::<f64>(), 20),
    ) {
        let lookup = Lookup::new(&map);
        for value in quarters.into_iter().map(|quarters| f64::from(quarters) / 4.0).chain(numbers) {
            prop_assert_eq!(lookup.color(value), map.color(value), "at {}", value);
        }
    }
}
