//! One state of the network with all costs: immutable, and named by a hash of its content.
//!
//! Everything that can be asked for is computed when the view is made, so that a question is a lookup and the tag
//! covers every answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;

use crate::graph::{Graph, NodeId};
use crate::metric::Metric;
use crate::name::NodeName;
use crate::network_map::{NetworkMap, PidId};
use crate::routes::{Measures, Route, Tree, Workspace};
use crate::tag::Hasher;
use crate::topology::Topology;
use crate::value::Value;

/// One state of the network.
#[derive(Debug)]
pub struct View {
    topology: Arc<Topology>,
    graph: Graph,
    /// Which host has an address.
    hosts: HashMap<IpAddr, u32>,
    between_hosts: Matrix,
    between_pids: Matrix,
    /// Mean costs between the hosts of each PID that has two or more.
    within_pids: Vec<Option<Within>>,
    tag: String,
}

/// Where an address stands in one view.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    address: IpAddr,
    host: Option<u32>,
    pid: Option<PidId>,
}

/// What every pair of some places amounts to.
#[derive(Debug)]
struct Matrix {
    /// One for each destination.
    columns: Vec<Column>,
}

/// The routes from every place to one.
#[derive(Debug)]
struct Column {
    cells: Vec<Option<Measures>>,
    digest: [u8; 32],
}

/// Means over the pairs of hosts of one PID, by metric.
type Within = [Option<Value>; Metric::ALL.len()];

impl View {
    /// Computes everything.
    pub fn compute(topology: Arc<Topology>) -> Self {
        let frame = &topology.frame;
        let mut is_host = vec![false; frame.nodes.len()];
        for host in &frame.hosts {
            is_host[host.node as usize] = true;
        }
        let graph = Graph::new(frame.nodes.len(), &topology.links, |node| is_host[node as usize]);
        let ends: Vec<Vec<NodeId>> = frame.hosts.iter().map(|host| vec![host.node]).collect();
        let between_hosts = Matrix::compute(&graph, &ends);
        let between_pids = Matrix::compute(&graph, &frame.entries);
        let mut hosts = HashMap::new();
        for (i, host) in (0..).zip(&frame.hosts) {
            hosts.extend(host.addresses.iter().map(|address| (*address, i)));
        }
        let within_pids = within_pids(&topology, &between_hosts);
        let mut view = Self { graph, hosts, between_hosts, between_pids, within_pids, tag: String::new(), topology };
        view.tag = view.hash();
        view
    }

    /// The view of a topology that follows this one's.
    #[must_use]
    pub fn successor(&self, topology: Arc<Topology>) -> Self {
        Self::compute(topology)
    }

    /// What this is a view of.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The PIDs.
    pub fn network_map(&self) -> &NetworkMap {
        &self.topology.frame.network_map
    }

    /// A hash of all content, in hexadecimal: equal exactly where every answer is equal.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The cost from one PID to another; nothing where it is undefined.
    pub fn pid_cost(&self, metric: Metric, source: PidId, destination: PidId) -> Option<Value> {
        if source == destination
            && let Some(within) = &self.within_pids[source.0 as usize]
        {
            return within[metric as usize];
        }
        self.between_pids.get(source.0, destination.0)?.value(metric)
    }

    /// Finds where an address stands.
    pub fn endpoint(&self, address: IpAddr) -> Endpoint {
        Endpoint { address, host: self.hosts.get(&address).copied(), pid: self.network_map().lookup(address) }
    }

    /// The cost between two endpoints: host to host where both are known, else from PID to PID.
    pub fn cost_between(&self, metric: Metric, source: &Endpoint, destination: &Endpoint) -> Option<Value> {
        if source.address == destination.address {
            return (!metric.larger_is_better()).then_some(Value::ZERO);
        }
        match (source.host, destination.host) {
            (Some(source), Some(destination)) => self.between_hosts.get(source, destination)?.value(metric),
            _ => self.pid_cost(metric, source.pid?, destination.pid?),
        }
    }

    /// The route from one host to another.
    pub fn route(&self, source: &NodeName, destination: &NodeName) -> Option<Route> {
        let node = |name: &NodeName| {
            let hosts = &self.topology.frame.hosts;
            hosts.binary_search_by(|host| host.name.cmp(name)).ok().map(|place| hosts[place].node)
        };
        let (source, destination) = (node(source)?, node(destination)?);
        self.route_in(&Tree::to(&self.graph, &[destination], &mut Workspace::default()), source)
    }

    /// The routes between every two hosts, by destination and then source.
    pub fn routes(&self) -> impl Iterator<Item = Route> {
        let hosts = &self.topology.frame.hosts;
        let mut workspace = Workspace::default();
        hosts.iter().flat_map(move |destination| {
            let tree = Tree::to(&self.graph, &[destination.node], &mut workspace);
            let sources = hosts.iter().filter(move |source| source.node != destination.node);
            sources.filter_map(move |source| self.route_in(&tree, source.node))
        })
    }

