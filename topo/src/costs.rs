//! All costs of one state: a tree for every place where routes end, and how places are joined to the trees.
//!
//! Places are PIDs and hosts. Trees run over switches, and places share them: a PID at one switch, and every host that
//! is entered from that switch only, are served by the one tree that ends there. After a change of links most trees
//! stay, and of those that do not most pieces do ([`update`](crate::update)).

use std::collections::HashMap;
use std::thread;

use crate::fabric::{self, Access, ChangedArc, Fabric, Neighbour, SwitchId};
use crate::graph::{Graph, NodeId};
use crate::routes::Measures;
use crate::topology::Frame;
use crate::tree::{Root, Tree, Workspace};
use crate::update::{Scratch, Updated, update};

/// All trees of one state.
#[derive(Debug)]
pub(crate) struct Costs {
    fabric: Fabric,
    access: Access,
    roots: Vec<Root>,
    trees: Vec<Tree>,
    /// For each PID, the switches where its traffic enters.
    entries: Vec<Vec<SwitchId>>,
    /// For each PID, the tree of routes to it.
    to_pid: Vec<u32>,
    /// For each host, the tree of routes to it; nothing where no switch leads to it.
    to_host: Vec<Option<u32>>,
}

/// What a change did to the trees.
#[derive(Debug)]
pub(crate) struct Differences {
    /// For each tree, the switches whose routes are not what they were.
    pub(crate) changed: Vec<Vec<SwitchId>>,
}

/// How a tree of the state before becomes one of the state after.
enum Next {
    Same,
    Changed(Tree, Vec<SwitchId>),
}

impl Costs {
    /// Finds all routes.
    pub(crate) fn compute(graph: &Graph, frame: &Frame) -> Self {
        let (fabric, access) = fabric::split(graph, frame);
        let mut costs = Self::without_trees(fabric, access, frame);
        costs.trees = in_parallel(&costs.roots, |roots| {
            let mut workspace = Workspace::default();
            roots.iter().map(|root| Tree::to(&costs.fabric, root, &mut workspace)).collect()
        });
        costs
    }

