//! A request and what became of it, whole while it is judged and cut short in reports.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use super::curl::{self, Flags};
use super::message::{Answer, Request};
use crate::json::{self, Document, NotJson};

/// A request with its answer.
#[derive(Debug)]
pub struct Exchange {
    /// Counts the exchanges of a run.
    pub number: usize,
    /// What was asked. After redirects the last request, so that `request.uri` is where the answer came from.
    pub request: Request,
    /// What was answered.
    pub answer: Answer,
    /// From the first byte sent to the last byte received.
    pub took: Duration,
    /// What led here by redirection, in order.
    pub redirects: Vec<Arc<Record>>,
    pub(super) curl: String,
    json: OnceLock<Result<Document, NotJson>>,
    record: OnceLock<Arc<Record>>,
}

/// An exchange as it stands in a report: text, cut short. It may lack an answer.
#[derive(Clone, Debug)]
pub struct Record {
    /// Counts the exchanges of a run.
    pub number: usize,
    /// The request's first line.
    pub title: String,
    /// The request as text.
    pub request: String,
    /// The answer as text, or what happened instead.
    pub answer: String,
    /// The answer's status, if there was one.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
    /// A command that sends the request again.
    pub curl: String,
}

/// A request without an answer.
#[derive(Clone, Debug)]
pub struct NoAnswer {
    /// What happened.
    pub failure: Failure,
    /// The request.
    pub record: Arc<Record>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody there.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// Too slow.
    #[error("no whole answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// Somebody there who stopped talking.
    #[error("the connection ended without a whole answer: {0}")]
    Closed(String),
    /// An answer too long to read.
    #[error("the answer is longer than {0} bytes")]
    TooLong(u64),
    /// An answer in no known language.
    #[error("the answer is not HTTP: {0}")]
    NotHttp(String),
    /// No secure connection.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Sent around.
    #[error("more than {0} redirects in a row")]
    Redirects(usize),
    /// Not something that can be asked.
    #[error("cannot be requested: {0}")]
    Uri(String),
    /// Given up.
    #[error("not asked any more: {0}")]
    GivenUp(String),
}

impl Exchange {
    /// Creates an exchange without redirects.
    pub(super) fn new(number: usize, request: Request, answer: Answer, took: Duration, curl: String) -> Self {
        let (redirects, json, record) = (Vec::new(), OnceLock::new(), OnceLock::new());
        Self { number, request, answer, took, redirects, curl, json, record }
    }

    /// Creates an exchange from a request that a client sent to the suite.
    pub(crate) fn captured(number: usize, request: Request, answer: Answer) -> Self {
        let curl = curl::command(&request, &Flags::default());
        Self::new(number, request, answer, Duration::ZERO, curl)
    }

    /// Copies the exchange, with the redirects that led to it.
    pub(super) fn redirected(&self, redirects: Vec<Arc<Record>>) -> Self {
        let (request, answer) = (self.request.clone(), self.answer.clone());
        Self { redirects, ..Self::new(self.number, request, answer, self.took, self.curl.clone()) }
    }

    /// The body as JSON, read once.
    pub fn document(&self) -> Result<&Document, &NotJson> {
        self.json.get_or_init(|| json::parse(&self.answer.body)).as_ref()
    }

    /// The body as a JSON value, if it is one.
    pub fn value(&self) -> Option<&Value> {
        self.document().ok().map(|document| &document.value)
    }

    /// The body as it stands in a report.
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

    /// The status with the media type, in words: `200 with application/json`.
    pub fn outline(&self) -> String {
        let error = self.error_code().map_or_else(String::new, |code| format!(" ({code})"));
        match self.answer.header("content-type") {
            Some(media_type) => format!("status {} with {media_type}{error}", self.answer.status),
            None if self.answer.body.is_empty() => format!("status {} without a body", self.answer.status),
            None => format!("status {} without a Content-Type", self.answer.status),
        }
    }

    /// `meta.code` of an ALTO error.
    pub fn error_code(&self) -> Option<&str> {
        self.value()?.pointer("/meta/code")?.as_str()
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
