//! The graph of all nodes in which routes are found: edges by destination, in compressed sparse rows.
//!
//! Routes to one destination are found by searching backwards from it, so edges are stored by the node they lead to. Of
//! several parallel links the best stands for all: least cost, then least delay, then largest bandwidth, then first in
//! the file. The delay compared is the configured one, because measured values do not influence route selection.

use std::cmp::Reverse;

use super::loss::Success;
use crate::model::parts::{Host, Link, NodeId, Switch};
use crate::value::Value;

/// One direction of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    /// Node that the edge leaves.
    pub(crate) from: NodeId,
    /// Cost that route selection minimises.
    pub(crate) cost: Value,
    /// Surcharge on the routing cost.
    pub(crate) price: Value,
    /// Delay in microseconds: measured if available, otherwise configured.
    pub(crate) delay: Value,
    /// Share of packets delivered.
    pub(crate) success: Success,
    /// Bandwidth in bytes per second.
    pub(crate) residual: Value,
    /// Unused bandwidth in bytes per second.
    pub(crate) available: Value,
    /// Whether the edge counts as a hop: an edge that leaves a LAN does not, because the one that enters it does.
    pub(crate) hop: bool,
    /// Index of the link in the topology.
    pub(crate) link: u32,
}

/// Kind of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Host, which carries no transit traffic.
    Host,
    /// Switch that counts as a hop.
    Switch,
    /// Network segment, which carries transit traffic but is no hop.
    Segment,
}

/// Returns the kind of each of a number of nodes.
pub(crate) fn kinds(nodes: usize, hosts: &[Host], switches: &[Switch]) -> Vec<Kind> {
    let mut kinds = vec![Kind::Switch; nodes];
    for host in hosts {
        kinds[host.node as usize] = Kind::Host;
    }
    for switch in switches.iter().filter(|switch| !switch.hop) {
        kinds[switch.node as usize] = Kind::Segment;
    }
    kinds
}

/// The graph of a network, over hosts and switches.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Row offsets: the edges to node `n` are `edges[starts[n]..starts[n + 1]]`, sorted by the node they leave.
    starts: Vec<u32>,
    edges: Vec<Edge>,
    kinds: Vec<Kind>,
}

impl Graph {
    /// Builds the graph of all links that are up.
    pub(crate) fn new(kinds: Vec<Kind>, links: &[Link]) -> Self {
        let nodes = kinds.len();
        // Destination, configured delay, and edge.
        let mut directed: Vec<(NodeId, Value, Edge)> = Vec::with_capacity(links.len() * 2);
        for (place, link) in (0..).zip(links) {
            let Some(cost) = link.weight else { continue };
            let value = |number: f64| Value::from_f64(number).unwrap_or_default();
            let bytes = |mbits: f64| value(mbits * 125_000.0);
            let microseconds = |milliseconds: f64| value(milliseconds * 1000.0);
            let configured = microseconds(link.delay);
            let delay = link.measured_delay.map_or(configured, microseconds);
            let success = Success::of_loss(value(link.loss()));
            let (residual, available) = (bytes(link.bandwidth), bytes(link.available()));
            let price = value(link.price);
            let hop = |from: NodeId| kinds[from as usize] != Kind::Segment;
            let edge =
                |from| Edge { from, cost, price, delay, success, residual, available, hop: hop(from), link: place };
            directed.push((link.ends.1, configured, edge(link.ends.0)));
            if !link.directed {
                directed.push((link.ends.0, configured, edge(link.ends.1)));
            }
        }
        // Rows are put in order one by one, which is faster than sorting all edges.
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); nodes];
        for (place, (to, ..)) in (0..).zip(&directed) {
            rows[*to as usize].push(place);
        }
        let mut starts = vec![0];
        let mut edges: Vec<Edge> = Vec::with_capacity(directed.len());
        for mut row in rows {
            // Equal edges stay in the order of the file.
            row.sort_unstable_by_key(|place| {
                let (_, delay, edge) = &directed[*place as usize];
                (edge.from, edge.cost, *delay, Reverse(edge.residual), *place)
            });
            row.dedup_by_key(|place| directed[*place as usize].2.from);
            edges.extend(row.iter().map(|place| directed[*place as usize].2));
            starts.push(u32::try_from(edges.len()).unwrap_or(u32::MAX));
        }
        Self { starts, edges, kinds }
    }

    /// Returns the number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Returns the edges that lead to a node, sorted by the node they leave.
    pub(crate) fn edges_to(&self, node: NodeId) -> &[Edge] {
        &self.edges[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }

    /// Returns whether a node is a host, which carries no transit traffic.
    pub(crate) fn is_host(&self, node: NodeId) -> bool {
        self.kinds[node as usize] == Kind::Host
    }

    /// Finds a node that is not connected to the first node, disregarding the direction of links.
    pub(crate) fn unreached(&self) -> Option<NodeId> {
        let nodes = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let mut parent: Vec<NodeId> = (0..nodes).collect();
        for node in 0..nodes {
            for edge in self.edges_to(node) {
                let (a, b) = (root(&mut parent, node), root(&mut parent, edge.from));
                parent[a as usize] = b;
            }
        }
        (1..nodes).find(|&node| root(&mut parent, node) != root(&mut parent, 0))
    }
}

/// Finds the representative of a node's component, halving the path to it (union-find).
fn root(parent: &mut [NodeId], mut node: NodeId) -> NodeId {
    while parent[node as usize] != node {
        parent[node as usize] = parent[parent[node as usize] as usize];
        node = parent[node as usize];
    }
    node
}
