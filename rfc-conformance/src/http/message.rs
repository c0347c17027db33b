//! HTTP requests and answers.

use std::fmt::Write as _;

use super::media::MediaType;

/// Maximum number of bytes of a body that a report shows.
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
