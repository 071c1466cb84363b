//! Weighted overlays: tiles, counts and statistics are the weighted sums of reclassified values.

use rstest::rstest;
use serde_json::{Value, json};

use super::{ask, expected, number, rectangle};
use crate::server::{Folder, cogwheel, layer};
use crate::support::{Array, Maps, Picture};

/// As in `make.py`: layer by layer its weight, its rules, and what becomes of the rest.
const CONFIG: &str = "
[layers.land]
source = 'zonal/classes_5070.tif'
[layers.zones]
source = 'zonal/masked_3857.tif'
[overlays.mix]
title = 'Suitability'
[overlays.mix.layers.land]
weight = 0.5
scores = '21:24=10,41:43=1,42=3'
[overlays.mix.layers.zones]
weight = 0.25
scores = '0=5,3=7,4=-1,*=2'
";

/// A tile in which both layers have data and gaps.
const TILE: &str = "14/3404/6209";

/// What the rules above make of values.
fn scores(land: f64, zone: f64) -> (f64, f64) {
    let land = match land as i64 {
        42 => 3.0,
        21..=24 => 10.0,
        41..=43 => 1.0,
        _ => 0.0,
    };
    let zone = match zone as i64 {
        0 => 5.0,
        3 => 7.0,
        4 => -1.0,
        _ => 2.0,
    };
    (land, zone)
}

fn npy(maps: &Maps, path: &str) -> Array {
    Array::parse(&maps.get(path).ok())
}

fn everywhere() -> Value {
    rectangle([-105.3, 39.8, -105.1, 40.0])
}

#[test]
fn counts_and_statistics_are_those_of_numpy() {
    let (maps, theirs) = (Maps::from_toml(CONFIG), &expected()["overlay"]);
    let counts = ask(&maps, "/overlays/mix/counts", &theirs["geometry"]);
    let by_number = |counts: &Value| -> Vec<(f64, u64)> {
        let pair = |(key, cells): (&String, &Value)| (key.parse().unwrap(), cells.as_u64().unwrap());
        let mut pairs: Vec<(f64, u64)> = counts.as_object().unwrap().iter().map(pair).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        pairs
    };
    assert_eq!(by_number(&counts["counts"]), by_number(&theirs["counts"]));
    assert_eq!(counts["nodata"], theirs["nodata"]);
    let statistics = ask(&maps, "/overlays/mix/statistics", &theirs["geometry"]);
    for name in ["mean", "std", "min", "max", "median"] {
        let [ours, theirs] =
            [&statistics["statistics"]["score"][name], &theirs[name]].map(|value| number(value).unwrap());
        assert!((ours - theirs).abs() < 1e-12, "{name}: {ours} instead of {theirs}");
    }
}

#[rstest]
#[case::as_configured("", [0.5, 0.25])]
#[case::other_weights("w.land=-2&w.zones=0.125", [-2.0, 0.125])]
#[case::one_of_them("w.zones=0", [0.5, 0.0])]
fn a_tile_is_the_weighted_sum_of_the_scores_of_the_nearest_values(#[case] query: &str, #[case] weights: [f64; 2]) {
    let maps = Maps::from_toml(CONFIG);
    let [land, zones] =
        ["land", "zones"].map(|name| npy(&maps, &format!("/tiles/{name}/{TILE}.npy?resampling=nearest")));
    let ours = npy(&maps, &format!("/overlays/mix/tiles/{TILE}.npy?{query}"));
    assert_eq!((ours.descr.as_str(), ours.bands), ("<f4", 2));
    let [land, zones] = [land, zones].map(|array| (array.band(0), array.mask()));
    let mask = ours.mask();
    let mut compared = 0;
    for (index, value) in ours.band(0).into_iter().enumerate() {
        let is_valid = land.1[index] > 0 && zones.1[index] > 0;
        assert_eq!(mask[index] > 0, is_valid, "pixel {index}");
        if is_valid {
            let (a, b) = scores(land.0[index], zones.0[index]);
            assert_eq!(value, weights[0] * a + weights[1] * b, "pixel {index}");
            compared += 1;
        }
    }
    assert!(compared > 1000 && compared < 256 * 256, "{compared} pixels with data in both");
}

