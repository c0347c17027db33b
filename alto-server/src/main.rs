//! The program: everything is in the library, so that it can be tested.

use std::process::ExitCode;

/// A small answer is a few dozen allocations and little else, so the allocator shows (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    alto_server::run(std::env::args_os()).into()
}
