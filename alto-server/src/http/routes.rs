//! Which path leads to which resource. A route matches its path only; whatever else is wrong, the handler answers.

use std::sync::Arc;

use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use metrics::SharedString;
use warp::filters::BoxedFilter;
use warp::{Filter, Rejection};

use super::error::HttpError;
pub(crate) use super::path_tree::Route;
use super::path_tree::{self, Answering};
use super::resource::{READ, ask, method, read};
use super::{Exchange, Response, negotiation};
use crate::app::App;
use crate::observe::Meter;
use crate::published::Published;
use crate::service::endpoint_cost::EndpointCosts;
use crate::service::endpoint_property::EndpointPropertyLookup;
use crate::service::filtered_cost_map::FilteredCostMap;
use crate::service::filtered_network_map::FilteredNetworkMap;
use crate::service::filtered_property_map::FilteredPropertyMap;
use crate::service::{CostKind, Lookup, id, path};

/// Where clients that know only the host look for the directory.
const WELL_KNOWN: &str = ".well-known/alto";

/// Every route that is open to clients. `more` are those of other parts, such as the registry.
pub(crate) fn public(app: &Arc<App>, more: impl IntoIterator<Item = Route>) -> BoxedFilter<(Response,)> {
    let mut routes = vec![
        lookup::<EndpointCosts>(app, path::ENDPOINT_COST),
        document(app, path::NETWORK_MAP, id::NETWORK_MAP, Published::network_map),
        lookup::<EndpointPropertyLookup>(app, path::ENDPOINT_PROPERTY),
        lookup::<FilteredCostMap>(app, path::FILTERED_COST_MAP),
        lookup::<FilteredNetworkMap>(app, path::FILTERED_NETWORK_MAP),
        lookup::<FilteredPropertyMap>(app, path::FILTERED_PROPERTY_MAP),
        document(app, path::PROPERTY_MAP, id::PROPERTY_MAP, Published::property_map),
        document(app, path::DIRECTORY, "directory", Published::directory),
    ];
    routes.extend(CostKind::all().map(|kind| {
        document(app, &kind.cost_map_path(), kind.cost_map_id(), move |published: &Published| published.cost_map(kind))
    }));
    routes.extend([root(app), well_known(), metrics(app), health(), readiness(app)]);
    routes.extend(more);
    any_of(routes)
}

/// Whichever route has the path; 404 where none does.
pub(crate) fn any_of(routes: Vec<Route>) -> BoxedFilter<(Response,)> {
    path_tree::filter(routes).recover(not_found).unify().boxed()
}

/// A route of one path, answered by one handler. `name` is the resource's in the metrics.
pub(crate) fn at<F, A>(path: &str, name: impl Into<SharedString>, handler: F) -> Route
where
    F: Fn(Exchange) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response, HttpError>> + Send + 'static,
{
    let meter = Meter::new(name.into());
    let answer = move |exchange| -> Answering {
        let (handling, meter) = (handler(exchange), Arc::clone(&meter));
        Box::pin(async move {
            let mut response = handling.await.unwrap_or_else(HttpError::into_response);
            response.extensions_mut().insert(meter);
            response
        })
    };
    Route::new(path, Arc::new(answer))
}

/// Every path below one, answered by one handler, which is given the rest of the path as it was sent. For parts with
/// names in their paths.
pub(crate) fn below<F, A>(path: &str, name: impl Into<SharedString>, handler: F) -> Route
where
    F: Fn(Exchange, String) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response, HttpError>> + Send + 'static,
{
    let above = path.split('/').count();
    let route = at(path, name, move |exchange: Exchange| {
        // A target in absolute form has a path, too; it begins with a slash, and so with an empty segment.
        let target = exchange.target().map_or("", |target| target.path());
        let rest = target.splitn(above + 2, '/').nth(above + 1).unwrap_or_default().to_owned();
        handler(exchange, rest)
    });
    route.and_below()
}

fn document<D>(app: &Arc<App>, path: &str, name: impl Into<SharedString>, document: D) -> Route
where
    D: for<'a> Fn(&'a Published) -> crate::published::Rendering<'a> + Copy + Send + Sync + 'static,
{
    let app = Arc::clone(app);
    at(path, name, move |exchange| read(Arc::clone(&app), exchange, document))
}

fn lookup<L: Lookup + 'static>(app: &Arc<App>, path: &str) -> Route {
    let app = Arc::clone(app);
    at(path, L::ID, move |exchange| ask::<L>(Arc::clone(&app), exchange))
}

/// The directory again at `/`, for whoever accepts it; a hint for whoever does not.
fn root(app: &Arc<App>) -> Route {
    let app = Arc::clone(app);
    at("", "directory", move |exchange| {
        let app = Arc::clone(&app);
        async move {
            let named =
                exchange.headers.get_all(http::header::ACCEPT).iter().any(|line| {
                    line.to_str().is_ok_and(|line| line.to_ascii_lowercase().contains("application/alto-"))
                });
            let wanted = named && negotiation::accepts(&exchange.headers, alto_types::MediaType::DIRECTORY);
            if wanted || exchange.method == http::Method::OPTIONS {
                return read(app, exchange, Published::directory).await;
            }
            Err(HttpError::NotFound("the directory of this ALTO server is at /directory".to_owned()))
        }
    })
}

fn well_known() -> Route {
    at(WELL_KNOWN, "well-known", |exchange| async move {
        if let Some(response) = method(&exchange, READ)? {
            return Ok(response);
        }
        let mut response = Response::default();
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        // Relative, so that it holds behind any prefix.
        response.headers_mut().insert(LOCATION, HeaderValue::from_static("../directory"));
        Ok(response)
    })
}

fn metrics(app: &Arc<App>) -> Route {
    let app = Arc::clone(app);
    at("metrics", "metrics", move |exchange| {
        let app = Arc::clone(&app);
        async move {
            if let Some(response) = method(&exchange, READ)? {
                return Ok(response);
            }
            Ok(text(
                "text/plain; version=0.0.4; charset=utf-8",
                crate::observe::exposition(&app.metrics, &app.network.current()),
            ))
        }
    })
}

/// Alive: the process answers.
fn health() -> Route {
    at("healthz", "health", |exchange| async move {
        let options = method(&exchange, READ)?;
        Ok(options.unwrap_or_else(|| text("text/plain; charset=utf-8", "alive\n".to_owned())))
    })
}

/// Ready: a view is published and shutdown has not begun.
fn readiness(app: &Arc<App>) -> Route {
    let app = Arc::clone(app);
    at("readyz", "readiness", move |exchange| {
        let app = Arc::clone(&app);
        async move {
            if let Some(response) = method(&exchange, READ)? {
                return Ok(response);
            }
            if *app.stopping.borrow() {
                return Err(HttpError::Overloaded(app.limits.drain));
            }
            Ok(text("text/plain; charset=utf-8", format!("ready {}\n", app.network.current().view().tag())))
        }
    })
}

fn text(content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn not_found(_: Rejection) -> Result<Response, std::convert::Infallible> {
    Ok(HttpError::NotFound("nothing is here; the directory of this ALTO server is at /directory".to_owned())
        .into_response())
}
