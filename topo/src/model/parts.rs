//! The parts of a network: hosts, switches and links.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::limits;
use crate::file::CostModel;
use crate::name::NodeName;
use crate::value::Value;

/// The index of a node in the sorted list of all node names.
pub(crate) type NodeId = u32;

/// A host: a source and destination of traffic.
#[derive(Clone, Debug)]
pub struct Host {
    pub(crate) name: NodeName,
    pub(crate) node: NodeId,
    pub(crate) addresses: Vec<IpAddr>,
}

/// A switch or router, or a network segment that joins several of them: a node that forwards traffic.
#[derive(Clone, Debug)]
pub struct Switch {
    pub(crate) name: NodeName,
    pub(crate) node: NodeId,
    pub(crate) dpid: Option<u64>,
    /// Whether the switch counts as a hop.
    pub(crate) hop: bool,
}

/// A link with its configured and most recently reported values.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Link {
    #[serde(serialize_with = "as_text")]
    pub(crate) source: NodeName,
    #[serde(serialize_with = "as_text")]
    pub(crate) destination: NodeName,
    /// Bandwidth in Mbit/s.
    pub(crate) bandwidth: f64,
    /// Configured one-way delay in milliseconds, the one the link cost is computed from.
    pub(crate) delay: f64,
    /// Measured one-way delay in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measured_delay: Option<f64>,
    /// Configured packet loss in percent.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) loss: f64,
    /// Measured packet loss in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) measured_loss: Option<f64>,
    pub(crate) directed: bool,
    pub(crate) up: bool,
    /// Share of the bandwidth that is in use, from 0 to 0.99.
    pub(crate) utilisation: f64,
    /// Operator-set cost that replaces the computed one.
    #[serde(rename = "cost", skip_serializing_if = "Option::is_none")]
    pub(crate) override_cost: Option<f64>,
    /// Surcharge on the routing cost of routes over the link, ignored by route selection.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) price: f64,
    #[serde(skip)]
    pub(crate) ends: (NodeId, NodeId),
    /// Cost of the link; `None` while it is down.
    #[serde(rename = "link-cost", skip_serializing_if = "Option::is_none", serialize_with = "as_number")]
    pub(crate) weight: Option<Value>,
}

fn as_text<S: Serializer>(name: &NodeName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_str())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn as_number<S: Serializer>(value: &Option<Value>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(Value::as_f64).serialize(serializer)
}

impl Host {
    /// Name of the host, unique among all nodes.
    pub fn name(&self) -> &NodeName {
        &self.name
    }

    /// Addresses of the host, at least one.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }
}

impl Switch {
    /// Name of the switch, unique among all nodes.
    pub fn name(&self) -> &NodeName {
        &self.name
    }

    /// Datapath identifier, if the file gives one.
    pub fn dpid(&self) -> Option<u64> {
        self.dpid
    }

    /// Returns whether the switch counts as a hop, which a LAN or a junction does not.
    pub fn is_hop(&self) -> bool {
        self.hop
    }
}

impl Link {
    /// Name of the node at the source end.
    pub fn source(&self) -> &NodeName {
        &self.source
    }

    /// Name of the node at the destination end.
    pub fn destination(&self) -> &NodeName {
        &self.destination
    }

    /// Bandwidth in Mbit/s.
    pub fn bandwidth(&self) -> f64 {
        self.bandwidth
    }

    /// Share of the bandwidth that is in use, from 0 to 0.99.
    pub fn utilisation(&self) -> f64 {
        self.utilisation
    }

    /// Returns whether the link carries traffic.
    pub fn is_up(&self) -> bool {
        self.up
    }

    /// Unused bandwidth in Mbit/s.
    pub fn available(&self) -> f64 {
        self.bandwidth * (1.0 - self.utilisation)
    }

    /// Configured one-way delay in milliseconds.
    pub fn delay(&self) -> f64 {
        self.delay
    }

    /// Packet loss in percent: the measured value, or the configured one if there is none.
    pub fn loss(&self) -> f64 {
        self.measured_loss.unwrap_or(self.loss)
    }

    /// Cost of the link; `None` while it is down.
    pub fn cost(&self) -> Option<Value> {
        self.weight
    }

    /// Surcharge on the routing cost of routes over the link.
    pub fn price(&self) -> f64 {
        self.price
    }

    /// Recomputes the cost; the error explains why the link has no usable cost.
    pub(crate) fn weigh(&mut self, model: &CostModel) -> Result<(), String> {
        let cost = self.cost_at(model, self.available());
        let value = Value::from_f64(cost).filter(|_| limits::COST.admits(cost));
        let value = value.ok_or_else(|| {
            format!(
                "the link would cost {cost}: use {}; lower the weights in \"cost\", or set \"cost\" of the link",
                limits::COST
            )
        })?;
        self.weight = self.up.then_some(value);
        Ok(())
    }

    /// Returns the cost of the link without traffic on it.
    pub(crate) fn configured_cost(&self, model: &CostModel) -> Option<Value> {
        Value::from_f64(self.cost_at(model, self.bandwidth))
    }

    fn cost_at(&self, model: &CostModel, available: f64) -> f64 {
        let computed = model.hop_weight
            + model.delay_weight * self.delay / model.reference_delay
            + model.bandwidth_weight * model.reference_bandwidth / available;
        self.override_cost.unwrap_or(computed)
    }
}
