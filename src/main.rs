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

/// Whether the processor has what this was compiled for (x86-64-v3, `.cargo/config.toml`): without it the system would end the
/// process somewhere, and not say why. Bits as Intel's manual of instructions has them (CPUID).
#[cfg(target_feature = "avx2")]
fn fits_processor() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const FMA_MOVBE_AVX: u32 = 1 << 12 | 1 << 22 | 1 << 28;
    const BMI1_AVX2_BMI2: u32 = 1 << 3 | 1 << 5 | 1 << 8;
    const LZCNT: u32 = 1 << 5;
    let (last, last_extended) = (__cpuid(0).eax, __cpuid(0x8000_0000).eax);
    last >= 7
        && last_extended >= 0x8000_0001
        && __cpuid(1).ecx & FMA_MOVBE_AVX == FMA_MOVBE_AVX
        && __cpuid_count(7, 0).ebx & BMI1_AVX2_BMI2 == BMI1_AVX2_BMI2
        && __cpuid(0x8000_0001).ecx & LZCNT == LZCNT
}

#[cfg(not(target_feature = "avx2"))]
fn fits_processor() -> bool {
    true
}
