//! Clients of the registry, each with a loopback address of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::{Answer, Request, http};

/// Client whose requests come from one loopback address.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) server: SocketAddr,
    pub(crate) address: IpAddr,
}

/// Registration as the server confirmed it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Registration {
    pub(crate) peer: String,
    pub(crate) secret: String,
}

/// ID of the file with this number.
pub(crate) fn id(number: u64) -> String {
    format!("{number:016x}").repeat(4)
}

/// Entry of the complete file with this number, as a peer announces it.
pub(crate) fn entry(number: u64) -> Value {
    json!({"id": id(number), "name": format!("file-{number}"), "size": 1000 + number, "manifest": id(number + 0xf000)})
}

impl Peer {
    pub(crate) fn at(server: SocketAddr, address: &str) -> Self {
        Self { server, address: address.parse().unwrap() }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(&Request::new("GET", path))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&Request::new("POST", path).field("Content-Type", "application/json").body(body.to_string()))
    }

    pub(crate) fn send(&self, request: &Request) -> Answer {
        request.send_over(self.connect())
    }

    /// Registers this peer with a name, a port and files.
    pub(crate) fn register(&self, name: &str, port: u16, files: &[Value]) -> Answer {
        self.post("/swarm/register", &json!({"name": name, "port": port, "files": files}))
    }

    /// Registers this peer, and panics if the server refuses.
    #[track_caller]
    pub(crate) fn registered(&self, name: &str, port: u16, files: &[Value]) -> Registration {
        Registration::from(&self.register(name, port, files))
    }

    /// Opens a connection from this peer's address.
    pub(crate) fn connect(&self) -> TcpStream {
        http::connect_from(self.address, self.server)
    }

    /// Opens a persistent connection.
    pub(crate) fn keep(&self) -> Kept {
        Kept(BufReader::new(self.connect()))
    }
}

impl Registration {
    #[track_caller]
    pub(crate) fn from(answer: &Answer) -> Self {
        assert_eq!((answer.status, answer.media_type()), (201, "application/json"), "{answer:?}");
        let text = |key: &str| answer.json()[key].as_str().unwrap().to_owned();
        Self { peer: text("peer"), secret: text("secret") }
    }

    pub(crate) fn json(&self) -> Value {
        json!({"peer": self.peer, "secret": self.secret})
    }
}

/// Persistent connection to the registry.
pub(crate) struct Kept(BufReader<TcpStream>);

impl Kept {
    /// Posts a body. Returns status and body of the answer, or `None` if the server is gone.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let body = body.to_string();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.get_mut().write_all((head + &body).as_bytes()).ok()?;
        let (mut line, mut length, mut status) = (String::new(), 0, 0);
        while line != "\r\n" {
            line.clear();
            if self.0.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest[..3].parse().ok()?;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).ok()?;
        Some((status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).ok()? }))
    }
}
