//! All costs of one network state: a tree of routes to every destination.
//!
//! Destinations are PIDs and hosts. Trees run over switches and are shared: one tree serves a PID at a single switch and
//! every host that is linked to that switch only. After a link change most trees stay as they are, and most chunks of
//! the others do ([`update`](crate::route::update)).

use std::collections::HashMap;
use std::sync::Arc;

use crate::means::members::End;
use crate::model::parts::NodeId;
use crate::model::topology::Frame;
use crate::parallel::map_slices;
use crate::route::along::Routes;
use crate::route::graph::Graph;
use crate::route::measures::{Measures, Wanted};
use crate::route::search::{AllMeasures, Search};
use crate::route::switches::{self, Access, Neighbour, SwitchGraph, SwitchId};
use crate::route::tree::{Root, Tree};
use crate::route::update::{Scratch, update};

/// The trees of one network state.
#[derive(Debug)]
pub(crate) struct Costs {
    switches: SwitchGraph,
    access: Access,
    destinations: Arc<Destinations>,
    /// Routes to each root.
    trees: Vec<Tree>,
}

/// The roots of all trees, and the root that each PID and host has.
#[derive(Debug)]
struct Destinations {
    roots: Vec<Root>,
    /// Switches where the traffic of each PID enters the network.
    entries: Vec<Vec<SwitchId>>,
    /// Index of the tree of routes to each PID.
    to_pid: Vec<u32>,
    /// Index of the tree of routes to each host; `None` if no switch is linked to the host.
    to_host: Vec<Option<u32>>,
    /// Index of the tree of routes to each switch that has one.
    to_switch: HashMap<SwitchId, u32>,
}

/// The differences between the trees before and after a change.
#[derive(Debug)]
pub(crate) struct Differences {
    /// Switches of each tree whose route or its values may have changed.
    pub(crate) changed: Vec<Vec<SwitchId>>,
}

/// A tree after a change, with what it was before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rerouted<'a> {
    pub(crate) now: Routes<'a>,
    /// Index and routes of the tree of the same root before; `None` if there was none.
    pub(crate) before: Option<(u32, Routes<'a>)>,
    /// Switches whose route or its values may have changed.
    pub(crate) changed: &'a [SwitchId],
}

