//! Least-cost routes: one tree for each destination.
//!
//! A route is a path of least total cost; of those, one with fewest links; of those, the one whose sequence of node
//! names is smallest. Hosts never carry transit. The search runs from the destination backwards (Dijkstra); the tie by
//! name then falls out of choosing, at every node, the smallest next node among those on a best path.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::graph::{Arc, Graph, NodeId};
use crate::metric::Metric;
use crate::name::NodeName;
use crate::value::Value;

/// What a route amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Measures {
    /// What the route was chosen by.
    pub(crate) cost: Value,
    /// What its links ask for on top.
    pub(crate) price: Value,
    pub(crate) hops: u32,
    pub(crate) delay: Value,
    /// `None` on the route of no link.
    pub(crate) bandwidth: Option<Bandwidth>,
}

/// Bottlenecks of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bandwidth {
    pub(crate) residual: Value,
    pub(crate) available: Value,
}

/// A route between two hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    nodes: Vec<NodeName>,
    links: Vec<u32>,
    measures: Measures,
}

/// The routes from everywhere to one destination, or to the nearest of several.
#[derive(Debug)]
pub(crate) struct Tree {
    measures: Vec<Option<Measures>>,
    /// The next node on the way; itself at the destination.
    next: Vec<NodeId>,
}

/// What is kept between searches, so that each need not allocate anew.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    best: Vec<(Value, u32)>,
    settled: Vec<NodeId>,
    done: Vec<bool>,
    heap: BinaryHeap<Reverse<(Value, u32, NodeId)>>,
}

const UNREACHED: (Value, u32) = (Value::from_micros(u64::MAX), u32::MAX);

impl Measures {
    const NONE: Self = Self { cost: Value::ZERO, price: Value::ZERO, hops: 0, delay: Value::ZERO, bandwidth: None };

    /// The route that begins with `arc` and goes on as `self`.
    fn after(self, arc: &Arc) -> Self {
        let (residual, available) = match self.bandwidth {
            None => (arc.residual, arc.available),
            Some(rest) => (rest.residual.min(arc.residual), rest.available.min(arc.available)),
        };
        Self {
            cost: self.cost.plus(arc.cost),
            price: self.price.plus(arc.price),
            hops: self.hops + 1,
            delay: self.delay.plus(arc.delay),
            bandwidth: Some(Bandwidth { residual, available }),
        }
    }

    pub(crate) fn value(&self, metric: Metric) -> Option<Value> {
        match metric {
            Metric::RoutingCost => Some(self.cost.plus(self.price)),
            Metric::HopCount => Some(Value::from_integer(self.hops.into())),
            Metric::DelayOneWay => Some(self.delay),
            Metric::ResidualBandwidth => self.bandwidth.map(|bandwidth| bandwidth.residual),
            Metric::AvailableBandwidth => self.bandwidth.map(|bandwidth| bandwidth.available),
        }
    }
}

impl Tree {
    /// Finds the routes to the nearest of `destinations`.
    pub(crate) fn to(graph: &Graph, destinations: &[NodeId], workspace: &mut Workspace) -> Self {
        let Workspace { best, settled, done, heap } = workspace;
        best.clear();
        best.resize(graph.len(), UNREACHED);
        done.clear();
        done.resize(graph.len(), false);
        settled.clear();
        heap.clear();
        for &node in destinations {
            best[node as usize] = (Value::ZERO, 0);
            heap.push(Reverse((Value::ZERO, 0, node)));
        }
        while let Some(Reverse((cost, hops, node))) = heap.pop() {
            if done[node as usize] {
                continue;
            }
            done[node as usize] = true;
            settled.push(node);
            if graph.is_host(node) && hops > 0 {
                continue;
            }
            for arc in graph.arcs_to(node) {
                let way = (cost.plus(arc.cost), hops + 1);
                if way < best[arc.from as usize] {
                    best[arc.from as usize] = way;
                    heap.push(Reverse((way.0, way.1, arc.from)));
                }
            }
        }
        Self::choose(graph, best, settled)
    }

    /// Chooses the next node of each, nearest first, so that what a route continues with is known.
    fn choose(graph: &Graph, best: &[(Value, u32)], settled: &[NodeId]) -> Self {
        let nodes = u32::try_from(graph.len()).unwrap_or(u32::MAX);
        let mut next: Vec<NodeId> = (0..nodes).collect();
        let mut measures = vec![None; graph.len()];
        // Each arc that is on a best path proposes where it leads; the smallest proposal wins.
        let mut via: Vec<Option<Arc>> = vec![None; graph.len()];
        for &node in settled {
            let (cost, hops) = best[node as usize];
            if graph.is_host(node) && hops > 0 {
                continue;
            }
            for arc in graph.arcs_to(node) {
                let from = arc.from as usize;
                let fits = best[from] == (cost.plus(arc.cost), hops + 1);
                if fits && (via[from].is_none() || node < next[from]) {
                    next[from] = node;
                    via[from] = Some(*arc);
                }
            }
        }
        for &node in settled {
            measures[node as usize] = match via[node as usize] {
                None => Some(Measures::NONE),
                Some(arc) => measures[next[node as usize] as usize].map(|rest: Measures| rest.after(&arc)),
            };
        }
        Self { measures, next }
    }

    /// What the route from a node amounts to; nothing where there is none.
    pub(crate) fn measures(&self, from: NodeId) -> Option<&Measures> {
        self.measures[from as usize].as_ref()
    }

    /// The best start among several: by cost, then links, then name.
    pub(crate) fn best_of(&self, starts: &[NodeId]) -> Option<&Measures> {
        let reached = starts.iter().filter_map(|&node| self.measures(node).map(|measures| (node, measures)));
        reached.min_by_key(|(node, measures)| (measures.cost, measures.hops, *node)).map(|(_, measures)| measures)
    }

    /// The nodes on the way from a node, both ends included.
    pub(crate) fn path(&self, from: NodeId) -> Option<Vec<NodeId>> {
        self.measures(from)?;
        let mut path = vec![from];
        let mut node = from;
        while self.next[node as usize] != node {
            node = self.next[node as usize];
            path.push(node);
        }
        Some(path)
    }
}

impl Route {
    pub(crate) fn new(nodes: Vec<NodeName>, links: Vec<u32>, measures: Measures) -> Self {
        Self { nodes, links, measures }
    }

    /// All nodes on the way, both ends included.
    pub fn nodes(&self) -> &[NodeName] {
        &self.nodes
    }

    /// The link from each node to the next, by its place in the topology: of several between two nodes, the one that
    /// is taken.
    pub fn links(&self) -> &[u32] {
        &self.links
    }

    /// What the route amounts to; bandwidth is undefined where no link is used.
    pub fn value(&self, metric: Metric) -> Option<Value> {
        self.measures.value(metric)
    }
}
