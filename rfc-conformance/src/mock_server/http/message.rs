//! Requests and responses, independent of their framing.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Request that was received completely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedRequest {
    /// Method, as sent.
    pub method: String,
    /// Request target, as sent.
    pub target: String,
    /// Path and query of the request target, in origin form.
    pub path: String,
    /// HTTP version: `1.0` or `1.1`.
    pub version: &'static str,
    /// Header fields: names as sent, values trimmed.
    pub fields: Vec<(String, String)>,
    /// Body, without its framing.
    pub body: Vec<u8>,
    /// Address of the client.
    pub peer: SocketAddr,
    /// Address at which the request arrived.
    pub server: SocketAddr,
}

/// Response, and how to send it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// HTTP status code, such as 200.
    pub status: u16,
    /// Header fields, without those for framing.
    pub fields: Vec<(String, String)>,
    /// Body, without its framing.
    pub body: Vec<u8>,
    /// Framing and timing.
    pub delivery: Delivery,
}

/// Framing and timing of a response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Size of the chunks, which have extensions and a trailer; 0 sends a Content-Length instead.
    pub chunk_size: usize,
    /// Pause before the response.
    pub delay: Duration,
    /// Pause after each chunk.
    pub chunk_delay: Duration,
    /// Number of body bytes after which the connection is closed.
    pub truncate_after: Option<usize>,
    /// Closes the connection after the response.
    pub close: bool,
    /// Bytes to send instead of the response.
    pub raw: Option<Vec<u8>>,
    /// Body that is written while it arises, instead of the one of the response.
    pub live: Option<Live>,
}

type WriteLive = dyn Fn(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> + Send + Sync;

/// Function that writes a body piece by piece, and returns at its end.
#[derive(Clone)]
pub struct Live(Arc<WriteLive>);

impl Live {
    /// Uses a function, which gets one that sends a piece.
    pub fn new(
        write: impl Fn(&mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(write))
    }

    /// Writes the body.
    pub(super) fn write(&self, piece: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        (self.0)(piece)
    }
}

impl PartialEq for Live {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Live {}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

impl ReceivedRequest {
    /// Returns the value of a field, joined by commas if the field occurs several times.
    pub fn field(&self, name: &str) -> Option<String> {
        let values: Vec<_> =
            self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Returns the media type of the body, in lower case and without parameters.
    pub fn media_type(&self) -> Option<String> {
        self.field("content-type").map(|value| essence(&value))
    }

    /// Returns whether the client wants to keep the connection open.
    pub fn keeps_alive(&self) -> bool {
        let connection = self.field("connection").unwrap_or_default().to_ascii_lowercase();
        let says = |option: &str| connection.split(',').any(|token| token.trim() == option);
        if self.version == "1.0" { says("keep-alive") } else { !says("close") }
    }
}

impl Response {
    /// Creates a response with a body.
    pub fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, fields: vec![("Content-Type".into(), media_type.into())], body: body.into(), ..Self::default() }
    }

    /// Creates a response with a plain-text explanation.
    pub fn plain(status: u16, text: &str) -> Self {
        Self::new(status, "text/plain", text)
    }

    /// Adds a field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// Sets a field, replacing all its values.
    pub fn set(&mut self, name: &str, value: &str) {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.fields.push((name.into(), value.into()));
    }

    /// Returns the first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Returns a media type in lower case and without parameters.
pub fn essence(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
