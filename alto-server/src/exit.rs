//! The exit codes of the program.

use std::process::ExitCode;

/// Result of a run of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything requested was done.
    Success,
    /// An error occurred while running.
    Failure,
    /// The command line is invalid (`EX_USAGE` of `sysexits.h`).
    Usage,
    /// A setting or a file cannot be used (`EX_CONFIG`).
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failure => 1,
            Exit::Usage => 64,
            Exit::Config => 78,
        })
    }
}
