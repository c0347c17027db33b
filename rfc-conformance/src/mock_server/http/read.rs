//! Parsing of requests, with an optional deviation from RFC 7230.

use std::io::{self, BufRead, Read, Write};

use super::{Connection, ConnectionAddresses, ReceivedRequest};

/// Limit on the bytes of the request line and the header section.
const HEAD_LIMIT: usize = 32 * 1024;
/// Limit on the bytes of a request body.
pub const BODY_LIMIT: usize = 2 * 1024 * 1024;

/// Deviation from how RFC 7230 requires a server to treat requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leniency {
    /// None: rejects what must be rejected.
    #[default]
    Strict,
    /// Accepts requests with a missing, repeated or malformed Host.
    AnyHost,
    /// Accepts white space before the colon of a field.
    AnySpacing,
    /// Uses the first of several Content-Length values, and 0 for a malformed one.
    AnyLength,
    /// Sends no 100 (Continue) response.
    NoContinue,
    /// Ignores what follows the version in a request line.
    AnyLine,
    /// Believes the chunks of a body that has a Content-Length as well.
    BothLengths,
    /// Fails on a Content-Length that is too large for a number.
    FailsOnOverflow,
    /// Takes the bytes that have arrived after a body for a part of it.
    Greedy,
    /// Takes a line for a chunk, whatever its size.
    AnyChunk,
    /// Takes what has arrived for the whole body when the client closes the connection.
    Incomplete,
    /// Keeps connections open in spite of `Connection: close`.
    StaysOpen,
    /// Rejects an empty line before a request.
    NoEmptyLine,
    /// Rejects chunks with extensions.
    NoExtensions,
    /// Reads the sizes of chunks as decimal numbers.
    DecimalChunks,
    /// Rejects fields after the last chunk.
    NoTrailers,
    /// Reads a Content-Length with a sign.
    SignedLength,
    /// Takes every transfer coding for chunked.
    AnyCoding,
    /// Goes on with the connection after a message that it rejected.
    GoesOn,
    /// Fails on the size of a chunk that is too large for a number.
    FailsOnChunk,
    /// Drops what has arrived before a response was sent.
    ForgetsPipeline,
}

/// Result of reading from a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A valid request.
    Request(ReceivedRequest),
    /// The client closed the connection between requests, or was idle for too long.
    Closed,
    /// A message that is not a valid request, after which the connection must be closed.
    Rejected(RejectedMessage),
}

/// Message that was rejected before it became a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedMessage {
    /// Status code of the response.
    pub status: u16,
    /// Reason for the rejection.
    pub reason: &'static str,
    /// The part of the head that was read.
    pub head: String,
}

/// Reads the next request; an error means that the connection failed.
pub fn read(connection: &mut Connection, ends: ConnectionAddresses, leniency: Leniency) -> io::Result<Incoming> {
    let mut head = Vec::new();
    // RFC 7230 §3.5: an empty line before a request is ignored.
    loop {
        let before = head.len();
        match connection.by_ref().take((HEAD_LIMIT - head.len()) as u64).read_until(b'\n', &mut head) {
            Ok(0) if head.iter().all(|byte| b"\r\n".contains(byte)) => return Ok(Incoming::Closed),
            Ok(0) => return Ok(reject(400, "the header section is truncated or too long", &head)),
            Ok(_) => {}
            Err(error) if head.is_empty() && is_timeout(&error) => return Ok(Incoming::Closed),
            Err(error) => return Err(error),
        }
        if head.iter().all(|byte| b"\r\n".contains(byte)) {
            if head.len() > 4 || leniency == Leniency::NoEmptyLine {
                return Ok(reject(400, "only empty lines", &head));
            }
            continue;
        }
        if matches!(&head[before..], b"\r\n" | b"\n") {
            break;
        }
        if head.len() >= HEAD_LIMIT {
            return Ok(reject(431, "the header section is too long", &head));
        }
    }
    let Ok(text) = str::from_utf8(&head) else { return Ok(reject(400, "the header section is not UTF-8", &head)) };
    match parse_head(text, ends, leniency) {
        Err((status, reason)) => Ok(reject(status, reason, &head)),
        Ok(mut request) => match read_body(connection, &request, leniency)? {
            Err((status, reason)) => Ok(reject(status, reason, &head)),
            Ok(body) => {
                request.body = body;
                Ok(Incoming::Request(request))
            }
        },
    }
}

