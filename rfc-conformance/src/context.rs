//! Context of checks: the subject, the HTTP client, and answers shared between checks.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use crate::http::{Client, Exchange, NoAnswer, Request};
use crate::subject::{Kind, Resource, Subject};
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

/// Context that checks work in.
pub struct Context<'run> {
    /// Client that sends all requests of the run.
    pub client: &'run Client,
    /// Server under test.
    pub subject: &'run Subject,
    /// Name and password for authentication, if given.
    pub user: Option<&'run (String, String)>,
    /// Notes on all answers so far.
    pub(crate) survey: &'run Survey,
    /// Latest answer of each resource read by GET.
    latest: Mutex<HashMap<String, Arc<Exchange>>>,
    /// Different answers of each network map in order.
    history: Mutex<HashMap<String, Vec<Reading>>>,
    /// Results that several checks share, by type.
    shared: Mutex<HashMap<TypeId, SharedCell>>,
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

impl<'run> Context<'run> {
    /// Creates a context without any answers.
    pub(crate) fn new(
        client: &'run Client,
        subject: &'run Subject,
        user: Option<&'run (String, String)>,
        survey: &'run Survey,
    ) -> Self {
        Self {
            client,
            subject,
            user,
            survey,
            latest: Mutex::default(),
            history: Mutex::default(),
            shared: Mutex::default(),
        }
    }

    /// Sends a request and follows redirects.
    pub fn send(&self, request: Request) -> Result<Arc<Exchange>, NoAnswer> {
        self.client.follow(request)
    }

    /// Fetches a resource by GET.
    pub fn get(&self, resource: &Resource) -> Result<Arc<Exchange>, NoAnswer> {
        let exchange = self.send(Request::get(&resource.uri).with("Accept", &accept(resource)))?;
        self.latest_answers().insert(resource.uri.clone(), Arc::clone(&exchange));
        self.remember(resource, &exchange);
        Ok(exchange)
    }

    /// Returns the latest answer of a resource to GET; fetches it if there is none.
    pub fn latest(&self, resource: &Resource) -> Result<Arc<Exchange>, NoAnswer> {
        let latest = self.latest_answers().get(&resource.uri).cloned();
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
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shared.entry(TypeId::of::<T>()).or_default())
        };
        let value = Arc::clone(cell.get_or_init(|| Arc::new(make())));
        value.downcast().expect("values are stored under their type")
    }

    /// Returns the different answers of a network map during the run, in order.
    pub(crate) fn history(&self, resource: &Resource) -> Vec<Reading> {
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.get(&resource.uri).cloned().unwrap_or_default()
    }

    fn remember(&self, resource: &Resource, exchange: &Arc<Exchange>) {
        if resource.kind != Kind::NetworkMap {
            return;
        }
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let readings = history.entry(resource.uri.clone()).or_default();
        if readings.len() == MOST_READINGS {
            return;
        }
        match readings.last_mut() {
            Some(last) if same_data(&last.exchange, exchange) => last.times += 1,
            _ => readings.push(Reading { exchange: Arc::clone(exchange), times: 1 }),
        }
    }

    fn latest_answers(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Exchange>>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
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
