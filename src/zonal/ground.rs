//! How much ground each value covers, where cells are not all equally large.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::areas::Strip;
use super::stats::Cell;
use super::{Run, WHOLE};

/// Sums of shares of the reference cell times weights, by the key of the value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, [u64; 2])>", into = "Vec<(u64, [u64; 2])>")]
pub struct Ground(BTreeMap<u64, u128>);

impl Ground {
    /// Adds the valid cells of the runs of one window, whose cells are `width` a row.
    pub fn push<T: Cell>(
        &mut self, cells: &[T], validity: Option<&[u8]>, width: usize, runs: &[Run], strips: &[Strip],
    ) {
        let mut left = runs;
        for strip in strips {
            let here = left.partition_point(|run| (run.row as usize) < strip.rows.end);
            let (runs, rest) = left.split_at(here);
            left = rest;
            let mut bytes = vec![[0_u32; 256]; if T::bytes(&[]).is_some() { strip.parts.len() } else { 0 }];
            for run in runs {
                for (index, (cols, share)) in strip.parts.iter().enumerate() {
                    let (start, end) = (cols.start.max(run.start as usize), cols.end.min(run.end as usize));
                    if start >= end {
                        continue;
                    }
                    let range = run.row as usize * width + start..run.row as usize * width + end;
                    let valid = validity.map(|validity| &validity[range.clone()]);
                    match bytes.get_mut(index) {
                        Some(table) if run.weight == WHOLE => count(table, &cells[range], valid),
                        _ => self.add(&cells[range], valid, u128::from(*share) * u128::from(run.weight)),
                    }
                }
            }
            for (table, (_, share)) in bytes.iter().zip(&strip.parts) {
                self.fold::<T>(table, u128::from(*share) * u128::from(WHOLE));
            }
        }
    }

    fn add<T: Cell>(&mut self, cells: &[T], validity: Option<&[u8]>, area: u128) {
        let is_valid = |index: usize| validity.is_none_or(|validity| validity[index] > 0);
        let mut index = 0;
        // Neighbours are often equal: one look a stretch.
        for stretch in cells.chunk_by(|a, b| a == b) {
            let valid = (index..index + stretch.len()).filter(|index| is_valid(*index)).count();
            index += stretch.len();
            if valid > 0 && T::are_numbers(&stretch[..1]) {
                *self.0.entry(stretch[0].key()).or_default() += area * valid as u128;
            }
        }
    }

    fn fold<T: Cell>(&mut self, table: &[u32; 256], area: u128) {
        // The key of an i8 is its byte with the sign turned round.
        let turn = u64::from(T::DTYPE == crate::raster::DataType::I8) << 7;
        for (byte, cells) in (0_u64..).zip(table).filter(|(_, cells)| **cells > 0) {
            *self.0.entry(byte ^ turn).or_default() += area * u128::from(*cells);
        }
    }

    /// Adds everything that another one holds.
    pub fn merge(&mut self, other: &Self) {
        for (key, area) in &other.0 {
            *self.0.entry(*key).or_default() += area;
        }
    }

    /// By key, in ascending order: in units of the reference cell.
    #[expect(clippy::cast_precision_loss, reason = "an answer is an f64")]
    pub fn cells(&self) -> impl Iterator<Item = (u64, f64)> {
        let unit = (super::areas::WHOLE_SHARE as f64) * (WHOLE as f64);
        self.0.iter().map(move |(key, area)| (*key, *area as f64 / unit))
    }
}

fn count<T: Cell>(table: &mut [u32; 256], cells: &[T], validity: Option<&[u8]>) {
    let bytes = T::bytes(cells).unwrap_or_default();
    match validity {
        None => bytes.iter().for_each(|byte| table[usize::from(*byte)] += 1),
        Some(validity) => {
            for (byte, valid) in bytes.iter().zip(validity) {
                table[usize::from(*byte)] += u32::from(*valid > 0);
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the halves are meant")]
impl From<Ground> for Vec<(u64, [u64; 2])> {
    fn from(ground: Ground) -> Self {
        ground.0.into_iter().map(|(key, area)| (key, [(area >> 64) as u64, area as u64])).collect()
    }
}

impl From<Vec<(u64, [u64; 2])>> for Ground {
    fn from(pairs: Vec<(u64, [u64; 2])>) -> Self {
        let whole = |[high, low]: [u64; 2]| u128::from(high) << 64 | u128::from(low);
        Self(pairs.into_iter().map(|(key, area)| (key, whole(area))).collect())
    }
}
