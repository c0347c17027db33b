//! Raw sockets for requests that HTTP libraries cannot send: invalid framing, absolute targets, pipelining.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::client::{Client, MOST_HEAD, MOST_RETRIES};
use super::curl::{CurlOptions, quoted};
use super::exchange::{Exchange, Failure, NoAnswer};
use super::message::{Answer, MOST_BYTES, Request, without_secrets};
use super::uri::{host_of, origin_of};

/// Maximum number of sent bytes kept for reports.
const MOST_KEPT: usize = 16 * 1024;
/// Maximum number of header fields in an answer.
const MOST_FIELDS: usize = 128;

/// Connection to an origin, over TLS for https.
pub(crate) struct Wire {
    stream: Stream,
    /// Received bytes that are not consumed yet.
    pub(super) buffer: Vec<u8>,
    /// Time at which reading and writing end.
    pub(super) end: Instant,
    timeout: Duration,
}

enum Stream {
    Plain(TcpStream),
    Secure(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// Delimitation of an answer body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClosed,
    Empty,
}

impl Client {
    /// Opens a connection to the origin of a URI.
    pub(crate) fn connect(&self, uri: &str) -> Result<Wire, Failure> {
        if let Some(failure) = self.given_up() {
            return Err(failure);
        }
        let patience = self.patience();
        let tcp = connect(uri, patience)?;
        let stream = if uri.starts_with("https") {
            let name = host_of(uri).ok_or_else(|| Failure::Uri(uri.to_owned()))?;
            let name = ServerName::try_from(name).map_err(|error| Failure::Uri(error.to_string()))?;
            let connection = ClientConnection::new(Arc::clone(&self.trust.raw), name)
                .map_err(|error| Failure::Tls(error.to_string()))?;
            Stream::Secure(Box::new(StreamOwned::new(connection, tcp)))
        } else {
            Stream::Plain(tcp)
        };
        Ok(Wire { stream, buffer: Vec::new(), end: Instant::now() + patience, timeout: self.timeout })
    }

    /// Sends bytes on a new connection and reads one answer. The bytes are created again if the server issues a new
    /// challenge, or asks for a repetition.
    pub(crate) fn send_raw(&self, uri: &str, bytes: impl Fn() -> Vec<u8>) -> Result<Arc<Exchange>, NoAnswer> {
        let mut exchange = self.send_raw_once(uri, &bytes())?;
        for _ in 0..MOST_RETRIES {
            let challenged = exchange.answer.status == 401 && self.is_challenged(uri, &exchange.answer);
            if !challenged && !self.has_waited(&exchange.answer) {
                break;
            }
            exchange = self.send_raw_once(uri, &bytes())?;
        }
        Ok(exchange)
    }

    fn send_raw_once(&self, uri: &str, bytes: &[u8]) -> Result<Arc<Exchange>, NoAnswer> {
        let started = Instant::now();
        let is_head = bytes.starts_with(b"HEAD ");
        let sent = self.connect(uri).and_then(|mut wire| {
            // A server may answer and close before it has read everything; its answer counts.
            let _broken_pipe = wire.send(bytes);
            wire.answer(is_head)
        });
        self.record_raw(uri, bytes, sent, started.elapsed())
    }

    /// Records an exchange that was made over a raw connection.
    pub(crate) fn record_raw(
        &self,
        uri: &str,
        bytes: &[u8],
        sent: Result<Answer, Failure>,
        took: Duration,
    ) -> Result<Arc<Exchange>, NoAnswer> {
        // A raw request may wait until the run has to end.
        let sent = sent.map_err(|failure| match failure {
            Failure::TimedOut(_) => self.timed_out(),
            other => other,
        });
        let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
        let mut request = Request::new(&String::from_utf8_lossy(&method[..method.len().min(20)]), uri);
        request.raw = Some(bytes[..bytes.len().min(MOST_KEPT)].to_vec());
        self.record(self.next_number(), request, sent, took, command(uri, bytes, &self.curl_options))
    }

