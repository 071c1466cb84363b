//! Any split into chunks, any order of merging and any way between machines gives the same answer, to the bit.

use proptest::prelude::*;

use super::super::*;
use crate::raster::DataType;
use crate::zonal::{CellRule, WHOLE};

/// A run of cells of one weight, and the chunk that sees it.
#[derive(Debug, Clone)]
struct Piece {
    cells: Vec<(u64, bool)>,
    weight: u64,
    chunk: usize,
}

const CHUNKS: usize = 5;

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    // few values and any value: tables that hold everything, and tables that give up
    let bits =
        prop_oneof![3 => 0..12_u64, 1 => any::<u64>(), 1 => (0..40_u64).prop_map(|n| (n as f64 * 0.1).to_bits())];
    let cells = prop::collection::vec((bits, prop::bool::weighted(0.9)), 0..60);
    let weight = prop_oneof![Just(WHOLE), 0..=WHOLE];
    let piece = (cells, weight, 0..CHUNKS).prop_map(|(cells, weight, chunk)| Piece { cells, weight, chunk });
    prop::collection::vec(piece, 0..20)
}

fn send<P: serde::Serialize + serde::de::DeserializeOwned>(partial: &P) -> P {
    let text = serde_json::to_string(partial).unwrap();
    let there: P = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&there).unwrap(), text, "what arrives is what was sent");
    // also through a reader that buffers, as that of a tagged enum does
    let value = serde_json::to_value(&there).unwrap();
    serde_json::from_value(value).unwrap()
}

fn check<T: Cell>(pieces: &[Piece], order: &[usize], cast: fn(u64) -> T) {
    let wanted = Wanted {
        moments: true,
        distribution: true,
        distinct: Some(20),
        histogram: Edges::new(vec![-1.0, 0.0, 3.0, 9.0, 1e10]).ok(),
    };
    let new = || BandPartial::new(T::DTYPE, &wanted);
    let (mut whole, mut chunks) = (new(), vec![new(); CHUNKS]);
    for piece in pieces {
        let cells: Vec<T> = piece.cells.iter().map(|(bits, _)| cast(*bits)).collect();
        let validity: Vec<u8> = piece.cells.iter().map(|(_, valid)| u8::from(*valid)).collect();
        whole.push(&cells, Some(&validity), piece.weight).unwrap();
        chunks[piece.chunk].push(&cells, Some(&validity), piece.weight).unwrap();
    }
    let mut merged = order.iter().map(|chunk| send(&chunks[*chunk])).fold(new(), |mut all, chunk| {
        all.merge(&chunk).unwrap();
        all
    });
    same(&whole, &merged);
    // a tree instead of a list
    let (left, right) = order.split_at(CHUNKS / 2);
    let join = |side: &[usize]| {
        let mut all = new();
        for chunk in side {
            all.merge(&chunks[*chunk]).unwrap();
        }
        all
    };
    merged = join(right);
    merged.merge(&join(left)).unwrap();
    same(&whole, &merged);
}

fn same(a: &BandPartial, b: &BandPartial) {
    assert_eq!(serde_json::to_string(a).unwrap(), serde_json::to_string(b).unwrap());
    for rule in [CellRule::Center, CellRule::Coverage] {
        let options = StatisticsOptions { rule, ..StatisticsOptions::default() };
        assert_eq!(a.finish(&options), b.finish(&options));
    }
}

fn check_counts(pieces: &[Piece], order: &[usize]) {
    let (mut whole, mut chunks) = (Counts::new(DataType::I16, 0), vec![Counts::new(DataType::I16, 0); CHUNKS]);
    for piece in pieces {
        let cells: Vec<i16> = piece.cells.iter().map(|(bits, _)| *bits as i16).collect();
        let validity: Vec<u8> = piece.cells.iter().map(|(_, valid)| u8::from(*valid)).collect();
        whole.push(&cells, Some(&validity), piece.weight).unwrap();
        chunks[piece.chunk].push(&cells, Some(&validity), piece.weight).unwrap();
    }
    let mut merged = Counts::new(DataType::I16, 0);
    for chunk in order {
        merged.merge(&send(&chunks[*chunk])).unwrap();
    }
    assert_eq!((whole.values(), whole.nodata()), (merged.values(), merged.nodata()));
}

proptest! {
    #[test]
    fn chunks_do_not_matter(pieces in pieces(), order in Just((0..CHUNKS).collect::<Vec<_>>()).prop_shuffle()) {
        check::<u8>(&pieces, &order, |bits| bits as u8);
        check::<i8>(&pieces, &order, |bits| bits as i8);
        check::<u16>(&pieces, &order, |bits| bits as u16);
        check::<i16>(&pieces, &order, |bits| bits as i16);
        check::<u32>(&pieces, &order, |bits| bits as u32);
        check::<i32>(&pieces, &order, |bits| bits as i32);
        check::<u64>(&pieces, &order, |bits| bits);
        check::<i64>(&pieces, &order, |bits| bits as i64);
        check::<f32>(&pieces, &order, |bits| f64::from_bits(bits) as f32);
        check::<f64>(&pieces, &order, f64::from_bits);
        check_counts(&pieces, &order);
    }
}

/// Merged with itself 40 times over: 2^40 times the cells.
fn doubled<T: Cell>(cells: &[T], wanted: &Wanted) -> [BandStatistics; 2] {
    let mut band = BandPartial::new(T::DTYPE, wanted);
    band.push(cells, None, WHOLE).unwrap();
    band.push(&cells[..1], None, WHOLE - 1).unwrap();
    let options = StatisticsOptions::default();
    let once = band.finish(&options);
    for _ in 0..40 {
        band.merge(&send(&band.clone())).unwrap();
    }
    [once, band.finish(&options)]
}

#[test]
fn two_to_the_forty_times_the_cells_have_the_same_moments() {
    let wanted = StatisticsOptions::default().wanted(DataType::U8).unwrap();
    let few = Wanted { distinct: None, ..wanted.clone() };
    for [once, often] in [
        doubled(&[u8::MAX, 0, 7], &wanted),
        doubled(&[i16::MIN, i16::MAX, 7], &wanted),
        doubled(&[u64::MAX, u64::MAX, 0], &few),
        doubled(&[i64::MIN, i64::MAX, i64::MIN], &wanted),
        doubled(&[u32::MAX, u32::MAX, 1], &few),
        doubled(&[f32::MAX, f32::MIN, 1e-40], &few),
        doubled(&[1e150, -1e-300, 5e-324], &wanted),
    ] {
        let cells = 2.0_f64.powi(40);
        assert_eq!((once.mean, once.std, once.median), (often.mean, often.std, often.median));
        assert_eq!((once.count * cells, once.valid_pixels * cells), (often.count, often.valid_pixels));
        assert_eq!(once.sum.map(|sum| sum * cells), often.sum);
        assert!(once.std.is_some());
    }
}
