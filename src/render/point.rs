//! The values under a point: cells of the raster's own grid, never interpolated.

use std::sync::Arc;

use super::RenderError;
use crate::catalog::OpenLayer;
use crate::cpu::CpuPool;
use crate::geo::crs::CrsKind;
use crate::geo::{Crs, around};
use crate::raster::{Decimation, Profile, ReadRequest, Window, cell_at};

/// One value a data band; `None` where there is no data.
pub type PointValues = Vec<Option<f64>>;

/// Values of all data bands at a longitude and latitude. A point outside the raster has no data.
///
/// # Errors
/// When the source can't be read.
pub async fn point(pool: &CpuPool, layer: &Arc<OpenLayer>, lon: f64, lat: f64) -> Result<PointValues, RenderError> {
    let bands: Vec<usize> = layer.profile().data_bands().collect();
    let cell = {
        let layer = Arc::clone(layer);
        pool.run(move || cell_of(layer.profile(), lon, lat)).await??
    };
    let Some([col, row]) = cell else { return Ok(vec![None; bands.len()]) };
    let request = ReadRequest {
        level: 0,
        decimation: 1,
        window: Window { col, row, width: 1, height: 1 },
        bands: bands.clone(),
        nodata: layer.config.nodata,
        decimate_by: Decimation::Nearest,
    };
    let pixels = layer.raster.read(request).await?;
    let valid = |band: usize| pixels.mask.is_valid(0, band, bands.len());
    Ok((0..bands.len()).map(|band| valid(band).then(|| pixels.samples.value(band))).collect())
}

/// The column and row of the cell that holds a place.
fn cell_of(profile: &Profile, lon: f64, lat: f64) -> Result<Option<[usize; 2]>, crate::geo::CrsError> {
    if !profile.bounds.intersects([lon - 1e-9, lat - 1e-9, lon + 1e-9, lat + 1e-9]) {
        return Ok(None);
    }
    let (mut x, mut y) = ([lon], [lat]);
    if profile.crs.kind() != CrsKind::Wgs84 {
        Crs::wgs84().transform(&profile.crs, &mut x, &mut y)?;
    }
    let [left, _, right, _] = profile.native_bounds();
    if let Some(period) = profile.crs.period_x() {
        x[0] = around(x[0], f64::midpoint(left, right), period);
    }
    let Some(inverse) = profile.geotransform.inverse() else { return Ok(None) };
    let (col, row) = inverse.apply(x[0], y[0]);
    Ok(cell_at(col, profile.width).zip(cell_at(row, profile.height)).map(|(col, row)| [col, row]))
}
