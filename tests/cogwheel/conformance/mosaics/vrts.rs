//! VRTs that are put together in a line, and the files that they are made of.

use std::fmt::Write as _;

use cogwheel::raster::DataType;

use super::super::spec::{Blocks, Overviews, Spec, Validity};
use crate::support::made::Folder;

/// Left, top, width, height.
pub type Rect = [f64; 4];

/// Columns and rows of most files.
pub const SIZE: [usize; 2] = [64, 48];

/// Those of a large one.
pub const LARGE: [usize; 2] = [301, 259];

/// More sources are not shown to GDAL.
const MOST_SHOWN: usize = 256;

/// What the name of a file promises: `u8.nodata.b.tif` is the second of two files of bytes with a nodata value.
pub fn spec_of(name: &str) -> Spec {
    let start = Spec { size: SIZE, ..Spec::PLAIN };
    name.trim_end_matches(".tif").split('.').fold(start, |spec, word| match word {
        "nodata" => Spec { validity: Validity::Nodata, ..spec },
        "odd" => Spec { validity: Validity::OddNodata, ..spec },
        "mask" => Spec { validity: Validity::Mask, ..spec },
        "masknodata" => Spec { validity: Validity::MaskAndNodata, ..spec },
        "maskbeside" => Spec { validity: Validity::MaskBeside, ..spec },
        "alpha" => Spec { validity: Validity::Alpha, bands: spec.bands.max(2), ..spec },
        "alphanodata" => Spec { validity: Validity::AlphaAndNodata, bands: spec.bands.max(2), ..spec },
        "three" => Spec { bands: 3, ..spec },
        "four" => Spec { bands: 4, ..spec },
        "planes" => Spec { by_pixel: false, ..spec },
        "strips" => Spec { blocks: Blocks::Strips(7), ..spec },
        "large" => Spec { size: LARGE, ..spec },
        "square" => Spec { size: [128, 128], ..spec },
        "ovr" => Spec { overviews: Overviews::Inside, ..spec },
        _ => dtype(word).map_or(spec, |dtype| Spec { dtype, ..spec }),
    })
}

/// By the names that the files have.
pub const DTYPES: [(&str, DataType, &str); 10] = [
    ("u8", DataType::U8, "Byte"),
    ("i8", DataType::I8, "Int8"),
    ("u16", DataType::U16, "UInt16"),
    ("i16", DataType::I16, "Int16"),
    ("u32", DataType::U32, "UInt32"),
    ("i32", DataType::I32, "Int32"),
    ("u64", DataType::U64, "UInt64"),
    ("i64", DataType::I64, "Int64"),
    ("f32", DataType::F32, "Float32"),
    ("f64", DataType::F64, "Float64"),
];

fn dtype(word: &str) -> Option<DataType> {
    DTYPES.iter().find(|(name, ..)| *name == word).map(|(_, dtype, _)| *dtype)
}

/// A source.
#[derive(Debug, Clone)]
pub struct Part {
    kind: &'static str,
    file: String,
    band: String,
    from: Rect,
    to: Rect,
    inner: String,
}

/// A whole file, in the corner.
pub fn simple(file: &str) -> Part {
    let [width, height] = spec_of(file).size.map(|side| side as f64);
    // Whatever else it is, it is as large.
    let whole = [0.0, 0.0, width, height];
    Part {
        kind: "SimpleSource",
        file: file.to_owned(),
        band: "1".to_owned(),
        from: whole,
        to: whole,
        inner: String::new(),
    }
}

/// The same, with something done to its values.
pub fn complex(file: &str, inner: &str) -> Part {
    Part { kind: "ComplexSource", inner: inner.to_owned(), ..simple(file) }
}

impl Part {
    /// Moved.
    pub fn at(mut self, left: f64, top: f64) -> Self {
        [self.to[0], self.to[1]] = [left, top];
        self
    }

    /// Of this part of the file; no larger than it is.
    pub fn from(self, from: Rect) -> Self {
        let to = [self.to[0], self.to[1], from[2], from[3]];
        Self { from, to, ..self }
    }

    /// Stretched.
    pub fn to(self, to: Rect) -> Self {
        Self { to, ..self }
    }

    /// `2`, `mask,1`
    pub fn band(self, band: &str) -> Self {
        Self { band: band.to_owned(), ..self }
    }

