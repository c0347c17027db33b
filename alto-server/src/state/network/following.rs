//! Changes that other servers made: the same state from the same records.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use topo::{Fitted, LinkChange, LinkChanges, LinkKey, PrefixDifference, PrefixLayer, PrefixSet, View};

use super::feeds::Source;
use super::{ChangeRefused, Layers, Names, Network, describe_dropped, timed};
use crate::state::audit::{AuditEntry, Noted, Trail};
use crate::state::prefix_lines::{self, Form};
use crate::state::published::Published;
use crate::state::replication::{Change, CommitError, Links, LogPosition, Previous, Record, Replication};
use crate::state::source::{Loaded, check_maps};
use crate::state::store::{Layered, Saving};

/// State as the shared store has it.
pub(crate) struct Stored {
    pub(crate) position: LogPosition,
    /// Name and JSON of the topology in force.
    pub(crate) base: Named,
    pub(crate) replaced: bool,
    pub(crate) links: Links,
    /// What was in force before: name and JSON of a topology that had replaced the file, and the changes to links.
    pub(crate) previous: Option<(Option<Named>, Links)>,
    pub(crate) sources: Vec<StoredSource>,
    pub(crate) published: Vec<StoredSource>,
    pub(crate) published_at: Option<SystemTime>,
    pub(crate) audit: Vec<AuditEntry>,
    /// Times of documents by their names.
    pub(crate) since: BTreeMap<String, SystemTime>,
}

/// What is kept in the store beside the log, with its name.
pub(crate) type Named = (String, Vec<u8>);

/// Prefixes of a source: the pieces of its set with their names.
pub(crate) struct StoredSource {
    pub(crate) name: String,
    pub(crate) sequence: u64,
    pub(crate) pieces: Vec<Named>,
}

/// Reason why a record cannot be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    #[error(transparent)]
    Refused(#[from] ChangeRefused),
    #[error("prefixes of the source {0:?} are not readable by this version")]
    Prefixes(String),
    #[error("the link {0:?} is not readable by this version")]
    Link(String),
    /// What a record refers to is not in the store any more.
    #[error("{0}")]
    Gone(String),
}

