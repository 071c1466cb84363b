//! Blocks that are JPEGs, as libjpeg decodes them, to the bit: what GDAL shows is what a map shows, and nothing is painted
//! over data that is missing.
//!
//! Sequential and progressive pictures with 8 bits a component (ITU-T T.81). What is lossless, hierarchical or in
//! arithmetic codes is damaged.

mod codes;
mod colour;
mod dct;
mod progressive;

use std::ops::Range;

use super::block::{Area, Damaged, Shape};
use codes::{Bits, Block, Codes, Tables};
use colour::Plane;
use dct::Coefficients;

/// What every marker begins with.
const MARK: u8 = 0xff;

/// Decodes an area of a whole stream, tables included; `ycbcr` says whether its components are luminance and chrominance.
/// What is behind the area is not looked at where that is possible.
pub fn decode(shape: Shape, ycbcr: bool, stream: &[u8], area: &Area, out: &mut [u8]) -> Result<(), Damaged> {
    let mut walk = Walk {
        stream,
        at: 0,
        shape,
        area,
        frame: None,
        steps: [None; 4],
        codes: Default::default(),
        restarts: 0,
        scans: 0,
    };
    let mut frame = walk.run()?;
    frame.components.iter_mut().for_each(Component::put_progressive);
    let planes: Vec<Plane> = frame.components.into_iter().map(|component| component.plane).collect();
    match (ycbcr, &*planes) {
        (true, [luminance, blue, red]) if luminance.pixels == [1, 1] => {
            colour::to_rgb(luminance, [blue, red], area, out);
        }
        _ if planes.iter().all(|plane| plane.pixels == [1, 1]) => colour::interleaved(&planes, shape.width, area, out),
        _ => return Err(damaged("components that are no chrominance have fewer cells")),
    }
    Ok(())
}

fn damaged(what: &str) -> Damaged {
    Damaged(format!("its JPEG: {what}"))
}

fn cut_off() -> Damaged {
    damaged("its data ends too early")
}

fn other_size() -> Damaged {
    damaged("it is of another size")
}

/// A walk through the segments of a stream.
struct Walk<'a> {
    stream: &'a [u8],
    at: usize,
    shape: Shape,
    area: &'a Area,
    frame: Option<Frame>,
    /// What coefficients are multiples of, in the order of the stream.
    steps: [Option<[u16; 64]>; 4],
    /// Codes of first, then of other coefficients.
    codes: [[Option<Codes>; 4]; 2],
    /// Groups of blocks between restarts; 0 is never.
    restarts: usize,
    scans: usize,
}

/// Scans of a picture: GDAL's limit too. Each of them may say of all blocks, in a few bytes, that they have nothing new.
const MOST_SCANS: usize = 100;

/// The components of a picture.
struct Frame {
    is_progressive: bool,
    /// Groups of blocks, across and down.
    groups: [usize; 2],
    components: Vec<Component>,
}

struct Component {
    id: u8,
    /// Blocks of a group, across and down.
    factors: [usize; 2],
    /// Which steps; themselves once it was scanned.
    steps: usize,
    chosen_steps: Option<[u16; 64]>,
    plane: Plane,
    /// Columns and rows of blocks that cells are made of: the others are but walked through.
    wanted: Area,
    /// All blocks of a progressive picture, row by row.
    blocks: Vec<progressive::Block>,
}

impl<'a> Walk<'a> {
    /// Walks up to the end, or to where nothing more is wanted.
    fn run(&mut self) -> Result<Frame, Damaged> {
        loop {
            match self.marker()? {
                // Of those without a segment; a restart may come before the end, where nothing starts again.
                0x01 | 0xd0..=0xd8 => {}
                0xd9 => break,
                0xdb => self.read_steps()?,
                0xc4 => self.read_codes()?,
                marker @ 0xc0..=0xc2 if self.frame.is_none() => {
                    self.frame = Some(Frame::read(self.segment()?, self.shape, self.area, marker == 0xc2)?);
                }
                0xc0..=0xc2 => return Err(damaged("it has two sizes")),
                0xc3..=0xcf => return Err(damaged("it is lossless, hierarchical or in arithmetic codes")),
                0xdd => self.restarts = self.segment()?.get(..2).map_or(0, number),
                0xda => {
                    if self.scan()? {
                        break;
                    }
                }
                _ => {
                    self.segment()?;
                }
            }
        }
        let frame = self.frame.take().ok_or_else(cut_off)?;
        if frame.components.iter().all(|component| component.chosen_steps.is_some()) {
            Ok(frame)
        } else {
            Err(cut_off())
        }
    }

