//! PNG, decoded, with what its header says.

use png::{BitDepth, ColorType, Decoder, Transformations};

/// A decoded picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// As the IHDR has it.
    pub color: ColorType,
    /// As the IHDR has it.
    pub depth: BitDepth,
    /// The PLTE chunk.
    pub palette: Option<Vec<[u8; 3]>>,
    /// The tRNS chunk.
    pub transparency: Option<Vec<u8>>,
    /// Red, green, blue, alpha of each pixel.
    pub rgba: Vec<[u8; 4]>,
}

impl Picture {
    /// Decodes a picture.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut decoder = Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().unwrap();
        let info = reader.info();
        let (width, height) = (info.width as usize, info.height as usize);
        let (color, depth) = (info.color_type, info.bit_depth);
        let palette = info.palette.as_ref().map(|palette| palette.as_chunks::<3>().0.to_vec());
        let transparency = info.trns.as_ref().map(|alpha| alpha.to_vec());
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut data).unwrap();
        data.truncate(frame.buffer_size());
        let rgba = match frame.color_type {
            ColorType::Rgba => data.as_chunks::<4>().0.to_vec(),
            ColorType::Rgb => data.as_chunks::<3>().0.iter().map(|[r, g, b]| [*r, *g, *b, 255]).collect(),
            ColorType::GrayscaleAlpha => data.as_chunks::<2>().0.iter().map(|[v, a]| [*v, *v, *v, *a]).collect(),
            ColorType::Grayscale => data.iter().map(|v| [*v, *v, *v, 255]).collect(),
            ColorType::Indexed => panic!("a palette is expanded"),
        };
        assert_eq!(rgba.len(), width * height);
        Self { width, height, color, depth, palette, transparency, rgba }
    }

    /// One pixel.
    pub fn at(&self, row: usize, col: usize) -> [u8; 4] {
        self.rgba[row * self.width + col]
    }

    /// Whether nothing of it can be seen.
    pub fn is_transparent(&self) -> bool {
        self.rgba.iter().all(|pixel| pixel[3] == 0)
    }
}
