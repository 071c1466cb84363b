//! The named colormaps, against rio-tiler's files.

use rstest::rstest;

use super::*;

fn colors(name: &str) -> [Rgba; 256] {
    match Colormap::named(name) {
        Some(Colormap::Lut(colors)) => *colors,
        other => unreachable!("{name}: {other:?}"),
    }
}

// python -c "import numpy; print(numpy.load('rio_tiler/cmap_data/NAME.npy')[[0, 128, 255]])"   (rio-tiler 9.4.12)
#[rstest]
#[case::of_matplotlib("viridis", [68, 1, 84], [32, 144, 140], [253, 231, 36])]
#[case::of_matplotlib_reversed("viridis_r", [253, 231, 36], [32, 143, 140], [68, 1, 84])]
#[case::of_classes("tab10", [31, 119, 180], [140, 86, 75], [23, 190, 207])]
#[case::of_classes_reversed_with_other_steps("tab10_r", [23, 190, 207], [148, 103, 189], [31, 119, 180])]
#[case::reversed_with_other_rounding("twilight_r", [225, 216, 225], [48, 19, 55], [225, 216, 226])]
#[case::of_cmocean("thermal", [3, 35, 51], [176, 95, 129], [231, 250, 90])]
#[case::of_rio_tiler("schwarzwald", [174, 239, 213], [192, 74, 2], [233, 231, 233])]
fn a_named_map_has_the_colors_of_rio_tiler(
    #[case] name: &str, #[case] first: [u8; 3], #[case] middle: [u8; 3], #[case] last: [u8; 3],
) {
    let colors = colors(name);
    for (value, [r, g, b]) in [(0, first), (128, middle), (255, last)] {
        assert_eq!(colors[value], [r, g, b, 255], "{name} at {value}");
    }
}

// python - <<END   (rio-tiler 9.4.12)
// import functools, glob, numpy
// tables = b"".join(numpy.load(f).tobytes() for _, f in sorted((f[:-4], f) for f in glob.glob("rio_tiler/cmap_data/*.npy")))
// print(functools.reduce(lambda sum, byte: (sum * 31 + byte) % 2**32, tables, 0))
// END
#[test]
fn every_color_of_every_map_is_that_of_rio_tiler() {
    let bytes = names().flat_map(colors).flatten();
    assert_eq!(bytes.fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())), 161_624_013);
}

// ls rio_tiler/cmap_data/*.npy | wc -l   (rio-tiler 9.4.12)
#[test]
fn there_are_as_many_names_as_in_rio_tiler_in_order_and_each_loads() {
    let names: Vec<_> = names().collect();
    assert_eq!(names.len(), 211);
    assert!(names.is_sorted_by(|a, b| a < b));
    for name in names {
        assert!(colors(name).iter().all(|color| color[3] == 255), "{name}");
    }
}

#[rstest]
fn most_maps_with_r_are_the_exact_reverse(
    #[values("viridis", "magma", "turbo", "coolwarm", "hsv", "reds", "thermal", "balance", "cividis")] name: &str,
) {
    let mut reversed = colors(name);
    reversed.reverse();
    assert_eq!(colors(&format!("{name}_r")), reversed);
}

#[rstest]
#[case::unknown("no_such_map")]
#[case::empty("")]
#[case::in_another_case("Viridis")]
#[case::reversed_where_rio_tiler_has_none("cfastie_r")]
#[case::reversed_twice("viridis_r_r")]
fn other_names_are_no_maps(#[case] name: &str) {
    assert_eq!(Colormap::named(name), None);
}
