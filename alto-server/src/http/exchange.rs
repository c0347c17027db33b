//! The request as a handler sees it: its head, and a body still to be read.

use std::borrow::Cow;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Deref;
use std::sync::Arc;

use alto_types::ClientNet;
use futures_util::future::ready;
use warp::{Filter, Rejection};

use super::HttpError;
use super::arriving::Arriving;
use super::head::Head;
use super::live::Budget;
use super::path;
use super::slot::Arrival;

tokio::task_local! {
    /// Request that is on its way to the routes. An extension of warp's request would take three allocations, and its body
    /// two.
    static ON_ITS_WAY: RefCell<Option<(Arc<Head>, Arriving)>>;
}

/// Request whose body has not been read.
pub(crate) struct Exchange {
    head: Arc<Head>,
    pub(super) body: Arriving,
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
    /// Creates the filter that extracts the request, which [`Self::within`] has. One that took it apart would copy it field
    /// by field.
    pub(crate) fn filter() -> impl Filter<Extract = (Self,), Error = Rejection> + Clone {
        warp::any().and_then(|| {
            let request = ON_ITS_WAY.try_with(RefCell::take).ok().flatten();
            ready(request.map(|(head, body)| Self::new(head, body)).ok_or_else(warp::reject))
        })
    }

    /// Lets routes answer a request.
    pub(super) async fn within<T>(head: Arc<Head>, body: Arriving, answering: impl Future<Output = T>) -> T {
        ON_ITS_WAY.scope(RefCell::new(Some((head, body))), answering).await
    }

    fn new(head: Arc<Head>, body: Arriving) -> Self {
        let normal_path = match path::normal(head.target.path()) {
            Cow::Owned(normal) => Some(normal),
            Cow::Borrowed(_) => None,
        };
        Self { head, body, received: None, normal_path }
    }

    /// Takes a slot for a request without a body.
    pub(crate) fn admit(&self) -> Result<(), HttpError> {
        self.slot.take()
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
