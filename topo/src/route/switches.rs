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

/// The index of an edge in its graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EdgeId(u32);

/// An edge that differs between two graphs of the same switches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChangedEdge {
    pub(crate) from: SwitchId,
    pub(crate) to: SwitchId,
    /// Cost and identifier of the edge now; `None` if it was removed.
    pub(crate) now: Option<(Value, EdgeId)>,
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

    /// Iterates over the edges that lead to a switch, sorted by the switch they leave.
    pub(crate) fn edges_to(&self, to: SwitchId) -> impl Iterator<Item = (Incoming, EdgeId)> {
        let row = self.row(to);
        (index(row.start)..).zip(&self.edges[row]).map(|(edge, step)| (*step, EdgeId(edge)))
    }

    /// Iterates over the edges that leave a switch, sorted by the switch they lead to.
    pub(crate) fn edges_from(&self, from: SwitchId) -> impl Iterator<Item = (SwitchId, Value, EdgeId)> {
        let row = self.out_starts[from as usize] as usize..self.out_starts[from as usize + 1] as usize;
        self.out[row]
            .iter()
            .map(|outgoing| (outgoing.to, self.edges[outgoing.edge as usize].cost, EdgeId(outgoing.edge)))
    }

    /// Returns what an edge contributes to a route.
    pub(crate) fn attributes(&self, edge: EdgeId) -> &Attributes {
        &self.attributes[edge.0 as usize]
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
            let now = |edge: usize| (self.edges[edge].cost, EdgeId(index(edge)));
            let gone = old.clone().filter(|&old| new.clone().all(|new| self.edges[new].from != before.edges[old].from));
            changed.extend(gone.map(|edge| ChangedEdge { from: before.edges[edge].from, to, now: None }));
            for edge in new {
                let same = old.clone().find(|&old| before.edges[old].from == self.edges[edge].from);
                let equal = same.is_some_and(|old| {
                    before.edges[old] == self.edges[edge] && before.attributes[old] == self.attributes[edge]
                });
                if !equal {
                    changed.push(ChangedEdge { from: self.edges[edge].from, to, now: Some(now(edge)) });
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
