//! The stages of an analysis, one by one and together: `cargo bench --bench zonal`.
#![expect(clippy::expect_used, reason = "a benchmark stops at the first surprise")]

use std::hint::black_box;
use std::sync::Arc;

use cogwheel::catalog::{Catalog, OpenLayer};
use cogwheel::config::LayersFile;
use cogwheel::cpu::CpuPool;
use cogwheel::raster::DataType;
use cogwheel::raster::readers::{Readers, gdal};
use cogwheel::storage::StorageSettings;
use cogwheel::zonal::cover::Shape;
use cogwheel::zonal::extract::{Connectivity, Limits as RegionLimits, Regions, Selection, trace};
use cogwheel::zonal::options::Options;
use cogwheel::zonal::runner::LocalRunner;
use cogwheel::zonal::shapes::{Geometry, parse};
use cogwheel::zonal::stats::{BandPartial, Counts, Wanted};
use cogwheel::zonal::{CellRule, Limits, WHOLE, Window, Zonal};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;

/// Cells along a side of what the stages work on.
const SIDE: u32 = 2_048;

/// Numbers that are the same in every run.
fn noise(count: usize) -> Vec<u32> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    (0..count).map(next).collect()
}

fn whole() -> Window {
    Window { col: 0, row: 0, width: SIDE, height: SIDE }
}

/// A ring with many bays.
fn coast(vertices: u32) -> Shape {
    let place = |index: u32| {
        let angle = f64::from(index) / f64::from(vertices) * std::f64::consts::TAU;
        let radius = 900.0 * (1.0 + 0.06 * (7.0 * angle).sin() + 0.03 * (23.0 * angle).sin());
        [1_024.0 + radius * angle.cos(), 1_024.0 + radius * angle.sin()]
    };
    Shape::new(&[vec![(0..vertices).map(place).collect()]])
}

fn cover(c: &mut Criterion) {
    let shape = coast(5_000);
    let mut group = c.benchmark_group("runs of 2.5 million cells under 5,000 edges");
    for rule in [CellRule::Center, CellRule::AllTouched, CellRule::Coverage] {
        group.bench_function(format!("{rule:?}"), |b| {
            b.iter(|| {
                let mut cells = 0;
                shape.clip(whole()).runs(rule, |run| cells += run.end - run.start);
                black_box(cells)
            });
        });
    }
}

fn stats(c: &mut Criterion) {
    let count = (SIDE * SIDE) as usize;
    let random = noise(count);
    // Classes in patches of 30 cells, and heights.
    let classes: Vec<u8> = (0..count).map(|index| (random[index / 30] % 16) as u8).collect();
    #[expect(clippy::cast_precision_loss, reason = "24 bits")]
    let heights: Vec<f32> = random.iter().map(|value| (value % 300_000) as f32 / 100.0).collect();
    let mut group = c.benchmark_group("4 million cells");
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function("counts of uint8 classes", |b| {
        b.iter(|| {
            let mut counts = Counts::new(DataType::U8, 256);
            counts.push(&classes, None, WHOLE).expect("pushes");
            black_box(counts)
        });
    });
    let wanted = Wanted { moments: true, distribution: true, ..Wanted::default() };
    group.bench_function("moments and distribution of float32", |b| {
        b.iter(|| {
            let mut band = BandPartial::new(DataType::F32, &wanted);
            band.push(&heights, None, WHOLE).expect("pushes");
            black_box(band)
        });
    });
}

/// Regions of noisy patches, over four chunks.
fn regions(c: &mut Criterion) {
    let half = SIDE / 2;
    let random = noise((SIDE * SIDE) as usize);
    let class = |col: u32, row: u32| {
        let patch = random[(row / 12 * SIDE + col / 12) as usize] % 3;
        (u16::from(patch == 0) * 2) | u16::from(random[(row * SIDE + col) as usize].is_multiple_of(400))
    };
    let chunks: Vec<(Window, Vec<u16>)> = [(0, 0), (half, 0), (0, half), (half, half)]
        .map(|(col, row)| {
            let window = Window { col: col.into(), row: row.into(), width: half, height: half };
            (window, (0..half * half).map(|index| class(col + index % half, row + index / half)).collect())
        })
        .into();
    let selection = Selection { connectivity: Connectivity::Four, min_cells: 1 };
    let limits = RegionLimits { regions: 1 << 20, corners: 1 << 24 };
    let extract = || {
        let mut regions = Regions::new(selection, limits);
        for (window, classes) in &chunks {
            regions.add(trace(*window, classes, selection)).expect("fits");
        }
        regions.finish().expect("joins")
    };
    let found = extract().len();
    c.bench_function(&format!("{found} regions of 4 million cells"), |b| b.iter(|| black_box(extract())));
}

struct Demo {
    runtime: Runtime,
    zonal: Zonal,
    layer: Arc<OpenLayer>,
}

impl Demo {
    fn new(layer: &str) -> Self {
        gdal::configure(64);
        let pool = CpuPool::new(1, gdal::prepare_thread).expect("a thread");
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/cogwheel.toml");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let storage = StorageSettings::default();
        let file = runtime.block_on(LayersFile::read(place, &storage)).expect("demo layers");
        let readers = Readers::new(&pool, 64 << 20);
        let catalog = Arc::new(Catalog::new(file, &readers, storage, None));
        let layer = runtime.block_on(catalog.get(layer).expect("a demo layer").open()).expect("opens");
        let limits = Limits {
            cells: 1 << 30,
            vertices: 1 << 20,
            rings: 1 << 20,
            features: 1 << 20,
            answer_bytes: 1 << 30,
            chunk_cells: 4 << 20,
        };
        let zonal = Zonal::new(&pool, Arc::new(LocalRunner::new(&pool, &catalog)), limits);
        Self { runtime, zonal, layer }
    }
}

/// The whole way, from a geometry to an answer.
fn together(c: &mut Criterion) {
    let demo = Demo::new("landcover");
    let africa =
        br#"{"type":"Polygon","coordinates":[[[-17,15],[-5,36],[11,37],[32,31],[43,11],[51,12],[40,-5],[40,-16],
        [32,-29],[19,-34],[12,-17],[9,4],[-8,4],[-17,15]]]}"#;
    let africa: Geometry = parse(africa).expect("a polygon");
    let options = Options::default();
    c.bench_function("counts of 1.2 million cells of the demo, decoded blocks at hand", |b| {
        b.iter(|| {
            let answer = demo.zonal.counts(&demo.layer, africa.clone(), &options);
            black_box(demo.runtime.block_on(answer).expect("counts"))
        });
    });
}

criterion_group!(benches, cover, stats, regions, together);
criterion_main!(benches);
