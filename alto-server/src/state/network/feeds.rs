//! The prefixes that sources give to PIDs, in the running network: one set per source, applied once, published as network
//! maps at most once per interval.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use alto_registry::store_file::StoreError;
use topo::{NetworkMap, PrefixDifference, PrefixLayer, PrefixSet, Topology};

use super::turn::Turn;
use super::{ATTEMPTS, ChangeRefused, Layers, Network, Outcome, timed};
use crate::state::audit::{Action, Actor};
use crate::state::prefix_lines::{self, Form, Statements};
use crate::state::prefix_store::{PrefixStore, Sizes};
use crate::state::replication::CommitError;
use crate::state::source::{Loaded, check_pids};
use crate::state::store::Saving;

/// Number of names of unknown PIDs that an answer lists.
const LISTED: usize = 20;
/// Largest number of sources.
const MAX_SOURCES: usize = 1000;

/// Limits of what sources may give.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeedLimits {
    /// Shortest time between two network maps that differ by prefixes of sources.
    pub(crate) map_interval: Duration,
    /// Largest number of prefixes of all sources.
    pub(crate) prefixes: usize,
    /// Largest number of PIDs.
    pub(crate) pids: usize,
}

/// Prefixes of all sources, and what is published of them.
pub(super) struct Feeds {
    limits: FeedLimits,
    pub(super) layer: PrefixLayer,
    pub(super) sources: BTreeMap<String, Source>,
    store: Option<PrefixStore>,
    /// Effect of the changes that no published map has yet.
    pub(super) pending: PrefixDifference,
    /// Time of the last map that prefixes of sources changed.
    pub(super) published: Option<SystemTime>,
    /// Names of the pieces that the store of several servers has of each source.
    pub(super) pieces: BTreeMap<String, Vec<String>>,
    /// The same of the map that is published.
    pub(super) published_pieces: BTreeMap<String, Vec<String>>,
}

/// State of one source apart from its set.
#[derive(Default)]
pub(super) struct Source {
    pub(super) sequence: u64,
    sizes: Sizes,
    /// Time of its last request since the start.
    pub(super) seen: Option<SystemTime>,
}

/// Request of a source.
#[derive(Clone)]
pub(crate) struct FeedRequest<'a> {
    pub(crate) source: &'a str,
    /// Sequence number that the difference applies to; absent for a whole set.
    pub(crate) after: Option<u64>,
    pub(crate) sequence: u64,
    pub(crate) statements: Statements,
    pub(crate) by: &'a Actor,
    /// Whether the first line may be a topology.
    pub(crate) may_replace_topology: bool,
}

/// Result of a request.
pub(crate) struct Applied {
    pub(crate) report: SourceReport,
    /// False if the request had been applied before.
    pub(crate) is_new: bool,
    pub(crate) added: usize,
    pub(crate) removed: usize,
    pub(crate) dropped: Vec<String>,
}

/// State of a source.
#[derive(Clone, Debug)]
pub(crate) struct SourceReport {
    pub(crate) source: String,
    pub(crate) sequence: u64,
    pub(crate) prefixes: usize,
    pub(crate) unknown_pids: usize,
    /// Time until the present sets are published, if they are not yet.
    pub(crate) publish_in: Option<Duration>,
    /// Time of its last request; absent if there was none since the start.
    pub(crate) seen: Option<SystemTime>,
}

/// Reason for refusing a request, which leaves the state as it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FeedRefused {
    #[error("{wanted}; the present sequence number is {present}")]
    Sequence { wanted: String, present: u64 },
    #[error("the topology has no PID named {}{}", names.join(", "), if *more > 0 { format!(" and {more} more") } else { String::new() })]
    UnknownPids { names: Vec<String>, more: usize },
    #[error("the sources would have {count} prefixes in all; at most {most} are taken (max-prefixes)")]
    TooManyPrefixes { count: usize, most: usize },
    #[error("there are {MAX_SOURCES} sources, and no more are taken; delete one that has ended")]
    TooManySources,
    #[error("line 1 is a topology, and this token may only give prefixes; send it with a token for everything")]
    TopologyForbidden,
    #[error("there is no source named {0:?}")]
    UnknownSource(String),
    #[error(transparent)]
    Change(#[from] ChangeRefused),
}

impl From<StoreError> for FeedRefused {
    fn from(error: StoreError) -> Self {
        Self::Change(error.into())
    }
}

