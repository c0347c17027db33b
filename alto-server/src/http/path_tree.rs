//! Which route has a path: routes that begin alike share the filters of what they begin with, so that a request is
//! compared with a few segments, not with every route.

use std::sync::Arc;

use warp::filters::BoxedFilter;
use warp::{Filter, Rejection};

use super::{Exchange, Response};

/// An answer in the making.
pub(crate) type Answering = std::pin::Pin<Box<dyn Future<Output = Response> + Send>>;

/// What answers at the end of a path.
pub(super) type Answer = Arc<dyn Fn(Exchange) -> Answering + Send + Sync>;

/// A path, and what answers there.
pub(crate) struct Route {
    segments: Vec<String>,
    /// Whether the paths below are its, too.
    below: bool,
    answer: Answer,
}

/// Routes by what they begin with, in the order in which they were given.
#[derive(Default)]
struct Tree {
    here: Option<Answer>,
    /// By the next segment.
    next: Vec<(String, Tree)>,
    /// What answers whatever else is below.
    rest: Option<Answer>,
}

impl Route {
    pub(super) fn new(path: &str, answer: Answer) -> Self {
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect();
        Self { segments, below: false, answer }
    }

    /// The same for all paths below.
    pub(super) fn and_below(self) -> Self {
        Self { below: true, ..self }
    }
}

/// The filter of all routes. It rejects where no route has the path.
pub(super) fn filter(routes: Vec<Route>) -> BoxedFilter<(Response,)> {
    let mut tree = Tree::default();
    for route in routes {
        tree.add(&route.segments, route.below, route.answer);
    }
    tree.filter()
}

impl Tree {
    fn add(&mut self, segments: &[String], below: bool, answer: Answer) {
        let Some((first, rest)) = segments.split_first() else {
            self.rest = below.then(|| Arc::clone(&answer));
            self.here = Some(answer);
            return;
        };
        let place = self.next.iter().position(|(segment, _)| segment == first).unwrap_or_else(|| {
            self.next.push((first.clone(), Self::default()));
            self.next.len() - 1
        });
        self.next[place].1.add(rest, below, answer);
    }

    fn filter(self) -> BoxedFilter<(Response,)> {
        let end = |answer: Answer| move |exchange| answer(exchange);
        let here = self.here.map(|answer| warp::path::end().and(Exchange::filter()).then(end(answer)).boxed());
        let next = self.next.into_iter().map(|(name, tree)| warp::path(name).and(tree.filter()).boxed());
        // Whoever answers for what is below finds it in the request target.
        let rest = self.rest.map(|answer| Exchange::filter().then(end(answer)).boxed());
        let all = here.into_iter().chain(next).chain(rest).reduce(|first, other| first.or(other).unify().boxed());
        all.unwrap_or_else(|| warp::any().and_then(nothing).boxed())
    }
}

async fn nothing() -> Result<Response, Rejection> {
    Err(warp::reject::not_found())
}
