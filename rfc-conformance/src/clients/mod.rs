//! Grading of ALTO clients with a mock server that is valid but unusual.
//!
//! Each scenario is a server below `/NAME/` with one peculiarity that RFC 7285 allows. A client performs a few tasks in each
//! ([`ClientDriver`]): it lists the directory, retrieves a map, or finds the PIDs of addresses or the costs between them. The
//! verdicts result from:
//! - each request by itself: method, media types, and whether the body is what the resource accepts (`requests`);
//! - the sequence of requests: whether relative URIs are resolved, loops are left, and Retry-After is respected
//!   (`scenarios`);
//! - the answer, if the client prints it as JSON.
//!
//! A task that already fails in the scenario `plain`, which has no peculiarity, is not graded in the others.

mod certificates;
mod comparison;
mod driver;
mod expected;
mod grading;
mod json_style;
mod not_observable;
mod recording;
mod requests;
mod requirements;
mod scenario;
mod scenarios;
mod session;
mod task;

pub use certificates::CertificateError;
pub use driver::{
    Assignment, ClientDriver, ClientOutcome, CommandDriver, CommandTemplate, CommandTemplateError, Ending,
};
pub use not_observable::NOT_OBSERVABLE;
pub use session::{Session, SessionError, SessionSettings};
pub(crate) use task::TASKS;

use crate::requirement::Requirement;

/// Returns the requirements that clients are graded by.
pub fn requirements() -> impl Iterator<Item = Requirement> {
    requirements::ALL.iter().copied()
}

/// Returns the name and description of every scenario.
pub(crate) fn scenarios() -> impl Iterator<Item = (&'static str, &'static str)> {
    scenarios::all().into_iter().map(|scenario| (scenario.name, scenario.about))
}
