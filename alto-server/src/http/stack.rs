//! The layers that every request passes through, as one ordered list.

use std::any::Any;
use std::convert::Infallible;
use std::time::Duration;

use http::{HeaderName, Request};
use hyper::body::Incoming;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use warp::filters::BoxedFilter;

use super::boxed_body::boxed;
use super::compression::Compression;
use super::cors::{Cors, Origins};
use super::deadline::Deadline;
use super::delivery::{Delivery, Outgoing};
use super::gate::Gate;
use super::metering::{AccessLog, Metering};
use super::request_id::RequestIds;
use super::{HttpError, Response};

/// All layers and the routes, as one service.
pub(crate) type Stack = BoxCloneSyncService<Request<Incoming>, http::Response<Outgoing>, Infallible>;

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

/// Wraps the routes in the layers, listed from the outside in.
pub(crate) fn stack(routes: BoxedFilter<(Response,)>, settings: StackSettings) -> Stack {
    let request_id = HeaderName::from_static("x-request-id");
    let service = ServiceBuilder::new()
        // An ID for every request, for the log and for the client.
        .layer(SetRequestIdLayer::new(request_id.clone(), RequestIds::new()))
        .layer(PropagateRequestIdLayer::new(request_id))
        // Metrics and the access log, refused requests included.
        .layer(Metering::new(settings.access_log))
        // Fields for web pages of other origins, on errors as well.
        .layer(Cors(settings.origins))
        // The way out: slots and memory until the last byte has left, and unread request bodies.
        .layer(Delivery)
        // The layers below have different body types.
        .map_response(|response: http::Response<_>| response.map(boxed))
        // A panic is answered with 500 and does not end the connection.
        .layer(CatchPanicLayer::custom(panicked))
        // Compression of answers that were not compressed when rendered.
        .layer(Compression::new())
        // Refusal of CONNECT, of long targets, and of malformed Host and Transfer-Encoding fields.
        .layer(Gate)
        // 503 with Retry-After for a request that takes too long. The routes take a slot for each request that has arrived.
        .layer(Deadline(settings.request))
        .service(warp::service(routes));
    // Boxed once, because the types of the closures above cannot be named where connections are spawned.
    BoxCloneSyncService::new(service)
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("of unknown type"), "a request handler panicked");
    HttpError::Internal.into_response()
}
