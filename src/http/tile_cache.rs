//! Encoded tiles that were asked for lately, bounded in bytes.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::caching::ETag;
use crate::geo::TileId;
use crate::render::Tile;

/// What a tile costs besides its body.
const OVERHEAD_BYTES: usize = 256;

/// Bytes of a usual tile: how many there will be about.
const USUAL_BYTES: u64 = 16 << 10;

/// Tells a tile from all others: the tag is made of the version of the layer and all options.
pub type TileKey = (String, TileId, ETag);

/// Tiles, least recently used out first; `None` when there is no room at all.
#[derive(Debug, Clone)]
pub struct TileCache(Option<Arc<Cache<TileKey, Tile, Bytes>>>);

/// Counts bytes.
#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<TileKey, Tile> for Bytes {
    fn weight(&self, (layer, ..): &TileKey, tile: &Tile) -> u64 {
        (tile.body.len() + layer.len() + OVERHEAD_BYTES) as u64
    }
}

impl TileCache {
    /// An empty one; 0 bytes turn it off.
    pub fn new(capacity_bytes: u64) -> Self {
        let items = usize::try_from(capacity_bytes / USUAL_BYTES).unwrap_or(usize::MAX).max(16);
        Self((capacity_bytes > 0).then(|| Arc::new(Cache::with_weighter(items, capacity_bytes, Bytes))))
    }

    /// A tile that is there.
    pub fn get(&self, key: &TileKey) -> Option<Tile> {
        self.0.as_ref()?.get(key)
    }

    /// Keeps a tile; one that is larger than the cache is not kept.
    pub fn keep(&self, key: TileKey, tile: &Tile) {
        if let Some(tiles) = &self.0 {
            tiles.insert(key, tile.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::TileFormat;

    fn key(x: u64) -> TileKey {
        ("relief".to_owned(), TileId::new(10, x, 5).unwrap(), ETag::of(&"v1"))
    }

    fn tile(bytes: usize) -> Tile {
        Tile { body: vec![7; bytes].into(), format: TileFormat::Png, is_empty: false }
    }

    #[test]
    fn a_tile_comes_back_for_its_key_only() {
        let cache = TileCache::new(1 << 20);
        cache.keep(key(1), &tile(10));
        assert_eq!(cache.get(&key(1)).unwrap().body.len(), 10);
        assert!(cache.get(&key(2)).is_none());
        let (layer, tile_id, _) = key(1);
        assert!(cache.get(&(layer, tile_id, ETag::of(&"v2"))).is_none(), "of another version");
    }

    #[test]
    fn it_holds_no_more_bytes_than_it_may() {
        let cache = TileCache::new(100_000);
        for x in 0..500 {
            cache.keep(key(x), &tile(10_000));
        }
        let kept = (0..500).filter(|x| cache.get(&key(*x)).is_some()).count();
        assert!((1..=9).contains(&kept), "{kept}");
        cache.keep(key(600), &tile(200_000));
        assert!(cache.get(&key(600)).is_none());
    }

    #[test]
    fn without_room_it_keeps_nothing() {
        let cache = TileCache::new(0);
        cache.keep(key(1), &tile(10));
        assert!(cache.get(&key(1)).is_none());
    }
}
