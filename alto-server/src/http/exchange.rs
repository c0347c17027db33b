//! One request as a handler sees it: the head is there, the body is still to come.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, Method, Uri};
use warp::{Filter, Rejection};

use super::client_address::ClientAddress;

/// What the accept loop knows of a request beyond its head.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Whoever is at the other end of the connection; nobody where it is a Unix socket.
    pub(crate) peer: Option<SocketAddr>,
    /// The request target as sent.
    pub(crate) target: Uri,
    /// How the client's address is told from the peer's.
    pub(crate) addressing: Arc<ClientAddress>,
}

/// The pieces of a request body as they arrive.
pub(crate) type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>;

/// A request.
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BodyStream,
    facts: Option<Facts>,
}

impl Exchange {
    /// The filter that takes a request apart. It never rejects, so that a handler answers whatever is wrong: a route
    /// that rejects after it took the body would make the next one fail.
    pub(crate) fn filter() -> impl Filter<Extract = (Self,), Error = Rejection> + Clone {
        warp::method()
            .and(warp::header::headers_cloned())
            .and(warp::ext::optional::<Facts>())
            .and(warp::body::stream())
            .map(|method, headers, facts, body: _| Self { method, headers, facts, body: into_bytes(body) })
    }

    /// The address of the client, as far as it can be trusted; unspecified over a Unix socket.
    pub(crate) fn client(&self) -> IpAddr {
        let peer = self.facts.as_ref().and_then(|facts| facts.peer.map(|peer| (facts, peer.ip())));
        match peer {
            Some((facts, peer)) => facts.addressing.of(peer, &self.headers),
            None => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        }
    }

    /// The path of the request target; empty where there is none.
    pub(crate) fn path(&self) -> &str {
        self.target().map_or("", Uri::path)
    }

    /// The request target: what Digest signs, and where the query is.
    pub(crate) fn target(&self) -> Option<&Uri> {
        self.facts.as_ref().map(|facts| &facts.target)
    }
}

fn into_bytes<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static) -> BodyStream {
    Box::pin(body.map(|piece| piece.map(|mut piece| piece.copy_to_bytes(piece.remaining()))))
}
