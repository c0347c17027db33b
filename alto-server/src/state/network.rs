//! The running network: its current state, and the only ways to change it.
//!
//! The state has layers: the topology file, or the topology that replaced it ([`topologies`]); on top of it the changes to
//! single links ([`links`]), and the prefixes that other programs give to PIDs ([`feeds`]). Every change computes the next
//! state beside the current one, saves what must survive a restart together with its entry of the audit trail, and only
//! then swaps the next state in. If anything fails on the way, the current state stays.

pub(crate) mod feeds;
#[cfg(feature = "redis")]
pub(crate) mod following;
pub(crate) mod links;
mod recording;
mod topologies;
mod turn;

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, OnceLock};
use std::time::{Instant, SystemTime};

use alto_registry::store_file::StoreError;
use arc_swap::ArcSwap;
use tokio::sync::watch;
use topo::{ChangeError, Fitted, LinkChanges, MapName, Topology, View};

use self::feeds::{FeedLimits, Feeds};
use self::turn::{Turn, Turns};
use super::audit::{Action, Actor, AuditEntry, Noted, Trail};
use super::prefix_store::PrefixStore;
use super::published::Published;
use super::replication::{CommitError, Following, LogPosition, Replication};
use super::source::{Loaded, OtherMaps, TooManyPids, check_maps};
use super::store::{Acknowledged, Layered, Saving, Store};
use crate::clock::Clock;
use crate::resource::catalogue::Catalogue;

/// Network that is served.
pub(crate) struct Network {
    current: ArcSwap<Published>,
    turns: Turns,
    durable: AtomicBool,
    /// Store that other servers share, once this one follows it.
    shared: OnceLock<Arc<dyn Replication>>,
    catalogue: Arc<Catalogue>,
    clock: Clock,
    /// Number of states so far.
    states: watch::Sender<u64>,
}

/// Layers of the current state.
struct Layers {
    /// Topology without the changes to single links, with its JSON.
    base: Loaded,
    /// What of it is not the file: the topology that replaced it, and the changes to links.
    present: Layered,
    /// The same before the topology was replaced the last time.
    previous: Option<Layered>,
    store: Option<Store>,
    /// Store that other servers share, in place of the one in files.
    shared: Option<Arc<dyn Replication>>,
    /// Place of the state in the order of changes of all servers.
    position: LogPosition,
    names: Names,
    feeds: Feeds,
    trail: Trail,
}

/// Names under which the shared store has topologies.
#[derive(Default)]
struct Names {
    base: Option<String>,
    /// Of the topology before, unless that was the file.
    previous: Option<String>,
}

/// Result of a change.
pub(crate) struct Outcome {
    pub(crate) published: Arc<Published>,
    /// Saved changes that were left out because they no longer fit the topology, each with the reason.
    pub(crate) dropped: Vec<String>,
}

/// What of the state does not come from the topology file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overrides {
    /// Whether the topology was set through `/admin`.
    pub(crate) replaced: bool,
    /// Number of links that differ from the topology by changes or measurements.
    pub(crate) links: usize,
    /// Whether there is a topology before, to which to go back.
    pub(crate) previous: bool,
}

