//! Changes as records and operations of the store that several servers share.

use std::sync::Arc;

use topo::LinkChanges;

use super::turn::Turn;
use super::{ChangeRefused, Layers};
use crate::state::audit::Noted;
use crate::state::prefix_lines;
use crate::state::published::Published;
use crate::state::replication::{
    Change, CommitError, Committed, Links, Operation, Previous, Record, Replication, field, key,
};
use crate::state::store::{Layered, Saving};

/// Number of pieces after which the set of a source is written anew.
const MAX_PIECES: usize = 100;

/// Changes to links as a record has them.
pub(super) fn links_of(changes: &LinkChanges) -> Links {
    changes.iter().map(|(key, change)| (key.to_string(), change.clone())).collect()
}

/// Value of a source: its sequence number and the names of its pieces.
fn source_value(sequence: u64, pieces: &[String]) -> Vec<u8> {
    format!("{sequence} {}", pieces.join(" ")).into_bytes()
}

impl Turn<'_> {
    /// Lets the store decide about a change. `next` is the state it leads to, where that is another; `all` tells whether it
    /// has the prefixes of all sources.
    pub(super) fn commit(
        &mut self,
        store: &Arc<dyn Replication>,
        (change, all): (&Saving<'_>, bool),
        noted: Option<&Noted>,
        next: Option<&Published>,
    ) -> Result<Committed, CommitError> {
        let mut operations = Vec::new();
        let change = self.describe(&**store, change, &mut operations)?;
        if all {
            self.publish_all(&change, &mut operations);
        }
        if let Some(noted) = noted {
            let json = serde_json::to_vec(&noted.entry).expect("entries are plain data with finite numbers");
            operations.push(Operation::Note(noted.entry.number, json));
        }
        let fresh = next.map(Published::fresh).unwrap_or_default();
        operations.extend(fresh.into_iter().map(|id| Operation::Stamp(key::SINCE, id)));
        let record = Record { audit: noted.map(|noted| noted.entry.clone()), change };
        let position = self.position.clone();
        let committed = self.pause(|| store.commit(&position, &record, &operations))?;
        self.position = committed.position.clone();
        self.remember(record.change);
        if all {
            let feeds = &mut self.feeds;
            feeds.published_pieces.clone_from(&feeds.pieces);
        }
        Ok(committed)
    }

    fn describe(
        &mut self,
        store: &dyn Replication,
        change: &Saving<'_>,
        operations: &mut Vec<Operation>,
    ) -> Result<Change, CommitError> {
        match change {
            Saving::Links(changes) => {
                set_links(operations, key::LINKS, changes);
                Ok(Change::Links(links_of(changes)))
            }
            Saving::AllLinks(changes) => {
                operations.push(Operation::Clear(key::LINKS));
                set_links(operations, key::LINKS, changes);
                Ok(Change::AllLinks(links_of(changes)))
            }
            Saving::Topology { base, present, previous } => {
                let previous = Some((*previous).clone());
                self.set_topology(store, (&base.text, present, previous.as_ref()), operations)
            }
            Saving::File { base, present } => self.set_topology(store, (&base.text, present, None), operations),
            Saving::Prefixes { source, sequence, lines, set } => {
                let known = self.feeds.pieces.get(*source).cloned().unwrap_or_default();
                // No piece is that of another source or time, so that each is removed with what it is a piece of.
                let salt = format!("{source} {sequence}");
                let few = lines.filter(|_| !known.is_empty() && known.len() < MAX_PIECES);
                let pieces = if let Some(lines) = few {
                    let piece = self.pause(|| store.bring("difference", &salt, lines.as_bytes()))?;
                    [known, vec![piece]].concat()
                } else {
                    operations.extend(self.garbage(source, &known));
                    vec![self.pause(|| store.bring("set", &salt, prefix_lines::print_set(set).as_bytes()))?]
                };
                operations.extend(pieces.last().cloned().map(Operation::Keep));
                operations.push(Operation::Set(key::PREFIXES, (*source).to_owned(), source_value(*sequence, &pieces)));
                Ok(Change::Prefixes { source: (*source).to_owned(), sequence: *sequence, pieces })
            }
            Saving::DeletePrefixes(source) => {
                let known = self.feeds.pieces.get(*source).map(Vec::as_slice).unwrap_or_default();
                operations.extend(self.garbage(source, known));
                operations.push(Operation::Unset(key::PREFIXES, (*source).to_owned()));
                Ok(Change::DeletePrefixes((*source).to_owned()))
            }
            Saving::Publish => Ok(Change::Publish),
            Saving::Nothing => Ok(Change::Nothing),
        }
    }

    fn set_topology(
        &mut self,
        store: &dyn Replication,
        (text, present, previous): (&[u8], &Layered, Option<&Layered>),
        operations: &mut Vec<Operation>,
    ) -> Result<Change, CommitError> {
        let set = |field: &str, value: &str| Operation::Set(key::TOPOLOGY, field.to_owned(), value.as_bytes().to_vec());
        let base = self.pause(|| store.bring("topology", "", text))?;
        let replaced = present.replacement.is_some();
        operations.push(Operation::Keep(base.clone()));
        operations.extend([set(field::BASE, &base), set(field::REPLACED, if replaced { "1" } else { "0" })]);
        operations.push(Operation::Clear(key::LINKS));
        set_links(operations, key::LINKS, &present.links);
        let previous = match previous {
            None => None,
            Some(previous) => {
                let mut bring = |text: &Arc<[u8]>| self.pause(|| store.bring("topology", "", text));
                let replacement = previous.replacement.as_ref().map(&mut bring).transpose()?;
                operations.extend(replacement.clone().map(Operation::Keep));
                operations.push(set(field::PREVIOUS, replacement.as_deref().unwrap_or(field::FILE)));
                operations.push(Operation::Clear(key::PREVIOUS_LINKS));
                set_links(operations, key::PREVIOUS_LINKS, &previous.links);
                Some(Previous { replacement, links: links_of(&previous.links) })
            }
        };
        let kept = [Some(&base), previous.as_ref().map_or(self.names.previous.as_ref(), |p| p.replacement.as_ref())];
        let before = [self.names.base.as_ref(), self.names.previous.as_ref()].into_iter().flatten();
        let unused = before.filter(|name| !kept.contains(&Some(*name)));
        operations.extend(unused.cloned().map(Operation::Drop));
        Ok(Change::Topology { base, replaced, links: links_of(&present.links), previous })
    }
}

