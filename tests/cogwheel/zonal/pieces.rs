//! Chunks that run elsewhere: requests and partial results travel as JSON, in smaller pieces and in any order.

use std::sync::Arc;

use async_trait::async_trait;
use cogwheel::catalog::{Catalog, OpenLayer};
use cogwheel::zonal::grid::Grid;
use cogwheel::zonal::options::Options;
use cogwheel::zonal::plan::Tiling;
use cogwheel::zonal::reduce::{Partial, Reduction};
use cogwheel::zonal::request::{ChunkRequest, VERSION};
use cogwheel::zonal::runner::{ChunkRunner, LocalRunner};
use cogwheel::zonal::{Zonal, ZonalError, shapes};
use rstest::rstest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::made::{Folder, Tiff};
use crate::support::{LIMITS, Setup, pool, runtime};

/// Cuts chunks into what is read at once, and sends everything through JSON.
struct Elsewhere {
    local: LocalRunner,
    catalog: Arc<Catalog>,
    seed: u64,
    version: u32,
}

fn sent<T: Serialize + DeserializeOwned>(value: &T) -> T {
    serde_json::from_slice(&serde_json::to_vec(value).unwrap()).unwrap()
}

#[async_trait]
impl ChunkRunner for Elsewhere {
    async fn run(&self, request: ChunkRequest) -> Result<Partial, ZonalError> {
        let request = ChunkRequest { version: self.version, ..request };
        if matches!(request.reduction, Reduction::Regions { .. }) {
            // traces need to know their neighbours: they are not merged
            return Ok(sent(&self.local.run(sent(&request)).await?));
        }
        let layer = self.catalog.get(&request.inputs[0].layer).unwrap().open().await.unwrap();
        let grid = Grid::new(&layer, request.inputs[0].level);
        let mut windows: Vec<_> = Tiling::of(&grid, &request.inputs[0].bands).reads(request.window).collect();
        fastrand::Rng::with_seed(self.seed).shuffle(&mut windows);
        let mut merged: Option<Partial> = None;
        for window in windows {
            let piece = ChunkRequest { window, shape: request.shape.clip(window), ..request.clone() };
            let partial = sent(&self.local.run(sent(&piece)).await?);
            merged = Some(match merged {
                Some(merged) => sent(&partial).merged(&merged)?,
                None => partial,
            });
        }
        Ok(merged.unwrap())
    }

    fn at_once(&self) -> usize {
        3
    }
}

/// Two layers of some chunks each: classes, and floats with gaps.
fn catalog(folder: &Folder) -> Arc<Catalog> {
    let [a, b] = ["a.tif", "b.tif"].map(|name| folder.path(name));
    let raster = Tiff::new(&a, [2400, 2200], "EPSG:32613", [500_000.0, 4_500_000.0], 30.0);
    raster.write(|col, row| ((col / 40 + row / 30) % 7 + (col * row) % 2) as u8);
    let raster = Tiff::new(&b, [1300, 1200], "EPSG:32613", [500_400.0, 4_499_000.0], 53.0);
    let height =
        |col: usize, row: usize| if (col / 50).is_multiple_of(5) { -1.0 } else { (col * 13 + row * 7) as f32 / 16.0 };
    Tiff { nodata: Some(-1.0), ..raster }.write(height);
    Arc::new(Setup::default().catalog(&format!("[layers.a]\nsource = '{a}'\n[layers.b]\nsource = '{b}'\n")))
}

async fn open(catalog: &Catalog, name: &str) -> Arc<OpenLayer> {
    catalog.get(name).unwrap().open().await.unwrap()
}

fn to_json(answer: &impl Serialize) -> Value {
    super::result(serde_json::to_value(answer).unwrap())
}

async fn ask(zonal: &Zonal, catalog: &Catalog, what: &str, body: &Value) -> Result<Value, ZonalError> {
    let text = body.to_string();
    let (geometry, options) = (shapes::parse(text.as_bytes())?, Options::new(Vec::new(), text.as_bytes()));
    let [a, b] = [open(catalog, "a").await, open(catalog, "b").await];
    Ok(match what {
        "counts" => to_json(&zonal.counts(&a, geometry, &options).await?),
        "statistics" => to_json(&zonal.statistics(&b, geometry, &options).await?),
        "crosstab" => to_json(&zonal.crosstab([&a, &a], geometry, &options).await?),
        _ => to_json(&zonal.extract(&a, Some(3.0), geometry, &options).await?),
    })
}

fn body(rule: &str) -> Value {
    let shape = super::polygon(&[[-104.95, 40.6], [-104.3, 40.2], [-104.2, 40.55], [-104.6, 40.65]]);
    let forest = super::polygon(&[[-104.8, 40.5], [-104.5, 40.4], [-104.55, 40.6]]);
    json!({ "geometry": shape, "cell_rule": rule, "p": [1, 50, 99], "histogram_bins": 20,
            "modifications": [{ "geometry": forest, "value": 3 }] })
}

