//! A server that says to each request exactly what the test wrote, and shows what it was asked.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub from: SocketAddr,
}

impl Request {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Scripted answer to a request.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
    way: Way,
}

/// Framing and pace with which the body of a reply is sent.
#[derive(Clone, Copy, Debug)]
enum Way {
    WithLength,
    Chunked,
    /// Fewer bytes than Content-Length announces, then the end of the connection.
    CutShort,
    /// One byte at a time.
    Slowly(Duration),
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: Vec::new(), way: Way::WithLength }
    }

    /// Reply with status 200 and the media type `application/alto-{kind}+json`.
    pub fn alto(kind: &str, body: &Value) -> Self {
        Self::typed(&format!("application/alto-{kind}+json"), body.to_string())
    }

    pub fn typed(media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::status(200).field("Content-Type", media_type) }
    }

    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).field("Location", location)
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.way = Way::Chunked;
        self
    }

    #[must_use]
    pub fn cut_short(mut self) -> Self {
        self.way = Way::CutShort;
        self
    }

    #[must_use]
    pub fn slowly(mut self, pause: Duration) -> Self {
        self.way = Way::Slowly(pause);
        self
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\n", self.status);
        for (name, value) in &self.fields {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let body = if self.status == 304 { &[][..] } else { &self.body[..] };
        match self.way {
            Way::WithLength => {
                let length =
                    if self.status == 304 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
                stream.write_all(format!("{head}{length}\r\n").as_bytes())?;
                stream.write_all(body)
            }
            Way::Chunked => {
                stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes())?;
                for chunk in body.chunks(7) {
                    stream.write_all(format!("{:x};why=not\r\n", chunk.len()).as_bytes())?;
                    stream.write_all(chunk)?;
                    stream.write_all(b"\r\n")?;
                }
                stream.write_all(b"0\r\nTrailer: yes\r\n\r\n")
            }
            Way::CutShort => {
                stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", body.len() + 1).as_bytes())?;
                stream.write_all(body)?;
                stream.shutdown(std::net::Shutdown::Both)
            }
            Way::Slowly(pause) => {
                stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes())?;
                for byte in body {
                    std::thread::sleep(pause);
                    stream.write_all(&[*byte])?;
                }
                Ok(())
            }
        }
    }
}

type Rules = Vec<(String, VecDeque<Reply>)>;

/// The server. It says 404 to what it has no reply for.
pub struct Script {
    pub address: SocketAddr,
    rules: Arc<Mutex<Rules>>,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Script {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (rules, seen) = (Arc::new(Mutex::new(Rules::new())), Arc::new(Mutex::new(Vec::new())));
        let (shared_rules, shared_seen) = (Arc::clone(&rules), Arc::clone(&seen));
        // Lives as long as the test program, which is short.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (rules, seen) = (Arc::clone(&shared_rules), Arc::clone(&shared_seen));
                std::thread::spawn(move || serve(stream, &rules, &seen));
            }
        });
        Self { address, rules, seen }
    }

    /// Sets the replies to a method and target, such as `GET /path`. Each is used once, and the last one from then on.
    pub fn on(&self, what: &str, replies: impl IntoIterator<Item = Reply>) -> &Self {
        let mut rules = self.rules.lock().unwrap();
        rules.retain(|(known, _)| known != what);
        rules.push((what.to_owned(), replies.into_iter().collect()));
        self
    }

    pub fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests received so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Requests received for a method and target, such as `POST /costs`.
    pub fn asked(&self, what: &str) -> Vec<Request> {
        self.seen().into_iter().filter(|request| format!("{} {}", request.method, request.target) == what).collect()
    }
}

fn serve(mut stream: TcpStream, rules: &Mutex<Rules>, seen: &Mutex<Vec<Request>>) {
    let from = stream.peer_addr().unwrap();
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(request) = read(&mut reader, from) {
        let what = format!("{} {}", request.method, request.target);
        seen.lock().unwrap().push(request);
        let reply = match rules.lock().unwrap().iter_mut().find(|(known, _)| *known == what) {
            Some((_, replies)) if replies.len() > 1 => replies.pop_front().unwrap(),
            Some((_, replies)) => replies.front().cloned().unwrap_or_else(|| Reply::status(500)),
            None => Reply::status(404),
        };
        if reply.send(&mut stream).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>, from: SocketAddr) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut request = Request { method, target, fields: Vec::new(), body: Vec::new(), from };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if let Some(length) = request.field("content-length").and_then(|length| length.parse().ok()) {
        request.body = vec![0; length];
        reader.read_exact(&mut request.body).ok()?;
    }
    assert_eq!(request.field("transfer-encoding"), None, "chunked request bodies are not supported");
    Some(request)
}
