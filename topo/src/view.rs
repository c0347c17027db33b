//! Views: immutable states of the network with all costs, identified by a hash of their content.
//!
//! Routes are found when the view is built. Costs derive from them when they are asked for, and the tag covers everything
//! they derive from.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use crate::changed_pairs::{ChangedPairs, Step};
use crate::costs::{Costs, Rerouted};
use crate::digests::{Column, RouteDigests};
use crate::means::access::Typical;
use crate::means::members::Members;
use crate::means::memo::Memo;
use crate::means::pairs::{self, Relation};
use crate::metric::Metric;
use crate::model::parts::NodeId;
use crate::model::properties::Properties;
use crate::model::topology::Topology;
use crate::name::{MapName, NodeName};
use crate::prefix::network_map::{NetworkMap, PidId};
use crate::route::along::Workspace;
use crate::route::graph::{Graph, kinds};
use crate::route::measures::{Attributes, Measures};
use crate::route::paths::{self, Route};
use crate::route::search::AllMeasures;
use crate::route::switches::{Access, Neighbour, SwitchId};
use crate::tag::Hasher;
use crate::value::Value;

mod into;

pub use into::{IntoEndpoint, IntoPid};

/// An immutable state of the network with all costs.
#[derive(Debug)]
pub struct View {
    topology: Arc<Topology>,
    graph: Graph,
    /// Host index by address.
    hosts: Arc<HashMap<IpAddr, u32>>,
    /// Hosts with an address in each PID.
    membership: Arc<Membership>,
    /// Hosts of each PID, grouped by their switches.
    members: Arc<Vec<Members>>,
    typical: Typical,
    costs: Costs,
    digests: RouteDigests,
    /// Costs between PIDs that were asked for.
    memo: Memo,
    /// Whether values in each metric may derive from measurements.
    measured: [bool; Metric::ALL.len()],
    /// Way from the view before, if only routes changed on it.
    step: Option<Step>,
    /// Views of the same network by its further network maps, in their order.
    maps: Vec<Arc<View>>,
    tag: String,
}

/// An address with its host and PID in one view.
#[derive(Debug)]
pub struct Endpoint {
    address: IpAddr,
    host: Option<u32>,
    pid: Option<PidId>,
    /// The host as a set of its own, once it was paired with a PID.
    alone: OnceLock<Box<Members>>,
}

/// The hosts of each PID.
#[derive(Debug, PartialEq, Eq)]
struct Membership {
    hosts: Vec<Vec<u32>>,
    /// Hosts that are in several PIDs.
    shared: BTreeSet<u32>,
}

impl View {
    /// Computes the view of a topology from scratch.
    pub fn compute(topology: Arc<Topology>) -> Self {
        let frame = &topology.frame;
        let graph = graph(&topology);
        let rows = entries(&topology);
        let column = |measures: &AllMeasures<'_>| Column::of(&rows, measures);
        let (costs, columns) = Costs::compute(&graph, frame, &topology.grouping.entries, column);
        let digests = RouteDigests::new(rows, columns);
        let mut hosts = HashMap::new();
        for (i, host) in (0..).zip(&frame.hosts) {
            hosts.extend(host.addresses.iter().map(|address| (*address, i)));
        }
        let membership = Arc::new(Membership::of(&topology));
        let typical = typical(&topology);
        let members = Arc::new(membership.members(&costs, &typical));
        let maps = topology.further().map(|further| Arc::new(Self::compute(Arc::new(further)))).collect();
        let view = Self::assemble(topology, graph, Arc::new(hosts), membership, members, typical, costs, digests);
        Self { maps, ..view }
    }