    /// Up to `count` routes between two hosts that visit no node twice, best first: by cost, then links.
    pub fn alternatives(&self, source: &NodeName, destination: &NodeName, count: usize) -> Vec<Vec<NodeName>> {
        let node =
            |name: &NodeName| self.topology.frame.nodes.binary_search(name).ok().and_then(|i| u32::try_from(i).ok());
        let (Some(source), Some(destination)) = (node(source), node(destination)) else { return Vec::new() };
        // Arcs are kept by where they lead, so the search runs from the destination.
        let back = |at: &NodeId| -> Vec<(NodeId, u128)> {
            if self.graph.is_host(*at) && *at != destination {
                return Vec::new();
            }
            // Cost first, one link more second.
            let cost = |arc: &crate::graph::Arc| (u128::from(arc.cost.micros()) << 32) + 1;
            self.graph.arcs_to(*at).iter().map(|arc| (arc.from, cost(arc))).collect()
        };
        let found = pathfinding::prelude::yen(&destination, back, |at| *at == source, count);
        let name = |node: &NodeId| self.topology.frame.nodes[*node as usize].clone();
        found.into_iter().map(|(path, _)| path.iter().rev().map(name).collect()).collect()
    }

    fn route_in(&self, tree: &Tree, source: NodeId) -> Option<Route> {
        let path = tree.path(source)?;
        let taken =
            |way: &[NodeId]| self.graph.arcs_to(way[1]).iter().find(|arc| arc.from == way[0]).map(|arc| arc.link);
        let links = path.windows(2).filter_map(taken).collect();
        let nodes = path.iter().map(|node| self.topology.frame.nodes[*node as usize].clone()).collect();
        Some(Route::new(nodes, links, *tree.measures(source)?))
    }

    fn hash(&self) -> String {
        let mut hasher = Hasher::new("view");
        hasher.text(self.network_map().tag());
        for matrix in [&self.between_pids, &self.between_hosts] {
            hasher.number(matrix.columns.len() as u64);
            for column in &matrix.columns {
                hasher.bytes(&column.digest);
            }
        }
        // Whose costs they are; means within PIDs follow from them.
        for host in &self.topology.frame.hosts {
            let mut addresses: Vec<String> = host.addresses.iter().map(ToString::to_string).collect();
            addresses.sort_unstable();
            hasher.text(&addresses.join(" "));
        }
        hasher.finish()
    }
}

/// The mean over every ordered pair of hosts in a PID, for those that have two hosts or more.
fn within_pids(topology: &Topology, between_hosts: &Matrix) -> Vec<Option<Within>> {
    let map = &topology.frame.network_map;
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); map.len()];
    for (i, host) in (0..).zip(&topology.frame.hosts) {
        for address in &host.addresses {
            if let Some(pid) = map.lookup(*address) {
                let hosts = &mut members[pid.0 as usize];
                // A host with several addresses in a PID is one host of it.
                if hosts.last() != Some(&i) {
                    hosts.push(i);
                }
            }
        }
    }
    let mean = |hosts: &[u32], metric: Metric| {
        let pairs = hosts.iter().flat_map(|a| hosts.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b);
        let values: Vec<Value> = pairs.filter_map(|(a, b)| between_hosts.get(a, b)?.value(metric)).collect();
        Value::mean(&values)
    };
    let within = |hosts: &Vec<u32>| (hosts.len() > 1).then(|| Metric::ALL.map(|metric| mean(hosts, metric)));
    members.iter().map(within).collect()
}

impl Matrix {
    /// The best routes between places, each being several nodes of which the best serves.
    fn compute(graph: &Graph, places: &[Vec<NodeId>]) -> Self {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let share = places.len().div_ceil(workers).max(1);
        let compute = |destinations: &[Vec<NodeId>]| -> Vec<Column> {
            let mut workspace = Workspace::default();
            let column = |destination: &Vec<NodeId>| {
                let tree = Tree::to(graph, destination, &mut workspace);
                Column::new(places.iter().map(|source| tree.best_of(source).copied()).collect())
            };
            destinations.iter().map(column).collect()
        };
        // A handful is computed faster than threads are started.
        if places.len() <= 32 {
            return Self { columns: compute(places) };
        }
        let columns = thread::scope(|scope| {
            let parts: Vec<_> = places.chunks(share).map(|part| scope.spawn(|| compute(part))).collect();
            let finished = |part: thread::ScopedJoinHandle<'_, Vec<Column>>| {
                part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            parts.into_iter().flat_map(finished).collect()
        });
        Self { columns }
    }

    fn get(&self, source: u32, destination: u32) -> Option<&Measures> {
        self.columns[destination as usize].cells[source as usize].as_ref()
    }
}

impl Column {
    /// Hashed where it is computed: on all cores, and in one piece.
    fn new(cells: Vec<Option<Measures>>) -> Self {
        let mut bytes = Vec::with_capacity(cells.len() * 40);
        for cell in &cells {
            for metric in Metric::ALL {
                let micros = cell.and_then(|cell| cell.value(metric)).map_or(u64::MAX, Value::micros);
                bytes.extend(micros.to_be_bytes());
            }
        }
        let mut hasher = Hasher::new("column");
        hasher.bytes(&bytes);
        Self { cells, digest: hasher.digest() }
    }
}
