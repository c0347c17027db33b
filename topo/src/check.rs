//! From grammar to meaning: everything a file says is checked against everything else, and all problems are reported.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::error::{Problem, TopologyError};
use crate::file::{CostModel, HostFile, LinkFile, SwitchFile, TopologyFile};
use crate::graph::{Graph, NodeId};
use crate::name::NodeName;
use crate::network_map;
use crate::property_check;
use crate::topology::{
    Frame, Host, Link, MAX_BANDWIDTH, MAX_COST, MAX_DELAY, MAX_LOSS, NodeNameText, Switch, Topology,
};

/// Most nodes of a network.
const MAX_NODES: usize = 1_000_000;

/// Collects problems while checking goes on.
#[derive(Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into() });
    }

    /// A result as an option, its error being added.
    pub(crate) fn take<T, E: std::fmt::Display>(&mut self, path: impl Into<String>, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(path, error.to_string())).ok()
    }
}

/// Makes a topology of a file.
pub(crate) fn check(file: TopologyFile, source: &str) -> Result<Topology, TopologyError> {
    let mut problems = Problems::default();
    let mut warnings = Vec::new();
    if file.hosts.len() + file.switches.len() > MAX_NODES {
        return Err(TopologyError::whole(source, format!("has more than {MAX_NODES} nodes")));
    }
    check_model(&file.cost, &mut problems);
    let nodes = node_names(&file, &mut problems);
    let id =
        |name: &str| nodes.binary_search_by(|node| node.as_str().cmp(name)).ok().and_then(|i| u32::try_from(i).ok());
    let hosts = hosts(&file.hosts, &id, &mut problems);
    let switches = switches(&file.switches, &id, &mut problems);
    let links = links(&file.links, &file.cost, &id, &nodes, &mut problems);

    let groups = match file.pids {
        Some(pids) => network_map::groups_of_file(pids, &switches, &mut problems, &mut warnings),
        None => network_map::groups_of_switches(&hosts, &switches, &links, &mut problems, &mut warnings),
    };
    let given = property_check::read(&file.properties, &hosts, &mut problems, &mut warnings);
    if !problems.0.is_empty() {
        return Err(TopologyError { source: source.to_owned(), problems: problems.0 });
    }
    let any_ipv6 = hosts.iter().flat_map(|host| &host.addresses).any(IpAddr::is_ipv6);
    let (network_map, entries) = network_map::build(groups, any_ipv6);
    warn_of_strays(&hosts, &links, &network_map, &entries, &mut warnings);
    warn_of_parts(&nodes, &hosts, &links, &mut warnings);
    // Only the finished map knows which PIDs there are.
    let properties = given.complete(&network_map, &mut problems);
    if !problems.0.is_empty() {
        return Err(TopologyError { source: source.to_owned(), problems: problems.0 });
    }
    let (name, cost, network_map) = (file.name, file.cost, Arc::new(network_map));
    let frame = Frame { name, hosts, switches, nodes, cost, network_map, entries, properties, warnings };
    Ok(Topology { frame: Arc::new(frame), links })
}

fn check_model(model: &CostModel, problems: &mut Problems) {
    for (key, weight) in [
        ("hop_weight", model.hop_weight),
        ("delay_weight", model.delay_weight),
        ("bandwidth_weight", model.bandwidth_weight),
    ] {
        if !(0.0..=MAX_COST).contains(&weight) {
            problems.add(format!("cost.{key}"), format!("{weight} is out of range: use 0 to {MAX_COST}"));
        }
    }
    for (key, reference) in
        [("reference_bandwidth", model.reference_bandwidth), ("reference_delay", model.reference_delay)]
    {
        if !(reference > 0.0 && reference <= MAX_COST) {
            problems.add(
                format!("cost.{key}"),
                format!("{reference} is out of range: use more than 0, at most {MAX_COST}"),
            );
        }
    }
}

