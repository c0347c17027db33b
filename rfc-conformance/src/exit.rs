//! Exit codes of the program.

use std::process::ExitCode;

/// Outcome of the program, as its exit code tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: no failures.
    Passed,
    /// 1: at least one failure.
    Failed,
    /// 2: the run was not possible: no answer from the server, or an unusable file.
    CouldNotRun,
    /// 3: invalid command line.
    Usage,
    /// 4: no failures, but not everything was examined: the time limit was exceeded, or a change failed.
    Incomplete,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Passed => 0,
            Exit::Failed => 1,
            Exit::CouldNotRun => 2,
            Exit::Usage => 3,
            Exit::Incomplete => 4,
        })
    }
}