fn reject(status: u16, reason: &'static str, head: &[u8]) -> Incoming {
    Incoming::Rejected(RejectedMessage { status, reason, head: String::from_utf8_lossy(head).into_owned() })
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Status code and reason of a rejection.
type Rejection = (u16, &'static str);

fn parse_head(text: &str, ends: ConnectionAddresses, leniency: Leniency) -> Result<ReceivedRequest, Rejection> {
    let mut lines =
        text.trim_start_matches(['\r', '\n']).split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, target, version, more) = (words.next(), words.next(), words.next(), words.next());
    let more = more.filter(|_| leniency != Leniency::AnyLine);
    let (Some(method), Some(target), Some(version), None) = (method, target, version, more) else {
        return Err((400, "the request line is not METHOD TARGET VERSION"));
    };
    if method.is_empty() || !method.bytes().all(is_token) || target.is_empty() {
        return Err((400, "the method or the target is malformed"));
    }
    let version = match version {
        "HTTP/1.1" => "1.1",
        "HTTP/1.0" => "1.0",
        _ => return Err((505, "the version is neither HTTP/1.1 nor HTTP/1.0")),
    };
    let mut fields = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or((400, "a field has no colon"))?;
        let name = if leniency == Leniency::AnySpacing { name.trim_end() } else { name };
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err((400, "a field name is not a token, or is followed by white space"));
        }
        let value = value.trim_matches([' ', '\t']);
        if value.bytes().any(|byte| byte < b' ' && byte != b'\t') {
            return Err((400, "a field value contains control characters"));
        }
        fields.push((name.to_owned(), value.to_owned()));
    }
    let path = origin_form(target).to_owned();
    let ConnectionAddresses { peer, server } = ends;
    let (method, target) = (method.to_owned(), target.to_owned());
    let request = ReceivedRequest { method, target, path, version, fields, body: Vec::new(), peer, server };
    if leniency != Leniency::AnyHost {
        check_host(&request)?;
    }
    Ok(request)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns the path and query of a request target in origin form or absolute form.
fn origin_form(target: &str) -> &str {
    let rest = ["http://", "https://"].iter().find_map(|scheme| {
        let head = target.get(..scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then(|| &target[scheme.len()..])
    });
    match rest {
        None => target,
        Some(rest) => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
    }
}

fn check_host(request: &ReceivedRequest) -> Result<(), Rejection> {
    let hosts: Vec<_> = request.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("host")).collect();
    match hosts[..] {
        [] if request.version == "1.1" => Err((400, "Host is missing")),
        [(_, host)] if host.bytes().any(|b| b.is_ascii_whitespace() || b"/@,\\?#\"<>{}|^`".contains(&b)) => {
            Err((400, "Host is malformed"))
        }
        [] | [_] => Ok(()),
        _ => Err((400, "Host occurs more than once")),
    }
}

/// Reads the body, or returns why its framing is invalid.
fn read_body(
    connection: &mut Connection,
    request: &ReceivedRequest,
    leniency: Leniency,
) -> io::Result<Result<Vec<u8>, Rejection>> {
    let (coding, mut length) = (request.field("transfer-encoding"), request.field("content-length"));
    if let Some(length) = length.as_mut().filter(|_| leniency == Leniency::AnyLength) {
        let first = length.split(',').next().unwrap_or_default().trim();
        *length = if first.bytes().all(|byte| byte.is_ascii_digit()) { first.to_owned() } else { "0".to_owned() };
    }
    let expects = request.field("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"));
    if let Some(length) = length.as_mut().filter(|_| leniency == Leniency::SignedLength) {
        *length = length.trim_start_matches('+').to_owned();
    }
    let length = match (coding, length) {
        (Some(_), Some(_)) if leniency == Leniency::BothLengths => None,
        (Some(_), Some(_)) => return Ok(Err((400, "both Transfer-Encoding and Content-Length"))),
        (Some(coding), None) if coding.trim().eq_ignore_ascii_case("chunked") => None,
        (Some(_), None) if leniency == Leniency::AnyCoding => None,
        (Some(_), None) => return Ok(Err((501, "the transfer coding is not chunked"))),
        (None, None) => return Ok(Ok(Vec::new())),
        (None, Some(length)) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            match length.parse::<usize>() {
                Ok(length) if length <= BODY_LIMIT => Some(length),
                Err(_) if leniency == Leniency::FailsOnOverflow => return Ok(Err((500, "the length is no number"))),
                _ => return Ok(Err((413, "the body is too long"))),
            }
        }
        (None, Some(_)) => return Ok(Err((400, "Content-Length is invalid or repeated"))),
    };
    if expects && leniency != Leniency::NoContinue {
        connection.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        connection.get_mut().flush()?;
    }
    match length {
        Some(length) if leniency == Leniency::Incomplete => {
            let mut body = Vec::new();
            connection.by_ref().take(length as u64).read_to_end(&mut body)?;
            Ok(Ok(body))
        }
        Some(length) => {
            let mut body = vec![0; length];
            connection.read_exact(&mut body)?;
            if leniency == Leniency::Greedy {
                let more = connection.buffer().to_vec();
                connection.consume(more.len());
                body.extend(more);
            }
            Ok(Ok(body))
        }
        None if leniency == Leniency::AnyChunk => {
            read_line(connection)?;
            let body = read_line(connection)?.into_bytes();
            while !read_line(connection)?.is_empty() {}
            Ok(Ok(body))
        }
        None => read_chunks(connection, leniency),
    }
}

