//! Undoing predictors, and the order of bytes: from what a codec gives to the numbers of this machine.
//!
//! Rows are independent. The loops are written so that the compiler keeps sums in registers and uses vectors.

use bytemuck::cast;
use wide::u8x16;

use super::super::tiff::Endian;
use super::layout::Predictor;
use crate::raster::Sample;

/// A cell as it is in the file: plain bytes, which codecs write in place.
pub trait Cell: Sample + bytemuck::Pod {
    /// The sum of whole numbers, around the end of their range; of floats that of their bits.
    fn add(self, other: Self) -> Self;

    /// The same with its bytes the other way round.
    fn swapped(self) -> Self;

    /// Rows of bytes, `N` of them as long as this one: the first bytes of all cells (the most significant), then the
    /// second ones, and so on.
    fn gather(planes: &[u8], row: &mut [Self]);
}

/// Undoes a predictor in rows of `row_cells` cells of `samples` bands, and puts the bytes in this machine's order. Of each
/// row only the first `wanted` cells need to be right.
pub fn undo<T: Cell>(
    cells: &mut [T], predictor: Predictor, endian: Endian, row_cells: usize, wanted: usize, samples: usize,
) {
    if predictor == Predictor::Floating {
        // The bytes of this predictor have an order of their own.
        let mut planes = vec![0; row_cells * size_of::<T>()];
        for row in cells.chunks_exact_mut(row_cells) {
            planes.copy_from_slice(bytemuck::cast_slice(row));
            accumulate(&mut planes, samples);
            T::gather(&planes, row);
        }
        return;
    }
    to_native(cells, endian);
    if predictor == Predictor::Horizontal {
        cells.chunks_exact_mut(row_cells).for_each(|row| accumulate(&mut row[..wanted], samples));
    }
}

/// Puts the bytes of cells in this machine's order.
pub fn to_native<T: Cell>(cells: &mut [T], endian: Endian) {
    if endian != NATIVE && size_of::<T>() > 1 {
        for cell in cells {
            *cell = cell.swapped();
        }
    }
}

/// This machine's.
const NATIVE: Endian = if cfg!(target_endian = "little") { Endian::Little } else { Endian::Big };

/// Sums up differences from one pixel to the next.
fn accumulate<T: Cell>(row: &mut [T], samples: usize) {
    match samples {
        1 => accumulate_by::<T, 1>(row),
        2 => accumulate_by::<T, 2>(row),
        3 if size_of::<T>() == 1 => accumulate_rgb(bytemuck::cast_slice_mut(row)),
        3 => accumulate_by::<T, 3>(row),
        4 => accumulate_by::<T, 4>(row),
        _ => {
            for index in samples..row.len() {
                row[index] = row[index].add(row[index - samples]);
            }
        }
    }
}

/// The same, with the sums in registers.
fn accumulate_by<T: Cell, const SAMPLES: usize>(row: &mut [T]) {
    let mut sum = [T::default(); SAMPLES];
    for pixel in row.as_chunks_mut::<SAMPLES>().0 {
        for (sum, sample) in sum.iter_mut().zip(pixel) {
            *sum = sum.add(*sample);
            *sample = *sum;
        }
    }
}

/// The same for three bytes a pixel. They are added at once, with a fourth one that nobody looks at.
#[expect(clippy::cast_possible_truncation, reason = "four bytes are looked at")]
fn accumulate_rgb(row: &mut [u8]) {
    let mut sum = u8x16::from([0; 16]);
    let (fours, rest) = row.as_chunks_mut::<12>();
    for four in fours {
        // All are read before the first one is written, which ends in the next one.
        let [low, middle, high] = cast::<[u8; 12], [u32; 3]>(*four).map(|word| u64::from(u32::from_le(word)));
        let pixels = [low, low >> 24 | middle << 8, middle >> 16 | high << 16, high >> 8];
        let [first, second, third, fourth] = pixels.map(|pixel| {
            sum += cast::<[u32; 4], u8x16>([(pixel as u32).to_le(), 0, 0, 0]);
            cast::<[u8; 16], [[u8; 4]; 4]>(sum.to_array())[0]
        });
        four[0..4].copy_from_slice(&first);
        four[3..7].copy_from_slice(&second);
        four[6..10].copy_from_slice(&third);
        four[9..12].copy_from_slice(&fourth[..3]);
    }
    let [first, ..] = cast::<[u8; 16], [[u8; 4]; 4]>(sum.to_array());
    if let Some((pixel, sum)) = rest.first_chunk_mut::<3>().zip(first.first_chunk::<3>()) {
        pixel.iter_mut().zip(sum).for_each(|(sample, sum)| *sample = sample.wrapping_add(*sum));
    }
    accumulate_by::<u8, 3>(rest);
}

