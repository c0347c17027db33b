//! All costs of one network state: a tree of routes to every destination.
//!
//! Destinations are PIDs and hosts. Trees run over switches and are shared: one tree serves a PID at a single switch and
//! every host that is linked to that switch only. After a link change most trees stay as they are, and most chunks of
//! the others do ([`update`](crate::route::update)).

use std::collections::HashMap;

use crate::means::members::End;
use crate::model::parts::NodeId;
use crate::model::topology::Frame;
use crate::parallel::map_slices;
use crate::route::graph::Graph;
use crate::route::measures::Measures;
use crate::route::switches::{self, Access, ChangedEdge, Neighbour, SwitchGraph, SwitchId};
use crate::route::tree::{Root, Tree, Workspace};
use crate::route::update::{Scratch, Updated, update};

/// The trees of one network state, and the trees that serve each PID and host.
#[derive(Debug)]
pub(crate) struct Costs {
    switches: SwitchGraph,
    access: Access,
    roots: Vec<Root>,
    trees: Vec<Tree>,
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
    /// Index that the tree of the same root had before, for each tree; `None` if there was none.
    pub(crate) same_root: Vec<Option<u32>>,
    /// Switches of each tree whose route or its values changed.
    pub(crate) changed: Vec<Vec<SwitchId>>,
}

/// The outcome of a change for one tree.
enum Outcome {
    Same,
    Changed(Tree, Vec<SwitchId>),
}

impl Costs {
    /// Finds all routes of a graph.
    pub(crate) fn compute(graph: &Graph, frame: &Frame, entries: &[Vec<NodeId>]) -> Self {
        let (switches, access) = switches::split(graph, frame);
        let mut costs = Self::without_trees(switches, access, frame, entries);
        costs.trees = map_slices(&costs.roots, |roots| {
            let mut workspace = Workspace::default();
            roots.iter().map(|root| Tree::to(&costs.switches, root, &mut workspace)).collect()
        });
        costs
    }

    fn without_trees(switches: SwitchGraph, access: Access, frame: &Frame, entries: &[Vec<NodeId>]) -> Self {
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
        Self { switches, access, roots, trees: Vec::new(), entries, to_pid, to_host, to_switch }
    }

    /// Updates the costs to a changed graph of the same frame, and lists the differences.
    pub(crate) fn after(&self, graph: &Graph, frame: &Frame, entries: &[Vec<NodeId>]) -> (Self, Differences) {
        let (switches, access) = switches::split(graph, frame);
        let changed = switches.changed_since(&self.switches);
        let mut next = Self::without_trees(switches, access, frame, entries);
        let before: HashMap<&Root, &Tree> = self.roots.iter().zip(&self.trees).collect();
        let places: HashMap<&Root, u32> = self.roots.iter().zip(0..).collect();
        let same_root = next.roots.iter().map(|root| places.get(root).copied()).collect();
        let everything = || (0..u32::try_from(next.switches.len()).unwrap_or(u32::MAX)).collect();
        let outcomes = map_slices(&next.roots, |roots| {
            let (mut workspace, mut scratch) = (Workspace::default(), Scratch::default());
            let outcome = |root: &Root| match before.get(root) {
                None => Outcome::Changed(Tree::to(&next.switches, root, &mut workspace), everything()),
                Some(tree) => follow(tree, root, &next.switches, &changed, &mut workspace, &mut scratch),
            };
            roots.iter().map(outcome).collect()
        });
        let (mut trees, mut differences) = (Vec::with_capacity(outcomes.len()), Vec::with_capacity(outcomes.len()));
        for (outcome, root) in outcomes.into_iter().zip(&next.roots) {
            let (tree, switches) = match outcome {
                Outcome::Same => (before[root].clone(), Vec::new()),
                Outcome::Changed(tree, switches) => (tree, switches),
            };
            trees.push(tree);
            differences.push(switches);
        }
        next.trees = trees;
        (next, Differences { same_root, changed: differences })
    }

    /// Returns the values of the route from where one group of hosts is linked to where another one is, the access links
    /// of both left out.
    pub(crate) fn way(&self, from: End, into: End) -> Option<Measures> {
        if let (End::Host(from), End::Host(into)) = (from, into) {
            return self.between_hosts(from, into);
        }
        let tree = &self.trees[self.tree_to(into)? as usize];
        match from {
            End::Switch(switch) => tree.measures(switch).copied(),
            End::Pid(pid) => tree.best_of(&self.entries[pid as usize]).copied(),
            End::Host(host) => {
                let routes = self.access.out(host).iter().filter_map(|out| match out.to {
                    Neighbour::Switch(switch) => Some((tree.measures(switch)?.with(&out.attributes), out)),
                    Neighbour::Host(_) => None,
                });
                let best = routes.min_by_key(|(measures, out)| (measures.cost, measures.links, out.node));
                best.map(|(measures, _)| measures)
            }
        }
    }

