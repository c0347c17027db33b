//! Every path of the server that clients can reach, with its handlers.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, VARY};
use http::{HeaderName, Method, StatusCode};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::http::access::Access;
use crate::http::encoding::Encoding;
use crate::http::offload::{Cancel, WorkPool};
use crate::http::representation::{Representation, respond};
use crate::http::router::Route;
use crate::http::{Exchange, HttpError, Response, negotiation};
use crate::resource::catalogue::{Catalogue, Resource, Service};
use crate::resource::directory;
use crate::resource::limits::WorkLimits;
use crate::resource::lookup::LookupContext;
use crate::state::network::Network;
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
                routes.push(document(&resource.path, (resource, position), network, access, pool));
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

/// Creates the route of the document at a position of the catalogue.
fn document(
    path: &str,
    (resource, position): (&Resource, usize),
    network: &Arc<Network>,
    access: &Arc<Access>,
    pool: &WorkPool,
) -> Route {
    let (network, access, pool) = (Arc::clone(network), Arc::clone(access), pool.clone());
    Route::new(path, &*resource.id).on(Method::GET, move |exchange| {
        read(Arc::clone(&network), Arc::clone(&access), pool.clone(), exchange, position)
    })
}

/// Creates the route of the root: the page for browsers, and the directory for everybody else.
fn root(
    (resource, position): (&Resource, usize),
    network: &Arc<Network>,
    access: &Arc<Access>,
    pool: &WorkPool,
    page: Option<&Arc<Site>>,
) -> Route {
    let (network, access, pool, page) = (Arc::clone(network), Arc::clone(access), pool.clone(), page.map(Arc::clone));
    let media_type = resource.media_type;
    Route::new("", &*resource.id).on(Method::GET, move |exchange| {
        let page = page.clone().filter(|_| negotiation::prefers_html(&exchange.headers, media_type));
        let (network, access, pool) = (Arc::clone(&network), Arc::clone(&access), pool.clone());
        async move {
            let mut response = match page {
                Some(page) => ui::routes::show_at_root(page, exchange).await?,
                None => read(network, access, pool, exchange, position).await?,
            };
            response.headers_mut().append(VARY, HeaderValue::from_name(ACCEPT));
            Ok(response)
        }
    })
}

/// Answers GET with a document of the current state.
async fn read(
    network: Arc<Network>,
    access: Arc<Access>,
    pool: WorkPool,
    exchange: Exchange,
    position: usize,
) -> Result<Response, HttpError> {
    access.authenticate(&exchange)?;
    let published = network.current();
    let document = published.document(position).ok_or(HttpError::Internal)?;
    let media_type = document.media_type();
    if !negotiation::accepts(&exchange.headers, media_type) {
        return Err(HttpError::NotAcceptable(media_type));
    }
    let encoding = Encoding::negotiate(&exchange.headers);
    // The first request for a document renders it, which takes a while if it is large.
    let weight = document.weight(encoding);
    let now = access.now();
    let payer = exchange.payer();
    let place = published.position().map(ToString::to_string);
    let answer = move |_: &Cancel| {
        let document = published.document(position).ok_or(HttpError::Internal)?;
        Ok::<_, HttpError>(respond(&exchange.headers, &document, encoding, now))
    };
    let mut response = pool.run(payer, weight, answer).await??;
    response.headers_mut().insert(CACHE_CONTROL, access.cache_control());
    if let Some(place) = place.and_then(|place| HeaderValue::try_from(place).ok()) {
        response.headers_mut().insert(POSITION, place);
    }
    Ok(response)
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
