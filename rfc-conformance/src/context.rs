//! Context of checks: the subject, the HTTP client, and answers shared between checks.

use std::any::{Any, TypeId};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::change::Change;
use crate::http::{Client, Exchange, NoAnswer, Request};
use crate::subject::{CostType, Kind, Resource, Subject};
use crate::survey::Survey;

/// Data members of answers.
const DATA: [&str; 6] =
    ["network-map", "cost-map", "endpoint-cost-map", "endpoint-properties", "property-map", "resources"];
/// Maximum number of attempts at a comparison while the map changes.
const MOST_ATTEMPTS: usize = 4;
/// Maximum number of different readings kept for each map.
const MOST_READINGS: usize = 16;
/// Maximum number of resources of each kind that get elaborate requests.
pub(crate) const MOST_OF_A_KIND: usize = 8;

/// Size in bytes of bodies that are large: of these, only the latest are kept, as they take much more memory when parsed.
pub(crate) const LARGE: usize = 1 << 20;
/// Maximum size in bytes of all large bodies that are kept.
const MOST_LARGE: usize = 12 << 20;
/// Maximum size in bytes of all readings of network maps that are kept.
const MOST_HISTORY: usize = 24 << 20;

/// Context that a check works in.
pub struct Context<'run> {
    /// Client that sends all requests of the run.
    pub client: &'run Client,
    /// Server under test.
    pub subject: &'run Subject,
    /// Name and password for authentication, if given.
    pub user: Option<&'run (String, String)>,
    /// Makes the data of the subject change; `None` if the user does not know how.
    pub(crate) change: Option<&'run Change>,
    /// Time for which a stream without changes is watched.
    pub(crate) idle: Duration,
    /// Notes on all answers so far.
    pub(crate) survey: &'run Survey,
    answers: &'run Answers,
    /// IDs of resources that the check would have examined if they answered ordinary requests.
    missed: Mutex<BTreeSet<String>>,
}

/// Answers that the checks of a run share.
#[derive(Default)]
pub(crate) struct Answers {
    latest: Mutex<Latest>,
    /// Different answers of each network map in order.
    history: Mutex<HashMap<String, Vec<Reading>>>,
    /// Results that several checks share, by type.
    shared: Mutex<HashMap<TypeId, SharedCell>>,
}

/// Latest answer of each resource read by GET.
#[derive(Default)]
struct Latest {
    by_uri: HashMap<String, Arc<Exchange>>,
    /// URIs of large answers, the oldest first.
    large: VecDeque<String>,
}

/// Cell for a result that is made once in a run.
type SharedCell = Arc<OnceLock<Arc<dyn Any + Send + Sync>>>;

/// An answer with the number of consecutive times that it was read.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) times: usize,
}

/// Result of requests during which a full map did not change.
pub struct Steady<T> {
    /// Full map, as read after the requests.
    pub full: Arc<Exchange>,
    /// Result of the requests.
    pub found: T,
}

impl Latest {
    /// Keeps an answer, and drops the oldest large ones beyond the bound.
    fn keep(&mut self, uri: &str, exchange: &Arc<Exchange>) {
        self.large.retain(|known| known != uri);
        if exchange.answer.body.len() > LARGE {
            self.large.push_back(uri.to_owned());
        }
        self.by_uri.insert(uri.to_owned(), Arc::clone(exchange));
        let size = |uri: &String| self.by_uri.get(uri).map_or(0, |exchange| exchange.answer.body.len());
        let mut total: usize = self.large.iter().map(size).sum();
        while total > MOST_LARGE && self.large.len() > 1 {
            let Some(oldest) = self.large.pop_front() else { return };
            total -= self.by_uri.remove(&oldest).map_or(0, |exchange| exchange.answer.body.len());
        }
    }
}

impl<'run> Context<'run> {
    /// Creates a context for one check.
    pub(crate) fn new(
        client: &'run Client,
        subject: &'run Subject,
        user: Option<&'run (String, String)>,
        survey: &'run Survey,
        answers: &'run Answers,
    ) -> Self {
        Self { client, subject, user, change: None, idle: Duration::ZERO, survey, answers, missed: Mutex::default() }
    }

    /// Sets how the data of the subject change, and how long a stream is watched.
    pub(crate) fn with_changes(self, change: Option<&'run Change>, idle: Duration) -> Self {
        Self { change, idle, ..self }
    }

