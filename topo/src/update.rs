//! What a few changed arcs change in a tree, without searching it anew (after Ramalingam and Reps).
//!
//! Routes that passed a changed arc are forgotten, all the way up to where they began. What is forgotten is found again
//! from its neighbours that still have a route, and every arc that became better offers a new way to where it begins.
//! From there on it is the same search as for a whole tree, over what changes only. A property test holds the result
//! equal to a tree that is searched anew, over long sequences of changes.

use std::cmp::Reverse;

use crate::fabric::{ArcId, ChangedArc, Fabric, SwitchId};
use crate::routes::Measures;
use crate::tree::{END, Label, Root, Tree, Waiting, Way, whose};

/// What becomes of a tree.
#[derive(Debug)]
pub(crate) enum Updated {
    /// It holds as it is.
    Same,
    /// These switches have another route, or the same route amounts to something else.
    Changed(Tree, Vec<SwitchId>),
    /// So much of it was forgotten that a search of the whole tree is faster.
    Large,
}

/// What is kept between updates, so that each need not allocate anew.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// One per switch. What an earlier update left there has an earlier `epoch`.
    states: Vec<State>,
    epoch: u32,
    forgotten: Vec<SwitchId>,
    waiting: Waiting,
    settled: Vec<(SwitchId, Label)>,
}

/// What one update knows of one switch.
#[derive(Clone, Copy, Debug)]
struct State {
    epoch: u32,
    forgotten: bool,
    /// The best way found so far, where one was found anew.
    found: Option<(Way, Option<ArcId>)>,
    settled: Option<Label>,
}

const NOTHING: State = State { epoch: 0, forgotten: false, found: None, settled: None };

/// More than this part of all switches forgotten: search anew.
const LARGE_PART: usize = 3;

/// Brings the tree of `root` up to date with arcs of `fabric` that changed.
pub(crate) fn update(
    tree: &Tree,
    root: &Root,
    fabric: &Fabric,
    changed: &[ChangedArc],
    scratch: &mut Scratch,
) -> Updated {
    let passes = |arc: &ChangedArc| {
        let label = tree.label(arc.from);
        label.next == arc.to && label.measures().is_some()
    };
    let offer = |arc: &ChangedArc| {
        let (cost, id) = arc.now?;
        let way = Way::over(cost, arc.to, tree.measures(arc.to)?);
        (way < tree.label(arc.from).way()).then_some((way, id))
    };
    if !changed.iter().any(|arc| passes(arc) || offer(arc).is_some()) {
        return Updated::Same;
    }
    let mut search = Search { tree, root, fabric, scratch };
    search.begin();
    for arc in changed.iter().filter(|arc| passes(arc)) {
        search.forget(arc.from);
    }
    if !search.forget_what_led_there() {
        return Updated::Large;
    }
    search.ask_neighbours();
    for arc in changed {
        if let Some((way, id)) = offer(arc)
            && !search.state(arc.from).forgotten
            && !search.state(arc.to).forgotten
        {
            search.propose(arc.from, way, Some(id));
        }
    }
    search.settle();
    search.finish()
}

struct Search<'a> {
    tree: &'a Tree,
    root: &'a Root,
    fabric: &'a Fabric,
    scratch: &'a mut Scratch,
}

impl Search<'_> {
    fn begin(&mut self) {
        let scratch = &mut *self.scratch;
        if scratch.states.len() != self.fabric.len() || scratch.epoch == u32::MAX {
            scratch.states = vec![NOTHING; self.fabric.len()];
            scratch.epoch = 0;
        }
        scratch.epoch += 1;
        scratch.forgotten.clear();
        scratch.waiting.clear();
        scratch.settled.clear();
    }

    fn state(&mut self, switch: SwitchId) -> &mut State {
        let epoch = self.scratch.epoch;
        let state = &mut self.scratch.states[switch as usize];
        if state.epoch != epoch {
            *state = State { epoch, ..NOTHING };
        }
        state
    }

    fn forget(&mut self, switch: SwitchId) {
        let state = self.state(switch);
        if !state.forgotten {
            state.forgotten = true;
            self.scratch.forgotten.push(switch);
        }
    }

    /// Forgets all routes that pass a forgotten switch; false where they are too many.
    fn forget_what_led_there(&mut self) -> bool {
        let fabric = self.fabric;
        let mut place = 0;
        while let Some(&switch) = self.scratch.forgotten.get(place) {
            if place > fabric.len() / LARGE_PART {
                return false;
            }
            place += 1;
            for (step, _) in fabric.arcs_to(switch) {
                if self.tree.label(step.from).next == switch {
                    self.forget(step.from);
                }
            }
        }
        true
    }

    /// Every forgotten switch looks for a way over a neighbour that was not forgotten.
    fn ask_neighbours(&mut self) {
        let fabric = self.fabric;
        for place in 0..self.scratch.forgotten.len() {
            let switch = self.scratch.forgotten[place];
            let mut best: Option<(Way, Option<ArcId>)> = self
                .root
                .seed(switch)
                .map(|measures| (Way { cost: measures.cost, hops: measures.hops, next: END }, None));
            for (to, cost, arc) in fabric.arcs_from(switch) {
                if self.state(to).forgotten {
                    continue;
                }
                if let Some(rest) = self.tree.measures(to) {
                    let way = Way::over(cost, to, rest);
                    if best.is_none_or(|(best, _)| way < best) {
                        best = Some((way, Some(arc)));
                    }
                }
            }
            if let Some((way, arc)) = best {
                self.propose(switch, way, arc);
            }
        }
    }

    fn propose(&mut self, switch: SwitchId, way: Way, arc: Option<ArcId>) {
        let state = self.state(switch);
        if state.found.is_none_or(|(found, _)| way < found) {
            state.found = Some((way, arc));
            self.scratch.waiting.push(way.turn(switch));
        }
    }

    fn settle(&mut self) {
        while let Some(Reverse(turn)) = self.scratch.waiting.pop() {
            let switch = whose(turn);
            let state = *self.state(switch);
            let (Some((way, arc)), None) = (state.found, state.settled) else { continue };
            let measures = match arc {
                None => self.root.seed(switch).unwrap_or(Measures::NONE),
                Some(arc) => {
                    let rest = self.state(way.next).settled.unwrap_or(*self.tree.label(way.next));
                    rest.measures().unwrap_or(&Measures::NONE).with(self.fabric.attributes(arc))
                }
            };
            let label = Label::new(measures, way.next);
            self.state(switch).settled = Some(label);
            let news = label != *self.tree.label(switch);
            if news {
                self.scratch.settled.push((switch, label));
            }
            self.offer_on(switch, &measures, news);
        }
    }

    /// Offers the settled route of `switch` to those that could go on with it.
    fn offer_on(&mut self, switch: SwitchId, measures: &Measures, news: bool) {
        let fabric = self.fabric;
        for (step, arc) in fabric.arcs_to(switch) {
            let way = Way::over(step.cost, switch, measures);
            let known = *self.tree.label(step.from);
            let state = *self.state(step.from);
            if state.settled.is_some() {
                continue;
            }
            let wanted = match state.found {
                Some((found, _)) => way < found,
                None if state.forgotten => true,
                // Whoever went on with this switch before does so still, and learns what has become of the route.
                None => way < known.way() || (news && way == known.way()),
            };
            if wanted {
                self.propose(step.from, way, Some(arc));
            }
        }
    }

    fn finish(self) -> Updated {
        // What nobody found a way for has no route any more.
        for place in 0..self.scratch.forgotten.len() {
            let switch = self.scratch.forgotten[place];
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
