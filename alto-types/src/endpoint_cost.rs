//! The endpoint cost service (RFC 7285 §11.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::{SpeltAddr, TypedEndpointAddr};
use crate::cost::{Constraint, CostType};
use crate::cost_map::{as_strings, decode_constraints, decode_cost_type};
use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// Costs between endpoints. `D` is the data member: a map for a client, anything that serialises for a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointCost<D = BTreeMap<TypedEndpointAddr, BTreeMap<TypedEndpointAddr, f64>>> {
    /// What the costs are.
    pub meta: EndpointCostMeta,
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
    /// The type of the costs wanted.
    pub cost_type: CostType,
    /// Tests that every cost in the answer passes.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_strings")]
    pub constraints: Vec<Constraint>,
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

impl<D> Message for EndpointCost<D> {
    const MEDIA_TYPE: MediaType = MediaType::ENDPOINT_COST;
}

impl<A> Message for EndpointCostRequest<A> {
    const MEDIA_TYPE: MediaType = MediaType::ENDPOINT_COST_PARAMS;
}

impl Request for EndpointCostRequest<SpeltAddr> {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        let cost_type = decode_cost_type(&fields)?;
        let constraints = decode_constraints(&fields)?;
        let endpoints = fields.object("endpoints")?;
        let list = |name| endpoints.parse_each(name, &endpoints.optional_strings(name)?);
        let (srcs, dsts): (Vec<SpeltAddr>, Vec<SpeltAddr>) = (list("srcs")?, list("dsts")?);
        if srcs.is_empty() && dsts.is_empty() {
            // The RFC forbids it without naming a code; the object as a whole has a wrong value.
            return Err(ProtocolError::InvalidFieldValue { field: fields.path("endpoints"), value: None });
        }
        Ok(Self { cost_type, constraints, endpoints: EndpointFilter { srcs, dsts } })
    }
}
