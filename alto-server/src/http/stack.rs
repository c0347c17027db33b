//! The layers that every request passes through, as one ordered list.

use std::any::Any;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, Request};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::RequestBodyTimeoutLayer;
use warp::filters::BoxedFilter;

use super::gate::Gate;
use super::metering::Metering;
use super::overload::Overload;
use super::request_id::RequestIds;
use super::{HttpError, Response};

/// Body of an answer once all layers have seen it.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// All layers and the routes, as one service.
pub(crate) type Stack = BoxCloneSyncService<Request<Incoming>, http::Response<Body>, Infallible>;

/// Smallest answer that is worth compressing, in bytes.
const COMPRESS_FROM: u64 = 1024;

/// Limits that the layers enforce.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackLimits {
    /// Number of requests in progress at a time.
    pub(crate) concurrent_requests: usize,
    /// Time from the head of a request to the head of its answer.
    pub(crate) request: Duration,
    /// Longest pause between two chunks of a request body.
    pub(crate) body: Duration,
    /// Writes a log line for every request.
    pub(crate) access_log: bool,
}

/// Wraps the routes in the layers, listed from the outside in.
pub(crate) fn stack(routes: BoxedFilter<(Response,)>, limits: StackLimits) -> Stack {
    let request_id = HeaderName::from_static("x-request-id");
    let service = ServiceBuilder::new()
        // An ID for every request, for the log and for the client.
        .layer(SetRequestIdLayer::new(request_id.clone(), RequestIds::new()))
        .layer(PropagateRequestIdLayer::new(request_id))
        // Metrics and the access log, refused requests included.
        .layer(Metering::new(limits.access_log))
        // The layers below have different body types.
        .map_response(boxed)
        // A panic is answered with 500 and does not end the connection.
        .layer(CatchPanicLayer::custom(panicked))
        // Compression of answers that were not compressed when rendered.
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESS_FROM)))
        // Refusal of CONNECT and of malformed Host fields.
        .layer(Gate)
        // 503 with Retry-After when too many requests are in progress.
        .layer(Overload::new(limits.concurrent_requests, limits.request))
        // An error for a stalled body, which the handler turns into 408.
        .layer(RequestBodyTimeoutLayer::new(limits.body))
        .service(warp::service(routes));
    // Boxed once, because the types of the closures above cannot be named where connections are spawned.
    BoxCloneSyncService::new(service)
}

fn boxed<B>(response: http::Response<B>) -> http::Response<Body>
where
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    response.map(|body| Body::new(body.map_err(Into::into)))
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is the layer's")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("of unknown type"), "a request handler panicked");
    HttpError::Internal.into_response()
}
