//! The stages of a tile, one by one and together, on the demo layers: `cargo bench`.
#![expect(clippy::expect_used, reason = "a benchmark stops at the first surprise")]

use std::hint::black_box;
use std::sync::Arc;

use cogwheel::catalog::{Catalog, OpenLayer};
use cogwheel::color::{self, Colormap};
use cogwheel::config::LayersFile;
use cogwheel::cpu::CpuPool;
use cogwheel::encode::{self, Picture, TileFormat};
use cogwheel::geo::{OutputGrid, TileId};
use cogwheel::raster::readers::{Readers, gdal};
use cogwheel::raster::{Decimation, Mask, Pixels, ReadRequest, Sample, Samples, Window};
use cogwheel::render::{self, RenderOptions, TileQuery};
use cogwheel::storage::StorageSettings;
use cogwheel::warp::{self, BlockPlan, KernelChoice, Part, Resampling, Target, blocks};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;

/// A demo layer and a tile in the middle of its data, at its native zoom.
const TILES: [(&str, u64, u64, u64); 5] = [
    ("landsat", 12, 656, 1583),   // EPSG:3857, RGB
    ("bahamas", 9, 144, 221),     // EPSG:32618, RGB, with a mask
    ("relief", 5, 17, 11),        // EPSG:4326, RGB, a VRT
    ("colorado", 13, 1658, 3131), // EPSG:4269, float32
    ("landcover", 4, 8, 5),       // EPSG:4326, classes, a VRT
];

struct Bench {
    runtime: Runtime,
    pool: CpuPool,
    catalog: Catalog,
}

impl Bench {
    fn new() -> Self {
        Self::with_blocks(256 << 20)
    }

    /// With memory for so many bytes of decoded blocks.
    fn with_blocks(bytes: u64) -> Self {
        gdal::configure(256);
        let pool = CpuPool::new(1, gdal::prepare_thread).expect("a thread");
        let place = concat!(env!("CARGO_MANIFEST_DIR"), "/cogwheel.toml");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let storage = StorageSettings::default();
        let file = runtime.block_on(LayersFile::read(place, &storage)).expect("demo layers");
        let readers = Readers::new(&pool, bytes);
        Self { catalog: Catalog::new(file, &readers, storage, None), pool, runtime }
    }

    fn layer(&self, name: &str) -> Arc<OpenLayer> {
        let layer = self.catalog.get(name).expect("a demo layer");
        self.runtime.block_on(layer.open()).expect("opens")
    }

    fn tile(&self, layer: &Arc<OpenLayer>, tile: TileId, query: &TileQuery, format: TileFormat) -> render::Tile {
        let options = RenderOptions::resolve(query, 1, format, layer).expect("good options");
        self.runtime.block_on(render::tile(&self.pool, layer, tile, options)).expect("renders")
    }
}

fn whole_tiles(c: &mut Criterion) {
    let bench = Bench::new();
    let mut group = c.benchmark_group("whole tile, decoded blocks at hand");
    for (name, z, x, y) in TILES {
        let (layer, tile) = (bench.layer(name), TileId::new(z, x, y).expect("a tile"));
        assert!(!bench.tile(&layer, tile, &TileQuery::default(), TileFormat::Png).is_empty, "{name} has data there");
        group.bench_function(name, |b| b.iter(|| bench.tile(&layer, tile, &TileQuery::default(), TileFormat::Png)));
    }
    group.finish();
}

fn reads(c: &mut Criterion) {
    let request = ReadRequest {
        level: 0,
        decimation: 1,
        window: Window { col: 700, row: 700, width: 260, height: 260 },
        bands: vec![1, 2, 3],
        nodata: None,
        decimate_by: Decimation::Nearest,
    };
    let (warm, cold) = (Bench::new(), Bench::with_blocks(0));
    for (name, bench, layer) in [
        ("decoded blocks at hand", &warm, "landsat"),
        ("blocks decoded each time (deflate)", &cold, "landsat"),
        ("of a mosaic, decoded blocks at hand", &warm, "relief"),
    ] {
        let layer = bench.layer(layer);
        c.bench_function(&format!("read 260 x 260 RGB, {name}"), |b| {
            b.iter(|| bench.runtime.block_on(layer.raster.read(black_box(request.clone()))).expect("reads"));
        });
    }
}

/// A block of a layer with pixels of the right shape, for the warp alone.
fn block<T: Sample>(
    layer: &OpenLayer, (z, x, y): (u64, u64, u64), kernel: Resampling, bands: usize,
) -> (BlockPlan, Part, Pixels) {
    let grid = OutputGrid::of_tile(TileId::new(z, x, y).expect("a tile"), 256);
    let (grid, rect, _) = blocks(&grid).next().expect("one block");
    let plan = BlockPlan::new(layer.profile(), &grid, rect, KernelChoice::Fixed(kernel), bands).expect("plans");
    let part = plan.parts[0];
    let (width, height) = (part.window.width, part.window.height);
    let value = |i: usize| T::from_f64(f64::from(u8::try_from(i * 31 % 251).expect("small")));
    let samples = T::wrap((0..width * height * bands).map(value).collect());
    (plan, part, Pixels { width, height, bands, samples, mask: Mask::AllValid })
}

