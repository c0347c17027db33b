//! The topology below everything: the file, one that took its place, and the one before.

use std::sync::Arc;

use topo::file::TopologyFile;
use topo::{Fitted, LinkChanges};

use super::feeds::FeedLimits;
use super::turn::Turn;
use super::{ChangeRefused, Network, Outcome, describe_dropped};
use crate::state::audit::{Action, Actor};
use crate::state::source::{Loaded, check_maps};
use crate::state::store::{Layered, Saving};

impl Network {
    /// Topology in force as a file, with the changes to links; measurements have no place in a file.
    pub(crate) fn topology_in_force(&self) -> Result<String, ChangeRefused> {
        let (base, links) = {
            let layers = self.look();
            (layers.base.clone(), layers.present.links.clone())
        };
        let mut file = TopologyFile::from_json(&base.text, "topology in force")?;
        links.write_into(&mut file, &base.topology);
        Ok(file.to_json())
    }

    /// Replaces the topology of the file, restarts included, and discards all changes to links.
    pub(crate) fn replace_topology(&self, text: &[u8], by: &Actor) -> Result<Outcome, ChangeRefused> {
        let loaded = Loaded::from_json(text, "request body")?;
        self.in_order(|| {
            let mut layers = self.turn();
            layers.feeds.check(&loaded.topology)?;
            self.replace(&mut layers, loaded.clone(), by)
        })
    }

    /// Puts a checked topology in the place of the file.
    pub(super) fn replace(&self, layers: &mut Turn<'_>, loaded: Loaded, by: &Actor) -> Result<Outcome, ChangeRefused> {
        let present = Layered { replacement: Some(Arc::clone(&loaded.text)), links: Arc::default() };
        self.rebase(layers, loaded, present, (by, Action::ReplaceTopology))
    }

    /// Returns to the topology file, and discards all changes to links.
    pub(crate) fn restore_topology(&self, file: &Loaded, by: &Actor) -> Result<Outcome, ChangeRefused> {
        let restore = || self.rebase(&mut self.turn(), file.clone(), Layered::default(), (by, Action::RestoreTopology));
        self.in_order(restore)
    }

    /// Returns to the topology before the last replacement, with its changes to links. Doing so twice changes nothing.
    pub(crate) fn go_back(
        &self,
        file: impl Fn() -> Result<Loaded, String>,
        by: &Actor,
    ) -> Result<Outcome, ChangeRefused> {
        self.in_order(|| self.go_back_now(&file, by))
    }

    fn go_back_now(&self, file: impl Fn() -> Result<Loaded, String>, by: &Actor) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.turn();
        let previous = layers.previous.clone().ok_or(ChangeRefused::NoPrevious)?;
        let loaded = match &previous.replacement {
            Some(text) => Loaded::from_json(text, "topology before")?,
            None => file().map_err(ChangeRefused::File)?,
        };
        layers.feeds.check(&loaded.topology)?;
        self.rebase(&mut layers, loaded, previous, (by, Action::PreviousTopology))
    }

    fn rebase(
        &self,
        layers: &mut Turn<'_>,
        base: Loaded,
        present: Layered,
        (by, action): (&Actor, Action),
    ) -> Result<Outcome, ChangeRefused> {
        check_maps(&base.topology, &layers.base.topology)?;
        let current = self.current();
        let Fitted { topology, kept, dropped } = LinkChanges::clone(&present.links).fit(&base.topology);
        let present = Layered { replacement: present.replacement, links: Arc::new(kept) };
        let (mut next, all) = self.over(layers, (&topology, &present.links), &current);
        let previous = layers.present.clone();
        let detail = format!("{} links changed before", previous.links.len());
        let saving = Saving::Topology { base: &base, present: &present, previous: &previous };
        let what = (base.topology.name(), detail.as_str());
        let time = layers.save(&saving, (by, action), what, Some((&mut next, all)), self.clock)?;
        (layers.base, layers.present, layers.previous) = (base, present, Some(previous));
        layers.count();
        layers.feeds.published(time, all);
        Ok(self.swap(next, describe_dropped(&dropped)))
    }

    /// Takes over a topology file that was read again, as a restart would: changes to links are kept if they still fit,
    /// and so is a topology that replaced the file.
    pub(crate) fn reload(&self, file: &Loaded, limits: FeedLimits, by: &Actor) -> Result<Outcome, ChangeRefused> {
        self.turn().feeds.set_limits(limits);
        self.in_order(|| self.reload_now(file, by))
    }

    fn reload_now(&self, file: &Loaded, by: &Actor) -> Result<Outcome, ChangeRefused> {
        let mut layers = self.turn();
        let base = if layers.present.replacement.is_none() { file.clone() } else { layers.base.clone() };
        let current = self.current();
        let Fitted { topology, kept, dropped } = LinkChanges::clone(&layers.present.links).fit(&base.topology);
        let dropped = describe_dropped(&dropped);
        let present = Layered { replacement: layers.present.replacement.clone(), links: Arc::new(kept) };
        let (mut next, all) = self.over(&layers, (&topology, &present.links), &current);
        let (name, action) = (base.topology.name().to_owned(), (by, Action::Reload));
        let saving = Saving::File { base: &base, present: &present };
        let time = match layers.save(&saving, action, (&name, ""), Some((&mut next, all)), self.clock) {
            Ok(time) => time,
            Err(ChangeRefused::Replication(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the reload is in force, but not in the audit trail");
                (self.clock)()
            }
        };
        layers.base = base;
        layers.set_links(present.links);
        layers.announce();
        layers.feeds.published(time, all);
        Ok(self.swap(next, dropped))
    }
}
