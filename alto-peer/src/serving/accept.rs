//! The accept loop: accepts connections within limits, and serves each until it ends or the server stops.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::Service;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::problem::Problem;
use super::routes::ConnectionInfo;

/// Limits on connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionLimits {
    /// Maximum number of open connections.
    pub(super) connections: usize,
    /// Maximum number of open connections per address.
    pub(super) per_address: usize,
    /// Longest time for the head of a request, and between requests.
    pub(super) head: Duration,
    /// Longest time for which a client may leave sent data unacknowledged.
    pub(super) unacknowledged: Duration,
    /// Time for connections to finish when the server stops.
    pub(super) drain: Duration,
}

/// Pause after a failed accept, so that a lack of file descriptors does not become a busy loop.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Maximum size of a request's head, and of the part of a response that waits to be written.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Maximum number of header fields of a request.
const MAX_HEADERS: usize = 64;
/// Response to connections beyond the limit per address, whatever they request.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Number of open connections by address.
type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// A connection's place in both counts, given up when it is dropped.
struct Place {
    counts: Counts,
    address: IpAddr,
    _slot: OwnedSemaphorePermit,
}

/// Serves connections until `stop` is set, and then lets them finish for a while.
pub(super) async fn serve(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    limits: ConnectionLimits,
    mut stop: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let (counts, graceful, mut tasks) = (Counts::default(), GracefulShutdown::new(), JoinSet::new());
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            accepted = accepted => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (Ok(slot), Some((stream, client))) = (slot, usable(accepted).await) else { continue };
        // A dual-stack socket reports IPv4 addresses as IPv4-mapped ones.
        let address = client.ip().to_canonical();
        match Place::take(&counts, address, slot, limits.per_address) {
            Some(place) => {
                let (routes, watcher) = (routes.clone(), graceful.watcher());
                tasks.spawn(async move {
                    connection(stream, SocketAddr::new(address, client.port()), routes, limits, watcher).await;
                    drop(place);
                });
            }
            None => refuse(stream).await,
        }
        // Removes connections that have ended, so that the set does not grow.
        while tasks.try_join_next().is_some() {}
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown()).await.is_err() {
        tracing::debug!(connections = tasks.len(), "some connections did not finish in time and are cut");
    }
    tasks.shutdown().await;
}

/// Serves one connection to its end.
async fn connection(
    stream: TcpStream,
    client: SocketAddr,
    routes: BoxedFilter<(Response,)>,
    limits: ConnectionLimits,
    watcher: Watcher,
) {
    let socket = socket2::SockRef::from(&stream);
    if let Err(error) =
        socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_user_timeout(Some(limits.unacknowledged)))
    {
        tracing::debug!(%error, "socket options not set");
    }
    let info = ConnectionInfo { client, cut: Arc::new(Notify::new()) };
    let cut = Arc::clone(&info.cut);
    let service = warp::service(routes);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (mut service, info) = (service.clone(), info.clone());
        async move {
            // Routes match paths, so CONNECT and OPTIONS * are refused here.
            if request.method() == Method::CONNECT || !request.uri().path().starts_with('/') {
                let detail = "this is a server, not a proxy: ask for a path".to_owned();
                return Ok::<_, Infallible>(Problem::BadRequest(detail).into_response());
            }
            request.extensions_mut().insert(info);
            service.call(request).await
        }
    });
    let connection = http1::Builder::new()
        // Without a timer the header timeout would silently have no effect.
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        result = watcher.watch(connection) => if let Err(error) = result {
            tracing::debug!(%client, %error, "connection ended early");
        },
        () = cut.notified() => tracing::debug!(%client, "the client does not read what is sent to it, and is disconnected"),
    }
}

/// Refuses a connection without serving it.
async fn refuse(mut stream: TcpStream) {
    // The send buffer of a new connection has room for this, so writing never waits.
    let _gone = tokio::time::timeout(Duration::from_millis(10), stream.write_all(TOO_MANY)).await;
}

impl Place {
    /// Takes a place, unless the address has too many connections.
    fn take(counts: &Counts, address: IpAddr, slot: OwnedSemaphorePermit, most: usize) -> Option<Self> {
        let mut held = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(address).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Self { counts: Arc::clone(counts), address, _slot: slot })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}

/// The accepted connection, or a pause after a failed accept, which never ends the listener.
async fn usable<T>(accepted: io::Result<T>) -> Option<T> {
    match accepted {
        Ok(connection) => Some(connection),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            None
        }
    }
}