impl Layers {
    /// Remembers the names under which the store has what a change is about.
    pub(super) fn remember(&mut self, change: Change) {
        match change {
            Change::Prefixes { source, pieces, .. } => drop(self.feeds.pieces.insert(source, pieces)),
            Change::DeletePrefixes(source) => drop(self.feeds.pieces.remove(&source)),
            Change::Topology { base, previous, .. } => {
                self.names.base = Some(base);
                if let Some(previous) = previous {
                    self.names.previous = previous.replacement;
                }
            }
            Change::Links(_) | Change::AllLinks(_) | Change::Publish | Change::Nothing => {}
        }
    }

    /// Pieces of a source that the published network map does not need.
    fn garbage(&self, source: &str, pieces: &[String]) -> Vec<Operation> {
        let published = self.feeds.published_pieces.get(source).map(Vec::as_slice).unwrap_or_default();
        pieces.iter().filter(|piece| !published.contains(piece)).cloned().map(Operation::Drop).collect()
    }

    /// Makes the prefixes of all sources those of the published map, after a change.
    fn publish_all(&self, change: &Change, operations: &mut Vec<Operation>) {
        operations.push(Operation::Clear(key::PUBLISHED));
        let sources = self.feeds.sources.iter().map(|(name, source)| (name, source.sequence));
        for (source, sequence) in sources {
            let pieces = self.feeds.pieces.get(source).map(Vec::as_slice).unwrap_or_default();
            operations.push(Operation::Set(key::PUBLISHED, source.clone(), source_value(sequence, pieces)));
        }
        for (source, pieces) in &self.feeds.published_pieces {
            let present = self.feeds.pieces.get(source).map(Vec::as_slice).unwrap_or_default();
            let unused = pieces.iter().filter(|piece| !present.contains(piece));
            operations.extend(unused.cloned().map(Operation::Drop));
        }
        debug_assert!(!matches!(change, Change::Prefixes { .. }), "prefixes are published by an entry of their own");
        if self.feeds.layer.is_empty() {
            operations.push(Operation::Unset(key::TOPOLOGY, field::PUBLISHED.to_owned()));
        } else {
            operations.push(Operation::Stamp(key::TOPOLOGY, field::PUBLISHED.to_owned()));
        }
    }
}

fn set_links(operations: &mut Vec<Operation>, key: &'static str, changes: &LinkChanges) {
    for (link, change) in changes {
        let json = serde_json::to_vec(change).expect("link changes are plain data");
        operations.push(Operation::Set(key, link.to_string(), json));
    }
}

impl From<CommitError> for ChangeRefused {
    fn from(error: CommitError) -> Self {
        Self::Replication(error)
    }
}
