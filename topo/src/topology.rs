//! A checked network. What it holds is consistent: names resolve, numbers are in range, every link has a cost.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::error::TopologyError;
use crate::file::{self, CostModel};
use crate::graph::NodeId;
use crate::metric::Metric;
use crate::name::NodeName;
use crate::network_map::NetworkMap;
use crate::properties::Properties;
use crate::value::Value;

/// Largest cost of one link.
pub(crate) const MAX_COST: f64 = 1e9;
/// Largest bandwidth, in Mbit/s.
pub(crate) const MAX_BANDWIDTH: f64 = 1e7;
/// Largest delay, in milliseconds.
pub(crate) const MAX_DELAY: f64 = 1e5;
/// Largest part of a link that can be in use; at 1 nothing would be left.
pub(crate) const MAX_UTILISATION: f64 = 0.99;
/// Largest loss, in percent.
pub(crate) const MAX_LOSS: f64 = 100.0;

/// A network. Immutable; a changed one is another value.
#[derive(Clone, Debug)]
pub struct Topology {
    pub(crate) frame: Arc<Frame>,
    /// In the order of the file.
    pub(crate) links: Vec<Link>,
}

/// What a change of links leaves as it is.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) name: String,
    /// Sorted by name.
    pub(crate) hosts: Vec<Host>,
    /// Sorted by name.
    pub(crate) switches: Vec<Switch>,
    /// Names of all nodes, sorted; a node's identifier is its place here.
    pub(crate) nodes: Vec<NodeName>,
    pub(crate) cost: CostModel,
    pub(crate) network_map: Arc<NetworkMap>,
    /// For each PID of the network map, the nodes where its traffic enters.
    pub(crate) entries: Vec<Vec<NodeId>>,
    pub(crate) properties: Properties,
    pub(crate) warnings: Vec<String>,
}

/// An end of traffic.
#[derive(Clone, Debug)]
pub struct Host {
    pub(crate) name: NodeName,
    pub(crate) node: NodeId,
    pub(crate) addresses: Vec<IpAddr>,
}

/// A node that forwards.
#[derive(Clone, Debug)]
pub struct Switch {
    pub(crate) name: NodeName,
    pub(crate) node: NodeId,
    pub(crate) dpid: u64,
}

/// A link, with what was last reported of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Link {
    pub(crate) source: NodeNameText,
    pub(crate) destination: NodeNameText,
    /// Mbit/s.
    pub(crate) bandwidth: f64,
    /// Milliseconds, one way, as configured: what the cost of the link is made of.
    pub(crate) delay: f64,
    /// Milliseconds, one way, as last measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measured_delay: Option<f64>,
    /// Lost packets in percent, as configured.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) loss: f64,
    /// Lost packets in percent, as last measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measured_loss: Option<f64>,
    pub(crate) directed: bool,
    pub(crate) up: bool,
    /// Part of the bandwidth that is in use.
    pub(crate) utilisation: f64,
    /// Cost in place of the computed one.
    #[serde(rename = "cost", skip_serializing_if = "Option::is_none")]
    pub(crate) override_cost: Option<f64>,
    /// Added to the routing cost of routes over it, but not considered when routes are chosen.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) price: f64,
    #[serde(skip)]
    pub(crate) ends: (NodeId, NodeId),
    /// What the link costs; nothing while it is down.
    #[serde(rename = "link-cost", skip_serializing_if = "Option::is_none", serialize_with = "as_number")]
    pub(crate) weight: Option<Value>,
}

/// A node's name that is written as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeNameText(pub(crate) NodeName);

impl Serialize for NodeNameText {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn as_number<S: serde::Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(Value::as_f64).serialize(serializer)
}

