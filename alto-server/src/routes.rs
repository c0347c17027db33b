//! Every path of the server that clients can reach, with its handlers.

use std::sync::Arc;
use std::time::Duration;

use alto_types::MediaType;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, VARY};
use http::{HeaderName, Method, StatusCode};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::http::access::Access;
use crate::http::encoding::Encoding;
use crate::http::offload::{Cancel, WorkPool};
use crate::http::representation::respond;
use crate::http::router::Route;
use crate::http::{Exchange, HttpError, Response, negotiation};
use crate::resource::catalogue::{Catalogue, Resource, Service};
use crate::resource::directory;
use crate::resource::limits::WorkLimits;
use crate::resource::lookup::LookupContext;
use crate::state::network::Network;
use crate::state::published::Published;
use crate::ui;
use crate::ui::site::Site;
use crate::{observe, openapi};

/// Text of a 404 for an unknown path.
pub(crate) const NOT_FOUND: &str = "unknown path; the directory of this ALTO server is at /directory";

/// Path at which clients that know only the host look for the directory.
const WELL_KNOWN: &str = ".well-known/alto";

/// Creates the routes of all ALTO resources, of the directory at other paths, and of the page for browsers, if it is
/// served.
pub(crate) fn resources(
    catalogue: &Catalogue,
    network: &Arc<Network>,
    access: &Arc<Access>,
    pool: &WorkPool,
    (limits, body_bytes): (WorkLimits, u64),
    page: Option<&Arc<Site>>,
) -> Vec<Route> {
    let current = {
        let network = Arc::clone(network);
        Box::new(move || Arc::clone(network.current().snapshot()))
    };
    let context =
        Arc::new(LookupContext { current, access: Arc::clone(access), pool: pool.clone(), limits, body_bytes });
    let mut routes = Vec::new();
    for (position, resource) in catalogue.resources().iter().enumerate() {
        match &resource.service {
            Service::Document(_) => {
                routes.push(document((resource, position), network, access, pool));
            }
            Service::Lookup(lookup) => routes.push(lookup.route(resource, &context)),
            Service::Separate(_) => {}
        }
        if resource.path == directory::PATH {
            routes.push(root((resource, position), network, access, pool, page));
        }
    }
    routes.push(well_known());
    routes.extend(page.into_iter().flat_map(ui::routes::routes));
    routes
}

/// Field with the place of an answer's state in the order of changes, where several servers share them.
const POSITION: HeaderName = HeaderName::from_static("alto-position");
/// Time without an answer of the shared store after which a server says that it is stale.
const STALE: Duration = Duration::from_secs(10);

/// Content type of the answers for programs that watch the server.
const TEXT: &str = "text/plain; charset=utf-8";

/// Creates the routes of health and readiness. `drain` is the time that a shutdown may take.
pub(crate) fn health(network: &Arc<Network>, stopping: watch::Receiver<bool>, drain: Duration) -> [Route; 2] {
    let health = || async { Ok(text(TEXT, "alive\n".to_owned())) };
    let network = Arc::clone(network);
    let ready = move || {
        let published = network.current();
        let view = published.snapshot().view();
        // A network without nodes is one whose topology is still to come.
        let is_empty = view.topology().hosts().len() + view.topology().switches().len() == 0;
        if *stopping.borrow() {
            return Err(HttpError::NotReady("the server is stopping", drain));
        }
        if is_empty {
            return Err(HttpError::NotReady(
                "there is no topology yet; the server waits for one through /admin",
                drain,
            ));
        }
        let Some(following) = network.following() else {
            return Ok(text(TEXT, format!("ready {}\n", view.tag())));
        };
        let position = published.position().map(ToString::to_string).unwrap_or_default();
        let line = match following.silent_for.filter(|silent| *silent > STALE || following.is_stopped) {
            None => format!("ready {} {position}\n", view.tag()),
            // Still ready: where the store is gone, all servers are stale, and a balancer must not take out all of them.
            Some(silent) => {
                let problem = following.problem.unwrap_or_default();
                format!("ready {} {position} stale for {} s: {problem}\n", view.tag(), silent.as_secs())
            }
        };
        Ok(text(TEXT, line))
    };
    [
        Route::new("healthz", "health").on(Method::GET, move |_| health()).exempt(),
        Route::new("readyz", "readiness").on(Method::GET, move |_| std::future::ready(ready())).exempt(),
    ]
}

/// Creates the route of the description of the APIs beside ALTO.
pub(crate) fn description() -> Route {
    let document = bytes::Bytes::from(openapi::document().to_string());
    Route::new(openapi::PATH, "openapi").on(Method::GET, move |_| {
        let mut response = Response::new(document.clone().into());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        std::future::ready(Ok(response))
    })
}

