//! Map planes over WGS 84 whose formulas are short enough to be ours: longitude and latitude, EPSG:3857, UTM.
//!
//! PROJ has them too; but it opens its database first, for which the first tile of a process would wait. The tests hold
//! ours to within a micrometre of PROJ's.

use super::{EARTH_RADIUS_M, WGS84_ECCENTRICITY_2};

use std::f64::consts::PI;

/// A plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Longitude and latitude in degrees.
    Degrees,
    /// EPSG:3857, in metres.
    Mercator,
    /// A zone of the Universal Transverse Mercator, in metres.
    Utm(Utm),
}

/// A zone: 1 to 60, 6 degrees wide each, from 180 degrees west on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utm {
    zone: u8,
    is_south: bool,
}

/// A place on the ellipsoid.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// In radians, -pi to pi.
    lon: f64,
    /// The tangent of the latitude, with which all three planes are computed.
    tan_lat: f64,
}

/// As PROJ says it.
const NOWHERE: (f64, f64) = (f64::INFINITY, f64::INFINITY);

impl Plane {
    /// That of a code of EPSG's.
    #[must_use]
    pub fn of_epsg(code: u32) -> Option<Self> {
        const NORTH: u32 = 32_600;
        const SOUTH: u32 = 32_700;
        let utm = |zone: u32, is_south| {
            let zone = u8::try_from(zone).ok().filter(|zone| (1..=60).contains(zone))?;
            Some(Self::Utm(Utm { zone, is_south }))
        };
        match code {
            4326 => Some(Self::Degrees),
            3857 => Some(Self::Mercator),
            SOUTH.. => utm(code - SOUTH, true),
            NORTH.. => utm(code - NORTH, false),
            _ => None,
        }
    }

    /// Transforms points to another plane, in place; a point that has no image becomes infinite.
    pub fn transform(self, to: Self, x: &mut [f64], y: &mut [f64]) {
        for (x, y) in x.iter_mut().zip(y) {
            let image = to.position(self.place(*x, *y));
            (*x, *y) = if image.0.is_finite() && image.1.is_finite() { image } else { NOWHERE };
        }
    }

    fn place(self, x: f64, y: f64) -> Place {
        match self {
            Self::Degrees => {
                let tan_lat = if y.abs() <= 90.0 { y.to_radians().tan() } else { f64::NAN };
                Place { lon: wrapped(x.to_radians()), tan_lat }
            }
            Self::Mercator => Place { lon: wrapped(x / EARTH_RADIUS_M), tan_lat: (y / EARTH_RADIUS_M).sinh() },
            Self::Utm(utm) => utm.place(x, y),
        }
    }

    fn position(self, place: Place) -> (f64, f64) {
        let Place { lon, tan_lat } = place;
        match self {
            Self::Degrees => (lon.to_degrees(), tan_lat.atan().to_degrees()),
            Self::Mercator => (lon * EARTH_RADIUS_M, tan_lat.asinh() * EARTH_RADIUS_M),
            Self::Utm(utm) => utm.position(place),
        }
    }
}

/// Moved by whole turns to -pi..pi.
fn wrapped(lon: f64) -> f64 {
    if lon.abs() <= PI { lon } else { (lon + PI).rem_euclid(2.0 * PI) - PI }
}

/// Krüger's series to the sixth order in the third flattening, as in C. F. F. Karney, "Transverse Mercator with an accuracy
/// of a few nanometers", Journal of Geodesy 85 (2011), equations 7 to 11, 35 and 36.
mod series {
    use super::super::EARTH_RADIUS_M;

    /// The third flattening of WGS 84, `f / (2 - f)`.
    const N: f64 = 1.0 / (2.0 * 298.257_223_563 - 1.0);

    /// A polynomial in the third flattening from its first power on.
    const fn powers<const COUNT: usize>(first: u32, factors: [f64; COUNT]) -> f64 {
        let (mut sum, mut index) = (0.0, COUNT);
        while index > 0 {
            index -= 1;
            sum = sum * N + factors[index];
        }
        let mut power = 0;
        while power < first {
            sum *= N;
            power += 1;
        }
        sum
    }

