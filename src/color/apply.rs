//! Painting: one band and its mask, through a colormap, to a picture.
//!
//! A picture of at most 256 colours, the usual case, comes out as palette and indices: a quarter
//! of the bytes, which the encoder needn't search for colours again. Equal input gives equal bytes.

use super::Colormap;
use super::lookup::Lookup;
use super::palette::Distinct;
use super::rgba::{Rgba, TRANSPARENT};

/// A painted band, row-major as its values were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Painted {
    /// A picture of at most 256 colours.
    Palette {
        /// An index into the palette for each pixel.
        indices: Vec<u8>,
        /// The colours that occur, each once, those that aren't opaque first.
        palette: Vec<Rgba>,
    },
    /// A picture of more colours: red, green, blue, alpha for each pixel.
    Rgba(Vec<u8>),
}

/// Paints a band of any type.
///
/// `mask` has one entry for each value: 0 is no data, fully transparent whatever the value, 255 is
/// valid, anything between multiplies the colour's alpha. Without a mask all values are valid.
#[must_use]
pub fn paint<T: Copy + Into<f64>>(map: &Colormap, values: &[T], mask: Option<&[u8]>) -> Painted {
    debug_assert!(mask.is_none_or(|mask| mask.len() == values.len()), "a mask fits its values");
    let lookup = Lookup::new(map);
    paint_with(|value: T| lookup.color(value.into()), values, mask)
}

/// Paints a band of bytes: the picture of [`paint`], from a table of 256 colours.
#[must_use]
pub fn paint_u8(map: &Colormap, values: &[u8], mask: Option<&[u8]>) -> Painted {
    debug_assert!(mask.is_none_or(|mask| mask.len() == values.len()), "a mask fits its values");
    let lookup = Lookup::new(map);
    let mut colors = [TRANSPARENT; 256];
    for (value, color) in (0..=u8::MAX).zip(&mut colors) {
        *color = lookup.color(value.into());
    }

    let color = |value: u8| colors[usize::from(value)];

    let census = Census::of(values, mask);
    if census.partly_valid {
        return paint_with(color, values, mask);
    }
    let Some((palette, index, no_data)) = census.palette(color) else {
        return paint_in_full(color, values, mask);
    };
    let index = |value: u8| index[usize::from(value)];
    let indices = match mask {
        None => values.iter().map(|&value| index(value)).collect(),
        Some(mask) => {
            let pixels = values.iter().zip(mask);
            pixels.map(|(&value, &valid)| if valid == 0 { no_data } else { index(value) }).collect()
        }
    };
    Painted::Palette { indices, palette }
}

/// What a band of bytes has in it.
struct Census {
    /// Which values are valid somewhere.
    valid: [bool; 256],
    /// Whether any pixel has no data.
    no_data: bool,
    /// Whether any pixel is valid in part; [`Census::palette`] leaves these out.
    partly_valid: bool,
}

impl Census {
    fn of(values: &[u8], mask: Option<&[u8]>) -> Self {
        // For validity 0, between, and 255; three tables, so that the loop has no branches.
        let mut seen = [[false; 256]; 3];
        match mask {
            None => values.iter().for_each(|&value| seen[2][usize::from(value)] = true),
            Some(mask) => {
                for (&value, &valid) in values.iter().zip(mask) {
                    let validity = usize::from(valid != 0) + usize::from(valid == u8::MAX);
                    seen[validity][usize::from(value)] = true;
                }
            }
        }
        let [no_data, partly_valid, valid] = seen;
        Self { valid, no_data: no_data.contains(&true), partly_valid: partly_valid.contains(&true) }
    }

    /// The palette, the index of each valid value, and that of no data; none with too many colours.
    fn palette(&self, color: impl Fn(u8) -> Rgba) -> Option<(Vec<Rgba>, [u8; 256], u8)> {
        let mut distinct = Distinct::new();
        let mut numbers = [0; 256];
        for ((value, number), valid) in (0..=u8::MAX).zip(&mut numbers).zip(self.valid) {
            if valid {
                *number = distinct.number(color(value), value.into())?;
            }
        }
        let no_data = if self.no_data { distinct.number(TRANSPARENT, f64::NAN)? } else { 0 };
        let (palette, places) = distinct.into_palette();
        let place = |number: u8| places[usize::from(number)];
        Some((palette, numbers.map(place), place(no_data)))
    }
}

fn paint_with<T>(color: impl Fn(T) -> Rgba, values: &[T], mask: Option<&[u8]>) -> Painted
where
    T: Copy + Into<f64>,
{
    let pixels = values.iter().map(|&value| (value.into(), color(value)));
    match mask {
        None => collect(pixels),
        Some(mask) => collect(pixels.zip(mask).map(|((value, color), &valid)| (value, masked(color, valid)))),
    }
}

fn paint_in_full(color: impl Fn(u8) -> Rgba, values: &[u8], mask: Option<&[u8]>) -> Painted {
    let colors = values.iter().map(|&value| color(value));
    let picture: Vec<Rgba> = match mask {
        None => colors.collect(),
        Some(mask) => colors.zip(mask).map(|(color, &valid)| masked(color, valid)).collect(),
    };
    Painted::Rgba(picture.into_flattened())
}

/// Makes a picture of (value, colour) pixels, with a palette for as long as that goes.
fn collect(mut pixels: impl ExactSizeIterator<Item = (f64, Rgba)>) -> Painted {
    let count = pixels.len();
    let mut distinct = Distinct::new();
    let mut indices = Vec::with_capacity(count);
    while let Some((value, color)) = pixels.next() {
        let Some(index) = distinct.number(color, value) else {
            let mut picture = Vec::with_capacity(count);
            picture.extend(indices.into_iter().map(|index| distinct.color(index)));
            picture.push(color);
            picture.extend(pixels.map(|(_, color)| color));
            return Painted::Rgba(picture.into_flattened());
        };
        indices.push(index);
    }
    let (palette, places) = distinct.into_palette();
    for index in &mut indices {
        *index = places[usize::from(*index)];
    }
    Painted::Palette { indices, palette }
}

/// The colour of a pixel that is valid to that degree.
#[inline]
fn masked(color: Rgba, valid: u8) -> Rgba {
    let [r, g, b, alpha] = color;
    match valid {
        0 => TRANSPARENT,
        u8::MAX => color,
        _ => [r, g, b, scaled(alpha, valid)],
    }
}

/// `alpha * valid / 255`, rounded to the nearest.
fn scaled(alpha: u8, valid: u8) -> u8 {
    let product = u16::from(alpha) * u16::from(valid);
    u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
}