#[test]
fn scores_of_the_query_replace_those_of_the_configuration() {
    let maps = Maps::from_toml(CONFIG);
    // the body may say it as well, and the query wins
    let body = json!({ "geometry": everywhere(), "land": "11=100", "zones": "*=0", "w.land": 1 });
    let by_body = ask(&maps, "/overlays/mix/counts", &body);
    let land = ask(&maps, "/layers/land/crosstab/zones", &everywhere());
    let water: u64 = land["counts"]["11"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(zone, _)| *zone != "nodata")
        .map(|(_, cells)| cells.as_u64().unwrap())
        .sum();
    assert_eq!(by_body["counts"]["100"], water);
    assert_eq!(by_body["counts"].as_object().unwrap().len(), 2, "{}", by_body["counts"]);
    let by_query = ask(&maps, "/overlays/mix/counts?land=11=7&w.land=1", &body);
    assert_eq!(by_query["counts"]["7"], water);
    // no rule feeds the next, and the last one that fits wins
    let chained = ask(&maps, "/overlays/mix/counts?land=11=21,21=5&zones=*=0&w.land=1", &everywhere());
    assert_eq!(chained["counts"]["21"], water);
    // a value without a score has no data
    let only = ask(&maps, "/overlays/mix/counts?land=11=1,*=nodata&zones=*=0&w.land=1", &everywhere());
    assert_eq!((only["total"].as_u64(), &only["counts"]), (Some(water), &json!({ "1": water })));
}

#[test]
fn modifications_are_for_the_layer_that_they_name() {
    let maps = Maps::from_toml(CONFIG);
    let whole = everywhere();
    let score = |modifications: Value| {
        let body = json!({ "geometry": whole, "modifications": modifications });
        ask(&maps, "/overlays/mix/counts", &body)
    };
    // everything water in the first, everything 3 in the second: one score, 0.5 * 0 + 0.25 * 7, and no gaps
    let both = score(json!([
        { "geometry": whole, "value": 11 },
        { "layer": "zones", "geometry": whole, "value": 3 },
    ]));
    // but where the second has no cells
    let (total, nodata) = (both["total"].as_u64().unwrap(), both["nodata"].as_u64().unwrap());
    assert_eq!((&both["counts"], total + nodata), (&json!({ "1.75": total }), 120 * 100));
    assert!(nodata < 2000, "{nodata}");
    let answer = maps.post(
        "/overlays/mix/counts",
        json!({ "geometry": whole, "modifications": [{ "layer": "nope", "geometry": whole, "value": 3 }] }),
    );
    assert_eq!(answer.status, 400);
    assert!(answer.detail().contains("land, zones"), "{}", answer.detail());
}

#[test]
fn a_picture_has_the_colours_that_are_asked_for() {
    let maps = Maps::from_toml(CONFIG);
    let picture = |query: &str| Picture::parse(&maps.get(&format!("/overlays/mix/tiles/{TILE}.png?{query}")).ok());
    let values = npy(&maps, &format!("/overlays/mix/tiles/{TILE}.npy"));
    let map = crate::support::encoded("[[[-9, 2], \"#ff0000\"], [[2, 99], \"#0000ff\"]]");
    let colours = picture(&format!("colormap={map}"));
    for (index, (value, mask)) in values.band(0).into_iter().zip(values.mask()).enumerate() {
        let expected = match (mask, value < 2.0) {
            (0, _) => [0; 4],
            (_, true) => [255, 0, 0, 255],
            (_, false) => [0, 0, 255, 255],
        };
        assert_eq!(colours.rgba[index], expected, "pixel {index}: {value}");
    }
    assert_ne!(picture("").rgba, picture("rescale=0,2").rgba);
    assert_ne!(picture("").rgba, picture("colormap_name=magma").rgba);
    let answer = maps.get(&format!("/overlays/mix/tiles/{TILE}@2x.png"));
    assert_eq!(Picture::parse(&answer.ok()).width, 512);
}