    fn without_trees(fabric: Fabric, access: Access, frame: &Frame) -> Self {
        let switch_of: HashMap<NodeId, SwitchId> = (0..).zip(&frame.switches).map(|(id, s)| (s.node, id)).collect();
        let entries: Vec<Vec<SwitchId>> = frame
            .entries
            .iter()
            .map(|nodes| nodes.iter().filter_map(|n| switch_of.get(n).copied()).collect())
            .collect();
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
            // The last arc is the same for all, so the tree of the switch serves.
            [entry] => Some(place(Root::switches([entry.switch]))),
            several => Some(place(Root::host(several))),
        });
        let to_host = to_host.collect();
        Self { fabric, access, roots, trees: Vec::new(), entries, to_pid, to_host }
    }

    /// The costs of a graph of the same frame, and what is different.
    pub(crate) fn after(&self, graph: &Graph, frame: &Frame) -> (Self, Differences) {
        let (fabric, access) = fabric::split(graph, frame);
        let changed = fabric.changed_since(&self.fabric);
        let mut next = Self::without_trees(fabric, access, frame);
        let before: HashMap<&Root, &Tree> = self.roots.iter().zip(&self.trees).collect();
        let everything = || (0..u32::try_from(next.fabric.len()).unwrap_or(u32::MAX)).collect();
        let outcomes = in_parallel(&next.roots, |roots| {
            let (mut workspace, mut scratch) = (Workspace::default(), Scratch::default());
            let outcome = |root: &Root| match before.get(root) {
                None => Next::Changed(Tree::to(&next.fabric, root, &mut workspace), everything()),
                Some(tree) => follow(tree, root, &next.fabric, &changed, &mut workspace, &mut scratch),
            };
            roots.iter().map(outcome).collect()
        });
        let (mut trees, mut differences) = (Vec::with_capacity(outcomes.len()), Vec::with_capacity(outcomes.len()));
        for (outcome, root) in outcomes.into_iter().zip(&next.roots) {
            let (tree, switches) = match outcome {
                Next::Same => (before[root].clone(), Vec::new()),
                Next::Changed(tree, switches) => (tree, switches),
            };
            trees.push(tree);
            differences.push(switches);
        }
        next.trees = trees;
        (next, Differences { changed: differences })
    }

    /// The route between two PIDs that are not the same.
    pub(crate) fn between_pids(&self, source: u32, destination: u32) -> Option<&Measures> {
        self.tree_to_pid(destination).best_of(&self.entries[source as usize])
    }

    /// The route between two hosts.
    pub(crate) fn between_hosts(&self, source: u32, destination: u32) -> Option<Measures> {
        if source == destination {
            return Some(Measures::NONE);
        }
        self.best_way(source, destination).map(|(measures, _)| measures)
    }

    /// The best way from one host to another: what it amounts to, and what it begins with.
    fn best_way(&self, source: u32, destination: u32) -> Option<(Measures, Neighbour)> {
        let tree = self.to_host[destination as usize].map(|tree| &self.trees[tree as usize]);
        let exit = match self.access.entries(destination) {
            [entry] => Some(&entry.way),
            // The tree of a host that is entered from several switches has the last arc in it.
            _ => None,
        };
        let ways = self.access.out(source).iter().filter_map(|out| {
            let rest = match out.to {
                Neighbour::Host(host) => (host == destination).then_some(Measures::NONE)?,
                Neighbour::Switch(switch) => {
                    let rest = *tree?.measures(switch)?;
                    exit.map_or(rest, |exit| rest.with(exit))
                }
            };
            Some((rest.with(&out.way), out))
        });
        let best = ways.min_by_key(|(measures, out)| (measures.cost, measures.hops, out.node));
        best.map(|(measures, out)| (measures, out.to))
    }

    /// The switches on the way from one host to another, and what the route amounts to.
    pub(crate) fn route(&self, source: u32, destination: u32) -> Option<(Vec<SwitchId>, Measures)> {
        let (measures, first) = self.best_way(source, destination)?;
        let path = match first {
            Neighbour::Host(_) => Vec::new(),
            Neighbour::Switch(switch) => self.trees[self.to_host[destination as usize]? as usize].path(switch)?,
        };
        Some((path, measures))
    }

    /// How many hosts there are.
    pub(crate) fn host_count(&self) -> usize {
        self.to_host.len()
    }

    /// How hosts are joined.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// The place of the tree of routes to a PID.
    pub(crate) fn tree_of_pid(&self, pid: u32) -> u32 {
        self.to_pid[pid as usize]
    }

    /// The place of the tree of routes to a host.
    pub(crate) fn tree_of_host(&self, host: u32) -> Option<u32> {
        self.to_host[host as usize]
    }

    fn tree_to_pid(&self, pid: u32) -> &Tree {
        &self.trees[self.to_pid[pid as usize] as usize]
    }
}

fn follow(
    tree: &Tree,
    root: &Root,
    fabric: &Fabric,
    changed: &[ChangedArc],
    workspace: &mut Workspace,
    scratch: &mut Scratch,
) -> Next {
    match update(tree, root, fabric, changed, scratch) {
        Updated::Same => Next::Same,
        Updated::Changed(tree, switches) => Next::Changed(tree, switches),
        Updated::Large => {
            let anew = Tree::to(fabric, root, workspace);
            let all = 0..u32::try_from(fabric.len()).unwrap_or(u32::MAX);
            let switches: Vec<SwitchId> = all.filter(|&switch| anew.label(switch) != tree.label(switch)).collect();
            if switches.is_empty() { Next::Same } else { Next::Changed(anew, switches) }
        }
    }
}

/// Does something for every item, on all cores where there are many.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    // A handful is done faster than threads are started.
    if items.len() <= 32 {
        return work(items);
    }
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(workers).max(1);
    thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> = items.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
        let finished = |part: thread::ScopedJoinHandle<'_, Vec<R>>| {
            part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        parts.into_iter().flat_map(finished).collect()
    })
}
