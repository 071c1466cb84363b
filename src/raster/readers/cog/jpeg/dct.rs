//! From coefficients to cells: the inverse transform of libjpeg (`jidctint.c`, "islow"), to the bit.
//!
//! Loeffler, Ligtenberg and Moschytz, "Practical Fast 1-D DCT Algorithms with 11 Multiplications" (ICASSP 1989), in whole
//! numbers. Its rotations are rearranged into sums of two products, which processors do eight at a time.

use bytemuck::cast;
use wide::{f32x4, i16x8, i32x4, i32x8, u8x16};

/// Cells along a side of a block.
pub const SIDE: usize = 8;

/// Rows, and columns, in the order in which sums take them: pairs of them.
const PAIRS: [usize; SIDE] = [0, 4, 2, 6, 7, 1, 3, 5];

/// Digits of constants behind the point.
const CONSTANT_BITS: i32 = 13;
/// Digits that columns keep for rows.
const KEPT_BITS: i32 = 2;

/// Coefficients of a block, dequantized, where the transform takes them: rows of a pair beside each other, and columns in
/// the order of pairs.
#[derive(Debug, Clone, Default)]
#[repr(align(16))]
pub struct Coefficients([i16x8; SIDE]);

impl Coefficients {
    /// Sets the one at a place of `PLACES`.
    #[inline]
    pub fn set(&mut self, place: u8, value: i16) {
        let values: &mut [i16; SIDE * SIDE] = bytemuck::cast_mut(&mut self.0);
        values[usize::from(place) % (SIDE * SIDE)] = value;
    }
}

/// Where coefficients go, in the order of the stream: from corner to corner, by diagonals.
pub static PLACES: [u8; SIDE * SIDE] = {
    let mut places = [0; SIDE * SIDE];
    let (mut index, mut diagonal) = (0, 0);
    while diagonal < 2 * SIDE - 1 {
        let mut step = 0;
        while step <= diagonal {
            let (row, col) = if diagonal % 2 == 0 { (diagonal - step, step) } else { (step, diagonal - step) };
            if row < SIDE && col < SIDE {
                places[index] = place(row, col);
                index += 1;
            }
            step += 1;
        }
        diagonal += 1;
    }
    places
};

#[expect(clippy::cast_possible_truncation, reason = "below 64")]
const fn place(row: usize, col: usize) -> u8 {
    let (row, col) = (place_in_pairs(row), place_in_pairs(col));
    let vector = row / 2 * 2 + col / 4;
    (vector * SIDE + col % 4 * 2 + row % 2) as u8
}

const fn place_in_pairs(line: usize) -> usize {
    let mut place = 0;
    while PAIRS[place] != line {
        place += 1;
    }
    place
}

/// The cells of a block, row by row.
pub fn inverse(coefficients: &Coefficients) -> [[u8; SIDE]; SIDE] {
    let columns = lines::<{ CONSTANT_BITS - KEPT_BITS }>(coefficients.0);
    // Each has four pairs of columns, and becomes four vectors of one pair each.
    let [top, bottom] = [[0, 1, 2, 3], [4, 5, 6, 7]]
        .map(|rows| f32x4::transpose(rows.map(|row: usize| cast(columns[row]))).map(cast::<f32x4, i16x8>));
    let rows = lines::<{ CONSTANT_BITS + KEPT_BITS + 3 }>([
        top[0], bottom[0], top[1], bottom[1], top[2], bottom[2], top[3], bottom[3],
    ]);
    let rows = rows.map(|cells| cells.saturating_add(i16x8::splat(128)));
    transposed([0, 2, 4, 6].map(|row| u8x16::narrow_i16x8(rows[row], rows[row + 1])))
}

/// The cells of a block that has but a first coefficient.
#[expect(clippy::cast_sign_loss, reason = "0 to 255")]
pub fn flat(first: i16) -> u8 {
    (((i32::from(first) + 4) >> 3) + 128).clamp(0, 255) as u8
}

/// One dimension: eight lines at once, across which the sums go, without their last digits.
#[inline]
fn lines<const DROPPED: i32>(pairs: [i16x8; SIDE]) -> [i16x8; SIDE] {
    let low = four_lines::<DROPPED>([pairs[0], pairs[2], pairs[4], pairs[6]]);
    let high = four_lines::<DROPPED>([pairs[1], pairs[3], pairs[5], pairs[7]]);
    std::array::from_fn(|line| i16x8::from_i32x8_saturate(cast::<[i32x4; 2], i32x8>([low[line], high[line]])))
}

/// The same for four of them: the sums of pairs are 32 bits wide.
#[inline]
fn four_lines<const DROPPED: i32>([first, second, third, fourth]: [i16x8; 4]) -> [i32x4; SIDE] {
    let dot = |pair: i16x8, [a, b]: [i16; 2]| pair.dot(i16x8::new([a, b, a, b, a, b, a, b]));

    let half = i32x4::splat(1 << (DROPPED - 1));
    let sum = dot(first, [ONE, ONE]) + half;
    let difference = dot(first, [ONE, -ONE]) + half;
    let (two, three) = (dot(second, [C0_541, C0_541 - C1_847]), dot(second, [C0_541 + C0_765, C0_541]));
    let even = [sum + three, difference + two, difference - two, sum - three];

    let both = third + fourth;
    let (seven_three, one_five) = (dot(both, [C1_175 - C1_961, C1_175]), dot(both, [C1_175, C1_175 - C0_390]));
    let odd = [
        dot(third, [-C0_899, C1_501 - C0_899]) + one_five,
        dot(fourth, [C3_072 - C2_562, -C2_562]) + seven_three,
        dot(fourth, [-C2_562, C2_053 - C2_562]) + one_five,
        dot(third, [C0_298 - C0_899, -C0_899]) + seven_three,
    ];
    std::array::from_fn(|line| {
        let value = if line < 4 { even[line] + odd[line] } else { even[7 - line] - odd[7 - line] };
        value >> DROPPED
    })
}

/// Constants of the paper, in 1/8192.
const ONE: i16 = 8192;
const C0_298: i16 = 2446;
const C0_390: i16 = 3196;
const C0_541: i16 = 4433;
const C0_765: i16 = 6270;
const C0_899: i16 = 7373;
const C1_175: i16 = 9633;
const C1_501: i16 = 12299;
const C1_847: i16 = 15137;
const C1_961: i16 = 16069;
const C2_053: i16 = 16819;
const C2_562: i16 = 20995;
const C3_072: i16 = 25172;

/// Rows of 8 x 8 bytes from columns, two in a vector.
fn transposed(columns: [u8x16; 4]) -> [[u8; SIDE]; SIDE] {
    let zip = |[a, b]: [u8x16; 2]| [u8x16::unpack_low(a, b), u8x16::unpack_high(a, b)];
    // Three times halves are put between each other: what is i * 8 + j comes to j * 8 + i.
    let shuffled = |[a, b, c, d]: [u8x16; 4]| {
        let ([first, second], [third, fourth]) = (zip([a, c]), zip([b, d]));
        [first, second, third, fourth]
    };
    cast(shuffled(shuffled(shuffled(columns))))
}
