//! Connections to other peers: made from the configured address, and cancelled on demand.
//!
//! `ureq` keeps and reuses connections, but cannot cancel a request while a thread waits for its answer. So every request
//! runs under the [`Watch`] of its thread: between short waits for input, the connection checks whether the request was
//! cancelled and whether the holder has been silent for too long.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use ureq::config::Config;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport};
use ureq::{Agent, Error, Timeout};

use super::cancel::Cancel;
use super::pace::Pace;

/// Time between two checks, and so the longest time in which a cancelled request ends.
const CHECK_EVERY: Duration = Duration::from_millis(100);
/// Longest time for a connection to be made.
pub(super) const CONNECT: Duration = Duration::from_secs(5);
/// Bytes read from a socket at a time.
const INPUT: usize = 128 * 1024;
/// Bytes at a time below which a line is thin, so that acknowledgements matter.
const LITTLE: usize = 16 * 1024;
/// Buffer for requests, which have a head and no body.
const OUTPUT: usize = 8 * 1024;
/// Interval of TCP keepalives; a host that vanished is noticed after about four of them.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Conditions that end the request of the current thread.
#[derive(Clone, Debug)]
struct Watch {
    cancel: Cancel,
    deadline: Instant,
}

/// The request was cancelled; wrapped in an I/O error.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("cancelled")]
pub(super) struct Cancelled;

thread_local! {
    static WATCH: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

impl Watch {
    fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.deadline <= Instant::now()
    }
}

/// Runs a request that ends when `cancel` is set, or when nothing arrives for the time of `patience`.
pub(super) fn watched<T>(cancel: &Cancel, patience: Duration, request: impl FnOnce() -> T) -> T {
    WATCH.set(Some(Watch { cancel: cancel.clone(), deadline: Instant::now() + patience }));
    let result = request();
    WATCH.take();
    result
}

/// Extends the deadline of the request that runs under [`watched`] in this thread.
pub(super) fn extend_deadline(patience: Duration) {
    WATCH.with_borrow_mut(|watch| {
        if let Some(watch) = watch {
            watch.deadline = Instant::now() + patience;
        }
    });
}

/// True if this is the error of a cancelled request.
pub(super) fn is_cancelled(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Cancelled>)
}

/// Creates an agent for requests to peers, which returns an answer with any status as a success.
pub(super) fn agent(source: Option<IpAddr>, connections: usize, pace: Arc<Pace>) -> Agent {
    let config = Config::builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        // Content is measured and hashed as it is sent.
        .accept_encoding("identity")
        .user_agent(concat!("alto-peer/", env!("CARGO_PKG_VERSION")))
        .input_buffer_size(INPUT)
        .output_buffer_size(OUTPUT)
        .max_idle_connections(connections)
        .max_idle_connections_per_host(4)
        .max_response_header_size(16 * 1024)
        .build();
    Agent::with_parts(config, LocalAddress { source, pace }, DefaultResolver::default())
}

/// Measures the time of a TCP handshake, which takes one round trip and involves no program at the other end.
pub(super) fn round_trip(source: Option<IpAddr>, target: SocketAddr, timeout: Duration) -> io::Result<Duration> {
    let socket = socket(source, target)?;
    let start = Instant::now();
    socket.connect_timeout(&target.into(), timeout)?;
    Ok(start.elapsed())
}

fn socket(source: Option<IpAddr>, target: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    if let Some(source) = source.filter(|source| !source.is_unspecified() && source.is_ipv4() == target.is_ipv4()) {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    Ok(socket)
}

/// Has the system acknowledge every second segment of an answer from the first on. Otherwise it acknowledges each of
/// sixteen at the beginning and after each pause, which on thin lines costs others what they could send meanwhile. It
/// forgets this whenever a segment comes late.
fn acknowledge_sparingly(stream: &TcpStream) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_quickack(false) {
        tracing::debug!(%error, "socket option not set");
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = stream;
}

/// A connector that uses one local address, at a bounded rate.
#[derive(Debug)]
struct LocalAddress {
    source: Option<IpAddr>,
    pace: Arc<Pace>,
}

impl LocalAddress {
    fn open(&self, target: SocketAddr) -> io::Result<TcpStream> {
        let socket = socket(self.source, target)?;
        socket.connect_timeout(&target.into(), CONNECT)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE).with_retries(3))?;
        socket.set_read_timeout(Some(CHECK_EVERY))?;
        socket.set_write_timeout(Some(CONNECT))?;
        Ok(socket.into())
    }
}

impl Connector for LocalAddress {
    type Out = Watched;

    fn connect(&self, details: &ConnectionDetails<'_>, _chained: Option<()>) -> Result<Option<Watched>, Error> {
        // Peers are addressed by IP address, so there is only one.
        let Some(target) = details.addrs.first() else { return Err(Error::HostNotFound) };
        if !self.pace.wait_unless(|| WATCH.with_borrow(|watch| watch.as_ref().is_some_and(Watch::is_over))) {
            return Err(io::Error::other(Cancelled).into());
        }
        let stream = self.open(*target).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Error::Timeout(Timeout::Connect),
            _ => Error::Io(error),
        })?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Watched { stream, buffers }))
    }
}

/// A connection that checks the watch of its thread while it waits.
#[derive(Debug)]
struct Watched {
    stream: TcpStream,
    buffers: LazyBuffers,
}

impl Transport for Watched {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), Error> {
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, Error> {
        let room = self.buffers.input_append_buf();
        let count = loop {
            match self.stream.read(room) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error.into()),
            }
            let watch = WATCH.with_borrow(Clone::clone);
            if watch.as_ref().is_some_and(|watch| watch.cancel.is_cancelled()) {
                // A reset, which takes one packet and not four; the holder has nothing more to say.
                let _ = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
                return Err(io::Error::other(Cancelled).into());
            }
            if watch.is_none_or(|watch| watch.deadline <= Instant::now()) {
                return Err(Error::Timeout(Timeout::PerRead));
            }
        };
        if count < LITTLE {
            acknowledge_sparingly(&self.stream);
        }
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        // Nothing may be waiting to be read: neither the end of the stream nor unsolicited bytes.
        let quiet = self.stream.set_nonblocking(true).is_ok()
            && matches!(self.stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        quiet && self.stream.set_nonblocking(false).is_ok()
    }
}
