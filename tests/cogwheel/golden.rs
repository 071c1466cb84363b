//! Tiles of the demo layers, byte for byte: an optimisation that changes one has to explain it (docs/PERFORMANCE.md).

use rstest::rstest;

use crate::support::Maps;

/// FNV-1a, 64 bit (Fowler, Noll, Vo): the same on every machine and in every version.
fn fnv(bytes: &[u8]) -> String {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

fn demo() -> Maps {
    let root = env!("CARGO_MANIFEST_DIR");
    let layers = [
        ("landsat", "landsat.tif", "bilinear"),
        ("bahamas", "bahamas.tif", "bilinear"),
        ("relief", "relief/relief.vrt", "cubic"),
        ("colorado", "colorado.tif", "bilinear"),
        ("landcover", "landcover/landcover.vrt", "mode"),
    ];
    let layer = |(name, file, kernel)| {
        format!("[layers.{name}]\nsource = '{root}/data/demo/{file}'\nresampling = '{kernel}'\n")
    };
    Maps::from_toml(&layers.map(layer).concat())
}

#[rstest]
#[case::separable_native("landsat/12/656/1583", "")]
#[case::separable_overview("landsat/10/164/395", "")]
#[case::separable_nearest("landsat/11/328/791", "resampling=nearest")]
#[case::positions_of_their_own("bahamas/9/144/221", "")]
#[case::positions_of_their_own_zoomed_out("bahamas/7/36/55", "")]
#[case::positions_of_their_own_lanczos("bahamas/8/72/110", "resampling=lanczos")]
#[case::a_mosaic("relief/5/17/11", "")]
#[case::a_mosaic_zoomed_out("relief/2/2/1", "resampling=average")]
#[case::float_through_a_colormap("colorado/13/1658/3131", "rescale=2000,4000&colormap_name=terrain")]
#[case::classes("landcover/4/8/5", "")]
#[case::classes_zoomed_out("landcover/2/2/1", "")]
fn a_tile_has_the_bytes_that_it_had(#[case] tile: &str, #[case] query: &str) {
    let body = demo().get(&format!("/tiles/{tile}.png?{query}")).ok();
    let known = include_str!("golden.txt").lines().filter_map(|line| line.split_once(' '));
    let expected: Vec<&str> =
        known.filter(|(_, name)| *name == format!("{tile}?{query}")).map(|(hash, _)| hash).collect();
    assert_eq!([fnv(&body).as_str()], expected.as_slice(), "{tile}?{query}");
}
