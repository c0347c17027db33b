//! The running network: its current state, and the only ways to change it.
//!
//! The state has two layers: the topology file, or the topology that replaced it, and on top of it the changes to single
//! links. Every change computes the next state beside the current one, saves what must survive a restart, and only then
//! swaps the next state in. If anything fails on the way, the current state stays.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use topo::{LinkChange, Topology, View};

use super::published::Published;
use super::store::{Store, StoreError};
use crate::clock::Clock;
use crate::resource::catalogue::Catalogue;

/// Network that is served.
pub(crate) struct Network {
    current: ArcSwap<Published>,
    /// Locked during a change; readers never wait for it.
    layers: Mutex<Layers>,
    store: Option<Store>,
    catalogue: Arc<Catalogue>,
    clock: Clock,
}

/// Layers of the current state.
struct Layers {
    /// Topology without the changes to single links.
    base: Arc<Topology>,
    /// True if `base` was set through `/admin` and is not the file.
    replaced: bool,
    changes: BTreeMap<LinkKey, LinkChange>,
}

/// Canonical name of a link, the same for both orders in which a change may name its ends.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkKey {
    source: String,
    destination: String,
    index: usize,
}

/// Result of a change.
pub(crate) struct Outcome {
    pub(crate) published: Arc<Published>,
    /// Saved changes that were left out because they no longer fit the topology, each with the reason.
    pub(crate) dropped: Vec<String>,
}