    /// The radius of the circle that is as long as a meridian.
    pub const RADIUS_M: f64 =
        EARTH_RADIUS_M / (1.0 + N) * (1.0 + powers(2, [1.0 / 4.0, 0.0, 1.0 / 64.0, 0.0, 1.0 / 256.0]));

    /// From the sphere to the ellipsoid.
    pub const ALPHA: [f64; 6] = [
        powers(1, [1.0 / 2.0, -2.0 / 3.0, 5.0 / 16.0, 41.0 / 180.0, -127.0 / 288.0, 7_891.0 / 37_800.0]),
        powers(2, [13.0 / 48.0, -3.0 / 5.0, 557.0 / 1_440.0, 281.0 / 630.0, -1_983_433.0 / 1_935_360.0]),
        powers(3, [61.0 / 240.0, -103.0 / 140.0, 15_061.0 / 26_880.0, 167_603.0 / 181_440.0]),
        powers(4, [49_561.0 / 161_280.0, -179.0 / 168.0, 6_601_661.0 / 7_257_600.0]),
        powers(5, [34_729.0 / 80_640.0, -3_418_889.0 / 1_995_840.0]),
        powers(6, [212_378_941.0 / 319_334_400.0]),
    ];

    /// And back; with their signs.
    pub const MINUS_BETA: [f64; 6] = [
        -powers(1, [1.0 / 2.0, -2.0 / 3.0, 37.0 / 96.0, -1.0 / 360.0, -81.0 / 512.0, 96_199.0 / 604_800.0]),
        -powers(2, [1.0 / 48.0, 1.0 / 15.0, -437.0 / 1_440.0, 46.0 / 105.0, -1_118_711.0 / 3_870_720.0]),
        -powers(3, [17.0 / 480.0, -37.0 / 840.0, -209.0 / 4_480.0, 5_569.0 / 90_720.0]),
        -powers(4, [4_397.0 / 161_280.0, -11.0 / 504.0, -830_251.0 / 7_257_600.0]),
        -powers(5, [4_583.0 / 161_280.0, -108_847.0 / 3_991_680.0]),
        -powers(6, [20_648_693.0 / 638_668_800.0]),
    ];
}

impl Utm {
    const SCALE: f64 = 0.9996;
    const FALSE_EASTING_M: f64 = 500_000.0;
    const FALSE_NORTHING_M: f64 = 10_000_000.0;

    /// How far from its meridian PROJ takes the projection, in radians of the sphere; the series are good for less.
    const MOST_ETA: f64 = 2.623_395_162_778;

    fn meridian(self) -> f64 {
        (f64::from(self.zone) * 6.0 - 183.0).to_radians()
    }

    fn origin_y(self) -> f64 {
        if self.is_south { Self::FALSE_NORTHING_M } else { 0.0 }
    }

    fn position(self, place: Place) -> (f64, f64) {
        let tan_chi = conformal(place.tan_lat);
        let (sin_lon, cos_lon) = wrapped(place.lon - self.meridian()).sin_cos();
        let radius = (tan_chi * tan_chi + cos_lon * cos_lon).sqrt();
        let (sin_xi, cos_xi, sinh_eta) = (tan_chi / radius, cos_lon / radius, sin_lon / radius);
        let [xi, eta] = [tan_chi.atan2(cos_lon), sinh_eta.asinh()];
        let [more_xi, more_eta] = sum(&series::ALPHA, [sin_xi, cos_xi, sinh_eta]);
        let [xi, eta] = [xi + more_xi, eta + more_eta];
        if eta.abs() <= Self::MOST_ETA {
            let metres = Self::SCALE * series::RADIUS_M;
            (Self::FALSE_EASTING_M + metres * eta, self.origin_y() + metres * xi)
        } else {
            NOWHERE
        }
    }

