//! Changes to single links, above the topology.

use std::sync::Arc;

use topo::{Fitted, Link, LinkChange, LinkChanges, LinkKey, Topology};

use super::{ChangeRefused, Network, Outcome, timed};
use crate::state::audit::{Action, Actor};
use crate::state::store::Saving;

/// A link: as it is, as the topology has it without changes, and what was changed.
pub(crate) struct LinkState {
    pub(crate) present: Link,
    pub(crate) configured: Link,
    pub(crate) change: Option<LinkChange>,
}

impl Network {
    /// Lists all links, in the order of the topology.
    pub(crate) fn links(&self) -> Vec<LinkState> {
        let layers = self.look();
        let current = self.current();
        let mut changes: Vec<Option<LinkChange>> = vec![None; layers.base.topology.links().len()];
        for (_, change) in layers.present.links.iter() {
            if let Some(slot) = layers.base.topology.position(change).and_then(|place| changes.get_mut(place)) {
                *slot = Some(change.clone());
            }
        }
        let present = current.snapshot().view().topology().links();
        let links = present.zip(layers.base.topology.links()).zip(changes);
        let state = |((present, configured), change): ((&Link, &Link), _)| LinkState {
            present: present.clone(),
            configured: configured.clone(),
            change,
        };
        links.map(state).collect()
    }

    /// Changes links: all of them, or none if one change is refused.
    pub(crate) fn change_links(&self, changes: &[LinkChange], by: &Actor) -> Result<Outcome, ChangeRefused> {
        self.in_order(|| self.change_links_now(changes, by))
    }

    fn change_links_now(&self, changes: &[LinkChange], by: &Actor) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.turn();
        let current = self.current();
        let topology = Arc::new(current.snapshot().view().topology().with_changes(changes)?);
        let merged = layers.present.links.merged_with(changes, &topology);
        let mut all = LinkChanges::clone(&layers.present.links);
        all.extend(merged.clone());
        let all = Arc::new(all);
        let mut next = self.publish(timed(|| current.snapshot().view().successor(topology)), &all, &current);
        let measured = changes.iter().all(LinkChange::is_measurement);
        let action = if measured { Action::MeasureLinks } else { Action::ChangeLinks };
        let subject = match changes {
            _ if measured => String::new(),
            [only] => format!("{} {}", only.source, only.destination),
            several => format!("{} links", several.len()),
        };
        let (saving, what) = (Saving::Links(&merged), (subject.as_str(), &*described(changes)));
        layers.save(&saving, (by, action), what, Some((&mut next, false)), self.clock)?;
        layers.set_links(all);
        Ok(self.swap(next, Vec::new()))
    }

    /// Undoes the changes of one link, measurements included.
    pub(crate) fn undo_link(&self, link: &LinkChange, by: &Actor) -> Result<Outcome, ChangeRefused> {
        self.in_order(|| self.undo_link_now(link, by))
    }

    fn undo_link_now(&self, link: &LinkChange, by: &Actor) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.turn();
        // Refuses a link that does not exist, or one of several without an index, with the reason.
        layers.base.topology.with_changes(std::slice::from_ref(link))?;
        let rest = LinkKey::of(link, &layers.base.topology).and_then(|key| layers.present.links.without(&key));
        let Some(rest) = rest else {
            return Err(ChangeRefused::Unchanged {
                source_name: link.source.clone(),
                destination_name: link.destination.clone(),
            });
        };
        let Fitted { topology, kept, .. } = rest.fit(&layers.base.topology);
        let (kept, current) = (Arc::new(kept), self.current());
        let (mut next, all) = self.over(&layers, (&topology, &kept), &current);
        let subject = format!("{} {}", link.source, link.destination);
        let (saving, action) = (Saving::AllLinks(&kept), (by, Action::UndoLink));
        let time = layers.save(&saving, action, (&subject, ""), Some((&mut next, all)), self.clock)?;
        layers.set_links(kept);
        layers.feeds.published(time, all);
        Ok(self.swap(next, Vec::new()))
    }

    /// Discards all changes to links.
    pub(crate) fn reset_links(&self, by: &Actor) -> Result<Outcome, ChangeRefused> {
        self.in_order(|| self.reset_links_now(by))
    }

    fn reset_links_now(&self, by: &Actor) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.turn();
        let current = self.current();
        let base: Arc<Topology> = Arc::clone(&layers.base.topology);
        let none = Arc::default();
        let (mut next, all) = self.over(&layers, (&base, &none), &current);
        let subject = format!("{} links", layers.present.links.len());
        let (saving, action) = (Saving::AllLinks(&none), (by, Action::ResetLinks));
        let time = layers.save(&saving, action, (&subject, ""), Some((&mut next, all)), self.clock)?;
        layers.set_links(none);
        layers.feeds.published(time, all);
        Ok(self.swap(next, Vec::new()))
    }
}

/// Describes changes for the audit trail, which shortens the text.
fn described(changes: &[LinkChange]) -> String {
    /// Number of changes that fill an entry in any case.
    const DESCRIBED: usize = 5;
    let json = |change: &LinkChange| serde_json::to_string(&change.clone().condensed()).unwrap_or_default();
    changes.iter().take(DESCRIBED).map(json).collect::<Vec<_>>().join(" ")
}
