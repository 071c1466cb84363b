//! The way from EPSG:3857 to the pixels of a raster.

use crate::geo::crs::CrsKind;
use crate::geo::{Crs, CrsError, OutputGrid, around, mercator_x_to_lon, mercator_y_to_lat};
use crate::raster::Profile;

/// Two positions in degrees or metres closer than this, relative to the width of the world, are the same.
const SAME_PLACE: f64 = 1e-12;

/// Positions along one axis of the source.
#[derive(Debug, Clone)]
pub struct Axis {
    /// Position of the centre of each output pixel.
    pub center: Vec<f64>,
    /// Extent of each output pixel, in source pixels.
    pub size: Vec<f64>,
}

impl Axis {
    /// The same positions in pixels that are `scale` times as large.
    pub fn coarser(&self, scale: f64) -> Self {
        let by = |values: &[f64]| values.iter().map(|v| v / scale).collect();
        Self { center: by(&self.center), size: by(&self.size) }
    }
}

/// How EPSG:3857 becomes source pixels.
#[derive(Debug)]
pub struct Projector<'a> {
    profile: &'a Profile,
    inverse: crate::geo::Affine,
    mercator: Crs,
    /// Longitude and latitude serve as they are.
    plain_degrees: bool,
}

impl<'a> Projector<'a> {
    /// Prepares the way to one raster.
    pub fn new(profile: &'a Profile) -> Result<Self, CrsError> {
        let plain_degrees = match profile.crs.kind() {
            CrsKind::Wgs84 => true,
            CrsKind::LonLat => same_degrees(profile)?,
            CrsKind::WebMercator | CrsKind::Utm(_) | CrsKind::Other => false,
        };
        let inverse = profile.geotransform.inverse().unwrap_or(crate::geo::Affine([f64::NAN; 6]));
        Ok(Self { profile, inverse, mercator: Crs::web_mercator(), plain_degrees })
    }

    /// Whether columns and rows map independently of each other.
    pub fn is_separable(&self) -> bool {
        self.profile.geotransform.is_axis_aligned()
            && (self.plain_degrees || self.profile.crs.kind() == CrsKind::WebMercator)
    }

    /// Positions of the pixels of a block when they are separable.
    pub fn axes(&self, grid: &OutputGrid) -> (Axis, Axis) {
        let col_of = |x: f64| self.inverse.apply(self.source_x(x), 0.0).0;
        let row_of = |y: f64| self.inverse.apply(0.0, self.source_y(y)).1;
        let period = self.period_px();
        let mut cols = axis(grid.width, |position| col_of(grid.x(position)));
        if let Some(period) = period {
            self.unwrap_cols(&mut cols.center, period);
        }
        (cols, axis(grid.height, |position| row_of(grid.y(position))))
    }

    /// Source positions of points in EPSG:3857, in place; what has none becomes NaN or infinite.
    pub fn positions(&self, x: &mut [f64], y: &mut [f64]) -> Result<(), CrsError> {
        if self.plain_degrees || self.profile.crs.kind() == CrsKind::WebMercator {
            for (x, y) in x.iter_mut().zip(y.iter_mut()) {
                (*x, *y) = (self.source_x(*x), self.source_y(*y));
            }
        } else {
            self.project(x, y)?;
        }
        if let Some(period) = self.profile.crs.period_x() {
            let [left, _, right, _] = self.profile.native_bounds();
            let middle = f64::midpoint(left, right);
            for x in x.iter_mut() {
                *x = around(*x, middle, period);
            }
        }
        for (x, y) in x.iter_mut().zip(y.iter_mut()) {
            (*x, *y) = self.inverse.apply(*x, *y);
        }
        Ok(())
    }

    /// Through PROJ. Where the bounds of the raster are not known, a point counts only if it comes back to
    /// where it was: some projections fold far-away places onto the raster.
    fn project(&self, x: &mut [f64], y: &mut [f64]) -> Result<(), CrsError> {
        let check = (!self.profile.bounds.exact).then(|| (x.to_vec(), y.to_vec()));
        self.mercator.transform(&self.profile.crs, x, y)?;
        if let Some((x_m, y_m)) = check {
            let (mut back_x, mut back_y) = (x.to_vec(), y.to_vec());
            self.profile.crs.transform(&self.mercator, &mut back_x, &mut back_y)?;
            for i in 0..x.len() {
                let off = (back_x[i] - x_m[i]).abs().max((back_y[i] - y_m[i]).abs());
                if off.is_nan() || off > 1000.0 {
                    x[i] = f64::NAN;
                }
            }
        }
        Ok(())
    }

    fn source_x(&self, x_m: f64) -> f64 {
        if self.plain_degrees { mercator_x_to_lon(x_m) } else { x_m }
    }

    fn source_y(&self, y_m: f64) -> f64 {
        if self.plain_degrees { mercator_y_to_lat(y_m) } else { y_m }
    }

    /// Columns after which the world repeats.
    fn period_px(&self) -> Option<f64> {
        self.profile.crs.period_x().map(|period| (period * self.inverse.0[1]).abs())
    }

    /// Moves columns by whole turns of the world to where the raster is. Around the world the columns of a
    /// block stay consecutive, so that kernels reach across the seam; otherwise each is moved on its own.
    #[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
    fn unwrap_cols(&self, cols: &mut [f64], period: f64) {
        let width = self.profile.width as f64;
        let first = width / 2.0 - period / 2.0;
        let turns = |col: f64| ((col - first) / period).floor() * period;
        let together = self.wraps().then(|| cols.get(cols.len() / 2).copied().map_or(0.0, turns));
        for col in cols {
            *col -= together.unwrap_or_else(|| turns(*col));
        }
    }

    /// Whether the raster goes exactly once around the world.
    pub fn wraps(&self) -> bool {
        wraps(self.profile)
    }
}

/// Whether the raster goes exactly once around the world, along its columns.
#[expect(clippy::cast_precision_loss, reason = "raster sizes are far below 2^52")]
pub fn wraps(profile: &Profile) -> bool {
    let Some(period) = profile.crs.period_x() else { return false };
    let columns = (period / profile.geotransform.0[1]).abs();
    profile.geotransform.is_axis_aligned() && (columns - profile.width as f64).abs() < 1e-3
}

/// Centres, and sizes from edge to edge.
#[expect(clippy::cast_precision_loss, reason = "blocks are small")]
fn axis(count: usize, position: impl Fn(f64) -> f64) -> Axis {
    let edges: Vec<f64> = (0..=count).map(|i| position(i as f64)).collect();
    Axis {
        center: (0..count).map(|i| position(i as f64 + 0.5)).collect(),
        size: edges.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect(),
    }
}

/// Whether a geographic CRS with another datum has the same degrees as WGS 84, as PROJ transforms it, all
/// over the raster.
fn same_degrees(profile: &Profile) -> Result<bool, CrsError> {
    let [left, bottom, right, top] = profile.native_bounds();
    let fractions = [0.02, 0.25, 0.5, 0.75, 0.98];
    let (lon, lat): (Vec<f64>, Vec<f64>) = fractions
        .iter()
        .flat_map(|fx| fractions.map(|fy| (left + (right - left) * fx, bottom + (top - bottom) * fy)))
        .unzip();
    let (mut x, mut y) = (lon.clone(), lat.clone());
    profile.crs.transform(&Crs::wgs84(), &mut x, &mut y)?;
    let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() <= SAME_PLACE * 360.0);
    Ok(same(&lon, &x) && same(&lat, &y))
}
