//! Metrics of every request, and its line in the access log.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response, StatusCode};
use metrics::{Counter, Histogram, SharedString};
use tower::{Layer, Service};

/// Counters of one resource's answers. The router attaches it to each answer, and the metering layer takes it off. The
/// handles are created once, because looking them up by label would cost more than the rest of a small answer.
pub(crate) struct Meter {
    resource: SharedString,
    duration: Histogram,
    bytes: Counter,
    /// Counters by status code, from 100.
    answers: [OnceLock<Counter>; 500],
}

/// Path to log instead of the request's, which has a secret in it. The router attaches it to answers.
#[derive(Clone)]
pub(crate) struct LoggedPath(pub(crate) Arc<str>);

/// Layer that meters every request.
#[derive(Clone)]
pub(crate) struct Metering {
    access_log: bool,
    /// Counts answers that no route gave.
    unrouted: Arc<Meter>,
}

/// Service behind [`Metering`].
#[derive(Clone)]
pub(crate) struct Metered<S> {
    inner: S,
    metering: Metering,
}

impl Meter {
    /// Registers the metrics of a resource.
    pub(crate) fn new(resource: SharedString) -> Arc<Self> {
        Arc::new(Self {
            duration: metrics::histogram!("alto_request_duration_seconds", "resource" => resource.clone()),
            bytes: metrics::counter!("alto_response_bytes_total", "resource" => resource.clone()),
            answers: [const { OnceLock::new() }; 500],
            resource,
        })
    }

    /// Records one answer.
    fn count(&self, status: StatusCode, seconds: f64, bytes: Option<u64>) {
        if let Some(counter) = self.answers.get(usize::from(status.as_u16()).saturating_sub(100)) {
            let register = || {
                let (resource, status) = (self.resource.clone(), status.as_str().to_owned());
                metrics::counter!("alto_requests_total", "resource" => resource, "status" => status)
            };
            counter.get_or_init(register).increment(1);
        }
        self.duration.record(seconds);
        if let Some(bytes) = bytes {
            self.bytes.increment(bytes);
        }
    }
}

impl Metering {
    /// Creates the layer, with or without an access log.
    pub(crate) fn new(access_log: bool) -> Self {
        Self { access_log, unrouted: Meter::new(SharedString::const_str("none")) }
    }
}

impl<S> Layer<S> for Metering {
    type Service = Metered<S>;

    fn layer(&self, inner: S) -> Metered<S> {
        Metered { inner, metering: self.clone() }
    }
}

impl<S, A, B> Service<Request<A>> for Metered<S>
where
    S: Service<Request<A>, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: http_body::Body,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let start = Instant::now();
        // Copying the head is worth it only if it will be logged.
        let head = self.metering.access_log.then(|| {
            let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
            (request.method().clone(), request.uri().clone(), id.unwrap_or_default())
        });
        let (answer, unrouted) = (self.inner.call(request), Arc::clone(&self.metering.unrouted));
        Box::pin(async move {
            let mut response = answer.await?;
            let meter = response.extensions_mut().remove::<Arc<Meter>>().unwrap_or(unrouted);
            let (status, seconds) = (response.status(), start.elapsed().as_secs_f64());
            let bytes = response.body().size_hint().exact();
            meter.count(status, seconds, bytes);
            let logged_path = response.extensions_mut().remove::<LoggedPath>();
            if let Some((method, uri, id)) = head {
                let (status, resource) = (status.as_u16(), &*meter.resource);
                let path = logged_path.as_ref().map_or(uri.path(), |path| &*path.0);
                tracing::info!(target: "access", %method, path, status, resource, seconds, bytes, id);
            }
            Ok(response)
        })
    }
}
