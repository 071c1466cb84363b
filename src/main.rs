//! The `cogwheel` command.

use std::process::ExitCode;

/// glibc's arenas grow without bound under a tile server's load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cogwheel::cli::main()
}