    /// The next marker; nothing but fill bytes may come before it.
    fn marker(&mut self) -> Result<u8, Damaged> {
        let is_marked = self.stream.get(self.at) == Some(&MARK);
        let marker = self.stream.get(self.at..).and_then(|rest| rest.iter().position(|byte| *byte != MARK));
        let marker = marker.ok_or_else(cut_off)? + self.at;
        self.at = marker + 1;
        if is_marked { Ok(self.stream[marker]) } else { Err(damaged("there are bytes where a marker should be")) }
    }

    /// What follows a marker.
    fn segment(&mut self) -> Result<&'a [u8], Damaged> {
        let length = number(self.stream.get(self.at..self.at + 2).ok_or_else(cut_off)?);
        let segment = self.stream.get(self.at + 2..self.at + length.max(2)).ok_or_else(cut_off)?;
        self.at += length.max(2);
        Ok(segment)
    }

    fn read_steps(&mut self) -> Result<(), Damaged> {
        const STEPS: usize = 64;
        let mut rest = self.segment()?;
        while let Some((head, body)) = rest.split_first() {
            let bytes = if head >> 4 == 0 { 1 } else { 2 };
            let (table, after) = body.split_at_checked(STEPS * bytes).ok_or_else(cut_off)?;
            let place = self.steps.get_mut(usize::from(head & 15)).ok_or_else(too_many_tables)?;
            let step = |index: usize| u16::try_from(number(&table[index * bytes..(index + 1) * bytes])).unwrap_or(0);
            *place = Some(std::array::from_fn(step));
            rest = after;
        }
        Ok(())
    }

    fn read_codes(&mut self) -> Result<(), Damaged> {
        const COUNTS: usize = 16;
        let mut rest = self.segment()?;
        while let Some((head, body)) = rest.split_first() {
            let (counts, body) = body.split_at_checked(COUNTS).ok_or_else(cut_off)?;
            let symbols = counts.iter().copied().map(usize::from).sum::<usize>();
            let (symbols, after) = body.split_at_checked(symbols).ok_or_else(cut_off)?;
            let [kind, which] = [head >> 4, head & 15].map(usize::from);
            let place = self.codes.get_mut(kind).and_then(|kind| kind.get_mut(which)).ok_or_else(too_many_tables)?;
            *place = Some(Codes::new(counts, symbols)?);
            rest = after;
        }
        Ok(())
    }

    /// Decodes a scan into the cells of its components, or into their blocks; whether that is all that is wanted.
    fn scan(&mut self) -> Result<bool, Damaged> {
        self.scans += 1;
        if self.scans > MOST_SCANS {
            return Err(damaged("it has too many scans"));
        }
        let head = self.segment()?;
        let frame = self.frame.as_mut().ok_or_else(|| damaged("it has no size"))?;
        let (count, rest) = head.split_first().ok_or_else(cut_off)?;
        let count = usize::from(*count);
        let (selectors, rest) = rest.split_at_checked(2 * count).ok_or_else(cut_off)?;
        let progress = *rest.first_chunk::<3>().ok_or_else(cut_off)?;
        let mut parts = Vec::with_capacity(count);
        for [id, codes] in selectors.as_chunks::<2>().0 {
            let index = frame.components.iter().position(|component| component.id == *id);
            let index = index.ok_or_else(|| damaged("a scan is of no component"))?;
            let component = &mut frame.components[index];
            if component.chosen_steps.is_some() && !frame.is_progressive {
                return Err(damaged("a component comes twice"));
            }
            if component.chosen_steps.is_none() {
                component.chosen_steps = self.steps.get(component.steps).copied().flatten();
            }
            let steps = component.chosen_steps.ok_or_else(no_table)?;
            let codes = [codes >> 4, codes & 15].map(usize::from);
            let codes = [0, 1].map(|kind| self.codes[kind].get(codes[kind]).and_then(Option::as_ref));
            parts.push(Part { index, codes, steps, last: 0 });
        }
        let scan = Scan { restarts: self.restarts, bits: Bits::new(self.stream, self.at) };
        let end = if frame.is_progressive {
            Some(scan.progressive(frame, parts, progress)?)
        } else {
            scan.sequential(frame, parts)?
        };
        self.at = end.unwrap_or(self.at);
        Ok(end.is_none())
    }
}

