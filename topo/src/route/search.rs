//! The search for least-cost routes from every switch to one root.
//!
//! The search runs backwards from the root (Dijkstra's algorithm). Switches settle in order of cost, then number of links. When one
//! settles, every switch that a best route could continue with has settled before, so that ties by name are resolved by
//! keeping the smallest next switch.

use super::key::{END, RouteKey};
use super::length::{Length, WIDE_BITS, narrow_bits};
use super::measures::Measures;
use super::queue::{BucketQueue, Waiting};
use super::switches::{SwitchGraph, SwitchId};
use super::tree::{Root, Tree};

/// A search, whose buffers serve for one root after another.
#[derive(Debug, Default)]
pub(crate) struct Search {
    narrow: Frontier<u64>,
    wide: Frontier<u128>,
    /// Best route from each switch.
    found: Vec<Found>,
    /// Switches that routes start at, in the order in which they settled.
    settled: Vec<SwitchId>,
    measures: Vec<Measures>,
}

/// The best route from a switch.
#[derive(Clone, Copy, Debug)]
struct Found {
    key: RouteKey,
    /// Index of the first edge among those of the graph, or [`NO_EDGE`].
    edge: u32,
}

/// The values of the routes from all switches to one root.
#[derive(Debug)]
pub(crate) struct AllMeasures<'a> {
    found: &'a [Found],
    measures: &'a [Measures],
}

/// The value of [`Found::edge`] where the route has no edge between switches.
const NO_EDGE: u32 = u32::MAX;

/// State of a search while it runs.
#[derive(Debug)]
struct Frontier<L> {
    best: Vec<Best<L>>,
    queue: BucketQueue<L>,
}

/// The best route found so far from a switch.
#[derive(Clone, Copy, Debug)]
struct Best<L> {
    length: L,
    next: SwitchId,
    edge: u32,
}

impl<L: Length> Default for Frontier<L> {
    fn default() -> Self {
        Self { best: Vec::new(), queue: BucketQueue::default() }
    }
}

impl Search {
    /// Finds the routes from every switch to `root`.
    pub(crate) fn run(&mut self, graph: &SwitchGraph, root: &Root) {
        let Self { narrow, wide, found, settled, .. } = self;
        found.clear();
        settled.clear();
        match narrow_bits(graph.len(), graph.dearest(), root.dearest()) {
            Some(bits) => narrow.run(graph, root, bits, settled, found),
            None => wide.run(graph, root, WIDE_BITS, settled, found),
        }
    }

    /// Returns the tree that the last search found.
    pub(crate) fn tree(&self) -> Tree {
        Tree::of(self.found.iter().map(|found| found.key))
    }

    /// Adds up the values of all routes that the last search found, which ran in `graph` and to `root`.
    pub(crate) fn measures(&mut self, graph: &SwitchGraph, root: &Root) -> AllMeasures<'_> {
        let Self { found, settled, measures, .. } = self;
        measures.resize(found.len(), Measures::EMPTY);
        // The next switch on a route has settled before.
        for &switch in &*settled {
            let Found { key, edge } = found[switch as usize];
            measures[switch as usize] = match graph.attributes_of(edge) {
                Some(attributes) => measures[key.next() as usize].with(attributes),
                None => root.exit(switch).map_or(Measures::EMPTY, |exit| Measures::EMPTY.with(exit)),
            };
        }
        AllMeasures { found, measures }
    }
}

impl AllMeasures<'_> {
    /// Returns the values of the route from a switch; `None` if there is none.
    pub(crate) fn of(&self, switch: SwitchId) -> Option<&Measures> {
        self.found[switch as usize].key.is_reached().then(|| &self.measures[switch as usize])
    }
}

impl<L: Length> Frontier<L> {
    fn run(
        &mut self,
        graph: &SwitchGraph,
        root: &Root,
        bits: u32,
        settled: &mut Vec<SwitchId>,
        found: &mut Vec<Found>,
    ) {
        let Self { best, queue } = self;
        best.clear();
        best.resize(graph.len(), Best { length: L::UNREACHED, next: END, edge: NO_EDGE });
        let best = &mut best[..];
        queue.begin(graph.lightest(), graph.dearest().max(root.dearest()));
        for (switch, key) in root.seeds() {
            let length = L::new(key.cost(), key.links(), bits);
            best[switch as usize].length = length;
            queue.push(Waiting { length, switch }, bits);
        }
        while let Some(Waiting { length, switch }) =
            queue.pop(|waiting| best[waiting.switch as usize].length != waiting.length)
        {
            settled.push(switch);
            for (edge, incoming) in graph.numbered_edges_to(switch) {
                let known = &mut best[incoming.from as usize];
                let length = length.with_edge(incoming.cost, bits);
                if length > known.length {
                    continue;
                }
                if length < known.length {
                    *known = Best { length, next: switch, edge };
                    queue.push(Waiting { length, switch: incoming.from }, bits);
                } else if switch < known.next {
                    (known.next, known.edge) = (switch, edge);
                }
            }
        }
        found.extend(best.iter().map(|best| best.found(bits)));
    }
}