/// Reason for refusing a change, which leaves the state as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeRefused {
    #[error(transparent)]
    Change(#[from] topo::ChangeError),
    #[error(transparent)]
    Topology(#[from] topo::TopologyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Network {
    /// Starts from a topology file and the changes that an earlier run saved.
    pub(crate) fn start(
        file: Topology,
        store: Option<Store>,
        catalogue: Arc<Catalogue>,
        clock: Clock,
    ) -> Result<Self, ChangeRefused> {
        let saved = store.as_ref().map(Store::load).transpose()?.unwrap_or_default();
        let (base, replaced) = match saved.topology {
            None => (Arc::new(file), false),
            Some(bytes) => {
                tracing::info!("the topology set through /admin is in force, not the topology file");
                (Arc::new(Topology::from_json(&bytes, "saved topology")?), true)
            }
        };
        let (topology, changes, dropped) = apply_fitting(&base, saved.links.into_iter().collect());
        warn_dropped(&dropped);
        let published = Published::new(Arc::clone(&catalogue), View::compute(topology), None, clock());
        record(&published, 0);
        let layers = Mutex::new(Layers { base, replaced, changes });
        Ok(Self { current: ArcSwap::from_pointee(published), layers, store, catalogue, clock })
    }

    /// Current state. A request takes it once and reads nothing else.
    pub(crate) fn current(&self) -> Arc<Published> {
        self.current.load_full()
    }

    /// Tells whether changes survive a restart.
    pub(crate) fn is_durable(&self) -> bool {
        self.store.is_some()
    }

    /// Tells whether the topology was set through `/admin`.
    pub(crate) fn is_replaced(&self) -> bool {
        self.lock().replaced
    }

    /// Changes links: all of them, or none if one change is refused.
    pub(crate) fn change_links(&self, changes: &[LinkChange]) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.lock();
        let current = self.current();
        let topology = Arc::new(current.snapshot().view().topology().with_changes(changes)?);
        let mut merged = BTreeMap::new();
        for change in changes {
            let key = LinkKey::of(change, &topology);
            let known = merged.remove(&key).or_else(|| layers.changes.get(&key).cloned());
            let change = change.clone().condensed();
            merged.insert(key, known.map_or_else(|| change.clone(), |known| merge(known, &change)));
        }
        let next = self.publish(timed(|| current.snapshot().view().successor(topology)), &current);
        if let Some(store) = &self.store {
            let merged: Vec<_> = merged.iter().map(|(key, change)| (key.clone(), change.clone())).collect();
            store.save_links(&merged)?;
        }
        layers.changes.extend(merged);
        Ok(self.swap(next, Vec::new()))
    }

    /// Discards all changes to links.
    pub(crate) fn reset_links(&self) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.lock();
        let current = self.current();
        let next = self.publish(timed(|| current.snapshot().view().successor(Arc::clone(&layers.base))), &current);
        if let Some(store) = &self.store {
            store.clear_links()?;
        }
        layers.changes.clear();
        Ok(self.swap(next, Vec::new()))
    }

    /// Replaces the topology of the file, restarts included, and discards all changes to links.
    pub(crate) fn replace_topology(&self, bytes: &[u8]) -> Result<Outcome, ChangeRefused> {
        let topology = Topology::from_json(bytes, "request body")?;
        self.rebase(topology, Some(bytes))
    }

    /// Returns to the topology file, and discards all changes to links.
    pub(crate) fn restore_topology(&self, file: Topology) -> Result<Outcome, ChangeRefused> {
        self.rebase(file, None)
    }

    fn rebase(&self, topology: Topology, replacement: Option<&[u8]>) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.lock();
        let current = self.current();
        let base = Arc::new(topology);
        let next = self.publish(timed(|| current.snapshot().view().successor(Arc::clone(&base))), &current);
        if let Some(store) = &self.store {
            store.save_topology(replacement)?;
        }
        *layers = Layers { base, replaced: replacement.is_some(), changes: BTreeMap::new() };
        Ok(self.swap(next, Vec::new()))
    }

    /// Takes over a topology file that was read again, as a restart would: changes to links are kept if they still fit,
    /// and so is a topology that replaced the file.
    pub(crate) fn reload(&self, file: Topology) -> Outcome {
        let mut layers = self.lock();
        if !layers.replaced {
            layers.base = Arc::new(file);
        }
        let current = self.current();
        let (topology, changes, dropped) = apply_fitting(&layers.base, layers.changes.clone());
        warn_dropped(&dropped);
        layers.changes = changes;
        let next = self.publish(timed(|| current.snapshot().view().successor(topology)), &current);
        self.swap(next, dropped)
    }

    fn publish(&self, view: View, current: &Published) -> Published {
        Published::new(Arc::clone(&self.catalogue), view, Some(current), (self.clock)())
    }

    fn swap(&self, next: Published, dropped: Vec<String>) -> Outcome {
        let published = Arc::new(next);
        self.current.store(Arc::clone(&published));
        record(&published, 1);
        Outcome { published, dropped }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Layers> {
        // A change that panicked has swapped nothing in, so the layers are consistent.
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Records the size of the network map, and a number of changes that led to it.
fn record(published: &Published, changes: u64) {
    metrics::counter!("alto_view_changes_total").increment(changes);
    let map = published.snapshot().view().network_map();
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    {
        metrics::gauge!("alto_pids").set(map.len() as f64);
        metrics::gauge!("alto_prefixes").set(map.prefix_count() as f64);
    }
}

/// Computes a view and records the time that took.
fn timed(build: impl FnOnce() -> View) -> View {
    let start = Instant::now();
    let view = build();
    metrics::histogram!("alto_view_build_seconds").record(start.elapsed().as_secs_f64());
    view
}

/// Applies the changes that fit a topology. Returns the topology, those changes, and why each of the others does not fit.
fn apply_fitting(
    base: &Arc<Topology>,
    changes: BTreeMap<LinkKey, LinkChange>,
) -> (Arc<Topology>, BTreeMap<LinkKey, LinkChange>, Vec<String>) {
    let all: Vec<LinkChange> = changes.values().cloned().collect();
    if all.is_empty() {
        return (Arc::clone(base), changes, Vec::new());
    }
    if let Ok(topology) = base.with_changes(&all) {
        return (Arc::new(topology), changes, Vec::new());
    }
    // One by one, to keep what can be kept.
    let (mut topology, mut kept, mut dropped) = (Arc::clone(base), BTreeMap::new(), Vec::new());
    for (key, change) in changes {
        match topology.with_changes(std::slice::from_ref(&change)) {
            Ok(next) => {
                topology = Arc::new(next);
                kept.insert(key, change);
            }
            Err(error) => dropped.push(error.to_string()),
        }
    }
    (topology, kept, dropped)
}

fn warn_dropped(dropped: &[String]) {
    for change in dropped {
        tracing::warn!(change, "a saved link change no longer fits the topology and is left out");
    }
}

/// Combines two changes to one link; the newer one wins where both set a value.
fn merge(known: LinkChange, newer: &LinkChange) -> LinkChange {
    LinkChange {
        source: known.source,
        destination: known.destination,
        index: known.index,
        utilisation: newer.utilisation.clone().or(known.utilisation),
        bandwidth: newer.bandwidth.or(known.bandwidth),
        delay: newer.delay.or(known.delay),
        measured_delay: newer.measured_delay.clone().or(known.measured_delay),
        loss: newer.loss.or(known.loss),
        measured_loss: newer.measured_loss.clone().or(known.measured_loss),
        up: newer.up.or(known.up),
        cost: newer.cost.or(known.cost),
        price: newer.price.or(known.price),
    }
}

impl LinkKey {
    /// Returns the key of a change that fits the topology.
    fn of(change: &LinkChange, topology: &Topology) -> Self {
        let declared = |source: &str, destination: &str| {
            topology.links().any(|link| link.source().as_str() == source && link.destination().as_str() == destination)
        };
        // The order in the file counts, so that a-b and b-a are the same undirected link.
        let (source, destination) = if declared(&change.source, &change.destination) {
            (&change.source, &change.destination)
        } else {
            (&change.destination, &change.source)
        };
        Self { source: source.clone(), destination: destination.clone(), index: change.index.unwrap_or(0) }
    }

    /// Writes the key as text. Node names have no spaces, so spaces separate the parts.
    pub(crate) fn to_text(&self) -> String {
        format!("{} {} {}", self.source, self.destination, self.index)
    }

    /// Parses the text of a key.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (source, destination) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self { source, destination, index: parts.next()?.parse().ok()? })
    }
}
