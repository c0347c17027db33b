//! The least-cost routes from every switch to one place, which is one switch or several.
//!
//! The search runs from the destination backwards (Dijkstra). Switches settle in the order of cost, then links; by the
//! time one settles, all that a best route could go on with have settled, so the tie by name falls out of keeping the
//! smallest next switch. A tree is immutable and kept in pieces, so that a tree after a change shares with the tree
//! before it what stayed the same.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use crate::fabric::{ArcId, Entry, Fabric, SwitchId};
use crate::routes::{Attributes, Measures};
use crate::value::Value;

/// Labels in one piece of a tree.
pub(crate) const PIECE: usize = 64;
/// In [`Label::next`]: the route ends here.
pub(crate) const END: SwitchId = u32::MAX;

/// What is known of the route from one switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// [`Measures::UNREACHED`] where there is no route.
    measures: Measures,
    /// The next switch on the way, or [`END`].
    pub(crate) next: SwitchId,
}

/// Where the routes of a tree end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Root(Vec<Seed>);

/// A switch where routes end, after one arc more where they end at a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Seed {
    switch: SwitchId,
    exit: Option<Attributes>,
}

/// The routes from every switch to one root.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pieces: Vec<Arc<[Label; PIECE]>>,
}

/// Cost, then links, then name: what makes one way on better than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Way {
    pub(crate) cost: Value,
    pub(crate) hops: u32,
    pub(crate) next: SwitchId,
}

/// A switch that waits to be settled. Ordered by cost, links and name in one comparison.
pub(crate) type Waiting = BinaryHeap<Reverse<u128>>;

/// What is kept between searches, so that each need not allocate anew.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    best: Vec<(Way, Option<ArcId>)>,
    labels: Vec<Label>,
    waiting: Waiting,
}

impl Label {
    pub(crate) const UNREACHED: Self = Self { measures: Measures::UNREACHED, next: END };

    pub(crate) fn new(measures: Measures, next: SwitchId) -> Self {
        Self { measures, next }
    }

    /// What the route amounts to; nothing where there is none.
    pub(crate) fn measures(&self) -> Option<&Measures> {
        (self.measures.hops != u32::MAX).then_some(&self.measures)
    }

    /// How good the route is; the worst where there is none.
    pub(crate) fn way(&self) -> Way {
        match self.measures() {
            Some(measures) => Way { cost: measures.cost, hops: measures.hops, next: self.next },
            None => Way::WORST,
        }
    }
}

impl Way {
    pub(crate) const WORST: Self = Self { cost: Value::from_micros(u64::MAX), hops: u32::MAX, next: u32::MAX };

    /// The way over an arc of this cost to `next`, from where the rest costs `rest`.
    pub(crate) fn over(cost: Value, next: SwitchId, rest: &Measures) -> Self {
        Self { cost: rest.cost.plus(cost), hops: rest.hops.saturating_add(1), next }
    }

    /// Whether cost and links alone make it better.
    pub(crate) fn is_shorter_than(&self, other: &Self) -> bool {
        (self.cost, self.hops) < (other.cost, other.hops)
    }

    /// The place of `switch` in the queue.
    pub(crate) fn turn(&self, switch: SwitchId) -> Reverse<u128> {
        Reverse(u128::from(self.cost.micros()) << 64 | u128::from(self.hops) << 32 | u128::from(switch))
    }
}

/// The switch that has its turn.
#[expect(clippy::cast_possible_truncation, reason = "the lowest 32 bits are wanted")]
pub(crate) fn whose(turn: u128) -> SwitchId {
    turn as u32
}

impl Root {
    /// Routes end at the nearest of some switches.
    pub(crate) fn switches(switches: impl IntoIterator<Item = SwitchId>) -> Self {
        let mut seeds: Vec<Seed> = switches.into_iter().map(|switch| Seed { switch, exit: None }).collect();
        seeds.sort_unstable();
        Self(seeds)
    }

