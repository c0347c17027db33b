//! The running network: its current state, and the only ways to change it.
//!
//! The state has layers: the topology file, or the topology that replaced it; on top of it the changes to single links,
//! and the prefixes that other programs give to PIDs ([`feeds`]). Every change computes the next state beside the current
//! one, saves what must survive a restart, and only then swaps the next state in. If anything fails on the way, the
//! current state stays.

pub(crate) mod feeds;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use alto_registry::store_file::StoreError;
use arc_swap::ArcSwap;
use tokio::sync::watch;
use topo::{ChangeError, Fitted, LinkChange, LinkChanges, Topology, View};

use self::feeds::{FeedLimits, Feeds};
use super::prefix_store::PrefixStore;
use super::published::Published;
use super::store::{Acknowledged, Store};
use crate::clock::Clock;
use crate::resource::catalogue::Catalogue;

/// Network that is served.
pub(crate) struct Network {
    current: ArcSwap<Published>,
    /// Locked during a change; readers never wait for it.
    layers: Mutex<Layers>,
    durable: bool,
    catalogue: Arc<Catalogue>,
    clock: Clock,
    /// Number of states so far.
    states: watch::Sender<u64>,
}

/// Layers of the current state.
struct Layers {
    /// Topology without the changes to single links.
    base: Arc<Topology>,
    /// JSON of `base` if it was set through `/admin` and is not the file.
    replacement: Option<Arc<[u8]>>,
    changes: Arc<LinkChanges>,
    store: Option<Store>,
    feeds: Feeds,
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
    #[error(
        "has {pids} PIDs; at most {most} are taken, because cost maps have the square of it: group more prefixes into a PID, or raise max-pids"
    )]
    TooManyPids { pids: usize, most: usize },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Network {
    /// Starts from a topology file and the changes that an earlier run saved.
    pub(crate) fn start(
        file: Topology,
        mut store: Option<Store>,
        (limits, prefixes): (FeedLimits, Option<PrefixStore>),
        catalogue: Arc<Catalogue>,
        clock: Clock,
    ) -> Result<Self, ChangeRefused> {
        let saved = store.as_mut().map(Store::load).transpose()?.unwrap_or_default();
        let base = match &saved.topology {
            None => Arc::new(file),
            Some(bytes) => {
                tracing::info!("the topology set through /admin is in force, not the topology file");
                Arc::new(Topology::from_json(bytes, "saved topology")?)
            }
        };
        let Fitted { topology, kept: changes, dropped } = saved.links.fit(&base);
        describe_dropped(&dropped);
        let changes = Arc::new(changes);
        let mut feeds = Feeds::start(limits, prefixes)?;
        let view = View::compute(feeds.over(&topology));
        let published = Published::new(Arc::clone(&catalogue), (view, Arc::clone(&changes)), None, clock());
        feeds.published(clock(), true);
        record(&published, 0);
        let durable = store.is_some();
        let replacement = saved.topology.map(Arc::from);
        let layers = Mutex::new(Layers { base, replacement, changes, store, feeds });
        Ok(Self {
            current: ArcSwap::from_pointee(published),
            layers,
            durable,
            catalogue,
            clock,
            states: watch::Sender::new(1),
        })
    }

    /// Current state. A request takes it once and reads nothing else.
    pub(crate) fn current(&self) -> Arc<Published> {
        self.current.load_full()
    }

    /// Returns the number of states so far, which tells of every change.
    pub(crate) fn states(&self) -> watch::Receiver<u64> {
        self.states.subscribe()
    }

    /// Tells whether changes survive a restart.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable
    }

    /// Tells whether the topology was set through `/admin`.
    pub(crate) fn is_replaced(&self) -> bool {
        self.lock().replacement.is_some()
    }

    /// Changes links: all of them, or none if one change is refused.
    pub(crate) fn change_links(&self, changes: &[LinkChange]) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.lock();
        let current = self.current();
        let topology = Arc::new(current.snapshot().view().topology().with_changes(changes)?);
        let merged = layers.changes.merged_with(changes, &topology);
        let mut all = LinkChanges::clone(&layers.changes);
        all.extend(merged.clone());
        let all = Arc::new(all);
        let next = self.publish(timed(|| current.snapshot().view().successor(topology)), &all, &current);
        layers.save(|store, before| store.save_links(&merged, before))?;
        layers.changes = all;
        Ok(self.swap(next, Vec::new()))
    }

    /// Discards all changes to links.
    pub(crate) fn reset_links(&self) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.lock();
        let current = self.current();
        let none = Arc::default();
        let (next, all) = self.over(&layers, &layers.base, &none, &current);
        layers.save(Store::clear_links)?;
        layers.changes = none;
        layers.feeds.published((self.clock)(), all);
        Ok(self.swap(next, Vec::new()))
    }

    /// Replaces the topology of the file, restarts included, and discards all changes to links.
    pub(crate) fn replace_topology(&self, bytes: &[u8]) -> Result<Outcome, ChangeRefused> {
        let topology = Topology::from_json(bytes, "request body")?;
        let mut layers = self.lock();
        layers.feeds.check(&topology)?;
        self.rebase(&mut layers, topology, Some(bytes))
    }

    /// Returns to the topology file, and discards all changes to links.
    pub(crate) fn restore_topology(&self, file: Topology) -> Result<Outcome, ChangeRefused> {
        self.rebase(&mut self.lock(), file, None)
    }

    fn rebase(
        &self,
        layers: &mut Layers,
        topology: Topology,
        replacement: Option<&[u8]>,
    ) -> Result<Outcome, ChangeRefused> {
        let current = self.current();
        let (base, none) = (Arc::new(topology), Arc::default());
        let (next, all) = self.over(layers, &base, &none, &current);
        layers.save(|store, before| store.save_topology(replacement, before))?;
        (layers.base, layers.replacement, layers.changes) = (base, replacement.map(Arc::from), none);
        layers.feeds.published((self.clock)(), all);
        Ok(self.swap(next, Vec::new()))
    }

    /// Takes over a topology file that was read again, as a restart would: changes to links are kept if they still fit,
    /// and so is a topology that replaced the file.
    pub(crate) fn reload(&self, file: Topology) -> Outcome {
        let mut layers = self.lock();
        if layers.replacement.is_none() {
            layers.base = Arc::new(file);
        }
        let current = self.current();
        let Fitted { topology, kept, dropped } = LinkChanges::clone(&layers.changes).fit(&layers.base);
        let dropped = describe_dropped(&dropped);
        layers.changes = Arc::new(kept);
        let (next, all) = self.over(&layers, &topology, &layers.changes, &current);
        layers.feeds.published((self.clock)(), all);
        self.swap(next, dropped)
    }

    /// Computes the state of a topology with the prefixes of other sources above it: those that are published if its PIDs
    /// are the present ones, and otherwise all, which the second value tells.
    fn over(
        &self,
        layers: &Layers,
        topology: &Topology,
        changes: &Arc<LinkChanges>,
        current: &Published,
    ) -> (Published, bool) {
        let view = current.snapshot().view();
        let (topology, all) = match topology.with_prefixes_of(view.topology()) {
            Some(topology) => (Arc::new(topology), false),
            None => (layers.feeds.over(topology), true),
        };
        (self.publish(timed(|| view.successor(topology)), changes, current), all)
    }

    fn publish(&self, view: View, changes: &Arc<LinkChanges>, current: &Published) -> Published {
        Published::new(Arc::clone(&self.catalogue), (view, Arc::clone(changes)), Some(current), (self.clock)())
    }

    fn swap(&self, next: Published, dropped: Vec<String>) -> Outcome {
        let published = Arc::new(next);
        self.current.store(Arc::clone(&published));
        self.states.send_modify(|count| *count += 1);
        record(&published, 1);
        Outcome { published, dropped }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Layers> {
        // A change that panicked has swapped nothing in, so the layers are consistent.
        self.layers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layers {
    /// Saves a change before it is made, if there is a store.
    fn save(
        &mut self,
        work: impl FnOnce(&mut Store, Acknowledged<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let before = Acknowledged { links: &self.changes, topology: self.replacement.as_deref() };
        self.store.as_mut().map_or(Ok(()), |store| work(store, before))
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

/// Logs the changes that were left out, and returns their descriptions.
fn describe_dropped(dropped: &[ChangeError]) -> Vec<String> {
    let describe = |error: &ChangeError| {
        let change = error.to_string();
        tracing::warn!(change, "a saved change no longer fits the topology and is left out");
        change
    };
    dropped.iter().map(describe).collect()
}
