//! The accept loop: it serves connections, each within its limits, until shutdown.
//!
//! `warp::serve` has neither TLS nor any defence against slow clients, so the stack is served on `hyper-util` here. Every
//! phase of a connection has a time limit: the header of a TCP proxy, the TLS handshake, the first bytes, the head of a request, the body and the
//! handling (see [`super::stack`]), the progress of an answer, the idle time ([`super::connection`]), and the
//! acknowledgement of sent data.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::admission::{Admission, AdmissionLimits};
use super::client_address::ClientAddress;
use super::connection::{Connection, ConnectionBounds, Verdict};
use super::exchange::Facts;
use super::first_bytes::FirstBytes;
use super::lingering::Lingering;
use super::proxy_protocol;
use super::roster::{Place, Roster};
use super::send_buffer::SendBuffer;
use super::stack::Stack;
use super::tls::Tls;

/// Limits on connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// Number of open connections, all listeners together.
    pub(crate) connections: usize,
    /// Number of requests on one connection.
    pub(crate) requests: u64,
    /// Time for the TLS handshake, and again for the first bytes.
    pub(crate) handshake: Duration,
    /// Time for the head of a request, and idle time between requests.
    pub(crate) header: Duration,
    /// Time for which a client may leave sent data unacknowledged, and for which an answer may make no progress.
    pub(crate) write: Duration,
    /// Time for connections to finish at shutdown.
    pub(crate) drain: Duration,
}

/// Service and limits that all listeners share.
pub(crate) struct Server {
    stack: Stack,
    limits: ConnectionLimits,
    roster: Arc<Roster>,
    admission: Arc<Admission>,
    addressing: Arc<ClientAddress>,
}

/// Pause after a failed accept, for example without free file descriptors, so that the loop does not spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Largest head of a request over HTTP/2, in bytes.
const MAX_HEAD_BYTES: u32 = 32 * 1024;
/// Largest head of a request over HTTP/1, in bytes. The longest target that the HTTP library parses (65534 bytes) fits,
/// so that a target that is too long is told from fields that are.
const MAX_BUFFER_BYTES: usize = 72 * 1024;
/// Largest number of header fields in an HTTP/1 request.
const MAX_HEADERS: usize = 100;
/// Largest number of concurrent requests on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// Versions of HTTP that a connection may use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    /// HTTP/1, or HTTP/2 by prior knowledge (RFC 9113 §3.3).
    Any,
    /// HTTP/1: what was negotiated with TLS, and what holds without negotiation (RFC 9113 §3.2).
    Http1,
    /// HTTP/2, as negotiated with TLS.
    Http2,
}

impl Versions {
    /// Versions that the handshake of a TLS connection decided for.
    fn negotiated(stream: &TlsStream<TcpStream>) -> Self {
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Self::Http2,
            _ => Self::Http1,
        }
    }
}

impl Server {
    /// Creates a server for a stack.
    pub(crate) fn new(
        stack: Stack,
        limits: ConnectionLimits,
        admission: AdmissionLimits,
        addressing: Arc<ClientAddress>,
    ) -> Self {
        let (roster, admission) = (Roster::new(limits.connections), Admission::new(admission));
        Self { stack, limits, roster, admission, addressing }
    }

    /// Serves TCP connections, with TLS if it is given, until `stop` is true; then lets connections finish.
    pub(crate) async fn listen(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Option<Arc<Tls>>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Some((stream, peer)) = usable(accepted).await else { continue };
            let Some((connection, mut place)) = self.enter(Some(peer), &mut stop).await else { break };
            let acceptor = tls.as_ref().map(|tls| tls.acceptor());
            let (server, stopping) = (Arc::clone(&self), stop.clone());
            connections.spawn(async move {
                let mut stream = stream;
                server.configure(&stream);
                let Some((peer, connection)) = server.introduced(&mut stream, peer, connection, &mut place).await
                else {
                    return;
                };
                let Some(acceptor) = acceptor else {
                    let plain = server.serve(stream, Some(peer), &connection, place, Versions::Any, stopping);
                    // Boxed, so that a connection without TLS has no room for the state of one with TLS.
                    return Box::pin(plain).await;
                };
                let handshake = tokio::time::timeout(server.limits.handshake, Box::pin(acceptor.accept(stream)));
                let handshake = tokio::select! {
                    handshake = handshake => handshake,
                    () = connection.evicted() => return,
                };
                match handshake {
                    Ok(Ok(stream)) => {
                        let versions = Versions::negotiated(&stream);
                        Box::pin(server.serve(stream, Some(peer), &connection, place, versions, stopping)).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                    Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
                }
            });
            reap(&mut connections);
        }
        drop(listener);
        drain(connections, self.limits.drain).await;
    }

