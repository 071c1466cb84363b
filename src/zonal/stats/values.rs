//! What each value covers: one counter a value for cells of 8 and 16 bits, a table by value for the others.

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::StatsError;
use super::bytes::Bytes;
use super::cell::{Cell, is_narrow};
use super::tally::Tally;
use super::words::Words;
use crate::raster::DataType;
use crate::zonal::WHOLE;

/// Cells and weight of each value that occurs.
#[derive(Debug, Clone)]
pub struct Values {
    dtype: DataType,
    /// For types wider than 16 bits, how many values there may be.
    limit: usize,
    /// Cells that count whole: almost all of them.
    whole: Table,
    /// Parts of cells; their values are known to `whole` too.
    parts: BTreeMap<u64, Tally>,
}

#[derive(Debug, Clone)]
enum Table {
    Bytes(Bytes),
    Words(Words),
    Map(HashMap<u64, u64, RandomState>),
    /// More values than the limit: from here on nothing is kept.
    TooMany,
}

impl Values {
    /// Nothing yet; `limit` is for types wider than 16 bits.
    pub fn new(dtype: DataType, limit: usize) -> Self {
        let whole = match dtype.size_bytes() {
            1 => Table::Bytes(Bytes::new()),
            2 => Table::Words(Words::new()),
            _ => Table::Map(HashMap::default()),
        };
        Self { dtype, limit, whole, parts: BTreeMap::new() }
    }

    /// Type of the cells.
    pub fn dtype(&self) -> DataType {
        self.dtype
    }

    /// Adds valid cells of one weight.
    pub fn push<T: Cell>(&mut self, cells: &[T], weight: u64) -> Result<(), StatsError> {
        if weight != WHOLE {
            return cells.iter().try_for_each(|cell| self.add_part(cell.key(), Tally::of(1, weight)));
        }
        match &mut self.whole {
            Table::Bytes(bytes) => bytes.push(T::bytes(cells).unwrap_or_default()),
            Table::Words(words) => words.push(cells),
            // neighbours are often equal: one look a stretch
            Table::Map(_) => {
                for stretch in cells.chunk_by(|a, b| a == b) {
                    self.add_whole(stretch[0].key(), stretch.len() as u64)?;
                }
            }
            Table::TooMany => return Err(StatsError::TooManyValues { limit: self.limit }),
        }
        Ok(())
    }

    /// Adds everything that another one holds.
    pub fn merge(&mut self, other: &Self) -> Result<(), StatsError> {
        if (self.dtype, self.limit) != (other.dtype, other.limit) {
            return Err(StatsError::Mismatch);
        }
        let Some(whole) = other.whole() else { return self.give_up() };
        whole.into_iter().try_for_each(|(key, cells)| self.add_whole(key, cells))?;
        other.parts.iter().try_for_each(|(key, tally)| self.add_part(*key, *tally))
    }

    /// Every value that occurs, by key, in ascending order; `None` when there are too many.
    pub fn entries(&self) -> Option<Vec<(u64, Tally)>> {
        let whole = self.whole()?.into_iter().map(|(key, cells)| (key, Tally::of(cells, WHOLE)));
        let mut entries: Vec<_> = whole.chain(self.parts.iter().map(|(key, tally)| (*key, *tally))).collect();
        // two sorted runs: this merges them
        entries.sort_by_key(|entry| entry.0);
        entries.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 += next.1;
            }
            is_same
        });
        Some(entries)
    }

    #[expect(clippy::cast_possible_truncation, reason = "keys of narrow types are small")]
    fn add_whole(&mut self, key: u64, cells: u64) -> Result<(), StatsError> {
        match &mut self.whole {
            Table::Bytes(bytes) => bytes.add(byte_of(self.dtype, key), cells),
            Table::Words(words) => words.add(key as usize, cells),
            Table::Map(map) => {
                *map.entry(key).or_default() += cells;
                if map.len() > self.limit {
                    return self.give_up();
                }
            }
            Table::TooMany => return self.give_up(),
        }
        Ok(())
    }

    fn add_part(&mut self, key: u64, tally: Tally) -> Result<(), StatsError> {
        if !is_narrow(self.dtype) {
            self.add_whole(key, 0)?;
        }
        *self.parts.entry(key).or_default() += tally;
        Ok(())
    }

    fn give_up(&mut self) -> Result<(), StatsError> {
        self.whole = Table::TooMany;
        self.parts.clear();
        Err(StatsError::TooManyValues { limit: self.limit })
    }

    /// Whole cells by key, in ascending order.
    fn whole(&self) -> Option<Vec<(u64, u64)>> {
        let mut whole: Vec<(u64, u64)> = match &self.whole {
            Table::Bytes(bytes) => (0..256).map(|key| (key, bytes.count(byte_of(self.dtype, key)))).collect(),
            Table::Words(words) => return Some(words.entries().collect()),
            Table::Map(map) => map.iter().map(|(key, cells)| (*key, *cells)).collect(),
            Table::TooMany => return None,
        };
        whole.retain(|(_, cells)| *cells > 0);
        whole.sort_unstable();
        Some(whole)
    }
}

/// The byte of a cell of 8 bits.
#[expect(clippy::cast_possible_truncation, reason = "8 bits")]
fn byte_of(dtype: DataType, key: u64) -> u8 {
    if dtype == DataType::I8 { key as u8 ^ 0x80 } else { key as u8 }
}

/// How it travels: only what occurs, in the order of the keys.
#[derive(Serialize, Deserialize)]
struct Wire {
    dtype: DataType,
    limit: usize,
    /// `[key, cells]`; none when there are too many values.
    whole: Option<Vec<(u64, u64)>>,
    /// `[key, cells and weight]`.
    parts: Vec<(u64, Tally)>,
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let parts = self.parts.iter().map(|(key, tally)| (*key, *tally)).collect();
        Wire { dtype: self.dtype, limit: self.limit, whole: self.whole(), parts }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let mut values = Self::new(wire.dtype, wire.limit);
        let Some(whole) = wire.whole else {
            values.whole = Table::TooMany;
            return Ok(values);
        };
        let bits = 8 * wire.dtype.size_bytes();
        let mut keys = whole.iter().map(|entry| entry.0).chain(wire.parts.iter().map(|entry| entry.0));
        if is_narrow(wire.dtype) && keys.any(|key| key >> bits != 0) {
            return Err(serde::de::Error::custom(format!("a key that no {} has", wire.dtype)));
        }
        let added = whole.into_iter().try_for_each(|(key, cells)| values.add_whole(key, cells));
        let added =
            added.and_then(|()| wire.parts.into_iter().try_for_each(|(key, tally)| values.add_part(key, tally)));
        added.map(|()| values).map_err(serde::de::Error::custom)
    }
}
