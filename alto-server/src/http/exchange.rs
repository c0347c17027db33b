//! The request as a handler sees it: its head, and a body still to be read.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, Method, Uri};
use warp::{Filter, Rejection};

use super::client_address::ClientAddress;

/// Facts about a request that only the accept loop knows.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Address of the other end of the connection; absent for Unix sockets.
    pub(crate) peer: Option<SocketAddr>,
    /// Request target as it was sent.
    pub(crate) target: Uri,
    /// Rules that derive the client's address from the peer's.
    pub(crate) addressing: Arc<ClientAddress>,
}

/// Chunks of a request body as they arrive.
pub(crate) type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, warp::Error>> + Send>>;

/// Request whose body has not been read.
pub(crate) struct Exchange {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BodyStream,
    facts: Option<Facts>,
}

impl Exchange {
    /// Creates the filter that extracts the request. It never rejects: a filter that rejects after taking the body makes
    /// every filter after it fail.
    pub(crate) fn filter() -> impl Filter<Extract = (Self,), Error = Rejection> + Clone {
        warp::method()
            .and(warp::header::headers_cloned())
            .and(warp::ext::optional::<Facts>())
            .and(warp::body::stream())
            .map(|method, headers, facts, body: _| Self { method, headers, facts, body: into_bytes(body) })
    }

    /// Address of the client as far as it can be trusted; unspecified for Unix sockets.
    pub(crate) fn client(&self) -> IpAddr {
        let peer = self.facts.as_ref().and_then(|facts| facts.peer.map(|peer| (facts, peer.ip())));
        match peer {
            Some((facts, peer)) => facts.addressing.of(peer, &self.headers),
            None => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        }
    }

    /// Path of the request target; empty if there is none.
    pub(crate) fn path(&self) -> &str {
        self.target().map_or("", Uri::path)
    }

    /// Segment of the path by its position, from 0, as it was sent; empty if there is none.
    pub(crate) fn segment(&self, position: usize) -> &str {
        self.path().split('/').nth(position + 1).unwrap_or_default()
    }

    /// Request target, which Digest signs and which has the query.
    pub(crate) fn target(&self) -> Option<&Uri> {
        self.facts.as_ref().map(|facts| &facts.target)
    }
}

fn into_bytes<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>> + Send + 'static) -> BodyStream {
    Box::pin(body.map(|piece| piece.map(|mut piece| piece.copy_to_bytes(piece.remaining()))))
}
