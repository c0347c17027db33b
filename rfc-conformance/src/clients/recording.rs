//! Record of a session: requests with their responses, in order, up to a limit.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::http::{Answer, Exchange, Request};
use crate::mock_server::http::{ReceivedRequest, RejectedMessage, Response};
use crate::mock_server::resource::ServedResource;

/// Limit on the recorded exchanges; further ones are only counted.
const MOST: usize = 20_000;

/// Request with its response, as recorded by the server.
#[derive(Clone, Debug)]
pub(super) struct Capture {
    /// Number of the exchange within the session.
    pub(super) number: usize,
    /// Name of the scenario; `None` for requests outside of all scenarios before the first one was entered.
    pub(super) scenario: Option<&'static str>,
    /// Number of the client's run; 0 if the client is not run by this program.
    pub(super) run: usize,
    /// Time since the start of the session.
    pub(super) at: Duration,
    /// Scheme and authority of the listener.
    pub(super) origin: String,
    /// Request of the client.
    pub(super) request: ReceivedRequest,
    /// Response to the request.
    pub(super) answer: Response,
    /// Directory, resource or other target of the request.
    pub(super) subject: RequestSubject,
}

/// Target of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RequestSubject {
    /// Directory with this ID.
    Directory(String),
    /// Resource other than a directory.
    Resource(Box<ServedResource>),
    /// Auxiliary path of the scenario, such as the target of a redirect.
    Prop,
    /// Path that no directory lists.
    Stray,
}

/// Message that is not a valid HTTP request.
#[derive(Clone, Debug)]
pub(super) struct UnparsableRequest {
    /// Scenario that was active at the time.
    pub(super) scenario: Option<&'static str>,
    /// Address of the client.
    pub(super) peer: SocketAddr,
    /// Reason for the rejection.
    pub(super) refusal: RejectedMessage,
}

/// Thread-safe record of a session.
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
    /// Returns the request and response in the form that reports show.
    pub(super) fn exchange(&self) -> Exchange {
        let mut request = Request::new(&self.request.method, &format!("{}{}", self.origin, self.request.path));
        request.headers.clone_from(&self.request.fields);
        request.body = (!self.request.body.is_empty()).then(|| self.request.body.clone());
        let headers = self.answer.fields.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        let answer = Answer { status: self.answer.status, headers, body: self.answer.body.clone() };
        Exchange::captured(self.number, request, answer)
    }

    /// Returns the ID of the requested resource or directory.
    pub(super) fn id(&self) -> Option<&str> {
        match &self.subject {
            RequestSubject::Directory(id) => Some(id),
            RequestSubject::Resource(resource) => Some(&resource.id),
            RequestSubject::Prop | RequestSubject::Stray => None,
        }
    }

    /// Returns the requested resource.
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

    /// Records an exchange, and sets its number and time.
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

    /// Records an invalid message.
    pub(super) fn add_garbled(&self, unparsable: UnparsableRequest) {
        let mut entries = self.lock();
        entries.last = Some(Instant::now());
        if entries.unparsable.len() < MOST {
            entries.unparsable.push(unparsable);
        }
    }

    /// Returns all exchanges so far.
    pub(super) fn captures(&self) -> Vec<Arc<Capture>> {
        self.lock().captures.clone()
    }

    /// Returns all invalid messages so far.
    pub(super) fn unparsable(&self) -> Vec<UnparsableRequest> {
        self.lock().unparsable.clone()
    }

    /// Returns the numbers of recorded and of discarded exchanges.
    pub(super) fn count(&self) -> (usize, usize) {
        let entries = self.lock();
        (entries.captures.len(), entries.dropped)
    }

    /// Returns the time since the last message.
    pub(super) fn idle(&self) -> Duration {
        self.lock().last.unwrap_or(self.started).elapsed()
    }
}
