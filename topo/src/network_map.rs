//! Addresses grouped into PIDs (RFC 7285 §5), and the PID of an address.
//!
//! A map is complete: what no prefix covers belongs to the PID `default` (§11.2.2).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::check::Problems;
use crate::file::PidFile;
use crate::graph::NodeId;
use crate::name::PidName;
use crate::prefix_table::{PrefixTable, Range};
use crate::tag::Hasher;
use crate::topology::{Host, Link, Switch};

/// Name of the PID of everything that no other holds.
const DEFAULT: &str = "default";

/// A PID of one network map, by its place among the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PidId(pub u32);

/// Addresses that are treated alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pid {
    name: PidName,
    ipv4: Vec<Ipv4Net>,
    ipv6: Vec<Ipv6Net>,
}

/// All PIDs of a network.
#[derive(Clone, Debug)]
pub struct NetworkMap {
    /// Sorted by name.
    pids: Vec<Pid>,
    ipv4: PrefixTable<u32>,
    ipv6: PrefixTable<u128>,
    tag: String,
}

/// A PID while it is put together.
pub(crate) struct Group {
    name: PidName,
    entries: Vec<NodeId>,
    ipv4: BTreeSet<Ipv4Net>,
    ipv6: BTreeSet<Ipv6Net>,
}

/// The PIDs that a file names.
pub(crate) fn groups_of_file(
    pids: BTreeMap<String, PidFile>,
    switches: &[Switch],
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Vec<Group> {
    let nodes: HashMap<&str, NodeId> = switches.iter().map(|switch| (switch.name.as_str(), switch.node)).collect();
    let mut owners: HashMap<IpNet, String> = HashMap::new();
    let mut entered: HashMap<NodeId, String> = HashMap::new();
    let mut groups = Vec::with_capacity(pids.len());
    for (name, file) in pids {
        let path = format!("pids.{name}");
        let mut entries = Vec::with_capacity(file.switches.len());
        for (i, switch) in file.switches.iter().enumerate() {
            let path = format!("{path}.switches[{i}]");
            match nodes.get(switch.as_str()) {
                None => problems.add(path, format!("{switch:?} is no switch of this file")),
                Some(node) => match entered.insert(*node, path.clone()) {
                    Some(other) => {
                        problems.add(path, format!("{switch} is at {other} already; a switch is in one PID"));
                    }
                    None => entries.push(*node),
                },
            }
        }
        entries.sort_unstable();
        let mut own = |key: &str, i: usize, net: IpNet, given: &str, problems: &mut Problems| {
            let path = format!("{path}.{key}[{i}]");
            if net.addr() != net.network() {
                warnings.push(format!("{path}: {given} has bits after its length; {} is meant", net.trunc()));
            }
            if let Some(other) = owners.insert(net.trunc(), path.clone()) {
                problems.add(path, format!("{} is at {other} already; a prefix is in one PID", net.trunc()));
            }
        };
        let mut ipv4 = BTreeSet::new();
        for (i, text) in file.ipv4.iter().enumerate() {
            if let Some(net) = prefix::<Ipv4Net>(text, &format!("{path}.ipv4[{i}]"), "192.0.2.0/24", problems) {
                own("ipv4", i, net.into(), text, problems);
                ipv4.insert(net.trunc());
            }
        }
        let mut ipv6 = BTreeSet::new();
        for (i, text) in file.ipv6.iter().enumerate() {
            if let Some(net) = prefix::<Ipv6Net>(text, &format!("{path}.ipv6[{i}]"), "2001:db8::/32", problems) {
                own("ipv6", i, net.into(), text, problems);
                ipv6.insert(net.trunc());
            }
        }
        if let Some(name) = problems.take(path.as_str(), name.parse::<PidName>()) {
            groups.push(Group { name, entries, ipv4, ipv6 });
        }
    }
    groups
}

fn prefix<N: FromStr<Err: Display>>(text: &str, path: &str, example: &str, problems: &mut Problems) -> Option<N> {
    let parsed = text.parse().map_err(|_error| format!("{text:?} is no prefix: use one such as {example}"));
    problems.take(path, parsed)
}

/// One PID for each switch that has hosts, with the addresses of its hosts.
pub(crate) fn groups_of_switches(
    hosts: &[Host],
    switches: &[Switch],
    links: &[Link],
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Vec<Group> {
    let by_node: HashMap<NodeId, &Switch> = switches.iter().map(|switch| (switch.node, switch)).collect();
    // A host at several switches belongs to the first of them in the file.
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
            warnings.push(format!("the host {} is linked to no switch, so it is in no PID of its own", host.name));
            continue;
        };
        let name = &by_node[switch].name;
        let Ok(pid) = name.as_str().parse() else {
            problems.add(
                "pids",
                format!("{name} cannot name a PID, where \".\" is reserved; give \"pids\", or rename the switch"),
            );
            return Vec::new();
        };
        let group = groups.entry(*switch).or_insert_with(|| Group {
            name: pid,
            entries: vec![*switch],
            ipv4: BTreeSet::new(),
            ipv6: BTreeSet::new(),
        });
        for address in &host.addresses {
            match address {
                IpAddr::V4(address) => drop(group.ipv4.insert((*address).into())),
                IpAddr::V6(address) => drop(group.ipv6.insert((*address).into())),
            }
        }
    }
    groups.into_values().collect()
}

