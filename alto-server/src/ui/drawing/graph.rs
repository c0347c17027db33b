//! What the map draws: nodes and links of a small network, PIDs and what joins them of a large one.

use std::collections::{HashMap, VecDeque};

use topo::{NodeName, PidId, View};

/// Largest number of nodes that are drawn.
const MOST_NODES: usize = 1000;
/// Largest number of lines that are drawn.
const MOST_EDGES: usize = 3000;

/// Kind of a node of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Switch,
    Host,
    Pid,
}

/// Node of the map.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) role: Role,
    pub(super) name: String,
    /// PIDs whose traffic enters here.
    pub(super) pids: Vec<PidId>,
}

/// Nodes and lines of the map.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// Pairs of nodes between which there is a line.
    pub(super) edges: Vec<(u32, u32)>,
    /// For each link of the topology, the line that stands for it.
    pub(super) edge_of_link: Vec<Option<u32>>,
    /// Number of PIDs, and then of lines, that are left out.
    pub(super) left_out: (usize, usize),
}

/// Lines without repetition, up to a number.
#[derive(Default)]
struct Edges {
    list: Vec<(u32, u32)>,
    known: HashMap<(u32, u32), u32>,
    left_out: usize,
}

impl Graph {
    /// Decides what is drawn of a network.
    pub(super) fn of(view: &View) -> Self {
        let topology = view.topology();
        let names = topology
            .switches()
            .map(|s| (Role::Switch, s.name()))
            .chain(topology.hosts().map(|h| (Role::Host, h.name())));
        let nodes: Vec<(Role, &NodeName)> = names.collect();
        let places: HashMap<&NodeName, u32> = nodes.iter().map(|(_, name)| *name).zip(0..).collect();
        let ends: Vec<Option<(u32, u32)>> = topology
            .links()
            .map(|link| Some((*places.get(link.source())?, *places.get(link.destination())?)))
            .collect();
        let mut entries = vec![Vec::new(); nodes.len()];
        for (pid, _) in view.network_map().pids() {
            for place in topology.entries(pid).filter_map(|name| places.get(name)) {
                entries[*place as usize].push(pid);
            }
        }
        let mut edges = Edges::default();
        let edge_of_link = ends.iter().map(|ends| edges.line((*ends)?)).collect();
        if nodes.len() > MOST_NODES || edges.left_out > 0 {
            return Self::of_pids(view, &entries, &ends);
        }
        let nodes = nodes.into_iter().zip(entries);
        let nodes = nodes.map(|((role, name), pids)| Node { role, name: name.to_string(), pids }).collect();
        Self { nodes, edges: edges.list, edge_of_link, left_out: (0, 0) }
    }

    /// Draws PIDs: every node counts as part of the nearest PID, and a line stands for all links between two of them.
    fn of_pids(view: &View, entries: &[Vec<PidId>], ends: &[Option<(u32, u32)>]) -> Self {
        let map = view.network_map();
        let nearest = nearest(entries, ends);
        let pids: Vec<Node> = map
            .pids()
            .take(MOST_NODES)
            .map(|(id, pid)| Node { role: Role::Pid, name: pid.name().to_string(), pids: vec![id] })
            .collect();
        let of = |node: u32| nearest[node as usize].filter(|pid| (*pid as usize) < pids.len());
        let mut edges = Edges::default();
        let edge_of_link = ends
            .iter()
            .map(|ends| {
                let (one, other) = (*ends)?;
                let (one, other) = (of(one)?, of(other)?);
                if one == other { None } else { edges.line((one, other)) }
            })
            .collect();
        let left_out = (map.len().saturating_sub(pids.len()), edges.left_out);
        Self { nodes: pids, edges: edges.list, edge_of_link, left_out }
    }
}

impl Edges {
    /// Number of the line between two nodes; none if there are too many lines.
    fn line(&mut self, (one, other): (u32, u32)) -> Option<u32> {
        let ends = (one.min(other), one.max(other));
        if let Some(known) = self.known.get(&ends) {
            return Some(*known);
        }
        let number = u32::try_from(self.list.len()).ok().filter(|_| self.list.len() < MOST_EDGES);
        match number {
            Some(number) => {
                self.list.push(ends);
                self.known.insert(ends, number);
            }
            None => self.left_out += 1,
        }
        number
    }
}

/// Finds the nearest PID of every node, by number of links.
fn nearest(entries: &[Vec<PidId>], ends: &[Option<(u32, u32)>]) -> Vec<Option<u32>> {
    let mut neighbours = vec![Vec::new(); entries.len()];
    for (one, other) in ends.iter().flatten() {
        neighbours[*one as usize].push(*other);
        neighbours[*other as usize].push(*one);
    }
    let mut nearest: Vec<Option<u32>> = entries.iter().map(|pids| pids.first().map(|pid| pid.0)).collect();
    let mut queue: VecDeque<usize> = (0..nearest.len()).filter(|node| nearest[*node].is_some()).collect();
    while let Some(node) = queue.pop_front() {
        for neighbour in &neighbours[node] {
            if nearest[*neighbour as usize].is_none() {
                nearest[*neighbour as usize] = nearest[node];
                queue.push_back(*neighbour as usize);
            }
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use topo::Topology;

    use super::*;

    /// Ring of switches, each with a host and a PID of its own.
    fn ring(length: usize) -> View {
        let list = |item: &dyn Fn(usize) -> String| (0..length).map(item).collect::<Vec<_>>().join(",");
        let switches = list(&|n| format!("{{\"name\": \"s{n}\"}}"));
        let hosts = list(&|n| format!("{{\"name\": \"h{n}\", \"ip\": \"10.{}.{}.1\"}}", n / 256, n % 256));
        let link = |from: String, to: String| {
            format!("{{\"source\": \"{from}\", \"destination\": \"{to}\", \"bandwidth\": 100, \"delay\": 1}}")
        };
        let links = list(&|n| {
            format!(
                "{},{}",
                link(format!("h{n}"), format!("s{n}")),
                link(format!("s{n}"), format!("s{}", (n + 1) % length))
            )
        });
        let file =
            format!("{{\"name\": \"ring\", \"switches\": [{switches}], \"hosts\": [{hosts}], \"links\": [{links}]}}");
        View::compute(Arc::new(Topology::from_json(file.as_bytes(), "test").unwrap()))
    }

    #[test]
    fn a_small_network_is_drawn_node_by_node() {
        let graph = Graph::of(&ring(5));
        assert_eq!(graph.nodes.iter().filter(|node| node.role == Role::Switch).count(), 5);
        assert_eq!((graph.nodes.len(), graph.edges.len(), graph.left_out), (10, 10, (0, 0)));
        assert!(graph.edge_of_link.iter().all(Option::is_some));
    }

    #[test]
    fn of_a_large_network_pids_are_drawn() {
        let graph = Graph::of(&ring(600));
        // The 600 PIDs of the switches and the one for all other addresses.
        assert!(graph.nodes.iter().all(|node| node.role == Role::Pid));
        assert_eq!((graph.nodes.len(), graph.edges.len(), graph.left_out), (601, 600, (0, 0)));
        // A link within a PID has no line.
        assert_eq!(graph.edge_of_link.iter().flatten().count(), 600);
        let graph = Graph::of(&ring(1200));
        assert_eq!((graph.nodes.len(), graph.left_out.0), (MOST_NODES, 201));
    }
}
