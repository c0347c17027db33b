//! Warnings about networks that are valid but probably not what was intended.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use crate::model::parts::{Host, Link, NodeId};
use crate::name::NodeName;
use crate::prefix::network_map::NetworkMap;
use crate::route::graph::{Graph, Kind};

/// Largest number of PIDs without a warning. Cost maps have the square of it.
const MANY_PIDS: usize = 1000;

/// Warns of hosts without links, and of addresses in a PID whose traffic enters elsewhere than at the host's switches.
///
/// Such a host is reached at another cost than its PID.
pub(super) fn stray_hosts(
    hosts: &[Host],
    links: &[Link],
    map: &NetworkMap,
    entries: &[Vec<NodeId>],
    warnings: &mut Vec<String>,
) {
    let mut attached: HashMap<NodeId, BTreeSet<NodeId>> = HashMap::new();
    for link in links {
        attached.entry(link.ends.0).or_default().insert(link.ends.1);
        attached.entry(link.ends.1).or_default().insert(link.ends.0);
    }
    for host in hosts {
        let Some(neighbours) = attached.get(&host.node) else {
            warnings.push(format!("the host {} has no link and cannot be reached", host.name));
            continue;
        };
        for address in &host.addresses {
            let Some(pid) = map.lookup(*address) else { continue };
            if !entries[pid.0 as usize].iter().any(|entry| neighbours.contains(entry)) {
                let (name, pid) = (&host.name, map.pid(pid).name());
                warnings.push(format!(
                    "the address {address} of the host {name} is in the PID {pid}, which names none of the switches \
                     that {name} is linked to"
                ));
            }
        }
    }
}

/// Warns of so many PIDs that cost maps become large.
pub(super) fn many_pids(pids: usize, warnings: &mut Vec<String>) {
    if pids > MANY_PIDS {
        warnings.push(format!(
            "the network has {pids} PIDs, and each cost map {} costs: group more prefixes into a PID",
            pids.saturating_mul(pids)
        ));
    }
}

/// Warns of addresses that no host can have.
pub(super) fn unusable_addresses(hosts: &[Host], warnings: &mut Vec<String>) {
    for host in hosts {
        for address in &host.addresses {
            let kind = match address {
                address if address.is_unspecified() => "the unspecified address",
                address if address.is_multicast() => "a multicast address",
                IpAddr::V4(address) if address.is_broadcast() => "the broadcast address",
                _ => continue,
            };
            warnings.push(format!("the address {address} of the host {} is {kind}, which no host can have", host.name));
        }
    }
}

/// Warns of a network that is not connected.
pub(super) fn partitions(nodes: &[NodeName], kinds: Vec<Kind>, links: &[Link], warnings: &mut Vec<String>) {
    let unreached = Graph::new(kinds, links).unreached();
    if let Some(node) = unreached {
        let (first, other) = (&nodes[0], &nodes[node as usize]);
        warnings.push(format!(
            "the network is partitioned: there is no path between {first} and {other}, among others, so costs between \
             them are undefined"
        ));
    }
}
