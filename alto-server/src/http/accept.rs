//! The accept loop: it serves connections, each within its limits, until shutdown.
//!
//! `warp::serve` has neither TLS nor any defence against slow clients, so the stack is served on `hyper-util` here. Every
//! phase of a connection has a time limit: the TLS handshake, the first bytes, the head of a request and the idle time
//! before it, the body and the handling (see [`super::stack`]), and the acknowledgement of sent data.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::client_address::ClientAddress;
use super::exchange::Facts;
use super::first_bytes::FirstBytes;
use super::stack::Stack;
use super::tls::Tls;

/// Limits on connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// Number of open connections, all listeners together.
    pub(crate) connections: usize,
    /// Time for the TLS handshake, and again for the first bytes.
    pub(crate) handshake: Duration,
    /// Time for the head of a request, and idle time between requests.
    pub(crate) header: Duration,
    /// Time for which a client may leave sent data unacknowledged.
    pub(crate) write: Duration,
    /// Time for connections to finish at shutdown.
    pub(crate) drain: Duration,
}

/// Service and limits that all listeners share.
pub(crate) struct Server {
    stack: Stack,
    limits: ConnectionLimits,
    slots: Arc<Semaphore>,
    addressing: Arc<ClientAddress>,
}

/// Pause after a failed accept, for example without free file descriptors, so that the loop does not spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Largest number of header fields in an HTTP/1 request.
const MAX_HEADERS: usize = 100;
/// Largest number of concurrent requests on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

impl Server {
    /// Creates a server for a stack.
    pub(crate) fn new(stack: Stack, limits: ConnectionLimits, addressing: Arc<ClientAddress>) -> Self {
        let slots = Arc::new(Semaphore::new(limits.connections));
        Self { stack, limits, slots, addressing }
    }

    /// Serves TCP connections, with TLS if it is given, until `stop` is true; then lets connections finish.
    pub(crate) async fn listen(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Option<Arc<Tls>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut connections = Connections::default();
        while let Some(slot) = self.slot(&mut stop).await {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Some((stream, peer)) = usable(accepted).await else { continue };
            let server = Arc::clone(&self);
            match &tls {
                None => connections.spawn(slot, move |graceful| async move {
                    server.configure(&stream);
                    server.connection(stream, Some(peer), graceful).await;
                }),
                Some(tls) => {
                    let acceptor = tls.acceptor();
                    connections.spawn(slot, move |graceful| async move {
                        server.configure(&stream);
                        let handshake = tokio::time::timeout(server.limits.handshake, acceptor.accept(stream)).await;
                        match handshake {
                            Ok(Ok(stream)) => server.connection(stream, Some(peer), graceful).await,
                            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
                        }
                    });
                }
            }
            connections.reap();
        }
        drop(listener);
        connections.drain(self.limits.drain).await;
    }

    /// Serves connections on a Unix socket until `stop` is true; then lets connections finish.
    pub(crate) async fn listen_unix(self: Arc<Self>, listener: UnixListener, mut stop: watch::Receiver<bool>) {
        let mut connections = Connections::default();
        while let Some(slot) = self.slot(&mut stop).await {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Some((stream, _)) = usable(accepted).await else { continue };
            let server = Arc::clone(&self);
            connections.spawn(slot, move |graceful| async move { server.connection(stream, None, graceful).await });
            connections.reap();
        }
        drop(listener);
        connections.drain(self.limits.drain).await;
    }

    /// Waits until another connection is allowed; returns none once `stop` is true.
    async fn slot(&self, stop: &mut watch::Receiver<bool>) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            slot = Arc::clone(&self.slots).acquire_owned() => slot.ok(),
            _ = stop.wait_for(|stop| *stop) => None,
        }
    }

    fn configure(&self, stream: &TcpStream) {
        let socket = socket2::SockRef::from(stream);
        let result = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_user_timeout(Some(self.limits.write)));
        if let Err(error) = result {
            tracing::debug!(%error, "socket options not set");
        }
    }

    /// Serves one connection to its end.
    async fn connection<S>(&self, stream: S, peer: Option<SocketAddr>, graceful: Watcher)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let stream = FirstBytes::new(stream, self.limits.handshake);
        let addressing = Arc::clone(&self.addressing);
        let stack = self.stack.clone().map_request(move |mut request: Request<Incoming>| {
            let facts = Facts { peer, target: request.uri().clone(), addressing: Arc::clone(&addressing) };
            request.extensions_mut().insert(facts);
            request
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // Without a timer, the header timeout has no effect.
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.limits.header)
            .keep_alive_timeout(self.limits.header)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX));
        let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(stack));
        if let Err(error) = graceful.watch(connection.into_owned()).await {
            tracing::debug!(?peer, %error, "connection ended early");
        }
    }
}

type Watcher = hyper_util::server::graceful::Watcher;

/// Connections of one listener.
#[derive(Default)]
struct Connections {
    tasks: JoinSet<()>,
    graceful: GracefulShutdown,
}

impl Connections {
    fn spawn<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        slot: OwnedSemaphorePermit,
        serve: impl FnOnce(Watcher) -> F + Send + 'static,
    ) {
        metrics::counter!("alto_connections_total").increment(1);
        metrics::gauge!("alto_connections").increment(1.0);
        let open = OpenConnection(slot);
        let connection = serve(self.graceful.watcher());
        self.tasks.spawn(async move {
            connection.await;
            drop(open);
        });
    }

    /// Removes finished connections, so that the set does not grow.
    fn reap(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }

    /// Lets requests finish within `time`, then closes the remaining connections.
    async fn drain(mut self, time: Duration) {
        let open = self.tasks.len();
        if tokio::time::timeout(time, self.graceful.shutdown()).await.is_err() {
            tracing::warn!(connections = open, "connections did not finish in time and were closed");
        }
        self.tasks.shutdown().await;
    }
}

/// Guard of an open connection: holds its slot and counts it until it ends, in whatever way.
struct OpenConnection(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        metrics::gauge!("alto_connections").decrement(1.0);
    }
}

/// Returns the accepted connection, or none after a pause if accepting failed.
async fn usable<T>(accepted: io::Result<T>) -> Option<T> {
    match accepted {
        Ok(connection) => Some(connection),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_BACKOFF).await;
            None
        }
    }
}
