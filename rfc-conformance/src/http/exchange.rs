//! Exchanges of a request and an answer, their records in reports, and failures.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use super::curl::{self, CurlOptions};
use super::message::{Answer, Request};
use super::reading::Reading;
use crate::json::{Document, NotJson};

/// A request with its answer.
#[derive(Debug)]
pub struct Exchange {
    /// Number of the exchange within the run.
    pub number: usize,
    /// Request; after redirects the last one, so that `request.uri` is the source of the answer.
    pub request: Request,
    /// Answer to the request.
    pub answer: Answer,
    /// Time from the first byte sent to the last byte received.
    pub took: Duration,
    /// Exchanges that led here by redirects, in order.
    pub redirects: Vec<Arc<Record>>,
    pub(super) curl: String,
    reading: Arc<Reading>,
    record: OnceLock<Arc<Record>>,
}

/// Shortened text of an exchange for reports, which may lack an answer.
#[derive(Clone, Debug)]
pub struct Record {
    /// Number of the exchange within the run.
    pub number: usize,
    /// Method and URI of the request.
    pub title: String,
    /// Request as text.
    pub request: String,
    /// Answer as text, or the failure.
    pub answer: String,
    /// Status of the answer, if there was one.
    pub status: Option<u16>,
    /// Duration of the exchange.
    pub took: Duration,
    /// Shell command that repeats the request.
    pub curl: String,
}

/// A request without an answer.
#[derive(Clone, Debug)]
pub struct NoAnswer {
    /// Reason for the missing answer.
    pub failure: Failure,
    /// Record of the request.
    pub record: Arc<Record>,
}

/// Failure of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Server that cannot be connected to.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// Answer that was not complete within the time limit.
    #[error("no complete answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// Connection closed before the answer was complete.
    #[error("the connection was closed before the answer was complete: {0}")]
    Closed(String),
    /// Answer over the size limit.
    #[error("the answer is longer than {0} bytes")]
    TooLong(u64),
    /// Answer that is not valid HTTP.
    #[error("the answer is not HTTP: {0}")]
    NotHttp(String),
    /// Failure of TLS.
    #[error("TLS failed: {}", tls(.0))]
    Tls(String),
    /// Too many redirects.
    #[error("more than {0} consecutive redirects")]
    Redirects(usize),
    /// URI that cannot be requested.
    #[error("cannot be requested: {0}")]
    Uri(String),
    /// Request that was not sent, or whose answer was not awaited, because the run has to end.
    #[error("the time limit of the run is exceeded (--deadline)")]
    Deadline,
    /// Request that was not sent because the server has stopped answering.
    #[error("not sent: {0} consecutive requests got no answer")]
    Dead(usize),
}

/// Says in plain words why TLS failed.
fn tls(reason: &str) -> String {
    const TRUST: &str = "trust the authority that signed it (--ca), or any certificate (--insecure)";
    plain_words::tls_fault(reason, TRUST).unwrap_or_else(|| reason.to_owned())
}

impl Exchange {
    /// Creates an exchange without redirects.
    pub(super) fn new(number: usize, request: Request, answer: Answer, took: Duration, curl: String) -> Self {
        let (redirects, reading, record) = (Vec::new(), Arc::default(), OnceLock::new());
        Self { number, request, answer, took, redirects, curl, reading, record }
    }

    /// Sets what the body was read as.
    pub(super) fn with_reading(self, reading: Arc<Reading>) -> Self {
        Self { reading, ..self }
    }

    /// Returns what `make` makes of the status and body of the answer, made once for all exchanges in which they are the same.
    pub(crate) fn made<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        self.reading.made(make)
    }

    /// Creates an exchange from a request that a client sent to the suite.
    pub(crate) fn captured(number: usize, request: Request, answer: Answer) -> Self {
        let curl = curl::command(&request, &CurlOptions::default());
        Self::new(number, request, answer, Duration::ZERO, curl)
    }

    /// Copies the exchange, with the redirects that led to it.
    pub(super) fn redirected(&self, redirects: Vec<Arc<Record>>) -> Self {
        let (request, answer) = (self.request.clone(), self.answer.clone());
        Self {
            redirects,
            ..Self::new(self.number, request, answer, self.took, self.curl.clone())
                .with_reading(Arc::clone(&self.reading))
        }
    }

    /// Returns the body as JSON, parsed once.
    pub fn document(&self) -> Result<&Document, &NotJson> {
        self.reading.document(&self.answer)
    }

    /// Returns the JSON value of the body, if it is JSON.
    pub fn value(&self) -> Option<&Value> {
        self.document().ok().map(|document| &document.value)
    }

    /// Returns the record of the exchange for reports.
    pub fn record(&self) -> Arc<Record> {
        Arc::clone(self.record.get_or_init(|| {
            Arc::new(Record {
                number: self.number,
                title: format!("{} {}", self.request.method, self.request.uri),
                request: self.request.to_text(),
                answer: self.answer.to_text(),
                status: Some(self.answer.status),
                took: self.took,
                curl: self.curl.clone(),
            })
        }))
    }

    /// Summarises the answer: `status 200 with application/json`.
    pub fn outline(&self) -> String {
        let error = self.error_code().map_or_else(String::new, |code| format!(" ({code})"));
        match self.answer.header("content-type") {
            Some(media_type) => format!("status {} with {media_type}{error}", self.answer.status),
            None if self.answer.body.is_empty() => format!("status {} without a body", self.answer.status),
            None => format!("status {} without a Content-Type", self.answer.status),
        }
    }

    /// Returns `meta.code` of an ALTO error.
    pub fn error_code(&self) -> Option<&str> {
        self.value()?.pointer("/meta/code")?.as_str()
    }
}

impl Failure {
    /// Tests whether the request was given up because of the run as a whole, so that it says nothing about the server.
    pub fn is_given_up(&self) -> bool {
        matches!(self, Self::Deadline | Self::Dead(_))
    }
}

impl NoAnswer {
    pub(super) fn new(failure: Failure, number: usize, request: &Request, took: Duration, curl: String) -> Self {
        let record = Record {
            number,
            title: format!("{} {}", request.method, request.uri),
            request: request.to_text(),
            answer: failure.to_string(),
            status: None,
            took,
            curl,
        };
        Self { failure, record: Arc::new(record) }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.record.title, self.failure)
    }
}
