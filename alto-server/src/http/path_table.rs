//! Which route has a path. One filter takes a request apart, and a table says whose its path is: a filter for each route
//! would ask a request of one after the other.

use std::collections::HashMap;
use std::sync::Arc;

use warp::Filter;
use warp::filters::BoxedFilter;

use super::{Exchange, Response};

/// An answer in the making.
pub(crate) type Answering = std::pin::Pin<Box<dyn Future<Output = Response> + Send>>;

/// What answers at the end of a path.
pub(super) type Answer = Arc<dyn Fn(Exchange) -> Answering + Send + Sync>;

/// A path, and what answers there.
pub(crate) struct Route {
    /// Without slashes at its ends.
    path: String,
    /// Whether the paths below are its, too.
    below: bool,
    answer: Answer,
}

/// Routes by path.
struct Table {
    exact: HashMap<String, Answer>,
    /// What answers whatever else is below, the longest path first.
    below: Vec<(String, Answer)>,
    nowhere: Answer,
}

impl Route {
    pub(super) fn new(path: &str, answer: Answer) -> Self {
        Self { path: path.trim_matches('/').to_owned(), below: false, answer }
    }

    /// The same for all paths below.
    pub(super) fn and_below(self) -> Self {
        Self { below: true, ..self }
    }
}

/// The filter of all routes; `nowhere` answers where none has the path.
pub(super) fn filter(routes: Vec<Route>, nowhere: Answer) -> BoxedFilter<(Response,)> {
    let table = Arc::new(Table::new(routes, nowhere));
    Exchange::filter().then(move |exchange: Exchange| (table.find(exchange.path()))(exchange)).boxed()
}

impl Table {
    fn new(routes: Vec<Route>, nowhere: Answer) -> Self {
        let (mut exact, mut below) = (HashMap::new(), Vec::new());
        for route in routes {
            if route.below {
                below.push((format!("{}/", route.path), Arc::clone(&route.answer)));
            }
            exact.insert(route.path, route.answer);
        }
        below.sort_by_key(|(path, _): &(String, Answer)| std::cmp::Reverse(path.len()));
        Self { exact, below, nowhere }
    }

    /// What answers at a path; a slash at its end changes nothing.
    fn find(&self, path: &str) -> &Answer {
        let Some(path) = path.strip_prefix('/') else { return &self.nowhere };
        let here = self.exact.get(path.strip_suffix('/').unwrap_or(path));
        let below = || self.below.iter().find(|(above, _)| path.starts_with(above)).map(|(_, answer)| answer);
        here.or_else(below).unwrap_or(&self.nowhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_the_route_that_names_most_of_it() {
        let answer = |status: u16| -> Answer {
            Arc::new(move |_| {
                Box::pin(async move {
                    let mut response = Response::default();
                    *response.status_mut() = status.try_into().unwrap();
                    response
                })
            })
        };
        let routes = vec![
            Route::new("", answer(201)),
            Route::new("costmap/filtered", answer(202)),
            Route::new("files", answer(203)).and_below(),
            Route::new("files/own", answer(204)).and_below(),
        ];
        let table = Table::new(routes, answer(404));
        let known = [
            ("/", 201),
            ("/costmap/filtered", 202),
            ("/costmap/filtered/", 202),
            ("/files", 203),
            ("/files/", 203),
            ("/files/a/b", 203),
            ("/files/own", 204),
            ("/files/own/a", 204),
            ("/files/owner", 203),
        ];
        let nowhere = ["/costmap", "/costmap/filtered/more", "//", "//files", "/filesystem", "", "*"];
        for (path, status) in known.into_iter().chain(nowhere.map(|path| (path, 404))) {
            let answering = warp::test::request().path("/").filter(&Exchange::filter());
            let exchange = futures_util::FutureExt::now_or_never(answering).unwrap().unwrap();
            let answer = futures_util::FutureExt::now_or_never(table.find(path)(exchange)).unwrap();
            assert_eq!(answer.status(), status, "{path}");
        }
    }
}
