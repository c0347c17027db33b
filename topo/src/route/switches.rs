//! The graph of switches, which carry all transit traffic, in compressed sparse rows in both directions.
//!
//! Hosts carry no transit traffic, so searches run over switches alone; [`Access`] has the edges between hosts and
//! switches. Both are extracted from the [`Graph`] of a topology, where one edge already stands for parallel links.

use super::graph::Graph;
use super::measures::Attributes;
use crate::model::parts::NodeId;
use crate::model::topology::Frame;
use crate::value::Value;

/// The index of a switch in the sorted list of switches.
pub(crate) type SwitchId = u32;

/// The switches and the edges between them.
#[derive(Debug)]
pub(crate) struct SwitchGraph {
    /// Row offsets: the edges to switch `n` are `edges[starts[n]..starts[n + 1]]`, sorted by the switch they leave.
    starts: Vec<u32>,
    edges: Vec<Incoming>,
    /// Attributes of each edge of `edges`.
    attributes: Vec<Attributes>,
    /// Row offsets: the edges from switch `n` are `out[out_starts[n]..out_starts[n + 1]]`.
    out_starts: Vec<u32>,
    out: Vec<Outgoing>,
    /// Cost of the cheapest edge.
    lightest: Value,
    /// Cost of the dearest edge.
    dearest: Value,
    /// Whether all edges are plain.
    plain: bool,
}

/// An edge as the switch it leads to sees it, reduced to what a search needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Incoming {
    pub(crate) from: SwitchId,
    pub(crate) cost: Value,
}

/// An edge as the switch it leaves sees it.
#[derive(Clone, Copy, Debug)]
struct Outgoing {
    to: SwitchId,
    edge: u32,
}

/// An edge that differs between two graphs of the same switches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangedEdge {
    pub(crate) from: SwitchId,
    pub(crate) to: SwitchId,
    /// Cost of the edge before; `None` if there was none.
    pub(crate) before: Option<Value>,
    /// Cost of the edge now; `None` if it was removed.
    pub(crate) now: Option<Value>,
}

/// The edges between hosts and switches, and between hosts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Access {
    /// Edges that leave each host, sorted by the node they lead to.
    out: Vec<Vec<Exit>>,
    /// Edges from switches to each host.
    into: Vec<Vec<Entry>>,
}

/// An edge that leaves a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) to: Neighbour,
    /// Node of the neighbour, which breaks ties by name.
    pub(crate) node: NodeId,
    pub(crate) attributes: Attributes,
}

/// The other end of an edge that leaves a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Neighbour {
    /// A switch.
    Switch(SwitchId),
    /// Another host, by its index in the sorted list of hosts.
    Host(u32),
}

/// An edge from a switch to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) switch: SwitchId,
    pub(crate) attributes: Attributes,
}

/// Maps every node to the switch or host it is.
fn by_node(frame: &Frame) -> Vec<Neighbour> {
    let mut by_node = vec![Neighbour::Host(u32::MAX); frame.nodes.len()];
    for (id, switch) in (0..).zip(&frame.switches) {
        by_node[switch.node as usize] = Neighbour::Switch(id);
    }
    for (id, host) in (0..).zip(&frame.hosts) {
        by_node[host.node as usize] = Neighbour::Host(id);
    }
    by_node
}

/// Splits a graph into the edges that carry transit traffic and the edges at hosts.
pub(crate) fn split(nodes: &Graph, frame: &Frame) -> (SwitchGraph, Access) {
    let by_node = by_node(frame);
    let mut graph = SwitchGraph {
        starts: vec![0],
        edges: Vec::new(),
        attributes: Vec::new(),
        out_starts: Vec::new(),
        out: Vec::new(),
        lightest: Value::ZERO,
        dearest: Value::ZERO,
        plain: true,
    };
    let mut access = Access { out: vec![Vec::new(); frame.hosts.len()], into: vec![Vec::new(); frame.hosts.len()] };
    // Switches and nodes are both sorted by name, so the rows come out sorted.
    for switch in &frame.switches {
        for edge in nodes.edges_to(switch.node) {
            let attributes = Attributes::of(edge);
            match (by_node[edge.from as usize], by_node[switch.node as usize]) {
                (Neighbour::Switch(from), _) => {
                    graph.edges.push(Incoming { from, cost: edge.cost });
                    graph.attributes.push(attributes);
                }
                (Neighbour::Host(host), to) => {
                    access.out[host as usize].push(Exit { to, node: switch.node, attributes });
                }
            }
        }
        graph.starts.push(index(graph.edges.len()));
    }
    for (to, host) in (0..).zip(&frame.hosts) {
        for edge in nodes.edges_to(host.node) {
            let attributes = Attributes::of(edge);
            match by_node[edge.from as usize] {
                Neighbour::Switch(switch) => access.into[to as usize].push(Entry { switch, attributes }),
                Neighbour::Host(from) => {
                    access.out[from as usize].push(Exit { to: Neighbour::Host(to), node: host.node, attributes });
                }
            }
        }
    }
    for out in &mut access.out {
        out.sort_unstable_by_key(|out| out.node);
    }
    graph.index_outgoing();
    graph.lightest = graph.edges.iter().map(|edge| edge.cost).min().unwrap_or_default();
    graph.dearest = graph.edges.iter().map(|edge| edge.cost).max().unwrap_or_default();
    graph.plain = graph.attributes.iter().all(Attributes::is_plain);
    (graph, access)
}