impl Costs {
    /// Finds all routes of a graph, and what `each` makes of the values of the routes to each root.
    pub(crate) fn compute<R: Send>(
        graph: &Graph,
        frame: &Frame,
        entries: &[Vec<NodeId>],
        each: impl Fn(&AllMeasures<'_>) -> R + Sync,
    ) -> (Self, Vec<R>) {
        let (switches, access) = switches::split(graph, frame);
        let destinations = Arc::new(Destinations::of(&access, frame, entries));
        let outcomes = map_slices(&destinations.roots, |roots| {
            let mut search = Search::default();
            let outcome = |root: &Root| {
                search.run(&switches, root);
                (search.tree(), each(&search.measures(&switches, root)))
            };
            roots.iter().map(outcome).collect()
        });
        let (trees, results) = outcomes.into_iter().unzip();
        (Self { switches, access, destinations, trees }, results)
    }

    /// Updates the costs to a changed graph of the same frame, lists the differences, and returns what `each` makes of each
    /// tree, with buffers that are reused.
    pub(crate) fn after<B: Default, R: Send>(
        &self,
        graph: &Graph,
        frame: &Frame,
        entries: &[Vec<NodeId>],
        each: impl Fn(&mut B, Rerouted<'_>) -> R + Sync,
    ) -> (Self, Differences, Vec<R>) {
        let (switches, access) = switches::split(graph, frame);
        let changed = switches.changed_since(&self.switches);
        let is_same = access == self.access;
        let destinations =
            if is_same { Arc::clone(&self.destinations) } else { Arc::new(Destinations::of(&access, frame, entries)) };
        let same_root: Vec<Option<u32>> = if is_same {
            (0..).map(Some).take(destinations.roots.len()).collect()
        } else {
            let places: HashMap<&Root, u32> = self.destinations.roots.iter().zip(0..).collect();
            destinations.roots.iter().map(|root| places.get(root).copied()).collect()
        };
        let everything = || (0..u32::try_from(switches.len()).unwrap_or(u32::MAX)).collect();
        let roots: Vec<(&Root, Option<u32>)> = destinations.roots.iter().zip(same_root).collect();
        let outcomes = map_slices(&roots, |roots| {
            let (mut search, mut scratch, mut buffers) = (Search::default(), Scratch::default(), B::default());
            let mut outcome = |&(root, place): &(&Root, Option<u32>)| {
                let before = place.map(|place| (place, self.routes(place)));
                let (tree, changed) = match before {
                    None => {
                        search.run(&switches, root);
                        (search.tree(), everything())
                    }
                    Some((_, Routes { tree, .. })) => match update(tree, root, &switches, &changed, &mut scratch) {
                        None => (tree.clone(), Vec::new()),
                        Some(updated) => (updated.tree.unwrap_or_else(|| tree.clone()), updated.changed),
                    },
                };
                let now = Routes { graph: &switches, root, tree: &tree };
                let made = each(&mut buffers, Rerouted { now, before, changed: &changed });
                ((tree, changed), made)
            };
            roots.iter().map(&mut outcome).collect()
        });
        let (outcomes, made): (Vec<_>, Vec<R>) = outcomes.into_iter().unzip();
        let (trees, changed) = outcomes.into_iter().unzip();
        (Self { switches, access, destinations, trees }, Differences { changed }, made)
    }

    /// Returns the wanted values of the route from where one group of hosts is linked to where another one is, the access
    /// links of both left out.
    pub(crate) fn way(&self, from: End, into: End, wanted: Wanted) -> Option<Measures> {
        if let (End::Host(from), End::Host(into)) = (from, into) {
            return self.between_hosts(from, into, wanted);
        }
        let routes = self.routes(self.tree_to(into)?);
        match from {
            End::Switch(switch) => routes.measures(switch, wanted),
            End::Pid(pid) => routes.best_of(&self.destinations.entries[pid as usize], wanted),
            End::Host(host) => {
                let ways = self.access.out(host).iter().filter_map(|out| match out.to {
                    Neighbour::Switch(switch) => Some((routes.measures(switch, wanted)?.with(&out.attributes), out)),
                    Neighbour::Host(_) => None,
                });
                let best = ways.min_by_key(|(measures, out)| (measures.cost, measures.links, out.node));
                best.map(|(measures, _)| measures)
            }
        }
    }

    /// Returns the index of the tree of routes to where a group of hosts is linked.
    pub(crate) fn tree_to(&self, into: End) -> Option<u32> {
        match into {
            End::Switch(switch) => self.destinations.to_switch.get(&switch).copied(),
            End::Host(host) => self.destinations.to_host[host as usize],
            End::Pid(pid) => Some(self.destinations.to_pid[pid as usize]),
        }
    }

    /// Returns the wanted values of the route between two hosts.
    pub(crate) fn between_hosts(&self, source: u32, destination: u32, wanted: Wanted) -> Option<Measures> {
        if source == destination {
            return Some(Measures::EMPTY);
        }
        self.best_route(source, destination, wanted).map(|(measures, _)| measures)
    }

    /// Finds the best route from one host to another: its wanted values, and its first node after the source.
    fn best_route(&self, source: u32, destination: u32, wanted: Wanted) -> Option<(Measures, Neighbour)> {
        let routes = self.destinations.to_host[destination as usize].map(|tree| self.routes(tree));
        let exit = match self.access.entries(destination) {
            [entry] => Some(&entry.attributes),
            // The tree of a host that is linked to several switches includes the last edge.
            _ => None,
        };
        let ways = self.access.out(source).iter().filter_map(|out| {
            let rest = match out.to {
                Neighbour::Host(host) => (host == destination).then_some(Measures::EMPTY)?,
                Neighbour::Switch(switch) => {
                    let rest = routes?.measures(switch, wanted)?;
                    exit.map_or(rest, |exit| rest.with(exit))
                }
            };
            Some((rest.with(&out.attributes), out))
        });
        let best = ways.min_by_key(|(measures, out)| (measures.cost, measures.links, out.node));
        best.map(|(measures, out)| (measures, out.to))
    }

    /// Returns the switches on the route from one host to another, and the values of the route.
    pub(crate) fn route(&self, source: u32, destination: u32) -> Option<(Vec<SwitchId>, Measures)> {
        let (measures, first) = self.best_route(source, destination, Wanted::Everything)?;
        let path = match first {
            Neighbour::Host(_) => Vec::new(),
            Neighbour::Switch(switch) => {
                self.trees[self.destinations.to_host[destination as usize]? as usize].path(switch)?
            }
        };
        Some((path, measures))
    }

    /// Finds the routes from every switch to one of them, each as the switches on it and its values.
    pub(crate) fn routes_to_switch(&self, switch: SwitchId) -> impl Iterator<Item = (Vec<SwitchId>, Measures)> {
        let root = Root::switches([switch]);
        let mut search = Search::default();
        search.run(&self.switches, &root);
        let tree = search.tree();
        let others = (0..).take(self.switches.len()).filter(move |source| *source != switch);
        others.filter_map(move |source| {
            let routes = Routes { graph: &self.switches, root: &root, tree: &tree };
            Some((tree.path(source)?, routes.measures(source, Wanted::Everything)?))
        })
    }

    /// Returns the switches on the route from where the traffic of one PID enters the network to where that of another
    /// one does, the nearest of both, and the values of the route.
    pub(crate) fn route_of_pids(&self, source: u32, destination: u32) -> Option<(Vec<SwitchId>, Measures)> {
        let routes = self.routes(self.destinations.to_pid[destination as usize]);
        let start = routes.nearest(&self.destinations.entries[source as usize])?;
        Some((routes.tree.path(start)?, routes.measures(start, Wanted::Everything)?))
    }

    /// Returns the routes of a tree.
    pub(crate) fn routes(&self, tree: u32) -> Routes<'_> {
        Routes {
            graph: &self.switches,
            root: &self.destinations.roots[tree as usize],
            tree: &self.trees[tree as usize],
        }
    }

    /// Returns the edges at hosts.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Returns the switches where the traffic of a PID enters the network.
    pub(crate) fn entries(&self, pid: u32) -> &[SwitchId] {
        &self.destinations.entries[pid as usize]
    }
}

impl Destinations {
    /// Finds the roots of the trees that are needed.
    fn of(access: &Access, frame: &Frame, entries: &[Vec<NodeId>]) -> Self {
        let switch_of: HashMap<NodeId, SwitchId> = (0..).zip(&frame.switches).map(|(id, s)| (s.node, id)).collect();
        let entries: Vec<Vec<SwitchId>> =
            entries.iter().map(|nodes| nodes.iter().filter_map(|n| switch_of.get(n).copied()).collect()).collect();
        let mut places: HashMap<Root, u32> = HashMap::new();
        let mut roots = Vec::new();
        let mut place = |root: Root| {
            *places.entry(root).or_insert_with_key(|root| {
                roots.push(root.clone());
                u32::try_from(roots.len() - 1).unwrap_or(u32::MAX)
            })
        };
        let to_pid = entries.iter().map(|switches| place(Root::switches(switches.iter().copied()))).collect();
        let to_host = (0..).take(frame.hosts.len()).map(|host| match access.entries(host) {
            [] => None,
            // All routes end with the same edge, so the tree of the switch serves.
            [entry] => Some(place(Root::switches([entry.switch]))),
            several => Some(place(Root::host(several))),
        });
        let to_host = to_host.collect();
        let to_switch = (0..).zip(&roots).filter_map(|(tree, root)| Some((root.only_switch()?, tree))).collect();
        Self { roots, entries, to_pid, to_host, to_switch }
    }
}
