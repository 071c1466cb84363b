//! Painting against the colours of single values.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// The picture as one colour a pixel, whatever its form; checks what the form promises.
fn pixels(painted: Painted) -> Vec<Rgba> {
    match painted {
        Painted::Rgba(bytes) => bytes.as_chunks().0.to_vec(),
        Painted::Palette { indices, palette } => {
            assert!(palette.len() <= 256);
            assert!(palette.is_sorted_by_key(|color| color[3] == 255), "opaque colours come last");
            for (index, color) in (0..=255).zip(&palette) {
                assert!(indices.contains(&index), "{color:?} occurs");
                assert_eq!(palette.iter().filter(|other| *other == color).count(), 1, "{color:?} is there once");
            }
            indices.iter().map(|index| palette[usize::from(*index)]).collect()
        }
    }
}

/// The slow definition of a painted pixel.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a byte is a byte")]
fn pixel(map: &Colormap, value: f64, valid: u8) -> Rgba {
    let [r, g, b, alpha] = map.color(value);
    let scaled = (f64::from(alpha) * f64::from(valid) / 255.0).round() as u8;
    if valid == 0 { TRANSPARENT } else { [r, g, b, scaled] }
}

fn distinct(pixels: &[Rgba]) -> usize {
    pixels.iter().collect::<std::collections::BTreeSet<_>>().len()
}

fn any_validity() -> impl Strategy<Value = u8> {
    prop_oneof![4 => Just(255), 3 => Just(0), 1 => any::<u8>()]
}

/// Values with their validities, or without a mask; more of them than a palette has colours.
fn masked<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = (Vec<T>, Option<Vec<u8>>)> {
    let hard = prop_oneof![Just(0), Just(255)];
    vec((value, any_validity(), hard), 0..1_000).prop_flat_map(|pixels| {
        let values: Vec<T> = pixels.iter().map(|pixel| pixel.0.clone()).collect();
        let soft: Vec<u8> = pixels.iter().map(|pixel| pixel.1).collect();
        let hard = pixels.iter().map(|pixel| pixel.2).collect();
        (Just(values), prop_oneof![Just(None), Just(Some(soft)), Just(Some(hard))])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_painted_byte_has_the_color_of_its_value((map, (values, mask)) in (any_colormap(), masked(any::<u8>()))) {
        let validity = mask.clone().unwrap_or_else(|| vec![255; values.len()]);
        let expected: Vec<_> = values.iter().zip(&validity).map(|(value, valid)| pixel(&map, f64::from(*value), *valid)).collect();
        let painted = paint_u8(&map, &values, mask.as_deref());
        prop_assert_eq!(matches!(painted, Painted::Palette { .. }), distinct(&expected) <= 256);
        prop_assert_eq!(&painted, &paint(&map, &values, mask.as_deref()));
        prop_assert_eq!(pixels(painted), expected);
    }

    #[test]
    fn a_painted_number_has_the_color_of_its_value((map, (values, mask)) in (any_colormap(), masked(prop_oneof![20 => -400f32..400.0, 1 => any::<f32>()]))) {
        let validity = mask.clone().unwrap_or_else(|| vec![255; values.len()]);
        let expected: Vec<_> = values.iter().zip(&validity).map(|(value, valid)| pixel(&map, f64::from(*value), *valid)).collect();
        let painted = paint(&map, &values, mask.as_deref());
        prop_assert_eq!(matches!(painted, Painted::Palette { .. }), distinct(&expected) <= 256);
        prop_assert_eq!(pixels(painted), expected);
    }

    #[test]
    fn a_masked_pixel_is_transparent_whatever_its_value(map in any_colormap(), values in vec(any::<f64>(), 1..100), bytes in vec(any::<u8>(), 1..100)) {
        let clear = |count| Painted::Palette { indices: vec![0; count], palette: vec![TRANSPARENT] };
        prop_assert_eq!(paint(&map, &values, Some(&vec![0; values.len()])), clear(values.len()));
        prop_assert_eq!(paint_u8(&map, &bytes, Some(&vec![0; bytes.len()])), clear(bytes.len()));
    }
}

const ALL: std::ops::RangeInclusive<u8> = 0..=255;

/// 256 different colours.
fn grays() -> Colormap {
    ramp(&[(0.0, [0, 0, 0, 255]), (255.0, [255, 255, 255, 255])])
}

#[rstest]
#[case::without_a_mask(ALL.collect(), None, Some(256))]
#[case::with_a_mask_that_masks_nothing(ALL.collect(), Some(vec![255; 256]), Some(256))]
#[case::with_no_index_free_for_no_data(ALL.chain([0]).collect(), Some([vec![255; 256], vec![0]].concat()), None)]
#[case::with_the_index_of_a_missing_color_free(ALL.collect(), Some([vec![0], vec![255; 255]].concat()), Some(256))]
#[case::with_a_soft_edge_of_one_more_color(ALL.chain([9]).collect(), Some([vec![255; 256], vec![127]].concat()), None)]
#[case::with_few_colors(vec![7, 7, 9], Some(vec![255, 127, 255]), Some(3))]
#[case::with_no_pixels(vec![], Some(vec![]), Some(0))]
fn a_picture_has_a_palette_while_its_colors_fit(
    #[case] values: Vec<u8>, #[case] mask: Option<Vec<u8>>, #[case] expected: Option<usize>,
) {
    let painted = paint_u8(&grays(), &values, mask.as_deref());
    let colors = match &painted {
        Painted::Palette { palette, .. } => Some(palette.len()),
        Painted::Rgba(_) => None,
    };
    assert_eq!(colors, expected);
    assert_eq!(pixels(painted).len(), values.len());
}

#[test]
fn a_palette_has_no_data_then_translucent_then_opaque_colors_each_by_value() {
    let half = [9, 9, 9, 128];
    let map = discrete(&[(1, BLUE), (2, half), (3, RED), (4, BLUE), (5, GREEN)]);
    let painted = paint_u8(&map, &[5, 4, 3, 2, 9, 1], None);
    let palette = vec![TRANSPARENT, half, BLUE, RED, GREEN];
    assert_eq!(painted, Painted::Palette { indices: vec![4, 2, 3, 1, 0, 2], palette });
}

#[test]
fn a_soft_edge_scales_the_alpha_of_the_map_and_rounds() {
    let map = discrete(&[(1, [10, 20, 30, 200]), (2, RED)]);
    let painted = paint(&map, &[1u16, 2, 2], Some(&[100, 1, 0]));
    // 200 * 100 / 255 = 78.4
    assert_eq!(pixels(painted), [[10, 20, 30, 78], [255, 0, 0, 1], TRANSPARENT]);
}