macro_rules! cell {
    ($($type:ident $add:expr, $swap:expr, $bytes:literal);*) => {$(
        impl Cell for $type {
            fn add(self, other: Self) -> Self { $add(self, other) }
            fn swapped(self) -> Self { $swap(self) }
            fn gather(planes: &[u8], row: &mut [Self]) {
                let length = row.len();
                let planes: [&[u8]; $bytes] = std::array::from_fn(|byte| &planes[byte * length..(byte + 1) * length]);
                for (index, cell) in row.iter_mut().enumerate() {
                    *cell = Self::from_be_bytes(std::array::from_fn(|byte| planes[byte][index]));
                }
            }
        }
    )*};
}

cell!(
    u8 u8::wrapping_add, u8::swap_bytes, 1; i8 i8::wrapping_add, i8::swap_bytes, 1;
    u16 u16::wrapping_add, u16::swap_bytes, 2; i16 i16::wrapping_add, i16::swap_bytes, 2;
    u32 u32::wrapping_add, u32::swap_bytes, 4; i32 i32::wrapping_add, i32::swap_bytes, 4;
    u64 u64::wrapping_add, u64::swap_bytes, 8; i64 i64::wrapping_add, i64::swap_bytes, 8;
    f32 |a: f32, b: f32| f32::from_bits(a.to_bits().wrapping_add(b.to_bits())),
        |cell: f32| f32::from_bits(cell.to_bits().swap_bytes()), 4;
    f64 |a: f64, b: f64| f64::from_bits(a.to_bits().wrapping_add(b.to_bits())),
        |cell: f64| f64::from_bits(cell.to_bits().swap_bytes()), 8
);

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "differences wrap around on purpose")]
mod tests {
    use super::*;
    use rstest::rstest;

    const COLS: usize = 37;

    /// Two rows that start anew, sums that wrap around.
    fn texture(samples: usize) -> Vec<u16> {
        (0..2 * COLS * samples).map(|index| (index * 7919 + index * index * 31) as u16).collect()
    }

    #[rstest]
    fn differences_are_summed_up_by_band_and_row(#[values(1, 2, 3, 4, 5, 7)] samples: usize) {
        let (cells, row_cells) = (texture(samples), COLS * samples);
        let difference =
            |row: &[u16], at: usize| if at < samples { row[at] } else { row[at].wrapping_sub(row[at - samples]) };
        let mut predicted: Vec<u16> = cells
            .chunks_exact(row_cells)
            .flat_map(|row| (0..row_cells).map(|at| difference(row, at)).collect::<Vec<_>>())
            .collect();
        let swapped: Vec<u16> = predicted.iter().map(|cell| cell.swap_bytes()).collect();
        undo(&mut predicted, Predictor::Horizontal, NATIVE, row_cells, row_cells, samples);
        assert_eq!(predicted, cells);
        let other = if NATIVE == Endian::Little { Endian::Big } else { Endian::Little };
        let mut foreign = swapped;
        undo(&mut foreign, Predictor::Horizontal, other, row_cells, row_cells, samples);
        assert_eq!(foreign, cells);
    }

    #[rstest]
    fn bytes_of_pixels_are_summed_up_at_once(
        #[values(1, 2, 3, 4, 5)] samples: usize, #[values(0, 1, 3, 4, 7, 8, 37)] cols: usize,
    ) {
        let cells: Vec<u8> = (0..cols * samples).map(|index| (index * 79 + index * index * 31) as u8).collect();
        let difference = |at: usize| if at < samples { cells[at] } else { cells[at].wrapping_sub(cells[at - samples]) };
        let mut predicted: Vec<u8> = (0..cells.len()).map(difference).collect();
        accumulate(&mut predicted, samples);
        assert_eq!(predicted, cells);
    }

    #[rstest]
    fn floats_are_put_together_from_planes_of_bytes(#[values(1, 2, 3, 4, 5)] samples: usize) {
        let cells: Vec<f32> = texture(samples).iter().map(|cell| f32::from(*cell) * -1.5e-3).collect();
        let mut predicted = Vec::new();
        for row in cells.chunks_exact(COLS * samples) {
            let planes: Vec<u8> =
                (0..4).flat_map(|byte| row.iter().map(move |cell| cell.to_be_bytes()[byte])).collect();
            let difference =
                |at: usize| if at < samples { planes[at] } else { planes[at].wrapping_sub(planes[at - samples]) };
            predicted.extend((0..planes.len()).map(difference));
        }
        let mut read: Vec<f32> = predicted.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect();
        undo(&mut read, Predictor::Floating, Endian::Big, COLS * samples, COLS * samples, samples);
        assert_eq!(read, cells);
    }
}
