//! Seams: the lines where chunks meet, and where what is around them begins.

use std::collections::BTreeMap;

use super::Corner;
use super::trace::{SideRun, Traced};

/// Cells side by side along one side of a seam.
#[derive(Debug, Clone, Copy)]
pub struct SeamRun {
    start: u64,
    end: u64,
    /// Counted over all chunks.
    pub component: u32,
    pub class: u16,
}

/// What happens along a seam.
pub enum Event {
    /// Two components are one: they share a side.
    Join(u32, u32),
    /// Two components of a class touch at a corner.
    Touch(u32, u32),
    /// An edge of the outline of a component, which is on its left.
    Edge(u32, [Corner; 2]),
}

/// The lines of one direction, with the runs before (above, left) and behind them.
#[derive(Default)]
struct Lines(BTreeMap<u64, [Vec<SeamRun>; 2]>);

/// What happens along all seams of some chunks; each comes with the number of its first component.
pub fn walk<'a>(chunks: impl Iterator<Item = (u32, &'a Traced)>, mut event: impl FnMut(Event)) {
    let (mut horizontal, mut vertical) = (Lines::default(), Lines::default());
    for (base, chunk) in chunks {
        let window = &chunk.window;
        let (right, bottom) = (window.col + u64::from(window.width), window.row + u64::from(window.height));
        let [on_top, on_bottom, on_left, on_right] = &chunk.sides;
        let add = |lines: &mut Lines, at: u64, side: usize, origin: u64, runs: &[SideRun]| {
            lines.0.entry(at).or_default()[side].extend(runs.iter().map(|run| SeamRun {
                start: origin + u64::from(run.start),
                end: origin + u64::from(run.end),
                component: base + run.component,
                class: chunk.components[run.component as usize].class,
            }));
        };
        add(&mut horizontal, window.row, 1, window.col, on_top);
        add(&mut horizontal, bottom, 0, window.col, on_bottom);
        add(&mut vertical, window.col, 1, window.row, on_left);
        add(&mut vertical, right, 0, window.row, on_right);
    }
    // what is above a line has it on its right when one looks along it; what is left of a line, on its left
    horizontal.walk(&mut event, |component, line, [start, end], before| {
        let corners = [[start, line], [end, line]];
        Event::Edge(component, if before { corners } else { [corners[1], corners[0]] })
    });
    vertical.walk(&mut event, |component, line, [start, end], before| {
        let corners = [[line, start], [line, end]];
        Event::Edge(component, if before { [corners[1], corners[0]] } else { corners })
    });
}

impl Lines {
    fn walk(mut self, event: &mut impl FnMut(Event), edge: impl Fn(u32, u64, [u64; 2], bool) -> Event) {
        for (line, runs) in &mut self.0 {
            for side in runs.iter_mut() {
                side.sort_unstable_by_key(|run| run.start);
            }
            let mut ends: Vec<u64> = runs.iter().flatten().flat_map(|run| [run.start, run.end]).collect();
            ends.sort_unstable();
            ends.dedup();
            let mut rest = [runs[0].as_slice(), runs[1].as_slice()];
            let mut previous = [None, None];
            for (start, end) in ends.iter().zip(ends.iter().skip(1)) {
                let [before, behind] = rest.each_mut().map(|side| run_at(side, *start));
                // corner to corner, at the beginning of the span
                for [a, b] in [(previous[0], behind), (previous[1], before)].into_iter().filter_map(same_class) {
                    event(Event::Touch(a, b));
                }
                if let Some([a, b]) = same_class((before, behind)) {
                    event(Event::Join(a, b));
                } else {
                    let edge_of = |(run, is_before): (Option<SeamRun>, bool)| {
                        run.map(|run| edge(run.component, *line, [*start, *end], is_before))
                    };
                    [(before, true), (behind, false)].into_iter().filter_map(edge_of).for_each(&mut *event);
                }
                previous = [before, behind];
            }
        }
    }
}

/// The run that holds a cell; those that end before it are dropped.
fn run_at(runs: &mut &[SeamRun], at: u64) -> Option<SeamRun> {
    let ended = runs.iter().take_while(|run| run.end <= at).count();
    *runs = &runs[ended..];
    runs.first().copied().filter(|run| run.start <= at)
}

fn same_class((a, b): (Option<SeamRun>, Option<SeamRun>)) -> Option<[u32; 2]> {
    a.zip(b).filter(|(a, b)| a.class == b.class).map(|(a, b)| [a.component, b.component])
}
