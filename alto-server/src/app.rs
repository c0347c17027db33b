//! What every handler can reach: the running network, the limits, and who may read.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::http::digest::Authenticator;
use crate::http::{Exchange, HttpError, Response};
use crate::network::Network;
use crate::service::WorkLimits;

/// Shared by all requests.
pub(crate) struct App {
    pub(crate) network: Network,
    pub(crate) limits: RequestLimits,
    /// Present where clients must authenticate.
    pub(crate) authenticator: Option<Authenticator>,
    pub(crate) metrics: PrometheusHandle,
    /// Turns true when shutdown begins.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Bounds on one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLimits {
    /// Length of a request body.
    pub(crate) body_bytes: u64,
    pub(crate) work: WorkLimits,
    /// How long a cache may use a document without asking; zero to always ask.
    pub(crate) max_age: Duration,
    /// Time that connections get to finish at shutdown.
    pub(crate) drain: Duration,
}

/// Below this many PIDs, and values of prefixes, a document is rendered faster than a thread is handed the work.
const SMALL_MAP: usize = 2_000;

impl App {
    /// Lets a request in, or says which credentials are wanted (RFC 7285 §8.3.5).
    pub(crate) fn authenticate(&self, exchange: &Exchange) -> Result<(), HttpError> {
        let Some(authenticator) = &self.authenticator else { return Ok(()) };
        let authorization = exchange.headers.get(AUTHORIZATION).and_then(|field| field.to_str().ok());
        let target = exchange.target().map(ToString::to_string).unwrap_or_default();
        // Over HTTP/2, and to a proxy, the target is absolute; what Digest signs is its path and query.
        let signed =
            exchange.target().and_then(|target| target.path_and_query()).map_or(target.as_str(), |p| p.as_str());
        let now = SystemTime::now();
        authenticator
            .check(authorization, exchange.method.as_str(), signed, now)
            .map_err(|denied| HttpError::Unauthorized(authenticator.challenges(&denied, now)))
    }

    /// Says how long a document may be used. Behind authentication it is for the one who asked.
    pub(crate) fn with_cache_control(&self, mut response: Response) -> Response {
        let scope = if self.authenticator.is_some() { "private" } else { "public" };
        let freshness = match self.limits.max_age.as_secs() {
            // Kept, but asked for again each time: a validator makes that cheap.
            0 => "no-cache".to_owned(),
            seconds => format!("max-age={seconds}"),
        };
        if let Ok(value) = HeaderValue::try_from(format!("{scope}, {freshness}")) {
            response.headers_mut().insert(CACHE_CONTROL, value);
        }
        response
    }

    /// Whether the documents of the present view are small enough to be rendered on the event loop.
    pub(crate) fn documents_are_small(&self) -> bool {
        let published = self.network.current();
        let (map, properties) = (published.view().network_map(), published.view().properties());
        // Among the properties are the PIDs of all prefixes.
        properties.len() <= SMALL_MAP && map.len().saturating_mul(map.len()) <= SMALL_MAP
    }
}