    /// Returns the resources that were missed because they give no answer to ordinary requests.
    pub(crate) fn missed(&self) -> BTreeSet<String> {
        self.missed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tests whether a resource answers ordinary requests; if not, notes that the check misses it.
    pub(crate) fn is_usable(&self, resource: &Resource) -> bool {
        let cause = self.subject.cause_of_withholding(resource);
        if let Some(cause) = cause {
            self.missed.lock().unwrap_or_else(PoisonError::into_inner).insert(cause.to_owned());
        }
        cause.is_none()
    }

    /// Returns the resources of a kind that answer ordinary requests.
    pub(crate) fn of(&self, kind: Kind) -> impl Iterator<Item = &'run Resource> {
        self.subject.of(kind).filter(|resource| self.is_usable(resource))
    }

    /// Returns all resources that answer ordinary requests.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &'run Resource> {
        self.subject.resources.iter().filter(|resource| self.is_usable(resource))
    }

    /// Returns resources that are read by GET and answer ordinary requests, except directories, up to a bound.
    pub(crate) fn readable(&self) -> impl Iterator<Item = &'run Resource> {
        self.subject.readable().filter(|resource| self.is_usable(resource))
    }

    /// Returns the network map in `uses` of a resource, if it answers ordinary requests.
    pub(crate) fn network_map_of(&self, resource: &Resource) -> Option<&'run Resource> {
        self.subject.network_map_of(resource).filter(|map| self.is_usable(map))
    }

    /// Returns the full cost map of a cost type on a network map, if it answers ordinary requests.
    pub(crate) fn cost_map_of(&self, network_map: &str, cost_type: &CostType) -> Option<&'run Resource> {
        self.subject.cost_map_of(network_map, cost_type).filter(|map| self.is_usable(map))
    }

    /// Returns the default network map, or the first one if there is no default, if it answers ordinary requests.
    pub(crate) fn main_network_map(&self) -> Option<&'run Resource> {
        self.subject.main_network_map().filter(|map| self.is_usable(map))
    }

    /// Sends a request and follows redirects.
    pub fn send(&self, request: Request) -> Result<Arc<Exchange>, NoAnswer> {
        self.client.follow(request)
    }

    /// Fetches a resource by GET.
    pub fn get(&self, resource: &Resource) -> Result<Arc<Exchange>, NoAnswer> {
        let exchange = self.send(Request::get(&resource.uri).with("Accept", &accept(resource)))?;
        self.latest_answers().keep(&resource.uri, &exchange);
        self.remember(resource, &exchange);
        Ok(exchange)
    }

    /// Returns the latest answer of a resource to GET; fetches it if there is none.
    pub fn latest(&self, resource: &Resource) -> Result<Arc<Exchange>, NoAnswer> {
        let latest = self.latest_answers().by_uri.get(&resource.uri).cloned();
        latest.map_or_else(|| self.get(resource), Ok)
    }

    /// Sends a JSON body to a resource by POST.
    pub fn post(&self, resource: &Resource, body: &Value) -> Result<Arc<Exchange>, NoAnswer> {
        self.post_bytes(resource, body.to_string())
    }

    /// Sends any body to a resource by POST.
    pub fn post_bytes(&self, resource: &Resource, body: impl Into<Vec<u8>>) -> Result<Arc<Exchange>, NoAnswer> {
        self.send(post_request(resource, body))
    }

    /// Makes requests while a full map does not change, as maps may change at any time (RFC 7285 §6.4): the requests are
    /// repeated until the map is the same before and after; `None` if it always changes.
    pub fn steady<T>(
        &self,
        full: &Resource,
        requests: impl FnMut(&Arc<Exchange>) -> Result<T, NoAnswer>,
    ) -> Result<Option<Steady<T>>, NoAnswer> {
        steady_around(self.latest(full)?, || self.get(full), requests)
    }

    /// Makes requests while the answer to a POST does not change, like [`Self::steady`].
    pub fn steady_post<T>(
        &self,
        resource: &Resource,
        body: &Value,
        requests: impl FnMut(&Arc<Exchange>) -> Result<T, NoAnswer>,
    ) -> Result<Option<Steady<T>>, NoAnswer> {
        steady_around(self.post(resource, body)?, || self.post(resource, body), requests)
    }

    /// Returns the result of type `T` that checks share; `make` is called if no check has asked for it yet.
    #[expect(clippy::expect_used, reason = "the type is the key under which the value was stored")]
    pub(crate) fn shared<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let cell = {
            let mut shared = self.answers.shared.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry(TypeId::of::<T>()).or_default())
        };
        let value = Arc::clone(cell.get_or_init(|| Arc::new(make())));
        value.downcast().expect("values are stored under their type")
    }

    /// Returns the different answers of a network map during the run, in order.
    pub(crate) fn history(&self, resource: &Resource) -> Vec<Reading> {
        let history = self.answers.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.get(&resource.uri).cloned().unwrap_or_default()
    }

    fn remember(&self, resource: &Resource, exchange: &Arc<Exchange>) {
        if resource.kind != Kind::NetworkMap {
            return;
        }
        let mut history = self.answers.history.lock().unwrap_or_else(PoisonError::into_inner);
        let readings = history.entry(resource.uri.clone()).or_default();
        let size: usize = readings.iter().map(|reading| reading.exchange.answer.body.len()).sum();
        if readings.len() == MOST_READINGS || (size > MOST_HISTORY && readings.len() > 1) {
            return;
        }
        match readings.last_mut() {
            Some(last) if same_data(&last.exchange, exchange) => last.times += 1,
            _ => readings.push(Reading { exchange: Arc::clone(exchange), times: 1 }),
        }
    }

    fn latest_answers(&self) -> MutexGuard<'_, Latest> {
        self.answers.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn steady_around<T>(
    mut before: Arc<Exchange>,
    mut read: impl FnMut() -> Result<Arc<Exchange>, NoAnswer>,
    mut requests: impl FnMut(&Arc<Exchange>) -> Result<T, NoAnswer>,
) -> Result<Option<Steady<T>>, NoAnswer> {
    for _ in 0..MOST_ATTEMPTS {
        let found = requests(&before)?;
        let after = read()?;
        if same_data(&before, &after) {
            return Ok(Some(Steady { full: after, found }));
        }
        before = after;
    }
    Ok(None)
}

