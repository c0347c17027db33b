//! Listens, and gives every connection a thread, up to a number.

use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::http::{
    self, Connection, ConnectionAddresses, Duplex, Incoming, Leniency, ReceivedRequest, RejectedMessage, Response,
};

/// Connections at a time; more are closed at once.
const CONNECTIONS: usize = 128;
/// How long a connection may be silent.
const SILENCE: Duration = Duration::from_secs(15);
/// How long what a client still sends after a refusal is taken, so that it can read the answer.
const LINGER: Duration = Duration::from_secs(5);

/// Whoever answers.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request.
    fn answer(&self, request: &ReceivedRequest) -> Response;

    /// How strictly requests are read.
    fn leniency(&self) -> Leniency {
        Leniency::Strict
    }

    /// Hears of a message that was refused.
    fn refused(&self, _peer: SocketAddr, _refusal: &RejectedMessage) {}
}

impl<F: Fn(&ReceivedRequest) -> Response + Send + Sync + 'static> Handler for F {
    fn answer(&self, request: &ReceivedRequest) -> Response {
        self(request)
    }
}

/// A listening server. Dropping it ends it, with all its connections.
pub struct Server {
    address: SocketAddr,
    open: Arc<Open>,
    accepting: Option<JoinHandle<()>>,
}

/// The connections, so that they can be ended.
#[derive(Default)]
struct Open {
    stopping: AtomicBool,
    next: AtomicU64,
    sockets: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    /// Answers on this listener, over TLS if a configuration is given.
    pub fn start(listener: TcpListener, tls: Option<Arc<ServerConfig>>, handler: Arc<dyn Handler>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let open = Arc::new(Open::default());
        let accepting = thread::Builder::new().name(format!("listener {address}")).spawn({
            let open = Arc::clone(&open);
            move || accept(&listener, tls.as_ref(), &handler, &open)
        })?;
        Ok(Self { address, open, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.open.stopping.store(true, Ordering::SeqCst);
        for socket in self.open.lock().values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        // The listener looks at the flag when somebody connects.
        let mut wake = self.address;
        if wake.ip().is_unspecified() {
            wake.set_ip(if wake.is_ipv4() { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1].into() });
        }
        let woken = TcpStream::connect_timeout(&wake, Duration::from_secs(1)).is_ok();
        if let Some(accepting) = self.accepting.take().filter(|_| woken) {
            let _ = accepting.join();
        }
    }
}

impl Open {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, tls: Option<&Arc<ServerConfig>>, handler: &Arc<dyn Handler>, open: &Arc<Open>) {
    for socket in listener.incoming() {
        if open.stopping.load(Ordering::SeqCst) {
            return;
        }
        // What fails to be accepted is the client's loss; when descriptors run out, waiting helps.
        let Ok(socket) = socket else {
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        let Ok(second) = socket.try_clone() else { continue };
        let number = open.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut sockets = open.lock();
            if sockets.len() >= CONNECTIONS {
                continue;
            }
            sockets.insert(number, second);
        }
        let (tls, handler, of_thread) = (tls.cloned(), Arc::clone(handler), Arc::clone(open));
        let spawned = thread::Builder::new().name("connection".into()).spawn(move || {
            // An error here is a connection that ended early, which clients may do.
            let _ = converse(socket, tls, handler.as_ref(), &of_thread.stopping);
            of_thread.lock().remove(&number);
        });
        if spawned.is_err() {
            open.lock().remove(&number);
        }
    }
}

fn converse(
    socket: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    handler: &dyn Handler,
    stopping: &AtomicBool,
) -> io::Result<()> {
    let ends = ConnectionAddresses { peer: socket.peer_addr()?, server: socket.local_addr()? };
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(SILENCE))?;
    socket.set_write_timeout(Some(SILENCE))?;
    let ending = socket.try_clone()?;
    let stream: Box<dyn Duplex> = match tls {
        None => Box::new(socket),
        Some(config) => {
            let session = ServerConnection::new(config).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(session, socket))
        }
    };
    let mut connection = BufReader::new(stream);
    while !stopping.load(Ordering::SeqCst) {
        match http::read(&mut connection, ends, handler.leniency())? {
            Incoming::Closed => break,
            Incoming::Request(request) => {
                let answer = handler.answer(&request);
                if !http::write(&mut connection, &answer, Some(&request))? {
                    break;
                }
            }
            Incoming::Refused(refusal) => {
                handler.refused(ends.peer, &refusal);
                http::write(&mut connection, &Response::plain(refusal.status, refusal.why), None)?;
                break;
            }
        }
    }
    linger(connection, &ending);
    Ok(())
}

/// Closing while bytes of the client are unread would reset the connection and lose the answer on its way.
fn linger(mut connection: Connection, socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Write);
    let _ = socket.set_read_timeout(Some(Duration::from_millis(500)));
    let (end, mut sink) = (Instant::now() + LINGER, vec![0; 64 * 1024]);
    while Instant::now() < end && matches!(connection.read(&mut sink), Ok(1..)) {}
}
