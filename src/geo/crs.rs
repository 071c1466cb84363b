//! Coordinate reference systems: parsing, recognition, and batched transforms, through PROJ where `plane` has no formulas.
//!
//! Axis order is always x, y (lon, lat). A PROJ transform is not shared between threads: each thread
//! keeps the few that it uses.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, OnceLock};

use gdal::spatial_ref::{AxisMappingStrategy, CoordTransform, SpatialRef};

use super::MERCATOR_HALF_WIDTH_M;
use super::plane::{Plane, Utm};

/// PROJ transforms that one thread keeps; creating one costs about a millisecond, holding one about 50 kB.
const TRANSFORMS_PER_THREAD: usize = 64;

/// What codes of EPSG's begin with.
const EPSG: &str = "EPSG:";

/// How the map plane relates to longitude and latitude, where that is a formula of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrsKind {
    /// EPSG:3857.
    WebMercator,
    /// Geographic, in degrees, with the WGS 84 datum.
    Wgs84,
    /// Geographic, in degrees, with another datum.
    LonLat,
    /// A zone of UTM with the WGS 84 datum.
    Utm(Utm),
    /// Anything else that PROJ knows.
    Other,
}

impl CrsKind {
    /// The plane, where it has formulas of our own.
    fn plane(self) -> Option<Plane> {
        match self {
            Self::WebMercator => Some(Plane::Mercator),
            Self::Wgs84 => Some(Plane::Degrees),
            Self::Utm(utm) => Some(Plane::Utm(utm)),
            Self::LonLat | Self::Other => None,
        }
    }

    fn of_plane(plane: Plane) -> Self {
        match plane {
            Plane::Mercator => Self::WebMercator,
            Plane::Degrees => Self::Wgs84,
            Plane::Utm(utm) => Self::Utm(utm),
        }
    }
}

/// A coordinate reference system; cheap to clone.
#[derive(Debug, Clone)]
pub struct Crs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Written when it is first asked for, where that takes PROJ's database.
    wkt: OnceLock<String>,
    name: String,
    authority: Option<String>,
    kind: CrsKind,
    unit: Unit,
}

/// What its axes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Metres.
    Metre,
    /// Degrees.
    Degree,
    /// Feet, grads, anything else.
    Other,
}

/// Why a CRS or a transform can't be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CrsError {
    /// PROJ does not know the text.
    #[error("\"{definition}\" is no CRS that PROJ knows: {reason}")]
    Unknown {
        /// As given.
        definition: String,
        /// PROJ's words.
        reason: String,
    },
    /// There is no way from one to the other.
    #[error("no transform from {from} to {to}: {reason}")]
    NoTransform {
        /// Name of the source.
        from: String,
        /// Name of the target.
        to: String,
        /// PROJ's words.
        reason: String,
    },
}

impl Crs {
    /// Parses an authority code (`EPSG:4326`), WKT, PROJJSON or a PROJ string.
    ///
    /// # Errors
    /// When PROJ does not know it.
    pub fn parse(definition: &str) -> Result<Self, CrsError> {
        if let Some(plane) = plane_of(definition) {
            return Ok(Self::known(definition, plane));
        }
        SpatialRef::from_definition(definition)
            .and_then(|srs| Self::from_spatial_ref(&srs))
            .map_err(|error| CrsError::Unknown { definition: definition.to_owned(), reason: error.to_string() })
    }

    /// One that PROJ need not be asked for.
    fn known(definition: &str, plane: Plane) -> Self {
        let kind = CrsKind::of_plane(plane);
        let unit = if kind == CrsKind::Wgs84 { Unit::Degree } else { Unit::Metre };
        let (name, authority) = (definition.to_owned(), Some(definition.to_owned()));
        Self(Arc::new(Inner { wkt: OnceLock::new(), name, authority, kind, unit }))
    }

    /// Takes over GDAL's object.
    ///
    /// # Errors
    /// When it has no WKT.
    pub fn from_spatial_ref(srs: &SpatialRef) -> gdal::errors::Result<Self> {
        let wkt = srs.to_wkt()?;
        let authority = srs.authority().ok().or_else(|| identified(srs));
        let kind = kind_of(srs, authority.as_deref());
        let name = srs.name().unwrap_or_else(|| "unnamed".to_owned());
        Ok(Self(Arc::new(Inner { wkt: OnceLock::from(wkt), name, authority, kind, unit: unit_of(srs) })))
    }

    /// Longitude and latitude in degrees, WGS 84.
    #[must_use]
    pub fn wgs84() -> Self {
        static WGS84: LazyLock<Crs> = LazyLock::new(|| Crs::known("EPSG:4326", Plane::Degrees));
        WGS84.clone()
    }

