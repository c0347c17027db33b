//! The routes as one table from path and method to handler.
//!
//! OPTIONS, HEAD, unknown paths (404), known methods without a handler (405) and unknown methods (501) are answered here
//! and nowhere else. A single warp filter serves the whole table, because a chain of filters would test a request
//! against one route after another.

use std::collections::HashMap;

use futures_util::future::{Either, Ready, ready};
use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};
use http_body::Body as _;
use warp::Filter;
use warp::filters::BoxedFilter;

use super::head::Account;
use super::meter::Meter;
use super::{Exchange, HttpError, Response};

/// Future of a response that a handler works on.
type Working = std::pin::Pin<Box<dyn Future<Output = Response> + Send>>;

/// Future of a response: a handler's, or one that the router knows at once.
type Answering = Either<Working, Ready<Response>>;

/// Handler of one method of a route.
type Handler = Box<dyn Fn(Exchange) -> Answering + Send + Sync>;

/// Who takes the slot of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taker {
    Router,
    Handler,
}

/// Check that comes before everything else on a route, methods included.
type Guard = Box<dyn Fn(&Exchange) -> Result<(), HttpError> + Send + Sync>;

/// Methods that are answered 405 where they have no handler; all others are answered 501.
const KNOWN_METHODS: [Method; 8] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE, Method::QUERY];

/// Segment of a route's path that any segment of a request's path matches.
const ANY_SEGMENT: &str = "{}";

/// A path, and the handlers of its methods.
pub(crate) struct Route {
    /// Without slashes at its ends.
    path: String,
    /// Name of the resource in metrics and in the access log.
    resource: String,
    guard: Option<Guard>,
    is_exempt: bool,
    is_held: bool,
    handlers: Vec<(Method, Taker, Handler)>,
    has_secret_path: bool,
}

/// A route as the table holds it.
struct Endpoint {
    guard: Option<Guard>,
    is_exempt: bool,
    is_held: bool,
    handlers: Vec<(Method, Taker, Handler)>,
    account: Account,
    /// Value of `Allow`.
    allow: String,
}

/// Lookup table from paths to endpoints.
struct Table<E> {
    exact: HashMap<String, E>,
    /// Paths with [`ANY_SEGMENT`] in them, segment by segment.
    patterns: Vec<(Vec<String>, E)>,
}

impl Route {
    /// Creates a route without handlers. A segment `{}` of the path matches any segment of a request's path.
    pub(crate) fn new(path: &str, resource: impl Into<String>) -> Self {
        let path = path.trim_matches('/').to_owned();
        Self {
            path,
            resource: resource.into(),
            guard: None,
            is_exempt: false,
            is_held: false,
            handlers: Vec::new(),
            has_secret_path: false,
        }
    }

    /// Adds the handler of a method. A handler of GET answers HEAD as well.
    pub(crate) fn on<F, A>(mut self, method: Method, handler: F) -> Self
    where
        F: Fn(Exchange) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response, HttpError>> + Send + 'static,
    {
        let handler = move |exchange| work(handler(exchange));
        self.handlers.push((method, Taker::Router, Box::new(handler)));
        self
    }

    /// Adds the handler of a method that has most of its answers ready: `handler` works on requests without one. Ready answers
    /// take a slot only if they have a body: others are over before anybody else could have one.
    pub(crate) fn on_ready<F, A>(
        mut self,
        method: Method,
        ready: impl Fn(&Exchange) -> Option<Result<Response, HttpError>> + Send + Sync + 'static,
        handler: F,
    ) -> Self
    where
        F: Fn(Exchange) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response, HttpError>> + Send + 'static,
    {
        let handler = move |exchange| match ready(&exchange) {
            Some(answer) => immediate(answer.and_then(|answer| {
                let is_empty = answer.body().size_hint().exact() == Some(0);
                if is_empty { Ok(answer) } else { exchange.admit().map(|()| answer) }
            })),
            None => match exchange.admit() {
                Ok(()) => work(handler(exchange)),
                Err(error) => immediate(Err(error)),
            },
        };
        self.handlers.push((method, Taker::Handler, Box::new(handler)));
        self
    }

    /// Keeps the path of requests out of the access log, which has the route's own path instead.
    pub(crate) fn with_secret_path(self) -> Self {
        Self { has_secret_path: true, ..self }
    }

    /// Adds a check that every request must pass, even one with a method that has no handler.
    pub(crate) fn guarded(self, guard: impl Fn(&Exchange) -> Result<(), HttpError> + Send + Sync + 'static) -> Self {
        Self { guard: Some(Box::new(guard)), ..self }
    }

    /// Leaves it to the handlers to take the slot of a request, because an answer may wait until something changes.
    pub(crate) fn held(self) -> Self {
        Self { is_held: true, ..self }
    }

    /// Lifts the limits on requests in progress, for what has to work when the server is full.
    pub(crate) fn exempt(self) -> Self {
        Self { is_exempt: true, ..self }
    }
}

