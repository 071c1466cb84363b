//! Rings from the pieces of outlines that chunks and seams give.

use std::collections::HashMap;
use std::ops::Range;

use super::{Corner, ExtractError};

/// Pieces of outlines, from corner to corner.
#[derive(Debug, Default)]
pub struct Pieces {
    corners: Vec<Corner>,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
struct Piece {
    component: u32,
    corners: Range<usize>,
    used: bool,
}

/// The direction of an edge, counterclockwise: one more is a turn to the left.
type Heading = u8;

/// Where a piece of a part begins: its corner, its direction and the part.
type Start = (Corner, Heading, u32);

impl Pieces {
    /// Adds a piece with at least two corners.
    pub fn push(&mut self, component: u32, corners: impl IntoIterator<Item = Corner>) {
        let start = self.corners.len();
        self.corners.extend(corners);
        self.pieces.push(Piece { component, corners: start..self.corners.len(), used: false });
    }

    /// Joins the pieces; `part_of` says which part a component belongs to.
    ///
    /// # Errors
    /// [`ExtractError::Unmatched`].
    pub fn join(
        mut self, mut part_of: impl FnMut(u32) -> u32, mut ring: impl FnMut(u32, Vec<Corner>),
    ) -> Result<(), ExtractError> {
        for piece in &mut self.pieces {
            piece.component = part_of(piece.component);
        }
        let starts: HashMap<Start, usize> = (0..self.pieces.len()).map(|index| (self.start(index), index)).collect();
        for first in 0..self.pieces.len() {
            if self.pieces[first].used {
                continue;
            }
            let (mut corners, mut index) = (Vec::new(), first);
            loop {
                let piece = &mut self.pieces[index];
                if std::mem::replace(&mut piece.used, true) {
                    return Err(ExtractError::Unmatched { corner: self.corners[piece.corners.start] });
                }
                let (part, [.., before, last]) = (piece.component, &self.corners[piece.corners.clone()]) else {
                    break;
                };
                corners.extend_from_slice(&self.corners[piece.corners.start..piece.corners.end - 1]);
                let heading = heading(*before, *last);
                // A ring turns right where it can. A left turn where the part goes on to the right as well would make
                // a ring that touches itself; other parts of the class that touch here have starts of their own.
                let next = [3, 0, 1].iter().find_map(|turn| starts.get(&(*last, (heading + turn) % 4, part)));
                index = *next.ok_or(ExtractError::Unmatched { corner: *last })?;
                if index == first {
                    break;
                }
            }
            ring(self.pieces[first].component, canonical(&corners));
        }
        Ok(())
    }

    fn start(&self, index: usize) -> Start {
        let Piece { component, corners, .. } = &self.pieces[index];
        let first = self.corners[corners.start];
        (first, heading(first, self.corners[corners.start + 1]), *component)
    }
}

/// The direction from one corner to another.
fn heading(from: Corner, to: Corner) -> Heading {
    match (from[0].cmp(&to[0]), from[1].cmp(&to[1])) {
        (std::cmp::Ordering::Less, _) => 0,
        (_, std::cmp::Ordering::Greater) => 1,
        (std::cmp::Ordering::Greater, _) => 2,
        _ => 3,
    }
}

/// Without corners where the ring goes straight on, and from its first corner on.
fn canonical(ring: &[Corner]) -> Vec<Corner> {
    let count = ring.len();
    let turns = |at: &usize| {
        let [before, here, behind] = [at + count - 1, *at, at + 1].map(|index| ring[index % count]);
        heading(before, here) != heading(here, behind)
    };
    let mut corners: Vec<Corner> = (0..count).filter(turns).map(|at| ring[at]).collect();
    let first = (0..corners.len()).min_by_key(|at| [corners[*at][1], corners[*at][0]]);
    corners.rotate_left(first.unwrap_or(0));
    corners
}
