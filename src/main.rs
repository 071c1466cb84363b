//! The `cogwheel` command.

use std::process::ExitCode;

/// glibc keeps most of what a tile server frees; jemalloc gives it back, GDAL's share included.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cogwheel::cli::main()
}
