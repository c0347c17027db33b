//! HTTP requests and answers.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use super::media::MediaType;

/// Maximum size of an answer body in bytes.
pub(crate) const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Maximum number of bytes of a body that a report shows.
const MOST_SHOWN: usize = 8 * 1024;

/// An HTTP request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, such as GET.
    pub method: String,
    /// Absolute URI that is requested.
    pub uri: String,
    /// Header fields in order.
    pub headers: Vec<(String, String)>,
    /// Body, if there is one.
    pub body: Option<Vec<u8>>,
    /// Sends the body with chunked transfer coding, without Content-Length.
    pub chunked: bool,
    /// Bytes on the wire, for requests sent over a raw socket.
    pub raw: Option<Vec<u8>>,
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code of the answer.
    pub status: u16,
    /// Header fields in order, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Complete body, after decoding of chunks.
    pub body: Vec<u8>,
}

impl Request {
    /// Creates a GET request.
    pub fn get(uri: &str) -> Self {
        Self::new("GET", uri)
    }

    /// Creates a POST request with a body of a media type.
    pub fn post(uri: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", uri).with("Content-Type", media_type).body(body)
    }

    /// Creates a request with any method.
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

    /// Adds a header field.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Selects chunked transfer coding.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Returns the first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn to_text(&self) -> String {
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
    /// Creates a placeholder for a missing answer.
    pub(crate) fn none() -> Self {
        Self { status: 0, headers: Vec::new(), body: Vec::new() }
    }

    /// Returns the first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a header field.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns the body without its content coding, if that is gzip, up to a bound; otherwise the body as it is, such as
    /// one that was decoded as it arrived.
    pub(crate) fn content(&self) -> Cow<'_, [u8]> {
        let coding = self.header("content-encoding").unwrap_or_default();
        if !matches!(coding.trim().to_ascii_lowercase().as_str(), "gzip" | "x-gzip") {
            return Cow::Borrowed(&self.body);
        }
        let mut decoded = Vec::new();
        let read = MultiGzDecoder::new(&self.body[..]).take(MOST_BYTES).read_to_end(&mut decoded);
        read.map_or(Cow::Borrowed(&self.body), |_| Cow::Owned(decoded))
    }

    /// Returns the media type of the body.
    pub fn media_type(&self) -> Option<MediaType> {
        self.header("content-type").map(MediaType::read)
    }

    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.status);
        for (name, value) in &self.headers {
            let _ = writeln!(text, "{name}: {value}");
        }
        text += "\n";
        text += &shown(&self.body);
        text
    }
}

/// Hides credentials: reports are passed on.
pub(super) fn without_secrets(text: &str) -> String {
    let secret = |line: &&str| line.to_ascii_lowercase().starts_with("authorization");
    text.lines().map(|line| if secret(&line) { "Authorization: (not shown)" } else { line }.to_owned() + "\n").collect()
}

/// Returns the beginning of a body as text.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(MOST_SHOWN)]).into_owned();
    if body.len() > MOST_SHOWN { format!("{text}\n… ({} bytes in all)", body.len()) } else { text }
}
