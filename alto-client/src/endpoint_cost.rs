//! Costs between endpoints (RFC 7285 §11.5).

use std::collections::{BTreeMap, HashSet};

use alto_types::{Constraint, CostType, EndpointCost as Message, EndpointCostMeta, TypedEndpointAddr, VersionTag};

use super::by_endpoint::ByEndpoint;
use super::decode;
use super::error::Error;
use super::exchange::Answer;

/// Which costs between endpoints are wanted. The default is `routingcost` in numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointCostQuery {
    /// The type of the costs.
    pub cost_type: CostType,
    /// Where traffic starts; empty for this client, as the server sees it.
    pub sources: Vec<TypedEndpointAddr>,
    /// Where it goes; empty for this client. Not both may be empty.
    pub destinations: Vec<TypedEndpointAddr>,
    /// Tests that every cost in the answer passes.
    pub constraints: Vec<Constraint>,
}

/// Costs by source and destination endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointCosts {
    /// The type of the costs.
    pub cost_type: CostType,
    /// The version of the costs, where the server gives one.
    pub vtag: Option<VersionTag>,
    /// What is absent is undefined. The client's own address, where it was implied, is as the server sees it.
    pub costs: BTreeMap<TypedEndpointAddr, BTreeMap<TypedEndpointAddr, f64>>,
    /// Where the costs come from.
    pub basis: Basis,
}

/// Where endpoint costs come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis {
    /// The server's endpoint cost service.
    Service,
    /// The server's maps: the cost from the PID of the one to the PID of the other.
    Maps,
}

impl Default for EndpointCostQuery {
    fn default() -> Self {
        Self {
            cost_type: super::routing_cost(),
            sources: Vec::new(),
            destinations: Vec::new(),
            constraints: Vec::new(),
        }
    }
}

impl EndpointCosts {
    pub(crate) fn none(cost_type: CostType, basis: Basis) -> Self {
        Self { cost_type, vtag: None, costs: BTreeMap::new(), basis }
    }

    /// The cost from one endpoint to another, where it is defined.
    pub fn get(&self, source: TypedEndpointAddr, destination: TypedEndpointAddr) -> Option<f64> {
        self.costs.get(&source)?.get(&destination).copied()
    }

    /// All defined costs.
    pub fn iter(&self) -> impl Iterator<Item = (TypedEndpointAddr, TypedEndpointAddr, f64)> {
        self.costs.iter().flat_map(|(source, row)| row.iter().map(|(destination, cost)| (*source, *destination, *cost)))
    }

    /// The costs as a message.
    pub fn to_message(&self) -> Message {
        let meta = EndpointCostMeta { cost_type: self.cost_type.clone(), vtag: self.vtag.clone() };
        Message { meta, endpoint_cost_map: self.costs.clone() }
    }

    /// Reads an answer, leaving out pairs that nobody asked for.
    pub(crate) fn read(answer: &Answer, query: &EndpointCostQuery) -> Result<Self, Error> {
        let message: Message<ByEndpoint<ByEndpoint<f64>>> = decode::message(answer)?;
        decode::check_cost_type(answer, &message.meta.cost_type, &query.cost_type)?;
        let (sources, destinations) = (set(&query.sources), set(&query.destinations));
        // An empty list stands for an address that only the server knows.
        let asked = |set: &HashSet<_>, address: &TypedEndpointAddr| set.is_empty() || set.contains(address);
        let mut costs = BTreeMap::new();
        for (source, row) in message.endpoint_cost_map.0 {
            if asked(&sources, &source) {
                let row = row.0.into_iter().filter(|(destination, _)| asked(&destinations, destination));
                costs.insert(source, row.collect());
            }
        }
        let EndpointCostMeta { cost_type, vtag } = message.meta;
        Ok(Self { cost_type, vtag, costs, basis: Basis::Service })
    }

    pub(crate) fn constrain(&mut self, constraints: &[Constraint]) {
        for row in self.costs.values_mut() {
            row.retain(|_, cost| constraints.iter().all(|constraint| constraint.admits(*cost)));
        }
    }

    /// Adds the costs of another part of one question.
    pub(crate) fn extend(&mut self, more: Self) {
        self.vtag = more.vtag;
        for (source, row) in more.costs {
            self.costs.entry(source).or_default().extend(row);
        }
    }
}

pub(super) fn set(addresses: &[TypedEndpointAddr]) -> HashSet<TypedEndpointAddr> {
    addresses.iter().copied().collect()
}
