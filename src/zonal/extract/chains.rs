//! Outlines as numbers, so that they are short on their way between machines.

use serde::{Deserialize, Serialize};

/// Outlines: corners that follow each other, in columns and rows of a chunk.
///
/// The steps between corners go along y and x by turns, and so each is one number. The first goes along y, and has no
/// length where an outline sets off along x.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chains {
    /// Component, column and row of the first corner, and number of steps.
    heads: Vec<[u32; 4]>,
    steps: Vec<i32>,
}

impl Chains {
    /// Adds an outline; gives the number of its corners.
    #[expect(clippy::cast_possible_truncation, reason = "memory ends before")]
    pub fn push(&mut self, component: u32, corners: impl IntoIterator<Item = [u32; 2]>) -> u64 {
        let before = self.steps.len();
        let mut corners = corners.into_iter();
        let Some([x, y]) = corners.next() else { return 0 };
        let (mut at, mut axis, mut count) = ([x, y], 1, 1);
        for corner in corners {
            if count == 1 && corner[1] == y {
                self.steps.push(0);
                axis = 0;
            }
            self.steps.push(corner[axis].wrapping_sub(at[axis]).cast_signed());
            at = corner;
            axis = 1 - axis;
            count += 1;
        }
        self.heads.push([component, x, y, (self.steps.len() - before) as u32]);
        count
    }

    /// The outlines with their components.
    pub fn iter(&self) -> impl Iterator<Item = (u32, impl Iterator<Item = [u32; 2]>)> {
        let mut rest = self.steps.as_slice();
        self.heads.iter().map(move |[component, x, y, count]| {
            let (steps, behind) = rest.split_at(rest.len().min(*count as usize));
            rest = behind;
            let (mut at, mut axis) = ([*x, *y], 0);
            let corners = steps.iter().filter_map(move |step| {
                axis = 1 - axis;
                at[axis] = at[axis].wrapping_add_signed(*step);
                (*step != 0).then_some(at)
            });
            (*component, std::iter::once([*x, *y]).chain(corners))
        })
    }
}