    fn text(&self) -> String {
        let rect =
            |[x, y, width, height]: Rect| format!("xOff=\"{x}\" yOff=\"{y}\" xSize=\"{width}\" ySize=\"{height}\"");
        let Self { kind, file, band, from, to, inner } = self;
        let Spec { size: [width, height], dtype, .. } = spec_of(file);
        let of_dtype = DTYPES.iter().find(|(_, own, _)| *own == dtype).map_or("", |(.., name)| name);
        let properties = if is_tiff(file) && !band.starts_with("mask") {
            format!(
                "<SourceProperties RasterXSize=\"{width}\" RasterYSize=\"{height}\" DataType=\"{of_dtype}\" \
                 BlockXSize=\"{}\" BlockYSize=\"{}\" />",
                if spec_of(file).blocks == Blocks::Strips(7) { width } else { 16 },
                if spec_of(file).blocks == Blocks::Strips(7) { 7 } else { 16 },
            )
        } else {
            String::new()
        };
        format!(
            "<{kind}><SourceFilename relativeToVRT=\"1\">{}</SourceFilename><SourceBand>{band}</SourceBand>{properties}\
             <SrcRect {}/><DstRect {}/>{inner}</{kind}>\n",
            quick_xml::escape::escape(file),
            rect(*from),
            rect(*to)
        )
    }
}

/// A VRT.
#[derive(Debug, Clone)]
pub struct Vrt {
    pub size: [usize; 2],
    bands: Vec<(String, String, Vec<Part>)>,
    mask: Vec<Part>,
    /// Elements behind the bands.
    pub tail: String,
    hidden: usize,
}

impl Vrt {
    /// Without bands.
    pub fn new(size: [usize; 2]) -> Self {
        Self { size, bands: Vec::new(), mask: Vec::new(), tail: String::new(), hidden: 0 }
    }

    /// One of bytes.
    pub fn of(size: [usize; 2], parts: impl Into<Vec<Part>>) -> Self {
        Self::new(size).band("Byte", "", parts)
    }

    /// With a band more; `inner` is what comes before its sources.
    pub fn band(mut self, dtype: &str, inner: &str, parts: impl Into<Vec<Part>>) -> Self {
        self.bands.push((dtype.to_owned(), inner.to_owned(), parts.into()));
        self
    }

    /// With a mask band.
    pub fn mask(self, parts: impl Into<Vec<Part>>) -> Self {
        Self { mask: parts.into(), ..self }
    }

    /// With so many sources that GDAL is shown none; the others are where nobody looks.
    pub fn framed(self) -> Self {
        Self { hidden: MOST_SHOWN + 1, ..self }
    }

    /// Its text.
    pub fn text(&self) -> String {
        let mut text = format!(
            "<VRTDataset rasterXSize=\"{}\" rasterYSize=\"{}\">\n<SRS>EPSG:4326</SRS>\
             <GeoTransform>5, 0.01, 0, 50, 0, -0.01</GeoTransform>\n",
            self.size[0], self.size[1]
        );
        for (index, (dtype, inner, parts)) in self.bands.iter().enumerate() {
            let hidden = if index == 0 { self.hidden } else { 0 };
            let hidden = (0..hidden).map(|index| parts[0].clone().at(-1000.0, -(1000.0 + index as f64)));
            let sources: String = hidden.chain(parts.iter().cloned()).map(|part| part.text()).collect();
            let _ = writeln!(
                text,
                "<VRTRasterBand dataType=\"{dtype}\" band=\"{}\">{inner}\n{sources}</VRTRasterBand>",
                index + 1
            );
        }
        if !self.mask.is_empty() {
            let sources: String = self.mask.iter().map(Part::text).collect();
            let _ = writeln!(text, "<MaskBand><VRTRasterBand dataType=\"Byte\">{sources}</VRTRasterBand></MaskBand>");
        }
        text + &self.tail + "</VRTDataset>"
    }

    /// Writes it, and what it is made of where that is not there yet; its path.
    pub fn write(&self, folder: &Folder, name: &str) -> String {
        let parts = self.bands.iter().flat_map(|(.., parts)| parts).chain(&self.mask);
        for file in parts.map(|part| part.file.as_str()).filter(|file| is_tiff(file)) {
            make(folder, file);
        }
        folder.write(name, &self.text())
    }
}

/// Whether it is one of the files that are made, and not a VRT or what a test brings.
fn is_tiff(file: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, extension)| extension == "tif")
}

/// Makes a file, the same one each time, if it is not there.
pub fn make(folder: &Folder, file: &str) {
    if !std::path::Path::new(&folder.path(file)).exists() {
        let seed = file.bytes().fold(0, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte));
        spec_of(file).make(folder, file, seed);
    }
}
