//! The topology file of a link-state database: a switch for each router and LAN, a directed link for each adjacency with
//! the protocol's metric as its cost, and a PID for each node with prefixes of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use topo::file::{PidFile, TopologyFile};

use super::{Adjacency, Attributes, LinkState, Reachable};
use crate::topology_file::assumptions::Assumptions;
use crate::topology_file::{name, parts};

/// Addition to the cost of links that leave an overloaded router, more than any route without it costs.
const OVERLOAD: u32 = 1 << 24;

/// Names that the operator gives to nodes, by identifier.
pub type Names = BTreeMap<String, String>;

/// Attributes of the interface from one node to another, of the first one if there are several.
type Interfaces<'a> = HashMap<(&'a str, &'a str), Attributes>;

/// Makes a topology file. Costs between its PIDs are the protocol's, because nothing is added to them.
pub fn topology(network: &str, mut database: LinkState, names: &Names, assumptions: &mut Assumptions) -> TopologyFile {
    let one_way = database.drop_one_way();
    assumptions.found("nodes", database.nodes.len());
    assumptions.found("lans", database.nodes.values().filter(|node| node.lan).count());
    assumptions.found("adjacencies", database.adjacencies.len());
    assumptions.assumed("one-way", one_way, "adjacencies are announced by one end only and were left out");
    let names = node_names(&database, names);
    let mut file = parts::empty(network);
    for (id, node) in &database.nodes {
        let name = &names[id];
        file.switches.push(if node.lan { parts::junction(name) } else { parts::switch(name) });
    }
    let mut adjacencies: Vec<&Adjacency> = database.adjacencies.iter().collect();
    // By address before metric, so that parallel links keep their order when a metric changes.
    adjacencies.sort_by_key(|adjacency| (&adjacency.from, &adjacency.to, adjacency.local, adjacency.metric));
    let mut interfaces = Interfaces::new();
    for Adjacency { from, to, attributes, .. } in &database.adjacencies {
        interfaces.entry((from.as_str(), to.as_str())).or_insert(*attributes);
    }
    for adjacency in adjacencies {
        add_link(&mut file, (&database, &interfaces), adjacency, &names, assumptions);
    }
    file.pids = Some(pids(&database, &names, assumptions));
    file
}

/// Returns the name of each node, which is also the name of its PID.
fn node_names(database: &LinkState, given: &Names) -> BTreeMap<String, String> {
    let texts = database.nodes.iter().map(|(id, node)| {
        let name = given.get(id).or(node.name.as_ref());
        (name.unwrap_or(id).as_str(), id.as_str())
    });
    database.nodes.keys().cloned().zip(name::distinct(texts)).collect()
}

fn add_link(
    file: &mut TopologyFile,
    (database, interfaces): (&LinkState, &Interfaces<'_>),
    adjacency: &Adjacency,
    names: &BTreeMap<String, String>,
    assumptions: &mut Assumptions,
) {
    let from = database.nodes.get(&adjacency.from).cloned().unwrap_or_default();
    // What a LAN announces has no attributes: they are those of the interface with which the router is attached to it.
    let back = || interfaces.get(&(adjacency.to.as_str(), adjacency.from.as_str())).copied().unwrap_or_default();
    let attributes = if from.lan { back() } else { adjacency.attributes };
    if !from.lan {
        let no_bandwidth = usize::from(attributes.bandwidth.is_none());
        let no_delay = usize::from(attributes.delay.is_none());
        let warning = format!("interfaces have no bandwidth, {} Mbit/s is taken", parts::DEFAULT_BANDWIDTH);
        assumptions.assumed("default-bandwidths", no_bandwidth, warning);
        let warning = format!("interfaces have no delay, {} ms is taken", parts::DEFAULT_DELAY);
        assumptions.assumed("default-delays", no_delay, warning);
    }
    let delay = if from.lan { 0.0 } else { attributes.delay.unwrap_or(parts::DEFAULT_DELAY) };
    let mut metric = adjacency.metric;
    if from.overloaded {
        metric = metric.saturating_add(OVERLOAD);
        assumptions.assumed("overloaded", 1, "links leave overloaded routers; their costs were raised");
    }
    let mut link = parts::directed(
        &names[&adjacency.from],
        &names[&adjacency.to],
        attributes.bandwidth.unwrap_or(parts::DEFAULT_BANDWIDTH),
        delay,
        metric.into(),
    );
    link.loss = attributes.loss.filter(|loss| !from.lan && (0.0..=100.0).contains(loss));
    file.links.push(link);
}

/// Groups prefixes by the node they are behind. A prefix behind several nodes belongs to the one with the least metric;
/// the subnets between two routers belong to nobody, because no endpoints are there.
fn pids(
    database: &LinkState,
    names: &BTreeMap<String, String>,
    assumptions: &mut Assumptions,
) -> BTreeMap<String, PidFile> {
    let mut pids: BTreeMap<String, PidFile> = database
        .nodes
        .iter()
        .filter(|(_, node)| !node.lan)
        .map(|(id, _)| (names[id].clone(), parts::pid(&names[id])))
        .collect();
    let interfaces: BTreeSet<IpAddr> = database.adjacencies.iter().filter_map(|adjacency| adjacency.local).collect();
    let mut reachable: Vec<&Reachable> = database.prefixes.iter().collect();
    reachable.sort();
    let mut given: BTreeSet<IpNet> = BTreeSet::new();
    let (mut shared, mut between) = (0, 0);
    for Reachable { prefix, node, .. } in reachable {
        let prefix = prefix.trunc();
        let is_lan = database.nodes.get(node).is_some_and(|node| node.lan);
        let is_subnet = prefix.prefix_len() < prefix.max_prefix_len();
        let has_interface = is_subnet && interfaces.range(prefix.network()..=prefix.broadcast()).next().is_some();
        if !is_lan && has_interface {
            between += 1;
            continue;
        }
        let Some(name) = names.get(node) else { continue };
        if !given.insert(prefix) {
            shared += 1;
            continue;
        }
        let pid = pids.entry(name.clone()).or_insert_with(|| parts::pid(name));
        match prefix {
            IpNet::V4(net) => pid.ipv4.push(net.to_string()),
            IpNet::V6(net) => pid.ipv6.push(net.to_string()),
        }
    }
    assumptions.found("between-routers", between);
    let warning =
        "announcements repeat a prefix that another announcement with a smaller metric, or of the same node, has";
    assumptions.assumed("shared-prefixes", shared, warning);
    pids
}