    /// Routes end at a host that can be entered from several switches.
    pub(crate) fn host(entries: &[Entry]) -> Self {
        let mut seeds: Vec<Seed> =
            entries.iter().map(|entry| Seed { switch: entry.switch, exit: Some(entry.way) }).collect();
        seeds.sort_unstable();
        Self(seeds)
    }

    /// The routes that are there without any arc between switches.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = (SwitchId, Measures)> {
        self.0.iter().map(|seed| {
            let measures = seed.exit.map_or(Measures::NONE, |exit| Measures::NONE.with(&exit));
            (seed.switch, measures)
        })
    }

    /// The route that ends at `switch` without passing another.
    pub(crate) fn seed(&self, switch: SwitchId) -> Option<Measures> {
        self.seeds().find(|(seed, _)| *seed == switch).map(|(_, measures)| measures)
    }
}

impl Tree {
    /// Finds the routes from every switch.
    pub(crate) fn to(fabric: &Fabric, root: &Root, workspace: &mut Workspace) -> Self {
        let Workspace { best, labels, waiting } = workspace;
        best.clear();
        best.resize(fabric.len(), (Way::WORST, None));
        labels.clear();
        labels.resize(fabric.len(), Label::UNREACHED);
        waiting.clear();
        for (switch, measures) in root.seeds() {
            let way = Way { cost: measures.cost, hops: measures.hops, next: END };
            best[switch as usize] = (way, None);
            waiting.push(way.turn(switch));
        }
        while let Some(Reverse(turn)) = waiting.pop() {
            let switch = whose(turn);
            let (way, arc) = best[switch as usize];
            if labels[switch as usize].measures().is_some() {
                continue;
            }
            let measures = match arc {
                None => root.seed(switch).unwrap_or(Measures::NONE),
                Some(arc) => labels[way.next as usize].measures.with(fabric.attributes(arc)),
            };
            labels[switch as usize] = Label::new(measures, way.next);
            for (step, arc) in fabric.arcs_to(switch) {
                let known = &mut best[step.from as usize];
                let way = Way::over(step.cost, switch, &measures);
                if way < known.0 {
                    if way.is_shorter_than(&known.0) {
                        waiting.push(way.turn(step.from));
                    }
                    *known = (way, Some(arc));
                }
            }
        }
        let piece = |labels: &[Label]| {
            let mut piece = [Label::UNREACHED; PIECE];
            piece[..labels.len()].copy_from_slice(labels);
            Arc::new(piece)
        };
        Self { pieces: labels.chunks(PIECE).map(piece).collect() }
    }

    pub(crate) fn label(&self, switch: SwitchId) -> &Label {
        &self.pieces[switch as usize / PIECE][switch as usize % PIECE]
    }

    /// What the route from a switch amounts to; nothing where there is none.
    pub(crate) fn measures(&self, from: SwitchId) -> Option<&Measures> {
        self.label(from).measures()
    }

    /// The best start among several: by cost, then links, then name.
    pub(crate) fn best_of(&self, starts: &[SwitchId]) -> Option<&Measures> {
        if let [only] = starts {
            return self.measures(*only);
        }
        let reached = starts.iter().filter_map(|&switch| self.measures(switch).map(|measures| (switch, measures)));
        reached.min_by_key(|(switch, measures)| (measures.cost, measures.hops, *switch)).map(|(_, measures)| measures)
    }

    /// The switches on the way from one, both ends included.
    pub(crate) fn path(&self, from: SwitchId) -> Option<Vec<SwitchId>> {
        self.measures(from)?;
        let mut path = vec![from];
        let mut next = self.label(from).next;
        while next != END {
            path.push(next);
            next = self.label(next).next;
        }
        Some(path)
    }

    /// This tree with other labels for some switches.
    pub(crate) fn with(&self, labels: impl IntoIterator<Item = (SwitchId, Label)>) -> Self {
        let mut next = self.clone();
        for (switch, label) in labels {
            // Copies the piece the first time only.
            Arc::make_mut(&mut next.pieces[switch as usize / PIECE])[switch as usize % PIECE] = label;
        }
        next
    }
}
