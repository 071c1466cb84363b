//! Reading the text of a VRT.
//!
//! Only what this reader knows all of is taken; a VRT with anything else in it (derived or warped bands, averaging
//! sources, open options) is GDAL's, as a whole.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::super::vrt::{SourceFile, attribute};
use super::values::Values;
use super::vrt::{Description, Edges, Origin, Plane, Source};

/// Elements of a dataset that say nothing of pixels: GDAL reads them.
const OF_DATASETS: [&str; 5] = ["SRS", "GeoTransform", "Metadata", "BlockXSize", "BlockYSize"];

/// Elements of a band of which the same is true.
const OF_BANDS: [&str; 11] = [
    "Description",
    "UnitType",
    "Offset",
    "Scale",
    "ColorInterp",
    "NoDataValue",
    "ColorTable",
    "CategoryNames",
    "Histograms",
    "Metadata",
    "GDALRasterAttributeTable",
];

/// Elements of a source; the last ones only of a complex one.
const OF_SOURCES: [&str; 11] = [
    "SourceFilename",
    "SourceBand",
    "SourceProperties",
    "SrcRect",
    "DstRect",
    "NODATA",
    "UseMaskBand",
    "ColorTableComponent",
    "ScaleOffset",
    "ScaleRatio",
    "LUT",
];

/// What bands can hold.
const DTYPES: [&str; 10] =
    ["Byte", "Int8", "UInt16", "Int16", "UInt32", "Int32", "UInt64", "Int64", "Float32", "Float64"];

impl Description {
    /// Reads the text of a VRT; `None` when there is something in it that this reader does not know.
    pub fn parse(xml: &str) -> Option<Self> {
        // The greatest value that a band of few bits may hold.
        if xml.contains("NBITS") {
            return None;
        }
        let mut parser =
            Parser { reader: Reader::from_str(xml), found: Self::default(), files: HashMap::new(), resamples: false };
        parser.document()?;
        let found = parser.found;
        let is_known = !parser.resamples || found.sources.iter().all(Source::is_moved_only);
        (is_known && !found.sources.is_empty()).then_some(found)
    }
}

struct Parser<'a> {
    reader: Reader<&'a [u8]>,
    found: Description,
    files: HashMap<SourceFile, u32>,
    /// Some source says how it wants to be resampled.
    resamples: bool,
}

/// What a source element said so far.
#[derive(Default)]
struct Draft {
    file: Option<SourceFile>,
    origin: Option<Origin>,
    size: Option<[f64; 2]>,
    from: Option<Edges>,
    to: Option<Edges>,
    values: Values,
    /// Which of [`OF_SOURCES`] there were, a bit each.
    elements: u32,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Option<()> {
        loop {
            match self.reader.read_event().ok()? {
                Event::Start(tag) if tag.name().as_ref() == "VRTDataset" => {
                    return if attribute(&tag, "subClass").is_none() { self.dataset() } else { None };
                }
                Event::Start(_) | Event::Empty(_) | Event::Eof => return None,
                _ => {}
            }
        }
    }

    fn dataset(&mut self) -> Option<()> {
        loop {
            match self.reader.read_event().ok()? {
                Event::Start(tag) => match tag.name().as_ref() {
                    "VRTRasterBand" => {
                        let band = self.found.bands;
                        self.found.bands += 1;
                        self.band(&tag, Plane::Band(band))?;
                    }
                    "MaskBand" if !self.found.has_mask => self.mask()?,
                    name if OF_DATASETS.contains(&name) => self.skip(&tag)?,
                    _ => return None,
                },
                Event::Empty(tag) => self.pass(&tag, &OF_DATASETS)?,
                Event::End(_) => return Some(()),
                Event::Eof => return None,
                _ => {}
            }
        }
    }

