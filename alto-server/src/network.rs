//! The running network: its present state, and the only ways to change it.
//!
//! What is served is made of three layers: the topology file, or the topology that replaced it; on top the changes of
//! single links; from both the [`Published`] state. Every change builds the next state beside the present one, saves
//! what must survive a restart, and only then swaps the next state in. Whatever fails on the way leaves all as it was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use topo::{LinkChange, Topology, View};

use crate::admin::store::{Store, StoreError};
use crate::observe;
use crate::published::Published;

/// The network that is served.
pub(crate) struct Network {
    current: ArcSwap<Published>,
    /// Taken by whoever changes something; readers never wait for it.
    layers: Mutex<Layers>,
    store: Option<Store>,
}

/// What the present state is made of.
struct Layers {
    /// Without changes of single links.
    base: Arc<Topology>,
    /// Whether `base` came through the API rather than from the file.
    replaced: bool,
    changes: BTreeMap<LinkKey, LinkChange>,
}

/// Names a link in one way only, whichever way round a change named it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkKey {
    source: String,
    destination: String,
    index: usize,
}

/// What became of a change.
pub(crate) struct Outcome {
    pub(crate) published: Arc<Published>,
    /// Saved changes that no longer fit the topology and are left out.
    pub(crate) dropped: Vec<String>,
}

/// Why a change was refused. Everything is as it was.
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
    /// Starts from a topology file and what an earlier run saved.
    pub(crate) fn start(file: Topology, store: Option<Store>) -> Result<Self, ChangeRefused> {
        let saved = store.as_ref().map(Store::load).transpose()?.unwrap_or_default();
        let (base, replaced) = match saved.topology {
            None => (Arc::new(file), false),
            Some(bytes) => {
                tracing::info!("the topology that was set through /admin is in force, not the file");
                (Arc::new(Topology::from_json(&bytes, "saved topology")?), true)
            }
        };
        let (topology, changes, dropped) = apply_fitting(&base, saved.links.into_iter().collect());
        warn_dropped(&dropped);
        let published = Arc::new(publish(View::compute(topology), None));
        let layers = Mutex::new(Layers { base, replaced, changes });
        Ok(Self { current: ArcSwap::new(published), layers, store })
    }

    /// The present state. A request takes it once and reads nothing else.
    pub(crate) fn current(&self) -> Arc<Published> {
        self.current.load_full()
    }

    /// Whether changes survive a restart.
    pub(crate) fn is_durable(&self) -> bool {
        self.store.is_some()
    }

    /// Whether the topology came through the API rather than from the file.
    pub(crate) fn is_replaced(&self) -> bool {
        self.lock().replaced
    }

    /// Changes links: all of them, or none where one is refused.
    pub(crate) fn change_links(&self, changes: &[LinkChange]) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.lock();
        let current = self.current();
        let topology = Arc::new(current.view().topology().with_changes(changes)?);
        let mut merged = BTreeMap::new();
        for change in changes {
            let key = LinkKey::of(change, &topology);
            let known = merged.remove(&key).or_else(|| layers.changes.get(&key).cloned());
            let change = change.clone().condensed();
            merged.insert(key, known.map_or_else(|| change.clone(), |known| merge(known, &change)));
        }
        let next = publish(timed(|| current.view().successor(topology)), Some(&current));
        if let Some(store) = &self.store {
            let merged: Vec<_> = merged.iter().map(|(key, change)| (key.clone(), change.clone())).collect();
            store.save_links(&merged)?;
        }
        layers.changes.extend(merged);
        Ok(self.swap(next, Vec::new()))
    }

    /// Forgets all changes of links: back to what the topology says.
    pub(crate) fn reset_links(&self) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.lock();
        let current = self.current();
        let next = publish(timed(|| current.view().successor(Arc::clone(&layers.base))), Some(&current));
        if let Some(store) = &self.store {
            store.clear_links()?;
        }
        layers.changes.clear();
        Ok(self.swap(next, Vec::new()))
    }

    /// Puts a topology in place of the file's, for good; changes of links end with what they were changes of.
    pub(crate) fn replace_topology(&self, bytes: &[u8]) -> Result<Outcome, ChangeRefused> {
        let topology = Topology::from_json(bytes, "request body")?;
        self.rebase(topology, Some(bytes))
    }

    /// Goes back to the topology file.
    pub(crate) fn restore_topology(&self, file: Topology) -> Result<Outcome, ChangeRefused> {
        self.rebase(file, None)
    }

    fn rebase(&self, topology: Topology, replacement: Option<&[u8]>) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.lock();
        let current = self.current();
        let base = Arc::new(topology);
        let next = publish(timed(|| current.view().successor(Arc::clone(&base))), Some(&current));
        if let Some(store) = &self.store {
            store.save_topology(replacement)?;
        }
        *layers = Layers { base, replaced: replacement.is_some(), changes: BTreeMap::new() };
        Ok(self.swap(next, Vec::new()))
    }

    /// Takes the topology file as it is now: the same as a restart would. Changes of links stay where they still fit,
    /// and so does a topology that replaced the file.
    pub(crate) fn reload(&self, file: Topology) -> Outcome {
        let mut layers = self.lock();
        if !layers.replaced {
            layers.base = Arc::new(file);
        }
        let current = self.current();
        let (topology, changes, dropped) = apply_fitting(&layers.base, layers.changes.clone());
        warn_dropped(&dropped);
        layers.changes = changes;
        let next = publish(timed(|| current.view().successor(topology)), Some(&current));
        self.swap(next, dropped)
    }

    fn swap(&self, next: Published, dropped: Vec<String>) -> Outcome {
        let published = Arc::new(next);
        let previous = self.current.swap(Arc::clone(&published));
        observe::published(&published, Some(&previous));
        Outcome { published, dropped }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Layers> {
        // A panic while changing has swapped nothing in, so what is there is whole.
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn publish(view: View, previous: Option<&Published>) -> Published {
    Published::new(Arc::new(view), previous, SystemTime::now())
}

fn timed(build: impl FnOnce() -> View) -> View {
    let start = Instant::now();
    let view = build();
    metrics::histogram!("alto_view_build_seconds").record(start.elapsed().as_secs_f64());
    view
}

/// Applies those changes that fit a topology, and tells which do not.
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
        tracing::warn!(change, "a saved change no longer fits the topology and is left out");
    }
}

/// Everything that was ever changed of one link, the newer change winning where both say something.
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
    /// The key of a change that was found to fit a topology.
    fn of(change: &LinkChange, topology: &Topology) -> Self {
        let declared = |source: &str, destination: &str| {
            topology.links().any(|link| link.source().as_str() == source && link.destination().as_str() == destination)
        };
        // The file's way round counts, so that a-b and b-a are the same undirected link.
        let (source, destination) = if declared(&change.source, &change.destination) {
            (&change.source, &change.destination)
        } else {
            (&change.destination, &change.source)
        };
        Self { source: source.clone(), destination: destination.clone(), index: change.index.unwrap_or(0) }
    }

    /// Node names have no spaces, so a space separates.
    pub(crate) fn to_text(&self) -> String {
        format!("{} {} {}", self.source, self.destination, self.index)
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let (source, destination) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self { source, destination, index: parts.next()?.parse().ok()? })
    }
}
