//! Checks of hosts and switches: names, addresses and datapath identifiers.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::Problems;
use crate::file::{HostFile, SwitchFile, TopologyFile};
use crate::model::parts::{Host, NodeId, Switch};
use crate::name::NodeName;

/// Returns the distinct names of all nodes, sorted.
pub(super) fn names(file: &TopologyFile, problems: &mut Problems) -> Vec<NodeName> {
    let mut first: BTreeMap<NodeName, String> = BTreeMap::new();
    let hosts = file.hosts.iter().enumerate().map(|(i, host)| (format!("hosts[{i}].name"), &host.name));
    let switches = file.switches.iter().enumerate().map(|(i, switch)| (format!("switches[{i}].name"), &switch.name));
    for (path, name) in hosts.chain(switches) {
        let Some(name) = problems.take(path.as_str(), name.parse::<NodeName>()) else { continue };
        match first.get(&name) {
            Some(other) => {
                let other = other.trim_end_matches(".name");
                problems.add(path, format!("{name} is already the name of {other}; rename one of them"));
            }
            None => drop(first.insert(name, path)),
        }
    }
    first.into_keys().collect()
}

/// Finds a node by name in the sorted list of all names.
pub(super) fn find(nodes: &[NodeName], name: &str) -> Option<NodeId> {
    nodes.binary_search_by(|node| node.as_str().cmp(name)).ok().and_then(|i| u32::try_from(i).ok())
}

/// Checks the hosts of a file and returns them sorted by name.
pub(super) fn hosts(files: &[HostFile], nodes: &[NodeName], problems: &mut Problems) -> Vec<Host> {
    let mut owners: HashMap<IpAddr, String> = HashMap::new();
    let mut hosts = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        let listed = file.ips.as_deref().unwrap_or_default();
        let texts: Vec<&String> = file.ip.iter().chain(listed).collect();
        if file.ip.is_some() == file.ips.is_some() || texts.is_empty() {
            let message = format!("{} needs either \"ip\" or a non-empty list \"ips\", not both", file.name);
            problems.add(format!("hosts[{i}]"), message);
        }
        let mut addresses = Vec::with_capacity(texts.len());
        for (j, text) in texts.into_iter().enumerate() {
            let path = if file.ip.is_some() { format!("hosts[{i}].ip") } else { format!("hosts[{i}].ips[{j}]") };
            let parsed = text.parse().ok().or_else(|| text.parse::<IpNet>().ok().map(|net| net.addr()));
            let Some(address) = parsed else {
                let message =
                    format!("{text:?} is not an IP address: write it as in 10.1.0.1, 10.1.0.1/24 or 2001:db8::1");
                problems.add(path, message);
                continue;
            };
            if let Some(other) = owners.insert(address, path.clone()) {
                problems.add(path, format!("{address} is already the address at {other}; give each host its own"));
            }
            addresses.push(address);
        }
        if let (Ok(name), Some(node)) = (file.name.parse(), find(nodes, &file.name)) {
            hosts.push(Host { name, node, addresses });
        }
    }
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    hosts
}

/// Checks the switches of a file and returns them sorted by name.
pub(super) fn switches(files: &[SwitchFile], nodes: &[NodeName], problems: &mut Problems) -> Vec<Switch> {
    let mut owners: HashMap<u64, usize> = HashMap::new();
    let mut switches = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        let path = || format!("switches[{i}].dpid");
        let hex = (1..=16).contains(&file.dpid.len()) && file.dpid.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Some(dpid) = u64::from_str_radix(&file.dpid, 16).ok().filter(|_| hex) else {
            problems.add(path(), format!("{:?} is not a datapath ID: use 1 to 16 hexadecimal digits", file.dpid));
            continue;
        };
        if let Some(other) = owners.insert(dpid, i) {
            let message = format!("{} is already the datapath ID of switches[{other}]; give each its own", file.dpid);
            problems.add(path(), message);
        }
        if let (Ok(name), Some(node)) = (file.name.parse(), find(nodes, &file.name)) {
            switches.push(Switch { name, node, dpid });
        }
    }
    switches.sort_by(|a, b| a.name.cmp(&b.name));
    switches
}
