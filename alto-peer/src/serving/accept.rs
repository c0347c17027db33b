//! The accept loop: accepts connections within limits, and serves each until it ends or the server stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use alto_types::ClientNet;

use http::{Method, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower_service::Service;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::connections::{ConnectionInfo, Connections, Place};
use super::counted::{Counted, Written};
use super::problem::Problem;

/// Limits on connections.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionLimits {
    /// Maximum number of open connections.
    pub(super) connections: usize,
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
/// Response to connections beyond the limit, whatever they request.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Serves connections until `stop` is set, and then lets them finish for a while. `written` counts the bytes written.
pub(super) async fn serve(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    limits: ConnectionLimits,
    written: &Arc<AtomicU64>,
    mut stop: watch::Receiver<bool>,
) {
    let connections = Connections::new(limits.connections);
    let (graceful, mut tasks) = (GracefulShutdown::new(), JoinSet::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Some((stream, client)) = usable(accepted).await else { continue };
        // A dual-stack socket reports IPv4 addresses as IPv4-mapped ones.
        let address = client.ip().to_canonical();
        match connections.admit(address.into(), Instant::now()) {
            Some(place) => {
                let client = SocketAddr::new(address, client.port());
                let written = Arc::new(Written::new(Arc::clone(written)));
                tasks.spawn(connection(stream, client, place, written, routes.clone(), limits, graceful.watcher()));
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
    place: Place,
    written: Arc<Written>,
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
    let cut = Arc::clone(&place.cut);
    let stream = Counted::new(TokioIo::new(stream), Arc::clone(&written));
    let (ended, service) = (Arc::clone(&cut), warp::service(routes));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let mut service = service.clone();
        let info = ConnectionInfo {
            client: ClientNet::from(client.ip()),
            cut: Arc::clone(&cut),
            written: Arc::clone(&written),
            _busy: Arc::new(place.begin(Instant::now())),
        };
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
        .serve_connection(stream, service);
    tokio::select! {
        result = watcher.watch(connection) => if let Err(error) = result {
            tracing::debug!(%client, %error, "connection ended early");
        },
        () = ended.notified() => tracing::debug!(%client, "disconnected: it does not read, or others need the place"),
    }
}

/// Refuses a connection without serving it.
async fn refuse(mut stream: TcpStream) {
    // The send buffer of a new connection has room for this, so writing never waits.
    let _gone = tokio::time::timeout(Duration::from_millis(10), stream.write_all(TOO_MANY)).await;
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
