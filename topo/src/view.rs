//! One state of the network with all costs: immutable, and named by a hash of its content.
//!
//! Everything that can be asked for is computed when the view is made, so that a question is a lookup and the tag
//! covers every answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::columns::{Columns, Stale};
use crate::costs::{Costs, Differences};
use crate::fabric::Neighbour;
use crate::graph::{Graph, NodeId};
use crate::metric::Metric;
use crate::name::NodeName;
use crate::network_map::{NetworkMap, PidId};
use crate::properties::Properties;
use crate::routes::Route;
use crate::tag::Hasher;
use crate::topology::{Frame, Topology};
use crate::value::Value;

/// One state of the network.
#[derive(Debug)]
pub struct View {
    topology: Arc<Topology>,
    graph: Graph,
    /// Which host has an address.
    hosts: Arc<HashMap<IpAddr, u32>>,
    /// Which hosts are in each PID.
    members: Arc<Vec<Vec<u32>>>,
    costs: Costs,
    /// Hashes of the costs between PIDs, and of those between hosts.
    pid_columns: Columns,
    host_columns: Columns,
    /// Mean costs between the hosts of each PID that has two or more.
    within_pids: Vec<Option<Within>>,
    /// Metrics in which a value may go back to what was measured.
    measured: [bool; Metric::ALL.len()],
    tag: String,
}

/// Where an address stands in one view.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    address: IpAddr,
    host: Option<u32>,
    pid: Option<PidId>,
}

/// Means over the pairs of hosts of one PID, by metric.
type Within = [Option<Value>; Metric::ALL.len()];

impl View {
    /// Computes everything.
    pub fn compute(topology: Arc<Topology>) -> Self {
        let frame = &topology.frame;
        let graph = graph(&topology);
        let costs = Costs::compute(&graph, frame);
        let pid_columns = Columns::compute(frame.network_map.len(), |a, b| costs.between_pids(a, b).copied());
        let host_columns = Columns::compute(frame.hosts.len(), |a, b| costs.between_hosts(a, b));
        let mut hosts = HashMap::new();
        for (i, host) in (0..).zip(&frame.hosts) {
            hosts.extend(host.addresses.iter().map(|address| (*address, i)));
        }
        let members = members(frame);
        let within_pids = members.iter().map(|hosts| within(hosts, &costs)).collect();
        let (hosts, members, tag) = (Arc::new(hosts), Arc::new(members), String::new());
        let measured = Metric::ALL.map(|metric| topology.is_measured(metric));
        Self { topology, graph, hosts, members, costs, pid_columns, host_columns, within_pids, measured, tag }.tagged()
    }

    /// The view of a topology that follows this one's. Where only links changed, only what they change is computed;
    /// the result is the same.
    #[must_use]
    pub fn successor(&self, topology: Arc<Topology>) -> Self {
        if !Arc::ptr_eq(&topology.frame, &self.topology.frame) {
            return Self::compute(topology);
        }
        let frame = &topology.frame;
        let graph = graph(&topology);
        let (costs, differences) = self.costs.after(&graph, frame);
        let pid_columns =
            self.pid_columns.after(stale_pids(frame, &costs, &differences), |a, b| costs.between_pids(a, b).copied());
        let stale_hosts = stale_hosts(&self.costs, &costs, &differences);
        let host_columns = self.host_columns.after(&stale_hosts, |a, b| costs.between_hosts(a, b));
        let any_host_stale = (0..).take(frame.hosts.len()).any(|host| !matches!(stale_hosts(host), Stale::None));
        let within_pids = if any_host_stale {
            self.members.iter().map(|hosts| within(hosts, &costs)).collect()
        } else {
            self.within_pids.clone()
        };
        drop(stale_hosts);
        let (hosts, members, tag) = (Arc::clone(&self.hosts), Arc::clone(&self.members), String::new());
        let measured = Metric::ALL.map(|metric| topology.is_measured(metric));
        Self { topology, graph, hosts, members, costs, pid_columns, host_columns, within_pids, measured, tag }.tagged()
    }

    /// What this is a view of.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The PIDs.
    pub fn network_map(&self) -> &NetworkMap {
        &self.topology.frame.network_map
    }

