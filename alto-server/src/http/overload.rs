//! The limits on concurrent requests and on the time of each: excess requests are refused at once (RFC 7285 §8.5.3).

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use tokio::sync::Semaphore;
use tower::{Layer, Service};

use super::{HttpError, Response};

/// Value of `Retry-After` for refused clients.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Layer that limits how many requests are in progress and how long each may take.
#[derive(Clone)]
pub(super) struct Overload {
    slots: Arc<Semaphore>,
    time: Duration,
}

/// Service behind [`Overload`].
#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    limits: Overload,
}

impl Overload {
    /// Creates the layer for a number of requests and a time for each.
    pub(super) fn new(concurrent: usize, time: Duration) -> Self {
        Self { slots: Arc::new(Semaphore::new(concurrent)), time }
    }
}

impl<S> Layer<S> for Overload {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, limits: self.clone() }
    }
}

impl<S, B> Service<Request<B>> for Guarded<S>
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

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Ok(slot) = Arc::clone(&self.limits.slots).try_acquire_owned() else {
            metrics::counter!("alto_overload_refused_total").increment(1);
            return Box::pin(async { Ok(HttpError::Overloaded(RETRY_AFTER).into_response()) });
        };
        let answer = tokio::time::timeout(self.limits.time, self.inner.call(request));
        Box::pin(async move {
            let result = answer.await.unwrap_or_else(|_| Ok(HttpError::Overloaded(RETRY_AFTER).into_response()));
            drop(slot);
            result
        })
    }
}