/// Completes the groups and makes the map, with the entry nodes of each of its PIDs.
pub(crate) fn build(mut groups: Vec<Group>, any_ipv6: bool) -> (NetworkMap, Vec<Vec<NodeId>>) {
    let (ipv4, ipv6) = tables(&groups);
    let lacks_ipv4 = !ipv4.is_complete();
    let any_ipv6 = any_ipv6 || groups.iter().any(|group| !group.ipv6.is_empty());
    let lacks_ipv6 = any_ipv6 && !ipv6.is_complete();
    if lacks_ipv4 || lacks_ipv6 {
        if !groups.iter().any(|group| group.name.as_str() == DEFAULT) {
            let name = DEFAULT.parse().expect("a legal name");
            groups.push(Group { name, entries: Vec::new(), ipv4: BTreeSet::new(), ipv6: BTreeSet::new() });
        }
        for group in groups.iter_mut().filter(|group| group.name.as_str() == DEFAULT) {
            // A catch-all of another PID would have completed the map.
            group.ipv4.extend(lacks_ipv4.then(Ipv4Net::default));
            group.ipv6.extend(lacks_ipv6.then(Ipv6Net::default));
        }
    }
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    let (ipv4, ipv6) = tables(&groups);
    let (mut pids, mut entries) = (Vec::with_capacity(groups.len()), Vec::with_capacity(groups.len()));
    for group in groups {
        entries.push(group.entries);
        pids.push(Pid {
            name: group.name,
            ipv4: group.ipv4.into_iter().collect(),
            ipv6: group.ipv6.into_iter().collect(),
        });
    }
    let tag = tag(&pids);
    (NetworkMap { pids, ipv4, ipv6, tag }, entries)
}

fn tables(groups: &[Group]) -> (PrefixTable<u32>, PrefixTable<u128>) {
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
    for (value, group) in (0..).zip(groups) {
        let range = |net: &Ipv4Net| Range { first: net.network().into(), last: net.broadcast().into(), value };
        ipv4.extend(group.ipv4.iter().map(range));
        let range = |net: &Ipv6Net| Range { first: net.network().into(), last: net.broadcast().into(), value };
        ipv6.extend(group.ipv6.iter().map(range));
    }
    (PrefixTable::new(ipv4), PrefixTable::new(ipv6))
}

/// Equal exactly for equal maps.
fn tag(pids: &[Pid]) -> String {
    let mut hasher = Hasher::new("network map");
    for pid in pids {
        hasher.text(pid.name.as_str());
        hasher.number(pid.ipv4.len() as u64);
        for net in &pid.ipv4 {
            hasher.bytes(&net.addr().octets());
            hasher.number(net.prefix_len().into());
        }
        hasher.number(pid.ipv6.len() as u64);
        for net in &pid.ipv6 {
            hasher.bytes(&net.addr().octets());
            hasher.number(net.prefix_len().into());
        }
    }
    hasher.finish()
}

impl NetworkMap {
    /// A hash of the content, in hexadecimal.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// How many PIDs there are.
    pub fn len(&self) -> usize {
        self.pids.len()
    }

    /// Whether there is no PID; a complete map has one.
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty()
    }

    /// All PIDs, by name.
    pub fn pids(&self) -> impl ExactSizeIterator<Item = (PidId, &Pid)> {
        self.pids.iter().enumerate().map(|(i, pid)| (PidId(u32::try_from(i).unwrap_or(u32::MAX)), pid))
    }

    /// The PID of this name.
    pub fn id(&self, name: &str) -> Option<PidId> {
        let place = self.pids.binary_search_by(|pid| pid.name.as_str().cmp(name)).ok()?;
        u32::try_from(place).ok().map(PidId)
    }

    /// A PID of this map.
    pub fn pid(&self, id: PidId) -> &Pid {
        &self.pids[id.0 as usize]
    }

    /// The PID whose prefix holds an address most closely; nothing for IPv6 in a map without any.
    pub fn lookup(&self, address: IpAddr) -> Option<PidId> {
        let found = match address {
            IpAddr::V4(address) => self.ipv4.lookup(address.into()),
            IpAddr::V6(address) => self.ipv6.lookup(address.into()),
        };
        found.map(PidId)
    }

    /// Whether the map says anything about IPv6.
    pub fn has_ipv6(&self) -> bool {
        self.pids.iter().any(|pid| !pid.ipv6.is_empty())
    }

    /// How many prefixes there are.
    pub fn prefix_count(&self) -> usize {
        self.pids.iter().map(|pid| pid.ipv4.len() + pid.ipv6.len()).sum()
    }
}

impl Pid {
    /// Unique in its map.
    pub fn name(&self) -> &PidName {
        &self.name
    }

    /// IPv4 prefixes, sorted.
    pub fn ipv4(&self) -> &[Ipv4Net] {
        &self.ipv4
    }

    /// IPv6 prefixes, sorted.
    pub fn ipv6(&self) -> &[Ipv6Net] {
        &self.ipv6
    }
}