/// Converts a count of switches or edges, which the size of a file bounds.
fn index(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl SwitchGraph {
    /// Builds the rows of outgoing edges from those of incoming ones.
    fn index_outgoing(&mut self) {
        let mut starts = vec![0; self.len() + 1];
        for step in &self.edges {
            starts[step.from as usize + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next: Vec<u32> = starts.clone();
        let mut out = vec![Outgoing { to: 0, edge: 0 }; self.edges.len()];
        for to in 0..index(self.len()) {
            for edge in self.row(to) {
                let place = &mut next[self.edges[edge].from as usize];
                out[*place as usize] = Outgoing { to, edge: index(edge) };
                *place += 1;
            }
        }
        self.out_starts = starts;
        self.out = out;
    }

    fn row(&self, to: SwitchId) -> std::ops::Range<usize> {
        self.starts[to as usize] as usize..self.starts[to as usize + 1] as usize
    }

    /// Returns the number of switches.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns the edges that lead to a switch, sorted by the switch they leave.
    pub(crate) fn edges_to(&self, to: SwitchId) -> &[Incoming] {
        &self.edges[self.row(to)]
    }

    /// Iterates over the edges that lead to a switch, each with its index among all edges.
    pub(crate) fn numbered_edges_to(&self, to: SwitchId) -> impl Iterator<Item = (u32, Incoming)> {
        (self.starts[to as usize]..).zip(self.edges_to(to).iter().copied())
    }

    /// Iterates over the edges that leave a switch, each with the switch it leads to, sorted by that.
    pub(crate) fn edges_from(&self, from: SwitchId) -> impl Iterator<Item = (SwitchId, Value)> {
        self.out_row(from).iter().map(|outgoing| (outgoing.to, self.edges[outgoing.edge as usize].cost))
    }

    fn out_row(&self, from: SwitchId) -> &[Outgoing] {
        &self.out[self.out_starts[from as usize] as usize..self.out_starts[from as usize + 1] as usize]
    }

    /// Returns what the edge of this index contributes to a route that takes it; `None` if there is no such edge.
    pub(crate) fn attributes_of(&self, edge: u32) -> Option<&Attributes> {
        self.attributes.get(edge as usize)
    }

    /// Returns what the edge between two switches contributes to a route that takes it.
    pub(crate) fn attributes(&self, from: SwitchId, to: SwitchId) -> &Attributes {
        let row = self.out_row(from);
        let place = row.binary_search_by_key(&to, |outgoing| outgoing.to).expect("routes take edges of their graph");
        &self.attributes[row[place].edge as usize]
    }

    /// Returns the cost of the cheapest edge.
    pub(crate) fn lightest(&self) -> Value {
        self.lightest
    }

    /// Returns the cost of the dearest edge.
    pub(crate) fn dearest(&self) -> Value {
        self.dearest
    }

    /// Returns whether every edge adds a hop and no price.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Lists the edges that differ from those in `before`, a graph of the same switches.
    pub(crate) fn changed_since(&self, before: &Self) -> Vec<ChangedEdge> {
        let mut changed = Vec::new();
        for to in 0..index(self.len()) {
            let (old, new) = (before.row(to), self.row(to));
            if before.edges[old.clone()] == self.edges[new.clone()]
                && before.attributes[old.clone()] == self.attributes[new.clone()]
            {
                continue;
            }
            let is_from = |from: SwitchId| move |edge: &Incoming| edge.from.cmp(&from);
            for edge in &before.edges[old.clone()] {
                if self.edges[new.clone()].binary_search_by(is_from(edge.from)).is_err() {
                    changed.push(ChangedEdge { from: edge.from, to, before: Some(edge.cost), now: None });
                }
            }
            for place in new {
                let edge = self.edges[place];
                let same = before.edges[old.clone()].binary_search_by(is_from(edge.from)).ok();
                let same = same.map(|offset| old.start + offset);
                if same.is_none_or(|old| before.edges[old] != edge || before.attributes[old] != self.attributes[place])
                {
                    let cost_before = same.map(|old| before.edges[old].cost);
                    changed.push(ChangedEdge { from: edge.from, to, before: cost_before, now: Some(edge.cost) });
                }
            }
        }
        changed
    }
}

impl Access {
    /// Returns the edges that leave a host, sorted by the node they lead to.
    pub(crate) fn out(&self, host: u32) -> &[Exit] {
        &self.out[host as usize]
    }

    /// Returns whether an edge leads from a host to another host.
    pub(crate) fn has_neighbouring_host(&self, host: u32) -> bool {
        self.out(host).iter().any(|exit| matches!(exit.to, Neighbour::Host(_)))
    }

    /// Returns the edges from switches to a host.
    pub(crate) fn entries(&self, host: u32) -> &[Entry] {
        &self.into[host as usize]
    }
}
