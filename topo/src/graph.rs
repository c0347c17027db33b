//! The graph that routes are found in: arcs by destination, in compressed rows.
//!
//! Least-cost routes to one destination are found from its end, so arcs are kept by the node they lead to. Of several
//! links between the same two nodes the best stands for all: least cost, then least delay, then largest bandwidth,
//! then first in the file. That delay is the configured one, as what is measured moves no routes.

use std::cmp::Reverse;

use crate::loss::Success;
use crate::topology::Link;
use crate::value::Value;

/// A node, by the place of its name among all names.
pub(crate) type NodeId = u32;

/// One way over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arc {
    /// Where it comes from.
    pub(crate) from: NodeId,
    /// What routes are chosen by.
    pub(crate) cost: Value,
    /// What comes on top in the routing cost.
    pub(crate) price: Value,
    /// Microseconds, as measured where it was measured.
    pub(crate) delay: Value,
    /// What of the packets arrives.
    pub(crate) success: Success,
    /// Bytes per second.
    pub(crate) residual: Value,
    /// Bytes per second.
    pub(crate) available: Value,
    /// Which link of the topology it is a way over, in the order of the file.
    pub(crate) link: u32,
}

/// Arcs of a network.
#[derive(Debug)]
pub(crate) struct Graph {
    /// Arcs that lead to node `n` are `arcs[starts[n]..starts[n + 1]]`, by where they come from.
    starts: Vec<u32>,
    arcs: Vec<Arc>,
    hosts: Vec<bool>,
}

impl Graph {
    /// The graph of links that are up.
    pub(crate) fn new(nodes: usize, links: &[Link], is_host: impl Fn(NodeId) -> bool) -> Self {
        // Where it leads to, the configured delay, and the arc.
        let mut directed: Vec<(NodeId, Value, Arc)> = Vec::with_capacity(links.len() * 2);
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
            let arc = |from| Arc { from, cost, price, delay, success, residual, available, link: place };
            directed.push((link.ends.1, configured, arc(link.ends.0)));
            if !link.directed {
                directed.push((link.ends.0, configured, arc(link.ends.1)));
            }
        }
        // Stable: what is equal stays in the order of the file.
        directed.sort_by_key(|(to, delay, arc)| (*to, arc.from, arc.cost, *delay, Reverse(arc.residual)));
        directed.dedup_by_key(|(to, _, arc)| (*to, arc.from));
        let mut starts = vec![0; nodes + 1];
        for (to, ..) in &directed {
            starts[*to as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let hosts = (0..nodes).map(|node| u32::try_from(node).is_ok_and(&is_host)).collect();
        Self { starts, arcs: directed.into_iter().map(|(_, _, arc)| arc).collect(), hosts }
    }

    pub(crate) fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Arcs that lead to a node, by where they come from.
    pub(crate) fn arcs_to(&self, node: NodeId) -> &[Arc] {
        &self.arcs[self.starts[node as usize] as usize..self.starts[node as usize + 1] as usize]
    }

    /// Hosts end traffic and never carry that of others.
    pub(crate) fn is_host(&self, node: NodeId) -> bool {
        self.hosts[node as usize]
    }

    /// A node that has no connection with the first, whichever way its links lead.
    pub(crate) fn unreached(&self) -> Option<NodeId> {
        let nodes = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let mut parent: Vec<NodeId> = (0..nodes).collect();
        for node in 0..nodes {
            for arc in self.arcs_to(node) {
                let (a, b) = (root(&mut parent, node), root(&mut parent, arc.from));
                parent[a as usize] = b;
            }
        }
        (1..nodes).find(|&node| root(&mut parent, node) != root(&mut parent, 0))
    }
}

/// The representative of the part a node is in, shortening the way there.
fn root(parent: &mut [NodeId], mut node: NodeId) -> NodeId {
    while parent[node as usize] != node {
        parent[node as usize] = parent[parent[node as usize] as usize];
        node = parent[node as usize];
    }
    node
}
