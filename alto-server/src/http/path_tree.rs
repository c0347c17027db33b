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
    segments: Vec<Segment>,
    answer: Answer,
}

/// A part of a path between slashes.
#[derive(Clone, PartialEq, Eq)]
enum Segment {
    Named(String),
    Any,
}

/// Routes by what they begin with, in the order in which they were given.
#[derive(Default)]
struct Tree {
    here: Option<Answer>,
    below: Vec<(Segment, Tree)>,
}

impl Route {
    /// `{}` in a path stands for any one segment.
    pub(super) fn new(path: &str, answer: Answer) -> Self {
        let segment = |text: &str| if text == "{}" { Segment::Any } else { Segment::Named(text.to_owned()) };
        let segments = path.split('/').filter(|segment| !segment.is_empty()).map(segment).collect();
        Self { segments, answer }
    }
}

/// The filter of all routes. It rejects where no route has the path.
pub(super) fn filter(routes: Vec<Route>) -> BoxedFilter<(Response,)> {
    let mut tree = Tree::default();
    for route in routes {
        tree.add(&route.segments, route.answer);
    }
    tree.filter()
}

impl Tree {
    fn add(&mut self, segments: &[Segment], answer: Answer) {
        let Some((first, rest)) = segments.split_first() else {
            self.here = Some(answer);
            return;
        };
        let place = self.below.iter().position(|(segment, _)| segment == first).unwrap_or_else(|| {
            self.below.push((first.clone(), Self::default()));
            self.below.len() - 1
        });
        self.below[place].1.add(rest, answer);
    }

    fn filter(self) -> BoxedFilter<(Response,)> {
        let here = self.here.map(|answer| {
            let answered = move |exchange| answer(exchange);
            warp::path::end().and(Exchange::filter()).then(answered).boxed()
        });
        let below = self.below.into_iter().map(|(segment, tree)| match segment {
            Segment::Named(name) => warp::path(name).and(tree.filter()).boxed(),
            // Whoever wants the segment finds it in the request target.
            Segment::Any => warp::path::param::<String>().map(drop).untuple_one().and(tree.filter()).boxed(),
        });
        let all = here.into_iter().chain(below).reduce(|first, other| first.or(other).unify().boxed());
        all.unwrap_or_else(|| warp::any().and_then(nothing).boxed())
    }
}

async fn nothing() -> Result<Response, Rejection> {
    Err(warp::reject::not_found())
}
