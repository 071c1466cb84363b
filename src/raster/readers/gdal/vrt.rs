//! What a VRT is made of: its sources, where each comes from and where it goes.

use gdal::Metadata;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::dataset::Opened;
use super::ffi::FloatWindow;
use crate::raster::readers::vrt::{SourceFile, attribute, is_vrt};
use crate::storage::{Location, Object};

/// A rectangle: left, top, right, bottom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect(pub [f64; 4]);

/// A source of a VRT band.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct VrtSource {
    file: SourceFile,
    /// GDAL opens it in a way that we don't look into.
    pub has_options: bool,
    /// In pixels of the source.
    pub from: Option<Rect>,
    /// In pixels of the VRT.
    pub to: Option<Rect>,
}

/// What a window of a VRT needs of one source.
#[derive(Debug, Clone, PartialEq)]
pub struct Touched {
    /// The source, as GDAL opens it.
    pub path: String,
    /// In pixels of the source at full resolution.
    pub window: FloatWindow,
    /// Columns and rows that are made of it.
    pub size: [usize; 2],
}

impl Touched {
    /// Whether it is an object.
    pub fn is(&self, object: &Object) -> bool {
        matches!(Location::parse(&self.path), Ok(Location::Object(own)) if own == *object)
    }

    /// Whether it is, by its name, a VRT itself.
    pub fn is_vrt(&self) -> bool {
        is_vrt(&self.path)
    }
}

impl VrtSource {
    /// With the file that an element `SourceFilename` names; reads to its end.
    fn named(self, reader: &mut Reader<&[u8]>, tag: &BytesStart<'_>) -> Option<Self> {
        let text = reader.read_text(tag.name()).ok()?;
        Some(Self { file: SourceFile::named(&quick_xml::escape::unescape(text.trim_start()).ok()?, tag), ..self })
    }

    /// As GDAL opens it, from a VRT at `origin`.
    pub fn path(&self, origin: &str) -> String {
        self.file.path(origin)
    }

    /// Whether it is, by its name, a VRT itself.
    pub fn is_vrt(&self) -> bool {
        self.file.is_vrt()
    }

    /// What a window needs of it, which becomes pixels of `scale` pixels of the VRT each; nothing where they are apart.
    fn touched(&self, origin: &str, window: FloatWindow, scale: [f64; 2]) -> Option<Touched> {
        let (Rect(from), Rect(to)) = (self.from?, self.to.filter(|_| !self.has_options)?);
        let side = |start: f64, length: f64, low: usize, scale: f64| {
            let (first, last) = (start.max(to[low]), (start + length).min(to[low + 2]));
            let stretch = (from[low + 2] - from[low]) / (to[low + 2] - to[low]);
            let pixels = whole((last - first) / scale);
            (first < last).then_some((from[low] + (first - to[low]) * stretch, (last - first) * stretch, pixels))
        };
        let (col, width, cols) = side(window.col, window.width, 0, scale[0])?;
        let (row, height, rows) = side(window.row, window.height, 1, scale[1])?;
        Some(Touched { path: self.path(origin), window: FloatWindow { col, row, width, height }, size: [cols, rows] })
    }
}

/// At least one pixel.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels of a window; a float cast saturates"
)]
fn whole(pixels: f64) -> usize {
    (pixels.round() as usize).max(1)
}

/// The sources of a plain VRT; `None` for anything else.
pub fn sources(opened: &Opened) -> Option<Vec<VrtSource>> {
    if !opened.is_vrt() {
        return None;
    }
    parse(&opened.dataset().metadata_domain("xml:VRT")?.concat())
}

/// The files of a VRT's own overviews, from a VRT at `origin`.
pub fn overviews(opened: &Opened, origin: &str) -> Vec<String> {
    let xml = opened.dataset().metadata_domain("xml:VRT").unwrap_or_default().concat();
    if opened.is_vrt() { parse_overviews(&xml, origin).unwrap_or_default() } else { Vec::new() }
}

fn parse_overviews(xml: &str, origin: &str) -> Option<Vec<String>> {
    let mut reader = Reader::from_str(xml);
    let (mut found, mut in_overview) = (Vec::new(), false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) if tag.name().as_ref() == "Overview" => in_overview = true,
            Event::End(tag) if tag.name().as_ref() == "Overview" => in_overview = false,
            Event::Start(tag) if in_overview && tag.name().as_ref() == "SourceFilename" => {
                let path = VrtSource::default().named(&mut reader, &tag)?.path(origin);
                if !found.contains(&path) {
                    found.push(path);
                }
            }
            Event::Eof => return Some(found),
            _ => {}
        }
    }
}

/// What a window needs of each source that it touches, each once.
pub fn touched(sources: &[VrtSource], origin: &str, window: FloatWindow, scale: [f64; 2]) -> Vec<Touched> {
    let mut all: Vec<Touched> = Vec::new();
    for source in sources.iter().filter_map(|source| source.touched(origin, window, scale)) {
        if !all.contains(&source) {
            all.push(source);
        }
    }
    all
}

