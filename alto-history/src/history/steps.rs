//! Ways through a history: single edges, edges that skip versions, and which one to take first.

use std::sync::Arc;

use super::item::{Form, Item};
use super::{History, Missing, SHORTCUTS, Sequence, Step};
use crate::difference::Difference;

impl History {
    /// Returns the update from one version to another that exists (RFC 9569 §7.2); 0 stands for nothing.
    ///
    /// There is one from each version to the next, one from nothing to some versions, and some that skip versions.
    pub fn item(&mut self, from: Sequence, to: Sequence) -> Result<Item, Missing> {
        if from >= to {
            return Err(Missing::NoEdge);
        }
        if to < self.start() || (from != 0 && from < self.start()) {
            return Err(Missing::Past);
        }
        if let Some(distance) = to.checked_sub(self.end()).filter(|distance| *distance > 0) {
            return Err(Missing::Future { distance });
        }
        if from == 0 {
            self.keep_snapshot_of_only();
            return self.snapshot(to).ok_or(Missing::NoEdge);
        }
        if to == from + 1 {
            return self.step(to).map(|step| step.item.clone()).ok_or(Missing::NoEdge);
        }
        if !is_shortcut(from, to) {
            return Err(Missing::NoEdge);
        }
        if let Some(known) = self.shortcuts.get(&(from, to)) {
            return Ok(known.clone());
        }
        let item = self.combined(from, to).ok_or(Missing::NoEdge)?;
        self.bytes += item.text.body().len();
        self.shortcuts.insert((from, to), item.clone());
        Ok(item)
    }

    /// Returns one update that leads from a version, or from nothing, to the newest one; none if the version is the newest
    /// one. A version that is not known any more is led on by the whole document.
    pub fn update(&mut self, from: Option<Sequence>) -> Option<Item> {
        let Some(from) = from.filter(|from| *from >= self.start()) else { return Some(self.whole()) };
        if from >= self.end() {
            return None;
        }
        if from + 1 == self.end() {
            return Some(self.step(self.end())?.item.clone());
        }
        if let Some(known) = self.to_newest.get(&from) {
            return Some(known.clone());
        }
        let combined = self.combined(from, self.end());
        let item = combined.filter(|item| item.text.body().len() <= self.newest().least_len());
        let item = item.unwrap_or_else(|| self.whole());
        if item.form != Form::Whole {
            self.bytes += item.text.body().len();
            self.to_newest.insert(from, item.clone());
        }
        Some(item)
    }

    /// Returns the first edge of the shortest way from a version, or from nothing, to the newest one (RFC 9569 §7.4.2). From
    /// the newest version it leads to the next one, which is still to come.
    pub fn recommended(&mut self, from: Option<Sequence>) -> (Sequence, Sequence) {
        let end = self.end();
        let known = from.filter(|from| (self.start()..=end).contains(from));
        if known == Some(end) {
            return (end, end + 1);
        }
        self.keep_snapshot_of_only();
        let latest = (self.start()..=end).rev().find(|version| self.snapshot(*version).is_some()).unwrap_or(end);
        let snapshot_len = self.snapshot(latest).map_or(0, |item| item.text.body().len());
        match known {
            Some(from) if self.len_of_steps(from) <= snapshot_len + self.len_of_steps(latest) => {
                let shortcut = SHORTCUTS.into_iter().find(|length| {
                    from % length == 0 && from + length <= end && self.item(from, from + length).is_ok()
                });
                (from, from + shortcut.unwrap_or(1))
            }
            _ => (0, latest),
        }
    }

    /// Keeps the only version as a whole, which would otherwise be rendered for nobody: to it there is no other way.
    fn keep_snapshot_of_only(&mut self) {
        if self.start() == self.end() {
            self.keep_snapshot_of_newest();
        }
    }

    /// Length of all steps from a version to the newest one, in bytes.
    fn len_of_steps(&self, from: Sequence) -> usize {
        (from + 1..=self.end()).filter_map(|to| self.step(to)).map(|step| step.item.text.body().len()).sum()
    }

    fn step(&self, to: Sequence) -> Option<&Step> {
        self.version(to)?.step.as_ref()
    }

    fn snapshot(&self, version: Sequence) -> Option<Item> {
        let text = Arc::clone(self.version(version)?.snapshot.as_ref()?);
        Some(Item { form: Form::Whole, text })
    }

    /// Combines the steps between two versions into one patch; none if one of them is a whole document.
    fn combined(&self, from: Sequence, to: Sequence) -> Option<Item> {
        let difference = |to: Sequence| self.step(to)?.difference.as_ref();
        let mut combined: Option<Difference> = None;
        for to in from + 1..=to {
            let next = difference(to)?;
            combined = Some(combined.map_or_else(|| next.clone(), |combined| combined.then(next)));
        }
        self.patches().write(&combined?)
    }
}

fn is_shortcut(from: Sequence, to: Sequence) -> bool {
    SHORTCUTS.iter().any(|length| to - from == *length && from.is_multiple_of(*length))
}
