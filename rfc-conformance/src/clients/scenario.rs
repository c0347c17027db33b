//! Scenarios: mock servers with one peculiarity, and the record of what a client did in them.

use std::sync::Arc;

use super::driver::{TaskOutcome, TaskRun};
use super::recording::Capture;
use super::task::Task;
use crate::mock_server::service::Service;
use crate::requirement::Requirement;
use crate::sheet::Sheet;

/// Text that appears only where clients must ignore it, so that no request may contain it.
pub(super) const POISON: &str = "poison";

/// Mock server with one peculiarity.
pub(super) struct Scenario {
    /// Name, which is also the first segment of all paths.
    pub(super) name: &'static str,
    /// Description of the peculiarity, in one sentence.
    pub(super) about: &'static str,
    /// Requirement that the scenario tests.
    pub(super) requirement: Requirement,
    /// Prerequisites of the scenario.
    pub(super) needs: Needs,
    /// Path of the root directory below the name.
    pub(super) root: &'static str,
    /// Function that creates the mock server.
    pub(super) service: fn(&Deployment) -> Service,
    /// Function that creates the tasks, with their expected outcomes.
    pub(super) tasks: fn(&Service) -> Vec<Task>,
    /// Function that grades the requests, in addition to the rules for all scenarios.
    pub(super) judge: Option<fn(&PlayedScenario<'_>, &mut Sheet)>,
}

/// Prerequisites of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// None: plain HTTP.
    Nothing,
    /// Client that authenticates.
    Credentials,
    /// HTTPS with a certificate of this kind.
    Tls(Certificate),
}

/// Kind of server certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certificate {
    /// Valid certificate of the trusted authority.
    Good,
    /// Certificate of the trusted authority for another host.
    WrongName,
    /// Certificate of an unknown authority.
    Stranger,
}

/// URIs at which a scenario is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deployment {
    /// First segment of all paths, with a leading slash.
    pub(super) prefix: String,
    /// Scheme and authority of the server.
    pub(super) origin: String,
    /// Scheme and authority of a second server with the same paths.
    pub(super) other: String,
    /// Number of tasks that were run before.
    pub(super) turn: usize,
}

impl Deployment {
    /// Returns the authority of the server.
    pub(super) fn authority(&self) -> &str {
        self.origin.split_once("//").map_or("", |(_, authority)| authority)
    }
}

/// Scenario with everything the client did in it.
pub(super) struct PlayedScenario<'a> {
    /// The scenario.
    pub(super) scenario: &'a Scenario,
    /// Requests with their responses, in order.
    pub(super) captures: Vec<Arc<Capture>>,
    /// Tasks with their outcomes.
    pub(super) attempts: Vec<(Task, TaskOutcome)>,
}

impl PlayedScenario<'_> {
    /// Returns the requests of each run of the client; no run is empty.
    pub(super) fn runs(&self) -> impl Iterator<Item = &[Arc<Capture>]> {
        self.captures.chunk_by(|a, b| a.run == b.run)
    }

    /// Returns the tasks that the client was run for.
    pub(super) fn done(&self) -> impl Iterator<Item = (&Task, &TaskRun)> {
        self.attempts.iter().filter_map(|(task, driven)| match driven {
            TaskOutcome::TaskRun(done) => Some((task, done)),
            TaskOutcome::Not(_) => None,
        })
    }

    /// Returns the requests of one run.
    pub(super) fn run(&self, run: usize) -> impl DoubleEndedIterator<Item = &Arc<Capture>> {
        self.captures.iter().filter(move |capture| capture.run == run)
    }
}
