//! The endpoint cost service (RFC 7285 §11.5), also for several costs (RFC 8189 §4.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::{SpeltAddr, TypedEndpointAddr};
use crate::cost::CostType;
use crate::cost_selection::CostSelection;
use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// Costs between endpoints. `D` is the data member, and `M` is another `meta` where the costs are arrays
/// ([`MultiEndpointCostMeta`](crate::MultiEndpointCostMeta)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointCost<D = BTreeMap<TypedEndpointAddr, BTreeMap<TypedEndpointAddr, f64>>, M = EndpointCostMeta> {
    /// What the costs are.
    pub meta: M,
    /// Cost by source and destination endpoint. What is absent is undefined.
    pub endpoint_cost_map: D,
}

/// The `meta` of an endpoint cost answer (RFC 7285 §11.5.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointCostMeta {
    /// The type of the costs.
    pub cost_type: CostType,
    /// The version of the costs (allowed by RFC 7285 §11.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// Request for endpoint costs (RFC 7285 §11.5.1.3).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointCostRequest<A = TypedEndpointAddr> {
    /// The costs wanted, and the tests that they pass.
    #[serde(flatten)]
    pub costs: CostSelection,
    /// The pairs wanted.
    pub endpoints: EndpointFilter<A>,
}

/// Sources and destinations; one of the lists may be empty and then stands for the client's own address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndpointFilter<A = TypedEndpointAddr> {
    /// Source endpoints.
    pub srcs: Vec<A>,
    /// Destination endpoints.
    pub dsts: Vec<A>,
}

impl<D, M> Message for EndpointCost<D, M> {
    const MEDIA_TYPE: MediaType = MediaType::ENDPOINT_COST;
}

impl<A> Message for EndpointCostRequest<A> {
    const MEDIA_TYPE: MediaType = MediaType::ENDPOINT_COST_PARAMS;
}

impl Request for EndpointCostRequest<SpeltAddr> {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        let costs = CostSelection::decode(&fields)?;
        let endpoints = fields.object("endpoints")?;
        let list = |name| endpoints.parse_each(name, &endpoints.optional_strings(name)?);
        let (srcs, dsts): (Vec<SpeltAddr>, Vec<SpeltAddr>) = (list("srcs")?, list("dsts")?);
        if srcs.is_empty() && dsts.is_empty() {
            // The RFC forbids it without naming a code; the object as a whole has a wrong value.
            return Err(ProtocolError::InvalidFieldValue { field: fields.path("endpoints"), value: None });
        }
        Ok(Self { costs, endpoints: EndpointFilter { srcs, dsts } })
    }
}
