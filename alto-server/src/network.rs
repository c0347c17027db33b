//! The running network: its present state, and the only ways to change it.
//!
//! What is served is made of three layers: the topology file, or the topology that replaced it; on top the changes of
//! single links; from both the [`Published`] state. Every change builds the next state beside the present one, saves
//! what must survive a restart, and only then swaps the next state in. Whatever fails on the way leaves all as it was.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use topo::{ChangeError, Fitted, LinkChange, LinkChanges, Topology, View};

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
    changes: LinkChanges,
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
        let Fitted { topology, kept: changes, dropped } = saved.links.fit(&base);
        describe_dropped(&dropped);
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
        let merged = layers.changes.merged_with(changes, &topology);
        let next = publish(timed(|| current.view().successor(topology)), Some(&current));
        if let Some(store) = &self.store {
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
        *layers = Layers { base, replaced: replacement.is_some(), changes: LinkChanges::default() };
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
        let Fitted { topology, kept, dropped } = layers.changes.clone().fit(&layers.base);
        let dropped = describe_dropped(&dropped);
        layers.changes = kept;
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

/// Logs the changes that were left out, and returns their descriptions.
fn describe_dropped(dropped: &[ChangeError]) -> Vec<String> {
    let describe = |error: &ChangeError| {
        let change = error.to_string();
        tracing::warn!(change, "a saved change no longer fits the topology and is left out");
        change
    };
    dropped.iter().map(describe).collect()
}
