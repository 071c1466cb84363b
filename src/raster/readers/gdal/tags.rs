//! What the tags of a GeoTIFF say that GDAL takes long to find out: it builds a reference system from its parts, even
//! for the name of a unit, which takes PROJ longer than all the rest of an opening.

use std::cell::RefCell;
use std::ops::Range;

use bytes::Bytes;

use super::super::bytes::{ByteSource, Need};
use super::super::tiff::{MOST_METADATA_BYTES, Tiff};
use super::vsi::OpenFile;
use crate::geo::crs::Unit;

/// Keys of "OGC GeoTIFF Standard" 1.1, annex A.
mod key {
    pub const MODEL_TYPE: u16 = 1024;
    pub const RASTER_TYPE: u16 = 1025;
    pub const CITATION: u16 = 1026;
    pub const GEODETIC_CRS: u16 = 2048;
    pub const GEODETIC_CITATION: u16 = 2049;
    pub const ANGULAR_UNITS: u16 = 2054;
    pub const SEMI_MAJOR_AXIS: u16 = 2057;
    pub const INVERSE_FLATTENING: u16 = 2059;
    pub const PROJECTED_CRS: u16 = 3072;
    pub const LINEAR_UNITS: u16 = 3076;
}

const PROJECTED: u16 = 1;
const GEOGRAPHIC: u16 = 2;
const DEGREE: u16 = 9102;
const METRE: u16 = 9001;
/// Codes of EPSG's coordinate reference systems.
const CODES: Range<u16> = 1024..32767;

/// Whether a cell is a point; names; the ellipsoid, which the code has too.
const SAYS_NOTHING_NEW: [u16; 5] =
    [key::RASTER_TYPE, key::CITATION, key::GEODETIC_CITATION, key::SEMI_MAJOR_AXIS, key::INVERSE_FLATTENING];

/// What there is to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tags {
    /// The CRS, where it is nothing but a code.
    pub crs: Option<Coded>,
    /// Whether bands may have units: those of heights come with the CRS.
    pub has_units: bool,
}

/// A code, and the unit that the file says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coded {
    /// `EPSG:` and this number.
    pub code: u16,
    /// Of its axes.
    pub unit: Unit,
}

impl Tags {
    /// Those of the TIFF at a path, as far as they are there.
    pub fn of(path: &str) -> Option<Self> {
        let tiff = Tiff::read(&Seen(RefCell::new(OpenFile::open(path)?))).ok()?;
        let first = tiff.directories.first()?;
        let crs = coded(&first.geo_keys);
        Some(Self { crs, has_units: crs.is_none() || names_units(&first.gdal_metadata) })
    }
}

fn names_units(metadata: &[u8]) -> bool {
    const ROLE: &[u8] = b"unittype";
    metadata.len() as u64 >= MOST_METADATA_BYTES || metadata.windows(ROLE.len()).any(|window| window == ROLE)
}

/// The code in a directory of keys: a head of four numbers, then four for each key.
fn coded(keys: &[u16]) -> Option<Coded> {
    let (mut model, mut geodetic, mut projected) = (None, None, None);
    let (head, keys) = keys.split_at_checked(4)?;
    let keys = keys.get(..4 * usize::from(head[3]))?;
    for entry in keys.chunks_exact(4) {
        match (entry[0], entry[3]) {
            (key::MODEL_TYPE, value) => model = Some(value),
            (key::GEODETIC_CRS, value) => geodetic = Some(value),
            (key::PROJECTED_CRS, value) => projected = Some(value),
            (key::ANGULAR_UNITS, DEGREE) | (key::LINEAR_UNITS, METRE) => {}
            (key, _) if SAYS_NOTHING_NEW.contains(&key) => {}
            _ => return None,
        }
    }
    let coded = match (model?, geodetic, projected) {
        (PROJECTED, _, Some(code)) => Coded { code, unit: Unit::Metre },
        (GEOGRAPHIC, Some(code), None) => Coded { code, unit: Unit::Degree },
        _ => return None,
    };
    CODES.contains(&coded.code).then_some(coded)
}

/// A file as GDAL sees it.
struct Seen(RefCell<OpenFile>);

