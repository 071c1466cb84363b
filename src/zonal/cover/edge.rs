//! One edge of a polygon: where it is at a height or at a column border.

/// An edge that runs down the rows: `y0 <= y1`.
///
/// Both directions of an edge are this one with opposite windings, so that what shared edges add cancels exactly.
/// Positions on it are monotonic in spite of rounding, and never outside its ends.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    pub x0: f64,
    pub y0: f64,
    pub x1: f64,
    pub y1: f64,
    /// By how much the winding number right of the edge is higher than left of it.
    pub winding: i64,
}

impl Edge {
    pub fn new([from, to]: [[f64; 2]; 2]) -> Self {
        if from[1] <= to[1] {
            Self { x0: from[0], y0: from[1], x1: to[0], y1: to[1], winding: -1 }
        } else {
            Self { x0: to[0], y0: to[1], x1: from[0], y1: from[1], winding: 1 }
        }
    }

    /// Leftmost and rightmost column between two heights, of which the lower (`bottom`) lies below the edge's top.
    pub fn reach(&self, top: f64, bottom: f64) -> [f64; 2] {
        let (a, b) = (self.x_at(top), self.x_at(bottom));
        [a.min(b), a.max(b)]
    }

    /// Column at a height; that of the nearer end outside the edge.
    ///
    /// The formula is GDAL's, so that centres exactly on an edge are found on it by both or by neither.
    pub fn x_at(&self, y: f64) -> f64 {
        if y <= self.y0 {
            self.x0
        } else if y >= self.y1 {
            self.x1
        } else {
            let x = (y - self.y0) * (self.x1 - self.x0) / (self.y1 - self.y0) + self.x0;
            x.max(self.x0.min(self.x1)).min(self.x0.max(self.x1))
        }
    }

    /// Height at a column, for edges that are not vertical.
    pub fn y_at(&self, x: f64) -> f64 {
        let y = (x - self.x0) * (self.y1 - self.y0) / (self.x1 - self.x0) + self.y0;
        y.max(self.y0).min(self.y1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn positions_on_an_edge_follow_each_other_and_never_leave_it(
            from in prop::array::uniform2(-1.0..1.0), far in any::<bool>(),
            way in prop::array::uniform2(-1e3..1e3), share in 0.0..=1.0,
        ) {
            let from = if far { from.map(|value: f64| value * 1e7) } else { from };
            let edge = Edge::new([from, [from[0] + way[0], from[1] + way[1]]]);
            let y = edge.y1.min(edge.y0 + share * (edge.y1 - edge.y0));
            let down = [edge.y0, edge.y0.next_up(), y, y.next_up(), edge.y1.next_down(), edge.y1];
            let columns = down.map(|y| edge.x_at(y));
            prop_assert_eq!([columns[0], columns[5]], [edge.x0, edge.x1]);
            prop_assert!(columns.is_sorted() || columns.iter().rev().is_sorted(), "{:?}", columns);

            let [left, right] = [edge.x0.min(edge.x1), edge.x0.max(edge.x1)];
            let heights = [left, left.next_up(), right.next_down(), right].map(|x| edge.y_at(x));
            prop_assert!(heights.is_sorted() || heights.iter().rev().is_sorted(), "{:?}", heights);
            prop_assert!(heights.iter().all(|height| (edge.y0..=edge.y1).contains(height)), "{:?}", heights);
        }
    }
}