    /// Computes the view of a topology that succeeds this view's.
    ///
    /// If only links or prefixes changed, only what depends on them is recomputed. The result equals [`View::compute`].
    #[must_use]
    pub fn successor(&self, topology: Arc<Topology>) -> Self {
        let same_entries = topology.grouping.entries == self.topology.grouping.entries;
        if !Arc::ptr_eq(&topology.frame, &self.topology.frame) || !same_entries {
            return Self::compute(topology);
        }
        let graph = graph(&topology);
        let column = |workspaces: &mut [Workspace; 2], tree: Rerouted<'_>| self.digests.column_after(workspaces, tree);
        let (costs, differences, columns) =
            self.costs.after(&graph, &topology.frame, &topology.grouping.entries, column);
        let digests = self.digests.with(columns);
        let typical = typical(&topology);
        let same_access = typical == self.typical && costs.access() == self.costs.access();
        let same_map = Arc::ptr_eq(&topology.grouping, &self.topology.grouping);
        let membership = if same_map { Arc::clone(&self.membership) } else { Arc::new(Membership::of(&topology)) };
        let members = if same_access && membership == self.membership {
            Arc::clone(&self.members)
        } else {
            Arc::new(membership.members(&costs, &typical))
        };
        let hosts = Arc::clone(&self.hosts);
        let only_routes = same_map && Arc::ptr_eq(&members, &self.members);
        let step = only_routes.then(|| Step { previous: self.tag.clone(), differences });
        let further = self.maps.iter().zip(topology.further());
        let maps = further.map(|(view, further)| Arc::new(view.successor(Arc::new(further)))).collect();
        let next = Self::assemble(topology, graph, hosts, membership, members, typical, costs, digests);
        Self { step, maps, ..next }
    }

