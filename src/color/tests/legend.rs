//! Legends, pixel by pixel.

use rstest::rstest;

use super::*;

#[test]
fn a_lut_as_wide_as_it_has_colors_shows_each_once_from_left_to_right() {
    let picture = legend(&viridis(), 256, 2, Orientation::Horizontal);
    let row: Vec<_> = (0..=255u8).map(|value| viridis().color(value.into())).collect();
    assert_eq!(picture, [row.clone(), row].concat());
}

#[test]
fn a_vertical_legend_has_low_values_at_the_bottom() {
    let picture = legend(&viridis(), 2, 256, Orientation::Vertical);
    let (first, last) = (viridis().color(0.0), viridis().color(255.0));
    assert_eq!(picture.len(), 512);
    assert_eq!(picture[..2], [last, last]);
    assert_eq!(picture[510..], [first, first]);
}

#[test]
fn a_ramp_is_drawn_from_its_first_stop_to_its_last() {
    let map = ramp(&[(-10.0, [0, 0, 0, 255]), (0.0, [100, 0, 0, 255]), (30.0, [100, 30, 0, 255])]);
    let expected = [[0, 0, 0, 255], [100, 0, 0, 255], [100, 10, 0, 255], [100, 20, 0, 255], [100, 30, 0, 255]];
    assert_eq!(legend(&map, 5, 1, Orientation::Horizontal), expected);
}

#[rstest]
#[case::classes(discrete(&[(10, RED), (11, GREEN), (900, BLUE)]))]
#[case::intervals(intervals(&[(5.0, 9.0, RED), (0.0, 1.0, GREEN), (1.0, 5.0, BLUE)]))]
fn swatches_are_equal_and_in_order(#[case] map: Colormap) {
    let expected = [RED, RED, GREEN, GREEN, BLUE, BLUE];
    assert_eq!(legend(&map, 6, 1, Orientation::Horizontal), expected);
    let upwards: Vec<_> = expected.into_iter().rev().collect();
    assert_eq!(legend(&map, 1, 6, Orientation::Vertical), upwards);
}

#[rstest]
#[case::no_width(viridis(), 0, 5, 0)]
#[case::no_height(viridis(), 5, 0, 0)]
#[case::one_pixel(viridis(), 1, 1, 1)]
#[case::fewer_pixels_than_classes(discrete(&[(1, RED), (2, GREEN), (3, BLUE)]), 2, 1, 2)]
#[case::no_classes(discrete(&[]), 3, 2, 6)]
#[case::no_stops(ramp(&[]), 3, 2, 6)]
fn any_size_of_any_map_can_be_drawn(
    #[case] map: Colormap, #[case] width: u32, #[case] height: u32, #[case] pixels: usize,
) {
    for orientation in Orientation::ALL {
        assert_eq!(legend(&map, width, height, orientation).len(), pixels, "{orientation}");
    }
}

#[test]
fn an_orientation_is_read_by_its_name() {
    for orientation in Orientation::ALL {
        assert_eq!(orientation.to_string().parse(), Ok(orientation));
    }
    let error = "sideways".parse::<Orientation>().map_err(|error| error.to_string());
    assert_eq!(error, Err("`sideways` is not an orientation: write horizontal or vertical".to_owned()));
}
