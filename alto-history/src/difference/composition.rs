//! Differences that follow each other, combined into one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Difference, RowChange, Span, Step};
use crate::content::keys::Key;

impl Difference {
    /// Returns the difference that has the effect of this one and then `next`.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        let mut combined = Self::new(self.member);
        combined.tags = match (&self.tags, &next.tags) {
            (Some((old, _)), Some((_, new))) => Some((old.clone(), new.clone())),
            (tags, None) | (None, tags) => tags.clone(),
        };
        combined.meta = combined.changes_of(self, &self.meta, next, &next.meta);
        let mut later: BTreeMap<&Key, &RowChange> = next.rows.iter().map(|(key, change)| (key, change)).collect();
        for (key, first) in &self.rows {
            let change = match later.remove(key) {
                None => Some(combined.copied(self, first)),
                Some(second) => combined.row(self, first, next, second),
            };
            combined.rows.extend(change.map(|change| (key.clone(), change)));
        }
        for (key, second) in &next.rows {
            if later.contains_key(key) {
                let change = combined.copied(next, second);
                combined.rows.push((key.clone(), change));
            }
        }
        combined
    }

    /// Combines two changes to one object; none if nothing remains.
    fn row(&mut self, a: &Self, first: &RowChange, b: &Self, second: &RowChange) -> Option<RowChange> {
        Some(match (first, second) {
            (RowChange::Added(_), RowChange::Removed(_)) => return None,
            (RowChange::Added(members), RowChange::Changed(changes)) => {
                let mut later: BTreeMap<&Key, &Change> = changes.iter().map(|change| (&change.key, change)).collect();
                let mut all = Vec::with_capacity(members.len());
                for (key, span) in members {
                    let value = match later.remove(key) {
                        None => Some((a, *span)),
                        Some(change) => change.value.map(|span| (b, span)),
                    };
                    all.extend(value.map(|(from, span)| (key.clone(), self.copy(from, span))));
                }
                for change in changes.iter().filter(|change| later.contains_key(&change.key)) {
                    all.extend(change.value.map(|span| (change.key.clone(), self.copy(b, span))));
                }
                RowChange::Added(all)
            }
            (RowChange::Removed(keys), RowChange::Added(members)) => {
                let mut gone: BTreeSet<&Key> = keys.iter().collect();
                let mut changes: Vec<Change> = Vec::with_capacity(members.len());
                for (key, span) in members {
                    let value = Some(self.copy(b, *span));
                    changes.push(Change { key: key.clone(), had: gone.remove(key), value, steps: None });
                }
                let removed = |key: &Key| Change { key: key.clone(), had: true, value: None, steps: None };
                changes.extend(gone.into_iter().map(removed));
                RowChange::Changed(changes)
            }
            (RowChange::Changed(changes), RowChange::Removed(keys)) => {
                // The members that the object had before the first change.
                let added: BTreeSet<&Key> =
                    changes.iter().filter(|change| !change.had).map(|change| &change.key).collect();
                let mut had: Vec<Key> = keys.iter().filter(|key| !added.contains(key)).cloned().collect();
                let gone = changes.iter().filter(|change| change.had && change.value.is_none());
                had.extend(gone.map(|change| change.key.clone()));
                RowChange::Removed(had)
            }
            (RowChange::Changed(earlier), RowChange::Changed(later)) => {
                RowChange::Changed(self.changes_of(a, earlier, b, later))
            }
            // Differences that follow each other have no other pairs.
            (_, second) => self.copied(b, second),
        })
    }

    /// Combines changes to the members of one object.
    fn changes_of(&mut self, a: &Self, earlier: &[Change], b: &Self, later: &[Change]) -> Vec<Change> {
        let mut following: BTreeMap<&Key, &Change> = later.iter().map(|change| (&change.key, change)).collect();
        let mut all = Vec::with_capacity(earlier.len().max(later.len()));
        for first in earlier {
            let Some(second) = following.remove(&first.key) else {
                all.push(self.copied_change(a, first));
                continue;
            };
            if !first.had && second.value.is_none() {
                continue;
            }
            // Lists that were lists all the time.
            let steps = first.steps.as_ref().zip(second.steps.as_ref()).map(|(one, other)| {
                let mut steps = self.copied_steps(a, one);
                steps.extend(self.copied_steps(b, other));
                Box::new(steps)
            });
            let value = second.value.map(|span| self.copy(b, span));
            all.push(Change { key: first.key.clone(), had: first.had, value, steps });
        }
        for second in later.iter().filter(|change| following.contains_key(&change.key)) {
            all.push(self.copied_change(b, second));
        }
        all
    }

    fn copied(&mut self, from: &Self, change: &RowChange) -> RowChange {
        match change {
            RowChange::Added(members) => {
                RowChange::Added(members.iter().map(|(key, span)| (key.clone(), self.copy(from, *span))).collect())
            }
            RowChange::Removed(keys) => RowChange::Removed(keys.clone()),
            RowChange::Changed(changes) => {
                RowChange::Changed(changes.iter().map(|change| self.copied_change(from, change)).collect())
            }
        }
    }

    fn copied_change(&mut self, from: &Self, Change { key, had, value, steps }: &Change) -> Change {
        let value = value.map(|span| self.copy(from, span));
        let steps = steps.as_ref().map(|steps| Box::new(self.copied_steps(from, steps)));
        Change { key: key.clone(), had: *had, value, steps }
    }

    fn copied_steps(&mut self, from: &Self, steps: &[Step]) -> Vec<Step> {
        let mut copy = |step: &Step| {
            let added = step.added.iter().map(|(index, span)| (*index, self.copy(from, *span))).collect();
            Step { removed: step.removed.clone(), added }
        };
        steps.iter().map(&mut copy).collect()
    }

    fn copy(&mut self, from: &Self, span: Span) -> Span {
        self.value(|out| out.extend_from_slice(from.json(span)))
    }
}
