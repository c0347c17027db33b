//! Incremental update of a tree after a few edges changed (after Ramalingam and Reps).
//!
//! The routes of all switches whose route used a changed edge are invalidated. Invalid switches look for a new route
//! through neighbours whose route is still valid, and every edge that improved offers a new route to the switch it
//! leaves. From there on, the search is that of a whole tree, restricted to what changes. A property test compares the
//! result with a tree computed from scratch, over long sequences of changes.

use std::cmp::Reverse;

use super::measures::Measures;
use super::switches::{ChangedEdge, EdgeId, SwitchGraph, SwitchId};
use super::tree::{END, Label, Queue, Root, RouteKey, Tree, entry_switch};

/// The result of updating a tree.
#[derive(Debug)]
pub(crate) enum Updated {
    /// No route changed.
    Same,
    /// The new tree, and the switches whose route or its values changed.
    Changed(Tree, Vec<SwitchId>),
    /// Too many routes were invalidated; computing the tree from scratch is faster.
    Large,
}

/// Buffers that are reused between updates.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// State of each switch; one with an earlier `epoch` is left over from an earlier update.
    states: Vec<State>,
    epoch: u32,
    invalid: Vec<SwitchId>,
    queue: Queue,
    settled: Vec<(SwitchId, Label)>,
}

/// The state of one switch during one update.
#[derive(Clone, Copy, Debug)]
struct State {
    epoch: u32,
    invalid: bool,
    /// Key and first edge of the best new route found so far.
    found: Option<(RouteKey, Option<EdgeId>)>,
    /// Final label.
    settled: Option<Label>,
}

impl State {
    const UNTOUCHED: Self = Self { epoch: 0, invalid: false, found: None, settled: None };
}

/// Computing a tree from scratch is faster once more than one in this many switches are invalid.
const LARGE_FRACTION: usize = 3;

/// Updates the tree of `root` after edges of `graph` changed.
pub(crate) fn update(
    tree: &Tree,
    root: &Root,
    graph: &SwitchGraph,
    changed: &[ChangedEdge],
    scratch: &mut Scratch,
) -> Updated {
    let used = |edge: &ChangedEdge| {
        let label = tree.label(edge.from);
        label.next == edge.to && label.measures().is_some()
    };
    let offer = |edge: &ChangedEdge| {
        let (cost, id) = edge.now?;
        let key = RouteKey::over(cost, edge.to, tree.measures(edge.to)?);
        (key < tree.label(edge.from).key()).then_some((key, id))
    };
    if !changed.iter().any(|edge| used(edge) || offer(edge).is_some()) {
        return Updated::Same;
    }
    let mut search = Search { tree, root, graph, scratch };
    search.begin();
    for edge in changed.iter().filter(|edge| used(edge)) {
        search.invalidate(edge.from);
    }
    if !search.invalidate_upstream() {
        return Updated::Large;
    }
    search.reconnect();
    for edge in changed {
        if let Some((key, id)) = offer(edge)
            && !search.state(edge.from).invalid
            && !search.state(edge.to).invalid
        {
            search.propose(edge.from, key, Some(id));
        }
    }
    search.settle();
    search.finish()
}

/// An update in progress.
struct Search<'a> {
    tree: &'a Tree,
    root: &'a Root,
    graph: &'a SwitchGraph,
    scratch: &'a mut Scratch,
}

impl Search<'_> {
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
            for (incoming, _) in graph.edges_to(switch) {
                if self.tree.label(incoming.from).next == switch {
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
            let mut best: Option<(RouteKey, Option<EdgeId>)> = self
                .root
                .seed(switch)
                .map(|measures| (RouteKey { cost: measures.cost, links: measures.links, next: END }, None));
            for (to, cost, edge) in graph.edges_from(switch) {
                if self.state(to).invalid {
                    continue;
                }
                if let Some(rest) = self.tree.measures(to) {
                    let key = RouteKey::over(cost, to, rest);
                    if best.is_none_or(|(best, _)| key < best) {
                        best = Some((key, Some(edge)));
                    }
                }
            }
            if let Some((key, edge)) = best {
                self.propose(switch, key, edge);
            }
        }
    }

    fn propose(&mut self, switch: SwitchId, key: RouteKey, edge: Option<EdgeId>) {
        let state = self.state(switch);
        if state.found.is_none_or(|(found, _)| key < found) {
            state.found = Some((key, edge));
            self.scratch.queue.push(key.entry(switch));
        }
    }

    fn settle(&mut self) {
        while let Some(Reverse(entry)) = self.scratch.queue.pop() {
            let switch = entry_switch(entry);
            let state = *self.state(switch);
            let (Some((key, edge)), None) = (state.found, state.settled) else { continue };
            let measures = match edge {
                None => self.root.seed(switch).unwrap_or(Measures::EMPTY),
                Some(edge) => {
                    let rest = self.state(key.next).settled.unwrap_or(*self.tree.label(key.next));
                    rest.measures().unwrap_or(&Measures::EMPTY).with(self.graph.attributes(edge))
                }
            };
            let label = Label::new(measures, key.next);
            self.state(switch).settled = Some(label);
            let changed = label != *self.tree.label(switch);
            if changed {
                self.scratch.settled.push((switch, label));
            }
            self.propagate(switch, &measures, changed);
        }
    }

    /// Proposes the settled route of `switch` to the switches that could continue with it.
    fn propagate(&mut self, switch: SwitchId, measures: &Measures, changed: bool) {
        let graph = self.graph;
        for (incoming, edge) in graph.edges_to(switch) {
            let key = RouteKey::over(incoming.cost, switch, measures);
            let known = *self.tree.label(incoming.from);
            let state = *self.state(incoming.from);
            if state.settled.is_some() {
                continue;
            }
            let wanted = match state.found {
                Some((found, _)) => key < found,
                None if state.invalid => true,
                // A switch that continued with this one before still does, and needs the new values of the route.
                None => key < known.key() || (changed && key == known.key()),
            };
            if wanted {
                self.propose(incoming.from, key, Some(edge));
            }
        }
    }

    fn finish(self) -> Updated {
        // Invalid switches that did not settle have no route any more.
        for place in 0..self.scratch.invalid.len() {
            let switch = self.scratch.invalid[place];
            if self.scratch.states[switch as usize].settled.is_none() {
                self.scratch.settled.push((switch, Label::UNREACHED));
            }
        }
        if self.scratch.settled.is_empty() {
            return Updated::Same;
        }
        let tree = self.tree.with(self.scratch.settled.iter().copied());
        Updated::Changed(tree, self.scratch.settled.iter().map(|(switch, _)| *switch).collect())
    }
}