impl ByteSource for Seen {
    fn size(&self) -> u64 {
        self.0.borrow().size()
    }

    fn bytes(&self, range: Range<u64>) -> Result<Bytes, Need> {
        let length =
            range.end.min(self.size()).checked_sub(range.start).and_then(|length| usize::try_from(length).ok());
        let mut bytes = vec![0; length.filter(|_| range.end <= self.size()).ok_or(Need::Beyond)?];
        let is_there = self.0.borrow_mut().read_ranges([(range.start, bytes.as_mut_slice())]);
        if is_there { Ok(bytes.into()) } else { Err(Need::Missing(range)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// What GDAL writes for EPSG:32618: `gdal_translate -a_srs EPSG:32618`, then `listgeo`.
    const UTM: [[u16; 4]; 7] = [
        [1024, 0, 1, 1],
        [1025, 0, 1, 1],
        [1026, 34737, 22, 0],
        [2049, 34737, 7, 22],
        [2054, 0, 1, 9102],
        [3072, 0, 1, 32618],
        [3076, 0, 1, 9001],
    ];

    /// For EPSG:4326.
    const LON_LAT: [[u16; 4]; 7] = [
        [1024, 0, 1, 2],
        [1025, 0, 1, 1],
        [2048, 0, 1, 4326],
        [2049, 34737, 7, 0],
        [2054, 0, 1, 9102],
        [2057, 34736, 1, 1],
        [2059, 34736, 1, 0],
    ];

    fn keys(entries: &[[u16; 4]]) -> Vec<u16> {
        let count = u16::try_from(entries.len()).unwrap();
        [&[1, 1, 0, count][..], entries.as_flattened()].concat()
    }

    /// The same keys, one of them another.
    fn but(entries: &[[u16; 4]], other: [u16; 4]) -> Vec<u16> {
        let mut entries: Vec<_> = entries.iter().copied().filter(|entry| entry[0] != other[0]).collect();
        entries.push(other);
        keys(&entries)
    }

    #[rstest]
    #[case::utm(&UTM, Coded { code: 32618, unit: Unit::Metre })]
    #[case::lon_lat(&LON_LAT, Coded { code: 4326, unit: Unit::Degree })]
    fn a_plain_code_is_enough(#[case] entries: &[[u16; 4]], #[case] expected: Coded) {
        assert_eq!(coded(&keys(entries)), Some(expected));
    }

    #[rstest]
    #[case::nothing("", false)]
    #[case::statistics("<Item name=\"STATISTICS_MAXIMUM\" sample=\"0\">9</Item>", false)]
    #[case::a_unit("<Item name=\"UNITTYPE\" sample=\"0\" role=\"unittype\">m</Item>", true)]
    #[case::too_long_to_say(&" ".repeat(64 << 10), true)]
    fn units_are_looked_for(#[case] metadata: &str, #[case] expected: bool) {
        assert_eq!(names_units(metadata.as_bytes()), expected);
    }

    #[rstest]
    #[case::no_keys(vec![0])]
    #[case::cut_off(keys(&UTM)[..16].to_vec())]
    #[case::user_defined(but(&UTM, [3072, 0, 1, 32767]))]
    #[case::no_model(but(&UTM, [1024, 0, 1, 0]))]
    #[case::a_geocentric_model(but(&UTM, [1024, 0, 1, 3]))]
    #[case::in_feet(but(&UTM, [3076, 0, 1, 9003]))]
    #[case::in_grads(but(&LON_LAT, [2054, 0, 1, 9105]))]
    #[case::with_heights(but(&UTM, [4096, 0, 1, 5773]))]
    #[case::with_a_prime_meridian(but(&LON_LAT, [2051, 0, 1, 8903]))]
    #[case::with_a_projection_of_its_own(but(&UTM, [3075, 0, 1, 1]))]
    #[case::with_a_citation_that_may_be_the_system(but(&UTM, [3073, 34737, 9, 0]))]
    #[case::both(but(&LON_LAT, [3072, 0, 1, 32618]))]
    fn whatever_says_more_is_left_to_gdal(#[case] keys: Vec<u16>) {
        assert_eq!(coded(&keys), None);
    }
}
