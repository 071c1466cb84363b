//! From components to pixels, as libjpeg does it, to the bit: chrominance is interpolated (`jdsample.c`, "fancy"), then
//! converted by ITU-R BT.601 (`jdcolor.c`).

use std::ops::Range;

use bytemuck::{cast, cast_slice};
use wide::{i16x8, i32x4, i32x8, u8x16};

use crate::raster::readers::cog::block::Area;

/// Pixels that are converted at once.
const AT_ONCE: usize = 16;

/// The cells of a component.
#[derive(Debug, Clone)]
pub struct Plane {
    /// Rows of `stride` cells, as long as whole blocks.
    pub cells: Vec<u8>,
    pub stride: usize,
    /// Those of the picture.
    pub width: usize,
    pub height: usize,
    /// Pixels that one of them stands for, across and down.
    pub pixels: [usize; 2],
}

impl Plane {
    fn row(&self, row: usize) -> &[u8] {
        &self.cells[row.min(self.height - 1) * self.stride..][..self.width]
    }
}

/// Luminance and chrominance as red, green and blue, in an area.
pub fn to_rgb(luminance: &Plane, chrominance: [&Plane; 2], area: &Area, out: &mut [u8]) {
    let cols = &area.cols;
    let mut rows = chrominance.map(|_| Vec::new());
    for (y, out) in rows_of(out, luminance.width * 3, area) {
        for (row, plane) in rows.iter_mut().zip(chrominance) {
            upsampled(plane, y, cols, row);
        }
        let [blue, red] = [0, 1].map(|index| {
            // They begin with the first pixel of a cell.
            &rows[index][cols.start % chrominance[index].pixels[0]..]
        });
        convert(&luminance.row(y)[cols.clone()], blue, red, &mut out[3 * cols.start..3 * cols.end]);
    }
}

/// Components beside each other, as they are, in an area.
pub fn interleaved(planes: &[Plane], width: usize, area: &Area, out: &mut [u8]) {
    for (y, out) in rows_of(out, width * planes.len(), area) {
        for (index, plane) in planes.iter().enumerate() {
            let out = out[area.cols.start * planes.len() + index..].iter_mut().step_by(planes.len());
            out.zip(&plane.row(y)[area.cols.clone()]).for_each(|(to, from)| *to = *from);
        }
    }
}

/// The rows of an area of a picture, with their numbers.
fn rows_of<'a>(out: &'a mut [u8], length: usize, area: &Area) -> impl Iterator<Item = (usize, &'a mut [u8])> {
    out.chunks_exact_mut(length).enumerate().take(area.rows.end).skip(area.rows.start)
}

/// Columns of row `y` of the picture of a component that has fewer cells, from the first pixel of a cell on.
fn upsampled(plane: &Plane, y: usize, cols: &Range<usize>, out: &mut Vec<u8>) {
    /// Fewer cells are repeated.
    const LEAST: usize = 3;
    out.clear();
    let across = plane.pixels[0];
    let cells = cols.start / across..cols.end.div_ceil(across);
    let near = plane.row(y / plane.pixels[1]);
    match plane.pixels {
        [1, 1] => out.extend_from_slice(&near[cells]),
        [2, 1] if plane.width >= LEAST => {
            smoothed(&cells, plane.width, |beside| near[beside].iter().map(|cell| u16::from(*cell)), [1, 2], 2, out);
        }
        [2, 2] if plane.width >= LEAST => {
            let row = y / 2;
            let far = plane.row(if y.is_multiple_of(2) { row.saturating_sub(1) } else { row + 1 });
            let sums = |beside: Range<usize>| {
                near[beside.clone()].iter().zip(&far[beside]).map(|(near, far)| 3 * u16::from(*near) + u16::from(*far))
            };
            smoothed(&cells, plane.width, sums, [8, 7], 4, out);
        }
        _ => out.extend(near[cells].iter().flat_map(|cell| std::iter::repeat_n(*cell, across))),
    }
}

/// Two pixels a cell: three quarters of it, and one of the cell on the other side. `more` is added before digits are
/// dropped: they are rounded up and down by turns.
#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes")]
fn smoothed<I: Iterator<Item = u16>>(
    cells: &Range<usize>, width: usize, of: impl Fn(Range<usize>) -> I, more: [u16; 2], digits: u32, out: &mut Vec<u8>,
) {
    // What is beside the picture is its last cell.
    let beside = cells.start.saturating_sub(1)..(cells.end + 1).min(width);
    let mut padded: Vec<u16> = Vec::with_capacity(cells.len() + 2);
    if beside.start == cells.start {
        padded.extend(of(beside.start..beside.start + 1));
    }
    padded.extend(of(beside.clone()));
    if beside.end == cells.end {
        padded.extend_from_within(padded.len() - 1..);
    }
    out.resize(2 * cells.len(), 0);
    let neighbours = padded.iter().zip(&padded[1..]).zip(&padded[2..]);
    for (((left, cell), right), pixels) in neighbours.zip(out.as_chunks_mut::<2>().0) {
        let near = 3 * cell;
        *pixels = [((near + left + more[0]) >> digits) as u8, ((near + right + more[1]) >> digits) as u8];
    }
}

