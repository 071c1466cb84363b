//! The outlines in one chunk.

use serde::{Deserialize, Serialize};

use super::Selection;
use super::chains::Chains;
use super::parts::Parts;
use super::sweep::{NONE, Node, Run, Sweep};
use crate::zonal::Window;

/// What a chunk gives: as much as its outlines are long, however many cells it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traced {
    /// The chunk.
    pub(super) window: Window,
    /// Its 4-connected parts.
    pub(super) components: Vec<Component>,
    /// Closed outlines, each from its first corner on.
    pub(super) rings: Chains,
    /// Outlines that begin and end on the border, or where it is open whether two parts that touch are one.
    pub(super) arcs: Chains,
    /// What lies along its top, bottom, left and right side.
    pub(super) sides: [Vec<SideRun>; 4],
    /// Regions that are surely in the result: those that don't touch the border.
    pub(super) regions: u64,
    /// Corners that are surely in the result, whatever is around the chunk.
    pub(super) corners: u64,
}

/// Cells of a chunk that are connected by their sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Component {
    pub class: u16,
    pub cells: u64,
    /// The first component of the same region in this chunk.
    pub region: u32,
}

/// Cells side by side along a side of a chunk, in its columns or rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideRun {
    pub start: u32,
    /// Behind the last one.
    pub end: u32,
    pub component: u32,
}

/// Draws the outlines in a chunk.
///
/// `classes` has one number a cell, row by row: 0 for cells that are not wanted, and regions of different numbers stay
/// apart. A chunk without any other number need not be traced.
#[must_use]
pub fn trace(window: Window, classes: &[u16], selection: Selection) -> Traced {
    debug_assert_eq!(classes.len() as u64, u64::from(window.width) * u64::from(window.height));
    let mut sweep = Sweep::default();
    let mut sides: [Vec<SideRun>; 4] = Default::default();
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for (y, row) in (0..).zip(classes.chunks_exact(window.width.max(1) as usize)) {
        Sweep::runs(row, &mut below);
        if y == 0 {
            sweep.first_line(&mut below);
            push_all(&mut sides[0], &below);
        } else {
            sweep.line(y, &above, &mut below);
        }
        sweep.count(&below);
        push(&mut sides[2], y, y + 1, below.first());
        push(&mut sides[3], y, y + 1, below.last());
        std::mem::swap(&mut above, &mut below);
    }
    sweep.last_line(window.height, &above);
    push_all(&mut sides[1], &above);
    finish(window, sweep, sides, selection)
}

/// The runs of the first or last row.
fn push_all(side: &mut Vec<SideRun>, runs: &[Run]) {
    let mut start = 0;
    for run in runs {
        push(side, start, run.end, Some(run));
        start = run.end;
    }
}

fn push(side: &mut Vec<SideRun>, start: u32, end: u32, run: Option<&Run>) {
    let Some(run) = run.filter(|run| run.class != 0) else { return };
    match side.last_mut() {
        Some(last) if last.end == start && last.component == run.label => last.end = end,
        _ => side.push(SideRun { start, end, component: run.label }),
    }
}

/// Numbers the components, and takes the outlines out of the sweep.
fn finish(window: Window, mut sweep: Sweep, mut sides: [Vec<SideRun>; 4], selection: Selection) -> Traced {
    let parts = Parts::new(&mut sweep, &sides, selection);
    parts.settle_saddles(&mut sweep);
    let (numbers, components) = parts.components(&sweep);
    for run in sides.iter_mut().flatten() {
        run.component = numbers[run.component as usize];
    }
    let (mut rings, mut arcs, mut corners) = (Chains::default(), Chains::default(), Vec::new());
    let mut sure_corners = 0;
    let starts = std::mem::take(&mut sweep.starts);
    for (index, first) in starts.iter().copied().chain((0..).take(sweep.nodes.len())).enumerate() {
        let label = sweep.nodes[first as usize].label;
        if label == NONE || numbers[label as usize] == NONE {
            continue; // drawn already, or too small
        }
        walk(&mut sweep.nodes, first, &mut corners);
        let is_arc = index < starts.len();
        let chains = if is_arc { &mut arcs } else { &mut rings };
        let count = chains.push(numbers[label as usize], corners.iter().copied());
        if parts.is_large(label) {
            // the ends of an arc may go straight on in the next chunk
            sure_corners += if is_arc { count.saturating_sub(2) } else { count };
        }
    }
    Traced { window, components, rings, arcs, sides, regions: parts.closed_regions(), corners: sure_corners }
}

/// The corners of an outline; they are marked as drawn.
fn walk(nodes: &mut [Node], first: u32, corners: &mut Vec<[u32; 2]>) {
    corners.clear();
    let mut at = first;
    while at != NONE && nodes[at as usize].label != NONE {
        let node = &mut nodes[at as usize];
        corners.push([node.x, node.y]);
        node.label = NONE;
        at = node.next;
    }
}
