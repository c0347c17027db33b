//! The request as a handler sees it: its head, and a body still to be read.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use alto_types::ClientNet;
use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, Method, Uri};
use warp::{Filter, Rejection};

use super::HttpError;
use super::client_address::ClientAddress;
use super::connection::Connection;
use super::deadline::Patience;
use super::live::Budget;
use super::path;
use super::slot::{Arrival, Slot};

/// Facts about a request that only the accept loop knows.
#[derive(Clone)]
pub(crate) struct Facts {
    /// Address of the client: at the other end of the connection, or behind a trusted proxy. Absent for Unix sockets, and
    /// until the gate has let the request pass.
    pub(super) client: Option<IpAddr>,
    /// Address of the other end of the connection; absent for Unix sockets.
    pub(crate) peer: Option<SocketAddr>,
    /// Request target as it was sent.
    pub(crate) target: Uri,
    /// Rules that derive the client's address from the peer's.
    pub(crate) addressing: Arc<ClientAddress>,
    /// Connection that the request came on.
    pub(super) connection: Arc<Connection>,
    /// Place for the name of the user, if the access log wants it.
    pub(super) user: Option<LoggedUser>,
}

/// Name of the user who was authenticated, for the access log.
#[derive(Clone, Debug, Default)]
pub(super) struct LoggedUser(Arc<OnceLock<String>>);

impl LoggedUser {
    /// Name of the user; empty if nobody was authenticated.
    pub(super) fn get(&self) -> String {
        self.0.get().cloned().unwrap_or_default()
    }
}

/// Chunks of a request body as they arrive.
pub(crate) type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>;

/// Request whose body has not been read.
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BodyStream,
    /// What the request takes of the capacities of the server.
    pub(super) slot: Slot,
    /// The body after it has arrived, as far as it takes memory.
    pub(super) received: Option<Arrival>,
    facts: Option<Facts>,
    patience: Option<Patience>,
    /// Path of the target in its normal form; absent if it is sent in that form.
    normal_path: Option<String>,
}

impl Exchange {
    /// Creates the filter that extracts the request. It never rejects: a filter that rejects after taking the body makes
    /// every filter after it fail.
    pub(crate) fn filter() -> impl Filter<Extract = (Self,), Error = Rejection> + Clone {
        warp::method()
            .and(warp::header::headers_cloned())
            .and(warp::ext::optional::<Facts>())
            .and(warp::ext::optional::<Patience>())
            .and(warp::body::stream())
            .map(|method, headers, facts, patience, body: _| Self {
                patience,
                ..Self::new(method, headers, facts, into_bytes(body))
            })
    }

    fn new(method: Method, headers: HeaderMap, facts: Option<Facts>, body: BodyStream) -> Self {
        let normal_path = facts.as_ref().and_then(|facts| match path::normal(facts.target.path()) {
            Cow::Owned(normal) => Some(normal),
            Cow::Borrowed(_) => None,
        });
        let slot = Slot::unlimited();
        let mut exchange = Self { method, headers, body, slot, received: None, facts, patience: None, normal_path };
        if let Some(facts) = &exchange.facts {
            let connection = &facts.connection;
            // Most clients are at the other end of the connection; others are behind a trusted proxy.
            let client = if connection.is_of_proxy() {
                connection.admission().client(exchange.client())
            } else {
                Arc::clone(connection.client())
            };
            exchange.slot = Slot::of(Arc::clone(connection.admission()), client);
        }
        exchange
    }

    /// Takes a slot for a request without a body.
    pub(crate) fn admit(&self) -> Result<(), HttpError> {
        self.slot.take()
    }

    /// Lifts the limits from the request, but for the one on the memory of bodies.
    pub(super) fn exempt(&mut self) {
        self.slot = self.slot.exempted();
    }

    /// Lifts the limit on the time until the answer, for one that waits until something changes.
    pub(crate) fn wait(&self) {
        if let Some(patience) = &self.patience {
            patience.lift();
        }
    }

    /// Limits that the answer shares with those on other connections; none for requests that came on no connection.
    pub(crate) fn budget(&self) -> Option<Budget> {
        let connection = &self.facts.as_ref()?.connection;
        let client = self.slot.client().unwrap_or_else(|| connection.client());
        Some(Budget { admission: Arc::clone(connection.admission()), client: Arc::clone(client) })
    }

    /// Address of the client as far as it can be trusted; unspecified for Unix sockets.
    pub(crate) fn client(&self) -> IpAddr {
        self.facts.as_ref().and_then(|facts| facts.client).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// True if the client is at the other end of the connection, not behind a proxy.
    pub(crate) fn is_direct(&self) -> bool {
        let peer = self.facts.as_ref().and_then(|facts| facts.peer);
        peer.is_some_and(|peer| peer.ip().to_canonical() == self.client())
    }

    /// Client that the work of the request is counted for; none if limits do not apply to it.
    pub(crate) fn payer(&self) -> Option<ClientNet> {
        self.slot.client().map(|client| client.net())
    }

    /// Path of the request target in its normal form; empty if there is none.
    pub(crate) fn path(&self) -> &str {
        self.normal_path.as_deref().unwrap_or_else(|| self.target().map_or("", Uri::path))
    }

    /// Segment of the path by its position, from 0; empty if there is none.
    pub(crate) fn segment(&self, position: usize) -> &str {
        self.path().split('/').nth(position + 1).unwrap_or_default()
    }

    /// Tells the access log who was authenticated.
    pub(crate) fn authenticated(&self, user: &str) {
        if let Some(LoggedUser(place)) = self.facts.as_ref().and_then(|facts| facts.user.as_ref()) {
            let _first_counts = place.set(user.to_owned());
        }
    }

    /// Request target, which Digest signs and which has the query.
    pub(crate) fn target(&self) -> Option<&Uri> {
        self.facts.as_ref().map(|facts| &facts.target)
    }
}

fn into_bytes<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static) -> BodyStream {
    Box::pin(body.map(|piece| piece.map(|mut piece| piece.copy_to_bytes(piece.remaining()))))
}
