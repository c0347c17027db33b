//! The layers that every request passes through, as one ordered list.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::Request;
use http_body_util::Empty;
use hyper::body::Incoming;
use tokio::time::Instant;
use tower_service::Service;
use warp::filters::BoxedFilter;

use super::arriving::Arriving;
use super::boxed_body::Content;
use super::compression::Compression;
use super::cors::Origins;
use super::delivery::{Delivery, Outgoing};
use super::head::{Head, Peer};
use super::metering::{AccessLog, Metering};
use super::request_id::{self, RequestIds};
use super::{Exchange, HttpError, Response, arriving, deadline, gate};

/// Settings of the layers.
#[derive(Clone, Debug)]
pub(crate) struct StackSettings {
    /// Time from the head of a request to the head of its answer.
    pub(crate) request: Duration,
    /// Lines for requests in the log, if there are to be any.
    pub(crate) access_log: Option<AccessLog>,
    /// Origins whose pages may read answers.
    pub(crate) origins: Origins,
}

/// Routes as a service of one connection.
pub(super) trait Routes:
    Service<Request<Empty<Bytes>>, Response = Response, Error = Infallible, Future: Send> + Send + 'static
{
}

impl<S> Routes for S where
    S: Service<Request<Empty<Bytes>>, Response = Response, Error = Infallible, Future: Send> + Send + 'static
{
}

/// All layers, around the routes.
pub(crate) struct Stack {
    settings: StackSettings,
    request_ids: RequestIds,
    metering: Metering,
    compression: Compression,
    routes: BoxedFilter<(Response,)>,
}

impl Stack {
    /// Wraps the routes in the layers.
    pub(crate) fn new(routes: BoxedFilter<(Response,)>, settings: StackSettings) -> Self {
        let metering = Metering::new(settings.access_log);
        Self { settings, request_ids: RequestIds::new(), metering, compression: Compression::new(), routes }
    }

    /// Answers a request, layer by layer from the outside in and back: one future, because a boxed one for each layer
    /// would take as long as a small answer.
    pub(super) async fn answer(
        &self,
        routes: &Mutex<impl Routes>,
        request: Request<Incoming>,
        peer: Arc<Peer>,
    ) -> http::Response<Outgoing> {
        let start = Instant::now();
        let ongoing = peer.connection.begin(start);
        let (parts, body) = request.into_parts();
        // An ID for every request, for the log and for the client.
        let id = self.request_ids.of(&parts.headers);
        // Refusal of CONNECT, of long targets, of malformed Host and Transfer-Encoding fields, and of clients behind a
        // proxy that does not tell them.
        let client = peer.client(&parts.headers);
        let admitted = gate::admit(&parts, client.as_ref().err());
        let head = Arc::new(Head::new(parts, peer, client.unwrap_or_default()));
        let (body, rest) = arriving::split(&head, body);
        let mut delivery = Delivery::begin(ongoing, rest);
        let inside = async {
            let response = match admitted {
                // 503 with Retry-After for a request that takes too long. The routes take a slot for each request that
                // has arrived.
                Ok(()) => deadline::within(self.settings.request, &head, route(routes, &head, body)).await,
                Err(error) => error.into_response(),
            };
            // Compression of answers that were not compressed when rendered.
            self.compression.encode(&head, response)
        };
        // A panic is answered with 500 and does not end the connection.
        let mut response = AssertUnwindSafe(inside).catch_unwind().await.unwrap_or_else(panicked);
        // The way out: unread request bodies, and slots and memory until the last byte has left.
        delivery.settle(&mut response).await;
        let now = Instant::now();
        let mut response = delivery.deliver(response, head.slot.clone(), now);
        // Fields for web pages of other origins, on errors as well.
        self.settings.origins.decide(&head).tell(response.headers_mut());
        // Metrics and the access log, refused requests included.
        self.metering.record(now.duration_since(start), &head, id.as_ref(), &response);
        request_id::tell(id, response.headers_mut());
        response
    }

    /// The routes, for one connection: those who share them would be counted by all cores with every request.
    pub(super) fn routes(&self) -> Mutex<impl Routes + use<>> {
        Mutex::new(warp::service(self.routes.clone()))
    }
}

/// Lets the routes answer.
async fn route(routes: &Mutex<impl Routes>, head: &Arc<Head>, body: Arriving) -> Response {
    let answering = routes.lock().unwrap_or_else(PoisonError::into_inner).call(Request::new(Empty::new()));
    let Ok(response) = Exchange::within(Arc::clone(head), body, answering).await;
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is that of caught panics")]
fn panicked(panic: Box<dyn Any + Send>) -> http::Response<Content> {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("of unknown type"), "a request handler panicked");
    HttpError::Internal.into_response().map(Content::of)
}
