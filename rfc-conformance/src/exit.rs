//! Exit codes, each with one meaning.

use std::process::ExitCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything required was found as required.
    Passed,
    /// Something was not.
    Failed,
    /// Nothing could be found out: nobody answered, or a file cannot be used.
    CouldNotRun,
    /// The command line cannot be understood.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Passed => 0,
            Exit::Failed => 1,
            Exit::CouldNotRun => 2,
            Exit::Usage => 3,
        })
    }
}
