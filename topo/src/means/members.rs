//! The hosts of one PID, grouped by the switches where their traffic enters and leaves the network.

use std::collections::{BTreeMap, HashMap};

use super::access::{Part, Sum, Typical};
use crate::route::measures::{Attributes, Measures};
use crate::route::switches::{Access, Neighbour, SwitchId};

/// Where the routes of a group begin or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum End {
    /// A switch, for all hosts that are linked to this switch only.
    Switch(SwitchId),
    /// A host, by its index, that is linked to several switches or to other hosts.
    Host(u32),
    /// The nearest switch of a PID, by its index, for a PID without hosts.
    Pid(u32),
}

/// Hosts whose routes begin, or end, in one place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) end: End,
    pub(crate) count: u128,
    /// Sum over the access links that are not part of the routes themselves.
    pub(crate) access: Sum,
}

/// Hosts that are among the sources and the destinations, and that pair with themselves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overlap {
    pub(crate) count: u128,
    pub(crate) access: Sum,
}

/// Overlaps by the groups of a host as a source and as a destination.
pub(crate) type Overlaps = HashMap<(End, End), Overlap>;

/// The hosts of one PID.
#[derive(Debug)]
pub(crate) struct Members {
    /// Hosts by index, sorted.
    pub(crate) hosts: Vec<u32>,
    /// Hosts that belong to another PID as well, with another of their addresses.
    pub(crate) shared: Vec<u32>,
    /// The hosts as sources.
    pub(crate) from: Vec<Group>,
    /// The hosts as destinations.
    pub(crate) into: Vec<Group>,
    /// Access links out, of the hosts that are linked to one switch.
    pub(crate) out_part: Part,
    /// Access links in, of the hosts that are linked to one switch.
    pub(crate) in_part: Part,
    /// Pairs of each host with itself.
    pub(crate) own: Overlaps,
}

/// Returns where routes from a host begin, and the access link that is not part of them; `None` if there is no link.
fn source(access: &Access, host: u32) -> Option<(End, Option<&Attributes>)> {
    match access.out(host) {
        [] => None,
        [only] => match only.to {
            Neighbour::Switch(switch) => Some((End::Switch(switch), Some(&only.attributes))),
            Neighbour::Host(_) => Some((End::Host(host), None)),
        },
        _ => Some((End::Host(host), None)),
    }
}

/// Returns where routes to a host end, and the access link that is not part of them.
fn destination(access: &Access, host: u32) -> (End, Option<&Attributes>) {
    match access.entries(host) {
        [only] => (End::Switch(only.switch), Some(&only.attributes)),
        _ => (End::Host(host), None),
    }
}

impl Members {
    /// Groups hosts, which are sorted.
    pub(crate) fn of(hosts: Vec<u32>, shared: Vec<u32>, access: &Access) -> Self {
        let (mut from, mut into) = (BTreeMap::new(), BTreeMap::new());
        let (mut out_links, mut in_links) = (Vec::new(), Vec::new());
        for &host in &hosts {
            if let Some((end, link)) = source(access, host) {
                add(&mut from, end, link);
                out_links.extend(link);
            }
            let (end, link) = destination(access, host);
            add(&mut into, end, link);
            in_links.extend(link);
        }
        let own = overlaps(access, hosts.iter().copied());
        let (out_part, in_part) = (Part::of_access(out_links.into_iter()), Part::of_access(in_links.into_iter()));
        let groups = |groups: BTreeMap<End, Group>| groups.into_values().collect();
        Self { hosts, shared, from: groups(from), into: groups(into), out_part, in_part, own }
    }

    /// Represents a single host.
    pub(crate) fn single(host: u32, access: &Access) -> Self {
        Self::of(vec![host], vec![host], access)
    }

    /// Represents a PID without hosts by a virtual one, or by none if the PID has no switches.
    pub(crate) fn virtual_host(pid: u32, has_switches: bool, typical: &Typical) -> Self {
        let group = |access: Sum| has_switches.then_some(Group { end: End::Pid(pid), count: 1, access });
        Self {
            hosts: Vec::new(),
            shared: Vec::new(),
            from: group(typical.out.0).into_iter().collect(),
            into: group(typical.into.0).into_iter().collect(),
            out_part: typical.out.1,
            in_part: typical.into.1,
            own: Overlaps::new(),
        }
    }
}

fn add(groups: &mut BTreeMap<End, Group>, end: End, link: Option<&Attributes>) {
    let group = groups.entry(end).or_insert(Group { end, count: 0, access: Sum::default() });
    group.count += 1;
    group.access = group.access.plus(link.map(Sum::of_access).unwrap_or_default());
}

/// Collects the pairs of hosts with themselves.
pub(crate) fn overlaps(access: &Access, hosts: impl Iterator<Item = u32>) -> Overlaps {
    let mut overlaps = Overlaps::new();
    for host in hosts {
        let Some((from, out)) = source(access, host) else { continue };
        let (into, entry) = destination(access, host);
        let overlap = overlaps.entry((from, into)).or_default();
        overlap.count += 1;
        for link in [out, entry].into_iter().flatten() {
            overlap.access = overlap.access.plus(Sum::of_access(link));
        }
    }
    overlaps
}

/// Returns the way over the least costly access link out of a host and the least costly one in; `None` without either.
pub(crate) fn access_of(access: &Access, host: u32) -> Option<Measures> {
    let exits = access.out(host).iter().filter(|exit| matches!(exit.to, Neighbour::Switch(_)));
    let out = exits.min_by_key(|exit| (exit.attributes.cost, exit.node))?;
    let entry = access.entries(host).iter().min_by_key(|entry| (entry.attributes.cost, entry.switch))?;
    Some(Measures::EMPTY.with(&out.attributes).with(&entry.attributes))
}