impl Feeds {
    /// Starts with what an earlier run saved.
    pub(super) fn start(limits: FeedLimits, mut store: Option<PrefixStore>) -> Result<Self, StoreError> {
        let (mut layer, mut sources) = (PrefixLayer::default(), BTreeMap::new());
        for saved in store.as_mut().map(PrefixStore::load).transpose()?.unwrap_or_default() {
            layer.insert(&saved.name, Arc::new(saved.set));
            sources.insert(saved.name, Source { sequence: saved.sequence, sizes: saved.sizes, seen: None });
        }
        let (pending, pieces) = (PrefixDifference::default(), BTreeMap::new());
        Ok(Self { limits, layer, sources, store, pending, published: None, published_pieces: pieces.clone(), pieces })
    }

    /// Leaves the store in files, and returns what it has of each source: name, sequence number and set.
    #[cfg(feature = "redis")]
    pub(super) fn take_files(&mut self) -> Vec<(String, u64, Arc<PrefixSet>)> {
        if self.store.take().is_none() {
            return Vec::new();
        }
        let sources = self.sources.iter();
        let known = sources.filter_map(|(name, source)| Some((name, source.sequence, self.layer.get(name)?)));
        known.map(|(name, sequence, set)| (name.clone(), sequence, Arc::clone(set))).collect()
    }

    /// Puts the prefixes of all sources above a topology.
    pub(super) fn over(&self, topology: &Topology) -> Arc<Topology> {
        Arc::new(topology.with_prefixes(&self.layer))
    }

    /// Sets other limits, for what comes from now on.
    pub(super) fn set_limits(&mut self, limits: FeedLimits) {
        self.limits = limits;
    }

    /// Refuses a topology with too many PIDs.
    pub(super) fn check(&self, topology: &Topology) -> Result<(), ChangeRefused> {
        Ok(check_pids(topology, self.limits.pids)?)
    }

    /// Remembers what a state that was published at `now` has of the prefixes: all of them, or those it had before.
    pub(super) fn published(&mut self, now: SystemTime, all: bool) {
        if all {
            self.pending = PrefixDifference::default();
            self.published = (!self.layer.is_empty()).then_some(now);
        }
    }

    /// Returns the time until pending changes may be published; `None` if there are none.
    fn publish_in(&self, now: SystemTime) -> Option<Duration> {
        if self.pending.is_empty() {
            return None;
        }
        // A clock that was set back does not delay the map.
        let since = self.published.and_then(|published| now.duration_since(published).ok());
        Some(since.map_or(Duration::ZERO, |since| self.limits.map_interval.saturating_sub(since)))
    }

    /// Decides whether a request is to be applied; one that was applied before is not.
    fn expects(&self, request: &FeedRequest<'_>) -> Result<bool, FeedRefused> {
        let known = self.sources.get(request.source);
        if known.is_none() && self.sources.len() >= MAX_SOURCES {
            return Err(FeedRefused::TooManySources);
        }
        let present = known.map_or(0, |source| source.sequence);
        if known.is_some() && request.sequence == present {
            return Ok(false);
        }
        let refused = |wanted: String| Err(FeedRefused::Sequence { wanted, present });
        match request.after {
            Some(after) if after != present => refused(format!("the difference applies to {after}")),
            _ if request.sequence <= present => {
                refused(format!("{} is not greater than the last one", request.sequence))
            }
            _ => Ok(true),
        }
    }

    fn report(&self, source: &str, map: &NetworkMap, now: SystemTime) -> Option<SourceReport> {
        let (set, state) = (self.layer.get(source)?, self.sources.get(source)?);
        Some(SourceReport {
            source: source.to_owned(),
            sequence: state.sequence,
            prefixes: set.len(),
            unknown_pids: set.unknown_in(map),
            publish_in: self.publish_in(now),
            seen: state.seen,
        })
    }

    /// Returns the state of all sources, by name.
    fn reports(&self, map: &NetworkMap, now: SystemTime) -> Vec<SourceReport> {
        self.sources.keys().filter_map(|source| self.report(source, map, now)).collect()
    }
}

impl Network {
    /// Applies a request of a source: all of it, or nothing.
    pub(crate) fn apply_prefixes(&self, request: FeedRequest<'_>) -> Result<Applied, FeedRefused> {
        let Some(shared) = self.shared.get() else { return self.apply_prefixes_now(request) };
        for _ in 1..ATTEMPTS {
            match self.apply_prefixes_now(request.clone()) {
                Err(FeedRefused::Change(ChangeRefused::Replication(CommitError::Behind))) => {
                    shared.catch_up().map_err(ChangeRefused::from)?;
                }
                // The request before this one may have gone to another server.
                Err(FeedRefused::Sequence { present, .. }) if request.after.is_some_and(|after| after > present) => {
                    shared.catch_up().map_err(ChangeRefused::from)?;
                    return self.apply_prefixes_now(request);
                }
                decided => return decided,
            }
        }
        self.apply_prefixes_now(request)
    }