/// Converts a row; chrominance may be longer than it.
fn convert(luminance: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
    let (whole, rest) = luminance.as_chunks::<AT_ONCE>();
    let (whole_out, rest_out) = out.as_chunks_mut::<{ 3 * AT_ONCE }>();
    let chrominance = blue.as_chunks::<AT_ONCE>().0.iter().zip(red.as_chunks::<AT_ONCE>().0);
    for ((luminance, (blue, red)), out) in whole.iter().zip(chrominance).zip(whole_out) {
        convert_some(*luminance, *blue, *red, out);
    }
    if !rest.is_empty() {
        let start = luminance.len() - rest.len();
        let padded = |cells: &[u8]| {
            let mut padded = [0; AT_ONCE];
            padded[..rest.len()].copy_from_slice(&cells[start..start + rest.len()]);
            padded
        };
        let mut pixels = [0; 3 * AT_ONCE];
        convert_some(padded(luminance), padded(blue), padded(red), &mut pixels);
        rest_out.copy_from_slice(&pixels[..rest_out.len()]);
    }
}

/// Sixteen pixels. What libjpeg multiplies by is in 1/65536; whole parts of it are added by themselves, so that products
/// of the rest fit.
#[inline]
fn convert_some(luminance: [u8; AT_ONCE], blue: [u8; AT_ONCE], red: [u8; AT_ONCE], out: &mut [u8; 3 * AT_ONCE]) {
    /// 1.402 - 1, 1.772 - 2, -0.34414, 1 - 0.71414.
    const RED: i16 = 26345;
    const BLUE: i16 = -14942;
    const GREEN: [i16; 2] = [-22554, 18734];
    let [luminance, blue, red] = [luminance, blue, red].map(u8x16::from);
    let halves = |cells: u8x16| [i16x8::from_u8x16_low(cells), i16x8::from_u8x16_high(cells)];
    let signed = |cells: u8x16| halves(cells).map(|cells| cells - i16x8::splat(128));
    // Rounded: the high half of twice the product has one digit more.
    let times = |cells: i16x8, factor: i16| {
        let product: i16x8 = (cells + cells).mul_keep_high(i16x8::splat(factor)) + i16x8::splat(1);
        product >> 1
    };
    let green = |pairs: [i16x8; 2]| {
        let [a, b] = GREEN;
        let sums = pairs.map(|pair| (pair.dot(i16x8::new([a, b, a, b, a, b, a, b])) + i32x4::splat(1 << 15)) >> 16);
        i16x8::from_i32x8_saturate(cast::<[i32x4; 2], i32x8>(sums))
    };
    let (lights, blues, reds) = (halves(luminance), signed(blue), signed(red));
    let greens = [green(signed(u8x16::unpack_low(blue, red))), green(signed(u8x16::unpack_high(blue, red)))];
    let narrow = |[low, high]: [i16x8; 2]| u8x16::narrow_i16x8(low, high);
    let r = narrow([0, 1].map(|half| lights[half] + reds[half] + times(reds[half], RED)));
    let g = narrow([0, 1].map(|half| lights[half] - reds[half] + greens[half]));
    let b = narrow([0, 1].map(|half| lights[half] + blues[half] + blues[half] + times(blues[half], BLUE)));

    // Four bytes a pixel, of which the next one writes over the last.
    let zip = |a: u8x16, b: u8x16| [u8x16::unpack_low(a, b), u8x16::unpack_high(a, b)];
    let ([rb_low, rb_high], [g_low, g_high]) = (zip(r, b), zip(g, u8x16::splat(0)));
    let pixels = [zip(rb_low, g_low), zip(rb_high, g_high)];
    let pixels: &[[u8; 4]] = cast_slice(pixels.as_flattened());
    let (all_but_last, last) = pixels.split_at(AT_ONCE - 1);
    for (index, pixel) in all_but_last.iter().enumerate() {
        out[3 * index..3 * index + 4].copy_from_slice(pixel);
    }
    out[3 * (AT_ONCE - 1)..].copy_from_slice(&last[0][..3]);
}
