//! VRTs of one band of bytes, written when a test needs them.

use super::fixtures;
use super::made::Folder;

/// A grid in squares of `cell` from its top left corner.
pub struct Mosaic<'a> {
    pub size: [usize; 2],
    pub crs: &'a str,
    pub corner: [f64; 2],
    pub cell: f64,
}

/// What a source shows and where: column, row, width, height.
pub struct Part {
    pub from: [usize; 4],
    pub to: [usize; 4],
}

impl Part {
    /// A part that stays where it is.
    pub fn in_place(rect: [usize; 4]) -> Self {
        Self { from: rect, to: rect }
    }
}

impl Mosaic<'_> {
    /// Writes `mosaic.vrt` from parts of one file and gives its path.
    pub fn write(&self, folder: &Folder, source: &str, parts: &[Part]) -> String {
        let rect = |[col, row, width, height]: [usize; 4]| {
            format!("xOff=\"{col}\" yOff=\"{row}\" xSize=\"{width}\" ySize=\"{height}\"")
        };
        let source = |part: &Part| {
            format!(
                "<SimpleSource><SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand>\
                 <SrcRect {}/><DstRect {}/></SimpleSource>",
                rect(part.from),
                rect(part.to)
            )
        };
        let sources: String = parts.iter().map(source).collect();
        let Self { size: [width, height], crs, corner: [left, top], cell } = self;
        let text = format!(
            "<VRTDataset rasterXSize=\"{width}\" rasterYSize=\"{height}\"><SRS>{crs}</SRS>\
             <GeoTransform>{left}, {cell}, 0, {top}, 0, -{cell}</GeoTransform>\
             <VRTRasterBand dataType=\"Byte\" band=\"1\">{sources}</VRTRasterBand></VRTDataset>"
        );
        folder.write("mosaic.vrt", &text)
    }

    /// The first band of `rgb_smooth_3857.tif` twice, overlapping, the second time from an odd column and row on: its
    /// overviews (a half and a quarter) lie on two grids.
    pub fn odd(folder: &Folder) -> String {
        let mosaic = Mosaic { size: [913, 533], crs: "EPSG:3857", corner: [1_113_207.9, 5_621_543.1], cell: 37.3 };
        let whole = [0, 0, 512, 400];
        let parts = [Part::in_place(whole), Part { from: whole, to: [401, 133, 512, 400] }];
        mosaic.write(folder, &fixtures().join("rgb_smooth_3857.tif").display().to_string(), &parts)
    }
}