    fn apply_prefixes_now(&self, request: FeedRequest<'_>) -> Result<Applied, FeedRefused> {
        let form = if request.after.is_some() { Form::Difference } else { Form::Set };
        let mut layers = self.turn();
        let is_new = layers.feeds.expects(&request)?;
        if let Some(source) = layers.feeds.sources.get_mut(request.source) {
            source.seen = Some((self.clock)());
        }
        if !is_new {
            return Ok(self.unchanged(&layers, request.source));
        }
        let Statements { topology, mut changes } = request.statements;
        let topology = match topology {
            None => None,
            Some(bytes) => {
                if !request.may_replace_topology {
                    return Err(FeedRefused::TopologyForbidden);
                }
                let loaded = Loaded::from_json(&bytes, "line 1").map_err(ChangeRefused::from)?;
                layers.feeds.check(&loaded.topology)?;
                Some(loaded)
            }
        };
        let base = topology.as_ref().map_or(&layers.base.topology, |loaded| &loaded.topology);
        refuse_unknown(changes.pids().iter().map(ToString::to_string), base.own_network_map())?;

        let present = layers.feeds.layer.get(request.source).map(Arc::clone).unwrap_or_default();
        changes.sort();
        let lines = (form == Form::Difference).then(|| prefix_lines::print_difference(&changes));
        let (set, effect) = match form {
            Form::Difference => present.with(changes),
            Form::Set => {
                let set = PrefixSet::default().with(changes).0;
                let effect = present.difference(&set);
                (set, effect)
            }
        };
        let count = layers.feeds.layer.len() - present.len() + set.len();
        if count > layers.feeds.limits.prefixes {
            return Err(FeedRefused::TooManyPrefixes { count, most: layers.feeds.limits.prefixes });
        }

        // A crash between the two leaves the sequence number as it was, so that the source repeats the request.
        let dropped = match topology {
            None => Vec::new(),
            // Its prefixes were refused the time before, because another server was faster.
            Some(loaded) if layers.shared.is_some() && loaded.text == layers.base.text => Vec::new(),
            Some(loaded) => {
                let tag = |loaded: &Loaded| loaded.topology.own_network_map().tag().to_owned();
                let other_pids = tag(&loaded) != tag(&layers.base);
                let dropped = self.replace(&mut layers, loaded, request.by)?.dropped;
                if other_pids {
                    // A new PID and its prefixes appear together.
                    layers.feeds.published = None;
                }
                dropped
            }
        };
        let feeds = &mut layers.feeds;
        if let Some(store) = &mut feeds.store {
            let source = feeds.sources.entry(request.source.to_owned()).or_default();
            store.save((request.source, request.sequence), &mut source.sizes, lines.as_deref(), &set)?;
        }
        let detail = format!("{} added, {} removed", effect.added, effect.removed);
        let (action, what) = ((request.by, Action::ChangePrefixes), (request.source, detail.as_str()));
        let (name, sequence) = (request.source, request.sequence);
        let time = if layers.shared.is_some() {
            let saving = Saving::Prefixes { source: name, sequence, lines: lines.as_deref(), set: &set };
            layers.save(&saving, action, what, None, self.clock)?
        } else {
            self.note(&mut layers, action, what);
            (self.clock)()
        };
        let feeds = &mut layers.feeds;
        let source = feeds.sources.entry(name.to_owned()).or_default();
        (source.sequence, source.seen) = (sequence, Some(time));
        feeds.layer.insert(name, Arc::new(set));
        feeds.pending.extend(&effect);
        self.mark(&layers);
        self.publish_prefixes_if_due(&mut layers);
        let unchanged = self.unchanged(&layers, request.source);
        Ok(Applied { is_new: true, added: effect.added, removed: effect.removed, dropped, ..unchanged })
    }

    /// Deletes a source and its prefixes.
    pub(crate) fn delete_prefixes(&self, source: &str, by: &Actor) -> Result<(), FeedRefused> {
        let mut known = Ok(());
        let delete = || {
            known = Ok(());
            self.delete_prefixes_now(source, by).or_else(|refused| match refused {
                FeedRefused::Change(refused) => Err(refused),
                other => {
                    known = Err(other);
                    Ok(())
                }
            })
        };
        self.in_order(delete)?;
        known
    }