    /// Returns the `Authorization` line for a raw request; empty if none is needed.
    pub(crate) fn authorization_line(&self, request: &Request) -> String {
        let authorised = self.authorised(request);
        authorised.header("authorization").map_or_else(String::new, |value| format!("Authorization: {value}\r\n"))
    }
}

impl Wire {
    /// Sends bytes over the connection.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.set_timeout()?;
        let timeout = self.timeout;
        let broken = |error: std::io::Error| broken(&error, timeout);
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes).and_then(|()| stream.flush()).map_err(broken),
            Stream::Secure(stream) => stream.write_all(bytes).and_then(|()| stream.flush()).map_err(broken),
        }
    }

    /// Reads the next final answer and skips interim ones (1xx).
    pub(crate) fn answer(&mut self, is_head: bool) -> Result<Answer, Failure> {
        loop {
            let answer = self.any_answer(is_head)?;
            if answer.status >= 200 {
                return Ok(answer);
            }
        }
    }

    /// Reads the next answer, whether interim or final.
    pub(crate) fn any_answer(&mut self, is_head: bool) -> Result<Answer, Failure> {
        let mut answer = self.head()?;
        let framing = framing_of(&answer, is_head)?;
        answer.body = self.body(framing)?;
        Ok(answer)
    }

    /// Tests whether the server closes the connection within a time limit.
    pub(crate) fn is_closed_within(&mut self, patience: Duration) -> bool {
        self.end = Instant::now() + patience;
        loop {
            match self.fill() {
                Ok(0) => return true,
                Ok(_) if self.buffer.len() > MOST_HEAD => return false,
                Ok(_) => {}
                Err(Failure::TimedOut(_)) => return false,
                Err(_) => return true,
            }
        }
    }

    /// Reads everything that the server sends, and whether it closes the connection in time.
    pub(crate) fn everything(&mut self, client: &Client) -> Result<(Vec<u8>, bool), Failure> {
        // The first bytes may take as long as any answer.
        while self.buffer.is_empty() {
            self.more()?;
        }
        let last = self.end;
        let closed = loop {
            // A long answer may take longer than a pause in it.
            self.end = last.min(Instant::now() + client.close_patience());
            match self.fill() {
                Ok(0) => break true,
                Ok(_) => bounded(self.buffer.len())?,
                Err(Failure::TimedOut(_)) if client.is_over() => return Err(client.timed_out()),
                Err(Failure::TimedOut(_)) => break false,
                // Bytes that were sent after the request are lost with a reset, not the answer.
                Err(_) => break true,
            }
        };
        if !closed {
            client.note_lingering();
        }
        Ok((std::mem::take(&mut self.buffer), closed))
    }

    /// Reads what the server sends until it closes the connection, up to a bound, within a time limit.
    pub(crate) fn rest(&mut self, client: &Client) -> Vec<u8> {
        if !self.is_closed_within(client.close_patience()) {
            client.note_lingering();
        }
        std::mem::take(&mut self.buffer)
    }

    /// Closes the connection without waiting for an answer.
    pub(crate) fn leave(self) {
        let socket = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Secure(stream) => &stream.sock,
        };
        let _gone = socket.shutdown(std::net::Shutdown::Both);
    }

    /// Returns the local address, which the server sees unless there is a NAT.
    pub(crate) fn local_address(&self) -> Option<std::net::IpAddr> {
        let socket = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Secure(stream) => &stream.sock,
        };
        // An IPv4-mapped address is an IPv4 address.
        Some(socket.local_addr().ok()?.ip().to_canonical())
    }

    /// Returns the TLS version after the handshake.
    pub(crate) fn tls_version(&self) -> Option<rustls::ProtocolVersion> {
        match &self.stream {
            Stream::Plain(_) => None,
            Stream::Secure(stream) => stream.conn.protocol_version(),
        }
    }

    pub(super) fn head(&mut self) -> Result<Answer, Failure> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
            let mut head = httparse::Response::new(&mut fields);
            match head.parse(&self.buffer) {
                Ok(httparse::Status::Complete(length)) => {
                    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                    let headers = head.headers.iter().map(|field| (field.name.to_ascii_lowercase(), text(field.value)));
                    let answer =
                        Answer { status: head.code.unwrap_or(0), headers: headers.collect(), body: Vec::new() };
                    self.buffer.drain(..length);
                    return Ok(answer);
                }
                Ok(httparse::Status::Partial) if self.buffer.len() > MOST_HEAD => {
                    return Err(Failure::TooLong(MOST_HEAD as u64));
                }
                Ok(httparse::Status::Partial) => self.more()?,
                Err(error) => return Err(Failure::NotHttp(error.to_string())),
            }
        }
    }

    pub(super) fn body(&mut self, framing: Framing) -> Result<Vec<u8>, Failure> {
        match framing {
            Framing::Empty => Ok(Vec::new()),
            Framing::Length(length) => {
                let length = usize::try_from(length.min(MOST_BYTES + 1)).unwrap_or(usize::MAX);
                self.exactly(length)
            }
            Framing::Chunked => self.chunks(),
            Framing::UntilClosed => {
                while self.fill()? > 0 {
                    bounded(self.buffer.len())?;
                }
                Ok(std::mem::take(&mut self.buffer))
            }
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16);
            let size = size.map_err(|_| Failure::NotHttp(format!("{line:?} is not the size of a chunk")))?;
            bounded(body.len().saturating_add(size))?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.exactly(size)?);
            let end = self.line()?;
            if !end.is_empty() {
                return Err(Failure::NotHttp("a chunk is longer than its size".to_owned()));
            }
        }
    }

    fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..end + 2);
                return Ok(line);
            }
            if self.buffer.len() > MOST_HEAD {
                return Err(Failure::TooLong(MOST_HEAD as u64));
            }
            self.more()?;
        }
    }

    fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        bounded(length)?;
        while self.buffer.len() < length {
            self.more()?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    fn more(&mut self) -> Result<(), Failure> {
        match self.fill()? {
            0 => Err(Failure::Closed(format!("after {} bytes of what was expected", self.buffer.len()))),
            _ => Ok(()),
        }
    }

    pub(super) fn fill(&mut self) -> Result<usize, Failure> {
        let mut chunk = [0; 16 * 1024];
        let read = loop {
            self.set_timeout()?;
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut chunk),
                Stream::Secure(stream) => read_only(stream, &mut chunk),
            };
            // A process that was suspended goes on where it was.
            if !read.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::Interrupted) {
                break read;
            }
        };
        let length = read.map_err(|error| broken(&error, self.timeout))?;
        self.buffer.extend_from_slice(&chunk[..length]);
        Ok(length)
    }

    /// Sets the socket timeouts to the rest of the time limit.
    fn set_timeout(&self) -> Result<(), Failure> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::TimedOut(self.timeout));
        }
        let socket = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Secure(stream) => &stream.sock,
        };
        let set = socket.set_read_timeout(Some(left)).and_then(|()| socket.set_write_timeout(Some(left)));
        set.map_err(|error| Failure::Closed(error.to_string()))
    }
}

