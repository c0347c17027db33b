//! What a check has to work with: the target's directories, a client, and what was read before.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use crate::http::{Client, Exchange, NoAnswer, Request};
use crate::subject::{Kind, Resource, Subject};
use crate::survey::Survey;

/// Members that hold the data of an answer.
const DATA: [&str; 6] =
    ["network-map", "cost-map", "endpoint-cost-map", "endpoint-properties", "property-map", "resources"];
/// How often a comparison is tried again because the map changed in between.
const MOST_ATTEMPTS: usize = 4;
/// Different readings of one map that are kept.
const MOST_READINGS: usize = 16;
/// Of one kind of resource, how many are asked elaborate questions.
pub(crate) const MOST_OF_A_KIND: usize = 8;

/// What checks work with.
pub struct Context<'run> {
    /// Sends requests and records them.
    pub client: &'run Client,
    /// What the directories say.
    pub subject: &'run Subject,
    /// Whom the suite authenticates as, if at all.
    pub user: Option<&'run (String, String)>,
    /// Notes on all answers so far.
    pub(crate) survey: &'run Survey,
    /// The newest answer of each GET resource.
    newest: Mutex<HashMap<String, Arc<Exchange>>>,
    /// Different answers of each GET resource, in order.
    history: Mutex<HashMap<String, Vec<Reading>>>,
    /// Results that several checks share, by type.
    shared: Mutex<HashMap<TypeId, SharedCell>>,
}

/// Cell for a result that is made once in a run.
type SharedCell = Arc<OnceLock<Arc<dyn Any + Send + Sync>>>;

/// An answer that was read one or more times in a row.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) times: usize,
}

/// A full map that stayed the same while a question about it was answered.
pub struct Steady<T> {
    /// The map.
    pub full: Arc<Exchange>,
    /// What the question brought.
    pub found: T,
}

impl<'run> Context<'run> {
    /// A context in which nothing has been read but the directories.
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
            newest: Mutex::default(),
            history: Mutex::default(),
            shared: Mutex::default(),
        }
    }

    /// Sends a request; redirects are followed.
    pub fn send(&self, request: Request) -> Result<Arc<Exchange>, NoAnswer> {
        self.client.follow(request)
    }

    /// Asks a resource by GET, anew.
    pub fn get(&self, resource: &Resource) -> Result<Arc<Exchange>, NoAnswer> {
        let exchange = self.send(Request::get(&resource.uri).with("Accept", &accept(resource)))?;
        self.newest().insert(resource.uri.clone(), Arc::clone(&exchange));
        self.remember(resource, &exchange);
        Ok(exchange)
    }

    /// What a resource answered to the newest GET; asks if there was none.
    pub fn known(&self, resource: &Resource) -> Result<Arc<Exchange>, NoAnswer> {
        let known = self.newest().get(&resource.uri).cloned();
        known.map_or_else(|| self.get(resource), Ok)
    }

    /// Asks a resource by POST.
    pub fn post(&self, resource: &Resource, body: &Value) -> Result<Arc<Exchange>, NoAnswer> {
        self.post_bytes(resource, body.to_string())
    }

    /// Asks a resource by POST, with a body that need not be JSON.
    pub fn post_bytes(&self, resource: &Resource, body: impl Into<Vec<u8>>) -> Result<Arc<Exchange>, NoAnswer> {
        self.send(posted(resource, body))
    }

    /// Asks a question about a full map. Maps may change at any time (RFC 7285 §6.4), so the answer counts only if the
    /// map was the same before and after; nothing if it never was.
    pub fn steady<T>(
        &self,
        full: &Resource,
        question: impl FnMut(&Arc<Exchange>) -> Result<T, NoAnswer>,
    ) -> Result<Option<Steady<T>>, NoAnswer> {
        steady_around(self.known(full)?, || self.get(full), question)
    }

    /// As [`Self::steady`], around what a POST resource answers to a request.
    pub fn steady_post<T>(
        &self,
        resource: &Resource,
        body: &Value,
        question: impl FnMut(&Arc<Exchange>) -> Result<T, NoAnswer>,
    ) -> Result<Option<Steady<T>>, NoAnswer> {
        steady_around(self.post(resource, body)?, || self.post(resource, body), question)
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

    /// Different answers of a resource during the run, in order.
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

    fn newest(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Exchange>>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn steady_around<T>(
    mut before: Arc<Exchange>,
    mut read: impl FnMut() -> Result<Arc<Exchange>, NoAnswer>,
    mut question: impl FnMut(&Arc<Exchange>) -> Result<T, NoAnswer>,
) -> Result<Option<Steady<T>>, NoAnswer> {
    for _ in 0..MOST_ATTEMPTS {
        let found = question(&before)?;
        let after = read()?;
        if same_data(&before, &after) {
            return Ok(Some(Steady { full: after, found }));
        }
        before = after;
    }
    Ok(None)
}

/// The request that asks a POST resource.
pub(crate) fn posted(resource: &Resource, body: impl Into<Vec<u8>>) -> Request {
    let accepts = resource.accepts.as_deref().unwrap_or_default();
    Request::post(&resource.uri, accepts, body).with("Accept", &accept(resource))
}

/// What a client of a resource accepts.
pub(crate) fn accept(resource: &Resource) -> String {
    format!("{},application/alto-error+json", resource.media_type)
}

/// Whether two answers say the same, members of any order.
fn same_data(one: &Exchange, other: &Exchange) -> bool {
    one.answer.body == other.answer.body
        || one.value().is_some_and(|value| {
            // `meta` may hold what changes with every answer; version tags are the part that matters.
            let part = |value: &Value, name: &str| value.get(name).cloned();
            let tags = |value: &Value| {
                ["vtag", "dependent-vtags"].map(|name| value.get("meta").and_then(|meta| part(meta, name)))
            };
            other.value().is_some_and(|other| {
                DATA.iter().all(|name| value.get(name) == other.get(name)) && tags(value) == tags(other)
            })
        })
}