fn too_many_tables() -> Damaged {
    damaged("it has too many tables")
}

fn no_table() -> Damaged {
    damaged("a table is missing")
}

/// What a scan has of a component.
struct Part<'a> {
    /// Which component.
    index: usize,
    /// Codes of first coefficients, and of others.
    codes: [Option<&'a Codes>; 2],
    steps: [u16; 64],
    /// The first coefficient of the last block.
    last: i16,
}

/// The data of a scan.
struct Scan<'a> {
    /// See [`Walk::restarts`].
    restarts: usize,
    bits: Bits<'a>,
}

impl Scan<'_> {
    /// Decodes blocks into cells; gives where the data ends, or nothing where no more is wanted or there.
    fn sequential(mut self, frame: &mut Frame, mut parts: Vec<Part<'_>>) -> Result<Option<usize>, Damaged> {
        let mut coefficients = Coefficients::default();
        let ([across, down], is_alone) = (frame.groups_of(&parts), parts.len() == 1);
        let wanted = frame.wanted_groups_down(&parts).min(down);
        for group in 0..across * wanted {
            self.restart_before(group, &mut parts)?;
            for part in &mut parts {
                let [Some(first), Some(others)] = part.codes else { return Err(no_table()) };
                let tables = Tables { first, others, steps: &part.steps };
                let component = &mut frame.components[part.index];
                for place in component.places(group, across, is_alone) {
                    let block = self.bits.block(tables, &mut part.last, &mut coefficients)?;
                    if component.wants(place) {
                        component.put(place, block, &coefficients);
                    }
                }
            }
        }
        if wanted < down { Ok(None) } else { self.bits.end() }
    }

    /// Decodes what it has of the coefficients of blocks; gives where the data ends.
    fn progressive(mut self, frame: &mut Frame, mut parts: Vec<Part<'_>>, progress: [u8; 3]) -> Result<usize, Damaged> {
        let mut scan = progressive::Scan::new(progress, parts.len())?;
        let ([across, down], is_alone) = (frame.groups_of(&parts), parts.len() == 1);
        for group in 0..across * down {
            if self.restart_before(group, &mut parts)? {
                scan.restart();
            }
            for part in &mut parts {
                let component = &mut frame.components[part.index];
                let blocks_across = component.plane.stride / dct::SIDE;
                for [col, row] in component.places(group, across, is_alone) {
                    let block = &mut component.blocks[row * blocks_across + col];
                    scan.block(&mut self.bits, part.codes, &mut part.last, block)?;
                }
            }
        }
        self.bits.end()?.ok_or_else(cut_off)
    }

    /// Takes the restart that may come before a group of blocks; whether there was one.
    fn restart_before(&mut self, group: usize, parts: &mut [Part<'_>]) -> Result<bool, Damaged> {
        let is_due = self.restarts > 0 && group > 0 && group.is_multiple_of(self.restarts);
        if is_due {
            self.bits.restart(group / self.restarts - 1)?;
            for part in parts {
                part.last = 0;
            }
        }
        Ok(is_due)
    }
}

