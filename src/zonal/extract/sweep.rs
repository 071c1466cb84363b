//! The outlines in a chunk, found line by line from two rows of cells.
//!
//! A sweep knows the corners in a chunk, and which follows which. Every corner joins a vertical and a horizontal edge.
//! Nothing is known around the chunk: outlines begin and end on its border, and there is none along it.

use super::labels::Labels;

/// No corner: behind the last one of an outline, and the sides of runs that are on the border.
pub const NONE: u32 = u32::MAX;

/// A corner of an outline, in columns and rows of the chunk.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    pub x: u32,
    pub y: u32,
    /// The corner that follows; [`NONE`] where the outline ends.
    pub next: u32,
    /// Of the cells on the left of the outline.
    pub label: u32,
}

/// Cells of one row and class, as many as there are side by side: the runs of a row leave no gaps.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Behind the last column.
    pub end: u32,
    /// 0 for cells that are not wanted.
    pub class: u16,
    /// Which cells belong together; meaningless for class 0.
    pub label: u32,
    /// The corner at the upper end of the outline along the left side, wherever above that is.
    left: u32,
    /// The same on the right side.
    right: u32,
}

/// What is known of a chunk so far.
#[derive(Debug, Default)]
pub struct Sweep {
    pub nodes: Vec<Node>,
    /// Corners where outlines begin.
    pub starts: Vec<u32>,
    pub labels: Labels,
    pub classes: Vec<u16>,
    pub cells: Vec<u64>,
    /// Pairs of corners at one place, where two runs of one class touch.
    pub saddles: Vec<[u32; 2]>,
    /// The corner that the bottom edge comes from, and the one that the top edge goes to, of the cells right of the
    /// current place on a line.
    bottom: u32,
    top: u32,
}

impl Sweep {
    /// The runs of a row; `runs` is room to reuse.
    #[expect(clippy::cast_possible_truncation, reason = "no wider than the chunk")]
    pub fn runs(row: &[u16], runs: &mut Vec<Run>) {
        runs.clear();
        let mut end = 0;
        for cells in row.chunk_by(|a, b| a == b) {
            end += cells.len() as u32;
            runs.push(Run { end, class: cells[0], label: NONE, left: NONE, right: NONE });
        }
    }

    /// The upper border of the chunk, above its first row.
    pub fn first_line(&mut self, below: &mut [Run]) {
        for index in 0..below.len() {
            below[index].label = self.new_label(below[index].class);
            let Some([left, right]) = below[..=index].last_chunk_mut() else { continue };
            if left.class != 0 {
                left.right = self.node(left.end, 0, left.label, NONE);
            }
            if right.class != 0 {
                right.left = self.start(left.end, 0, right.label, NONE);
            }
        }
    }

    /// The lower border, at `y`.
    pub fn last_line(&mut self, y: u32, above: &[Run]) {
        for (left, right) in above.iter().zip(above.iter().skip(1)) {
            if left.class != 0 {
                self.start(left.end, y, left.label, left.right);
            }
            if right.class != 0 {
                self.end(left.end, y, right.label, right.left);
            }
        }
    }

    /// The line at `y` between two rows.
    pub fn line(&mut self, y: u32, above: &[Run], below: &mut [Run]) {
        let (mut b, mut d) = (0, 0);
        self.meet(&above[b], &mut below[d], true);
        if above[b].class != below[d].class {
            if above[b].class != 0 {
                self.bottom = self.start(0, y, above[b].label, NONE);
            }
            if below[d].class != 0 {
                self.top = self.node(0, y, below[d].label, NONE);
            }
        }
        loop {
            let (a, c) = (b, d);
            let x = above[a].end.min(below[c].end);
            b += usize::from(above[a].end == x);
            d += usize::from(below[c].end == x);
            if b == above.len() || d == below.len() {
                return self.right_border(x, y, &above[a], &below[c]);
            }
            self.meet(&above[b], &mut below[d], c != d);
            if a != b && c != d && above[a].class == below[c].class && above[b].class == below[d].class {
                // by far the most frequent: the outlines go straight down
                below[c].right = above[a].right;
                below[d].left = above[b].left;
            } else {
                self.place(x, y, [&above[a], &above[b]], below, [c, d]);
            }
        }
    }