/// Builds the filter that serves all routes, and answers 404 with the text `not_found` elsewhere.
pub(crate) fn router(routes: impl IntoIterator<Item = Route>, not_found: &'static str) -> BoxedFilter<(Response,)> {
    let endpoints = routes.into_iter().map(|route| {
        let Route { path, resource, guard, is_exempt, is_held, handlers, has_secret_path } = route;
        let allow = allow(handlers.iter().map(|(method, ..)| method));
        let logged_path = has_secret_path.then(|| format!("/{path}"));
        let account = Account { meter: Meter::of(&resource), logged_path };
        (path, Endpoint { guard, is_exempt, is_held, handlers, account, allow })
    });
    // Routes are there as long as the process. Requests would count who uses the table, for which cores wait for each other.
    let table: &'static Table<Endpoint> = Box::leak(Box::new(Table::new(endpoints)));
    Exchange::filter()
        .then(move |exchange: Exchange| {
            let Some(endpoint) = table.find(exchange.path()) else {
                return immediate(Err(HttpError::NotFound(not_found.to_owned())));
            };
            if endpoint.is_exempt {
                exchange.slot.exempt();
            }
            let _only_once = exchange.found.account.set(&endpoint.account);
            endpoint.answer(exchange)
        })
        .boxed()
}

impl Endpoint {
    fn answer(&self, exchange: Exchange) -> Answering {
        if let Some(Err(error)) = self.guard.as_ref().map(|guard| guard(&exchange)) {
            return immediate(Err(error));
        }
        // The HTTP library leaves the body out of an answer to HEAD.
        let method = if exchange.method == Method::HEAD { &Method::GET } else { &exchange.method };
        match self.handlers.iter().find(|(handled, ..)| handled == method) {
            Some((_, taker, handler)) => {
                // A request with a body is admitted once that has arrived.
                let has_body = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
                let is_later = has_body || self.is_held || *taker == Taker::Handler;
                match if is_later { Ok(()) } else { exchange.admit() } {
                    Ok(()) => handler(exchange),
                    Err(error) => immediate(Err(error)),
                }
            }
            None => immediate(self.without_handler(&exchange.method)),
        }
    }

    fn without_handler(&self, method: &Method) -> Result<Response, HttpError> {
        if *method == Method::OPTIONS {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NO_CONTENT;
            let allow = HeaderValue::try_from(self.allow.as_str()).map_err(|_| HttpError::Internal)?;
            response.headers_mut().insert(ALLOW, allow);
            return Ok(response);
        }
        if KNOWN_METHODS.contains(method) {
            return Err(HttpError::MethodNotAllowed(self.allow.clone()));
        }
        Err(HttpError::MethodNotImplemented(method.clone()))
    }
}

fn work(working: impl Future<Output = Result<Response, HttpError>> + Send + 'static) -> Answering {
    Either::Left(Box::pin(async move { working.await.unwrap_or_else(HttpError::into_response) }))
}

fn immediate(result: Result<Response, HttpError>) -> Answering {
    Either::Right(ready(result.unwrap_or_else(HttpError::into_response)))
}

/// Lists the methods of a route for `Allow`.
fn allow<'a>(handled: impl Iterator<Item = &'a Method>) -> String {
    let mut methods = Vec::new();
    for method in handled {
        methods.push(method.as_str());
        if *method == Method::GET {
            methods.push("HEAD");
        }
    }
    methods.push("OPTIONS");
    methods.join(", ")
}

impl<E> Table<E> {
    /// Builds the table from paths without slashes at their ends.
    fn new(routes: impl IntoIterator<Item = (String, E)>) -> Self {
        let (mut exact, mut patterns) = (HashMap::new(), Vec::new());
        for (path, endpoint) in routes {
            let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
            if segments.iter().any(|segment| segment == ANY_SEGMENT) {
                patterns.push((segments, endpoint));
            } else {
                exact.insert(path, endpoint);
            }
        }
        Self { exact, patterns }
    }

    /// Finds the endpoint of a request's path, with or without a slash at its end.
    fn find(&self, path: &str) -> Option<&E> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
        let pattern = || {
            let matches = |pattern: &[String]| {
                let mut segments = path.split('/');
                let same = |(expected, segment)| expected == ANY_SEGMENT || expected == segment;
                pattern.iter().all(|expected| segments.next().is_some_and(|segment| same((expected.as_str(), segment))))
                    && segments.next().is_none()
            };
            self.patterns.iter().find(|(pattern, _)| matches(pattern)).map(|(_, endpoint)| endpoint)
        };
        self.exact.get(path).or_else(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_the_most_specific_route() {
        let routes =
            [("", 1), ("costmap/filtered", 2), ("files", 3), ("files/{}", 4), ("files/{}/best", 5), ("files/own", 6)];
        let table = Table::new(routes.map(|(path, endpoint)| (path.to_owned(), endpoint)));
        let known = [
            ("/", 1),
            ("/costmap/filtered", 2),
            ("/costmap/filtered/", 2),
            ("/files", 3),
            ("/files/", 3),
            ("/files/a", 4),
            ("/files/a/", 4),
            ("/files/a/best", 5),
            ("/files/own", 6),
        ];
        let unknown = [
            "/costmap",
            "/costmap/filtered/more",
            "//",
            "//files",
            "/filesystem",
            "/files/a/worst",
            "/files/a/best/b",
            "",
            "*",
        ];
        for (path, endpoint) in known {
            assert_eq!(table.find(path), Some(&endpoint), "{path}");
        }
        for path in unknown {
            assert_eq!(table.find(path), None, "{path}");
        }
    }

    #[test]
    fn allow_lists_head_with_get_and_options_always() {
        assert_eq!(allow([&Method::GET].into_iter()), "GET, HEAD, OPTIONS");
        assert_eq!(allow([&Method::PUT, &Method::DELETE].into_iter()), "PUT, DELETE, OPTIONS");
    }
}
