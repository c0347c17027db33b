//! Which path leads to which resource. A route matches its path only; whatever else is wrong, the handler answers.

use std::sync::Arc;

use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use metrics::SharedString;
use warp::filters::BoxedFilter;
use warp::{Filter, Rejection};

use super::error::HttpError;
use super::resource::{READ, ask, method, read};
use super::{Exchange, Response, negotiation};
use crate::app::App;
use crate::observe::ResourceName;
use crate::published::Published;
use crate::service::endpoint_cost::EndpointCosts;
use crate::service::endpoint_property::EndpointPropertyLookup;
use crate::service::filtered_cost_map::FilteredCostMap;
use crate::service::filtered_network_map::FilteredNetworkMap;
use crate::service::filtered_property_map::FilteredPropertyMap;
use crate::service::{CostKind, Lookup, id, path};

/// A route, or several: matches a path, then answers.
pub(crate) type Route = BoxedFilter<(Response,)>;

/// A request being answered.
pub(crate) type Handling = std::pin::Pin<Box<dyn Future<Output = Result<Response, HttpError>> + Send>>;

/// Where clients that know only the host look for the directory.
const WELL_KNOWN: &str = ".well-known/alto";

/// Every route that is open to clients. `more` are those of other parts, such as the registry.
pub(crate) fn public(app: &Arc<App>, more: impl IntoIterator<Item = Route>) -> Route {
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

/// The first of several routes that matches; 404 where none does.
pub(crate) fn any_of(routes: Vec<Route>) -> Route {
    let nothing: Route = warp::any().and_then(|| async { Err::<Response, _>(warp::reject::not_found()) }).boxed();
    let routes = routes.into_iter().rev().fold(nothing, |later, route| route.or(later).unify().boxed());
    routes.recover(not_found).unify().boxed()
}

/// A route of one path, answered by one handler. `name` is the resource's in the metrics.
pub(crate) fn at<F, A>(path: &str, name: impl Into<SharedString>, handler: F) -> Route
where
    F: Fn(Exchange) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response, HttpError>> + Send + 'static,
{
    segments(path).and(warp::path::end()).and(Exchange::filter()).then(answered(name.into(), handler)).boxed()
}

/// Routes that differ in one segment of their path, which stands as `{}` in `path` and is handed to the handler as it
/// was sent. Whether there is such a thing is for the handler to say.
pub(crate) fn at_each<F>(path: &str, name: impl Into<SharedString>, handler: F) -> Route
where
    F: Fn(Exchange, String) -> Handling + Clone + Send + Sync + 'static,
{
    let (before, after) = path.split_once("{}").unwrap_or((path, ""));
    let here = segments(before).and(warp::path::param::<String>()).and(segments(after)).and(warp::path::end());
    let name = name.into();
    here.and(Exchange::filter())
        .then(move |segment: String, exchange| {
            let handler = handler.clone();
            answered(name.clone(), move |exchange| handler(exchange, segment.clone()))(exchange)
        })
        .boxed()
}

/// Matches these segments of a path.
fn segments(path: &str) -> BoxedFilter<()> {
    let anywhere: BoxedFilter<()> = warp::any().boxed();
    path.split('/')
        .filter(|segment| !segment.is_empty())
        .fold(anywhere, |parent, segment| parent.and(warp::path(segment.to_owned())).boxed())
}

/// Turns the result of a handler into an answer that carries the resource's name.
pub(crate) fn answered<F, A>(
    name: SharedString,
    handler: F,
) -> impl Fn(Exchange) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>> + Clone
where
    F: Fn(Exchange) -> A + Clone + Send + Sync + 'static,
    A: Future<Output = Result<Response, HttpError>> + Send + 'static,
{
    move |exchange| {
        let (name, handler) = (name.clone(), handler.clone());
        Box::pin(async move {
            let mut response = handler(exchange).await.unwrap_or_else(HttpError::into_response);
            response.extensions_mut().insert(ResourceName(name));
            response
        })
    }
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
