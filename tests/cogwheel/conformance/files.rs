//! Makes the TIFF of a [`Spec`].

use cogwheel::raster::{DataType, Sample};
use cogwheel::with_sample_type;
use gdal::raster::{Buffer, ColorInterpretation, GdalType, RasterBand, RasterCreationOptions};
use gdal::{Dataset, DatasetOptions, DriverManager, GdalOpenFlags};

use super::spec::{Blocks, Codec, Overviews, Spec, Validity};
use crate::support::made::{Folder, Memory};
use crate::support::set_up_gdal;

/// The value that means "no data here" where a spec has an ordinary one.
pub const NODATA: f64 = 7.0;

/// Any value of a type.
pub trait Random: Sample + GdalType {
    /// Often one of a few, else any bits at all.
    fn random(rng: &mut fastrand::Rng) -> Self;
}

macro_rules! random {
    ($($type:ident $bits:ident $from:expr),*) => {$(
        impl Random for $type {
            fn random(rng: &mut fastrand::Rng) -> Self {
                match rng.u8(..10) {
                    0..3 => Self::from_f64(NODATA),
                    3..6 => Self::from_f64(f64::from(rng.i8(..))),
                    6 => Self::from_f64(if rng.bool() { f64::MAX } else { f64::MIN }),
                    _ => $from(rng.$bits(..)),
                }
            }
        }
    )*};
}

random!(
    u8 u8 u8::from, i8 i8 i8::from, u16 u16 u16::from, i16 i16 i16::from, u32 u32 u32::from, i32 i32 i32::from,
    u64 u64 u64::from, i64 i64 i64::from, f32 u32 f32::from_bits, f64 u64 f64::from_bits
);

impl Spec {
    /// Makes the file in a folder; its path.
    pub fn make(&self, folder: &Folder, name: &str, seed: u64) -> String {
        set_up_gdal();
        let mut rng = fastrand::Rng::with_seed(seed);
        let memory = Memory::new();
        let path = memory.path(name);
        let dataset = with_sample_type!(self.dtype, T => self.create::<T>(&path, &mut rng));
        dataset.close().unwrap();
        if self.overviews != Overviews::None {
            let open_flags = match self.overviews {
                Overviews::Beside => GdalOpenFlags::GDAL_OF_READONLY,
                _ => GdalOpenFlags::GDAL_OF_UPDATE,
            };
            let mut dataset =
                Dataset::open_ex(&path, DatasetOptions { open_flags, ..DatasetOptions::default() }).unwrap();
            dataset.build_overviews("NEAREST", &[2, 4], &[]).unwrap();
            dataset.close().unwrap();
        }
        memory.store(folder.path("").as_ref());
        folder.path(name)
    }

    fn create<T: Random>(&self, path: &std::path::Path, rng: &mut fastrand::Rng) -> Dataset {
        let driver = DriverManager::get_driver_by_name("GTiff").unwrap();
        let options: RasterCreationOptions = self.options().iter().map(String::as_str).collect();
        let [width, height] = self.size;
        let mut dataset =
            driver.create_with_band_type_with_options::<T, _>(path, width, height, self.bands, &options).unwrap();
        dataset.set_geo_transform(&[5.0, 0.01, 0.0, 50.0, 0.0, -0.01]).unwrap();
        for index in 1..=self.bands {
            self.set_nodata(&mut dataset.rasterband(index).unwrap());
        }
        if self.has_alpha() {
            let mut alpha = dataset.rasterband(self.bands).unwrap();
            alpha.set_color_interpretation(ColorInterpretation::AlphaBand).unwrap();
        }
        for index in 1..=self.bands {
            let value = |rng: &mut fastrand::Rng, col: usize, row: usize| match (self.is_jpeg(), self.has_alpha()) {
                (_, true) if index == self.bands => T::from_f64(self.opaque() * f64::from(rng.u8(..5)) / 4.0),
                (true, _) => T::from_f64(smooth(col, row, index) + f64::from(rng.u8(..9))),
                (false, _) => T::random(rng),
            };
            self.write(&mut dataset.rasterband(index).unwrap(), rng, value);
        }
        let inside = if self.has_mask_inside() { "YES" } else { "NO" };
        if self.has_mask_inside() || self.validity == Validity::MaskBeside {
            gdal::config::set_thread_local_config_option("GDAL_TIFF_INTERNAL_MASK", inside).unwrap();
            let mut band = dataset.rasterband(1).unwrap();
            band.create_mask_band(true).unwrap();
            let mut mask = band.open_mask_band().unwrap();
            self.write(&mut mask, rng, |rng, col, row| if (col + row) % 5 < 2 || rng.bool() { 255_u8 } else { 0 });
        }
        dataset
    }