/// Creates the route of the metrics.
pub(crate) fn metrics(network: &Arc<Network>, metrics: PrometheusHandle) -> Route {
    let network = Arc::clone(network);
    let exposition = move || {
        let text_of_metrics = observe::exposition(&metrics, network.current().snapshot());
        Ok(text("text/plain; version=0.0.4; charset=utf-8", text_of_metrics))
    };
    Route::new("metrics", "metrics").on(Method::GET, move |_| std::future::ready(exposition())).exempt()
}

/// Document of the catalogue, with what its answers need.
struct Reading {
    /// Position in the catalogue.
    position: usize,
    media_type: MediaType,
    network: Arc<Network>,
    access: Arc<Access>,
    pool: WorkPool,
}

impl Reading {
    fn new(
        (resource, position): (&Resource, usize),
        network: &Arc<Network>,
        access: &Arc<Access>,
        pool: &WorkPool,
    ) -> Arc<Self> {
        let (network, access, pool) = (Arc::clone(network), Arc::clone(access), pool.clone());
        Arc::new(Self { position, media_type: resource.media_type, network, access, pool })
    }

    /// Answers GET if the document of the current state is rendered.
    fn ready(&self, exchange: &Exchange) -> Option<Result<Response, HttpError>> {
        let published = self.network.at_present();
        let encoding = Encoding::negotiate(&exchange.headers);
        let is_rendered = published.document(self.position)?.weight(encoding) == 0;
        is_rendered.then(|| {
            self.admit(exchange)?;
            self.respond(exchange, &published, encoding)
        })
    }

    /// Answers GET with the document of the current state. The first request for it renders it, which takes a while if it
    /// is large.
    async fn read(self: Arc<Self>, exchange: Exchange) -> Result<Response, HttpError> {
        self.admit(&exchange)?;
        let published = self.network.current();
        let encoding = Encoding::negotiate(&exchange.headers);
        let weight = published.document(self.position).ok_or(HttpError::Internal)?.weight(encoding);
        let (pool, payer) = (self.pool.clone(), exchange.payer());
        let answer = move |_: &Cancel| self.respond(&exchange, &published, encoding);
        pool.run(payer, weight, answer).await?
    }

    fn admit(&self, exchange: &Exchange) -> Result<(), HttpError> {
        self.access.authenticate(exchange)?;
        let accepts = negotiation::accepts(&exchange.headers, self.media_type);
        if accepts { Ok(()) } else { Err(HttpError::NotAcceptable(self.media_type)) }
    }

    fn respond(&self, exchange: &Exchange, published: &Published, encoding: Encoding) -> Result<Response, HttpError> {
        let document = published.document(self.position).ok_or(HttpError::Internal)?;
        let mut response = respond(&exchange.headers, &document, encoding, self.access.now());
        response.headers_mut().insert(CACHE_CONTROL, self.access.cache_control());
        let place = published.position().and_then(|position| HeaderValue::try_from(position.to_string()).ok());
        if let Some(place) = place {
            response.headers_mut().insert(POSITION, place);
        }
        Ok(response)
    }
}

/// Creates the route of the document at a position of the catalogue.
fn document(
    (resource, position): (&Resource, usize),
    network: &Arc<Network>,
    access: &Arc<Access>,
    pool: &WorkPool,
) -> Route {
    let reading = Reading::new((resource, position), network, access, pool);
    let ready = {
        let reading = Arc::clone(&reading);
        move |exchange: &Exchange| reading.ready(exchange)
    };
    Route::new(&resource.path, &*resource.id)
        .on_ready(Method::GET, ready, move |exchange| Arc::clone(&reading).read(exchange))
}

/// Creates the route of the root: the page for browsers, and the directory for everybody else.
fn root(
    (resource, position): (&Resource, usize),
    network: &Arc<Network>,
    access: &Arc<Access>,
    pool: &WorkPool,
    page: Option<&Arc<Site>>,
) -> Route {
    let (reading, page) = (Reading::new((resource, position), network, access, pool), page.map(Arc::clone));
    let media_type = resource.media_type;
    Route::new("", &*resource.id).on(Method::GET, move |exchange| {
        let page = page.clone().filter(|_| negotiation::prefers_html(&exchange.headers, media_type));
        let reading = Arc::clone(&reading);
        async move {
            let mut response = match page {
                Some(page) => ui::routes::show_at_root(page, exchange).await?,
                None => reading.read(exchange).await?,
            };
            response.headers_mut().append(VARY, HeaderValue::from_name(ACCEPT));
            Ok(response)
        }
    })
}

fn well_known() -> Route {
    Route::new(WELL_KNOWN, "well-known").on(Method::GET, |_| async {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        // Relative, so that it holds behind any prefix.
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("../directory"));
        Ok(response)
    })
}

fn text(content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