fn read_chunks(connection: &mut Connection, leniency: Leniency) -> io::Result<Result<Vec<u8>, Rejection>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(connection)?;
        if leniency == Leniency::NoExtensions && line.contains(';') {
            return Ok(Err((400, "a chunk has an extension")));
        }
        let size = line.split(';').next().unwrap_or_default().trim();
        let radix = if leniency == Leniency::DecimalChunks { 10 } else { 16 };
        let Ok(size) = usize::from_str_radix(size, radix) else {
            let status = if leniency == Leniency::FailsOnChunk && size.len() > 16 { 500 } else { 400 };
            return Ok(Err((status, "a chunk size is malformed")));
        };
        if size > BODY_LIMIT - body.len() {
            return Ok(Err((413, "the body is too long")));
        }
        if size == 0 {
            break;
        }
        let start = body.len();
        body.resize(start + size, 0);
        connection.read_exact(&mut body[start..])?;
        if !read_line(connection)?.is_empty() {
            return Ok(Err((400, "a chunk is longer than its size")));
        }
    }
    for _ in 0..100 {
        if read_line(connection)?.is_empty() {
            return Ok(Ok(body));
        }
        if leniency == Leniency::NoTrailers {
            return Ok(Err((400, "there are fields after the last chunk")));
        }
    }
    Ok(Err((400, "too many trailer fields")))
}

/// Reads a line of limited length, without its line end.
fn read_line(connection: &mut Connection) -> io::Result<String> {
    let mut line = Vec::new();
    connection.by_ref().take(4096).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;
    use std::net::SocketAddr;

    use super::*;

    /// Stream with a given input.
    struct Pipe {
        input: io::Cursor<Vec<u8>>,
        output: Vec<u8>,
    }

    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.input.read(buffer)
        }
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.output.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn connection(input: &[u8]) -> Connection {
        BufReader::new(Box::new(Pipe { input: io::Cursor::new(input.to_vec()), output: Vec::new() }))
    }

    fn read_all(input: &[u8]) -> Vec<Incoming> {
        let mut connection = connection(input);
        let end = SocketAddr::from(([192, 0, 2, 1], 1));
        let mut all = Vec::new();
        loop {
            match read(&mut connection, ConnectionAddresses { peer: end, server: end }, Leniency::Strict) {
                Ok(Incoming::Request(request)) => all.push(Incoming::Request(request)),
                Ok(Incoming::Closed) | Err(_) => return all,
                Ok(rejected) => {
                    all.push(rejected);
                    return all;
                }
            }
        }
    }

    #[test]
    fn pipelined_requests_are_read_in_order() {
        let all = read_all(
            b"\r\nGET http://h/a?b HTTP/1.1\r\nhOsT: h\r\n\r\nPOST /c HTTP/1.1\r\nHost: h\r\n\
              Transfer-Encoding: chunked\r\n\r\n1;x=y\r\n{\r\n1\r\n}\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        );
        let [Incoming::Request(a), Incoming::Request(b), Incoming::Request(c)] = &all[..] else { panic!("{all:?}") };
        assert_eq!((a.path.as_str(), a.target.as_str()), ("/a?b", "http://h/a?b"));
        assert_eq!(b.body, b"{}");
        assert!(b.keeps_alive() && !c.keeps_alive());
    }

    #[test]
    fn invalid_framing_is_rejected() {
        for (text, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            ("GET /\r\n\r\n", 400),
            ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: rot13\r\n\r\n", 501),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", 413),
        ] {
            let all = read_all(text.as_bytes());
            let [Incoming::Rejected(rejected)] = &all[..] else { panic!("{text}: {all:?}") };
            assert_eq!(rejected.status, status, "{text}: {}", rejected.reason);
        }
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(HEAD_LIMIT));
        assert!(matches!(&read_all(long.as_bytes())[..], [Incoming::Rejected(_)]));
    }
}
