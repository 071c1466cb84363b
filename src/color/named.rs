//! The named colormaps: matplotlib's, cmocean's and rio-tiler's own, under rio-tiler's names.
//!
//! `scripts/colormaps.py` writes the table and describes its format; `COLORMAPS.md` has the
//! sources and licences. Nothing is parsed at start: a look-up walks the records, which
//! takes a few microseconds, and copies out one map.

use super::{Colormap, Rgba};

static TABLE: &[u8] = include_bytes!("named.bin");

/// The names that [`Colormap::named`] knows, in ascending order.
pub fn names() -> impl Iterator<Item = &'static str> {
    Records(TABLE).map(|record| record.name)
}

impl Colormap {
    /// The map of that name, a [`Colormap::Lut`]; names are lower-case, as rio-tiler's.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(Self::Lut(Box::new(colors(name)?)))
    }
}

fn colors(name: &str) -> Option<[Rgba; 256]> {
    let record = Records(TABLE).find(|record| record.name == name)?;
    match record.body {
        Body::Table(rows) => {
            let mut colors = [[0, 0, 0, 255]; 256];
            for (color, [r, g, b]) in colors.iter_mut().zip(rows) {
                *color = [*r, *g, *b, 255];
            }
            Some(colors)
        }
        Body::Reversed(corrections) => {
            let mut colors = colors(name.strip_suffix("_r")?)?;
            colors.reverse();
            for [index, r, g, b] in corrections {
                colors[usize::from(*index)] = [*r, *g, *b, 255];
            }
            Some(colors)
        }
    }
}

/// One map as the table holds it.
struct Record {
    name: &'static str,
    body: Body,
}

enum Body {
    /// 256 colours.
    Table(&'static [[u8; 3]]),
    /// The map of the name without `_r`, reversed, but for these (index, r, g, b).
    Reversed(&'static [[u8; 4]]),
}

/// Walks the table; ends at its end, or where it isn't well-formed (a test reads all of it).
struct Records(&'static [u8]);

impl Iterator for Records {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let (&length, rest) = self.0.split_first()?;
        let (name, rest) = rest.split_at_checked(length.into())?;
        let (&kind, rest) = rest.split_first()?;
        let (body, rest) = match kind {
            0 => {
                let (rows, rest) = rest.split_at_checked(256 * 3)?;
                (Body::Table(rows.as_chunks().0), rest)
            }
            1 => {
                let (&count, rest) = rest.split_first()?;
                let (corrections, rest) = rest.split_at_checked(usize::from(count) * 4)?;
                (Body::Reversed(corrections.as_chunks().0), rest)
            }
            _ => return None,
        };
        self.0 = rest;
        Some(Record { name: str::from_utf8(name).ok()?, body })
    }
}
