//! The head of a request, with what the connection knows of it and what is found out about it on its way.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::request::Parts;
use http::{HeaderMap, Method, Uri, Version};

use super::client_address::{ClientAddress, ForwardedError};
use super::connection::Connection;
use super::meter::Meter;
use super::slot::Slot;

/// The other end of a connection.
pub(crate) struct Peer {
    /// Address; absent for Unix sockets.
    pub(crate) address: Option<SocketAddr>,
    /// Rules that derive the client's address from the peer's.
    pub(super) addressing: Arc<ClientAddress>,
    pub(super) connection: Arc<Connection>,
}

/// Head of a request.
pub(crate) struct Head {
    pub(crate) method: Method,
    /// Request target as it was sent.
    pub(crate) target: Uri,
    pub(super) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) peer: Arc<Peer>,
    /// Address of the client: at the other end of the connection, or behind a trusted proxy. Absent for Unix sockets.
    pub(super) client: Option<IpAddr>,
    /// Share of the server's limits that the request occupies until it ends.
    pub(super) slot: Slot,
    pub(super) found: Found,
}

/// What the layers, the router and the handlers find out about a request for each other.
#[derive(Default)]
pub(super) struct Found {
    /// Name of the user who was authenticated.
    user: OnceLock<String>,
    /// Whether the answer waits until something changes, whatever time that takes.
    waits: AtomicBool,
    /// Counters and log path of the route that answers.
    pub(super) account: OnceLock<&'static Account>,
}

/// Counters of a route's answers, and the path under which they are logged.
pub(super) struct Account {
    /// Counters of the resource.
    pub(super) meter: Arc<Meter>,
    /// Path to log instead of the request's, which has a secret in it.
    pub(super) logged_path: Option<String>,
}

impl Peer {
    /// Address of the client of a request; absent for Unix sockets.
    pub(super) fn client(&self, request: &HeaderMap) -> Result<Option<IpAddr>, ForwardedError> {
        self.address.map(|peer| self.addressing.of(peer.ip(), request)).transpose()
    }
}

impl Head {
    /// Completes the head that the HTTP library parsed.
    pub(super) fn new(parts: Parts, peer: Arc<Peer>, client: Option<IpAddr>) -> Self {
        let Parts { method, uri: target, version, headers, .. } = parts;
        let connection = &peer.connection;
        // Most clients are at the other end of the connection; others are behind a trusted proxy.
        let proxied = client.filter(|_| connection.is_of_proxy()).map(|address| connection.admission().client(address));
        let slot = Slot::of(Arc::clone(connection), proxied);
        Self { method, target, version, headers, peer, client, slot, found: Found::default() }
    }

    /// Tells the access log who was authenticated.
    pub(crate) fn authenticated(&self, user: &str) {
        let _first_counts = self.found.user.set(user.to_owned());
    }

    /// Name of the user who was authenticated; empty if nobody was.
    pub(super) fn user(&self) -> &str {
        self.found.user.get().map_or("", String::as_str)
    }

    /// Lifts the limit on the time until the answer, for one that waits until something changes.
    pub(crate) fn wait(&self) {
        self.found.waits.store(true, Ordering::Relaxed);
    }

    /// Tells whether the answer waits until something changes.
    pub(super) fn waits(&self) -> bool {
        self.found.waits.load(Ordering::Relaxed)
    }
}