/// The names of all nodes, sorted, each there once.
fn node_names(file: &TopologyFile, problems: &mut Problems) -> Vec<NodeName> {
    let mut first: BTreeMap<NodeName, String> = BTreeMap::new();
    let hosts = file.hosts.iter().enumerate().map(|(i, host)| (format!("hosts[{i}].name"), &host.name));
    let switches = file.switches.iter().enumerate().map(|(i, switch)| (format!("switches[{i}].name"), &switch.name));
    for (path, name) in hosts.chain(switches) {
        let Some(name) = problems.take(path.as_str(), name.parse::<NodeName>()) else { continue };
        match first.get(&name) {
            Some(other) => problems
                .add(path, format!("{name} is the name of {} already; rename one", other.trim_end_matches(".name"))),
            None => drop(first.insert(name, path)),
        }
    }
    first.into_keys().collect()
}

fn hosts(files: &[HostFile], id: &impl Fn(&str) -> Option<NodeId>, problems: &mut Problems) -> Vec<Host> {
    let mut owners: HashMap<IpAddr, String> = HashMap::new();
    let mut hosts = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        let listed = file.ips.as_deref().unwrap_or_default();
        let texts: Vec<&String> = file.ip.iter().chain(listed).collect();
        if file.ip.is_some() == file.ips.is_some() || texts.is_empty() {
            problems.add(
                format!("hosts[{i}]"),
                format!("{} needs either \"ip\" or a list \"ips\" that is not empty", file.name),
            );
        }
        let mut addresses = Vec::with_capacity(texts.len());
        for (j, text) in texts.into_iter().enumerate() {
            let path = if file.ip.is_some() { format!("hosts[{i}].ip") } else { format!("hosts[{i}].ips[{j}]") };
            let parsed = text.parse().ok().or_else(|| text.parse::<IpNet>().ok().map(|net| net.addr()));
            let Some(address) = parsed else {
                problems
                    .add(path, format!("{text:?} is no address: use one such as 10.1.0.1, 10.1.0.1/24 or 2001:db8::1"));
                continue;
            };
            if let Some(other) = owners.insert(address, path.clone()) {
                problems.add(path, format!("{address} is the address at {other} already; give each host its own"));
            }
            addresses.push(address);
        }
        if let (Ok(name), Some(node)) = (file.name.parse(), id(&file.name)) {
            hosts.push(Host { name, node, addresses });
        }
    }
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    hosts
}

fn switches(files: &[SwitchFile], id: &impl Fn(&str) -> Option<NodeId>, problems: &mut Problems) -> Vec<Switch> {
    let mut owners: HashMap<u64, usize> = HashMap::new();
    let mut switches = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        let hex = (1..=16).contains(&file.dpid.len()) && file.dpid.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Some(dpid) = u64::from_str_radix(&file.dpid, 16).ok().filter(|_| hex) else {
            problems.add(
                format!("switches[{i}].dpid"),
                format!("{:?} is no dpid: use 1 to 16 hexadecimal digits", file.dpid),
            );
            continue;
        };
        if let Some(other) = owners.insert(dpid, i) {
            let message = format!("{} is the dpid of switches[{other}] already; dpids are unique", file.dpid);
            problems.add(format!("switches[{i}].dpid"), message);
        }
        if let (Ok(name), Some(node)) = (file.name.parse(), id(&file.name)) {
            switches.push(Switch { name, node, dpid });
        }
    }
    switches.sort_by(|a, b| a.name.cmp(&b.name));
    switches
}

