//! Trees of least-cost routes from every switch to one root, which is one switch or several.
//!
//! The search runs backwards from the root (Dijkstra's algorithm). Switches settle in order of cost, then number of
//! links. When one settles, every switch that a best route could continue with has settled before, so that ties by name
//! are resolved by keeping the smallest next switch. A tree is immutable and stored in chunks, so that it shares
//! unchanged chunks with the tree before a change.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::measures::{Attributes, Measures};
use super::switches::{EdgeId, Entry, SwitchGraph, SwitchId};
use crate::value::Value;

/// The number of labels in one chunk of a tree.
const CHUNK: usize = 64;
/// The value of [`Label::next`] where the route ends.
pub(crate) const END: SwitchId = u32::MAX;

/// The route from one switch to the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    /// Values of the route, [`Measures::UNREACHED`] if there is none.
    measures: Measures,
    /// Next switch on the route, or [`END`].
    pub(crate) next: SwitchId,
}

/// The destination of the routes of a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Root(Vec<Seed>);

/// A switch where routes end, or from where one more edge leads to the host where they end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Seed {
    switch: SwitchId,
    exit: Option<Attributes>,
}

/// The least-cost routes from every switch to one root.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    chunks: Vec<Arc<[Label; CHUNK]>>,
}

/// The key that routes from one switch are compared by: cost, then number of links, then name of the next switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteKey {
    pub(crate) cost: Value,
    pub(crate) links: u32,
    pub(crate) next: SwitchId,
}

/// The queue of switches to settle, ordered by cost, number of links and name in one comparison.
pub(crate) type Queue = BinaryHeap<Reverse<u128>>;

/// Buffers that are reused between searches.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    best: Vec<(RouteKey, Option<EdgeId>)>,
    labels: Vec<Label>,
    queue: Queue,
}

impl Label {
    pub(crate) const UNREACHED: Self = Self { measures: Measures::UNREACHED, next: END };

    pub(crate) fn new(measures: Measures, next: SwitchId) -> Self {
        Self { measures, next }
    }

    /// Returns the values of the route; `None` if there is none.
    pub(crate) fn measures(&self) -> Option<&Measures> {
        (self.measures.links != u32::MAX).then_some(&self.measures)
    }

    /// Returns the comparison key of the route, the worst one if there is none.
    pub(crate) fn key(&self) -> RouteKey {
        match self.measures() {
            Some(measures) => RouteKey { cost: measures.cost, links: measures.links, next: self.next },
            None => RouteKey::WORST,
        }
    }
}

impl RouteKey {
    pub(crate) const WORST: Self = Self { cost: Value::from_micros(u64::MAX), links: u32::MAX, next: u32::MAX };

    /// Returns the key of a route that takes an edge of this cost to `next` and continues with `rest`.
    pub(crate) fn over(cost: Value, next: SwitchId, rest: &Measures) -> Self {
        Self { cost: rest.cost.plus(cost), links: rest.links.saturating_add(1), next }
    }

    /// Returns whether this key is better by cost and number of links, without the tie-break by name.
    pub(crate) fn is_shorter_than(&self, other: &Self) -> bool {
        (self.cost, self.links) < (other.cost, other.links)
    }

    /// Returns the queue entry of `switch`.
    pub(crate) fn entry(&self, switch: SwitchId) -> Reverse<u128> {
        Reverse(u128::from(self.cost.micros()) << 64 | u128::from(self.links) << 32 | u128::from(switch))
    }
}

/// Extracts the switch from a queue entry.
#[expect(clippy::cast_possible_truncation, reason = "the lowest 32 bits are wanted")]
pub(crate) fn entry_switch(entry: u128) -> SwitchId {
    entry as u32
}

impl Root {
    /// Creates a root at the nearest of several switches.
    pub(crate) fn switches(switches: impl IntoIterator<Item = SwitchId>) -> Self {
        let mut seeds: Vec<Seed> = switches.into_iter().map(|switch| Seed { switch, exit: None }).collect();
        seeds.sort_unstable();
        Self(seeds)
    }

