//! Program `alto-peer`; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    alto_peer::cli::run(std::env::args_os()).into()
}