    fn options(&self) -> Vec<String> {
        let mut options = vec![
            format!("INTERLEAVE={}", if self.by_pixel { "PIXEL" } else { "BAND" }),
            format!("ENDIANNESS={}", if self.big_endian { "BIG" } else { "LITTLE" }),
            format!("BIGTIFF={}", if self.big_tiff { "YES" } else { "NO" }),
            format!("SPARSE_OK={}", if self.sparse { "YES" } else { "NO" }),
            format!("PREDICTOR={}", self.predictor),
        ];
        let codec = match self.codec {
            Codec::None => "NONE",
            Codec::Deflate => "DEFLATE",
            Codec::Lzw => "LZW",
            Codec::PackBits => "PACKBITS",
            Codec::Jpeg | Codec::JpegYcbcr => "JPEG",
        };
        options.push(format!("COMPRESS={codec}"));
        let photometric = match (self.codec, self.bands) {
            (Codec::JpegYcbcr, _) => "YCBCR",
            (_, 3 | 4) => "RGB",
            _ => "MINISBLACK",
        };
        options.push(format!("PHOTOMETRIC={photometric}"));
        match self.blocks {
            Blocks::Tiles(width, height) => {
                options.extend(["TILED=YES".to_owned(), format!("BLOCKXSIZE={width}"), format!("BLOCKYSIZE={height}")]);
            }
            Blocks::Strips(0) => options.push(format!("BLOCKYSIZE={}", self.size[1])),
            Blocks::Strips(rows) => options.push(format!("BLOCKYSIZE={rows}")),
        }
        options
    }

    fn set_nodata(&self, band: &mut RasterBand<'_>) {
        let odd = match self.validity {
            Validity::Nodata | Validity::MaskAndNodata | Validity::AlphaAndNodata => false,
            Validity::OddNodata => true,
            Validity::All | Validity::Mask | Validity::MaskBeside | Validity::Alpha => return,
        };
        match self.dtype {
            DataType::U64 => band.set_no_data_value_u64(Some(if odd { u64::MAX } else { NODATA as u64 })).unwrap(),
            DataType::I64 => band.set_no_data_value_i64(Some(if odd { i64::MIN + 1 } else { NODATA as i64 })).unwrap(),
            _ => band.set_no_data_value(Some(if odd { self.odd_nodata() } else { NODATA })).unwrap(),
        }
    }

    fn odd_nodata(&self) -> f64 {
        match self.dtype {
            DataType::U8 => -9999.0,
            DataType::I8 => 300.0,
            DataType::U16 => -1.0,
            DataType::I16 => 1.5,
            DataType::I32 => 1e10,
            DataType::F32 => f64::from(f32::MIN),
            DataType::U32 | DataType::U64 | DataType::I64 | DataType::F64 => f64::NAN,
        }
    }

    fn opaque(&self) -> f64 {
        match self.dtype {
            DataType::I8 => 127.0,
            DataType::U16 => 65_535.0,
            DataType::F32 | DataType::F64 => 1.0,
            _ => 255.0,
        }
    }

    /// Writes a band; only the middle of it where blocks may be left out.
    fn write<T: GdalType + Copy>(
        &self, band: &mut RasterBand<'_>, rng: &mut fastrand::Rng,
        value: impl Fn(&mut fastrand::Rng, usize, usize) -> T,
    ) {
        let [width, height] = self.size;
        let (cols, rows) = if self.sparse {
            (width / 4..width.div_ceil(2), height / 4..height.div_ceil(2))
        } else {
            (0..width, 0..height)
        };
        let cells = rows.clone().flat_map(|row| cols.clone().map(move |col| (col, row)));
        let values = cells.map(|(col, row)| value(rng, col, row)).collect();
        let size = (cols.len(), rows.len());
        let mut buffer = Buffer::new(size, values);
        band.write((cols.start.cast_signed(), rows.start.cast_signed()), size, &mut buffer).unwrap();
    }
}

/// What JPEG can keep: hills that differ a little from band to band.
fn smooth(col: usize, row: usize, band: usize) -> f64 {
    let wave = |at: usize, length: f64| (at as f64 / length).sin();
    120.0 + 50.0 * wave(col, 17.0) + 40.0 * wave(row, 23.0) + 8.0 * band as f64
}