    fn place(self, x: f64, y: f64) -> Place {
        let metres = Self::SCALE * series::RADIUS_M;
        let [xi, eta] = [(y - self.origin_y()) / metres, (x - Self::FALSE_EASTING_M) / metres];
        if !(eta.abs() <= Self::MOST_ETA && xi.is_finite()) {
            return Place { lon: f64::NAN, tan_lat: f64::NAN };
        }
        let (sin_xi, cos_xi) = xi.sin_cos();
        let [more_xi, more_eta] = sum(&series::MINUS_BETA, [sin_xi, cos_xi, eta.sinh()]);
        let (sin_xi, cos_xi) = (xi + more_xi).sin_cos();
        let sinh_eta = (eta + more_eta).sinh();
        let tan_chi = sin_xi / (sinh_eta * sinh_eta + cos_xi * cos_xi).sqrt();
        let lon = wrapped(sinh_eta.atan2(cos_xi) + self.meridian());
        Place { lon, tan_lat: geodetic(tan_chi) }
    }
}

/// The sum of `series[j] sin(2 (j + 1) (xi + i eta))`, real and imaginary, by Clenshaw's recurrence.
fn sum(series: &[f64; 6], [sin_xi, cos_xi, sinh_eta]: [f64; 3]) -> [f64; 2] {
    let cosh_eta = (1.0 + sinh_eta * sinh_eta).sqrt();
    let [sin, cos] = [2.0 * sin_xi * cos_xi, (cos_xi - sin_xi) * (cos_xi + sin_xi)];
    let [sinh, cosh] = [2.0 * sinh_eta * cosh_eta, 1.0 + 2.0 * sinh_eta * sinh_eta];
    let twice_cosine = [2.0 * cos * cosh, -2.0 * sin * sinh];
    let (mut last, mut before) = ([0.0; 2], [0.0; 2]);
    for factor in series.iter().rev() {
        let [real, imaginary] = product(twice_cosine, last);
        (last, before) = ([real - before[0] + factor, imaginary - before[1]], last);
    }
    product([sin * cosh, cos * sinh], last)
}

