//! Views: immutable states of the network with all costs, identified by a hash of their content.
//!
//! All costs are computed when the view is built, so that a query is a lookup and the tag covers every answer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::costs::{Costs, Differences};
use crate::digests::{CostDigests, Stale};
use crate::metric::Metric;
use crate::model::parts::NodeId;
use crate::model::properties::Properties;
use crate::model::topology::{Frame, Topology};
use crate::name::NodeName;
use crate::prefix::network_map::{NetworkMap, PidId};
use crate::route::graph::{Graph, kinds};
use crate::route::measures::Measures;
use crate::route::paths::{self, Route};
use crate::route::switches::Neighbour;
use crate::tag::Hasher;
use crate::value::Value;

/// An immutable state of the network with all costs.
#[derive(Debug)]
pub struct View {
    topology: Arc<Topology>,
    graph: Graph,
    /// Host index by address.
    hosts: Arc<HashMap<IpAddr, u32>>,
    /// Hosts with an address in each PID.
    members: Arc<Vec<Vec<u32>>>,
    costs: Costs,
    /// Digests of the costs between PIDs.
    pid_digests: CostDigests,
    /// Digests of the costs between hosts.
    host_digests: CostDigests,
    /// Representative costs between the hosts of each PID with at least two hosts.
    within_pids: Vec<Option<Within>>,
    /// Whether values in each metric may derive from measurements.
    measured: [bool; Metric::ALL.len()],
    tag: String,
}

/// An address with its host and PID in one view.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    address: IpAddr,
    host: Option<u32>,
    pid: Option<PidId>,
}

/// The representative of all pairs of hosts of one PID, by metric.
type Within = [Option<Value>; Metric::ALL.len()];

impl View {
    /// Computes the view of a topology from scratch.
    pub fn compute(topology: Arc<Topology>) -> Self {
        let frame = &topology.frame;
        let graph = graph(&topology);
        let costs = Costs::compute(&graph, frame);
        let pid_digests = CostDigests::compute(frame.network_map.len(), |a, b| costs.between_pids(a, b).copied());
        let host_digests = CostDigests::compute(frame.hosts.len(), |a, b| costs.between_hosts(a, b));
        let mut hosts = HashMap::new();
        for (i, host) in (0..).zip(&frame.hosts) {
            hosts.extend(host.addresses.iter().map(|address| (*address, i)));
        }
        let members = members(frame);
        let within_pids = members.iter().map(|hosts| within(hosts, &costs)).collect();
        let (hosts, members, tag) = (Arc::new(hosts), Arc::new(members), String::new());
        let measured = Metric::ALL.map(|metric| topology.is_measured(metric));
        Self { topology, graph, hosts, members, costs, pid_digests, host_digests, within_pids, measured, tag }.tagged()
    }

    /// Computes the view of a topology that succeeds this view's.
    ///
    /// If only links changed, only what depends on them is recomputed. The result equals [`View::compute`].
    #[must_use]
    pub fn successor(&self, topology: Arc<Topology>) -> Self {
        if !Arc::ptr_eq(&topology.frame, &self.topology.frame) {
            return Self::compute(topology);
        }
        let frame = &topology.frame;
        let graph = graph(&topology);
        let (costs, differences) = self.costs.after(&graph, frame);
        let pid_digests =
            self.pid_digests.after(stale_pids(frame, &costs, &differences), |a, b| costs.between_pids(a, b).copied());
        let stale_hosts = stale_hosts(&self.costs, &costs, &differences);
        let host_digests = self.host_digests.after(&stale_hosts, |a, b| costs.between_hosts(a, b));
        let any_host_stale = (0..).take(frame.hosts.len()).any(|host| !matches!(stale_hosts(host), Stale::None));
        let within_pids = if any_host_stale {
            self.members.iter().map(|hosts| within(hosts, &costs)).collect()
        } else {
            self.within_pids.clone()
        };
        drop(stale_hosts);
        let (hosts, members, tag) = (Arc::clone(&self.hosts), Arc::clone(&self.members), String::new());
        let measured = Metric::ALL.map(|metric| topology.is_measured(metric));
        Self { topology, graph, hosts, members, costs, pid_digests, host_digests, within_pids, measured, tag }.tagged()
    }

