//! The few GDAL calls without a safe wrapper. The only file of the project with `unsafe` in it.
#![expect(unsafe_code, reason = "this is the one FFI file")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use gdal::Dataset;
use gdal::errors::{GdalError, Result};
use gdal::raster::{GdalType, RasterBand, ResampleAlg};

use super::vsi::{self, OpenFile};

/// A rectangle of a band, in pixels; fractions are honoured.
#[derive(Debug, Clone, Copy, PartialEq)]
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

unsafe extern "C" {
    /// GDAL's own, from C++: the PROJ context of this thread.
    #[link_name = "_Z20OSRGetProjTLSContextv"]
    fn proj_context() -> *mut proj_sys::PJ_CONTEXT;

    /// GDAL's own, from C++: sets whom the datasets belong to that this thread opens from now on.
    #[link_name = "_Z37GDALSetResponsiblePIDForCurrentThreadx"]
    fn set_responsible(id: i64);
}

/// Takes every file from PROJ, on this thread: the text of a reference system, which may come from anybody's raster, names
/// files that PROJ would open (`+nadgrids`, `+init`). Its database is in the binary.
pub fn take_files_from_proj() {
    let files = proj_sys::PROJ_FILE_API {
        version: 1,
        open_cbk: Some(proj::open),
        read_cbk: Some(proj::read),
        write_cbk: Some(proj::write),
        seek_cbk: Some(proj::seek),
        tell_cbk: Some(proj::tell),
        close_cbk: Some(proj::close),
        exists_cbk: Some(proj::no_path),
        mkdir_cbk: Some(proj::no_path),
        unlink_cbk: Some(proj::no_path),
        rename_cbk: Some(proj::rename),
    };
    // SAFETY: the context lives as long as the thread, and is used by no other; PROJ copies the callbacks.
    let taken = unsafe { proj_sys::proj_context_set_fileapi(proj_context(), &raw const files, null_mut()) };
    if taken == 0 {
        tracing::error!("PROJ keeps its own files");
    }
}

/// A file system without a file.
mod proj {
    use std::ffi::{c_char, c_int, c_longlong, c_ulonglong, c_void};
    use std::ptr::null_mut;

    use proj_sys::{PJ_CONTEXT, PROJ_FILE_HANDLE, PROJ_OPEN_ACCESS};

    type Context = *mut PJ_CONTEXT;
    type Handle = *mut PROJ_FILE_HANDLE;

    pub unsafe extern "C" fn open(_: Context, _: *const c_char, _: PROJ_OPEN_ACCESS, _: *mut c_void) -> Handle {
        null_mut()
    }
    pub unsafe extern "C" fn read(_: Context, _: Handle, _: *mut c_void, _: usize, _: *mut c_void) -> usize {
        0
    }
    pub unsafe extern "C" fn write(_: Context, _: Handle, _: *const c_void, _: usize, _: *mut c_void) -> usize {
        0
    }
    pub unsafe extern "C" fn seek(_: Context, _: Handle, _: c_longlong, _: c_int, _: *mut c_void) -> c_int {
        0
    }
    pub unsafe extern "C" fn tell(_: Context, _: Handle, _: *mut c_void) -> c_ulonglong {
        0
    }
    pub unsafe extern "C" fn close(_: Context, _: Handle, _: *mut c_void) {}
    pub unsafe extern "C" fn no_path(_: Context, _: *const c_char, _: *mut c_void) -> c_int {
        0
    }
    pub unsafe extern "C" fn rename(_: Context, _: *const c_char, _: *const c_char, _: *mut c_void) -> c_int {
        0
    }
}

/// While it lives, the sources of VRTs that this thread opens belong to one handle. GDAL keeps sources in a pool, failed
/// ones too, and tells those of one VRT from those of another by an address, which may be reused: without an owner, a
/// new handle would be given the failures and the old files of one that is gone.
#[derive(Debug)]
pub struct Ownership(());