fn bounded(length: usize) -> Result<(), Failure> {
    if length as u64 > MOST_BYTES { Err(Failure::TooLong(MOST_BYTES)) } else { Ok(()) }
}

/// Reads without sending, as the server may have closed its receiving side while it still answers.
fn read_only(stream: &mut StreamOwned<ClientConnection, TcpStream>, chunk: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match stream.conn.reader().read(chunk) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => return other,
        }
        if stream.conn.read_tls(&mut stream.sock)? == 0 {
            return Ok(0);
        }
        stream.conn.process_new_packets().map_err(|error| std::io::Error::new(ErrorKind::InvalidData, error))?;
    }
}

/// Determines the delimitation of an answer body (RFC 7230 §3.3.3).
pub(super) fn framing_of(answer: &Answer, is_head: bool) -> Result<Framing, Failure> {
    if is_head || answer.status < 200 || matches!(answer.status, 204 | 304) {
        return Ok(Framing::Empty);
    }
    if answer.headers("transfer-encoding").any(|value| value.to_ascii_lowercase().trim_end().ends_with("chunked")) {
        return Ok(Framing::Chunked);
    }
    match answer.header("content-length") {
        Some(length) => match length.trim().parse() {
            Ok(length) => Ok(Framing::Length(length)),
            Err(_) => Err(Failure::NotHttp(format!("Content-Length {length:?} is not a number"))),
        },
        None => Ok(Framing::UntilClosed),
    }
}