/// Creates a POST request with the media types of a resource.
pub(crate) fn post_request(resource: &Resource, body: impl Into<Vec<u8>>) -> Request {
    let accepts = resource.accepts.as_deref().unwrap_or_default();
    Request::post(&resource.uri, accepts, body).with("Accept", &accept(resource))
}

/// Returns the Accept field for requests to a resource.
pub(crate) fn accept(resource: &Resource) -> String {
    format!("{},application/alto-error+json", resource.media_type)
}

/// Tests whether two answers have the same data and version tags.
fn same_data(one: &Exchange, other: &Exchange) -> bool {
    one.answer.body == other.answer.body
        || one.value().is_some_and(|value| {
            // Other members of `meta` may change with every answer.
            let part = |value: &Value, name: &str| value.get(name).cloned();
            let tags = |value: &Value| {
                ["vtag", "dependent-vtags"].map(|name| value.get("meta").and_then(|meta| part(meta, name)))
            };
            other.value().is_some_and(|other| {
                DATA.iter().all(|name| value.get(name) == other.get(name)) && tags(value) == tags(other)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Answer;

    fn answer(uri: &str, size: usize) -> Arc<Exchange> {
        let answer = Answer { status: 200, headers: Vec::new(), body: vec![b' '; size] };
        Arc::new(Exchange::captured(0, Request::get(uri), answer))
    }

    #[test]
    fn only_the_latest_large_answers_are_kept() {
        let mut latest = Latest::default();
        latest.keep("small", &answer("small", 10));
        for number in 0..20 {
            let uri = format!("large-{number}");
            latest.keep(&uri, &answer(&uri, 5 << 20));
            let total: usize = latest.by_uri.values().map(|exchange| exchange.answer.body.len()).sum();
            assert!(total <= MOST_LARGE + 10, "{total}");
        }
        assert!(latest.by_uri.contains_key("small") && latest.by_uri.contains_key("large-19"));
        // An answer beyond the bound is kept alone.
        latest.keep("huge", &answer("huge", 2 * MOST_LARGE));
        assert_eq!(latest.large, ["huge"]);
    }
}