    /// What clients are told of addresses and PIDs. They have a tag of their own: a view's costs and map stay what
    /// they are when properties change.
    pub fn properties(&self) -> &Properties {
        &self.topology.frame.properties
    }

    /// A hash of map and costs, in hexadecimal: equal exactly where every answer about these is equal.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether values in this metric may go back to what was measured, and not only to what is configured.
    pub fn is_measured(&self, metric: Metric) -> bool {
        self.measured[metric as usize]
    }

    /// The cost from one PID to another; nothing where it is undefined.
    pub fn pid_cost(&self, metric: Metric, source: PidId, destination: PidId) -> Option<Value> {
        if metric == Metric::DelayRoundTrip {
            let one_way = |from, to| self.pid_cost(Metric::DelayOneWay, from, to);
            return Some(one_way(source, destination)?.plus(one_way(destination, source)?));
        }
        if source == destination
            && let Some(within) = &self.within_pids[source.0 as usize]
        {
            return within[metric as usize];
        }
        self.costs.between_pids(source.0, destination.0)?.value(metric)
    }

    /// Finds where an address stands.
    pub fn endpoint(&self, address: IpAddr) -> Endpoint {
        Endpoint { address, host: self.hosts.get(&address).copied(), pid: self.network_map().lookup(address) }
    }

    /// The cost between two endpoints: host to host where both are known, else from PID to PID.
    pub fn cost_between(&self, metric: Metric, source: &Endpoint, destination: &Endpoint) -> Option<Value> {
        if metric == Metric::DelayRoundTrip {
            let one_way = |from, to| self.cost_between(Metric::DelayOneWay, from, to);
            return Some(one_way(source, destination)?.plus(one_way(destination, source)?));
        }
        if source.address == destination.address {
            return (!metric.larger_is_better()).then_some(Value::ZERO);
        }
        match (source.host, destination.host) {
            (Some(source), Some(destination)) => self.costs.between_hosts(source, destination)?.value(metric),
            _ => self.pid_cost(metric, source.pid?, destination.pid?),
        }
    }

    /// The route from one host to another.
    pub fn route(&self, source: &NodeName, destination: &NodeName) -> Option<Route> {
        let host = |name: &NodeName| {
            let place = self.topology.frame.hosts.binary_search_by(|host| host.name.cmp(name)).ok()?;
            u32::try_from(place).ok()
        };
        self.route_between(host(source)?, host(destination)?)
    }

