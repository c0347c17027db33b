//! A client of update streams that applies what it is sent with the libraries of others.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use crate::support::http;

pub(crate) const PARAMS: &str = "application/alto-updatestreamparams+json";
const CONTROL: &str = "application/alto-updatestreamcontrol+json";

/// Open stream, and the documents that its events gave.
pub(crate) struct Subscriber {
    lines: BufReader<Chunked>,
    pub(crate) documents: HashMap<String, Value>,
    pub(crate) head: String,
}

/// Event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Control(Value),
    /// Media type and substream.
    Data(String, String),
    Comment,
}

/// Body in chunks.
struct Chunked {
    stream: BufReader<TcpStream>,
    left: usize,
}

impl Subscriber {
    /// Opens a stream, which must succeed.
    pub(crate) fn open(address: SocketAddr, request: &Value) -> Self {
        Self::over(http::connect(address), request)
    }

    pub(crate) fn over(mut stream: TcpStream, request: &Value) -> Self {
        let body = request.to_string();
        let length = body.len();
        let head = format!(
            "POST /updates HTTP/1.1\r\nHost: test\r\nContent-Type: {PARAMS}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let lines = BufReader::new(Chunked { stream, left: 0 });
        Self { lines, documents: HashMap::new(), head: head.to_ascii_lowercase() }
    }

    /// Reads the next event or comment, and applies it; none at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let (mut name, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 {
                assert!(name.is_empty() && data.is_empty(), "the stream ends within an event: {name} {data}");
                return None;
            }
            let line = line.strip_suffix('\n').unwrap();
            assert!(line.len() <= 65 * 1024, "a line of {} bytes", line.len());
            if let Some(value) = line.strip_prefix("event: ") {
                assert!(name.is_empty() && data.is_empty());
                value.clone_into(&mut name);
            } else if let Some(value) = line.strip_prefix("data: ") {
                assert!(!value.starts_with("data: ") && !value.starts_with("event: "));
                data += value;
            } else if line.is_empty() && !name.is_empty() {
                return Some(self.apply(&name, &data));
            } else if line.starts_with(':') {
                return Some(Event::Comment);
            } else {
                assert!(line.is_empty(), "{line}");
            }
        }
    }

    /// Reads the next event that is no comment.
    pub(crate) fn event(&mut self) -> Event {
        loop {
            match self.next().expect("the stream has ended") {
                Event::Comment => {}
                other => return other,
            }
        }
    }

    /// Reads on until a document has a tag.
    pub(crate) fn until(&mut self, substream: &str, tag: &Value) {
        while self.documents.get(substream).is_none_or(|document| document["meta"]["vtag"]["tag"] != *tag) {
            self.event();
        }
    }

    /// Reads the first event, which has the URI for changes.
    pub(crate) fn control_uri(&mut self) -> String {
        let Event::Control(event) = self.event() else { panic!("the first event is no control event") };
        format!("/{}", event["control-uri"].as_str().unwrap())
    }

    fn apply(&mut self, name: &str, data: &str) -> Event {
        let data: Value = serde_json::from_str(data).unwrap();
        if name == CONTROL {
            return Event::Control(data);
        }
        let (media_type, substream) = name.rsplit_once(',').unwrap();
        match media_type {
            "application/merge-patch+json" => json_patch::merge(self.documents.get_mut(substream).unwrap(), &data),
            "application/json-patch+json" => {
                let patch: json_patch::Patch = serde_json::from_value(data).unwrap();
                json_patch::patch(self.documents.get_mut(substream).unwrap(), &patch).unwrap();
            }
            _ => drop(self.documents.insert(substream.to_owned(), data)),
        }
        Event::Data(media_type.to_owned(), substream.to_owned())
    }
}

impl Read for Chunked {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut size = String::new();
            self.stream.read_line(&mut size)?;
            if size.trim().is_empty() {
                return Ok(0);
            }
            self.left = usize::from_str_radix(size.trim(), 16).unwrap();
            if self.left == 0 {
                return Ok(0);
            }
            self.left += 2;
        }
        // The line break after a chunk is no part of it.
        if self.left <= 2 {
            let mut end = vec![0; self.left];
            self.stream.read_exact(&mut end)?;
            self.left = 0;
            return self.read(buffer);
        }
        let most = buffer.len().min(self.left - 2);
        let read = self.stream.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

/// Request for some resources, each under its own ID.
pub(crate) fn resources(ids: &[&str]) -> Value {
    let add: serde_json::Map<_, _> = ids.iter().map(|id| ((*id).to_owned(), json!({"resource-id": id}))).collect();
    json!({"add": add})
}
