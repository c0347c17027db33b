//! A raw HTTP/1.1 client, which sends exactly what a test specifies and exposes the complete answer.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::patience::PATIENCE;

/// One request, sent on a connection of its own.
#[derive(Clone)]
pub struct Request {
    head: String,
    body: Option<Vec<u8>>,
}

/// Answer of the server, with lower-case field names and the body without chunked framing.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Self { head: format!("{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"), body: None }
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub fn send(&self, address: SocketAddr) -> Answer {
        self.send_over(connect(address))
    }

    /// Sends over any connection, such as one with TLS.
    pub fn send_over(&self, mut stream: impl Read + Write) -> Answer {
        // A server that answers early may close the connection meanwhile.
        let _closed = stream.write_all(&self.to_bytes());
        let mut bytes = Vec::new();
        // A server that answers early may reset the connection; the answer read so far is still valid.
        let _reset = stream.read_to_end(&mut bytes);
        Answer::parse(&bytes)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.clone().into_bytes();
        if let Some(body) = &self.body {
            if !self.head.contains("Transfer-Encoding") {
                bytes.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
            }
            bytes.extend(b"\r\n");
            bytes.extend(body);
        } else {
            bytes.extend(b"\r\n");
        }
        bytes
    }
}

/// Connects with a read timeout.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(2 * PATIENCE)).unwrap();
    stream
}

/// Connects from an address of the loopback network, with a read timeout.
pub fn connect_from(own: IpAddr, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_read_timeout(Some(2 * PATIENCE)).unwrap();
    socket.bind(&SocketAddr::new(own, 0).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.into()
}

/// Sends raw bytes, and returns everything the server sends until it closes the connection.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    let _closed = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    answer
}

impl Answer {
    /// Parses the answer that ends with the connection, after any interim answer.
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("not an HTTP answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Self { status, fields, body: bytes[end + 4..].to_vec() };
        if status == 100 {
            return Self::parse(&answer.body);
        }
        if answer.field("transfer-encoding") == Some("chunked") {
            answer.body = unchunked(&answer.body);
        }
        answer
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    pub fn media_type(&self) -> &str {
        self.field("content-type").unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.status, String::from_utf8_lossy(&self.body)))
    }

    /// Body of an answer with status 200 and the media type `application/alto-{kind}+json`.
    #[track_caller]
    pub fn alto(&self, kind: &str) -> Value {
        let seen = (self.status, self.media_type());
        assert_eq!(seen, (200, format!("application/alto-{kind}+json").as_str()), "{self:?}");
        self.json()
    }

    /// Member `meta` of an ALTO error with this code (RFC 7285 §8.5.2).
    #[track_caller]
    pub fn error(&self, code: &str) -> Value {
        assert_eq!((self.status, self.media_type()), (400, "application/alto-error+json"), "{self:?}");
        let meta = self.json()["meta"].clone();
        assert_eq!(meta["code"], code, "{meta}");
        meta
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = bytes.windows(2).position(|window| window == b"\r\n").expect("a chunk begins with its size");
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap().trim(), 16).unwrap();
        bytes = &bytes[line + 2..];
        if size == 0 {
            return body;
        }
        body.extend(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
}
