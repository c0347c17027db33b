//! What the client did: every request with its answer, in order, up to a bound.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::mock_server::http::{ReceivedRequest, RejectedMessage, Response};
use crate::mock_server::service::ServedResource;

/// Exchanges that are kept. What comes after them is only counted.
const MOST: usize = 20_000;

/// A request and its answer, seen from the server's side.
#[derive(Clone, Debug)]
pub(super) struct Capture {
    /// Counts the captures.
    pub(super) number: usize,
    /// The name of the scenario it belongs to; none for requests to nowhere before any scenario was entered.
    pub(super) scenario: Option<&'static str>,
    /// Which run of the client it belongs to; 0 where nobody runs the client.
    pub(super) run: usize,
    /// Since the beginning.
    pub(super) at: Duration,
    /// The scheme and authority of the listener.
    pub(super) origin: String,
    /// The request.
    pub(super) request: ReceivedRequest,
    /// What it was answered.
    pub(super) answer: Response,
    /// What it asked for.
    pub(super) subject: RequestSubject,
}

/// What a request asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RequestSubject {
    /// A directory, by its ID.
    Directory(String),
    /// A resource.
    Resource(Box<ServedResource>),
    /// Something else that belongs to the scenario, such as the end of a redirect.
    Prop,
    /// Something that no directory names.
    Stray,
}

/// What was not HTTP.
#[derive(Clone, Debug)]
pub(super) struct UnparsableRequest {
    /// The scenario at the time.
    pub(super) scenario: Option<&'static str>,
    /// From where.
    pub(super) peer: SocketAddr,
    /// What is wrong.
    pub(super) refusal: RejectedMessage,
}

/// The record of a session.
pub(super) struct Log {
    started: Instant,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    captures: Vec<Arc<Capture>>,
    unparsable: Vec<UnparsableRequest>,
    last: Option<Instant>,
    dropped: usize,
}

impl Capture {
    /// The ID of the resource or directory.
    pub(super) fn id(&self) -> Option<&str> {
        match &self.subject {
            RequestSubject::Directory(id) => Some(id),
            RequestSubject::Resource(resource) => Some(&resource.id),
            RequestSubject::Prop | RequestSubject::Stray => None,
        }
    }

    /// The resource.
    pub(super) fn resource(&self) -> Option<&ServedResource> {
        match &self.subject {
            RequestSubject::Resource(resource) => Some(resource),
            _ => None,
        }
    }
}

impl Log {
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), entries: Mutex::default() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a capture; its number and time are set here.
    pub(super) fn add(&self, mut capture: Capture) {
        let mut entries = self.lock();
        entries.last = Some(Instant::now());
        if entries.captures.len() >= MOST {
            entries.dropped += 1;
            return;
        }
        capture.number = entries.captures.len() + 1;
        capture.at = self.started.elapsed();
        entries.captures.push(Arc::new(capture));
    }

    /// Keeps what was not HTTP.
    pub(super) fn add_garbled(&self, unparsable: UnparsableRequest) {
        let mut entries = self.lock();
        entries.last = Some(Instant::now());
        if entries.unparsable.len() < MOST {
            entries.unparsable.push(unparsable);
        }
    }

    /// Everything so far.
    pub(super) fn captures(&self) -> Vec<Arc<Capture>> {
        self.lock().captures.clone()
    }

    /// Everything so far that was not HTTP.
    pub(super) fn unparsable(&self) -> Vec<UnparsableRequest> {
        self.lock().unparsable.clone()
    }

    /// How many captures there are, and how many more were dropped.
    pub(super) fn count(&self) -> (usize, usize) {
        let entries = self.lock();
        (entries.captures.len(), entries.dropped)
    }

    /// How long nothing has come in.
    pub(super) fn idle(&self) -> Duration {
        self.lock().last.unwrap_or(self.started).elapsed()
    }
}
