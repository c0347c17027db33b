//! Addresses grouped into PIDs (RFC 7285 §5), and the PID of an address.
//!
//! A map is complete: what no prefix covers belongs to the PID `default` (§11.2.2).

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{Ipv4Net, Ipv6Net};

use crate::check::Problems;
use crate::file::PidFile;
use crate::graph::NodeId;
use crate::name::PidName;
use crate::prefix_table::{PrefixTable, Range};
use crate::prefix_tree::Prefix;
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
    /// Sorted, none of them twice, like those of IPv6.
    ipv4: Vec<Ipv4Net>,
    ipv6: Vec<Ipv6Net>,
}

/// A prefix of a file, and where it stands there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Listed<N> {
    net: N,
    /// The place of the PID among all of the file.
    pid: usize,
    place: usize,
}

/// The PIDs that a file names.
pub(crate) fn groups_of_file(
    pids: &BTreeMap<String, PidFile>,
    switches: &[Switch],
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Vec<Group> {
    let nodes: HashMap<&str, NodeId> = switches.iter().map(|switch| (switch.name.as_str(), switch.node)).collect();
    let mut entered: HashMap<NodeId, String> = HashMap::new();
    let (mut groups, mut names) = (Vec::with_capacity(pids.len()), Vec::with_capacity(pids.len()));
    let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
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
        let pid = names.len();
        names.push(name.as_str());
        let listing = |key| Listing { path: format!("{path}.{key}"), pid };
        listing("ipv4").read(&file.ipv4, "192.0.2.0/24", &mut ipv4, problems, warnings);
        listing("ipv6").read(&file.ipv6, "2001:db8::/32", &mut ipv6, problems, warnings);
        if let Some(name) = problems.take(path.as_str(), name.parse::<PidName>()) {
            groups.push(Group { name, entries, ipv4: Vec::new(), ipv6: Vec::new() });
        }
    }
    sort_out(&mut ipv4, &names, "ipv4", problems);
    sort_out(&mut ipv6, &names, "ipv6", problems);
    // Where a PID has no name that can be, nothing comes of the groups anyway.
    if groups.len() == names.len() {
        for listed in ipv4 {
            groups[listed.pid].ipv4.push(listed.net);
        }
        for listed in ipv6 {
            groups[listed.pid].ipv6.push(listed.net);
        }
    }
    groups
}

/// One list of prefixes of a file.
struct Listing {
    path: String,
    /// The place of its PID among all of the file.
    pid: usize,
}

impl Listing {
    /// Adds the prefixes of the list. Paths are made for what is to be complained of, not for each of a million.
    fn read<N: Prefix + FromStr + Display>(
        &self,
        texts: &[String],
        example: &str,
        known: &mut Vec<Listed<N>>,
        problems: &mut Problems,
        warnings: &mut Vec<String>,
    ) {
        known.reserve(texts.len());
        for (place, text) in texts.iter().enumerate() {
            let path = || format!("{}[{place}]", self.path);
            let Ok(given) = text.parse::<N>() else {
                problems.add(path(), format!("{text:?} is no prefix: use one such as {example}"));
                continue;
            };
            let net = given.network();
            if net != given {
                warnings.push(format!("{}: {text} has bits after its length; {net} is meant", path()));
            }
            known.push(Listed { net, pid: self.pid, place });
        }
    }
}

/// Sorts prefixes and removes those that are there before.
fn sort_out<N: Prefix + Display>(all: &mut Vec<Listed<N>>, names: &[&str], key: &str, problems: &mut Problems) {
    all.sort_unstable();
    let path = |listed: &Listed<N>| format!("pids.{}.{key}[{}]", names[listed.pid], listed.place);
    all.dedup_by(|later, first| {
        let twice = later.net == first.net;
        if twice {
            let message = format!("{} is at {} already; a prefix is in one PID", later.net, path(first));
            problems.add(path(later), message);
        }
        twice
    });
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
            ipv4: Vec::new(),
            ipv6: Vec::new(),
        });
        for address in &host.addresses {
            match address {
                IpAddr::V4(address) => group.ipv4.push((*address).into()),
                IpAddr::V6(address) => group.ipv6.push((*address).into()),
            }
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    for group in &mut groups {
        group.ipv4.sort_unstable();
        group.ipv4.dedup();
        group.ipv6.sort_unstable();
        group.ipv6.dedup();
    }
    groups
}

/// Completes the groups and makes the map, with the entry nodes of each of its PIDs.
pub(crate) fn build(mut groups: Vec<Group>, any_ipv6: bool) -> (NetworkMap, Vec<Vec<NodeId>>) {
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    let (mut ipv4, mut ipv6) = tables(&groups);
    let lacks_ipv4 = !ipv4.is_complete();
    let any_ipv6 = any_ipv6 || groups.iter().any(|group| !group.ipv6.is_empty());
    let lacks_ipv6 = any_ipv6 && !ipv6.is_complete();
    if lacks_ipv4 || lacks_ipv6 {
        let place = groups.binary_search_by(|group| group.name.as_str().cmp(DEFAULT)).unwrap_or_else(|place| {
            let name = DEFAULT.parse().expect("a legal name");
            groups.insert(place, Group { name, entries: Vec::new(), ipv4: Vec::new(), ipv6: Vec::new() });
            let before = u32::try_from(place).unwrap_or(u32::MAX);
            ipv4.make_room(before);
            ipv6.make_room(before);
            place
        });
        // A catch-all of another PID would have completed the map, and one is sorted before all others.
        let (group, value) = (&mut groups[place], u32::try_from(place).unwrap_or(u32::MAX));
        if lacks_ipv4 {
            group.ipv4.insert(0, Ipv4Net::default());
            ipv4.complete(value);
        }
        if lacks_ipv6 {
            group.ipv6.insert(0, Ipv6Net::default());
            ipv6.complete(value);
        }
    }
    let (mut pids, mut entries) = (Vec::with_capacity(groups.len()), Vec::with_capacity(groups.len()));
    for group in groups {
        entries.push(group.entries);
        pids.push(Pid { name: group.name, ipv4: group.ipv4, ipv6: group.ipv6 });
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

    /// Whether the map says anything about IPv4.
    pub fn has_ipv4(&self) -> bool {
        self.pids.iter().any(|pid| !pid.ipv4.is_empty())
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
