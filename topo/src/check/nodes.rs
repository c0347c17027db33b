//! Checks of hosts and switches: names, addresses and datapath identifiers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::error::Problems;
use crate::file::{HostFile, SwitchFile, TopologyFile};
use crate::model::parts::{Host, NodeId, Switch};
use crate::name::NodeName;

/// The names of all nodes of a file.
pub(super) struct Names {
    /// Distinct valid names, sorted, so that a [`NodeId`] indexes them.
    valid: Vec<NodeName>,
    /// Names that were refused. What refers to them is no further problem.
    refused: BTreeSet<String>,
}

impl Names {
    /// Collects and checks the names of a file.
    pub(super) fn of(file: &TopologyFile, problems: &mut Problems) -> Self {
        let mut first: BTreeMap<NodeName, String> = BTreeMap::new();
        let mut refused = BTreeSet::new();
        let hosts = file.hosts.iter().enumerate().map(|(i, host)| (format!("hosts[{i}].name"), &host.name));
        let switches =
            file.switches.iter().enumerate().map(|(i, switch)| (format!("switches[{i}].name"), &switch.name));
        for (path, text) in hosts.chain(switches) {
            let Some(name) = problems.take(path.as_str(), text.parse::<NodeName>()) else {
                refused.insert(text.clone());
                continue;
            };
            match first.get(&name) {
                Some(other) => {
                    let other = other.trim_end_matches(".name");
                    problems.add(path, format!("{name} is already the name of {other}; rename one of them"));
                }
                None => drop(first.insert(name, path)),
            }
        }
        Self { valid: first.into_keys().collect(), refused }
    }

    /// Finds a node by name.
    pub(super) fn find(&self, name: &str) -> Option<NodeId> {
        self.valid.binary_search_by(|node| node.as_str().cmp(name)).ok().and_then(|i| u32::try_from(i).ok())
    }

    /// Returns whether a name was refused where its node is defined.
    pub(super) fn is_refused(&self, name: &str) -> bool {
        self.refused.contains(name)
    }

    /// Returns the name of a node.
    pub(super) fn name(&self, node: NodeId) -> &NodeName {
        &self.valid[node as usize]
    }

    /// Returns all names, sorted.
    pub(super) fn into_sorted(self) -> Vec<NodeName> {
        self.valid
    }

    /// Returns all names, sorted.
    pub(super) fn sorted(&self) -> &[NodeName] {
        &self.valid
    }
}

/// Checks the hosts of a file and returns them sorted by name.
pub(super) fn hosts(files: &[HostFile], names: &Names, problems: &mut Problems) -> Vec<Host> {
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
            let Some(address) = parsed.map(|address: IpAddr| address.to_canonical()) else {
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
        if let (Ok(name), Some(node)) = (file.name.parse(), names.find(&file.name)) {
            hosts.push(Host { name, node, addresses });
        }
    }
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    hosts
}

/// Checks the switches of a file and returns them sorted by name.
pub(super) fn switches(files: &[SwitchFile], names: &Names, problems: &mut Problems) -> Vec<Switch> {
    let mut owners: HashMap<u64, usize> = HashMap::new();
    let mut switches = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        let dpid = file.dpid.as_deref().and_then(|text| problems.take(format!("switches[{i}].dpid"), dpid(text)));
        if let Some(other) = dpid.and_then(|dpid| owners.insert(dpid, i)) {
            let text = file.dpid.as_deref().unwrap_or_default();
            let message = format!("{text} is already the datapath ID of switches[{other}]; give each its own");
            problems.add(format!("switches[{i}].dpid"), message);
        }
        if let (Ok(name), Some(node)) = (file.name.parse(), names.find(&file.name)) {
            switches.push(Switch { name, node, dpid, hop: file.hop });
        }
    }
    switches.sort_by(|a, b| a.name.cmp(&b.name));
    switches
}

fn dpid(text: &str) -> Result<u64, String> {
    let hex = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16)
        .ok()
        .filter(|_| hex)
        .ok_or_else(|| format!("{text:?} is not a datapath ID: use 1 to 16 hexadecimal digits, or leave the key out"))
}