    /// Serves connections on a Unix socket until `stop` is true; then lets connections finish.
    pub(crate) async fn listen_unix(self: Arc<Self>, listener: UnixListener, mut stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Some((stream, _)) = usable(accepted).await else { continue };
            let Some((connection, place)) = self.enter(None, &mut stop).await else { break };
            let (server, stopping) = (Arc::clone(&self), stop.clone());
            connections.spawn(async move {
                server.serve(stream, None, &connection, place, Versions::Any, stopping).await;
            });
            reap(&mut connections);
        }
        drop(listener);
        drain(connections, self.limits.drain).await;
    }

    /// Gives a connection its place, closing another if all are taken; returns none once `stop` is true.
    async fn enter(
        &self,
        peer: Option<SocketAddr>,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<(Arc<Connection>, Place)> {
        let address = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip().to_canonical());
        let slot = self.roster.slot(address.into(), stop).await?;
        let connection = self.connection(address, self.addressing.is_tcp_proxy(address));
        let place = self.roster.enter(&connection, slot);
        Some((connection, place))
    }

    /// Creates the state of a connection from an address.
    fn connection(&self, address: IpAddr, is_of_tcp_proxy: bool) -> Arc<Connection> {
        let ConnectionLimits { header, write, requests, .. } = self.limits;
        let bounds = ConnectionBounds { idle: header, stall: write, requests };
        let is_of_proxy = is_of_tcp_proxy || self.addressing.trusts(address);
        Connection::new(Arc::clone(&self.admission), self.admission.client(address), bounds, is_of_proxy)
    }

    /// Lets a TCP proxy introduce its client, whose connection it is from then on. Returns none if it does not.
    async fn introduced(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
        connection: Arc<Connection>,
        place: &mut Place,
    ) -> Option<(SocketAddr, Arc<Connection>)> {
        if !self.addressing.is_tcp_proxy(peer.ip().to_canonical()) {
            return Some((peer, connection));
        }
        match tokio::time::timeout(self.limits.handshake, proxy_protocol::read(stream)).await {
            Ok(Ok(None)) => Some((peer, connection)),
            Ok(Ok(Some(client))) => {
                let connection = self.connection(client.ip().to_canonical(), false);
                place.pass_to(&connection);
                Some((client, connection))
            }
            Ok(Err(error)) => {
                tracing::warn!(%peer, %error, "connection of a TCP proxy closed");
                None
            }
            Err(_) => {
                tracing::warn!(%peer, "connection of a TCP proxy closed: no PROXY protocol header arrived in time");
                None
            }
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
    async fn serve<S>(
        &self,
        stream: S,
        peer: Option<SocketAddr>,
        connection: &Arc<Connection>,
        place: Place,
        versions: Versions,
        mut stopping: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + SendBuffer + Send + Unpin + 'static,
    {
        let stream = Lingering::new(FirstBytes::new(stream, self.limits.handshake), Arc::clone(connection));
        let (addressing, facts_of) = (Arc::clone(&self.addressing), Arc::clone(connection));
        let stack = self.stack.clone().map_request(move |mut request: Request<Incoming>| {
            let (addressing, connection) = (Arc::clone(&addressing), Arc::clone(&facts_of));
            let target = request.uri().clone();
            let facts = Facts { client: None, peer, target, addressing, connection, user: None };
            request.extensions_mut().insert(facts);
            request
        });
        let builder = self.builder(versions);
        let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(stack)));
        let mut finishes = false;
        loop {
            tokio::select! {
                biased;
                result = serving.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(?peer, %error, "connection ended early");
                    }
                    break;
                }
                verdict = connection.verdict() => match verdict {
                    Verdict::Finish(reason) => {
                        metrics::counter!("alto_connections_closed_total", "reason" => reason).increment(1);
                        serving.as_mut().graceful_shutdown();
                    }
                    Verdict::Close(reason) => {
                        metrics::counter!("alto_connections_closed_total", "reason" => reason).increment(1);
                        tracing::debug!(?peer, reason, "connection closed");
                        break;
                    }
                },
                _ = stopping.wait_for(|stop| *stop), if !finishes => {
                    serving.as_mut().graceful_shutdown();
                    finishes = true;
                }
            }
        }
        drop(place);
    }

    fn builder(&self, versions: Versions) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // Without a timer, the header timeout has no effect.
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_buf_size(MAX_BUFFER_BYTES)
            .max_headers(MAX_HEADERS);
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(self.limits.header)
            .keep_alive_timeout(self.limits.header)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEAD_BYTES);
        match versions {
            Versions::Any => builder,
            Versions::Http1 => builder.http1_only(),
            Versions::Http2 => builder.http2_only(),
        }
    }
}

/// Removes finished connections, so that the set does not grow.
fn reap(connections: &mut JoinSet<()>) {
    while connections.try_join_next().is_some() {}
}

/// Lets requests finish within `time`, then closes the remaining connections.
async fn drain(mut connections: JoinSet<()>, time: Duration) {
    let finish = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(time, finish).await.is_err() {
        let open = connections.len();
        tracing::warn!(connections = open, "connections did not finish in time and were closed");
    }
    connections.shutdown().await;
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
