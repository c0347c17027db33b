//! Costs between PIDs, whole or in part, together with the network map they are keyed on (RFC 7285 §11.2.3, §11.3.2).

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use alto_types::{Constraint, CostMap as Message, CostMapMeta, CostType, PidName, ResourceId, VersionTag};

use super::decode;
use super::error::Error;
use super::exchange::Answer;
use super::network_map::NetworkMap;

/// Which costs between PIDs are wanted. The default is all of `routingcost` in numbers, by the default network map.
#[derive(Clone, Debug, PartialEq)]
pub struct CostMapQuery {
    /// The network map whose PIDs are meant; nothing for the default one.
    pub network_map: Option<ResourceId>,
    /// The type of the costs.
    pub cost_type: CostType,
    /// Source PIDs; empty for all.
    pub sources: Vec<PidName>,
    /// Destination PIDs; empty for all.
    pub destinations: Vec<PidName>,
    /// Tests that every cost in the answer passes.
    pub constraints: Vec<Constraint>,
}

/// Costs by source and destination PID.
#[derive(Clone, Debug, PartialEq)]
pub struct CostMap {
    /// The type of the costs.
    pub cost_type: CostType,
    /// The version of the network map whose PIDs these are.
    pub depends_on: VersionTag,
    /// The version of the costs, where the server gives one.
    pub vtag: Option<VersionTag>,
    /// What is absent is undefined: not 0, not infinite, and on the diagonal not different (RFC 7285 §11.2.3.6).
    pub costs: BTreeMap<PidName, BTreeMap<PidName, f64>>,
}

/// A network map and costs between its PIDs, of one version.
#[derive(Clone, Debug)]
pub struct Maps {
    /// Which PID an address is in.
    pub network: Arc<NetworkMap>,
    /// What it costs from PID to PID.
    pub costs: Arc<CostMap>,
}

impl Default for CostMapQuery {
    fn default() -> Self {
        Self {
            network_map: None,
            cost_type: super::routing_cost(),
            sources: Vec::new(),
            destinations: Vec::new(),
            constraints: Vec::new(),
        }
    }
}

impl CostMapQuery {
    /// Whether all there is is wanted.
    pub(crate) fn is_whole(&self) -> bool {
        self.sources.is_empty() && self.destinations.is_empty() && self.constraints.is_empty()
    }
}

impl CostMap {
    /// The cost from one PID to another, where it is defined.
    pub fn get(&self, source: &str, destination: &str) -> Option<f64> {
        self.costs.get(source)?.get(destination).copied()
    }

    /// All defined costs.
    pub fn iter(&self) -> impl Iterator<Item = (&PidName, &PidName, f64)> {
        self.costs
            .iter()
            .flat_map(|(source, row)| row.iter().map(move |(destination, cost)| (source, destination, *cost)))
    }

    /// The map as a message.
    pub fn to_message(&self) -> Message {
        let (cost_type, vtag) = (self.cost_type.clone(), self.vtag.clone());
        let meta = CostMapMeta { dependent_vtags: vec![self.depends_on.clone()], cost_type, vtag };
        Message { meta, cost_map: self.costs.clone() }
    }

    /// Reads an answer that should hold costs of this type between the PIDs of this network map.
    pub(crate) fn read(answer: &Answer, cost_type: &CostType, network_map: &ResourceId) -> Result<Self, Error> {
        let Message { meta, cost_map } = decode::message::<Message>(answer)?;
        decode::check_cost_type(answer, &meta.cost_type, cost_type)?;
        let depends_on = decode::depends_on(answer, meta.dependent_vtags, network_map)?;
        Ok(Self { cost_type: meta.cost_type, depends_on, vtag: meta.vtag, costs: cost_map })
    }

    /// Leaves only what a query asks for: what a server without filters would have answered with one.
    pub(crate) fn retain(&mut self, query: &CostMapQuery, constraints: &[Constraint]) {
        let sources: HashSet<&PidName> = query.sources.iter().collect();
        let destinations: HashSet<&PidName> = query.destinations.iter().collect();
        self.costs.retain(|source, _| sources.is_empty() || sources.contains(source));
        for row in self.costs.values_mut() {
            row.retain(|destination, cost| {
                let asked = destinations.is_empty() || destinations.contains(destination);
                asked && constraints.iter().all(|constraint| constraint.admits(*cost))
            });
        }
    }
}

impl Maps {
    /// The cost from one address to another: that from the PID of the one to the PID of the other.
    pub fn cost(&self, source: IpAddr, destination: IpAddr) -> Option<f64> {
        let (source, destination) = (self.network.pid_of(source)?, self.network.pid_of(destination)?);
        self.costs.get(source.as_str(), destination.as_str())
    }
}
