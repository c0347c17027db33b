//! The program `rfc-conformance`, a thin wrapper around the library.

use std::process::ExitCode;

/// Allocator of the program. That of the system takes half as much again for maps that several threads parse.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rfc_conformance::cli::run(std::env::args_os()).into()
}
