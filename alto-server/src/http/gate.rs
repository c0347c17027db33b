//! Requests that are refused by their head alone, before any route sees them.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::future::{Either, Ready, ready};
use http::header::{HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{Method, Request, Version};
use tower::{Layer, Service};

use super::{HttpError, Response};

/// Refuses what the routes must never see.
#[derive(Clone, Copy)]
pub(super) struct Gate;

/// The service behind [`Gate`].
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

fn inspect<B>(request: &Request<B>) -> Result<(), HttpError> {
    // A proxy we are not; and warp's path filters panic on the authority form of the target.
    if request.method() == Method::CONNECT || request.uri().path().is_empty() {
        return Err(HttpError::MethodNotImplemented(request.method().clone()));
    }
    // RFC 7230 §5.4: exactly one valid Host in HTTP/1.1. HTTP/2 has the target's authority in its place.
    if request.version() == Version::HTTP_11 {
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok(),
            _ => None,
        };
        if !host.is_some_and(|host| host.is_empty() || host.parse::<Authority>().is_ok_and(|a| !has_userinfo(&a))) {
            return Err(HttpError::BadRequest("exactly one valid Host field is needed (RFC 7230 §5.4)".to_owned()));
        }
    }
    // RFC 7230 §3.3.1: a transfer coding that is not understood is answered with 501.
    let codings = request.headers().get_all(TRANSFER_ENCODING);
    if codings.iter().any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")) {
        return Err(HttpError::TransferCodingNotImplemented);
    }
    Ok(())
}

fn has_userinfo(authority: &Authority) -> bool {
    authority.as_str().contains('@')
}
