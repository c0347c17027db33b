//! TCP and TLS listener with a thread per connection, up to a limit.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::http::{
    self, Connection, ConnectionAddresses, Duplex, Incoming, Leniency, ReceivedRequest, RejectedMessage, Response,
};

/// Limit on simultaneous connections; further ones are closed at once.
const MAX_CONNECTIONS: usize = 128;
/// Limit on the time a read or write may block.
const IO_TIMEOUT: Duration = Duration::from_secs(15);
/// Limit on the time spent discarding what a client still sends after the last response.
const LINGER: Duration = Duration::from_secs(5);

/// Application behind a listener.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request.
    fn respond(&self, request: &ReceivedRequest) -> Response;

    /// Returns how strictly requests are parsed.
    fn leniency(&self) -> Leniency {
        Leniency::Strict
    }

    /// Called for each message that was rejected before it became a request.
    fn rejected(&self, _peer: SocketAddr, _rejected: &RejectedMessage) {}
}

impl<F: Fn(&ReceivedRequest) -> Response + Send + Sync + 'static> Handler for F {
    fn respond(&self, request: &ReceivedRequest) -> Response {
        self(request)
    }
}

/// Running listener; dropping it stops accepting and closes all connections.
pub struct Server {
    address: SocketAddr,
    connections: Arc<Connections>,
    acceptor: Option<JoinHandle<()>>,
}

/// Open connections, so that they can be closed.
#[derive(Default)]
struct Connections {
    stopping: AtomicBool,
    next: AtomicU64,
    sockets: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    /// Starts serving on a bound socket, over TLS if a configuration is given.
    pub fn start(listener: TcpListener, tls: Option<Arc<ServerConfig>>, handler: Arc<dyn Handler>) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let connections = Arc::new(Connections::default());
        let acceptor = thread::Builder::new().name(format!("listener {address}")).spawn({
            let connections = Arc::clone(&connections);
            move || accept(&listener, tls.as_ref(), &handler, &connections)
        })?;
        Ok(Self { address, connections, acceptor: Some(acceptor) })
    }

    /// Returns the address that the listener is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.connections.stopping.store(true, Ordering::SeqCst);
        for socket in self.connections.lock().values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        // The accepting thread sees the flag only after a connection, so this makes one.
        let mut wake = self.address;
        if wake.ip().is_unspecified() {
            wake.set_ip(if wake.is_ipv4() { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1].into() });
        }
        let woken = TcpStream::connect_timeout(&wake, Duration::from_secs(1)).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _ = acceptor.join();
        }
    }
}

impl Connections {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(
    listener: &TcpListener,
    tls: Option<&Arc<ServerConfig>>,
    handler: &Arc<dyn Handler>,
    connections: &Arc<Connections>,
) {
    for socket in listener.incoming() {
        if connections.stopping.load(Ordering::SeqCst) {
            return;
        }
        // A failed accept concerns one client; the pause helps when descriptors have run out.
        let Ok(socket) = socket else {
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        let Ok(second) = socket.try_clone() else { continue };
        let number = connections.next.fetch_add(1, Ordering::Relaxed);
        {
            let mut sockets = connections.lock();
            if sockets.len() >= MAX_CONNECTIONS {
                continue;
            }
            sockets.insert(number, second);
        }
        let (tls, handler, of_thread) = (tls.cloned(), Arc::clone(handler), Arc::clone(connections));
        let spawned = thread::Builder::new().name("connection".into()).spawn(move || {
            // Clients may disconnect at any time, so I/O errors are ignored.
            let _ = serve_connection(socket, tls, handler.as_ref(), &of_thread.stopping);
            of_thread.lock().remove(&number);
        });
        if spawned.is_err() {
            connections.lock().remove(&number);
        }
    }
}

fn serve_connection(
    socket: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    handler: &dyn Handler,
    stopping: &AtomicBool,
) -> io::Result<()> {
    let ends = ConnectionAddresses { peer: socket.peer_addr()?, server: socket.local_addr()? };
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(IO_TIMEOUT))?;
    socket.set_write_timeout(Some(IO_TIMEOUT))?;
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
                let response = handler.respond(&request);
                let stays = http::write(&mut connection, &response, Some(&request))?;
                if handler.leniency() == Leniency::ForgetsPipeline {
                    let arrived = connection.buffer().len();
                    connection.consume(arrived);
                }
                if !stays && handler.leniency() != Leniency::StaysOpen {
                    break;
                }
            }
            Incoming::Rejected(rejected) => {
                handler.rejected(ends.peer, &rejected);
                http::write(&mut connection, &Response::plain(rejected.status, rejected.reason), None)?;
                if handler.leniency() != Leniency::GoesOn {
                    break;
                }
            }
        }
    }
    linger(connection, &ending);
    Ok(())
}

/// Discards what the client still sends: closing a socket with unread bytes would reset the connection and lose the
/// response.
fn linger(mut connection: Connection, socket: &TcpStream) {
    let _ = socket.shutdown(Shutdown::Write);
    let _ = socket.set_read_timeout(Some(LINGER));
    let (end, mut sink) = (Instant::now() + LINGER, vec![0; 64 * 1024]);
    while Instant::now() < end {
        match connection.read(&mut sink) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
        }
    }
}