    /// The labels of two runs, one above the other.
    fn meet(&mut self, above: &Run, below: &mut Run, is_new: bool) {
        let same = above.class == below.class && below.class != 0;
        if is_new {
            below.label = if same { above.label } else { self.new_label(below.class) };
        } else if same {
            self.labels.union(above.label, below.label);
        }
    }

    fn right_border(&mut self, x: u32, y: u32, above: &Run, below: &Run) {
        if above.class != below.class {
            if above.class != 0 {
                self.end(x, y, above.label, self.bottom);
            }
            if below.class != 0 {
                self.start(x, y, below.label, self.top);
            }
        }
    }

    /// A place where runs begin and end: the four cells around it, clockwise from the upper left, are `a`, `b`, `d`
    /// and `c`.
    ///
    /// Edge `i` is between cell `i` and the next one: up, right, down, left. On it, cell `i`'s outline leaves, and the
    /// next cell's outline arrives; each stays with its own cell if it can, and so turns left before it goes straight
    /// on or right. Upwards and to the left, the other end of an edge is known; for the others this corner is kept.
    fn place(&mut self, x: u32, y: u32, [a, b]: [&Run; 2], below: &mut [Run], [c, d]: [usize; 2]) {
        let cells = [*a, *b, below[d], below[c]];
        let same = |i: usize, k: usize| cells[i % 4].class == cells[k % 4].class;
        let known = |edge: usize| edge == 0 || edge == 3;
        let mut leaves = [a.right, NONE, NONE, self.top];
        let mut arrives = [b.left, NONE, NONE, self.bottom];
        let mut made = [NONE; 4];
        for i in 0..4 {
            let from = (i + 3) % 4;
            if cells[i].class == 0 || same(i, from) {
                continue;
            }
            let to = (i..i + 2).find(|k| !same(*k, k + 1)).unwrap_or(i + 2) % 4;
            if to == (i + 1) % 4 {
                if known(from) {
                    leaves[to] = arrives[from];
                } else {
                    arrives[from] = leaves[to];
                }
                continue;
            }
            let node = self.node(x, y, cells[i].label, if known(to) { leaves[to] } else { NONE });
            made[i] = node;
            if known(from) {
                self.nodes[arrives[from] as usize].next = node;
            } else {
                arrives[from] = node;
            }
            if !known(to) {
                leaves[to] = node;
            }
        }
        if c != d {
            (below[d].left, below[c].right) = (leaves[2], arrives[2]);
        }
        (self.bottom, self.top) = (leaves[1], arrives[1]);
        for (i, k) in [(0, 2), (1, 3)] {
            if cells[i].class != 0 && same(i, k) && !same(i, i + 1) && !same(i, i + 3) {
                self.saddles.push([made[i], made[k]]);
            }
        }
    }

    /// A corner, and what follows it.
    #[expect(clippy::cast_possible_truncation, reason = "memory ends before")]
    fn node(&mut self, x: u32, y: u32, label: u32, next: u32) -> u32 {
        self.nodes.push(Node { x, y, next, label });
        self.nodes.len() as u32 - 1
    }

    /// A corner where an outline begins.
    fn start(&mut self, x: u32, y: u32, label: u32, next: u32) -> u32 {
        let node = self.node(x, y, label, next);
        self.starts.push(node);
        node
    }

    /// A corner where the outline that comes from `previous` ends.
    fn end(&mut self, x: u32, y: u32, label: u32, previous: u32) {
        self.nodes[previous as usize].next = self.node(x, y, label, NONE);
    }

    /// Breaks an outline at a corner: it ends there, and another begins.
    pub fn cut(&mut self, node: u32) {
        let Node { x, y, label, next } = self.nodes[node as usize];
        self.nodes[node as usize].next = NONE;
        self.start(x, y, label, next);
    }

    fn new_label(&mut self, class: u16) -> u32 {
        if class == 0 {
            return NONE;
        }
        self.classes.push(class);
        self.cells.push(0);
        self.labels.add()
    }

    /// Counts the cells of a row whose labels are known.
    pub fn count(&mut self, runs: &[Run]) {
        let mut start = 0;
        for run in runs {
            if run.class != 0 {
                self.cells[run.label as usize] += u64::from(run.end - start);
            }
            start = run.end;
        }
    }
}
