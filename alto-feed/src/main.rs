//! Program `alto-feed`; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    alto_feed::cli::run(std::env::args_os()).into()
}
