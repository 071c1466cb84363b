//! Which labels of a chunk are one component, and which components one region.

use super::labels::Labels;
use super::sweep::{NONE, Sweep};
use super::trace::{Component, SideRun};
use super::{Connectivity, Selection};

/// What the labels of a chunk mean.
pub struct Parts {
    labels: Vec<Meaning>,
    selection: Selection,
}

#[derive(Clone, Copy)]
struct Meaning {
    /// The label that stands for its component.
    root: u32,
    /// The label that stands for its region: the first of its components.
    region: u32,
    /// Cells of the component and the region that this label stands for.
    cells: u64,
    region_cells: u64,
    /// Whether they touch the border of the chunk, and may go on in others.
    open: bool,
    region_open: bool,
}

impl Parts {
    /// `sides` still has labels for components.
    pub fn new(sweep: &mut Sweep, sides: &[Vec<SideRun>; 4], selection: Selection) -> Self {
        let roots: Vec<u32> = (0..).take(sweep.cells.len()).map(|label| sweep.labels.find(label)).collect();
        let mut regions = Labels::new(roots.len());
        if selection.connectivity == Connectivity::Eight {
            let root = |node: u32| roots[sweep.nodes[node as usize].label as usize];
            sweep.saddles.iter().for_each(|[a, b]| regions.union(root(*a), root(*b)));
        }
        let meaning = |root: &u32| {
            let region = regions.find(*root);
            Meaning { root: *root, region, cells: 0, region_cells: 0, open: false, region_open: false }
        };
        let mut labels: Vec<Meaning> = roots.iter().map(meaning).collect();
        for (label, cells) in sweep.cells.iter().enumerate() {
            let Meaning { root, region, .. } = labels[label];
            labels[root as usize].cells += cells;
            labels[region as usize].region_cells += cells;
        }
        for run in sides.iter().flatten() {
            let Meaning { root, region, .. } = labels[run.component as usize];
            labels[root as usize].open = true;
            labels[region as usize].region_open = true;
        }
        Self { labels, selection }
    }

    /// Decides how outlines go on where two runs of one class touch at a corner.
    ///
    /// Each stays with its own run: so far they turn left. Where the runs are of one component, that would be one ring
    /// that touches itself; they turn right instead, and the ring becomes two. Where they may yet become one component
    /// outside the chunk, the outlines are cut, and [`super::ring`] decides.
    pub fn settle_saddles(&self, sweep: &mut Sweep) {
        for [a, b] in std::mem::take(&mut sweep.saddles) {
            let [first, second] = [a, b].map(|node| self.of(self.of(sweep.nodes[node as usize].label).root));
            let next = sweep.nodes[a as usize].next;
            if first.root == second.root {
                sweep.nodes[a as usize].next = std::mem::replace(&mut sweep.nodes[b as usize].next, next);
            } else if first.open && second.open {
                sweep.cut(a);
                sweep.cut(b);
            }
        }
    }

    /// The components, in the order of their first cells, and the number of each label's; [`NONE`] if it is left out:
    /// what has too few cells and doesn't touch the border can't grow.
    #[expect(clippy::cast_possible_truncation, reason = "no more than there are labels")]
    pub fn components(&self, sweep: &Sweep) -> (Vec<u32>, Vec<Component>) {
        let mut numbers = vec![NONE; self.labels.len()];
        let mut components = Vec::new();
        for (label, meaning) in self.labels.iter().enumerate() {
            if meaning.root as usize != label {
                numbers[label] = numbers[meaning.root as usize];
            } else if self.of(meaning.region).region_open || self.is_large(meaning.root) {
                numbers[label] = components.len() as u32;
                let region = numbers[meaning.region as usize];
                components.push(Component { class: sweep.classes[label], cells: meaning.cells, region });
            }
        }
        (numbers, components)
    }

    /// Whether the region of a label has enough cells already.
    pub fn is_large(&self, label: u32) -> bool {
        self.of(self.of(label).region).region_cells >= self.selection.min_cells
    }

    /// Regions that are complete, and large enough.
    pub fn closed_regions(&self) -> u64 {
        let counts = |(label, meaning): &(u32, &Meaning)| {
            meaning.region == *label && !meaning.region_open && meaning.region_cells >= self.selection.min_cells
        };
        (0..).zip(&self.labels).filter(counts).count() as u64
    }

    fn of(&self, label: u32) -> Meaning {
        self.labels[label as usize]
    }
}
