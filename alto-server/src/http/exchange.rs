//! The request as a handler sees it: its head, and a body still to be read.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use alto_types::ClientNet;
use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use warp::{Filter, Rejection};

use super::HttpError;
use super::head::{Found, Head};
use super::live::Budget;
use super::meter::Meter;
use super::path;
use super::slot::{Arrival, Slot};

/// Chunks of a request body as they arrive.
pub(crate) type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>;

/// Request whose body has not been read.
pub(crate) struct Exchange {
    head: Arc<Head>,
    pub(crate) body: BodyStream,
    /// What the request takes of the capacities of the server.
    pub(super) slot: Slot,
    /// The body after it has arrived, as far as it takes memory.
    pub(super) received: Option<Arrival>,
    /// Path of the target in its normal form; absent if it is sent in that form.
    normal_path: Option<String>,
}

impl Deref for Exchange {
    type Target = Head;

    fn deref(&self) -> &Head {
        &self.head
    }
}

impl Exchange {
    /// Creates the filter that extracts the request. Its head comes as an extension, because a filter that took it apart
    /// would copy it field by field.
    pub(crate) fn filter() -> impl Filter<Extract = (Self,), Error = Rejection> + Clone {
        let head = warp::ext::get::<Arc<Head>>();
        head.and(warp::body::stream()).map(|head, body: _| Self::new(head, into_bytes(body)))
    }

    fn new(head: Arc<Head>, body: BodyStream) -> Self {
        let normal_path = match path::normal(head.target.path()) {
            Cow::Owned(normal) => Some(normal),
            Cow::Borrowed(_) => None,
        };
        let connection = &head.peer.connection;
        // Most clients are at the other end of the connection; others are behind a trusted proxy.
        let client = match head.client {
            Some(address) if connection.is_of_proxy() => connection.admission().client(address),
            _ => Arc::clone(connection.client()),
        };
        let slot = Slot::of(Arc::clone(connection.admission()), client);
        Self { head, body, slot, received: None, normal_path }
    }

    /// Takes a slot for a request without a body.
    pub(crate) fn admit(&self) -> Result<(), HttpError> {
        self.slot.take()
    }

    /// Lifts the limits from the request, but for the one on the memory of bodies.
    pub(super) fn exempt(&mut self) {
        self.slot = self.slot.exempted();
    }

    /// Tells the layers what the request takes, and by which counters and under which path its route accounts for it.
    pub(super) fn routed(&self, route: Option<(&Arc<Meter>, Option<&Arc<str>>)>) {
        let Found { slot, meter, logged_path, .. } = &self.found;
        let _only_once = slot.set(self.slot.clone());
        if let Some((counters, path)) = route {
            let _only_once = meter.set(Arc::clone(counters));
            if let Some(path) = path {
                let _only_once = logged_path.set(Arc::clone(path));
            }
        }
    }

    /// Limits that the answer shares with those on other connections.
    pub(crate) fn budget(&self) -> Budget {
        let connection = &self.peer.connection;
        let client = self.slot.client().unwrap_or_else(|| connection.client());
        Budget { admission: Arc::clone(connection.admission()), client: Arc::clone(client) }
    }

    /// Address of the client as far as it can be trusted; unspecified for Unix sockets.
    pub(crate) fn client(&self) -> IpAddr {
        self.head.client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// True if the client is at the other end of the connection, not behind a proxy.
    pub(crate) fn is_direct(&self) -> bool {
        self.peer.address.is_some_and(|peer| peer.ip().to_canonical() == self.client())
    }

    /// Client that the work of the request is counted for; none if limits do not apply to it.
    pub(crate) fn payer(&self) -> Option<ClientNet> {
        self.slot.client().map(|client| client.net())
    }

    /// Path of the request target in its normal form; empty if there is none.
    pub(crate) fn path(&self) -> &str {
        self.normal_path.as_deref().unwrap_or_else(|| self.target.path())
    }

    /// Segment of the path by its position, from 0; empty if there is none.
    pub(crate) fn segment(&self, position: usize) -> &str {
        self.path().split('/').nth(position + 1).unwrap_or_default()
    }
}

fn into_bytes<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static) -> BodyStream {
    Box::pin(body.map(|piece| piece.map(|mut piece| piece.copy_to_bytes(piece.remaining()))))
}
