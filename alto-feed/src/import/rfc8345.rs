//! YANG-JSON of `ietf-network:networks` (RFC 8345), with metrics of layer 3 topologies (RFC 8346).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Imported;
use crate::input::{InputError, Text};
use crate::link_state::topology::{Names, topology};
use crate::link_state::{Adjacency, Attributes, LinkState, Node, Reachable};
use crate::topology_file::assumptions::Assumptions;

/// Metric of a link whose network tells none.
const DEFAULT_METRIC: u32 = 1;

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "ietf-network:networks", alias = "networks")]
    networks: Networks,
}

#[derive(Deserialize)]
struct Networks {
    #[serde(default)]
    network: Vec<Network>,
}

#[derive(Deserialize)]
struct Network {
    #[serde(rename = "network-id")]
    id: String,
    #[serde(default)]
    node: Vec<NetworkNode>,
    #[serde(default, rename = "ietf-network-topology:link", alias = "link")]
    link: Vec<Link>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NetworkNode {
    node_id: String,
    #[serde(default, rename = "ietf-l3-unicast-topology:l3-node-attributes", alias = "l3-node-attributes")]
    l3: NodeAttributes,
}

#[derive(Default, Deserialize)]
struct NodeAttributes {
    name: Option<String>,
    #[serde(default)]
    prefix: Vec<Prefix>,
}

#[derive(Deserialize)]
struct Prefix {
    prefix: ipnet::IpNet,
    #[serde(default)]
    metric: u32,
}

#[derive(Deserialize)]
struct Link {
    source: Source,
    destination: Destination,
    #[serde(default, rename = "ietf-l3-unicast-topology:l3-link-attributes", alias = "l3-link-attributes")]
    l3: LinkAttributes,
    #[serde(default, rename = "ietf-te-topology:te", alias = "te")]
    te: Te,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Source {
    source_node: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Destination {
    dest_node: String,
}

#[derive(Default, Deserialize)]
struct LinkAttributes {
    metric1: Option<Number>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Te {
    #[serde(default)]
    te_link_attributes: TeLinkAttributes,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TeLinkAttributes {
    /// RFC 8795 §6: a generic bandwidth whose text is bytes per second.
    max_link_bandwidth: Option<Bandwidth>,
    te_default_metric: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bandwidth {
    te_bandwidth: Option<TeBandwidth>,
}

#[derive(Deserialize)]
struct TeBandwidth {
    generic: Option<String>,
}

/// 64-bit numbers are texts in YANG-JSON (RFC 7951 §6.1).
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u64),
    Text(String),
}

/// Imports one network of a document: the one with the given identifier, or the only one that has links.
pub fn import(text: &Text, network: Option<&str>, names: &Names) -> Result<Imported, InputError> {
    let document: Document = text.json()?;
    let all: Vec<&str> = document.networks.network.iter().map(|network| network.id.as_str()).collect();
    let mut candidates = document.networks.network.iter().filter(|candidate| match network {
        Some(id) => candidate.id == id,
        None => !candidate.link.is_empty(),
    });
    let found = match (candidates.next(), candidates.next()) {
        (Some(found), None) => found,
        (None, _) => return Err(text.error(format!("has no such network; there are {all:?}"))),
        (Some(_), Some(_)) => {
            return Err(text.error(format!("has several networks; select one with --network: {all:?}")));
        }
    };
    let mut assumptions = Assumptions::default();
    let state = link_state(text, found, &mut assumptions)?;
    let topology = topology(&found.id, state, names, &mut assumptions);
    Ok(Imported { topology, assumptions })
}

fn link_state(text: &Text, network: &Network, assumptions: &mut Assumptions) -> Result<LinkState, InputError> {
    let mut nodes = BTreeMap::new();
    let mut prefixes = Vec::new();
    for node in &network.node {
        let known = nodes.insert(node.node_id.clone(), Node { name: node.l3.name.clone(), ..Node::default() });
        if known.is_some() {
            return Err(text.error(format!("has a second node {:?}", node.node_id)));
        }
        let reachable =
            |prefix: &Prefix| Reachable { prefix: prefix.prefix, metric: prefix.metric, node: node.node_id.clone() };
        prefixes.extend(node.l3.prefix.iter().map(reachable));
    }
    let mut adjacencies = Vec::new();
    for link in &network.link {
        for id in [&link.source.source_node, &link.destination.dest_node] {
            if !nodes.contains_key(id) {
                return Err(text.error(format!("has a link that ends at {id:?}, which is no node of the network")));
            }
        }
        let metric = link.l3.metric1.as_ref().and_then(Number::metric).or(link.te.te_link_attributes.te_default_metric);
        let warning = format!("links have no metric, {DEFAULT_METRIC} is taken");
        assumptions.assumed("default-metrics", usize::from(metric.is_none()), warning);
        adjacencies.push(Adjacency {
            from: link.source.source_node.clone(),
            to: link.destination.dest_node.clone(),
            metric: metric.unwrap_or(DEFAULT_METRIC),
            local: None,
            attributes: Attributes { bandwidth: link.te.te_link_attributes.bandwidth(), ..Attributes::default() },
        });
    }
    Ok(LinkState { nodes, adjacencies, prefixes })
}

impl Number {
    fn metric(&self) -> Option<u32> {
        match self {
            Self::Number(number) => u32::try_from(*number).ok(),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

impl TeLinkAttributes {
    /// Bandwidth in Mbit/s, where the text is a plain decimal number of bytes per second.
    fn bandwidth(&self) -> Option<f64> {
        let text = self.max_link_bandwidth.as_ref()?.te_bandwidth.as_ref()?.generic.as_ref()?;
        text.parse::<f64>().ok().filter(|bytes| bytes.is_finite() && *bytes > 0.0).map(|bytes| bytes * 8e-6)
    }
}
