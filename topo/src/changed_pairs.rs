//! The pairs of PIDs whose costs may differ from those of the view before.

use std::collections::HashSet;

use crate::costs::{Costs, Differences};
use crate::means::members::{End, Members};
use crate::metric::Metric;
use crate::prefix::network_map::PidId;
use crate::route::switches::{Neighbour, SwitchId};

/// What changed on the way from one view to the next, if only routes did.
#[derive(Debug)]
pub(crate) struct Step {
    /// Tag of the view before.
    pub(crate) previous: String,
    pub(crate) differences: Differences,
}

/// Pairs of PIDs whose costs may differ between two views; all others have the same costs.
#[derive(Debug)]
pub struct ChangedPairs<'a> {
    costs: &'a Costs,
    members: &'a [Members],
    /// Switches from which routes to each PID changed.
    changed: Vec<HashSet<SwitchId>>,
}

impl<'a> ChangedPairs<'a> {
    /// Collects the changes of the trees that serve each PID.
    pub(crate) fn of(costs: &'a Costs, members: &'a [Members], differences: &Differences) -> Self {
        let switches_of = |members: &Members| {
            let trees = members.into.iter().filter_map(|group| costs.tree_to(group.end));
            trees.flat_map(|tree| differences.changed.get(tree as usize).into_iter().flatten().copied()).collect()
        };
        Self { costs, members, changed: members.iter().map(switches_of).collect() }
    }

    /// Returns whether the cost from one PID to another may differ in a metric.
    pub fn contains(&self, metric: Metric, source: PidId, destination: PidId) -> bool {
        let is_round_trip = metric.round_trip_of().is_some();
        self.has_one_way(source, destination) || (is_round_trip && self.has_one_way(destination, source))
    }

    fn has_one_way(&self, source: PidId, destination: PidId) -> bool {
        let (Some(changed), Some(members)) =
            (self.changed.get(destination.0 as usize), self.members.get(source.0 as usize))
        else {
            return true;
        };
        !changed.is_empty() && members.from.iter().any(|group| self.begins_at(group.end, changed))
    }

    fn begins_at(&self, end: End, changed: &HashSet<SwitchId>) -> bool {
        match end {
            End::Switch(switch) => changed.contains(&switch),
            End::Pid(pid) => self.costs.entries(pid).iter().any(|switch| changed.contains(switch)),
            End::Host(host) => self.costs.access().out(host).iter().any(|exit| match exit.to {
                Neighbour::Switch(switch) => changed.contains(&switch),
                // The link itself did not change, but what lies behind it may have.
                Neighbour::Host(_) => true,
            }),
        }
    }
}
