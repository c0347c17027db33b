//! Incremental update of a tree after a few edges changed (after Ramalingam and Reps).
//!
//! The routes of all switches whose route used an edge that was removed or became dearer are invalidated. Invalid switches
//! look for a new route through neighbours whose route is still valid, and every edge that became cheaper offers a new
//! route to the switch it leaves. From there on, the search is that of a whole tree, restricted to what changes. A property
//! test compares the result with a tree computed from scratch, over long sequences of changes.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::key::{Entry, RouteKey};
use super::search::Search;
use super::switches::{ChangedEdge, SwitchGraph, SwitchId};
use super::tree::{Root, Tree};

/// The result of updating a tree.
#[derive(Debug)]
pub(crate) struct Updated {
    /// The new tree; `None` if no route changed, but values of links along the routes did.
    pub(crate) tree: Option<Tree>,
    /// Switches whose route changed, or whose route takes an edge that did.
    pub(crate) changed: Vec<SwitchId>,
}

/// Buffers that are reused between updates.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// State of each switch; one with an earlier `epoch` is left over from an earlier update.
    states: Vec<State>,
    epoch: u32,
    invalid: Vec<SwitchId>,
    /// Few entries at distances that may be far apart, for which a heap is best.
    queue: BinaryHeap<Reverse<Entry>>,
    settled: Vec<(SwitchId, RouteKey)>,
    anew: Search,
}

/// The state of one switch during one update.
#[derive(Clone, Copy, Debug)]
struct State {
    /// Key of the best new route found so far.
    found: RouteKey,
    epoch: u32,
    invalid: bool,
    /// Whether the route that was found is final.
    settled: bool,
    /// Whether the switch is among those that are reported.
    reported: bool,
}

impl State {
    const UNTOUCHED: Self =
        Self { found: RouteKey::UNREACHED, epoch: 0, invalid: false, settled: false, reported: false };
}

/// Computing a tree from scratch is faster once more than one in this many switches are invalid.
const LARGE_FRACTION: usize = 3;

/// Updates the tree of `root` after edges of `graph` changed; `None` if this concerns none of its routes.
pub(crate) fn update(
    tree: &Tree,
    root: &Root,
    graph: &SwitchGraph,
    changed: &[ChangedEdge],
    scratch: &mut Scratch,
) -> Option<Updated> {
    let is_used = |edge: &ChangedEdge| tree.key(edge.from).next() == edge.to;
    let is_worse = |edge: &ChangedEdge| edge.now.is_none_or(|now| edge.before.is_some_and(|before| before < now));
    let offer = |edge: &ChangedEdge| {
        let rest = tree.key(edge.to);
        let key = rest.over(edge.now.filter(|_| rest.is_reached())?, edge.to);
        (key < tree.key(edge.from)).then_some(key)
    };
    if !changed.iter().any(|edge| is_used(edge) || offer(edge).is_some()) {
        return None;
    }
    let mut search = Update { tree, root, graph, scratch };
    search.begin();
    for edge in changed.iter().filter(|edge| is_used(edge) && is_worse(edge)) {
        search.invalidate(edge.from);
    }
    let new = if search.invalidate_upstream() {
        search.reconnect();
        for edge in changed {
            if let Some(key) = offer(edge)
                && !search.state(edge.from).invalid
                && !search.state(edge.to).invalid
            {
                search.propose(edge.from, key);
            }
        }
        search.settle();
        (!search.scratch.settled.is_empty()).then(|| tree.with(search.scratch.settled.iter().copied()))
    } else {
        Some(search.anew())
    };
    let changed = search.report(new.as_ref().unwrap_or(tree), changed);
    Some(Updated { tree: new, changed })
}

/// An update in progress.
struct Update<'a> {
    tree: &'a Tree,
    root: &'a Root,
    graph: &'a SwitchGraph,
    scratch: &'a mut Scratch,
}

