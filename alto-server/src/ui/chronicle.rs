//! What has changed while the server runs: the latest changes, and the news of them for pages that are open.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;
use topo::Topology;

use crate::state::network::Network;
use crate::state::snapshot::Snapshot;

/// Number of changes that are kept.
const KEPT: usize = 12;
/// Number of links that a change names.
const NAMED: usize = 20;
/// Time after a change within which others count as part of the next one.
const PAUSE: Duration = Duration::from_millis(300);

/// The latest changes.
pub(super) struct Chronicle {
    /// The newest first.
    changes: Mutex<VecDeque<Change>>,
    news: watch::Sender<Bytes>,
}

/// Change from one view to the next.
#[derive(Clone)]
pub(super) struct Change {
    pub(super) at: SystemTime,
    /// Tag of the view after the change.
    pub(super) tag: String,
    pub(super) what: Difference,
}

/// Difference between two views.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Whether nodes or links were added or removed.
    pub(super) nodes: bool,
    /// Whether the network map is another one.
    pub(super) map: bool,
    /// Some of the changed links, by the names of their ends.
    pub(super) links: Vec<(String, String)>,
    /// Number of further changed links.
    pub(super) more: usize,
}

/// Data of an event, in JSON.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct News<'a> {
    view_tag: &'a str,
    network_map_tag: &'a str,
    links: &'a [(String, String)],
    more: usize,
}

impl Chronicle {
    /// Begins with the present view.
    pub(super) fn new(present: &Snapshot) -> Self {
        let news = watch::Sender::new(event(present, &Difference::default()));
        Self { changes: Mutex::default(), news }
    }

    /// The latest changes, the newest first.
    pub(super) fn latest(&self) -> Vec<Change> {
        self.changes().iter().cloned().collect()
    }

    /// Returns a receiver of events, each in the form in which a stream has it.
    pub(super) fn news(&self) -> watch::Receiver<Bytes> {
        self.news.subscribe()
    }

    /// Follows the changes of a network, for as long as the server runs.
    pub(super) async fn follow(&self, network: &Network, now: impl Fn() -> SystemTime) {
        let mut states = network.states();
        let mut before = Arc::clone(network.current().snapshot());
        while states.changed().await.is_ok() {
            let present = Arc::clone(network.current().snapshot());
            if before.view().tag() != present.view().tag() {
                self.record(&before, &present, now());
                before = present;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn record(&self, before: &Snapshot, present: &Snapshot, at: SystemTime) {
        let what = Difference::between(before, present);
        let event = event(present, &what);
        {
            let mut changes = self.changes();
            changes.push_front(Change { at, tag: present.view().tag().to_owned(), what });
            changes.truncate(KEPT);
        }
        // Whoever hears of it finds it on the page.
        self.news.send_replace(event);
    }

    fn changes(&self) -> MutexGuard<'_, VecDeque<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Difference {
    fn between(before: &Snapshot, present: &Snapshot) -> Self {
        let map = before.view().network_map().tag() != present.view().network_map().tag();
        let (before, present) = (before.view().topology(), present.view().topology());
        if !before.has_same_nodes(present) {
            return Self { nodes: true, map, ..Self::default() };
        }
        let mut changed = changed_links(before, present);
        let links: Vec<_> = changed.by_ref().take(NAMED).collect();
        Self { nodes: false, map, links, more: changed.count() }
    }
}

/// Iterates over the ends of all links whose values differ.
fn changed_links<'a>(before: &'a Topology, present: &'a Topology) -> impl Iterator<Item = (String, String)> + 'a {
    let pairs = before.links().zip(present.links()).filter(|(before, present)| before != present);
    pairs.map(|(_, link)| (link.source().to_string(), link.destination().to_string()))
}

/// Writes an event with the present tags and what has changed.
fn event(present: &Snapshot, what: &Difference) -> Bytes {
    let (view_tag, network_map_tag) = (present.view().tag(), present.view().network_map().tag());
    let news = News { view_tag, network_map_tag, links: &what.links, more: what.more };
    let json = serde_json::to_string(&news).expect("texts and numbers");
    format!("event: view\ndata: {json}\n\n").into()
}