    /// Returns the pairs of PIDs whose costs may differ from those of the view before; `None` if that is not known, because
    /// `previous` is another view, or because more than routes changed.
    pub fn changed_pairs(&self, previous: &Self) -> Option<ChangedPairs> {
        let step = self.step.as_ref().filter(|step| step.previous == previous.tag)?;
        Some(ChangedPairs::of(&self.costs, &self.members, &step.differences))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a view, each in one place")]
    fn assemble(
        topology: Arc<Topology>,
        graph: Graph,
        hosts: Arc<HashMap<IpAddr, u32>>,
        membership: Arc<Membership>,
        members: Arc<Vec<Members>>,
        typical: Typical,
        costs: Costs,
        digests: RouteDigests,
    ) -> Self {
        let measured = Metric::ALL.map(|metric| topology.is_measured(metric));
        let (memo, tag) = (Memo::new(topology.grouping.network_map.len()), String::new());
        let (step, maps) = (None, Vec::new());
        Self { topology, graph, hosts, membership, members, typical, costs, digests, memo, measured, step, maps, tag }
            .tagged()
    }

    /// Topology that the view was computed from.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// Network map of the view.
    pub fn network_map(&self) -> &NetworkMap {
        &self.topology.grouping.network_map
    }

    /// Iterates over the network maps beside the default one by name, each with the view whose PIDs are those of the map.
    pub fn maps(&self) -> impl ExactSizeIterator<Item = (&MapName, &Arc<Self>)> {
        self.topology.map_names().zip(&self.maps)
    }

    /// Properties of addresses and PIDs. They have a tag of their own, because a change of properties changes neither
    /// costs nor the network map.
    pub fn properties(&self) -> &Properties {
        &self.topology.grouping.properties
    }

    /// Version tag: a hash, in hexadecimal, of the network map and of everything that costs derive from. Equal tags mean
    /// equal answers.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns whether values in a metric may derive from measurements rather than from configuration alone.
    pub fn is_measured(&self, metric: Metric) -> bool {
        self.measured[metric as usize]
    }

    /// Returns the cost from one PID to another: the mean over their hosts; `None` if it is undefined.
    pub fn pid_cost(&self, metric: Metric, source: PidId, destination: PidId) -> Option<Value> {
        if let Some(metric) = metric.round_trip_of() {
            let one_way = |from, to| self.pid_cost(metric, from, to);
            return Some(one_way(source, destination)?.plus(one_way(destination, source)?));
        }
        let is_kept =
            || self.members[source.0 as usize].from.len() * self.members[destination.0 as usize].into.len() > 1;
        let mean = || self.mean_cost(metric, source, destination);
        if self.memo.keeps_single_lookups() || is_kept() {
            self.memo.column(metric, destination.0).get(source.0, mean)
        } else {
            mean()
        }
    }

    /// Computes the cost from one PID to another.
    fn mean_cost(&self, metric: Metric, source: PidId, destination: PidId) -> Option<Value> {
        let [from, into] = [source, destination].map(|pid| &self.members[pid.0 as usize]);
        let relation = if source == destination { Relation::Same } else { Relation::Different };
        metric.value(&pairs::mean(&self.costs, from, into, relation, metric.wanted())?)
    }

    /// Resolves an address to its host and PID. An IPv4-mapped IPv6 address is the IPv4 address.
    pub fn endpoint(&self, address: IpAddr) -> Endpoint {
        let address = address.to_canonical();
        let (host, pid) = (self.hosts.get(&address).copied(), self.network_map().lookup(address));
        Endpoint { address, host, pid, alone: OnceLock::new() }
    }

    /// Returns the cost between two endpoints: between the hosts if both are hosts; the mean over the hosts of a PID for an
    /// address in it that is no host.
    pub fn cost_between(&self, metric: Metric, source: &Endpoint, destination: &Endpoint) -> Option<Value> {
        if let Some(metric) = metric.round_trip_of() {
            let one_way = |from, to| self.cost_between(metric, from, to);
            return Some(one_way(source, destination)?.plus(one_way(destination, source)?));
        }
        if source.address == destination.address {
            return metric.value(&Measures::EMPTY);
        }
        let access = self.costs.access();
        let members = |pid: Option<PidId>| self.members.get(pid?.0 as usize);
        let wanted = metric.wanted();
        let mean = |from: &Members, into: &Members| pairs::mean(&self.costs, from, into, Relation::Different, wanted);
        let measures = match (source.host, destination.host) {
            (Some(source), Some(destination)) => self.costs.between_hosts(source, destination, wanted),
            (Some(host), None) => mean(source.alone(host, access), members(destination.pid)?),
            (None, Some(host)) => mean(members(source.pid)?, destination.alone(host, access)),
            (None, None) => return self.pid_cost(metric, source.pid?, destination.pid?),
        };
        metric.value(&measures?)
    }

    /// Returns the cost from one PID to another between their switches, the access of hosts left out.
    pub(crate) fn core_cost(&self, source: PidId, destination: PidId) -> Option<Value> {
        let [from, into] = [source, destination].map(|pid| &self.members[pid.0 as usize]);
        let relation = if source == destination { Relation::Same } else { Relation::Different };
        pairs::core_cost(&self.costs, from, into, relation)
    }

    /// Returns the number of places where routes from and to a PID begin and end, which bounds the time for one cost.
    pub(crate) fn group_count(&self, pid: PidId) -> usize {
        let members = &self.members[pid.0 as usize];
        members.from.len().max(members.into.len())
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

    /// Iterates over the routes between all pairs of switches, by destination and then source.
    pub fn switch_routes(&self) -> impl Iterator<Item = Route> {
        let switches = (0..).take(self.topology.frame.switches.len());
        let routes = switches.flat_map(|destination| self.costs.routes_to_switch(destination));
        routes.map(|(path, measures)| self.route_over(path, measures))
    }

    /// Iterates over the routes between all pairs of PIDs, from and to the nearest of the switches where their traffic
    /// enters the network, by destination and then source.
    pub fn pid_routes(&self) -> impl Iterator<Item = (PidId, PidId, Route)> {
        let map = self.network_map();
        let pairs =
            map.pids().flat_map(move |(destination, _)| map.pids().map(move |(source, _)| (source, destination)));
        pairs.filter(|(source, destination)| source != destination).filter_map(|(source, destination)| {
            let (path, measures) = self.costs.route_of_pids(source.0, destination.0)?;
            Some((source, destination, self.route_over(path, measures)))
        })
    }

    fn route_over(&self, switches: Vec<u32>, measures: Measures) -> Route {
        let frame = &self.topology.frame;
        let path: Vec<NodeId> = switches.into_iter().map(|switch| frame.switches[switch as usize].node).collect();
        Route::along(&path, &self.graph, &frame.nodes, measures)
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
        let frame = &self.topology.frame;
        let mut hasher = Hasher::new("view");
        hasher.text(self.topology.grouping.network_map.tag());
        self.digests.add_to(&mut hasher);
        let access = self.costs.access();
        for (host, parts) in (0..).zip(&frame.hosts) {
            let mut addresses: Vec<String> = parts.addresses.iter().map(ToString::to_string).collect();
            addresses.sort_unstable();
            hasher.text(&addresses.join(" "));
            let mut bytes = Vec::new();
            let mut link = |end: u64, attributes: &Attributes| {
                bytes.extend(Measures::EMPTY.with(attributes).to_bytes(end));
            };
            for exit in access.out(host) {
                match exit.to {
                    Neighbour::Switch(switch) => link(self.digests.row(switch) << 1, &exit.attributes),
                    Neighbour::Host(host) => link(u64::from(host) << 1 | 1, &exit.attributes),
                }
            }
            for entry in access.entries(host) {
                link(self.digests.row(entry.switch) << 1, &entry.attributes);
            }
            hasher.number(access.out(host).len() as u64);
            hasher.number(bytes.len() as u64);
            hasher.bytes(&bytes);
        }
        let mut any_virtual = false;
        for (pid, members) in (0..).zip(self.members.iter()) {
            if members.hosts.is_empty() && !members.from.is_empty() {
                any_virtual = true;
                hasher.number(u64::from(pid));
                let entries = self.costs.entries(pid);
                hasher.number(entries.len() as u64);
                for switch in entries {
                    hasher.number(self.digests.row(*switch));
                }
            }
        }
        // The hosts that PIDs without hosts are taken to have are alike for all of them.
        if any_virtual {
            hasher.text(&format!("{:?}", self.typical));
        }
        // Answers tell whether their values derive from measurements, even if measuring changed none of them.
        hasher.bytes(&self.measured.map(u8::from));
        self.tag = hasher.finish();
        self
    }
}

impl Endpoint {
    /// Returns the host of the endpoint as a set of its own.
    fn alone(&self, host: u32, access: &Access) -> &Members {
        self.alone.get_or_init(|| Box::new(Members::single(host, access)))
    }
}

impl Membership {
    /// Finds the PIDs of all hosts.
    fn of(topology: &Topology) -> Self {
        let (frame, map) = (&topology.frame, &topology.grouping.network_map);
        let mut membership = Self { hosts: vec![Vec::new(); map.len()], shared: BTreeSet::new() };
        for (i, host) in (0..).zip(&frame.hosts) {
            let pids: BTreeSet<PidId> = host.addresses.iter().filter_map(|address| map.lookup(*address)).collect();
            if pids.len() > 1 {
                membership.shared.insert(i);
            }
            for pid in pids {
                membership.hosts[pid.0 as usize].push(i);
            }
        }
        membership
    }

    /// Groups the hosts of every PID.
    fn members(&self, costs: &Costs, typical: &Typical) -> Vec<Members> {
        let of = |(pid, hosts): (u32, &Vec<u32>)| {
            if hosts.is_empty() {
                return Members::virtual_host(pid, !costs.entries(pid).is_empty(), typical);
            }
            let shared = hosts.iter().copied().filter(|host| self.shared.contains(host)).collect();
            Members::of(hosts.clone(), shared, costs.access())
        };
        (0..).zip(&self.hosts).map(of).collect()
    }
}

fn graph(topology: &Topology) -> Graph {
    let frame = &topology.frame;
    Graph::new(kinds(frame.nodes.len(), &frame.hosts, &frame.switches), &topology.links)
}

fn typical(topology: &Topology) -> Typical {
    let frame = &topology.frame;
    Typical::of(&kinds(frame.nodes.len(), &frame.hosts, &frame.switches), &topology.links, &frame.cost)
}

/// Lists the switches where traffic may enter the network, sorted: those with a link to a host, even one that is down, and
/// those of PIDs.
fn entries(topology: &Topology) -> Vec<SwitchId> {
    let frame = &topology.frame;
    let switches: HashMap<NodeId, SwitchId> = (0..).zip(&frame.switches).map(|(id, s)| (s.node, id)).collect();
    let of_links = topology.links.iter().filter_map(|link| {
        let ends = [link.ends.0, link.ends.1].map(|node| switches.get(&node).copied());
        match ends {
            [Some(_), Some(_)] | [None, None] => None,
            [one, other] => one.or(other),
        }
    });
    let of_pids = topology.grouping.entries.iter().flatten().filter_map(|node| switches.get(node).copied());
    of_links.chain(of_pids).collect::<BTreeSet<_>>().into_iter().collect()
}