    /// Topology that the view was computed from.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Network map of the view.
    pub fn network_map(&self) -> &NetworkMap {
        &self.topology.frame.network_map
    }

    /// Properties of addresses and PIDs. They have a tag of their own, because a change of properties changes neither
    /// costs nor the network map.
    pub fn properties(&self) -> &Properties {
        &self.topology.frame.properties
    }

    /// Version tag: a hash of network map and costs, in hexadecimal, equal if and only if all answers about these are.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns whether values in a metric may derive from measurements rather than from configuration alone.
    pub fn is_measured(&self, metric: Metric) -> bool {
        self.measured[metric as usize]
    }

    /// Returns the cost from one PID to another; `None` if it is undefined.
    pub fn pid_cost(&self, metric: Metric, source: PidId, destination: PidId) -> Option<Value> {
        if let Some(metric) = metric.round_trip_of() {
            let one_way = |from, to| self.pid_cost(metric, from, to);
            return Some(one_way(source, destination)?.plus(one_way(destination, source)?));
        }
        if source == destination
            && let Some(within) = &self.within_pids[source.0 as usize]
        {
            return within[metric as usize];
        }
        metric.value(self.costs.between_pids(source.0, destination.0)?)
    }

    /// Resolves an address to its host and PID. An IPv4-mapped IPv6 address is the IPv4 address.
    pub fn endpoint(&self, address: IpAddr) -> Endpoint {
        let address = address.to_canonical();
        Endpoint { address, host: self.hosts.get(&address).copied(), pid: self.network_map().lookup(address) }
    }

    /// Returns the cost between two endpoints: between the hosts if both are hosts, otherwise between their PIDs.
    pub fn cost_between(&self, metric: Metric, source: &Endpoint, destination: &Endpoint) -> Option<Value> {
        if let Some(metric) = metric.round_trip_of() {
            let one_way = |from, to| self.cost_between(metric, from, to);
            return Some(one_way(source, destination)?.plus(one_way(destination, source)?));
        }
        if source.address == destination.address {
            return metric.value(&Measures::EMPTY);
        }
        match (source.host, destination.host) {
            (Some(source), Some(destination)) => metric.value(&self.costs.between_hosts(source, destination)?),
            _ => self.pid_cost(metric, source.pid?, destination.pid?),
        }
    }

    /// Returns the route from one host to another; `None` if there is none.
    pub fn route(&self, source: &NodeName, destination: &NodeName) -> Option<Route> {
        let host = |name: &NodeName| {
            let place = self.topology.frame.hosts.binary_search_by(|host| host.name.cmp(name)).ok()?;
            u32::try_from(place).ok()
        };
        self.route_between(host(source)?, host(destination)?)
    }

    /// Iterates over the routes between all pairs of hosts, by destination and then source.
    pub fn routes(&self) -> impl Iterator<Item = Route> {
        let hosts = || (0..).take(self.topology.frame.hosts.len());
        let pairs = hosts().flat_map(move |destination| hosts().map(move |source| (source, destination)));
        let pairs = pairs.filter(|(source, destination)| source != destination);
        pairs.filter_map(|(source, destination)| self.route_between(source, destination))
    }

    /// Finds up to `count` loop-free paths between two nodes, best first: by cost, then by number of links.
    pub fn alternatives(&self, source: &NodeName, destination: &NodeName, count: usize) -> Vec<Vec<NodeName>> {
        let names = &self.topology.frame.nodes;
        let node = |name: &NodeName| names.binary_search(name).ok().and_then(|i| u32::try_from(i).ok());
        let (Some(source), Some(destination)) = (node(source), node(destination)) else { return Vec::new() };
        let with_names = |path: Vec<NodeId>| path.into_iter().map(|node| names[node as usize].clone()).collect();
        paths::alternatives(&self.graph, source, destination, count).into_iter().map(with_names).collect()
    }

