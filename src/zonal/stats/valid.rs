//! Valid cells, so that nothing below has to ask.

use super::cell::Cell;

/// Cells that are looked at together: they stay in the fastest cache.
const BLOCK: usize = 1024;

/// Hands over the valid cells, in blocks, and says how many there are not: where `validity` is 0, and NaN or infinity.
pub fn each_valid<T: Cell>(cells: &[T], validity: Option<&[u8]>, mut push: impl FnMut(&[T])) -> u64 {
    let mut masked = 0;
    for (index, block) in cells.chunks(BLOCK).enumerate() {
        let validity = validity.map(|flags| &flags[index * BLOCK..index * BLOCK + block.len()]);
        // without a branch a cell, many are looked at at once; mostly all are valid
        let are_flagged =
            validity.is_none_or(|flags| flags.iter().fold(255, |lowest: u8, flag| lowest.min(*flag)) != 0);
        if are_flagged && T::are_numbers(block) {
            push(block);
        } else {
            masked += push_valid(block, validity, &mut push);
        }
    }
    masked
}

/// Moves the valid cells of a block together: again without a branch a cell.
fn push_valid<T: Cell>(block: &[T], validity: Option<&[u8]>, push: &mut impl FnMut(&[T])) -> u64 {
    let mut kept = [T::default(); BLOCK];
    let mut count = 0;
    for (index, cell) in block.iter().enumerate() {
        kept[count] = *cell;
        let is_flagged = validity.is_none_or(|flags| flags[index] != 0);
        count += usize::from(is_flagged & T::are_numbers(&[*cell]));
    }
    push(&kept[..count]);
    (block.len() - count) as u64
}
