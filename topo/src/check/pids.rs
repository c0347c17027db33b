//! Construction of the network map: PIDs from the file, or one PID for each switch that has hosts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use super::nodes::Names;
use crate::error::Problems;
use crate::file::PidFile;
use crate::model::parts::{Host, Link, NodeId, Switch};
use crate::name::PidName;
use crate::prefix::mapped;
use crate::prefix::network_map::{NetworkMap, Pid};
use crate::prefix::tree::Prefix;

/// A PID together with the nodes where its traffic enters the network.
pub(super) struct Group {
    pid: Pid,
    entries: Vec<NodeId>,
}

/// A prefix and its place in the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Listed<N> {
    net: N,
    /// Index of the PID among all PIDs of the file.
    pid: u32,
    /// Index within the PID's list.
    place: u32,
    /// Whether the list is the one of IPv6 prefixes and the prefix an IPv4-mapped one.
    mapped: bool,
}

/// One list of prefixes in a file.
struct Listing {
    path: String,
    /// Index of the PID among all PIDs of the file.
    pid: u32,
}

impl Group {
    fn new(name: PidName, entries: Vec<NodeId>) -> Self {
        Self { pid: Pid { name, ipv4: Vec::new(), ipv6: Vec::new() }, entries }
    }
}

/// Checks the PIDs of a file.
/// `base` is the path of the section in the file.
pub(super) fn from_file(
    (base, pids): (&str, &BTreeMap<String, PidFile>),
    switches: &[Switch],
    node_names: &Names,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Vec<Group> {
    let nodes: HashMap<&str, NodeId> = switches.iter().map(|switch| (switch.name.as_str(), switch.node)).collect();
    let (mut groups, mut names) = (Vec::with_capacity(pids.len()), Vec::with_capacity(pids.len()));
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    for (name, file) in pids {
        let path = format!("{base}.{name}");
        let mut entries = Vec::with_capacity(file.switches.len());
        let mut seen = HashSet::new();
        for (i, switch) in file.switches.iter().enumerate() {
            let path = || format!("{path}.switches[{i}]");
            match nodes.get(switch.as_str()) {
                None if node_names.is_refused(switch) => {}
                None => problems.add(path(), format!("{switch:?} is not a switch of this file")),
                Some(node) if !seen.insert(*node) => {
                    problems.add(path(), format!("{switch} is already in this list; name each switch once"));
                }
                Some(node) => entries.push(*node),
            }
        }
        entries.sort_unstable();
        let pid = u32::try_from(names.len()).unwrap_or(u32::MAX);
        names.push(name.as_str());
        let listing = |key| Listing { path: format!("{path}.{key}"), pid };
        listing("ipv4").read(&file.ipv4, "192.0.2.0/24", &mut ipv4, problems, warnings);
        let mut listed = Vec::new();
        listing("ipv6").read(&file.ipv6, "2001:db8::/32", &mut listed, problems, warnings);
        for Listed { net, pid, place, .. } in listed {
            match mapped::ipv4_of(&net) {
                Some(net) => ipv4.push(Listed { net, pid, place, mapped: true }),
                None => ipv6.push(Listed { net, pid, place, mapped: false }),
            }
        }
        if let Some(name) = problems.take(path.as_str(), name.parse::<PidName>()) {
            groups.push(Group::new(name, entries));
        }
    }
    sort_and_dedup(&mut ipv4, (base, &names), "ipv4", problems);
    sort_and_dedup(&mut ipv6, (base, &names), "ipv6", problems);
    // An invalid PID name shifts the indices, and is reported as a problem anyway.
    if groups.len() == names.len() {
        for listed in ipv4 {
            groups[listed.pid as usize].pid.ipv4.push(listed.net);
        }
        for listed in ipv6 {
            groups[listed.pid as usize].pid.ipv6.push(listed.net);
        }
    }
    groups
}

impl Listing {
    /// Parses the prefixes of the list. Paths are built for problems only, not for each of a million prefixes.
    fn read<N: Prefix + FromStr + Display>(
        &self,
        texts: &[String],
        example: &str,
        known: &mut Vec<Listed<N>>,
        problems: &mut Problems,
        warnings: &mut Vec<String>,
    ) {
        known.reserve(texts.len());
        for (place, text) in (0..).zip(texts) {
            let path = || format!("{}[{place}]", self.path);
            let Ok(given) = text.parse::<N>() else {
                problems.add(path(), format!("{text:?} is not a prefix: write it as in {example}"));
                continue;
            };
            let net = given.network();
            if net != given {
                warnings.push(format!("{}: {text} has bits set beyond its prefix length; {net} is used", path()));
            }
            known.push(Listed { net, pid: self.pid, place, mapped: false });
        }
    }
}

/// Sorts prefixes, and reports and removes duplicates.
fn sort_and_dedup<N: Prefix + Display>(
    all: &mut Vec<Listed<N>>,
    (base, names): (&str, &[&str]),
    key: &str,
    problems: &mut Problems,
) {
    all.sort_unstable();
    let path = |listed: &Listed<N>| {
        let key = if listed.mapped { "ipv6" } else { key };
        format!("{base}.{}.{key}[{}]", names[listed.pid as usize], listed.place)
    };
    all.dedup_by(|later, first| {
        let duplicate = later.net == first.net;
        if duplicate {
            let message = format!("{} is already at {}; a prefix belongs to one PID", later.net, path(first));
            problems.add(path(later), message);
        }
        duplicate
    });
}

/// Groups the addresses of hosts by the switch the hosts are linked to.
pub(super) fn from_switches(
    hosts: &[Host],
    switches: &[Switch],
    links: &[Link],
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Vec<Group> {
    let by_node: HashMap<NodeId, &Switch> = switches.iter().map(|switch| (switch.node, switch)).collect();
    // A host with several switches belongs to the one linked first in the file.
    let mut home: HashMap<NodeId, NodeId> = HashMap::new();
    for link in links {
        for (host, switch) in [link.ends, (link.ends.1, link.ends.0)] {
            if by_node.contains_key(&switch) && !by_node.contains_key(&host) {
                home.entry(host).or_insert(switch);
            }
        }
    }
    let mut groups: BTreeMap<NodeId, Group> = BTreeMap::new();
    for host in hosts {
        let Some(switch) = home.get(&host.node) else {
            warnings.push(format!("the host {} is not linked to a switch, so only \"default\" covers it", host.name));
            continue;
        };
        let name = &by_node[switch].name;
        let Ok(pid) = name.as_str().parse() else {
            let message = format!(
                "{name} cannot name a PID, because PID names have no \".\"; add \"pids\", or rename the switch"
            );
            problems.add("pids", message);
            return Vec::new();
        };
        let Pid { ipv4, ipv6, .. } = &mut groups.entry(*switch).or_insert_with(|| Group::new(pid, vec![*switch])).pid;
        for address in &host.addresses {
            match address {
                IpAddr::V4(address) => ipv4.push((*address).into()),
                IpAddr::V6(address) => ipv6.push((*address).into()),
            }
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    for Group { pid, .. } in &mut groups {
        pid.ipv4.sort_unstable();
        pid.ipv4.dedup();
        pid.ipv6.sort_unstable();
        pid.ipv6.dedup();
    }
    groups
}

/// Builds the complete network map, and lists the entry nodes of each of its PIDs.
pub(super) fn network_map(groups: Vec<Group>, any_ipv6: bool) -> (NetworkMap, Vec<Vec<NodeId>>) {
    let mut entries: BTreeMap<PidName, Vec<NodeId>> = BTreeMap::new();
    let mut pids = Vec::with_capacity(groups.len());
    for group in groups {
        entries.insert(group.pid.name.clone(), group.entries);
        pids.push(group.pid);
    }
    let map = NetworkMap::complete(pids, any_ipv6);
    let entries = map.pids().map(|(_, pid)| entries.remove(pid.name()).unwrap_or_default()).collect();
    (map, entries)
}