/// Reason for refusing a change, which leaves the state as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeRefused {
    #[error(transparent)]
    Change(#[from] topo::ChangeError),
    #[error(transparent)]
    Topology(#[from] topo::TopologyError),
    #[error(transparent)]
    TooManyPids(#[from] TooManyPids),
    #[error(transparent)]
    OtherMaps(#[from] OtherMaps),
    #[error("the topology was never replaced, so there is none before it")]
    NoPrevious,
    #[error("the link from {source_name:?} to {destination_name:?} has no change that could be undone")]
    Unchanged { source_name: String, destination_name: String },
    #[error("the topology file cannot be used: {0}")]
    File(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Replication(CommitError),
}

/// Number of attempts to make a change while other servers make theirs.
const ATTEMPTS: usize = 50;

impl Network {
    /// Starts from a topology file and the changes that an earlier run saved. `catalogue` lists the resources of a network
    /// with network maps of some names beside the default one.
    pub(crate) fn start(
        file: Loaded,
        mut store: Option<Store>,
        (limits, prefixes): (FeedLimits, Option<PrefixStore>),
        catalogue: impl FnOnce(&[MapName]) -> Catalogue,
        clock: Clock,
    ) -> Result<Self, ChangeRefused> {
        let saved = store.as_mut().map(Store::load).transpose()?.unwrap_or_default();
        let base = match &saved.present.replacement {
            None => file,
            Some(bytes) => {
                tracing::info!("the topology set through /admin is in force, not the topology file");
                Loaded::from_json(bytes, "saved topology")?
            }
        };
        let maps: Vec<_> = base.topology.map_names().cloned().collect();
        let catalogue = Arc::new(catalogue(&maps));
        let Fitted { topology, kept: links, dropped } = LinkChanges::clone(&saved.present.links).fit(&base.topology);
        describe_dropped(&dropped);
        let links = Arc::new(links);
        let mut feeds = Feeds::start(limits, prefixes)?;
        let view = View::compute(feeds.over(&topology));
        let published = Published::new(Arc::clone(&catalogue), (view, Arc::clone(&links)), None, clock());
        feeds.published(clock(), true);
        record(&published, 0);
        let durable = AtomicBool::new(store.is_some());
        let layers = Layers {
            base,
            present: Layered { links, ..saved.present },
            previous: saved.previous,
            store,
            shared: None,
            position: LogPosition::default(),
            names: Names::default(),
            feeds,
            trail: Trail::new(saved.audit),
        };
        layers.announce();
        let turns = Turns::new(layers);
        let current = ArcSwap::from_pointee(published);
        let (states, shared) = (watch::Sender::new(1), OnceLock::new());
        Ok(Self { current, turns, durable, shared, catalogue, clock, states })
    }

    /// Current state. A request takes it once and reads nothing else.
    pub(crate) fn current(&self) -> Arc<Published> {
        self.current.load_full()
    }

    /// Current state for a moment, which is not counted among its readers.
    pub(crate) fn at_present(&self) -> impl Deref<Target = Arc<Published>> {
        self.current.load()
    }

    /// Resources of the network.
    pub(crate) fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// Refuses a topology file that would take the place of the present one, but has network maps of other names. A
    /// topology that replaced the file stays in force, so that the file may have any.
    pub(crate) fn check_maps(&self, file: &Topology) -> Result<(), OtherMaps> {
        let layers = self.look();
        if layers.present.replacement.is_some() { Ok(()) } else { check_maps(file, &layers.base.topology) }
    }

    /// Returns the number of states so far, which tells of every change.
    pub(crate) fn states(&self) -> watch::Receiver<u64> {
        self.states.subscribe()
    }

    /// Tells whether changes survive a restart.
    pub(crate) fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Relaxed)
    }

    /// Tells how this server follows the others, if it shares a store with them.
    pub(crate) fn following(&self) -> Option<Following> {
        self.shared.get().map(|shared| shared.following())
    }

    /// What of the state does not come from the topology file.
    pub(crate) fn overrides(&self) -> Overrides {
        let layers = self.look();
        Overrides {
            replaced: layers.present.replacement.is_some(),
            links: layers.present.links.len(),
            previous: layers.previous.is_some(),
        }
    }

    /// The newest entries of the audit trail, the newest first.
    pub(crate) fn audit(&self, limit: usize) -> Vec<AuditEntry> {
        self.look().trail.newest().take(limit).cloned().collect()
    }

    /// Computes the state of a topology with the prefixes of other sources above it: those that are published if its PIDs
    /// are the present ones, and otherwise all, which the second value tells.
    fn over(
        &self,
        layers: &Layers,
        (topology, links): (&Topology, &Arc<LinkChanges>),
        current: &Published,
    ) -> (Published, bool) {
        let view = current.snapshot().view();
        let (topology, all) = match topology.with_prefixes_of(view.topology()) {
            Some(topology) => (Arc::new(topology), false),
            None => (layers.feeds.over(topology), true),
        };
        (self.publish(timed(|| view.successor(topology)), links, current), all)
    }

    /// Repeats a change while those of other servers come first.
    fn in_order<T>(&self, mut change: impl FnMut() -> Result<T, ChangeRefused>) -> Result<T, ChangeRefused> {
        for _ in 1..ATTEMPTS {
            match (change(), self.shared.get()) {
                (Err(ChangeRefused::Replication(CommitError::Behind)), Some(shared)) => shared.catch_up()?,
                (made, _) => return made,
            }
        }
        change()
    }

    /// Serves the present state under its latest place in the order of changes.
    fn mark(&self, layers: &Layers) {
        if layers.shared.is_some() {
            self.current.store(Arc::new(self.current().at(layers.position.clone())));
        }
    }

    fn publish(&self, view: View, links: &Arc<LinkChanges>, current: &Published) -> Published {
        Published::new(Arc::clone(&self.catalogue), (view, Arc::clone(links)), Some(current), (self.clock)())
    }

    fn swap(&self, next: Published, dropped: Vec<String>) -> Outcome {
        let published = Arc::new(next);
        self.current.store(Arc::clone(&published));
        self.states.send_modify(|count| *count += 1);
        record(&published, 1);
        Outcome { published, dropped }
    }

    fn turn(&self) -> Turn<'_> {
        self.turns.take()
    }

    fn look(&self) -> MutexGuard<'_, Layers> {
        self.turns.look()
    }
}

