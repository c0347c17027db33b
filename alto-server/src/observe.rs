//! What is known of a request when it is over: metrics of every one, and a log line where wanted.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use http::{Request, Response, StatusCode};
use metrics::{Counter, Histogram, SharedString};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tower::{Layer, Service};

use crate::published::Published;

/// Upper bounds of the buckets of request durations, in seconds.
const LATENCY_BUCKETS: [f64; 12] = [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];

/// Counts the answers of one resource. It travels on the answer to whoever counts. The handles are made once: finding
/// them by their labels for each request would cost more than the rest of a small answer.
pub(crate) struct Meter {
    resource: SharedString,
    duration: Histogram,
    bytes: Counter,
    /// By status, from 100.
    answers: [OnceLock<Counter>; 500],
}

/// The layer.
#[derive(Clone)]
pub(crate) struct Observe {
    access_log: bool,
    /// Counts what no resource answered.
    nobody: Arc<Meter>,
}

/// The service behind [`Observe`].
#[derive(Clone)]
pub(crate) struct Observed<S> {
    inner: S,
    observe: Observe,
}

impl Meter {
    pub(crate) fn new(resource: SharedString) -> Arc<Self> {
        Arc::new(Self {
            duration: metrics::histogram!("alto_request_duration_seconds", "resource" => resource.clone()),
            bytes: metrics::counter!("alto_response_bytes_total", "resource" => resource.clone()),
            answers: [const { OnceLock::new() }; 500],
            resource,
        })
    }

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

impl Observe {
    pub(crate) fn new(access_log: bool) -> Self {
        Self { access_log, nobody: Meter::new(SharedString::const_str("none")) }
    }
}

impl<S> Layer<S> for Observe {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, observe: self.clone() }
    }
}

impl<S, A, B> Service<Request<A>> for Observed<S>
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
        // The head is kept only where it will be written down.
        let head = self.observe.access_log.then(|| {
            let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
            (request.method().clone(), request.uri().clone(), id.unwrap_or_default())
        });
        let (answer, nobody) = (self.inner.call(request), Arc::clone(&self.observe.nobody));
        Box::pin(async move {
            let mut response = answer.await?;
            let meter = response.extensions_mut().remove::<Arc<Meter>>().unwrap_or(nobody);
            let (status, seconds) = (response.status(), start.elapsed().as_secs_f64());
            let bytes = response.body().size_hint().exact();
            meter.count(status, seconds, bytes);
            if let Some((method, uri, id)) = head {
                let (status, resource) = (status.as_u16(), &*meter.resource);
                tracing::info!(target: "access", %method, path = uri.path(), status, resource, seconds, bytes, id);
            }
            Ok(response)
        })
    }
}

/// Starts collecting. Fails where this process collects already.
pub(crate) fn install() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    let durations = Matcher::Suffix("_seconds".to_owned());
    let handle = PrometheusBuilder::new().set_buckets_for_metric(durations, &LATENCY_BUCKETS)?.install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    use metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!("alto_requests_total", "Requests answered, by resource and status.");
    describe_counter!("alto_response_bytes_total", "Bytes of answer bodies, by resource.");
    describe_counter!("alto_overload_refused_total", "Requests answered 503 because too many were in work.");
    describe_counter!("alto_connections_total", "Connections accepted.");
    describe_counter!("alto_view_changes_total", "Views swapped in since the start.");
    describe_histogram!("alto_request_duration_seconds", "Time from a request's head to its answer's head.");
    describe_histogram!("alto_view_build_seconds", "Time to compute a view after a change.");
    describe_counter!("alto_swarm_refused_total", "Requests to the registry of peers that were refused, by reason.");
    describe_counter!("alto_swarm_expired_total", "Registrations that ended for want of a heartbeat.");
    describe_counter!("alto_swarm_saved_changes_total", "Changes of the registry that were saved.");
    describe_histogram!("alto_swarm_save_seconds", "Time to save changes of the registry that came together.");
    describe_gauge!("alto_swarm_peers", "Peers registered now.");
    describe_gauge!("alto_swarm_files", "Files that registered peers hold.");
    describe_gauge!("alto_swarm_holdings", "Files of registered peers, counted once for each holder.");
    describe_gauge!("alto_connections", "Connections open now.");
    describe_gauge!("alto_pids", "PIDs of the network map.");
    describe_gauge!("alto_prefixes", "Prefixes of the network map.");
}

/// Tells of a view that was swapped in.
pub(crate) fn published(published: &Published, previous: Option<&Published>) {
    let map = published.view().network_map();
    metrics::counter!("alto_view_changes_total").increment(u64::from(previous.is_some()));
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    {
        metrics::gauge!("alto_pids").set(map.len() as f64);
        metrics::gauge!("alto_prefixes").set(map.prefix_count() as f64);
    }
}

/// All metrics in the text form of Prometheus.
///
/// The tags of the present view are added here, not recorded: the recorder keeps every label it ever saw, and would
/// grow with every change of a cost.
pub(crate) fn exposition(recorded: &PrometheusHandle, present: &Published) -> String {
    let (view, map) = (present.view().tag(), present.view().network_map().tag());
    let mut text = recorded.render();
    text.push_str(
        "# HELP alto_view_info 1 for the present view, with its tags as labels.\n# TYPE alto_view_info gauge\n",
    );
    text + &format!("alto_view_info{{view_tag=\"{view}\",network_map_tag=\"{map}\"}} 1\n")
}
