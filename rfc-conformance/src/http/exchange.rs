//! A request and what became of it, whole while it is judged and cut short in reports.

use std::fmt::{self, Write as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use super::MediaType;
use crate::json::{self, Document, NotJson};

/// How much of a body a report shows.
const MOST_SHOWN: usize = 8 * 1024;

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET, POST, or anything else.
    pub method: String,
    /// Absolute.
    pub uri: String,
    /// Header fields, in order.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// Whether the body goes out in chunks, its length unsaid.
    pub chunked: bool,
    /// What is on the wire, where that is not what the other members say.
    pub raw: Option<Vec<u8>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields, in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

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
    pub(super) json: OnceLock<Result<Document, NotJson>>,
    pub(super) record: OnceLock<Arc<Record>>,
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

impl Request {
    /// A GET.
    pub fn get(uri: &str) -> Self {
        Self::new("GET", uri)
    }

    /// A POST of a body of some media type.
    pub fn post(uri: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", uri).with("Content-Type", media_type).body(body)
    }

    /// Any other method.
    pub fn new(method: &str, uri: &str) -> Self {
        Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            headers: Vec::new(),
            body: None,
            chunked: false,
            raw: None,
        }
    }

    /// With one more header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// With a body in chunks.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// A header field's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn to_text(&self) -> String {
        if let Some(raw) = &self.raw {
            return without_secrets(&shown(raw));
        }
        let mut text = format!("{} {} HTTP/1.1\n", self.method, self.uri);
        for (name, value) in &self.headers {
            let secret = name.eq_ignore_ascii_case("authorization");
            let _ = writeln!(text, "{name}: {}", if secret { "(not shown)" } else { value });
        }
        if let Some(body) = &self.body {
            text += "\n";
            text += &shown(body);
        }
        text
    }
}

impl Answer {
    /// What stands for an answer where there was none.
    pub(crate) fn none() -> Self {
        Self { status: 0, headers: Vec::new(), body: Vec::new() }
    }

    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All values of a header field.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The media type of the body.
    pub fn media_type(&self) -> Option<MediaType> {
        self.header("content-type").map(MediaType::read)
    }

    fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            let _ = writeln!(text, "{name}: {value}");
        }
        text += "\n";
        text += &shown(&self.body);
        text
    }
}

impl Exchange {
    /// An exchange that somebody else had with us.
    pub(crate) fn captured(number: usize, request: Request, answer: Answer) -> Self {
        let curl = super::curl::command(&request, &super::curl::Flags::default());
        let (redirects, json, record) = (Vec::new(), OnceLock::new(), OnceLock::new());
        Self { number, request, answer, took: Duration::ZERO, redirects, curl, json, record }
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

/// A report is passed on; what proves who asked is not.
pub(super) fn without_secrets(text: &str) -> String {
    let secret = |line: &&str| line.to_ascii_lowercase().starts_with("authorization");
    text.lines().map(|line| if secret(&line) { "Authorization: (not shown)" } else { line }.to_owned() + "\n").collect()
}

/// The beginning of a body as text.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(MOST_SHOWN)]).into_owned();
    if body.len() > MOST_SHOWN { format!("{text}\n… ({} bytes in all)", body.len()) } else { text }
}
