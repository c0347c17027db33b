//! Requests and answers, however they travel.

use std::net::SocketAddr;
use std::time::Duration;

/// A request, read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// The method, as sent.
    pub method: String,
    /// The request target, as sent.
    pub target: String,
    /// Path and query of the target, whatever form it has.
    pub resource: String,
    /// 1.0 or 1.1.
    pub version: &'static str,
    /// Names as sent, values trimmed.
    pub fields: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Where the connection comes from.
    pub peer: SocketAddr,
    /// Where it arrived.
    pub server: SocketAddr,
}

/// An answer, and how it goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The fields, without those of framing.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How the body is framed and paced.
    pub delivery: Delivery,
}

/// How an answer goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// In chunks of this many bytes, with chunk extensions and a trailer; 0 sends a Content-Length.
    pub chunk: usize,
    /// The pause before the answer.
    pub delay: Duration,
    /// The pause between chunks.
    pub pause: Duration,
    /// Breaks the connection off after this many bytes of the body.
    pub cut: Option<usize>,
    /// Closes the connection afterwards.
    pub close: bool,
    /// Bytes that go out in place of everything else.
    pub raw: Option<Vec<u8>>,
}

impl ReceivedRequest {
    /// The value of a field; the values joined by commas where it occurs several times.
    pub fn field(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The media type of the body in lower case, without parameters.
    pub fn media_type(&self) -> Option<String> {
        self.field("content-type").map(|value| essence(&value))
    }

    /// Whether the connection stays open afterwards.
    pub fn keeps_alive(&self) -> bool {
        let connection = self.field("connection").unwrap_or_default().to_ascii_lowercase();
        let says = |option: &str| connection.split(',').any(|token| token.trim() == option);
        if self.version == "1.0" { says("keep-alive") } else { !says("close") }
    }
}

impl Response {
    /// An answer with a body of this type.
    pub fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields: vec![("Content-Type".into(), media_type.into())], body: body.into(), ..Self::default() }
    }

    /// An answer for a person: not ALTO.
    pub fn plain(status: u16, text: &str) -> Self {
        Self::new(status, "text/plain", text)
    }

    /// The same answer with one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Puts a value in place of all values of the field.
    pub fn set(&mut self, name: &str, value: &str) {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.fields.push((name.into(), value.into()));
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// A media type in lower case, without parameters.
pub fn essence(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
