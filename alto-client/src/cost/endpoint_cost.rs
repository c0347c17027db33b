//! Costs between endpoints (RFC 7285 §11.5, RFC 8189 §4.2).

use alto_types::{
    EndpointCost as Message, EndpointCostMeta, MultiEndpointCostMeta, NoCostType, TypedEndpointAddr, VersionTag,
};
use serde::Serialize;

use super::query::CostQuery;
use super::table::{CostRows, CostTable};

/// Query for costs between endpoints. The default is `routingcost` in numbers; sources or destinations must be added.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointCostQuery {
    /// Types of the costs, and tests that pairs must pass.
    pub costs: CostQuery,
    /// Endpoints that traffic comes from; this client, as the server sees it, if empty.
    pub sources: Vec<TypedEndpointAddr>,
    /// Endpoints that traffic goes to; this client if empty. Sources and destinations may not both be empty.
    pub destinations: Vec<TypedEndpointAddr>,
}

/// Costs by source and destination endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointCosts {
    /// The costs, a column for each type. This client's own address, if it was implied, is the one the server sees.
    pub table: CostTable<TypedEndpointAddr>,
    /// Origin of the costs: the maps, if those of any type come from there.
    pub basis: Basis,
    /// Version of the costs, if they are of one type and the server states one.
    pub vtag: Option<VersionTag>,
}

/// Origin of endpoint costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis {
    /// The server's endpoint cost service.
    Service,
    /// The server's maps: costs from the PID of one endpoint to the PID of the other.
    Maps,
}

/// Message of endpoint costs: of one type (RFC 7285 §11.5.1.6), or of several (RFC 8189 §4.2.3).
#[derive(Serialize)]
#[serde(untagged)]
enum AnyMessage<'a> {
    Single(Message),
    Multi(Message<CostRows<'a, TypedEndpointAddr>, MultiEndpointCostMeta>),
}

impl EndpointCostQuery {
    /// Query for `routingcost` from this client to endpoints.
    pub fn to(destinations: impl IntoIterator<Item = impl Into<TypedEndpointAddr>>) -> Self {
        Self { destinations: destinations.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Query for `routingcost` from endpoints to this client.
    pub fn from(sources: impl IntoIterator<Item = impl Into<TypedEndpointAddr>>) -> Self {
        Self { sources: sources.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same query for costs of these types.
    #[must_use]
    pub fn of(self, costs: impl Into<CostQuery>) -> Self {
        Self { costs: costs.into(), ..self }
    }
}

impl EndpointCosts {
    pub(crate) fn new(basis: Basis) -> Self {
        Self { table: CostTable::new(), basis, vtag: None }
    }

    /// Cost from one endpoint to another, of the first type; `None` where it is undefined.
    pub fn get(&self, source: impl Into<TypedEndpointAddr>, destination: impl Into<TypedEndpointAddr>) -> Option<f64> {
        self.table.first()?.get(&source.into(), &destination.into())
    }

    /// All defined costs of the first type.
    pub fn iter(&self) -> impl Iterator<Item = (TypedEndpointAddr, TypedEndpointAddr, f64)> {
        let columns = self.table.first().into_iter();
        columns.flat_map(|column| column.iter().map(|(source, destination, cost)| (*source, *destination, cost)))
    }

    /// The costs as the message in which a server would have sent them.
    pub fn to_message(&self) -> impl Serialize + use<'_> {
        match self.table.columns.as_slice() {
            [one] => AnyMessage::Single(Message {
                meta: EndpointCostMeta { cost_type: one.cost_type.clone(), vtag: self.vtag.clone() },
                endpoint_cost_map: one.costs.clone(),
            }),
            _ => AnyMessage::Multi(Message {
                meta: MultiEndpointCostMeta {
                    cost_type: NoCostType,
                    multi_cost_types: self.table.cost_types().cloned().collect(),
                    vtag: self.vtag.clone(),
                },
                endpoint_cost_map: self.table.rows(),
            }),
        }
    }
}
