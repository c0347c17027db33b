//! The program, whose code is in the library so that it can be tested.

use std::process::ExitCode;

/// Allocator of the program. A small answer is little more than some dozens of allocations (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    alto_server::run(std::env::args_os()).into()
}