impl Turn<'_> {
    /// Saves a change before it is made, if there is a store, and adds it to the audit trail. `next` is the state that it
    /// leads to, and whether that has the prefixes of all sources. Returns the time of the change.
    fn save(
        &mut self,
        change: &Saving<'_>,
        (by, action): (&Actor, Action),
        (subject, detail): (&str, &str),
        next: Option<(&mut Published, bool)>,
        clock: Clock,
    ) -> Result<SystemTime, ChangeRefused> {
        let now = clock();
        let mut noted = self.trail.prepare(by, action, (subject, detail), now);
        if let Some(shared) = self.shared.clone() {
            let time = self.share(&shared, change, Some(&mut noted), next)?;
            self.trail.add(noted);
            return Ok(time);
        }
        let layers: &mut Layers = self;
        let before = Acknowledged { present: &layers.present, previous: layers.previous.as_ref() };
        // A change that only counts in an entry is not worth a write of its own.
        let is_silent = matches!(change, Saving::Nothing) && !noted.is_new;
        if let Some(store) = layers.store.as_mut().filter(|_| !is_silent) {
            store.save(change, &noted.entry, before)?;
        }
        layers.trail.add(noted);
        Ok(now)
    }

    /// Lets the other servers know of a change before it is made. Returns its time.
    fn share(
        &mut self,
        shared: &Arc<dyn Replication>,
        change: &Saving<'_>,
        mut noted: Option<&mut Noted>,
        next: Option<(&mut Published, bool)>,
    ) -> Result<SystemTime, CommitError> {
        let all = next.as_ref().is_some_and(|(_, all)| *all);
        let draft = next.as_ref().map(|(next, _)| &**next);
        let committed = self.commit(shared, (change, all), noted.as_deref(), draft)?;
        if let Some(noted) = &mut noted {
            noted.date(committed.time);
        }
        if let Some((next, _)) = next {
            next.date(committed.position, |_| committed.time);
        }
        Ok(committed.time)
    }
}

impl Layers {
    /// Replaces the changes to links in force.
    fn set_links(&mut self, links: Arc<LinkChanges>) {
        self.present.links = links;
        self.count();
    }

    /// Logs how much of the state does not come from the file.
    fn announce(&self) {
        self.count();
        let links = self.present.links.len();
        if links > 0 {
            tracing::info!(
                links,
                "links differ from the topology by what came through /admin; alto-server ctl links shows them"
            );
        }
    }

    fn count(&self) {
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        metrics::gauge!("alto_link_overrides").set(self.present.links.len() as f64);
        metrics::gauge!("alto_topology_replaced").set(if self.present.replacement.is_some() { 1.0 } else { 0.0 });
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