impl Ownership {
    /// From now on, for this handle.
    pub fn of(handle: u32) -> Self {
        // Not the number of a thread, which is what GDAL has there by itself.
        let id = -1 - i64::from(handle);
        // SAFETY: sets a thread-local number.
        unsafe { set_responsible(id) };
        Self(())
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        // SAFETY: sets a thread-local number; 0 is no handle.
        unsafe { set_responsible(0) };
    }
}

/// Object stores, by GDAL's names for them. GDAL has no network code of its own, so the names are free.
const OBJECT_STORES: [&CStr; 4] = [c"/vsis3/", c"/vsigs/", c"/vsiaz/", c"/vsicurl/"];

/// GDAL's files in memory: its own business, and empty but for what it puts there itself.
const IN_MEMORY: &[u8] = b"/vsimem/";

/// Puts `vsi` in the place of every file system that GDAL has, chained ones (`/vsizip/`) included: it says what may be
/// opened, and which of it there is.
pub fn install_file_systems() {
    // SAFETY: the list is null-terminated and ours to free; prefixes are C strings that live as long as the process
    // (they are leaked, once), which is as long as the handlers that point to them; GDAL copies the callbacks.
    unsafe {
        let list = gdal_sys::VSIGetFileSystemsPrefixes();
        let mut prefixes: Vec<CString> = Vec::new();
        let mut item = list;
        while !list.is_null() && !(*item).is_null() {
            prefixes.push(CStr::from_ptr(*item).to_owned());
            item = item.add(1);
        }
        gdal_sys::CSLDestroy(list);
        prefixes.retain(|prefix| prefix.to_bytes() != IN_MEMORY);
        let local = callbacks(None);
        for prefix in prefixes {
            install(Box::leak(prefix.into_boxed_c_str()), local);
        }
        install(c"", local);
        let remote = callbacks(Some(on_read_ranges));
        for prefix in OBJECT_STORES {
            install(prefix, remote);
        }
    }
}

/// # Safety
/// The callbacks take the handler's prefix as their user data.
unsafe fn install(prefix: &'static CStr, mut callbacks: gdal_sys::VSIFilesystemPluginCallbacksStruct) {
    callbacks.pUserData = prefix.as_ptr().cast_mut().cast();
    // SAFETY: both pointers are valid for the call; GDAL copies what they point to, but for the user data, which lives
    // as long as the process.
    unsafe { gdal_sys::VSIInstallPluginHandler(prefix.as_ptr(), &raw const callbacks) };
}

/// Reading only; what is missing can't be done.
fn callbacks(
    read_multi_range: gdal_sys::VSIFilesystemPluginReadMultiRangeCallback,
) -> gdal_sys::VSIFilesystemPluginCallbacksStruct {
    gdal_sys::VSIFilesystemPluginCallbacksStruct {
        pUserData: null_mut(),
        stat: Some(on_stat),
        unlink: None,
        rename: None,
        mkdir: None,
        rmdir: None,
        read_dir: None,
        open: Some(on_open),
        tell: Some(on_tell),
        seek: Some(on_seek),
        read: Some(on_read),
        read_multi_range,
        get_range_status: None,
        eof: Some(on_eof),
        write: None,
        flush: None,
        truncate: None,
        close: Some(on_close),
        nBufferSize: 0,
        nCacheSize: 0,
        sibling_files: None,
        advise_read: None,
        error: Some(on_error),
        clear_err: Some(on_clear_error),
    }
}

/// A callback's work; a panic must not unwind into C++.
fn guarded<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(otherwise)
}

/// The whole path: GDAL cuts off the prefix of its handler.
///
/// # Safety
/// Both are C strings.
unsafe fn whole_path(prefix: *const c_void, path: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    let (prefix, path) = unsafe { (CStr::from_ptr(prefix.cast()), CStr::from_ptr(path)) };
    Some(format!("{}{}", prefix.to_str().ok()?, path.to_str().ok()?))
}