    /// Returns the index of the tree of routes to where a group of hosts is linked.
    pub(crate) fn tree_to(&self, into: End) -> Option<u32> {
        match into {
            End::Switch(switch) => self.to_switch.get(&switch).copied(),
            End::Host(host) => self.to_host[host as usize],
            End::Pid(pid) => Some(self.to_pid[pid as usize]),
        }
    }

    /// Returns the values of the route between two hosts.
    pub(crate) fn between_hosts(&self, source: u32, destination: u32) -> Option<Measures> {
        if source == destination {
            return Some(Measures::EMPTY);
        }
        self.best_route(source, destination).map(|(measures, _)| measures)
    }

    /// Finds the best route from one host to another: its values, and its first node after the source.
    fn best_route(&self, source: u32, destination: u32) -> Option<(Measures, Neighbour)> {
        let tree = self.to_host[destination as usize].map(|tree| &self.trees[tree as usize]);
        let exit = match self.access.entries(destination) {
            [entry] => Some(&entry.attributes),
            // The tree of a host that is linked to several switches includes the last edge.
            _ => None,
        };
        let routes = self.access.out(source).iter().filter_map(|out| {
            let rest = match out.to {
                Neighbour::Host(host) => (host == destination).then_some(Measures::EMPTY)?,
                Neighbour::Switch(switch) => {
                    let rest = *tree?.measures(switch)?;
                    exit.map_or(rest, |exit| rest.with(exit))
                }
            };
            Some((rest.with(&out.attributes), out))
        });
        let best = routes.min_by_key(|(measures, out)| (measures.cost, measures.links, out.node));
        best.map(|(measures, out)| (measures, out.to))
    }

    /// Returns the switches on the route from one host to another, and the values of the route.
    pub(crate) fn route(&self, source: u32, destination: u32) -> Option<(Vec<SwitchId>, Measures)> {
        let (measures, first) = self.best_route(source, destination)?;
        let path = match first {
            Neighbour::Host(_) => Vec::new(),
            Neighbour::Switch(switch) => self.trees[self.to_host[destination as usize]? as usize].path(switch)?,
        };
        Some((path, measures))
    }

    /// Finds the routes from every switch to one of them.
    pub(crate) fn tree_to_switch(&self, switch: SwitchId) -> Tree {
        Tree::to(&self.switches, &Root::switches([switch]), &mut Workspace::default())
    }

    /// Returns the switches on the route from where the traffic of one PID enters the network to where that of another
    /// one does, the nearest of both, and the values of the route.
    pub(crate) fn route_of_pids(&self, source: u32, destination: u32) -> Option<(Vec<SwitchId>, Measures)> {
        let tree = &self.trees[self.to_pid[destination as usize] as usize];
        let starts = self.entries[source as usize].iter().filter_map(|start| Some((tree.measures(*start)?, *start)));
        let (measures, start) = starts.min_by_key(|(measures, start)| (measures.cost, measures.links, *start))?;
        Some((tree.path(start)?, *measures))
    }

    /// Returns the edges at hosts.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Returns all trees.
    pub(crate) fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// Returns the switches where the traffic of a PID enters the network.
    pub(crate) fn entries(&self, pid: u32) -> &[SwitchId] {
        &self.entries[pid as usize]
    }
}

/// Updates one tree to the edges that changed.
fn follow(
    tree: &Tree,
    root: &Root,
    graph: &SwitchGraph,
    changed: &[ChangedEdge],
    workspace: &mut Workspace,
    scratch: &mut Scratch,
) -> Outcome {
    match update(tree, root, graph, changed, scratch) {
        Updated::Same => Outcome::Same,
        Updated::Changed(tree, switches) => Outcome::Changed(tree, switches),
        Updated::Large => {
            let anew = Tree::to(graph, root, workspace);
            let all = 0..u32::try_from(graph.len()).unwrap_or(u32::MAX);
            let switches: Vec<SwitchId> = all.filter(|&switch| anew.label(switch) != tree.label(switch)).collect();
            if switches.is_empty() { Outcome::Same } else { Outcome::Changed(anew, switches) }
        }
    }
}