impl Update<'_> {
    fn begin(&mut self) {
        let scratch = &mut *self.scratch;
        if scratch.states.len() != self.graph.len() || scratch.epoch == u32::MAX {
            scratch.states = vec![State::UNTOUCHED; self.graph.len()];
            scratch.epoch = 0;
        }
        scratch.epoch += 1;
        scratch.invalid.clear();
        scratch.queue.clear();
        scratch.settled.clear();
    }

    fn state(&mut self, switch: SwitchId) -> &mut State {
        let epoch = self.scratch.epoch;
        let state = &mut self.scratch.states[switch as usize];
        if state.epoch != epoch {
            *state = State { epoch, ..State::UNTOUCHED };
        }
        state
    }

    fn invalidate(&mut self, switch: SwitchId) {
        let state = self.state(switch);
        if !state.invalid {
            state.invalid = true;
            self.scratch.invalid.push(switch);
        }
    }

    /// Invalidates all routes through an invalid switch; returns false if there are too many.
    fn invalidate_upstream(&mut self) -> bool {
        let graph = self.graph;
        let mut place = 0;
        while let Some(&switch) = self.scratch.invalid.get(place) {
            if place > graph.len() / LARGE_FRACTION {
                return false;
            }
            place += 1;
            for incoming in graph.edges_to(switch) {
                if self.tree.key(incoming.from).next() == switch {
                    self.invalidate(incoming.from);
                }
            }
        }
        true
    }

    /// Proposes to every invalid switch its best route through a neighbour with a valid route.
    fn reconnect(&mut self) {
        let graph = self.graph;
        for place in 0..self.scratch.invalid.len() {
            let switch = self.scratch.invalid[place];
            let mut best = self.root.seed(switch);
            for (to, cost) in graph.edges_from(switch) {
                let rest = self.tree.key(to);
                if rest.is_reached() && !self.state(to).invalid {
                    best = best.min(rest.over(cost, to));
                }
            }
            self.propose(switch, best);
        }
    }

    /// Keeps a new route if it is better than what was found before.
    fn propose(&mut self, switch: SwitchId, key: RouteKey) {
        let state = self.state(switch);
        if key < state.found {
            state.found = key;
            self.scratch.queue.push(Reverse(Entry::new(key, switch)));
        }
    }

    fn settle(&mut self) {
        while let Some(Reverse(entry)) = self.scratch.queue.pop() {
            let switch = entry.switch();
            let state = self.state(switch);
            if state.settled {
                continue;
            }
            state.settled = true;
            let key = state.found;
            if key != self.tree.key(switch) {
                self.scratch.settled.push((switch, key));
            }
            self.propagate(switch, key);
        }
        // Invalid switches that did not settle have no route any more.
        for place in 0..self.scratch.invalid.len() {
            let switch = self.scratch.invalid[place];
            if !self.state(switch).settled && self.tree.key(switch).is_reached() {
                self.scratch.settled.push((switch, RouteKey::UNREACHED));
            }
        }
    }

    /// Proposes the settled route of `switch` to the switches that could continue with it.
    fn propagate(&mut self, switch: SwitchId, rest: RouteKey) {
        let graph = self.graph;
        for incoming in graph.edges_to(switch) {
            let key = rest.over(incoming.cost, switch);
            let state = *self.state(incoming.from);
            if !state.settled && (state.invalid || key < self.tree.key(incoming.from)) {
                self.propose(incoming.from, key);
            }
        }
    }

    /// Finds all routes from scratch.
    fn anew(&mut self) -> Tree {
        self.scratch.anew.run(self.graph, self.root);
        let new = self.scratch.anew.tree();
        let all = (0..).take(self.graph.len()).map(|switch| (switch, new.key(switch)));
        self.scratch.settled.clear();
        self.scratch.settled.extend(all.filter(|(switch, key)| *key != self.tree.key(*switch)));
        new
    }

    /// Lists the switches whose route in the new tree differs, takes a changed edge, or leads over such a switch.
    fn report(&mut self, new: &Tree, changed: &[ChangedEdge]) -> Vec<SwitchId> {
        let graph = self.graph;
        let mut list = Vec::with_capacity(self.scratch.settled.len());
        for place in 0..self.scratch.settled.len() {
            self.add_to_report(self.scratch.settled[place].0, &mut list);
        }
        for edge in changed.iter().filter(|edge| new.key(edge.from).next() == edge.to) {
            self.add_to_report(edge.from, &mut list);
        }
        let mut place = 0;
        while let Some(&switch) = list.get(place) {
            place += 1;
            for incoming in graph.edges_to(switch) {
                if new.key(incoming.from).next() == switch {
                    self.add_to_report(incoming.from, &mut list);
                }
            }
        }
        list
    }

    fn add_to_report(&mut self, switch: SwitchId, list: &mut Vec<SwitchId>) {
        let state = self.state(switch);
        if !state.reported {
            state.reported = true;
            list.push(switch);
        }
    }
}