#[rstest]
fn pieces_that_travel_come_to_the_same(
    #[values("counts", "statistics", "crosstab", "extract")] what: &str,
    #[values("center", "all_touched", "coverage")] rule: &str,
) {
    let rule = if what == "extract" && rule == "coverage" { "center" } else { rule };
    let folder = Folder::new();
    let catalog = catalog(&folder);
    runtime().block_on(async {
        let here = Zonal::new(&pool(), Arc::new(LocalRunner::new(&pool(), &catalog)), LIMITS);
        let expected = ask(&here, &catalog, what, &body(rule)).await.unwrap();
        for seed in [1, 2, 3] {
            let local = LocalRunner::new(&pool(), &catalog);
            let runner = Elsewhere { local, catalog: Arc::clone(&catalog), seed, version: VERSION };
            let there = Zonal::new(&pool(), Arc::new(runner), LIMITS);
            let mut found = ask(&there, &catalog, what, &body(rule)).await.unwrap();
            let mut expected = expected.clone();
            for answer in [&mut found, &mut expected] {
                if let Some(features) = answer.get_mut("features") {
                    features.as_array_mut().unwrap().sort_by_key(ToString::to_string);
                }
            }
            assert!(found == expected, "{what} with {rule}: {found}\ninstead of {expected}");
        }
    });
}

#[test]
fn a_request_of_another_version_is_not_run() {
    let folder = Folder::new();
    let catalog = catalog(&folder);
    runtime().block_on(async {
        let local = LocalRunner::new(&pool(), &catalog);
        let runner = Elsewhere { local, catalog: Arc::clone(&catalog), seed: 1, version: VERSION + 1 };
        let there = Zonal::new(&pool(), Arc::new(runner), LIMITS);
        let error = ask(&there, &catalog, "counts", &body("center")).await.unwrap_err();
        assert!(matches!(error, ZonalError::Version { .. }), "{error}");
    });
}

/// A process that was started earlier may have other words for a layer, and older data of it.
#[test]
fn a_process_looks_again_when_it_is_asked_for_another_version() {
    let folder = Folder::new();
    let [earlier, stale] = [catalog(&folder), catalog(&folder)];
    runtime().block_on(async {
        for catalog in [&earlier, &stale] {
            open(catalog, "a").await;
        }
        let (a, fresh) = (folder.path("a.tif"), folder.path("fresh.tif"));
        let raster = Tiff::new(&fresh, [2400, 2200], "EPSG:32613", [500_000.0, 4_500_000.0], 30.0);
        raster.write(|col, row| ((col / 50 + row / 20) % 5) as u8);
        std::fs::rename(&fresh, &a).unwrap();
        let config = format!(
            "[layers.a]\nsource = '{a}'\nattribution = 'new'\n[layers.b]\nsource = '{}'\n",
            folder.path("b.tif")
        );
        let now = Arc::new(Setup::default().catalog(&config));
        let by = |catalog: &Arc<Catalog>| Zonal::new(&pool(), Arc::new(LocalRunner::new(&pool(), catalog)), LIMITS);
        let expected = ask(&by(&now), &now, "counts", &body("center")).await.unwrap();
        assert_eq!(ask(&by(&earlier), &now, "counts", &body("center")).await.unwrap(), expected);
        let error = ask(&by(&now), &stale, "counts", &body("center")).await.unwrap_err();
        assert!(matches!(error, ZonalError::Changed { .. }), "{error}");
    });
}

/// A runner that fails on one chunk.
struct Failing(LocalRunner);

#[async_trait]
impl ChunkRunner for Failing {
    async fn run(&self, request: ChunkRequest) -> Result<Partial, ZonalError> {
        if request.window.col > 0 {
            return Err(ZonalError::Chunk { reason: "the machine went away".to_owned() });
        }
        self.0.run(request).await
    }

    fn at_once(&self) -> usize {
        2
    }
}

#[rstest]
fn one_chunk_that_fails_fails_all(#[values("counts", "statistics", "crosstab", "extract")] what: &str) {
    let folder = Folder::new();
    let catalog = catalog(&folder);
    runtime().block_on(async {
        let zonal = Zonal::new(&pool(), Arc::new(Failing(LocalRunner::new(&pool(), &catalog))), LIMITS);
        let world = super::rectangle([-180.0, -90.0, 180.0, 90.0]);
        let answer = ask(&zonal, &catalog, what, &world).await;
        if what == "statistics" {
            answer.unwrap(); // the other layer has one chunk
        } else {
            assert!(answer.unwrap_err().to_string().contains("went away"));
        }
    });
}