    /// Creates a root at a host that is linked to several switches.
    pub(crate) fn host(entries: &[Entry]) -> Self {
        let mut seeds: Vec<Seed> =
            entries.iter().map(|entry| Seed { switch: entry.switch, exit: Some(entry.attributes) }).collect();
        seeds.sort_unstable();
        Self(seeds)
    }

    /// Returns the switch at which all routes end, if it is one without another edge after it.
    pub(crate) fn only_switch(&self) -> Option<SwitchId> {
        match self.0[..] {
            [Seed { switch, exit: None }] => Some(switch),
            _ => None,
        }
    }

    /// Iterates over the routes that use no edge between switches.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = (SwitchId, Measures)> {
        self.0.iter().map(|seed| {
            let measures = seed.exit.map_or(Measures::EMPTY, |exit| Measures::EMPTY.with(&exit));
            (seed.switch, measures)
        })
    }

    /// Returns the route that starts at `switch` and passes no other switch.
    pub(crate) fn seed(&self, switch: SwitchId) -> Option<Measures> {
        self.seeds().find(|(seed, _)| *seed == switch).map(|(_, measures)| measures)
    }
}

impl Tree {
    /// Finds the routes from every switch to `root`.
    pub(crate) fn to(graph: &SwitchGraph, root: &Root, workspace: &mut Workspace) -> Self {
        let Workspace { best, labels, queue } = workspace;
        best.clear();
        best.resize(graph.len(), (RouteKey::WORST, None));
        labels.clear();
        labels.resize(graph.len(), Label::UNREACHED);
        queue.clear();
        for (switch, measures) in root.seeds() {
            let key = RouteKey { cost: measures.cost, links: measures.links, next: END };
            best[switch as usize] = (key, None);
            queue.push(key.entry(switch));
        }
        while let Some(Reverse(entry)) = queue.pop() {
            let switch = entry_switch(entry);
            let (key, edge) = best[switch as usize];
            if labels[switch as usize].measures().is_some() {
                continue;
            }
            let measures = match edge {
                None => root.seed(switch).unwrap_or(Measures::EMPTY),
                Some(edge) => labels[key.next as usize].measures.with(graph.attributes(edge)),
            };
            labels[switch as usize] = Label::new(measures, key.next);
            for (incoming, edge) in graph.edges_to(switch) {
                let known = &mut best[incoming.from as usize];
                let key = RouteKey::over(incoming.cost, switch, &measures);
                if key < known.0 {
                    if key.is_shorter_than(&known.0) {
                        queue.push(key.entry(incoming.from));
                    }
                    *known = (key, Some(edge));
                }
            }
        }
        let chunk = |labels: &[Label]| {
            let mut chunk = [Label::UNREACHED; CHUNK];
            chunk[..labels.len()].copy_from_slice(labels);
            Arc::new(chunk)
        };
        Self { chunks: labels.chunks(CHUNK).map(chunk).collect() }
    }

    /// Returns the label of a switch.
    pub(crate) fn label(&self, switch: SwitchId) -> &Label {
        &self.chunks[switch as usize / CHUNK][switch as usize % CHUNK]
    }

    /// Returns the values of the route from a switch; `None` if there is none.
    pub(crate) fn measures(&self, from: SwitchId) -> Option<&Measures> {
        self.label(from).measures()
    }

    /// Returns the values of the best route from any of several switches: by cost, then links, then name.
    pub(crate) fn best_of(&self, starts: &[SwitchId]) -> Option<&Measures> {
        if let [only] = starts {
            return self.measures(*only);
        }
        let reached = starts.iter().filter_map(|&switch| self.measures(switch).map(|measures| (switch, measures)));
        reached.min_by_key(|(switch, measures)| (measures.cost, measures.links, *switch)).map(|(_, measures)| measures)
    }

    /// Lists the switches on the route from a switch, both ends included.
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

    /// Returns the tree with new labels for some switches.
    pub(crate) fn with(&self, labels: impl IntoIterator<Item = (SwitchId, Label)>) -> Self {
        let mut next = self.clone();
        for (switch, label) in labels {
            // Copies a chunk only the first time.
            Arc::make_mut(&mut next.chunks[switch as usize / CHUNK])[switch as usize % CHUNK] = label;
        }
        next
    }
}