impl From<topo::ChangeError> for FollowError {
    fn from(error: topo::ChangeError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<topo::TopologyError> for FollowError {
    fn from(error: topo::TopologyError) -> Self {
        Self::Refused(error.into())
    }
}

/// Reads what is kept in the store beside the log, by its name.
pub(crate) type Fetch<'a> = &'a mut dyn FnMut(&str) -> Result<Vec<u8>, FollowError>;

impl Network {
    /// Shares the store with other servers from now on. Where it is empty, the present state is its beginning.
    pub(crate) fn share(&self, shared: &Arc<dyn Replication>) -> Result<(), ChangeRefused> {
        self.turn().shared = Some(Arc::clone(shared));
        self.durable.store(true, Ordering::Relaxed);
        let _only_once = self.shared.set(Arc::clone(shared));
        self.in_order(|| {
            let mut layers = self.turn();
            if !layers.position.text.is_empty() {
                return Ok(());
            }
            let (base, present) = (layers.base.clone(), layers.present.clone());
            let previous = layers.previous.clone().unwrap_or_default();
            let current = self.current();
            let view = View::compute(Arc::clone(current.snapshot().view().topology()));
            let mut first =
                Published::new(Arc::clone(&self.catalogue), (view, Arc::clone(&present.links)), None, (self.clock)());
            let saving = Saving::Topology { base: &base, present: &present, previous: &previous };
            layers.share(shared, &saving, None, Some((&mut first, true)))?;
            tracing::info!("the shared store was empty: it begins with what this server has");
            self.swap(first, Vec::new());
            Ok(())
        })?;
        // From here on, the store has what files had, and files are not written any more.
        let mut layers = self.turn();
        let (kept, is_new) = (layers.feeds.take_files(), layers.feeds.pieces.is_empty());
        layers.store = None;
        if kept.is_empty() || !is_new {
            return Ok(());
        }
        for (source, sequence, set) in kept {
            let saving = Saving::Prefixes { source: &source, sequence, lines: None, set: &set };
            layers.share(shared, &saving, None, None)?;
        }
        // The network map has them already.
        let mut same = self.current().at(layers.position.clone());
        layers.share(shared, &Saving::Publish, None, Some((&mut same, true)))?;
        self.swap(same, Vec::new());
        Ok(())
    }

    /// Replaces the state by the stored one. Nothing is changed if there is none.
    pub(crate) fn restore(&self, stored: Stored) -> Result<(), FollowError> {
        let base = Loaded::from_json(&stored.base.1, "topology of the store")?;
        let mut layers = self.turn();
        check_maps(&base.topology, &layers.base.topology).map_err(ChangeRefused::from)?;
        if base.text != layers.base.text && !stored.replaced {
            tracing::warn!(
                "the topology of the shared store is in force, not the file of this server; a reload changes that"
            );
        }
        let Fitted { topology, kept, dropped } = read_links(&stored.links)?.fit(&base.topology);
        describe_dropped(&dropped);
        let links = Arc::new(kept);
        let (present_sets, mut published) = (read_sets(&stored.sources)?, PrefixLayer::default());
        let mut pending = PrefixDifference::default();
        let published_sets = read_sets(&stored.published)?;
        let none = PrefixSet::default();
        for (name, set) in &published_sets {
            let next = present_sets.get(name).map_or(&none, |set| &**set);
            pending.extend(&set.difference(next));
            published.insert(name, Arc::clone(set));
        }
        for (_, set) in present_sets.iter().filter(|(name, _)| !published_sets.contains_key(*name)) {
            pending.extend(&none.difference(set));
        }
        let view = timed(|| View::compute(Arc::new(topology.with_prefixes(&published))));
        let mut next = Published::new(Arc::clone(&self.catalogue), (view, Arc::clone(&links)), None, (self.clock)());
        let begun = SystemTime::UNIX_EPOCH;
        next.date(stored.position.clone(), |name| stored.since.get(name).copied().unwrap_or(begun));
        let previous_name = stored.previous.as_ref().and_then(|(text, _)| text.as_ref().map(|(name, _)| name.clone()));
        layers.names = Names { base: Some(stored.base.0), previous: previous_name };
        let previous = stored.previous.map(|(replacement, links)| {
            let replacement = replacement.map(|(_, text)| Arc::from(text));
            Ok::<_, FollowError>(Layered { replacement, links: Arc::new(read_links(&links)?) })
        });
        layers.previous = previous.transpose()?;
        let replacement = stored.replaced.then(|| Arc::clone(&base.text));
        (layers.base, layers.present) = (base, Layered { replacement, links });
        layers.count();
        layers.feeds.pieces = names_of(&stored.sources);
        layers.feeds.published_pieces = names_of(&stored.published);
        layers.feeds.sources.clear();
        for StoredSource { name, sequence, .. } in &stored.sources {
            let source = layers.feeds.sources.entry(name.clone()).or_default();
            source.sequence = *sequence;
        }
        let mut layer = PrefixLayer::default();
        for (name, set) in &present_sets {
            layer.insert(name, Arc::clone(set));
        }
        (layers.feeds.layer, layers.feeds.pending, layers.feeds.published) = (layer, pending, stored.published_at);
        layers.trail = Trail::new(stored.audit);
        layers.position = stored.position;
        self.swap(next, Vec::new());
        Ok(())
    }

    /// Makes a change that another server has made; one that this server has made is known already.
    pub(crate) fn follow(
        &self,
        record: Record,
        position: LogPosition,
        time: SystemTime,
        fetch: Fetch<'_>,
    ) -> Result<(), FollowError> {
        let mut layers = self.turn();
        if layers.position.order >= position.order {
            return Ok(());
        }
        let mut brought = layers.pause(|| {
            let names = record.change.names().into_iter();
            names.map(|name| Ok((name.to_owned(), fetch(name)?))).collect::<Result<Vec<Named>, FollowError>>()
        })?;
        let mut take = |name: &str| {
            let place = brought.iter().position(|(known, _)| known == name);
            place.map(|place| brought.swap_remove(place).1).ok_or_else(|| FollowError::Gone(name.to_owned()))
        };
        let next = self.change(&mut layers, &record.change, (&position, time), &mut take)?;
        if let Some(entry) = record.audit {
            let is_new = entry.count == 1;
            let mut noted = Noted { entry, is_new };
            noted.date(time);
            layers.trail.add(noted);
        }
        layers.position = position;
        layers.remember(record.change);
        match next {
            Some((next, all)) => {
                if all {
                    layers.feeds.published_pieces = layers.feeds.pieces.clone();
                }
                layers.feeds.published(time, all);
                self.swap(next, Vec::new());
            }
            None => self.mark(&layers),
        }
        Ok(())
    }

    /// Computes the state after a change, and whether it has the prefixes of all sources; nothing where it is the same.
    fn change(
        &self,
        layers: &mut Layers,
        change: &Change,
        (position, time): (&LogPosition, SystemTime),
        fetch: Fetch<'_>,
    ) -> Result<Option<(Published, bool)>, FollowError> {
        let current = self.current();
        let view = current.snapshot().view();
        let (mut next, all) = match change {
            Change::Links(links) => {
                let changes: Vec<LinkChange> = links.iter().map(|(_, change)| change.clone()).collect();
                let topology = Arc::new(view.topology().with_changes(&changes)?);
                let mut merged = LinkChanges::clone(&layers.present.links);
                merged.extend(read_links(links)?);
                let merged = Arc::new(merged);
                let next = self.publish(timed(|| view.successor(topology)), &merged, &current);
                layers.set_links(merged);
                (next, false)
            }
            Change::AllLinks(links) => {
                let Fitted { topology, kept, .. } = read_links(links)?.fit(&layers.base.topology);
                let kept = Arc::new(kept);
                let decided = self.over(layers, (&topology, &kept), &current);
                layers.set_links(kept);
                decided
            }
            Change::Topology { base, replaced, links, previous } => {
                let base = Loaded::from_json(&fetch(base)?, "topology of the log")?;
                check_maps(&base.topology, &layers.base.topology).map_err(ChangeRefused::from)?;
                let Fitted { topology, kept, .. } = read_links(links)?.fit(&base.topology);
                let present = Layered { replacement: replaced.then(|| Arc::clone(&base.text)), links: Arc::new(kept) };
                let previous = previous.as_ref().map(|previous| read_previous(previous, fetch)).transpose()?;
                let decided = self.over(layers, (&topology, &present.links), &current);
                (layers.base, layers.present) = (base, present);
                layers.count();
                if previous.is_some() {
                    layers.previous = previous;
                }
                decided
            }
            Change::Prefixes { source, sequence, pieces } => {
                let unreadable = || FollowError::Prefixes(source.clone());
                let piece = pieces.last().ok_or_else(unreadable)?;
                let form = if pieces.len() == 1 { Form::Set } else { Form::Difference };
                let statements = prefix_lines::parse(&fetch(piece)?, form, usize::MAX).map_err(|_| unreadable())?;
                let present = layers.feeds.layer.get(source).map(Arc::clone).unwrap_or_default();
                let (set, effect) = if form == Form::Set {
                    let set = PrefixSet::default().with(statements.changes).0;
                    let effect = present.difference(&set);
                    (set, effect)
                } else {
                    present.with(statements.changes)
                };
                let known: &mut Source = layers.feeds.sources.entry(source.clone()).or_default();
                (known.sequence, known.seen) = (*sequence, Some(time));
                layers.feeds.layer.insert(source, Arc::new(set));
                layers.feeds.pending.extend(&effect);
                return Ok(None);
            }
            Change::DeletePrefixes(source) => {
                if let Some(set) = layers.feeds.layer.remove(source) {
                    layers.feeds.pending.extend(&set.difference(&PrefixSet::default()));
                }
                layers.feeds.sources.remove(source);
                return Ok(None);
            }
            Change::Publish => {
                let topology = view.topology().with_prefix_changes(&layers.feeds.layer, &layers.feeds.pending);
                let next = timed(|| view.successor(Arc::new(topology)));
                (self.publish(next, &layers.present.links, &current), true)
            }
            Change::Nothing => return Ok(None),
        };
        next.date(position.clone(), |_| time);
        Ok(Some((next, all)))
    }
}

fn read_links(links: &Links) -> Result<LinkChanges, FollowError> {
    let read = |(key, change): &(String, LinkChange)| {
        let known: LinkKey = key.parse().map_err(|_| FollowError::Link(key.clone()))?;
        Ok((known, change.clone()))
    };
    links.iter().map(read).collect()
}

fn read_previous(previous: &Previous, fetch: Fetch<'_>) -> Result<Layered, FollowError> {
    let replacement = previous.replacement.as_deref().map(fetch).transpose()?.map(Arc::from);
    Ok(Layered { replacement, links: Arc::new(read_links(&previous.links)?) })
}

fn read_sets(sources: &[StoredSource]) -> Result<BTreeMap<String, Arc<PrefixSet>>, FollowError> {
    let read = |source: &StoredSource| {
        let mut set = PrefixSet::default();
        for (number, (_, lines)) in source.pieces.iter().enumerate() {
            let form = if number == 0 { Form::Set } else { Form::Difference };
            let unreadable = |_| FollowError::Prefixes(source.name.clone());
            set = set.with(prefix_lines::parse(lines, form, usize::MAX).map_err(unreadable)?.changes).0;
        }
        Ok((source.name.clone(), Arc::new(set)))
    };
    sources.iter().map(read).collect()
}

fn names_of(sources: &[StoredSource]) -> BTreeMap<String, Vec<String>> {
    let names = |source: &StoredSource| source.pieces.iter().map(|(name, _)| name.clone()).collect();
    sources.iter().map(|source| (source.name.clone(), names(source))).collect()
}

impl From<CommitError> for FollowError {
    fn from(error: CommitError) -> Self {
        Self::Refused(error.into())
    }
}