/// Opens a TCP connection to the origin of a URI.
pub(crate) fn connect(uri: &str, timeout: Duration) -> Result<TcpStream, Failure> {
    let origin = origin_of(uri).ok_or_else(|| Failure::Uri(uri.to_owned()))?;
    let address = origin.split("//").nth(1).unwrap_or_default();
    let unreachable = |error: std::io::Error| Failure::Unreachable(error.to_string());
    let mut last = Failure::Unreachable("no such host".to_owned());
    for address in address.to_socket_addrs().map_err(unreachable)? {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                let _slower_without = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = unreachable(error),
        }
    }
    Err(last)
}

fn broken(error: &std::io::Error, timeout: Duration) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::TimedOut(timeout),
        ErrorKind::InvalidData => Failure::Tls(error.to_string()),
        _ => Failure::Closed(error.to_string()),
    }
}

/// Returns a command that sends bytes again: bash alone over TCP, curl over TLS.
fn command(uri: &str, bytes: &[u8], options: &CurlOptions) -> String {
    let origin = origin_of(uri).unwrap_or_default();
    let address = origin.split("//").nth(1).unwrap_or_default().to_owned();
    let shown = &bytes[..bytes.len().min(4096)];
    let rest =
        if shown.len() < bytes.len() { format!("  # the first of {} bytes", bytes.len()) } else { String::new() };
    // Credentials are removed; the reader has to insert them again.
    let text = std::str::from_utf8(shown).ok().filter(|text| text.to_ascii_lowercase().contains("\nauthorization:"));
    let open = text.map(|text| without_secrets(&text.replace("\r\n", "\n")).replace('\n', "\r\n"));
    let shown = open.as_ref().map_or(shown, |text| text.as_bytes());
    if !uri.starts_with("https") {
        let (host, port) = address.rsplit_once(':').unwrap_or((&address, "80"));
        let (host, bytes) = (host.trim_start_matches('[').trim_end_matches(']'), quoted(shown));
        return format!("exec 3<>/dev/tcp/{host}/{port}; printf %s {bytes} >&3; cat <&3; exec 3>&-{rest}");
    }
    if shown.contains(&0) {
        // curl refuses this byte, and so does every shell in a word.
        let bytes = shown.iter().fold(String::new(), |text, byte| text + &format!("\\{byte:03o}"));
        return format!("printf '{bytes}' | openssl s_client -quiet -connect {address}{rest}");
    }
    // Gopher over TLS sends what stands in its URI, and CR LF after it.
    let end = shown.strip_suffix(b"\r\n").unwrap_or(shown);
    let path = end.iter().fold(String::new(), |path, byte| {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/:,+*=;".contains(byte);
        path + &if plain { char::from(*byte).to_string() } else { format!("%{byte:02X}") }
    });
    format!("curl -sS --max-time 10{} 'gophers://{address}/_{path}'{rest}", options.trust())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_need_bash_or_curl() {
        let options = CurlOptions { ca: Some("/tmp/ca.pem".into()), ..CurlOptions::default() };
        assert_eq!(
            command("http://[::1]:80/x", b"GET /\x00 HTTP/1.1\r\n\r\n", &options),
            "exec 3<>/dev/tcp/::1/80; printf %s $'GET /\\x00 HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3; exec 3>&-"
        );
        assert_eq!(
            command("https://localhost:8443/x", b"GET /?a HTTP/1.1\r\nAuthorization: Digest secret\r\n\r\n", &options),
            "curl -sS --max-time 10 --cacert /tmp/ca.pem \
             'gophers://localhost:8443/_GET%20/%3Fa%20HTTP/1.1%0D%0AAuthorization:%20%28not%20shown%29%0D%0A'"
        );
    }
}