    /// The routes between every two hosts, by destination and then source.
    pub fn routes(&self) -> impl Iterator<Item = Route> {
        let hosts = || (0..).take(self.topology.frame.hosts.len());
        let pairs = hosts().flat_map(move |destination| hosts().map(move |source| (source, destination)));
        let pairs = pairs.filter(|(source, destination)| source != destination);
        pairs.filter_map(|(source, destination)| self.route_between(source, destination))
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

    fn route_between(&self, source: u32, destination: u32) -> Option<Route> {
        let frame = &self.topology.frame;
        let (switches, measures) = self.costs.route(source, destination)?;
        let mut path: Vec<NodeId> = Vec::with_capacity(switches.len() + 2);
        path.push(frame.hosts[source as usize].node);
        path.extend(switches.into_iter().map(|switch| frame.switches[switch as usize].node));
        path.push(frame.hosts[destination as usize].node);
        let taken =
            |way: &[NodeId]| self.graph.arcs_to(way[1]).iter().find(|arc| arc.from == way[0]).map(|arc| arc.link);
        let links = path.windows(2).filter_map(taken).collect();
        let nodes = path.iter().map(|node| frame.nodes[*node as usize].clone()).collect();
        Some(Route::new(nodes, links, measures))
    }

    fn tagged(mut self) -> Self {
        let mut hasher = Hasher::new("view");
        hasher.text(self.network_map().tag());
        self.pid_columns.add_to(&mut hasher);
        self.host_columns.add_to(&mut hasher);
        // Whose costs they are; means within PIDs follow from them.
        for host in &self.topology.frame.hosts {
            let mut addresses: Vec<String> = host.addresses.iter().map(ToString::to_string).collect();
            addresses.sort_unstable();
            hasher.text(&addresses.join(" "));
        }
        // Answers say of what kind their values are, also where measuring changed none.
        hasher.bytes(&self.measured.map(u8::from));
        self.tag = hasher.finish();
        self
    }
}

fn graph(topology: &Topology) -> Graph {
    let frame = &topology.frame;
    let mut is_host = vec![false; frame.nodes.len()];
    for host in &frame.hosts {
        is_host[host.node as usize] = true;
    }
    Graph::new(frame.nodes.len(), &topology.links, |node| is_host[node as usize])
}

/// What a change left stale of the costs to each PID.
fn stale_pids(frame: &Frame, costs: &Costs, differences: &Differences) -> impl Fn(u32) -> Stale + Sync {
    // A switch is in one PID at most.
    let mut pid_of: HashMap<NodeId, u32> = HashMap::new();
    for (pid, entries) in (0..).zip(&frame.entries) {
        pid_of.extend(entries.iter().map(|node| (*node, pid)));
    }
    let pid_of: Vec<Option<u32>> = frame.switches.iter().map(|switch| pid_of.get(&switch.node).copied()).collect();
    let stale = |tree: &Vec<u32>| tree.iter().filter_map(|&switch| pid_of[switch as usize]).collect();
    let by_tree: Vec<Vec<u32>> = differences.changed.iter().map(stale).collect();
    let trees: Vec<u32> = (0..).take(frame.entries.len()).map(|pid| costs.tree_of_pid(pid)).collect();
    move |pid| match &by_tree[trees[pid as usize] as usize] {
        none if none.is_empty() => Stale::None,
        sources => Stale::Sources(sources.clone()),
    }
}

/// What a change left stale of the costs to each host.
fn stale_hosts(before: &Costs, after: &Costs, differences: &Differences) -> impl Fn(u32) -> Stale + Sync {
    let count = after.host_count();
    let mut at_switch: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut moved = Vec::new();
    for host in (0..).take(count) {
        for out in after.access().out(host) {
            if let Neighbour::Switch(switch) = out.to {
                at_switch.entry(switch).or_default().push(host);
            }
        }
        if after.access().out(host) != before.access().out(host) {
            moved.push(host);
        }
    }
    let stale = |tree: &Vec<u32>| -> Vec<u32> {
        tree.iter().filter_map(|switch| at_switch.get(switch)).flatten().copied().collect()
    };
    let by_tree: Vec<Vec<u32>> = differences.changed.iter().map(stale).collect();
    let trees: Vec<Option<u32>> = (0..).take(count).map(|host| after.tree_of_host(host)).collect();
    let entered: Vec<bool> =
        (0..).take(count).map(|host| after.access().entries(host) != before.access().entries(host)).collect();
    move |host| {
        if entered[host as usize] {
            return Stale::All;
        }
        let sources = trees[host as usize].map_or(&[][..], |tree| &by_tree[tree as usize]);
        let sources: Vec<u32> = sources.iter().chain(&moved).copied().collect();
        if sources.is_empty() { Stale::None } else { Stale::Sources(sources) }
    }
}

/// Which hosts have an address in each PID.
fn members(frame: &Frame) -> Vec<Vec<u32>> {
    let map = &frame.network_map;
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); map.len()];
    for (i, host) in (0..).zip(&frame.hosts) {
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
    members
}

/// The mean over every ordered pair of some hosts, where there are two or more.
fn within(hosts: &[u32], costs: &Costs) -> Option<Within> {
    if hosts.len() < 2 {
        return None;
    }
    let pairs = hosts.iter().flat_map(|a| hosts.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b);
    let measures: Vec<_> = pairs.filter_map(|(a, b)| costs.between_hosts(a, b)).collect();
    let mean = |metric: Metric| {
        let values: Vec<Value> = measures.iter().filter_map(|measures| measures.value(metric)).collect();
        let mean = Value::mean(&values)?;
        // Hops are counted (RFC 9439 §4.5.2).
        Some(if metric == Metric::HopCount { mean.to_nearest_integer() } else { mean })
    };
    Some(Metric::ALL.map(mean))
}
