//! Checks: functions that question the subject, with the requirements they grade.

use crate::context::Context;
use crate::http::NoAnswer;
use crate::requirement::Requirement;
use crate::sheet::Sheet;

/// Function that performs a check; an error means that the subject gave no answer, so no verdict is possible.
pub type Run = fn(&Context<'_>, &mut Sheet) -> Result<(), NoAnswer>;

/// Scheduling of a check within a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Runs in parallel with other checks.
    Parallel,
    /// Runs alone, after all others, because the check evaluates what they saw or puts a load on the subject.
    Last,
}

/// A check: a function and the requirements it grades, each with a verdict of its own.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Description of what the check does, as a predicate of the suite.
    pub how: &'static str,
    /// Requirements that get a verdict from this check.
    pub grades: &'static [Requirement],
    /// Scheduling of the check.
    pub when: When,
    /// Function that performs the check.
    pub run: Run,
}

impl Check {
    /// Creates a check that runs in parallel with others.
    pub const fn new(how: &'static str, grades: &'static [Requirement], run: Run) -> Self {
        Self { how, grades, when: When::Parallel, run }
    }

    /// Creates a check that runs alone, after all others.
    pub const fn last(how: &'static str, grades: &'static [Requirement], run: Run) -> Self {
        Self { how, grades, when: When::Last, run }
    }
}

/// Declares the files of a standard that contain checks, and `CHECKS`, the list of their checks in this order.
macro_rules! checks {
    ($($visibility:vis mod $module:ident;)+) => {
        $($visibility mod $module;)+

        /// Checks by file.
        const CHECKS: &[&[crate::check::Check]] = &[$($module::CHECKS,)+];
    };
}
pub(crate) use checks;