impl<L: Length> Best<L> {
    fn found(self, bits: u32) -> Found {
        let Self { length, next, edge } = self;
        let key = if length == L::UNREACHED {
            RouteKey::UNREACHED
        } else {
            RouteKey::new(length.cost(bits), length.links(bits), next)
        };
        Found { key, edge }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::model::topology::Topology;
    use crate::route::graph::{Graph, kinds};
    use crate::route::switches::split;

    const SWITCHES: u32 = 12;

    /// Switches with directed links between them.
    fn network(links: &[(u32, u32, f64)]) -> SwitchGraph {
        let mut json = "{\"name\":\"random\",\"switches\":[".to_owned();
        for switch in 0..SWITCHES {
            write!(json, "{{\"name\":\"s{switch:02}\",\"dpid\":\"{:x}\"}},", switch + 1).unwrap();
        }
        json.truncate(json.len() - 1);
        json += "],\"links\":[";
        for (from, to, cost) in links {
            let ends = format!("\"source\":\"s{from:02}\",\"destination\":\"s{to:02}\"");
            write!(json, "{{{ends},\"bandwidth\":1,\"delay\":1,\"cost\":{cost},\"directed\":true}},").unwrap();
        }
        json.truncate(json.len() - 1);
        let topology = Topology::from_json((json + "]}").as_bytes(), "random").unwrap();
        let frame = &topology.frame;
        split(&Graph::new(kinds(frame.nodes.len(), &frame.hosts, &frame.switches), &topology.links), frame).0
    }

    /// The routes of a search with lengths of one kind, each with the edge it begins with.
    fn found<L: Length>(graph: &SwitchGraph, root: &Root, bits: u32) -> Vec<(RouteKey, u32)> {
        let (mut settled, mut found) = (Vec::new(), Vec::new());
        Frontier::<L>::default().run(graph, root, bits, &mut settled, &mut found);
        assert_eq!(settled.len(), found.iter().filter(|found| found.key.is_reached()).count(), "each settles once");
        found.iter().map(|found| (found.key, found.edge)).collect()
    }

    /// The best keys by going over all edges until nothing changes (Bellman and Ford).
    fn expected(graph: &SwitchGraph, root: &Root) -> Vec<RouteKey> {
        let mut keys: Vec<RouteKey> = (0..SWITCHES).map(|switch| root.seed(switch)).collect();
        for _ in 0..=SWITCHES {
            for to in 0..SWITCHES {
                let rest = keys[to as usize];
                for edge in graph.edges_to(to).iter().filter(|_| rest.is_reached()) {
                    let known = &mut keys[edge.from as usize];
                    *known = rest.over(edge.cost, to).min(*known);
                }
            }
        }
        keys
    }

    proptest! {
        #[test]
        fn lengths_of_both_kinds_find_the_same_best_routes(
            links in prop::sample::select(vec![vec![0.0, 1.0, 2.0], vec![1.0, 2.0, 100.0], vec![0.000_001, 0.3, 7.25], vec![1e-3, 3.0, 1e9]])
                .prop_flat_map(|costs| prop::collection::vec((0..SWITCHES, 0..SWITCHES, prop::sample::select(costs)), 1..70))
                .prop_map(|links| links.into_iter().filter(|(from, to, _)| from != to).collect::<Vec<_>>())
                .prop_filter("a link", |links| !links.is_empty()),
            roots in prop::collection::btree_set(0..SWITCHES, 1..3),
        ) {
            let (graph, root) = (network(&links), Root::switches(roots));
            let bits = narrow_bits(graph.len(), graph.dearest(), root.dearest()).unwrap();
            let narrow = found::<u64>(&graph, &root, bits);
            prop_assert_eq!(&narrow, &found::<u128>(&graph, &root, WIDE_BITS));
            prop_assert_eq!(narrow.iter().map(|(key, _)| *key).collect::<Vec<_>>(), expected(&graph, &root));
            for (switch, (key, edge)) in (0..).zip(narrow) {
                let attributes = (key.is_reached() && key.next() != END).then(|| graph.attributes(switch, key.next()));
                prop_assert_eq!(attributes.map(std::ptr::from_ref), graph.attributes_of(edge).map(std::ptr::from_ref));
            }
        }
    }
}