fn warps(c: &mut Criterion) {
    let bench = Bench::new();
    let mut group = c.benchmark_group("warp 256 px");
    for (name, z, x, y) in [TILES[0], TILES[1], TILES[2]] {
        let layer = bench.layer(name);
        for kernel in Resampling::ALL {
            let (plan, part, pixels) = block::<u8>(&layer, (z, x, y), kernel, 3);
            group.bench_function(format!("{} RGB {kernel}", layer.profile().crs.label()), |b| {
                b.iter(|| {
                    let mut target = Target::new(256, 256, pixels.dtype(), vec![0.0; 3]);
                    warp::resample(&plan, &part, black_box(&pixels), &mut target, [part.rect.x, part.rect.y]);
                    target
                });
            });
        }
    }
    let layer = bench.layer("colorado");
    let (_, z, x, y) = TILES[3];
    let (plan, part, pixels) = block::<f32>(&layer, (z, x, y), Resampling::Bilinear, 1);
    group.bench_function("EPSG:4269 float32 bilinear", |b| {
        b.iter(|| {
            let mut target = Target::new(256, 256, pixels.dtype(), vec![0.0]);
            warp::resample(&plan, &part, black_box(&pixels), &mut target, [part.rect.x, part.rect.y]);
            target
        });
    });
    group.finish();
}

fn plans(c: &mut Criterion) {
    let bench = Bench::new();
    let mut group = c.benchmark_group("plan a block");
    for (name, z, x, y) in TILES {
        let layer = bench.layer(name);
        let grid = OutputGrid::of_tile(TileId::new(z, x, y).expect("a tile"), 256);
        let (grid, rect, _) = blocks(&grid).next().expect("one block");
        group.bench_function(layer.profile().crs.label().to_owned() + " " + name, |b| {
            b.iter(|| BlockPlan::new(layer.profile(), &grid, rect, KernelChoice::Fixed(Resampling::Bilinear), 3));
        });
    }
    group.finish();
}

/// The values of a real tile.
fn values(bench: &Bench, name: &str, (z, x, y): (u64, u64, u64)) -> Vec<u8> {
    let query = TileQuery { return_mask: Some("false".to_owned()), ..TileQuery::default() };
    let tile = bench.tile(&bench.layer(name), TileId::new(z, x, y).expect("a tile"), &query, TileFormat::Npy);
    tile.body[128..].to_vec()
}

fn colors(c: &mut Criterion) {
    let bench = Bench::new();
    let classes = values(&bench, "landcover", (4, 8, 5));
    let heights: Vec<f32> = values(&bench, "colorado", (13, 1658, 3131))
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    let terrain = Colormap::named("terrain").expect("a colormap");
    let ramp =
        Colormap::from_json(&serde_json::json!([[2000, "#000"], [3000, "#0f0"], [4000, "#fff"]])).expect("a ramp");
    let table = bench.layer("landcover").color_table(1).expect("a colour table");
    c.bench_function("colour uint8 by a colour table", |b| {
        b.iter(|| color::paint_u8(&table, black_box(&classes), None));
    });
    c.bench_function("colour uint8 by a named map", |b| {
        b.iter(|| color::paint_u8(&terrain, black_box(&classes), None));
    });
    c.bench_function("colour float32 by a ramp", |b| b.iter(|| color::paint(&ramp, black_box(&heights), None)));
}

fn encodes(c: &mut Criterion) {
    let bench = Bench::new();
    let planes = values(&bench, "landsat", (12, 656, 1583));
    let rgb: Vec<u8> = (0..65_536).flat_map(|i| [planes[i], planes[65_536 + i], planes[131_072 + i]]).collect();
    let rgba: Vec<u8> = rgb.as_chunks::<3>().0.iter().flat_map(|[r, g, b]| [*r, *g, *b, 255]).collect();
    let classes = values(&bench, "landcover", (4, 8, 5));
    let table = bench.layer("landcover").color_table(1).expect("a colour table");
    let color::Painted::Palette { indices, palette } = color::paint_u8(&table, &classes, None) else { return };
    let pictures =
        [("RGB", Picture::Rgb(rgb)), ("RGBA", Picture::Rgba(rgba)), ("palette", Picture::Palette { indices, palette })];
    for (name, picture) in pictures {
        let bytes = encode::png(&picture, 256, 256).expect("encodes").len();
        c.bench_function(&format!("encode PNG {name} ({bytes} bytes)"), |b| {
            b.iter(|| encode::png(black_box(&picture), 256, 256).expect("encodes"));
        });
    }
    let array =
        Pixels { width: 256, height: 256, bands: 1, samples: Samples::F32(vec![1.5; 65_536]), mask: Mask::AllValid };
    c.bench_function("encode npy float32", |b| b.iter(|| encode::npy(black_box(&array), true)));
}

criterion_group!(benches, whole_tiles, reads, plans, warps, colors, encodes);
criterion_main!(benches);
