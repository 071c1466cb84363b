//! The few GDAL calls without a safe wrapper. The only file of the project with `unsafe` in it.
#![expect(unsafe_code, reason = "this is the one FFI file")]

use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;

use gdal::Dataset;
use gdal::errors::{GdalError, Result};
use gdal::raster::{GdalType, RasterBand, ResampleAlg};

/// A rectangle of a band, in pixels; fractions are honoured.
#[derive(Debug, Clone, Copy)]
pub struct FloatWindow {
    pub col: f64,
    pub row: f64,
    pub width: f64,
    pub height: f64,
}

/// Where the pixels of one band go in an interleaved buffer.
#[derive(Debug, Clone, Copy)]
pub struct Interleave {
    /// Columns of the output.
    pub width: usize,
    /// Rows of the output.
    pub height: usize,
    /// Samples from one pixel to the next.
    pub stride: usize,
    /// Samples before the first pixel.
    pub offset: usize,
}

/// Reads a window of a band into every `stride`-th sample of `buffer`, decimating where the output is smaller.
pub fn read_band<T: Copy + GdalType>(
    band: &RasterBand<'_>, window: FloatWindow, alg: ResampleAlg, buffer: &mut [T], to: Interleave,
) -> Result<()> {
    let pixels = to.width * to.height;
    assert!(
        pixels > 0 && to.offset < to.stride && buffer.len() >= pixels * to.stride,
        "the buffer is smaller than what is read"
    );
    let [col, row, width, height] = whole_window(window, band.size())?;
    let mut extra = gdal_sys::GDALRasterIOExtraArg {
        nVersion: 1,
        eResampleAlg: alg.to_gdal(),
        pfnProgress: None,
        pProgressData: null_mut(),
        bFloatingPointWindowValidity: 1,
        dfXOff: window.col,
        dfYOff: window.row,
        dfXSize: window.width,
        dfYSize: window.height,
        bUseOnlyThisScale: 0,
    };
    let sample = size_of::<T>();
    // SAFETY: the band is alive as long as its borrow; the assertion above keeps the last sample written,
    // offset + (pixels - 1) * stride, inside the buffer; `extra` outlives the call.
    let code = unsafe {
        gdal_sys::GDALRasterIOEx(
            band.c_rasterband(),
            gdal_sys::GDALRWFlag::GF_Read,
            col,
            row,
            width,
            height,
            buffer.as_mut_ptr().add(to.offset).cast(),
            int(to.width)?,
            int(to.height)?,
            T::gdal_ordinal(),
            int64(to.stride * sample)?,
            int64(to.stride * sample * to.width)?,
            &raw mut extra,
        )
    };
    check(code)
}

/// The whole pixels that hold a fractional window.
#[expect(clippy::cast_possible_truncation, reason = "checked to be within the band")]
fn whole_window(window: FloatWindow, (cols, rows): (usize, usize)) -> Result<[c_int; 4]> {
    let side = |start: f64, length: f64, size: usize| -> Result<[c_int; 2]> {
        let size = int(size)?;
        let first = (start.floor() as c_int).clamp(0, size - 1);
        let last = ((start + length - 1e-6).ceil() as c_int).clamp(first + 1, size);
        Ok([first, last - first])
    };
    let ([col, width], [row, height]) = (side(window.col, window.width, cols)?, side(window.row, window.height, rows)?);
    Ok([col, row, width, height])
}

/// A dataset with ground control points as a north-up one, by GDAL's warper, on the fly.
#[derive(Debug)]
pub struct Warped {
    // Fields are dropped in this order: the warp reads from its source until it is closed.
    dataset: Dataset,
    _source: Dataset,
}

impl Warped {
    /// Takes the source over, so that it lives as long as its warp. What lies outside the source is transparent: an
    /// alpha band says so. Cells are taken as they are (nearest); smoothing is ours.
    pub fn by_gcps(source: Dataset) -> Result<Self> {
        let arguments = [c"-of", c"VRT", c"-dstalpha", c"-r", c"near", c"-et", c"0"];
        let mut arguments: Vec<*mut c_char> = arguments.iter().map(|text| text.as_ptr().cast_mut()).collect();
        arguments.push(null_mut());
        let mut sources = [source.c_dataset()];
        // SAFETY: the arguments are a null-terminated array of C strings, which GDAL copies; the source handle is
        // valid, and stays so: it is dropped after the warp that is made of it; the options are freed once, and an
        // empty destination makes a VRT in memory.
        let handle = unsafe {
            let options = gdal_sys::GDALWarpAppOptionsNew(arguments.as_mut_ptr(), null_mut());
            let handle = gdal_sys::GDALWarp(c"".as_ptr(), null_mut(), 1, sources.as_mut_ptr(), options, null_mut());
            gdal_sys::GDALWarpAppOptionsFree(options);
            handle
        };
        if handle.is_null() {
            return Err(last_error());
        }
        // SAFETY: the handle is fresh, not null, and owned by nobody else.
        let dataset = unsafe { Dataset::from_c_dataset(handle) };
        Ok(Self { dataset, _source: source })
    }

    /// The north-up dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }
}

/// The files that a dataset is made of, sidecars and VRT sources included.
pub fn file_list(dataset: &Dataset) -> Vec<String> {
    // SAFETY: the handle is valid; the list is a null-terminated array of C strings that we own and free.
    unsafe {
        let list = gdal_sys::GDALGetFileList(dataset.c_dataset());
        let mut files = Vec::new();
        if !list.is_null() {
            let mut item = list;
            while !(*item).is_null() {
                files.push(CStr::from_ptr(*item).to_string_lossy().into_owned());
                item = item.add(1);
            }
        }
        gdal_sys::CSLDestroy(list);
        files
    }
}

/// GDAL's version, `3.12.1`.
pub fn version() -> String {
    gdal::version::VersionInfo::release_name()
}

fn check(code: gdal_sys::CPLErr::Type) -> Result<()> {
    if code == gdal_sys::CPLErr::CE_None { Ok(()) } else { Err(last_error()) }
}

fn last_error() -> GdalError {
    // SAFETY: both calls only read this thread's error state; the text is copied before anything else runs.
    let (number, msg) = unsafe {
        let text = CStr::from_ptr(gdal_sys::CPLGetLastErrorMsg()).to_string_lossy().into_owned();
        let number = gdal_sys::CPLGetLastErrorNo();
        gdal_sys::CPLErrorReset();
        (number, text)
    };
    GdalError::CplError { class: gdal_sys::CPLErr::CE_Failure, number, msg }
}

fn int(value: usize) -> Result<c_int> {
    Ok(c_int::try_from(value)?)
}

fn int64(value: usize) -> Result<i64> {
    Ok(i64::try_from(value)?)
}
