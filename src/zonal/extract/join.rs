//! Regions from the chunks.

use super::labels::Labels;
use super::ring::Pieces;
use super::seams::{self, Event};
use super::trace::Traced;
use super::{Connectivity, Corner, ExtractError, Limits, Part, Region, Selection};

/// Joins chunks into regions.
///
/// Where there is no chunk, there are no cells.
#[derive(Debug)]
pub struct Regions {
    selection: Selection,
    limits: Limits,
    chunks: Vec<Traced>,
    /// Regions and corners that are surely in the result.
    found: [u64; 2],
}

impl Regions {
    /// No chunks so far.
    #[must_use]
    pub fn new(selection: Selection, limits: Limits) -> Self {
        Self { selection, limits, chunks: Vec::new(), found: [0, 0] }
    }

    /// Adds a chunk that was traced with the same selection and overlaps no other. Takes no time: the work is in
    /// [`Self::finish`].
    ///
    /// # Errors
    /// When the limits are exceeded already, whatever comes.
    pub fn add(&mut self, chunk: Traced) -> Result<(), ExtractError> {
        self.found[0] += chunk.regions;
        self.found[1] += chunk.corners;
        self.chunks.push(chunk);
        check(self.found, self.limits)
    }

    /// The regions.
    ///
    /// # Errors
    /// When there are more than the limits allow, or the chunks don't fit together.
    pub fn finish(mut self) -> Result<Vec<Region>, ExtractError> {
        self.chunks.sort_unstable_by_key(|chunk| (chunk.window.row, chunk.window.col));
        let mut joined = Joined::new(&self.chunks, self.selection.connectivity);
        let mut rings = joined.rings(self.chunks)?;
        rings.retain(|(component, _)| joined.cells(*component) >= self.selection.min_cells);
        let corners = rings.iter().map(|(_, ring)| ring.len() as u64).sum();
        let regions = joined.regions(rings)?;
        check([regions.len() as u64, corners], self.limits)?;
        Ok(regions)
    }
}

fn check(found: [u64; 2], limits: Limits) -> Result<(), ExtractError> {
    let [regions, corners] = found;
    if regions > limits.regions {
        return Err(ExtractError::TooManyRegions { found: regions, limit: limits.regions });
    }
    if corners > limits.corners {
        return Err(ExtractError::TooManyCorners { found: corners, limit: limits.corners });
    }
    Ok(())
}

/// A ring and a component of its part.
type Ring = (u32, Vec<Corner>);

/// The components of all chunks, counted through, with what the seams join.
struct Joined {
    /// The number of the first component of each chunk.
    bases: Vec<u32>,
    /// The class of each component.
    classes: Vec<u16>,
    /// Which are one part, and which one region.
    parts: Labels,
    regions: Labels,
    /// Cells of each region, by the component that stands for it.
    cells: Vec<u64>,
    /// The outlines along the seams.
    pieces: Pieces,
}

impl Joined {
    #[expect(clippy::cast_possible_truncation, reason = "memory ends before")]
    fn new(chunks: &[Traced], connectivity: Connectivity) -> Self {
        let (mut bases, mut classes) = (Vec::new(), Vec::new());
        for chunk in chunks {
            bases.push(classes.len() as u32);
            classes.extend(chunk.components.iter().map(|component| component.class));
        }
        let count = classes.len();
        let (mut parts, mut regions, mut pieces) = (Labels::new(count), Labels::new(count), Pieces::default());
        seams::walk(bases.iter().copied().zip(chunks), |event| match event {
            Event::Join(a, b) => {
                parts.union(a, b);
                regions.union(a, b);
            }
            Event::Touch(a, b) if connectivity == Connectivity::Eight => regions.union(a, b),
            Event::Touch(..) => {}
            Event::Edge(component, corners) => pieces.push(component, corners),
        });
        for (base, chunk) in bases.iter().zip(chunks) {
            for (number, component) in (*base..).zip(&chunk.components) {
                regions.union(number, base + component.region);
            }
        }
        let mut cells = vec![0; classes.len()];
        for (number, component) in (0..).zip(chunks.iter().flat_map(|chunk| &chunk.components)) {
            cells[regions.find(number) as usize] += component.cells;
        }
        Self { bases, classes, parts, regions, cells, pieces }
    }

    /// The cells of a component's region.
    fn cells(&mut self, component: u32) -> u64 {
        self.cells[self.regions.find(component) as usize]
    }

    /// All rings.
    fn rings(&mut self, chunks: Vec<Traced>) -> Result<Vec<Ring>, ExtractError> {
        let (mut rings, mut pieces) = (Vec::new(), std::mem::take(&mut self.pieces));
        for (chunk, base) in chunks.into_iter().zip(&self.bases) {
            let place = |[x, y]: [u32; 2]| [chunk.window.col + u64::from(x), chunk.window.row + u64::from(y)];
            chunk.arcs.iter().for_each(|(component, corners)| pieces.push(base + component, corners.map(place)));
            rings.extend(
                chunk.rings.iter().map(|(component, corners)| (base + component, corners.map(place).collect())),
            );
        }
        pieces.join(|component| self.parts.find(component), |part, ring| rings.push((part, ring)))?;
        Ok(rings)
    }

    /// Puts the rings together.
    fn regions(&mut self, mut rings: Vec<Ring>) -> Result<Vec<Region>, ExtractError> {
        rings.sort_unstable_by_key(|(_, ring)| (ring[0][1], ring[0][0]));
        // from its first corner, an exterior goes down and a hole to the right
        let (exteriors, holes): (Vec<Ring>, _) = rings.into_iter().partition(|(_, ring)| ring[0][0] == ring[1][0]);
        let mut regions: Vec<Region> = Vec::new();
        // where the regions are, and the parts in them, by the components that stand for them
        let mut region_at = vec![None; self.classes.len()];
        let mut part_at = vec![None; self.classes.len()];
        for (component, exterior) in exteriors {
            let root = self.regions.find(component) as usize;
            let at = *region_at[root].get_or_insert_with(|| {
                regions.push(Region { class: self.classes[root], cells: self.cells[root], parts: Vec::new() });
                regions.len() - 1
            });
            part_at[self.parts.find(component) as usize] = Some((at, regions[at].parts.len()));
            regions[at].parts.push(Part { exterior, holes: Vec::new() });
        }
        for (component, hole) in holes {
            let (region, part) =
                part_at[self.parts.find(component) as usize].ok_or(ExtractError::Unmatched { corner: hole[0] })?;
            regions[region].parts[part].holes.push(hole);
        }
        Ok(regions)
    }
}
