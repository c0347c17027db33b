//! The pairs of PIDs whose costs may differ from those of the view before.

use std::collections::HashMap;

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
pub struct ChangedPairs {
    /// Sources from which routes to each PID may have changed, sorted.
    sources: Vec<Vec<PidId>>,
}

/// The PIDs whose routes may begin at each switch.
struct Starts {
    at_switches: HashMap<SwitchId, Vec<PidId>>,
    /// PIDs with a host that is linked to another host: the link did not change, but what lies behind it may have.
    behind_hosts: Vec<PidId>,
}

impl ChangedPairs {
    /// Collects the changes of the trees that serve each PID.
    pub(crate) fn of(costs: &Costs, members: &[Members], differences: &Differences) -> Self {
        let starts = Starts::of(costs, members);
        let sources_to = |members: &Members| {
            let trees = members.into.iter().filter_map(|group| costs.tree_to(group.end));
            let switches = trees.flat_map(|tree| differences.changed.get(tree as usize).into_iter().flatten());
            starts.sources(switches.copied())
        };
        Self { sources: members.iter().map(sources_to).collect() }
    }

    /// Returns the pairs of source and destination whose costs may differ in a metric; the same pair may come twice.
    pub fn of_metric(&self, metric: Metric) -> impl Iterator<Item = (PidId, PidId)> {
        let is_round_trip = metric.round_trip_of().is_some();
        let one_way = (0..).map(PidId).zip(&self.sources);
        let one_way =
            one_way.flat_map(|(destination, sources)| sources.iter().map(move |source| (*source, destination)));
        one_way.flat_map(move |(from, to)| [Some((from, to)), is_round_trip.then_some((to, from))]).flatten()
    }
}

impl Starts {
    fn of(costs: &Costs, members: &[Members]) -> Self {
        let mut starts = Self { at_switches: HashMap::new(), behind_hosts: Vec::new() };
        for (pid, members) in (0..).map(PidId).zip(members) {
            for group in &members.from {
                match group.end {
                    End::Switch(switch) => starts.add(switch, pid),
                    End::Pid(of) => costs.entries(of).iter().for_each(|switch| starts.add(*switch, pid)),
                    End::Host(host) => {
                        for exit in costs.access().out(host) {
                            match exit.to {
                                Neighbour::Switch(switch) => starts.add(switch, pid),
                                Neighbour::Host(_) => starts.behind_hosts.push(pid),
                            }
                        }
                    }
                }
            }
        }
        starts
    }

    fn add(&mut self, switch: SwitchId, pid: PidId) {
        self.at_switches.entry(switch).or_default().push(pid);
    }

    /// Sources from which routes may have changed, if those of some switches did.
    fn sources(&self, switches: impl Iterator<Item = SwitchId>) -> Vec<PidId> {
        let mut switches = switches.peekable();
        if switches.peek().is_none() {
            return Vec::new();
        }
        let near = switches.filter_map(|switch| self.at_switches.get(&switch)).flatten();
        let mut sources: Vec<_> = near.chain(&self.behind_hosts).copied().collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    }
}
