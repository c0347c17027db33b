//! The accept loop: it hands connections out to event loops, each within its limits, until shutdown.
//!
//! Every phase of a connection has a time limit: the header of a TCP proxy, the TLS handshake, the first bytes and the head
//! of a request ([`super::serving`]), the body and the handling ([`super::stack`]), the progress of an answer, the idle time
//! ([`super::connection`]), and the acknowledgement of sent data.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::admission::{Admission, AdmissionLimits};
use super::client_address::ClientAddress;
use super::connection::{Connection, ConnectionBounds};
use super::event_loops::EventLoops;
use super::head::Peer;
use super::proxy_protocol;
use super::roster::{Place, Roster};
use super::serving::{Serving, Times, Version};
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
    serving: Serving,
    limits: ConnectionLimits,
    roster: Arc<Roster>,
    admission: Arc<Admission>,
    addressing: Arc<ClientAddress>,
    loops: EventLoops,
}

/// Pause after a failed accept, for example without free file descriptors, so that the loop does not spin.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);

impl Server {
    /// Creates a server for a stack, whose connections are served on event loops.
    pub(crate) fn new(
        stack: Stack,
        limits: ConnectionLimits,
        admission: AdmissionLimits,
        addressing: Arc<ClientAddress>,
        loops: EventLoops,
    ) -> Self {
        let ConnectionLimits { handshake, header, write, .. } = limits;
        let serving = Serving { stack: Arc::new(stack), times: Times { handshake, header, write } };
        let (roster, admission) = (Roster::new(limits.connections), Admission::new(admission));
        Self { serving, limits, roster, admission, addressing, loops }
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
            let detached = accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer)));
            let Some((stream, peer)) = usable(detached).await else { continue };
            let Some((connection, mut place)) = self.enter(Some(peer), &mut stop).await else { break };
            let acceptor = tls.as_ref().map(|tls| tls.acceptor());
            let (server, stopping) = (Arc::clone(&self), stop.clone());
            self.loops.serve(&mut connections, async move {
                let Some(mut stream) = attached(TcpStream::from_std(stream)) else { return };
                server.configure(&stream);
                let Some((peer, connection)) = server.introduced(&mut stream, peer, connection, &mut place).await
                else {
                    return;
                };
                let peer = server.peer(Some(peer), connection);
                // Boxed, so that a connection without TLS has no room for the state of one with TLS.
                match acceptor {
                    None => Box::pin(server.serving.serve(stream, peer, None, stopping)).await,
                    Some(acceptor) => Box::pin(server.secured(stream, &acceptor, peer, stopping)).await,
                }
                drop(place);
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
            let Some(stream) = usable(accepted.and_then(|(stream, _)| stream.into_std())).await else { continue };
            let Some((connection, place)) = self.enter(None, &mut stop).await else { break };
            let (server, stopping) = (Arc::clone(&self), stop.clone());
            self.loops.serve(&mut connections, async move {
                let Some(stream) = attached(UnixStream::from_std(stream)) else { return };
                server.serving.serve(stream, server.peer(None, connection), None, stopping).await;
                drop(place);
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

    /// Serves a connection over TLS to its end.
    async fn secured(
        &self,
        stream: TcpStream,
        acceptor: &TlsAcceptor,
        peer: Arc<Peer>,
        stopping: watch::Receiver<bool>,
    ) {
        let handshake = tokio::time::timeout(self.limits.handshake, Box::pin(acceptor.accept(stream)));
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            () = peer.connection.evicted() => return,
        };
        let address = peer.address;
        match handshake {
            Ok(Ok(stream)) => {
                let negotiated = match stream.get_ref().1.alpn_protocol() {
                    Some(b"h2") => Version::Http2,
                    // What holds without negotiation as well (RFC 9113 §3.2).
                    _ => Version::Http1,
                };
                Box::pin(self.serving.serve(stream, peer, Some(negotiated), stopping)).await;
            }
            Ok(Err(error)) => tracing::debug!(?address, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(?address, "TLS handshake took too long"),
        }
    }

    /// The other end of a connection.
    fn peer(&self, address: Option<SocketAddr>, connection: Arc<Connection>) -> Arc<Peer> {
        Arc::new(Peer { address, addressing: Arc::clone(&self.addressing), connection })
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

/// Returns the stream of a connection once the event loop that serves it has it.
fn attached<S>(stream: io::Result<S>) -> Option<S> {
    stream.inspect_err(|error| tracing::warn!(%error, "a connection that was accepted could not be served")).ok()
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
