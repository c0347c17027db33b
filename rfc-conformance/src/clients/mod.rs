//! Client mode: a scripted server, valid but unusual, that grades the clients that connect to it.
//!
//! Every scenario is a server of its own below `/NAME/`, with one peculiarity that RFC 7285 allows. A client is made to
//! do a few things in each of them ([`ClientDriver`]): list the directory, fetch a map, find the PIDs of addresses or the
//! costs between them. Three things are looked at:
//! - each request by itself: method, media types, whether the body is what the resource offers (`wire`);
//! - what follows from the unusual: whether relative URIs are resolved, loops end, a busy server is left alone
//!   (`scenarios`);
//! - what the client says in the end, where it says it in JSON: whether it took the right thing from the message.
//!
//! Where a client already fails without anything unusual, that counts once, in the scenario `plain`.

mod answers;
mod certificates;
mod driver;
mod grading;
mod json_style;
mod not_observable;
mod program;
mod recording;
mod requests;
mod requirements;
mod scenario;
mod scenarios;
mod session;

pub use certificates::CertificateError;
pub use driver::{
    Assignment, ClientDriver, ClientOutcome, CommandDriver, CommandTemplate, CommandTemplateError, Ending,
};
pub use not_observable::NOT_OBSERVABLE;
pub(crate) use program::{Flags, run};
pub use session::{Session, SessionError, SessionSettings};

use crate::requirement::Requirement;

/// Everything that clients are graded by.
pub fn requirements() -> impl Iterator<Item = Requirement> {
    requirements::ALL.iter().copied()
}
