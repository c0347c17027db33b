//! A checked network: names resolve, numbers are in range, and every link has a cost.

use std::sync::Arc;

use super::parts::{Host, Link, NodeId, Switch};
use super::properties::Properties;
use crate::file::CostModel;
use crate::metric::Metric;
use crate::name::NodeName;
use crate::prefix::network_map::NetworkMap;

/// A checked, immutable network.
#[derive(Clone, Debug)]
pub struct Topology {
    pub(crate) frame: Arc<Frame>,
    /// Links in the order of the file.
    pub(crate) links: Vec<Link>,
}

/// The part of a topology that link changes leave as it is.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) name: String,
    /// Hosts, sorted by name.
    pub(crate) hosts: Vec<Host>,
    /// Switches, sorted by name.
    pub(crate) switches: Vec<Switch>,
    /// Names of all nodes, sorted, so that [`NodeId`] indexes them.
    pub(crate) nodes: Vec<NodeName>,
    pub(crate) cost: CostModel,
    pub(crate) network_map: Arc<NetworkMap>,
    /// For each PID of the network map, the nodes where its traffic enters the network.
    pub(crate) entries: Vec<Vec<NodeId>>,
    pub(crate) properties: Properties,
    pub(crate) warnings: Vec<String>,
}

impl Topology {
    /// Name of the network.
    pub fn name(&self) -> &str {
        &self.frame.name
    }

    /// Iterates over all hosts, by name.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &Host> {
        self.frame.hosts.iter()
    }

    /// Iterates over all switches, by name.
    pub fn switches(&self) -> impl ExactSizeIterator<Item = &Switch> {
        self.frame.switches.iter()
    }

    /// Iterates over all links, in the order of the file.
    pub fn links(&self) -> impl ExactSizeIterator<Item = &Link> {
        self.links.iter()
    }

    /// Returns whether any link's value in a metric was measured.
    pub fn is_measured(&self, metric: Metric) -> bool {
        self.links.iter().any(|link| metric.is_measured(link))
    }

    /// Warnings about content that is valid but probably unintended.
    pub fn warnings(&self) -> &[String] {
        &self.frame.warnings
    }
}