    /// EPSG:3857.
    #[must_use]
    pub fn web_mercator() -> Self {
        static WEB_MERCATOR: LazyLock<Crs> = LazyLock::new(|| Crs::known("EPSG:3857", Plane::Mercator));
        WEB_MERCATOR.clone()
    }

    /// `EPSG:32632` where an authority names it, else its own name.
    #[must_use]
    pub fn label(&self) -> &str {
        self.0.authority.as_deref().unwrap_or(&self.0.name)
    }

    /// Well-known text.
    #[must_use]
    pub fn wkt(&self) -> &str {
        self.0.wkt.get_or_init(|| {
            let known = SpatialRef::from_definition(&self.0.name).and_then(|srs| srs.to_wkt());
            known.unwrap_or_else(|error| {
                tracing::error!(%error, "PROJ's database is not at hand");
                self.0.name.clone()
            })
        })
    }

    /// What is known of it without PROJ.
    #[must_use]
    pub fn kind(&self) -> CrsKind {
        self.0.kind
    }

    /// The unit of its axes.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.0.unit
    }

    /// The distance in x after which the world repeats, in CRS units, where it does.
    #[must_use]
    pub fn period_x(&self) -> Option<f64> {
        match self.0.kind {
            CrsKind::WebMercator => Some(2.0 * MERCATOR_HALF_WIDTH_M),
            CrsKind::Wgs84 | CrsKind::LonLat => Some(360.0),
            CrsKind::Utm(_) | CrsKind::Other => None,
        }
    }

    /// Transforms points in place; a point that has no image becomes infinite or NaN.
    ///
    /// # Errors
    /// When there is no transform between the two at all.
    pub fn transform(&self, to: &Self, x: &mut [f64], y: &mut [f64]) -> Result<(), CrsError> {
        if let (Some(own), Some(other)) = (self.0.kind.plane(), to.0.kind.plane()) {
            own.transform(other, x, y);
            return Ok(());
        }
        thread_local! {
            /// The most recently made first.
            static TRANSFORMS: RefCell<VecDeque<(Crs, Crs, CoordTransform)>> = RefCell::default();
        }
        TRANSFORMS.with_borrow_mut(|transforms| {
            let known = transforms.iter().position(|(own, other, _)| own == self && other == to);
            let index = known.unwrap_or(0);
            if known.is_none() {
                let transform = self.transform_to(to)?;
                transforms.truncate(TRANSFORMS_PER_THREAD - 1);
                transforms.push_front((self.clone(), to.clone(), transform));
            }
            // An error here means that some points have no image; those are infinite now.
            let _ = transforms[index].2.transform_coords(x, y, &mut []);
            Ok(())
        })
    }

    /// Whatever formulas of our own there are.
    #[cfg(test)]
    pub fn transform_by_proj(&self, to: &Self, x: &mut [f64], y: &mut [f64]) {
        let _ = self.transform_to(to).unwrap().transform_coords(x, y, &mut []);
    }

    fn transform_to(&self, to: &Self) -> Result<CoordTransform, CrsError> {
        let transform = || CoordTransform::new(&spatial_ref(self.wkt())?, &spatial_ref(to.wkt())?);
        transform().map_err(|error| CrsError::NoTransform {
            from: self.label().to_owned(),
            to: to.label().to_owned(),
            reason: error.to_string(),
        })
    }
}