impl Frame {
    /// From its header, which must be of the block's size.
    fn read(segment: &[u8], shape: Shape, area: &Area, is_progressive: bool) -> Result<Self, Damaged> {
        let (head, components) = segment.split_at_checked(6).ok_or_else(cut_off)?;
        let (bits, height, width) = (head[0], number(&head[1..3]), number(&head[3..5]));
        let components = components.get(..3 * usize::from(head[5])).ok_or_else(cut_off)?.as_chunks::<3>().0;
        if bits != 8 {
            return Err(damaged("its components have other than 8 bits"));
        }
        if (width, height, components.len()) != (shape.width, shape.height, shape.samples) {
            return Err(other_size());
        }
        let factors = |[_, factors, _]: &[u8; 3]| [usize::from(factors >> 4), usize::from(factors & 15)];
        let most = |side: usize| components.iter().map(|component| factors(component)[side]).max().unwrap_or(1);
        let most = [most(0), most(1)];
        let groups = |length: usize, side: usize| length.div_ceil(most[side].max(1) * dct::SIDE);
        let groups = [groups(width, 0), groups(height, 1)];
        let component = |header: &[u8; 3]| {
            let [across, down] = factors(header);
            // Whole pixels a cell: others are as rare as they are for libjpeg, which refuses them.
            let is_whole = |own: usize, most: usize| (1..=4).contains(&own) && most.is_multiple_of(own);
            if !is_whole(across, most[0]) || !is_whole(down, most[1]) {
                return Err(damaged("a component has other factors than there are"));
            }
            let pixels = [most[0] / across, most[1] / down];
            let blocks = [groups[0] * across, groups[1] * down];
            let wanted = |range: &Range<usize>, side: usize| {
                // Cells are interpolated with those beside them.
                let (first, end) =
                    ((range.start / pixels[side]).saturating_sub(1), range.end.div_ceil(pixels[side]) + 1);
                first / dct::SIDE..end.div_ceil(dct::SIDE).min(blocks[side])
            };
            let wanted = Area { cols: wanted(&area.cols, 0), rows: wanted(&area.rows, 1) };
            let plane = Plane {
                cells: vec![0; blocks[0] * wanted.rows.end * dct::SIDE * dct::SIDE],
                stride: blocks[0] * dct::SIDE,
                width: width.div_ceil(pixels[0]),
                height: height.div_ceil(pixels[1]),
                pixels,
            };
            Ok(Component {
                id: header[0],
                factors: [across, down],
                steps: usize::from(header[2]),
                chosen_steps: None,
                plane,
                wanted,
                blocks: vec![[0; 64]; if is_progressive { blocks[0] * blocks[1] } else { 0 }],
            })
        };
        let components = components.iter().map(component).collect::<Result<_, _>>()?;
        Ok(Self { is_progressive, groups, components })
    }

    /// Groups of blocks of a scan, across and down. Where it is of one component, a group is a block, and none is there for
    /// padding.
    fn groups_of(&self, parts: &[Part<'_>]) -> [usize; 2] {
        match parts {
            [only] => {
                let plane = &self.components[only.index].plane;
                [plane.width.div_ceil(dct::SIDE), plane.height.div_ceil(dct::SIDE)]
            }
            _ => self.groups,
        }
    }

    /// Rows of groups of a scan down to the last one of which something is wanted. All, where another scan follows.
    fn wanted_groups_down(&self, parts: &[Part<'_>]) -> usize {
        let down = |part: &Part<'_>| {
            let component = &self.components[part.index];
            component.wanted.rows.end.div_ceil(if parts.len() == 1 { 1 } else { component.factors[1] })
        };
        let down = parts.iter().map(down).max().unwrap_or(0);
        if parts.len() == self.components.len() { down } else { usize::MAX }
    }
}

impl Component {
    /// The columns and rows of its blocks in a group, of so many a row.
    fn places(&self, group: usize, across: usize, is_alone: bool) -> impl Iterator<Item = [usize; 2]> + use<> {
        let [wide, high] = if is_alone { [1, 1] } else { self.factors };
        let (col, row) = (group % across * wide, group / across * high);
        (0..wide * high).map(move |place| [col + place % wide, row + place / wide])
    }

    /// Whether cells are made of a block.
    #[inline]
    fn wants(&self, [col, row]: [usize; 2]) -> bool {
        self.wanted.cols.contains(&col) && self.wanted.rows.contains(&row)
    }

    /// Makes cells of the wanted blocks that came in several scans.
    fn put_progressive(&mut self) {
        let Some(steps) = self.chosen_steps else { return };
        let across = self.plane.stride / dct::SIDE;
        for (index, block) in std::mem::take(&mut self.blocks).into_iter().enumerate() {
            let place = [index % across, index / across];
            if !self.wants(place) {
                continue;
            }
            let mut coefficients = Coefficients::default();
            for ((value, step), place) in block.iter().zip(steps).zip(dct::PLACES) {
                coefficients.set(place, codes::scaled(*value, step));
            }
            self.put(place, Block::Full, &coefficients);
        }
    }

    /// Puts the cells of a block where they are.
    #[inline]
    fn put(&mut self, [col, row]: [usize; 2], block: Block, coefficients: &Coefficients) {
        let stride = self.plane.stride;
        let start = row * dct::SIDE * stride + col * dct::SIDE;
        let rows = self.plane.cells[start..].chunks_mut(stride).take(dct::SIDE);
        match block {
            Block::Flat(first) => rows.for_each(|to| to[..dct::SIDE].fill(dct::flat(first))),
            Block::Full => rows.zip(dct::inverse(coefficients)).for_each(|(to, from)| {
                if let Some(to) = to.first_chunk_mut() {
                    *to = from;
                }
            }),
        }
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests;