/// The sources of all bands; `None` when the VRT has bands of another kind (warped, derived).
pub fn parse(xml: &str) -> Option<Vec<VrtSource>> {
    let mut reader = Reader::from_str(xml);
    let (mut sources, mut current): (Vec<VrtSource>, Option<VrtSource>) = (Vec::new(), None);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) if is_source(&tag) => current = Some(VrtSource::default()),
            Event::End(tag) if tag.name().as_ref().ends_with(SOURCE_SUFFIX) => sources.extend(current.take()),
            Event::Start(tag) if tag.name().as_ref() == "SourceFilename" => {
                if let Some(source) = current.take() {
                    current = Some(source.named(&mut reader, &tag)?);
                }
            }
            Event::Start(tag) | Event::Empty(tag) => match (tag.name().as_ref(), &mut current) {
                ("VRTRasterBand", _) if attribute(&tag, "subClass").is_some() => return None,
                ("OpenOptions", Some(source)) => source.has_options = true,
                ("SrcRect", Some(source)) => source.from = rect(&tag),
                ("DstRect", Some(source)) => source.to = rect(&tag),
                _ => {}
            },
            Event::Eof => return (!sources.is_empty()).then_some(sources),
            _ => {}
        }
    }
}

const SOURCE_SUFFIX: &str = "Source";

/// `SimpleSource`, `ComplexSource`, `AveragedSource`, `KernelFilteredSource`, `NoDataFromMaskSource`.
fn is_source(tag: &BytesStart<'_>) -> bool {
    tag.name().as_ref().ends_with(SOURCE_SUFFIX)
}

fn rect(tag: &BytesStart<'_>) -> Option<Rect> {
    let number = |name| attribute(tag, name)?.trim().parse::<f64>().ok();
    let (x, y) = (number("xOff")?, number("yOff")?);
    Some(Rect([x, y, x + number("xSize")?, y + number("ySize")?]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VRT: &str = r#"<VRTDataset rasterXSize="20" rasterYSize="10"><VRTRasterBand dataType="Byte" band="1">
        <SimpleSource><SourceFilename relativeToVRT="1">a&amp;b.tif</SourceFilename><SourceBand>1</SourceBand>
          <SrcRect xOff="0" yOff="0" xSize="10" ySize="10"/><DstRect xOff="0" yOff="0" xSize="10" ySize="10"/></SimpleSource>
        <ComplexSource><SourceFilename relativeToVRT="0">/b.tif</SourceFilename>
          <SrcRect xOff="0" yOff="0" xSize="10" ySize="5"/><DstRect xOff="15" yOff="0" xSize="5" ySize="10"/></ComplexSource>
        </VRTRasterBand></VRTDataset>"#;

    #[test]
    fn a_source_is_found_beside_its_vrt_or_where_it_says() {
        let paths: Vec<String> = parse(VRT).unwrap().iter().map(|source| source.path("/vsis3/maps/x/m.vrt")).collect();
        assert_eq!(paths, ["/vsis3/maps/x/a&b.tif", "/b.tif"]);
    }

    #[test]
    fn overviews_are_found_as_sources_are() {
        let overview =
            |name| format!("<Overview><SourceFilename relativeToVRT=\"1\">{name}</SourceFilename></Overview>");
        let xml =
            format!("<VRTDataset>{}{}{}</VRTDataset>", overview("a&amp;b.tif"), overview("c.tif"), overview("c.tif"));
        assert_eq!(parse_overviews(&xml, "/vsis3/maps/m.vrt").unwrap(), ["/vsis3/maps/a&b.tif", "/vsis3/maps/c.tif"]);
        assert_eq!(parse_overviews(VRT, "/m.vrt").unwrap(), [""; 0]);
    }

    #[test]
    fn a_derived_band_is_left_to_gdal() {
        assert!(parse(&VRT.replace("band=\"1\"", "band=\"1\" subClass=\"VRTDerivedRasterBand\"")).is_none());
    }

    #[test]
    fn a_window_touches_the_sources_below_it() {
        let sources = parse(VRT).unwrap();
        let window = |col, width| FloatWindow { col, row: 2.0, width, height: 4.0 };
        assert_eq!(touched(&sources, "/m.vrt", window(10.0, 5.0), [1.0; 2]), []);
        let both = touched(&sources, "/m.vrt", window(8.0, 10.0), [2.0; 2]);
        assert_eq!((both[0].window, both[0].size), (window(8.0, 2.0), [1, 2]));
        let stretched = FloatWindow { col: 0.0, row: 1.0, width: 6.0, height: 2.0 };
        assert_eq!((both[1].window, both[1].size), (stretched, [2, 2]));
    }
}