fn product(a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// The tangent of the conformal latitude of the tangent of a latitude: with `e` the eccentricity,
/// `sigma = sinh(e atanh(e sin lat))`. Both functions are short series here, for `e sin lat` is at most 0.082.
fn conformal(tan_lat: f64) -> f64 {
    let secant = (1.0 + tan_lat * tan_lat).sqrt();
    let sin_lat = tan_lat / secant;
    let square = WGS84_ECCENTRICITY_2 * sin_lat * sin_lat;
    let series = |factors: [f64; 7]| factors.into_iter().rev().fold(0.0, |sum, factor| sum * square + factor);
    let turned = [1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0];
    let angle = WGS84_ECCENTRICITY_2 * sin_lat * series(turned);
    let sigma = angle * (1.0 + angle * angle / 6.0 * (1.0 + angle * angle / 20.0));
    tan_lat * (1.0 + sigma * sigma).sqrt() - sigma * secant
}

/// And back, by Newton's method.
fn geodetic(tan_chi: f64) -> f64 {
    /// Each doubles the digits, of which there are three to begin with.
    const ROUNDS: usize = 3;
    let flat = 1.0 - WGS84_ECCENTRICITY_2;
    let mut tan_lat = tan_chi / flat;
    for _ in 0..ROUNDS {
        let found = conformal(tan_lat);
        let slope =
            flat * (1.0 + found * found).sqrt() * (1.0 + tan_lat * tan_lat).sqrt() / (1.0 + flat * tan_lat * tan_lat);
        tan_lat += (tan_chi - found) / slope;
    }
    tan_lat
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::Crs;
    use proptest::prelude::*;
    use rstest::rstest;

    fn by_proj(from: u32, to: u32, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let [from, to] = [from, to].map(|code| Crs::parse(&format!("EPSG:{code}")).unwrap());
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
        from.transform_by_proj(&to, &mut x, &mut y);
        x.into_iter().zip(y).collect()
    }

    fn by_us(from: u32, to: u32, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let [from, to] = [from, to].map(|code| Plane::of_epsg(code).unwrap());
        let (mut x, mut y): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
        from.transform(to, &mut x, &mut y);
        x.into_iter().zip(y).collect()
    }

    fn far(a: (f64, f64), b: (f64, f64)) -> f64 {
        (a.0 - b.0).abs().max((a.1 - b.1).abs())
    }

    fn utm_code() -> impl Strategy<Value = u32> {
        prop_oneof![32_601..=32_660_u32, 32_701..=32_760_u32]
    }

    fn meridian(code: u32) -> f64 {
        f64::from(code % 100) * 6.0 - 183.0
    }

    proptest! {
        #[test]
        fn utm_is_what_proj_says_within_a_micrometre(code in utm_code(), away in -40.0..40.0f64, lat in -90.0..=90.0f64) {
            let place = [(meridian(code) + away, lat)];
            let (own, theirs) = (by_us(4326, code, &place), by_proj(4326, code, &place));
            prop_assert!(far(own[0], theirs[0]) < 1e-6, "{own:?} {theirs:?}");
        }

        #[test]
        fn and_the_way_back(code in utm_code(), x in -2e6..3e6f64, y in 0.0..1e7f64) {
            let (own, theirs) = (by_us(code, 4326, &[(x, y)]), by_proj(code, 4326, &[(x, y)]));
            prop_assert!(far(own[0], theirs[0]) < 1e-11, "{own:?} {theirs:?}");
        }

        #[test]
        fn from_epsg_3857_too(code in utm_code(), away in -5e6..5e6f64, y in -2e7..2e7f64) {
            let x = meridian(code).to_radians() * EARTH_RADIUS_M + away;
            let (own, theirs) = (by_us(3857, code, &[(x, y)]), by_proj(3857, code, &[(x, y)]));
            prop_assert!(far(own[0], theirs[0]) < 1e-6, "{own:?} {theirs:?}");
            let (own, theirs) = (by_us(code, 3857, &own), by_proj(code, 3857, &theirs));
            prop_assert!(far(own[0], theirs[0]) < 1e-5, "{own:?} {theirs:?}");
        }

        #[test]
        fn degrees_and_epsg_3857_are_what_proj_says(lon in -180.0..180.0f64, lat in -89.9..89.9f64) {
            let (own, theirs) = (by_us(4326, 3857, &[(lon, lat)]), by_proj(4326, 3857, &[(lon, lat)]));
            prop_assert!(far(own[0], theirs[0]) < 1e-6, "{own:?} {theirs:?}");
            let back = by_us(3857, 4326, &own);
            prop_assert!(far(back[0], (lon, lat)) < 1e-11, "{back:?}");
        }
    }

    #[rstest]
    #[case(32632)]
    #[case(32760)]
    fn places_far_away_have_an_image_where_they_have_one_for_proj(#[case] code: u32) {
        let lons = (-400..=400).map(f64::from);
        let places: Vec<(f64, f64)> = lons.flat_map(|lon| (-91..=91).map(move |lat| (lon, f64::from(lat)))).collect();
        let (own, theirs) = (by_us(4326, code, &places), by_proj(4326, code, &places));
        for ((place, own), theirs) in places.iter().zip(own).zip(theirs) {
            assert_eq!(own.0.is_finite(), theirs.0.is_finite(), "{place:?} {own:?} {theirs:?}");
            // Behind the horizon of the series both are wrong.
            assert!(!own.0.is_finite() || far(own, theirs) < 1.0, "{place:?} {own:?} {theirs:?}");
        }
    }

    #[rstest]
    #[case(4326, 3857, &[(0.0, 91.0), (0.0, -91.0), (f64::NAN, 0.0)])]
    #[case(4326, 32632, &[(9.0, 90.5), (9.0, f64::NAN), (f64::INFINITY, 0.0)])]
    #[case(32632, 4326, &[(1e9, 0.0), (f64::NAN, 0.0), (5e5, f64::INFINITY)])]
    fn what_has_no_image_is_not_finite(#[case] from: u32, #[case] to: u32, #[case] points: &[(f64, f64)]) {
        for (own, theirs) in by_us(from, to, points).iter().zip(by_proj(from, to, points)) {
            assert_eq!(*own, NOWHERE, "{theirs:?}");
            assert!(!theirs.0.is_finite(), "{theirs:?}");
        }
    }

    #[test]
    fn other_codes_are_projs() {
        for code in [0, 4269, 3395, 32_600, 32_661, 32_700, 32_761, 25832, u32::MAX] {
            assert_eq!(Plane::of_epsg(code), None, "{code}");
        }
    }
}
