//! numpy's array format, as far as tiles use it: version 1.0, three dimensions, C order, little-endian.

/// An array of bands, rows and columns; of a tile, the mask is the last band.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// numpy's type string.
    pub descr: String,
    pub bands: usize,
    pub rows: usize,
    pub cols: usize,
    /// The bytes of the values.
    pub data: Vec<u8>,
}

impl Array {
    /// Reads the format.
    pub fn parse(bytes: &[u8]) -> Self {
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "the magic of npy 1.0");
        let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = std::str::from_utf8(&bytes[10..start]).unwrap();
        assert!(header.contains("'fortran_order': False"), "{header}");
        let between = |open: &str, close: &str| {
            let rest = header.split_once(open).unwrap().1;
            rest.split_once(close).unwrap().0.to_owned()
        };
        let descr = between("'descr': '", "'");
        let shape = between("'shape': (", ")");
        let shape: Vec<usize> =
            shape.split(',').filter(|s| !s.trim().is_empty()).map(|s| s.trim().parse().unwrap()).collect();
        let [bands, rows, cols] = shape[..] else { panic!("{shape:?} are not three dimensions") };
        let array = Self { descr, bands, rows, cols, data: bytes[start..].to_vec() };
        assert_eq!(array.data.len(), bands * rows * cols * array.item_bytes(), "{header}");
        array
    }

    fn item_bytes(&self) -> usize {
        self.descr[2..].parse().unwrap()
    }

    fn items(&self, band: usize) -> impl Iterator<Item = &[u8]> {
        let size = self.item_bytes();
        let plane = self.rows * self.cols * size;
        self.data[band * plane..(band + 1) * plane].chunks_exact(size)
    }

    /// The values of a band, from 0.
    pub fn band(&self, band: usize) -> Vec<f64> {
        match self.descr.as_str() {
            "<f4" => self.items(band).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect(),
            "<f8" => self.items(band).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
            _ => self.whole(band).into_iter().map(|value| value as f64).collect(),
        }
    }

    /// The values of a band of integers, exactly.
    pub fn whole(&self, band: usize) -> Vec<i128> {
        let signed = match &self.descr[1..2] {
            "i" => true,
            "u" => false,
            _ => panic!("{} is no type of integers", self.descr),
        };
        let wide = |bytes: &[u8]| {
            let fill = if signed && bytes[bytes.len() - 1] >= 128 { 255 } else { 0 };
            let mut all = [fill; 16];
            all[..bytes.len()].copy_from_slice(bytes);
            i128::from_le_bytes(all)
        };
        self.items(band).map(wide).collect()
    }

    /// The last band.
    pub fn mask(&self) -> Vec<u8> {
        self.band(self.bands - 1).into_iter().map(|value| value as u8).collect()
    }

    /// One value.
    pub fn at(&self, band: usize, row: usize, col: usize) -> f64 {
        self.band(band)[row * self.cols + col]
    }

    /// The values of a band where the mask is above 0.
    pub fn valid(&self, band: usize) -> Vec<f64> {
        self.band(band).into_iter().zip(self.mask()).filter(|(_, mask)| *mask > 0).map(|(value, _)| value).collect()
    }

    /// How many pixels hold data.
    pub fn valid_count(&self) -> usize {
        self.mask().iter().filter(|mask| **mask > 0).count()
    }

    /// A part of it: all bands of a rectangle.
    pub fn part(&self, row: usize, col: usize, rows: usize, cols: usize) -> Self {
        let size = self.item_bytes();
        let mut data = Vec::with_capacity(self.bands * rows * cols * size);
        for band in 0..self.bands {
            for line in row..row + rows {
                let start = ((band * self.rows + line) * self.cols + col) * size;
                data.extend_from_slice(&self.data[start..start + cols * size]);
            }
        }
        Self { descr: self.descr.clone(), bands: self.bands, rows, cols, data }
    }
}
