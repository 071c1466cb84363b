//! Tests of the colour module, a file a subject; here, the random colormaps that they share.

mod json;
mod legend;
mod lookup;
mod named;
mod paint;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use super::*;

const RED: Rgba = [255, 0, 0, 255];
const GREEN: Rgba = [0, 255, 0, 255];
const BLUE: Rgba = [0, 0, 255, 255];

fn discrete(classes: &[(i64, Rgba)]) -> Colormap {
    Colormap::Discrete(classes.iter().copied().collect())
}

fn intervals(steps: &[(f64, f64, Rgba)]) -> Colormap {
    Colormap::Intervals(steps.iter().map(|&(min, max, color)| Interval { min, max, color }).collect())
}

fn ramp(stops: &[(f64, Rgba)]) -> Colormap {
    Colormap::Ramp(stops.iter().map(|&(value, color)| Stop { value, color }).collect())
}

fn viridis() -> Colormap {
    Colormap::named("viridis").expect("viridis is a colormap")
}

prop_compose! {
    fn any_color()(rgb in any::<[u8; 3]>(), alpha in prop_oneof![Just(255), Just(0), any::<u8>()]) -> Rgba {
        [rgb[0], rgb[1], rgb[2], alpha]
    }
}

prop_compose! {
    fn any_interval()(min in -300i16..300, width in 1i16..200, open in 0..8, color in any_color()) -> Interval {
        let (min, max) = (f64::from(min) / 2.0, f64::from(min + width) / 2.0);
        Interval {
            min: if open == 0 { f64::NEG_INFINITY } else { min },
            max: if open == 1 { f64::INFINITY } else { max },
            color,
        }
    }
}

/// Maps of every kind that `from_json` can make, with their colours around -300..300.
fn any_colormap() -> impl Strategy<Value = Colormap> {
    let class = prop_oneof![10 => -10i64..300, 1 => any::<i64>()];
    let stops = btree_set(-600i16..600, 2..30).prop_flat_map(|values| {
        let count = values.len();
        (Just(values), vec(any_color(), count))
    });
    prop_oneof![
        vec(any_color(), 256).prop_map(|colors| Colormap::Lut(Box::new(colors.try_into().expect("256 colours")))),
        btree_map(class, any_color(), 1..100).prop_map(Colormap::Discrete),
        vec(any_interval(), 1..40).prop_map(Colormap::Intervals),
        stops.prop_map(|(values, colors)| {
            let stops = values.into_iter().zip(colors);
            Colormap::Ramp(stops.map(|(value, color)| Stop { value: f64::from(value) / 2.0, color }).collect())
        }),
    ]
}