#[test]
fn a_tile_is_kept_by_those_who_have_it() {
    let maps = Maps::from_toml(CONFIG);
    let etag = |query: &str| maps.get(&format!("/overlays/mix/tiles/{TILE}.png?{query}")).header("etag").to_owned();
    assert!(!etag("").is_empty());
    assert_eq!(etag(""), etag("w.land=0.5"));
    assert_ne!(etag(""), etag("w.land=0.6"));
    assert_ne!(etag(""), etag("land=11=4"));
}

#[test]
fn overlays_are_listed_and_described() {
    let maps = Maps::from_toml(CONFIG);
    let list: Value = serde_json::from_slice(&maps.get("/overlays").ok()).unwrap();
    let one: Value = serde_json::from_slice(&maps.get("/overlays/mix").ok()).unwrap();
    assert_eq!(list, json!({ "overlays": [one] }));
    assert_eq!((&one["id"], &one["title"]), (&json!("mix"), &json!("Suitability")));
    assert_eq!(
        one["layers"][0],
        json!({ "id": "land", "weight": 0.5, "scores": "21:24=10,41:43=1,42=3,*=0", "bidx": 1 })
    );
    for (path, status) in
        [("/overlays/nope", 404), ("/overlays/nope/tiles/0/0/0", 404), ("/overlays/mix/tiles/0/1/0", 400)]
    {
        assert_eq!(maps.get(path).status, status, "{path}");
    }
    assert_eq!(maps.post("/overlays/nope/counts", everywhere()).status, 404);
}

#[rstest]
#[case("w.land=heavy", "w.land: \"heavy\" is no number")]
#[case("w.land=inf", "w.land: \"inf\" is no number")]
#[case("land=11", "land: \"11\"")]
#[case("land=9:1=3", "ends before it begins")]
#[case("zones=a=1", "zones: \"a\"")]
#[case("w.land=1e300", "more than a cell can hold")]
#[case("zones=1=1e40", "more than a cell can hold")]
fn a_wrong_weight_or_score_is_quoted(#[case] query: &str, #[case] message: &str) {
    let maps = Maps::from_toml(CONFIG);
    for answer in [
        maps.get(&format!("/overlays/mix/tiles/{TILE}.npy?{query}")),
        maps.post(&format!("/overlays/mix/counts?{query}"), everywhere()),
        maps.post(&format!("/overlays/mix/statistics?{query}"), everywhere()),
    ] {
        assert_eq!(answer.status, 400);
        assert!(answer.detail().contains(message), "{}", answer.detail());
    }
}

#[rstest]
#[case("[overlays.mix]", "overlays.mix.layers")]
#[case("[overlays.mix.layers.nope]\nscores = '1=1'", "overlays.mix.layers.nope")]
#[case("[overlays.mix.layers.land]", "overlays.mix.layers.land.scores")]
#[case("[overlays.mix.layers.land]\nscores = '1'", "overlays.mix.layers.land.scores")]
#[case("[overlays.mix.layers.land]\nscores = '1=1'\nweight = inf", "overlays.mix.layers.land.weight")]
#[case("[overlays.mix.layers.land]\nscores = '1=1'\nweight = 'much'", "overlays.mix.layers.land.weight")]
#[case("[overlays.mix.layers.land]\nscores = '1=1'\nbidx = 0", "overlays.mix.layers.land.bidx")]
#[case("[overlays.mix.layers.land]\nscores = '1=1'\nwieght = 2", "overlays.mix.layers.land.wieght")]
#[case(
    "[overlays.mix]\nrescale = [[0, 1], [0, 1]]\n[overlays.mix.layers.land]\nscores = '1=1'",
    "overlays.mix.rescale"
)]
#[case(
    "[overlays.mix]\ncolormap_name = 'nope'\n[overlays.mix.layers.land]\nscores = '1=1'",
    "overlays.mix.colormap_name"
)]
#[case("[overlays]\nmix = 3", "overlays.mix")]
#[case("[overlays.'a/b'.layers.land]\nscores = '1=1'", "overlays.a/b")]
fn a_mistake_in_the_configuration_is_reported_with_its_key(#[case] overlay: &str, #[case] key: &str) {
    let folder = Folder::new();
    folder.write("cogwheel.toml", [&layer("land", "palette.tif", ""), overlay].concat());
    let output = cogwheel().current_dir(folder.path()).arg("layers").output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains(key), "\"{key}\" is not in: {message}");
}