    fn delete_prefixes_now(&self, source: &str, by: &Actor) -> Result<(), FeedRefused> {
        let mut layers = self.turn();
        let feeds = &mut layers.feeds;
        let Some(set) = feeds.layer.get(source).map(Arc::clone) else {
            return Err(FeedRefused::UnknownSource(source.to_owned()));
        };
        if let Some(store) = &mut feeds.store {
            store.delete(source)?;
        }
        let (action, what) = ((by, Action::DeletePrefixes), (source, ""));
        if layers.shared.is_some() {
            layers.save(&Saving::DeletePrefixes(source), action, what, None, self.clock)?;
        } else {
            self.note(&mut layers, action, what);
        }
        let feeds = &mut layers.feeds;
        feeds.sources.remove(source);
        feeds.layer.remove(source);
        feeds.pending.extend(&set.difference(&PrefixSet::default()));
        self.mark(&layers);
        self.publish_prefixes_if_due(&mut layers);
        Ok(())
    }

    /// Adds a change that is saved elsewhere to the audit trail. Without its entry, the change still holds.
    fn note(&self, layers: &mut Turn<'_>, change: (&Actor, Action), what: (&str, &str)) {
        if let Err(error) = layers.save(&Saving::Nothing, change, what, None, self.clock) {
            tracing::warn!(%error, "a change of prefixes is in force, but not in the audit trail");
        }
    }

    /// Returns the state of all sources, or of one.
    pub(crate) fn sources(&self, only: Option<&str>) -> Result<Vec<SourceReport>, FeedRefused> {
        let layers = self.look();
        let (now, map) = ((self.clock)(), layers.base.topology.own_network_map());
        let of = |source: &str| layers.feeds.report(source, map, now);
        match only {
            Some(source) => {
                of(source).map(|report| vec![report]).ok_or_else(|| FeedRefused::UnknownSource(source.to_owned()))
            }
            None => Ok(layers.feeds.reports(map, now)),
        }
    }

    /// Returns the state of all sources, without waiting for a change in progress; `None` during one.
    pub(crate) fn sources_at_once(&self) -> Option<Vec<SourceReport>> {
        let layers = self.turns.look_at_once()?;
        Some(layers.feeds.reports(layers.base.topology.own_network_map(), (self.clock)()))
    }

    /// Publishes a network map if the interval since the last one has ended and prefixes changed since.
    pub(crate) fn publish_prefixes(&self) -> Option<Outcome> {
        self.publish_prefixes_if_due(&mut self.turn())
    }

    fn publish_prefixes_if_due(&self, layers: &mut Turn<'_>) -> Option<Outcome> {
        let now = (self.clock)();
        if layers.feeds.publish_in(now)? > Duration::ZERO {
            return None;
        }
        let current = self.current();
        let present = current.snapshot().view();
        let topology = present.topology().with_prefix_changes(&layers.feeds.layer, &layers.feeds.pending);
        let mut next = self.publish(timed(|| present.successor(Arc::new(topology))), &layers.present.links, &current);
        let mut published = now;
        if let Some(shared) = layers.shared.clone() {
            match layers.share(&shared, &Saving::Publish, None, Some((&mut next, true))) {
                Ok(time) => published = time,
                // Another server may have published, and otherwise there will be another time.
                Err(error) => {
                    tracing::debug!(%error, "prefixes were not published");
                    return None;
                }
            }
        }
        layers.feeds.pending = PrefixDifference::default();
        layers.feeds.published = Some(published);
        Some(self.swap(next, Vec::new()))
    }

    fn unchanged(&self, layers: &Layers, source: &str) -> Applied {
        let report = layers.feeds.report(source, layers.base.topology.own_network_map(), (self.clock)());
        let none = || SourceReport {
            source: source.to_owned(),
            sequence: 0,
            prefixes: 0,
            unknown_pids: 0,
            publish_in: None,
            seen: None,
        };
        Applied { report: report.unwrap_or_else(none), is_new: false, added: 0, removed: 0, dropped: Vec::new() }
    }
}

/// Refuses PIDs that a network map does not have.
fn refuse_unknown(pids: impl Iterator<Item = String>, map: &NetworkMap) -> Result<(), FeedRefused> {
    let mut names: Vec<String> = pids.filter(|pid| map.id(pid).is_none()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    Err(FeedRefused::UnknownPids { names, more })
}
