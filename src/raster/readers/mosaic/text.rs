//! The text of a VRT, from wherever it is.

use std::sync::Arc;

use bytes::Bytes;

use super::super::Readers;
use super::super::bytes::{Available, ByteSource, Content, Need};
use super::vrt::Description;
use crate::raster::RasterError;
use crate::storage::{Held, Location, Snapshot, Want, redacted};

/// A longer VRT is left to GDAL.
const MOST_TEXT_BYTES: u64 = 256 << 20;

/// The text of a VRT, and what was found in it.
pub struct Text {
    pub xml: String,
    pub description: Description,
}

impl Text {
    /// Reads a VRT; `None` when it is not this reader's.
    ///
    /// # Errors
    /// When its bytes can't be brought.
    pub async fn read(readers: &Readers, snapshot: &Arc<Snapshot>, origin: &str) -> Result<Option<Self>, RasterError> {
        let Ok(location) = snapshot.storage().policy().location(origin) else { return Ok(None) };
        let failed = |error| RasterError::Storage { origin: redacted(origin), error };
        let mut held = Held::new();
        if let Location::Object(object) = snapshot.without_query(location.clone()) {
            let object = snapshot.with_query(object);
            snapshot.bring(vec![Want::Header(object)], &mut held).await.map_err(failed)?;
        }
        let Some(content) = Content::open(snapshot, location) else { return Ok(None) };
        let size = Available { content: &content, held: &held }.size();
        if size > MOST_TEXT_BYTES {
            return Ok(None);
        }
        if let Content::Object(_, version) = &content {
            let wants = vec![Want::Bytes(Arc::clone(version), 0..size)];
            snapshot.bring(wants, &mut held).await.map_err(failed)?;
        }
        let job = move || {
            let bytes: Result<Bytes, Need> = Available { content: &content, held: &held }.bytes(0..size);
            let xml = String::from_utf8(Vec::from(bytes.ok()?)).ok()?;
            Description::parse(&xml).map(|description| Self { xml, description })
        };
        Ok(readers.pool.run(job).await?)
    }
}