impl PartialEq for Crs {
    fn eq(&self, other: &Self) -> bool {
        match (self.0.kind.plane(), other.0.kind.plane()) {
            (Some(own), Some(other)) => own == other,
            (None, None) => Arc::ptr_eq(&self.0, &other.0) || self.wkt() == other.wkt(),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

/// The plane that a code of EPSG's names, where it has formulas of our own.
fn plane_of(authority: &str) -> Option<Plane> {
    Plane::of_epsg(authority.strip_prefix(EPSG)?.parse().ok()?)
}

fn spatial_ref(wkt: &str) -> gdal::errors::Result<SpatialRef> {
    let mut srs = SpatialRef::from_wkt(wkt)?;
    srs.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
    Ok(srs)
}

fn identified(srs: &SpatialRef) -> Option<String> {
    let mut copy = srs.clone();
    copy.auto_identify_epsg().ok()?;
    copy.authority().ok()
}

fn kind_of(srs: &SpatialRef, authority: Option<&str>) -> CrsKind {
    match authority {
        Some("EPSG:900913" | "ESRI:102100" | "ESRI:102113") => return CrsKind::WebMercator,
        Some("OGC:CRS84") => return CrsKind::Wgs84,
        _ => {}
    }
    if let Some(plane) = authority.and_then(plane_of) {
        return CrsKind::of_plane(plane);
    }
    let same_as = |code: u32| {
        SpatialRef::from_epsg(code).is_ok_and(|mut known| {
            let mut copy = srs.clone();
            known.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
            copy.set_axis_mapping_strategy(AxisMappingStrategy::TraditionalGisOrder);
            copy == known
        })
    };
    // Two codes of EPSG's are never the same system.
    let is_coded = authority.is_some_and(|authority| authority.starts_with(EPSG));
    if unit_of(srs) == Unit::Degree {
        if !is_coded && same_as(4326) { CrsKind::Wgs84 } else { CrsKind::LonLat }
    } else if !is_coded && srs.is_projected() && same_as(3857) {
        CrsKind::WebMercator
    } else {
        CrsKind::Other
    }
}

fn unit_of(srs: &SpatialRef) -> Unit {
    if srs.is_geographic() && (srs.angular_units().to_degrees() - 1.0).abs() < 1e-9 {
        Unit::Degree
    } else if srs.is_projected() && (srs.linear_units() - 1.0).abs() < 1e-12 {
        Unit::Metre
    } else {
        Unit::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("EPSG:3857", CrsKind::WebMercator)]
    #[case("EPSG:4326", CrsKind::Wgs84)]
    #[case("OGC:CRS84", CrsKind::Wgs84)]
    #[case("+proj=longlat +datum=WGS84 +no_defs", CrsKind::LonLat)]
    #[case("EPSG:4269", CrsKind::LonLat)]
    #[case("EPSG:3031", CrsKind::Other)]
    #[case("EPSG:25832", CrsKind::Other)]
    fn a_crs_is_recognised(#[case] definition: &str, #[case] kind: CrsKind) {
        assert_eq!(Crs::parse(definition).unwrap().kind(), kind);
    }

    #[rstest]
    #[case("EPSG:3857")]
    #[case("EPSG:4326")]
    #[case("EPSG:32632")]
    #[case("EPSG:32760")]
    fn what_is_known_by_its_code_is_what_proj_knows(#[case] code: &str) {
        let known = Crs::parse(code).unwrap();
        let theirs = Crs::from_spatial_ref(&SpatialRef::from_definition(code).unwrap()).unwrap();
        assert!(known.0.wkt.get().is_none() && theirs.0.wkt.get().is_some());
        assert_eq!((known.label(), known.kind(), known.unit()), (theirs.label(), theirs.kind(), theirs.unit()));
        assert_eq!(known.wkt(), theirs.wkt());
        assert!(known == theirs);
    }

    #[test]
    fn zones_and_halves_of_utm_are_told_apart() {
        let all =
            ["EPSG:32632", "EPSG:32633", "EPSG:32732", "EPSG:25832", "EPSG:3857"].map(|code| Crs::parse(code).unwrap());
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().enumerate().all(|(j, b)| (a == b) == (i == j)), "{}", a.label());
        }
    }

    #[rstest]
    #[case("EPSG:32632", Unit::Metre)]
    #[case("EPSG:3857", Unit::Metre)]
    #[case("EPSG:4326", Unit::Degree)]
    #[case("EPSG:2263", Unit::Other)] // US survey feet
    #[case("EPSG:4807", Unit::Other)] // grads, from Paris
    fn the_unit_of_the_axes_is_known(#[case] definition: &str, #[case] unit: Unit) {
        assert_eq!(Crs::parse(definition).unwrap().unit(), unit);
    }

    #[test]
    fn axes_are_lon_lat_and_x_y() {
        let (mut x, mut y) = ([9.0], [48.0]);
        Crs::wgs84().transform(&Crs::parse("EPSG:32632").unwrap(), &mut x, &mut y).unwrap();
        // echo 9 48 | gdaltransform -s_srs EPSG:4326 -t_srs EPSG:32632  ->  500000 5316300.27
        assert!((x[0] - 500_000.0).abs() < 1e-3 && (y[0] - 5_316_300.27).abs() < 0.5, "{x:?} {y:?}");
    }

    #[test]
    fn a_point_without_an_image_is_not_finite_and_its_neighbours_are() {
        let (mut x, mut y) = ([0.0, 9.0, 0.0], [91.0, 48.0, 95.0]);
        Crs::wgs84().transform(&Crs::parse("EPSG:32632").unwrap(), &mut x, &mut y).unwrap();
        assert!(!x[0].is_finite() && x[1].is_finite() && !x[2].is_finite());
    }

    #[test]
    fn nonsense_is_named_in_the_error() {
        assert!(Crs::parse("EPSG:99999999").unwrap_err().to_string().contains("EPSG:99999999"));
    }
}