impl Topology {
    /// Reads and checks a file.
    pub fn from_path(path: &Path) -> Result<Self, TopologyError> {
        let source = path.display().to_string();
        let unreadable = |error: std::io::Error| TopologyError::whole(&source, format!("cannot be read: {error}"));
        let size = std::fs::metadata(path).map_err(unreadable)?.len();
        if size > file::MAX_BYTES {
            return Err(TopologyError::whole(&source, format!("has {size} bytes, more than {}", file::MAX_BYTES)));
        }
        Self::from_json(&std::fs::read(path).map_err(unreadable)?, &source)
    }

    /// Reads and checks a text; `source` is what errors call it.
    pub fn from_json(bytes: &[u8], source: &str) -> Result<Self, TopologyError> {
        crate::check::check(file::parse(bytes, source)?, source)
    }

    /// What the network is called.
    pub fn name(&self) -> &str {
        &self.frame.name
    }

    /// All hosts, by name.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = &Host> {
        self.frame.hosts.iter()
    }

    /// All switches, by name.
    pub fn switches(&self) -> impl ExactSizeIterator<Item = &Switch> {
        self.frame.switches.iter()
    }

    /// All links, in the order of the file.
    pub fn links(&self) -> impl ExactSizeIterator<Item = &Link> {
        self.links.iter()
    }

    /// Whether a value in this metric may go back to what was measured of a link.
    pub fn is_measured(&self, metric: Metric) -> bool {
        self.links.iter().any(|link| link.is_measured(metric))
    }

    /// What is legal, and probably not meant.
    pub fn warnings(&self) -> &[String] {
        &self.frame.warnings
    }
}

impl Host {
    /// Unique among nodes.
    pub fn name(&self) -> &NodeName {
        &self.name
    }

    /// Where it is reached; one at least.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }
}

impl Switch {
    /// Unique among nodes.
    pub fn name(&self) -> &NodeName {
        &self.name
    }

    /// The datapath identifier.
    pub fn dpid(&self) -> u64 {
        self.dpid
    }
}

impl Link {
    /// One end.
    pub fn source(&self) -> &NodeName {
        &self.source.0
    }

    /// The other end.
    pub fn destination(&self) -> &NodeName {
        &self.destination.0
    }

    /// Mbit/s.
    pub fn bandwidth(&self) -> f64 {
        self.bandwidth
    }

    /// What is not in use, in Mbit/s.
    pub fn available(&self) -> f64 {
        self.bandwidth * (1.0 - self.utilisation)
    }

    /// Milliseconds, one way, as configured.
    pub fn delay(&self) -> f64 {
        self.delay
    }

    /// Lost packets in percent: as measured, or else as configured.
    pub fn loss(&self) -> f64 {
        self.measured_loss.unwrap_or(self.loss)
    }

    /// Whether the value of the link in this metric was measured, and not configured.
    fn is_measured(&self, metric: Metric) -> bool {
        match metric {
            Metric::DelayOneWay | Metric::DelayRoundTrip => self.measured_delay.is_some(),
            Metric::LossRate => self.measured_loss.is_some(),
            // Nothing in use is what is taken for granted where nothing was measured.
            Metric::AvailableBandwidth => self.utilisation > 0.0,
            Metric::RoutingCost | Metric::HopCount | Metric::ResidualBandwidth => false,
        }
    }

    /// What the link costs; nothing while it is down.
    pub fn cost(&self) -> Option<Value> {
        self.weight
    }

    /// What is added to the routing cost of routes over it.
    pub fn price(&self) -> f64 {
        self.price
    }

    /// Computes the cost anew; an error says what makes it unusable.
    pub(crate) fn weigh(&mut self, model: &CostModel) -> Result<(), String> {
        let computed = model.hop_weight
            + model.delay_weight * self.delay / model.reference_delay
            + model.bandwidth_weight * model.reference_bandwidth / self.available();
        let cost = self.override_cost.unwrap_or(computed);
        let value = Value::from_f64(cost).filter(|_| cost <= MAX_COST);
        let value = value.ok_or_else(|| {
            format!("the link would cost {cost}, more than {MAX_COST}; lower the weights in \"cost\", or set \"cost\" of the link")
        })?;
        self.weight = self.up.then_some(value);
        Ok(())
    }
}