    fn route_between(&self, source: u32, destination: u32) -> Option<Route> {
        let frame = &self.topology.frame;
        let (switches, measures) = self.costs.route(source, destination)?;
        let mut path: Vec<NodeId> = Vec::with_capacity(switches.len() + 2);
        path.push(frame.hosts[source as usize].node);
        path.extend(switches.into_iter().map(|switch| frame.switches[switch as usize].node));
        path.push(frame.hosts[destination as usize].node);
        Some(Route::along(&path, &self.graph, &frame.nodes, measures))
    }

    /// Sets the tag from the content.
    fn tagged(mut self) -> Self {
        let mut hasher = Hasher::new("view");
        hasher.text(self.network_map().tag());
        self.pid_digests.add_to(&mut hasher);
        self.host_digests.add_to(&mut hasher);
        // The addresses that the costs are between; means within PIDs follow from them.
        for host in &self.topology.frame.hosts {
            let mut addresses: Vec<String> = host.addresses.iter().map(ToString::to_string).collect();
            addresses.sort_unstable();
            hasher.text(&addresses.join(" "));
        }
        // Answers tell whether their values derive from measurements, even if measuring changed none of them.
        hasher.bytes(&self.measured.map(u8::from));
        self.tag = hasher.finish();
        self
    }
}

fn graph(topology: &Topology) -> Graph {
    let frame = &topology.frame;
    Graph::new(kinds(frame.nodes.len(), &frame.hosts, &frame.switches), &topology.links)
}

/// Returns the costs to each PID that a change may have affected.
fn stale_pids(frame: &Frame, costs: &Costs, differences: &Differences) -> impl Fn(u32) -> Stale + Sync {
    let mut pids_of: HashMap<NodeId, Vec<u32>> = HashMap::new();
    for (pid, entries) in (0..).zip(&frame.entries) {
        for node in entries {
            pids_of.entry(*node).or_default().push(pid);
        }
    }
    let pids_of: Vec<Vec<u32>> =
        frame.switches.iter().map(|switch| pids_of.remove(&switch.node).unwrap_or_default()).collect();
    let stale = |tree: &Vec<u32>| tree.iter().flat_map(|&switch| &pids_of[switch as usize]).copied().collect();
    let by_tree: Vec<Vec<u32>> = differences.changed.iter().map(stale).collect();
    let trees: Vec<u32> = (0..).take(frame.entries.len()).map(|pid| costs.tree_of_pid(pid)).collect();
    move |pid| match &by_tree[trees[pid as usize] as usize] {
        sources if sources.is_empty() => Stale::None,
        sources => Stale::Sources(sources.clone()),
    }
}

/// Returns the costs to each host that a change may have affected.
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

/// Lists the hosts with an address in each PID.
fn members(frame: &Frame) -> Vec<Vec<u32>> {
    let map = &frame.network_map;
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); map.len()];
    for (i, host) in (0..).zip(&frame.hosts) {
        for address in &host.addresses {
            if let Some(pid) = map.lookup(*address) {
                let hosts = &mut members[pid.0 as usize];
                // A host with several addresses in a PID counts once.
                if hosts.last() != Some(&i) {
                    hosts.push(i);
                }
            }
        }
    }
    members
}

/// Computes representatives of all ordered pairs of different hosts; `None` for fewer than two hosts.
fn within(hosts: &[u32], costs: &Costs) -> Option<Within> {
    if hosts.len() < 2 {
        return None;
    }
    let pairs = hosts.iter().flat_map(|a| hosts.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b);
    let measures: Vec<_> = pairs.filter_map(|(a, b)| costs.between_hosts(a, b)).collect();
    let representative = |metric: Metric| {
        let values: Vec<Value> = measures.iter().filter_map(|measures| metric.value(measures)).collect();
        metric.within_pid(&values)
    };
    Some(Metric::ALL.map(representative))
}
