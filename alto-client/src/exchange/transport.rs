//! HTTP agent with chosen trust anchors and local address.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use ureq::config::Config;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, RustlsConnector, Transport,
};
use ureq::{Agent, Error, Timeout};

use super::reach::{BoundedResolver, Reach};

/// Settings of connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct TransportSettings {
    /// Trust anchors that replace the built-in ones, if there are any.
    pub(crate) trusted: Vec<Certificate<'static>>,
    /// Local address of connections; chosen by the system if absent.
    pub(crate) source: Option<IpAddr>,
    pub(crate) connect_timeout: Duration,
    pub(crate) user_agent: String,
}

/// Makes an agent that follows no redirect, takes no status for an error, and stays within reach.
pub(super) fn agent(settings: &TransportSettings, reach: Arc<Reach>) -> Agent {
    let mut tls = TlsConfig::builder();
    if !settings.trusted.is_empty() {
        tls = tls.root_certs(RootCerts::new_with_certs(&settings.trusted));
    }
    let config = Config::builder()
        .tls_config(tls.build())
        // The server must see the address of this client (RFC 7285 §11.5.1.3), not that of a proxy.
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_resolve(Some(settings.connect_timeout))
        .timeout_connect(Some(settings.connect_timeout))
        .user_agent(settings.user_agent.as_str())
        .build();
    let resolver = BoundedResolver { reach, resolver: DefaultResolver::default() };
    Agent::with_parts(config, ().chain(FromAddress(settings.source)).chain(RustlsConnector::default()), resolver)
}

/// Connector that binds each connection to one local address, if there is one. Its connections outlast a process that is
/// suspended for a while.
#[derive(Debug)]
struct FromAddress(Option<IpAddr>);

impl Connector for FromAddress {
    type Out = BoundTransport;

    fn connect(&self, details: &ConnectionDetails<'_>, _chained: Option<()>) -> Result<Option<BoundTransport>, Error> {
        let stream = self.connect_to_any(details)?;
        stream.set_nodelay(true)?;
        let stream = Arc::new(stream);
        let watched: Weak<TcpStream> = Arc::downgrade(&stream);
        (details.register_shutdown)(watched)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(BoundTransport { stream, buffers }))
    }
}

impl FromAddress {
    /// Tries the server's addresses in turn, each with an equal part of the time left.
    fn connect_to_any(&self, details: &ConnectionDetails<'_>) -> Result<TcpStream, Error> {
        let allowed = details.timeout.not_zero().map(|time| *time);
        let started = Instant::now();
        let is_alike = |addr: &&SocketAddr| self.0.is_none_or(|source| addr.is_ipv4() == source.is_ipv4());
        let mut candidates = details.addrs.iter().filter(is_alike);
        let mut left = u32::try_from(candidates.clone().count()).unwrap_or(u32::MAX);
        let mut last = self.0.map_or(Error::HostNotFound, |source| {
            let reason = format!(
                "the server has no address that can be reached from {source}: choose a local address of its IP version"
            );
            Error::Io(io::Error::new(io::ErrorKind::AddrNotAvailable, reason))
        });
        for address in &mut candidates {
            let time = allowed.map(|allowed| allowed.saturating_sub(started.elapsed()) / left.max(1));
            left = left.saturating_sub(1);
            match connect_from(self.0, *address, time) {
                Ok(stream) => return Ok(stream),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => last = Error::Timeout(Timeout::Connect),
                Err(error) => last = Error::Io(error),
            }
        }
        Err(last)
    }
}

fn connect_from(source: Option<IpAddr>, target: SocketAddr, time: Option<Duration>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(source) = source {
        socket
            .bind(&SocketAddr::new(source, 0).into())
            .map_err(|error| io::Error::new(error.kind(), format!("cannot connect from {source}: {error}")))?;
    }
    match time {
        Some(time) => socket.connect_timeout(&target.into(), time.max(Duration::from_millis(1)))?,
        None => socket.connect(&target.into())?,
    }
    Ok(socket.into())
}

/// TCP connection, from a chosen address if there is one.
#[derive(Debug)]
struct BoundTransport {
    stream: Arc<TcpStream>,
    buffers: LazyBuffers,
}

impl Transport for BoundTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(allowed(timeout)?)?;
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        (&*self.stream).write_all(output).map_err(|error| explain(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        self.stream.set_read_timeout(allowed(timeout)?)?;
        let room = self.buffers.input_append_buf();
        let count = loop {
            match (&*self.stream).read(room) {
                // A signal interrupted the call; the deadline of the whole exchange still holds.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other.map_err(|error| explain(error, timeout))?,
            }
        };
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        // An idle connection has nothing to read: neither the end of the stream nor unexpected bytes.
        let quiet = self.stream.set_nonblocking(true).is_ok()
            && matches!(self.stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        quiet && self.stream.set_nonblocking(false).is_ok()
    }
}

fn allowed(timeout: NextTimeout) -> Result<Option<Duration>, Error> {
    if timeout.after.is_zero() {
        return Err(Error::Timeout(timeout.reason));
    }
    Ok(timeout.not_zero().map(|time| *time))
}

fn explain(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}
