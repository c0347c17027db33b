//! Refusal of requests that are invalid by their head alone, before any route sees them.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::header::{HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{Method, Request, Version};
use tower::{Layer, Service};

use super::{HttpError, Response};

/// Layer that refuses requests the routes cannot handle.
#[derive(Clone, Copy)]
pub(super) struct Gate;

/// Service behind [`Gate`].
#[derive(Clone)]
pub(super) struct Gated<S>(S);

impl<S> Layer<S> for Gate {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Gated<S> {
        Gated(inner)
    }
}

impl<S, B> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match inspect(&request) {
            Ok(()) => Either::Left(self.0.call(request)),
            Err(error) => Either::Right(ready(Ok(error.into_response()))),
        }
    }
}

/// Checks target, `Host` and `Transfer-Encoding`.
fn inspect<B>(request: &Request<B>) -> Result<(), HttpError> {
    // CONNECT is for proxies, and warp's path filters panic on a target in authority form.
    if request.method() == Method::CONNECT || request.uri().path().is_empty() {
        return Err(HttpError::MethodNotImplemented(request.method().clone()));
    }
    // HTTP/1.1 requires exactly one valid Host (RFC 7230 §5.4); HTTP/2 has the authority of the target instead.
    if request.version() == Version::HTTP_11 {
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok(),
            _ => None,
        };
        if !host.is_some_and(|host| host.is_empty() || host.parse::<Authority>().is_ok_and(|a| !has_userinfo(&a))) {
            return Err(HttpError::BadRequest(
                "the request must have exactly one valid Host field (RFC 7230 §5.4)".to_owned(),
            ));
        }
    }
    // A transfer coding that the server does not know is answered with 501 (RFC 7230 §3.3.1).
    let codings = request.headers().get_all(TRANSFER_ENCODING);
    if codings.iter().any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")) {
        return Err(HttpError::TransferCodingNotImplemented);
    }
    Ok(())
}

fn has_userinfo(authority: &Authority) -> bool {
    authority.as_str().contains('@')
}
