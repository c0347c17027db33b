//! The limit on the time from the head of a request to the head of its answer, which handlers may lift.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use tower::{Layer, Service};

use super::{Response, admission};

/// Layer that answers 503 once a request has taken too long.
#[derive(Clone, Copy)]
pub(super) struct Deadline(pub(super) Duration);

/// Tells whether the limit holds for a request. An extension of the request.
#[derive(Clone, Default)]
pub(super) struct Patience(Arc<AtomicBool>);

/// Service behind [`Deadline`].
#[derive(Clone)]
pub(super) struct Timed<S> {
    inner: S,
    time: Duration,
}

impl<S> Layer<S> for Deadline {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner, time: self.0 }
    }
}

impl<S, B> Service<Request<B>> for Timed<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let patience = Patience::default();
        request.extensions_mut().insert(patience.clone());
        let (time, answering) = (self.time, self.inner.call(request));
        Box::pin(async move {
            let mut answering = pin!(answering);
            match tokio::time::timeout(time, answering.as_mut()).await {
                Ok(answer) => answer,
                Err(_) if patience.0.load(Ordering::Relaxed) => answering.await,
                Err(_) => Ok(admission::refused("time").into_response()),
            }
        })
    }
}

impl Patience {
    /// Lifts the limit.
    pub(super) fn lift(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