    fn mask(&mut self) -> Option<()> {
        loop {
            match self.reader.read_event().ok()? {
                Event::Start(tag) if tag.name().as_ref() == "VRTRasterBand" && !self.found.has_mask => {
                    self.found.has_mask = true;
                    self.band(&tag, Plane::Mask)?;
                }
                Event::Start(_) | Event::Empty(_) | Event::Eof => return None,
                Event::End(_) => return self.found.has_mask.then_some(()),
                _ => {}
            }
        }
    }

    fn band(&mut self, tag: &BytesStart<'a>, plane: Plane) -> Option<()> {
        let is_known = |name: String| DTYPES.iter().any(|own| own.eq_ignore_ascii_case(&name));
        if attribute(tag, "subClass").is_some() || !attribute(tag, "dataType").is_none_or(is_known) {
            return None;
        }
        let (mut order, mut kept, first) = (0, 0, self.found.sources.len());
        loop {
            let start = self.position();
            match self.reader.read_event().ok()? {
                Event::Start(tag) => match tag.name().as_ref() {
                    "SimpleSource" | "ComplexSource" => {
                        let draft = self.source(&tag)?;
                        let end = self.position();
                        self.found.spans.push(start..end);
                        kept += usize::from(self.keep(draft, plane, order, kept, first)?);
                        order += 1;
                    }
                    // A mask is 0 where nothing is drawn.
                    "NoDataValue" if plane == Plane::Mask => return None,
                    name if name == "Overview" || OF_BANDS.contains(&name) => self.skip(&tag)?,
                    _ => return None,
                },
                Event::Empty(tag) => self.pass(&tag, &OF_BANDS)?,
                Event::End(_) => return Some(()),
                Event::Eof => return None,
                _ => {}
            }
        }
    }

    fn source(&mut self, tag: &BytesStart<'a>) -> Option<Draft> {
        let is_complex = tag.name().as_ref() == "ComplexSource";
        self.resamples |= attribute(tag, "resampling").is_some();
        // Others are to GDAL what elements are.
        let is_known = |name: &str| ["resampling", "name"].contains(&name);
        if !tag.attributes().all(|attribute| attribute.is_ok_and(|attribute| is_known(attribute.key.as_ref()))) {
            return None;
        }
        let mut draft = Draft::default();
        loop {
            let event = self.reader.read_event().ok()?;
            if let Event::Start(tag) | Event::Empty(tag) = &event {
                draft.note(tag.name().as_ref())?;
            }
            match event {
                Event::Start(tag) => match tag.name().as_ref() {
                    "SourceFilename" => draft.file = Some(SourceFile::named(&self.text(&tag)?, &tag)),
                    "SourceBand" => draft.origin = Some(origin(&self.text(&tag)?)?),
                    "SourceProperties" => {
                        draft.size = size(&tag);
                        self.skip(&tag)?;
                    }
                    "SrcRect" | "DstRect" => {
                        draft.place(&tag)?;
                        self.skip(&tag)?;
                    }
                    name if is_complex => {
                        let name = name.to_owned();
                        draft.values.set(&name, self.text(&tag)?.trim())?;
                    }
                    _ => return None,
                },
                Event::Empty(tag) => match tag.name().as_ref() {
                    "SourceProperties" => draft.size = size(&tag),
                    "SrcRect" | "DstRect" => draft.place(&tag)?,
                    _ => return None,
                },
                Event::End(_) => return draft.is_known().then_some(draft),
                Event::Eof => return None,
                _ => {}
            }
        }
    }

    /// Adds a source; where the one of the same place in an earlier band differs in its band only, they become one. Whether
    /// there was anything to add.
    fn keep(&mut self, draft: Draft, plane: Plane, order: u32, place: usize, first: usize) -> Option<bool> {
        let size = draft.size.unwrap_or([f64::INFINITY; 2]);
        let source = Source {
            order,
            file: self.file(draft.file?),
            from: draft.from?,
            to: draft.to?,
            is_sized: draft.size.is_some(),
            values: self.values(draft.values),
            planes: vec![(plane, draft.origin.unwrap_or(Origin::Band(1)))],
        };
        // One that is beside its file draws nothing.
        let Some(source) = source.within(size) else { return Some(false) };
        match self.found.sources.get_mut(place) {
            Some(earlier) if place < first && earlier.is_beside(&source) => earlier.planes.extend(source.planes),
            _ => self.found.sources.push(source),
        }
        Some(true)
    }

