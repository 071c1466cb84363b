//! The `cogwheel` command.

use std::io::Write;
use std::process::ExitCode;

/// glibc keeps most of what a tile server frees; jemalloc gives it back, GDAL's share included.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    if !fits_processor() {
        let message =
            b"this cogwheel was compiled for processors with AVX2 and BMI2 (x86-64-v3), which this one is not; \
            one for all of them: RUSTFLAGS=\"-C target-cpu=x86-64\" cargo build --release\n";
        // Without standard error nobody is there to be told.
        let _ = std::io::stderr().write_all(message);
        return ExitCode::FAILURE;
    }
    cogwheel::cli::main()
}

/// Whether the processor has what this was compiled for (`.cargo/config.toml`): without it the system would end the process
/// somewhere, and not say why.
#[cfg(target_feature = "avx2")]
fn fits_processor() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const LEAF: u32 = 7;
    const BMI1: u32 = 1 << 3;
    const AVX2: u32 = 1 << 5;
    const BMI2: u32 = 1 << 8;
    let needed = BMI1 | AVX2 | BMI2;
    __cpuid(0).eax >= LEAF && __cpuid_count(LEAF, 0).ebx & needed == needed
}

#[cfg(not(target_feature = "avx2"))]
fn fits_processor() -> bool {
    true
}
