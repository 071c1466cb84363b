//! What a VRT says of its sources: where each comes from and where it goes.

use super::super::vrt::SourceFile;
use super::values::Values;

/// A rectangle of pixels: left, top, right, bottom.
pub type Edges = [f64; 4];

/// A VRT of plain sources.
#[derive(Debug, Default)]
pub struct Description {
    pub bands: usize,
    pub files: Vec<SourceFile>,
    /// In the order in which they are drawn, by band.
    pub sources: Vec<Source>,
    /// What is done to the values of sources, each once.
    pub values: Vec<Values>,
    /// Whether there is a mask band.
    pub has_mask: bool,
    /// Where the sources are in the text.
    pub spans: Vec<std::ops::Range<usize>>,
}

/// A source of one band or of several.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Later ones are drawn over earlier ones.
    pub order: u32,
    /// Index into the files.
    pub file: u32,
    /// In pixels of the file.
    pub from: Edges,
    /// In pixels of the VRT.
    pub to: Edges,
    /// The VRT says how large the file is.
    pub is_sized: bool,
    /// Index into the values; `None` for a plain copy.
    pub values: Option<u32>,
    /// Which plane of the VRT is drawn from what.
    pub planes: Vec<(Plane, Origin)>,
}

/// A plane of the VRT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// A band, from 0.
    Band(usize),
    /// The mask of all bands.
    Mask,
}

/// What a plane is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A band of the file, from 1.
    Band(usize),
    /// The mask of a band.
    MaskOf(usize),
}

impl Source {
    /// The part of it that is in a file of this size; `None` where nothing is.
    pub fn within(&self, size: [f64; 2]) -> Option<Self> {
        let (mut from, mut to) = (self.from, self.to);
        for axis in 0..2 {
            let stretch = (to[axis + 2] - to[axis]) / (from[axis + 2] - from[axis]);
            let (before, after) = ((-from[axis]).max(0.0), (from[axis + 2] - size[axis]).max(0.0));
            from[axis] += before;
            to[axis] += before * stretch;
            if after > 0.0 {
                from[axis + 2] -= after;
                to[axis + 2] -= after * stretch;
            }
        }
        let is_there = [0, 1].iter().all(|axis| from[*axis] < from[axis + 2] && to[*axis] < to[axis + 2]);
        is_there.then(|| Self { from, to, ..self.clone() })
    }

    /// Whether it is moved by whole pixels, and not stretched.
    pub fn is_moved_only(&self) -> bool {
        let (from, to) = (self.from, self.to);
        let is_whole = [from[0], from[1], to[0], to[1]].iter().all(|edge| edge.fract() == 0.0);
        is_whole && to[2] - to[0] == from[2] - from[0] && to[3] - to[1] == from[3] - from[1]
    }
}

impl Description {
    /// The text without its sources: all that GDAL needs to describe the dataset.
    pub fn frame(&self, xml: &str) -> String {
        let mut frame = String::new();
        let mut end = 0;
        for span in &self.spans {
            frame.push_str(&xml[end..span.start]);
            end = span.end;
        }
        frame + &xml[end..]
    }

    /// Whether some band has more than one source.
    pub fn has_several_sources(&self) -> bool {
        self.sources.iter().any(|source| source.order > 0)
    }

    /// Whether a source is the mask of a band other than the first: GDAL 3.12 crashes where the file has no such band.
    pub fn asks_for_other_masks(&self) -> bool {
        let is_other = |(_, origin): &(Plane, Origin)| matches!(origin, Origin::MaskOf(band) if *band > 1);
        self.sources.iter().any(|source| source.planes.iter().any(is_other))
    }

    /// The largest power of two by which the sources can be decimated so that their pixels stay on one grid.
    pub fn alignment(&self) -> usize {
        /// Sources are taken to be aligned to 2^10 pixels at most.
        const MAX_LOG2: u32 = 10;
        let fits = |factor: f64| {
            self.sources.iter().all(|source| {
                let offsets = [source.from[0], source.from[1], source.to[0], source.to[1]];
                source.is_moved_only() && offsets.iter().all(|offset| offset % factor == 0.0)
            })
        };
        (0..=MAX_LOG2).rev().find(|log2| fits(f64::from(1_u32 << log2))).map_or(1, |log2| 1 << log2)
    }
}
