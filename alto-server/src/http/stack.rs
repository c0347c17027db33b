//! The layers every request passes, as one ordered list.

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
use super::overload::Overload;
use super::request_name::RequestNames;
use super::{HttpError, Response};
use crate::observe::Observe;

/// The body of an answer on its way out.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Everything between a connection and the routes.
pub(crate) type Stack = BoxCloneSyncService<Request<Incoming>, http::Response<Body>, Infallible>;

/// Answers to lookups smaller than this are not worth compressing.
const COMPRESS_FROM: u64 = 1024;

/// Bounds that the layers apply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StackLimits {
    /// Requests being worked on at a time.
    pub(crate) concurrent_requests: usize,
    /// Time for one request from its head to the answer's head.
    pub(crate) request: Duration,
    /// Longest pause between two pieces of a request body.
    pub(crate) body: Duration,
    /// Whether every request is logged.
    pub(crate) access_log: bool,
}

/// Puts the layers round the routes, outermost first.
pub(crate) fn stack(routes: BoxedFilter<(Response,)>, limits: StackLimits) -> Stack {
    let request_id = HeaderName::from_static("x-request-id");
    let service = ServiceBuilder::new()
        // Every request has a name that the log and the client share.
        .layer(SetRequestIdLayer::new(request_id.clone(), RequestNames::new()))
        .layer(PropagateRequestIdLayer::new(request_id))
        // Counts, durations and the access log, of refused requests too.
        .layer(Observe::new(limits.access_log))
        // From here inwards bodies have many types.
        .map_response(boxed)
        // A bug answers 500 and costs one request, not the connection.
        .layer(CatchPanicLayer::custom(panicked))
        // What was not compressed when it was rendered.
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(COMPRESS_FROM)))
        // Neither CONNECT nor a malformed Host reaches a route.
        .layer(Gate)
        // What is too much is told to come back later.
        .layer(Overload::new(limits.concurrent_requests, limits.request))
        // A body that stalls ends with an error that the handler turns into 408.
        .layer(RequestBodyTimeoutLayer::new(limits.body))
        .service(warp::service(routes));
    // Boxed once: the closures above have types that `tokio::spawn` cannot be generic over.
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