fn links(
    files: &[LinkFile],
    model: &CostModel,
    id: &impl Fn(&str) -> Option<NodeId>,
    nodes: &[NodeName],
    problems: &mut Problems,
) -> Vec<Link> {
    let mut links = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        let mut end = |key: &str, name: &str| {
            let node = id(name);
            if node.is_none() {
                problems
                    .add(format!("links[{i}].{key}"), format!("{name:?} is neither a host nor a switch of this file"));
            }
            node
        };
        let ends = (end("source", &file.source), end("destination", &file.destination));
        if ends.0.is_some() && ends.0 == ends.1 {
            problems.add(format!("links[{i}]"), format!("leads from {} to itself; remove it", file.source));
        }
        let before = problems.0.len();
        let mut bad = |key: &str, value: f64, right: &str| {
            problems.add(format!("links[{i}].{key}"), format!("{value} is out of range: use {right}"));
        };
        if !is_bandwidth(file.bandwidth) {
            bad("bandwidth", file.bandwidth, &format!("more than 0 Mbit/s, at most {MAX_BANDWIDTH}"));
        }
        if !is_delay(file.delay.0) {
            bad("delay", file.delay.0, &format!("0 to {MAX_DELAY} ms"));
        }
        if let Some(cost) = file.cost.filter(|cost| !is_cost(*cost)) {
            bad("cost", cost, &format!("0 to {MAX_COST}"));
        }
        if !is_cost(file.price) {
            bad("price", file.price, &format!("0 to {MAX_COST}"));
        }
        if let Some(loss) = file.loss.filter(|loss| !is_loss(*loss)) {
            bad("loss", loss, &format!("0 to {MAX_LOSS} percent"));
        }
        let (Some(source), Some(destination)) = ends else { continue };
        if problems.0.len() > before {
            continue;
        }
        let name = |node: NodeId| NodeNameText(nodes[node as usize].clone());
        let mut link = Link {
            source: name(source),
            destination: name(destination),
            bandwidth: file.bandwidth,
            delay: file.delay.0,
            measured_delay: None,
            loss: file.loss.unwrap_or_default(),
            measured_loss: None,
            directed: file.directed,
            up: file.up,
            utilisation: 0.0,
            override_cost: file.cost,
            price: file.price,
            ends: (source, destination),
            weight: None,
        };
        if problems.take(format!("links[{i}]"), link.weigh(model)).is_some() {
            links.push(link);
        }
    }
    links
}

pub(crate) fn is_bandwidth(mbits: f64) -> bool {
    // Below a millionth of a byte per second nothing is left after rounding.
    (1e-6..=MAX_BANDWIDTH).contains(&mbits)
}

pub(crate) fn is_delay(milliseconds: f64) -> bool {
    (0.0..=MAX_DELAY).contains(&milliseconds)
}

pub(crate) fn is_loss(percent: f64) -> bool {
    (0.0..=MAX_LOSS).contains(&percent)
}

pub(crate) fn is_cost(cost: f64) -> bool {
    (0.0..=MAX_COST).contains(&cost)
}

/// A host whose address belongs to a PID that its traffic does not enter by is reached at another cost than its PID.
fn warn_of_strays(
    hosts: &[Host],
    links: &[Link],
    map: &network_map::NetworkMap,
    entries: &[Vec<NodeId>],
    warnings: &mut Vec<String>,
) {
    let mut attached: HashMap<NodeId, BTreeSet<NodeId>> = HashMap::new();
    for link in links {
        attached.entry(link.ends.0).or_default().insert(link.ends.1);
        attached.entry(link.ends.1).or_default().insert(link.ends.0);
    }
    for host in hosts {
        let Some(at) = attached.get(&host.node) else {
            warnings.push(format!("the host {} has no link; nothing reaches it", host.name));
            continue;
        };
        for address in &host.addresses {
            let Some(pid) = map.lookup(*address) else { continue };
            if !entries[pid.0 as usize].iter().any(|entry| at.contains(entry)) {
                let (name, pid) = (&host.name, map.pid(pid).name());
                warnings.push(format!("{address} of the host {name} is in the PID {pid}, which has none of the switches that {name} is linked to"));
            }
        }
    }
}

fn warn_of_parts(nodes: &[NodeName], hosts: &[Host], links: &[Link], warnings: &mut Vec<String>) {
    let is_host: BTreeSet<NodeId> = hosts.iter().map(|host| host.node).collect();
    let unreached = Graph::new(nodes.len(), links, |node| is_host.contains(&node)).unreached();
    if let Some(node) = unreached {
        let (first, other) = (&nodes[0], &nodes[node as usize]);
        warnings.push(format!(
            "the network has parts without a connection, such as {first} and {other}; costs between them are undefined"
        ));
    }
}