unsafe extern "C" fn on_stat(
    prefix: *mut c_void, path: *const c_char, to: *mut gdal_sys::VSIStatBufL, _: c_int,
) -> c_int {
    guarded(-1, || {
        // SAFETY: GDAL gives the handler's user data, a C string, and a `stat64` structure to fill, which the
        // bindings leave opaque.
        let (path, to) = unsafe { (whole_path(prefix, path), &mut *to.cast::<libc::stat64>()) };
        let Some(found) = path.and_then(|path| vsi::stat(&path)) else { return -1 };
        to.st_mode = if found.is_folder { libc::S_IFDIR } else { libc::S_IFREG };
        to.st_size = i64::try_from(found.size).unwrap_or(i64::MAX);
        0
    })
}

unsafe extern "C" fn on_open(prefix: *mut c_void, path: *const c_char, access: *const c_char) -> *mut c_void {
    guarded(null_mut(), || {
        // SAFETY: GDAL gives the handler's user data and C strings.
        let (path, access) = unsafe { (whole_path(prefix, path), CStr::from_ptr(access)) };
        let reads = access.to_bytes().starts_with(b"r") && !access.to_bytes().contains(&b'+');
        let file = path.filter(|_| reads).and_then(|path| OpenFile::open(&path));
        file.map_or(null_mut(), |file| Box::into_raw(Box::new(file)).cast())
    })
}

/// # Safety
/// `file` came from `on_open` and is not closed; GDAL uses a handle on one thread at a time.
unsafe fn opened<'a>(file: *mut c_void) -> &'a mut OpenFile {
    // SAFETY: the caller's promise.
    unsafe { &mut *file.cast::<OpenFile>() }
}

unsafe extern "C" fn on_close(file: *mut c_void) -> c_int {
    // SAFETY: `on_open` made it, and GDAL closes a handle once.
    guarded((), || drop(unsafe { Box::from_raw(file.cast::<OpenFile>()) }));
    0
}

unsafe extern "C" fn on_tell(file: *mut c_void) -> gdal_sys::vsi_l_offset {
    // SAFETY: an open file of ours.
    unsafe { opened(file) }.position()
}

unsafe extern "C" fn on_seek(file: *mut c_void, offset: gdal_sys::vsi_l_offset, whence: c_int) -> c_int {
    // SAFETY: an open file of ours.
    let file = unsafe { opened(file) };
    file.seek_to(match whence {
        libc::SEEK_CUR => file.position().saturating_add(offset),
        libc::SEEK_END => file.size().saturating_add(offset),
        _ => offset,
    });
    0
}

unsafe extern "C" fn on_read(file: *mut c_void, buffer: *mut c_void, size: usize, count: usize) -> usize {
    let Some(bytes) = size.checked_mul(count).filter(|bytes| *bytes > 0) else { return 0 };
    guarded(0, || {
        // SAFETY: an open file of ours, and a buffer of `size * count` bytes that nobody else uses during the call.
        let (file, buffer) = unsafe { (opened(file), std::slice::from_raw_parts_mut(buffer.cast::<u8>(), bytes)) };
        file.read(buffer) / size
    })
}

unsafe extern "C" fn on_read_ranges(
    file: *mut c_void, count: c_int, buffers: *mut *mut c_void, offsets: *const gdal_sys::vsi_l_offset,
    sizes: *const usize,
) -> c_int {
    guarded(-1, || {
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: an open file of ours, and three arrays of `count`: buffers, each of the size of the same index and
        // apart from the others, and where in the file they begin.
        let all = unsafe {
            let ranges = (0..count).map(|index| {
                let buffer = std::slice::from_raw_parts_mut((*buffers.add(index)).cast::<u8>(), *sizes.add(index));
                (*offsets.add(index), buffer)
            });
            opened(file).read_ranges(ranges)
        };
        if all { 0 } else { -1 }
    })
}

unsafe extern "C" fn on_eof(file: *mut c_void) -> c_int {
    // SAFETY: an open file of ours.
    unsafe { opened(file) }.at_end.into()
}

unsafe extern "C" fn on_error(file: *mut c_void) -> c_int {
    // SAFETY: an open file of ours.
    unsafe { opened(file) }.has_failed.into()
}

unsafe extern "C" fn on_clear_error(file: *mut c_void) {
    // SAFETY: an open file of ours.
    let file = unsafe { opened(file) };
    (file.has_failed, file.at_end) = (false, false);
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
