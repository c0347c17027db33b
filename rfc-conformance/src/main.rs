//! The program `rfc-conformance`, a thin wrapper around the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    rfc_conformance::cli::run(std::env::args_os()).into()
}
