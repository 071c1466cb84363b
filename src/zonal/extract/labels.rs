//! Labels that turn out to mean the same (union-find).

/// Sets of labels; the smallest label of a set stands for it.
#[derive(Debug, Default)]
pub struct Labels {
    parents: Vec<u32>,
}

impl Labels {
    /// `count` labels, each for itself.
    pub fn new(count: usize) -> Self {
        Self { parents: (0..).take(count).collect() }
    }

    /// A new label.
    #[expect(clippy::cast_possible_truncation, reason = "a chunk has fewer runs than 2^32")]
    pub fn add(&mut self) -> u32 {
        let label = self.parents.len() as u32;
        self.parents.push(label);
        label
    }

    /// The label that stands for the set of this one.
    pub fn find(&mut self, mut label: u32) -> u32 {
        loop {
            let parent = self.parents[label as usize];
            if parent == label {
                return label;
            }
            // halving the path keeps it short
            let above = self.parents[parent as usize];
            self.parents[label as usize] = above;
            label = above;
        }
    }

    /// Makes two sets one.
    pub fn union(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        self.parents[a.max(b) as usize] = a.min(b);
    }
}
