//! A link-state database, whichever protocol it came from: routers, LANs, the adjacencies between them, and prefixes.
//!
//! Importers of OSPF, IS-IS and BGP-LS fill a [`LinkState`]; [`topology`] makes a topology file from it.

pub mod topology;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

/// Link-state database of one network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkState {
    /// Routers and LANs by identifier.
    pub nodes: BTreeMap<String, Node>,
    /// Adjacencies as each end announces them.
    pub adjacencies: Vec<Adjacency>,
    /// Prefixes that are reached through a node, with the metric from it.
    pub prefixes: Vec<Reachable>,
}

/// A router or LAN.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Name that the protocol tells, if any.
    pub name: Option<String>,
    /// True for a LAN that several routers share, which forwards nothing itself.
    pub lan: bool,
    /// True for a router that asks others not to send traffic through it.
    pub overloaded: bool,
}

/// One direction between two neighbours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adjacency {
    /// Identifier of the node that announces the adjacency.
    pub from: String,
    /// Identifier of the neighbour.
    pub to: String,
    /// Metric of the interface.
    pub metric: u32,
    /// Address of the interface, which tells parallel links apart.
    pub local: Option<IpAddr>,
    /// Attributes from traffic engineering.
    pub attributes: Attributes,
}

/// Attributes of one direction of a link (RFC 3630, RFC 7471, RFC 8570, RFC 8571).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Attributes {
    /// Bandwidth in Mbit/s.
    pub bandwidth: Option<f64>,
    /// One-way delay in milliseconds.
    pub delay: Option<f64>,
    /// One-way packet loss in percent.
    pub loss: Option<f64>,
    /// Used bandwidth in Mbit/s.
    pub used: Option<f64>,
}

/// A prefix behind a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reachable {
    /// Prefix that the node announces.
    pub prefix: IpNet,
    /// Metric from the node to the prefix.
    pub metric: u32,
    /// Identifier of the node.
    pub node: String,
}

impl LinkState {
    /// Removes adjacencies that the neighbour does not announce back, or whose neighbour is unknown: no traffic uses
    /// them. Returns how many there were.
    pub fn drop_one_way(&mut self) -> usize {
        let before = self.adjacencies.len();
        let pairs: BTreeSet<(String, String)> =
            self.adjacencies.iter().map(|adjacency| (adjacency.from.clone(), adjacency.to.clone())).collect();
        let nodes = &self.nodes;
        self.adjacencies.retain(|adjacency| {
            pairs.contains(&(adjacency.to.clone(), adjacency.from.clone()))
                && nodes.contains_key(&adjacency.from)
                && nodes.contains_key(&adjacency.to)
        });
        before - self.adjacencies.len()
    }

    /// Adds the attributes of interfaces, by the address of the interface. Returns how many interfaces were unknown.
    pub fn add_attributes(&mut self, attributes: &BTreeMap<IpAddr, Attributes>) -> usize {
        let mut unknown: BTreeSet<IpAddr> = attributes.keys().copied().collect();
        for adjacency in &mut self.adjacencies {
            let found = adjacency.local.and_then(|local| attributes.get_key_value(&local));
            if let Some((local, found)) = found {
                adjacency.attributes = *found;
                unknown.remove(local);
            }
        }
        unknown.len()
    }
}
