//! Exit codes.

use std::process::ExitCode;

/// Outcome of a program, which determines its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything requested was done: exit code 0.
    Success,
    /// Failure while running: exit code 1.
    Failure,
    /// Invalid command line: exit code 64 (`EX_USAGE` of sysexits.h).
    Usage,
    /// Setting or file that cannot be used: exit code 78 (`EX_CONFIG`).
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