    fn file(&mut self, file: SourceFile) -> u32 {
        let files = &mut self.found.files;
        *self.files.entry(file).or_insert_with_key(|file| {
            files.push(file.clone());
            u32::try_from(files.len() - 1).unwrap_or(u32::MAX)
        })
    }

    fn values(&mut self, values: Values) -> Option<u32> {
        if values.is_plain() {
            return None;
        }
        let all = &mut self.found.values;
        // Neighbours are mostly alike.
        let index = all.iter().rev().take(8).position(|own| *own == values).map(|back| all.len() - 1 - back);
        let index = index.unwrap_or_else(|| {
            all.push(values);
            all.len() - 1
        });
        u32::try_from(index).ok()
    }

    /// The text of an element, without what GDAL skips before it; `None` when there is more in it than text.
    fn text(&mut self, tag: &BytesStart<'a>) -> Option<String> {
        let text = self.reader.read_text(tag.name()).ok().filter(|text| !text.contains('<'))?;
        Some(quick_xml::escape::unescape(text.trim_start()).ok()?.into_owned())
    }

    fn skip(&mut self, tag: &BytesStart<'a>) -> Option<()> {
        self.reader.read_to_end(tag.name()).ok().map(drop)
    }

    /// Passes an empty element that is known.
    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn pass(&self, tag: &BytesStart<'a>, known: &[&str]) -> Option<()> {
        known.contains(&tag.name().as_ref()).then_some(())
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX)
    }
}

impl Source {
    /// Whether another source differs in its planes only.
    fn is_beside(&self, other: &Self) -> bool {
        let place = |source: &Self| (source.order, source.file, source.from, source.to, source.is_sized, source.values);
        place(self) == place(other)
    }
}

impl Draft {
    /// Takes note of an element; `None` when it is unknown, or not the first of its name, which GDAL would take.
    fn note(&mut self, element: &str) -> Option<()> {
        let bit = 1 << OF_SOURCES.iter().position(|own| *own == element)?;
        let is_new = self.elements & bit == 0;
        self.elements |= bit;
        is_new.then_some(())
    }

    /// Whether what is done to its values is known for what it is made of.
    fn is_known(&self) -> bool {
        // A mask has no nodata value of its own, which would come first.
        let is_mask = matches!(self.origin, Some(Origin::MaskOf(_)));
        let is_hidden_twice = is_mask && self.values.by_mask && self.values.nodata.is_some();
        let is_color_of_constant = self.values.is_constant() && self.values.color.is_some();
        !is_hidden_twice && !is_color_of_constant
    }

    fn place(&mut self, tag: &BytesStart<'_>) -> Option<()> {
        let number = |name| attribute(tag, name)?.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let (x, y, width, height) = (number("xOff")?, number("yOff")?, number("xSize")?, number("ySize")?);
        let edges = Some([x, y, x + width, y + height]).filter(|_| width > 0.0 && height > 0.0);
        match tag.name().as_ref() {
            "SrcRect" => self.from = edges,
            _ => self.to = edges,
        }
        edges.map(drop)
    }
}

fn origin(text: &str) -> Option<Origin> {
    let number = |text: &str| text.trim().parse::<usize>().ok().filter(|number| *number > 0);
    match text.trim().strip_prefix("mask") {
        None => number(text).map(Origin::Band),
        Some("") => Some(Origin::MaskOf(1)),
        Some(band) => number(band.strip_prefix(',')?).map(Origin::MaskOf),
    }
}

fn size(tag: &BytesStart<'_>) -> Option<[f64; 2]> {
    let number = |name| attribute(tag, name)?.trim().parse::<f64>().ok();
    Some([number("RasterXSize")?, number("RasterYSize")?])
}
