//! One HTTP request over a connection of its own.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plain_words::tls_fault;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::place::Place;

/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 512 * 1024 * 1024;
/// Time to connect.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Time without a byte after which a request has failed. A large topology takes a while to be computed.
const PAUSE: Duration = Duration::from_mins(5);

/// Answer of a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Place {
    /// Sends a request and reads its answer.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
        token: Option<&str>,
        ca: Option<&Path>,
    ) -> Result<Reply, String> {
        let host = match self {
            Self::Socket(_) => "localhost".to_owned(),
            Self::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        if let Some(token) = token {
            let _ = write!(request, "Authorization: Bearer {token}\r\n");
        }
        if let Some(body) = body {
            let _ = write!(request, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        }
        let mut bytes = (request + "\r\n").into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        let answer = match self {
            Self::Socket(path) => {
                let absent = |error| {
                    format!(
                        "{}: cannot connect: {error}; is the server running, with this admin-socket?",
                        path.display()
                    )
                };
                let stream = UnixStream::connect(path).map_err(absent)?;
                let limited = stream.set_read_timeout(Some(PAUSE)).and_then(|()| stream.set_write_timeout(Some(PAUSE)));
                limited
                    .and_then(|()| exchange(stream, &bytes))
                    .map_err(|error| format!("{}: {error}", path.display()))?
            }
            Self::Tcp { tls, host: name, port } => {
                let stream = connect(name, *port)?;
                let failed = |error: std::io::Error| format!("{host}: {error}");
                if *tls {
                    exchange(encrypted(stream, name, ca)?, &bytes).map_err(|error| {
                        const TRUST: &str = "give it, or the authority that signed it, with --ca";
                        match tls_fault(&error.to_string(), TRUST) {
                            Some(fault) => format!("{host}: {fault}"),
                            None => failed(error),
                        }
                    })?
                } else {
                    exchange(stream, &bytes).map_err(failed)?
                }
            }
        };
        parse(&answer)
            .ok_or_else(|| format!("{host}: the answer is not HTTP; is this an alto-server, and http or https right?"))
    }
}

fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let addresses = (host, port).to_socket_addrs().map_err(|error| format!("{host}: has no address: {error}"))?;
    let mut last = format!("{host}: has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIME) {
            Ok(stream) => {
                let limited = stream.set_read_timeout(Some(PAUSE)).and_then(|()| stream.set_write_timeout(Some(PAUSE)));
                return limited.map(|()| stream).map_err(|error| format!("{address}: {error}"));
            }
            Err(error) => {
                last = format!(
                    "{address}: cannot connect: {error}; is the server running there? --socket and --server choose another"
                );
            }
        }
    }
    Err(last)
}

fn encrypted(
    stream: TcpStream,
    host: &str,
    ca: Option<&Path>,
) -> Result<StreamOwned<ClientConnection, TcpStream>, String> {
    let ca = ca.ok_or("https needs --ca FILE, the certificate to trust")?;
    let unusable = |error: String| format!("{}: {error}", ca.display());
    let text =
        crate::regular_file::read(ca, MAX_ANSWER).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text).flatten() {
        roots.add(certificate).map_err(|_| unusable("has a certificate that cannot be trusted".to_owned()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be used: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("{host:?} is no name for TLS"))?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| format!("TLS failed: {error}"))?;
    Ok(StreamOwned::new(connection, stream))
}

/// Sends a request, and reads to the end of the connection.
fn exchange(mut stream: impl Read + Write, request: &[u8]) -> std::io::Result<Vec<u8>> {
    stream.write_all(request)?;
    stream.flush()?;
    let mut answer = Vec::new();
    match stream.take(MAX_ANSWER).read_to_end(&mut answer) {
        // A peer may end TLS without saying so; the length of the body tells whether anything is missing.
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(answer),
        Err(error) => Err(error),
        Ok(_) => Ok(answer),
    }
}

/// Splits an answer; `None` if it is not HTTP, or not complete.
fn parse(answer: &[u8]) -> Option<Reply> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let body = answer.get(end + 4..)?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let body = if field("transfer-encoding").is_some() {
        unchunked(body)?
    } else {
        match field("content-length") {
            Some(length) => body.get(..length.parse().ok()?)?.to_vec(),
            None => body.to_vec(),
        }
    };
    Some(Reply { status, body })
}

fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(body.get(..end)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        let start = end + 2;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(body.get(start..start.checked_add(size)?)?);
        body = body.get(start + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_to_their_end() {
        let reply = |body: &[u8]| Some(Reply { status: 200, body: body.to_vec() });
        for (answer, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", reply(b"ok")),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", None),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x\r\nk\r\n0\r\n\r\n", reply(b"ok")),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n", None),
            ("HTTP/1.1 204 No Content\r\n\r\n", Some(Reply { status: 204, body: Vec::new() })),
            ("SSH-2.0-OpenSSH\r\n\r\n", None),
            ("", None),
        ] {
            assert_eq!(parse(answer.as_bytes()), expected, "{answer}");
        }
    }
}
