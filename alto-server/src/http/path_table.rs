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

/// What answers, by path.
struct Table<A> {
    exact: HashMap<String, A>,
    /// What answers whatever else is below, the longest path first.
    below: Vec<(String, A)>,
    nowhere: A,
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
    let routes = routes.into_iter().map(|route| (route.path, route.below, route.answer));
    let table = Arc::new(Table::new(routes, nowhere));
    Exchange::filter().then(move |exchange: Exchange| (table.find(exchange.path()))(exchange)).boxed()
}

impl<A: Clone> Table<A> {
    /// From paths without slashes at their ends, and whether the paths below are theirs, too.
    fn new(routes: impl IntoIterator<Item = (String, bool, A)>, nowhere: A) -> Self {
        let (mut exact, mut below) = (HashMap::new(), Vec::new());
        for (path, and_below, answer) in routes {
            if and_below {
                below.push((format!("{path}/"), answer.clone()));
            }
            exact.insert(path, answer);
        }
        below.sort_by_key(|(path, _): &(String, A)| std::cmp::Reverse(path.len()));
        Self { exact, below, nowhere }
    }

    /// What answers at a path; a slash at its end changes nothing.
    fn find(&self, path: &str) -> &A {
        let Some(path) = path.strip_prefix('/') else { return &self.nowhere };
        let here = self.exact.get(path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path));
        let below = || self.below.iter().find(|(above, _)| path.starts_with(above)).map(|(_, answer)| answer);
        here.or_else(below).unwrap_or(&self.nowhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_the_route_that_names_most_of_it() {
        let routes = [("", false, 1), ("costmap/filtered", false, 2), ("files", true, 3), ("files/own", true, 4)];
        let table = Table::new(routes.map(|(path, below, answer)| (path.to_owned(), below, answer)), 0);
        let known = [
            ("/", 1),
            ("/costmap/filtered", 2),
            ("/costmap/filtered/", 2),
            ("/files", 3),
            ("/files/", 3),
            ("/files/a/b", 3),
            ("/files/own", 4),
            ("/files/own/a", 4),
            ("/files/owner", 3),
        ];
        let nowhere = ["/costmap", "/costmap/filtered/more", "//", "//files", "/filesystem", "", "*"];
        for (path, answer) in known.into_iter().chain(nowhere.map(|path| (path, 0))) {
            assert_eq!(*table.find(path), answer, "{path}");
        }
    }
}
