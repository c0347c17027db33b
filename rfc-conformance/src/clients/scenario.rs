//! What a scenario is: something valid but unusual, and what a client should make of it.

use std::sync::Arc;

use super::driver::{TaskOutcome, TaskRun};
use super::recording::Capture;
use super::task::Task;
use crate::mock_server::service::Service;
use crate::requirement::Requirement;
use crate::sheet::Sheet;

/// Text that appears only where clients must ignore it, so that no request may contain it.
pub(super) const POISON: &str = "poison";

/// A scripted server with one peculiarity.
pub(super) struct Scenario {
    /// The first segment of its paths.
    pub(super) name: &'static str,
    /// What is unusual about it, in a sentence.
    pub(super) about: &'static str,
    /// What it is there to see.
    pub(super) requirement: Requirement,
    /// What it takes.
    pub(super) needs: Needs,
    /// The path of the root directory below the name.
    pub(super) root: &'static str,
    /// The server.
    pub(super) service: fn(&Deployment) -> Service,
    /// What the client is made to do, and what comes of it.
    pub(super) tasks: fn(&Service) -> Vec<Task>,
    /// What can be told from the requests alone, beyond the requirements that hold everywhere.
    pub(super) judge: Option<fn(&PlayedScenario<'_>, &mut Sheet)>,
}

/// What a scenario takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Plain HTTP.
    Nothing,
    /// Clients that authenticate.
    Credentials,
    /// HTTPS, with a certificate of this kind.
    Tls(Certificate),
}

/// Certificates that clients should trust, and should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certificate {
    /// For this host, of the authority that clients were told to trust.
    Good,
    /// For another host.
    WrongName,
    /// Of another authority.
    Stranger,
}

/// Where a scenario is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deployment {
    /// The first segment of all its paths, with a slash.
    pub(super) prefix: String,
    /// Scheme and authority.
    pub(super) origin: String,
    /// Scheme and authority of a second server that serves the same paths.
    pub(super) other: String,
    /// How many tasks came before this one.
    pub(super) turn: usize,
}

impl Deployment {
    /// The authority.
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
