//! ZSTD, by zstd itself.

use std::cell::RefCell;

use super::block::Damaged;

/// Decompresses a frame of ZSTD; how many bytes it had. What it says of its own size is not believed.
pub fn decompress(raw: &[u8], out: &mut [u8]) -> Result<usize, Damaged> {
    thread_local! {
        static DECODER: RefCell<zstd_safe::DCtx<'static>> = RefCell::new(zstd_safe::DCtx::create());
    }
    let damaged = |code| Damaged(zstd_safe::get_error_name(code).to_owned());
    // What follows the frame is nobody's.
    let length = zstd_safe::find_frame_compressed_size(raw).map_err(damaged)?;
    DECODER.with_borrow_mut(|decoder| decoder.decompress(out, &raw[..length])).map_err(damaged)
}
