//! Update streams (RFC 8895) and TIPS (RFC 9569) of a service whose network changes while it runs.
//!
//! Every version of the network is kept. A stream or view computes its documents from them and compares one with the next;
//! [`patch`] writes the differences. [`stream`] serves streams and their control, [`tips`] views and their edges.

mod parameters;
pub mod patch;
mod stream;
mod tips;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::error::AltoError;
use super::http::{ReceivedRequest, Response};
use super::network::Network;
use super::resource::{ResourceKind, ServedResource};

pub use stream::{SentEvent, StreamView};

/// Documents that clients follow, as a service makes them from any version of the network.
pub trait Documents: Send + Sync {
    /// Returns a resource by its ID.
    fn resource(&self, id: &str) -> Option<&ServedResource>;

    /// Returns the document of a resource in a version of the network; without one, in the present version.
    fn document(
        &self,
        network: Option<&Network>,
        resource: &ServedResource,
        input: Option<&Value>,
        client: IpAddr,
    ) -> Result<Value, AltoError>;

    /// Returns a copy that can be kept.
    fn kept(&self) -> Box<dyn Documents>;
}

type OnEvents = dyn Fn(&StreamView<'_>, &mut Vec<SentEvent>) + Send + Sync;
type OnEdge = dyn Fn(u64, u64, &mut Response) + Send + Sync;

/// Updates of a service, with its open streams and views.
pub struct Updates {
    /// Changes the events of a stream before they are sent.
    pub on_events: Option<Box<OnEvents>>,
    /// Changes the answer to a request for an edge.
    pub on_edge: Option<Box<OnEdge>>,
    /// Longest time without an event or a comment.
    pub keep_alive: Duration,
    /// Number of versions that a view keeps.
    pub kept: usize,
    /// Versions of the network that are still to come, each when a client has waited for a change for a while.
    script: Mutex<VecDeque<Network>>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Versions of the network after the first one.
    later: Vec<Network>,
    streams: stream::Streams,
    views: tips::Views,
    /// True once the server ends.
    over: bool,
}

impl Default for Updates {
    fn default() -> Self {
        Self {
            on_events: None,
            on_edge: None,
            keep_alive: Duration::from_millis(250),
            kept: 4,
            script: Mutex::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }
}

impl Updates {
    /// Creates updates whose events a function changes.
    pub fn with_events(change: impl Fn(&StreamView<'_>, &mut Vec<SentEvent>) + Send + Sync + 'static) -> Self {
        Self { on_events: Some(Box::new(change)), ..Self::default() }
    }

    /// Sets the versions of the network that come, and the time without a change after which each of them does.
    #[must_use]
    pub fn scripted(self, versions: VecDeque<Network>, pause: Duration) -> Self {
        Self { script: Mutex::new(versions), keep_alive: pause, ..self }
    }

    /// Returns the newest version of the network, if there is one after the first.
    pub(super) fn network(&self) -> Option<Network> {
        self.state().later.last().cloned()
    }

    /// Publishes a version of the network.
    pub fn publish(&self, network: Network) {
        self.state().later.push(network);
        self.changed.notify_all();
    }

    /// Publishes the next version of the script, if there is one.
    fn advance(&self) {
        let next = self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(next) = next {
            self.publish(next);
        }
    }

    /// Ends all streams and held requests.
    pub fn end(&self) {
        self.state().over = true;
        self.changed.notify_all();
    }

    /// Answers requests for what the services create: control URIs, views and edges.
    pub(super) fn route(&self, service: &dyn Documents, request: &ReceivedRequest) -> Option<Response> {
        let segments: Vec<_> = request.path.trim_start_matches('/').split('/').collect();
        match segments[..] {
            [.., "updates", "control", handle] => Some(self.control(service, handle, request)),
            [.., "tips", view, "ug"] => Some(self.recommend(service, view, request)),
            [.., "tips", view, "ug", from, to] => Some(self.edge(service, view, (from, to), request)),
            _ => None,
        }
    }

    /// Answers a request for a service.
    pub(super) fn serve(
        self: &Arc<Self>,
        service: &dyn Documents,
        kind: &ResourceKind,
        request: &ReceivedRequest,
    ) -> Response {
        match kind {
            ResourceKind::UpdateStream(followed) => self.open_stream(service, followed, request),
            ResourceKind::Tips(followed) => self.open_view(service, followed, request),
            _ => Response::plain(404, "no service of updates"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds a version tag to a message that has none: clients cannot say which version they have without one.
pub fn tag(resource: &ServedResource, message: &mut Value) {
    let is_costs = matches!(resource.kind, ResourceKind::CostMap(..));
    if is_costs && message.get("cost-map").is_some() && message.pointer("/meta/vtag").is_none() {
        let digest = Sha256::digest(message.to_string());
        let tag = digest[..8].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        message["meta"]["vtag"] = json!({ "resource-id": resource.id, "tag": tag });
    }
}

/// Returns the answer for an error in a request.
fn refusal(error: &AltoError) -> Response {
    let response = Response::new(400, super::media_type::ERROR, error.to_json().to_string());
    response.with("Cache-Control", "no-store")
}
