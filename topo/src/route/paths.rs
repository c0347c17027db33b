//! Routes as sequences of nodes and links: the one that is used, and its alternatives.

use super::graph::{Edge, Graph};
use super::measures::Measures;
use crate::metric::Metric;
use crate::model::parts::NodeId;
use crate::name::NodeName;
use crate::value::Value;

/// The route between two hosts.
///
/// It is a path of least total cost; among these, one with the fewest links; among these, the one whose sequence of
/// node names is lexicographically smallest. Hosts carry no transit traffic. All metrics are measured along it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    nodes: Vec<NodeName>,
    links: Vec<u32>,
    measures: Measures,
}

impl Route {
    /// Creates the route along a path of nodes, of which `names` has the names.
    pub(crate) fn along(path: &[NodeId], graph: &Graph, names: &[NodeName], measures: Measures) -> Self {
        let link =
            |pair: &[NodeId]| graph.edges_to(pair[1]).iter().find(|edge| edge.from == pair[0]).map(|edge| edge.link);
        let links = path.windows(2).filter_map(link).collect();
        let nodes = path.iter().map(|node| names[*node as usize].clone()).collect();
        Self { nodes, links, measures }
    }

    /// Names of all nodes on the route, both ends included.
    pub fn nodes(&self) -> &[NodeName] {
        &self.nodes
    }

    /// Index in the topology of the link from each node to the next; of several parallel links, the one that is used.
    pub fn links(&self) -> &[u32] {
        &self.links
    }

    /// Returns the value in a metric.
    ///
    /// Bandwidths are undefined for a route without links, and the round-trip delay for every route, because the way
    /// back is another route.
    pub fn value(&self, metric: Metric) -> Option<Value> {
        metric.value(&self.measures)
    }
}

/// Finds up to `count` loop-free paths between two nodes, best first: by cost, then by number of links.
pub(crate) fn alternatives(graph: &Graph, source: NodeId, destination: NodeId, count: usize) -> Vec<Vec<NodeId>> {
    // Edges are stored by the node they lead to, so the search runs backwards from the destination.
    let predecessors = |at: &NodeId| -> Vec<(NodeId, u128)> {
        if graph.is_host(*at) && *at != destination {
            return Vec::new();
        }
        // The cost in the high bits, and one link in the low ones.
        let cost = |edge: &Edge| (u128::from(edge.cost.micros()) << 32) + 1;
        graph.edges_to(*at).iter().map(|edge| (edge.from, cost(edge))).collect()
    };
    let found = pathfinding::prelude::yen(&destination, predecessors, |at| *at == source, count);
    found.into_iter().map(|(path, _)| path.into_iter().rev().collect()).collect()
}
