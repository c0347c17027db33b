//! The endpoint cost service (RFC 7285 §11.5), single-cost and multi-cost (RFC 8189 §4.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::{SpeltAddr, TypedEndpointAddr};
use crate::cost::CostType;
use crate::cost_selection::CostSelection;
use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// Costs between endpoints.
///
/// `D` is the type of the data member. `M` is the type of `meta`,
/// [`MultiEndpointCostMeta`](crate::MultiEndpointCostMeta) if costs are arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointCost<D = BTreeMap<TypedEndpointAddr, BTreeMap<TypedEndpointAddr, f64>>, M = EndpointCostMeta> {
    /// Cost type of the costs.
    pub meta: M,
    /// Costs by source and destination endpoint; absent costs are undefined.
    pub endpoint_cost_map: D,
}

/// The `meta` member of an endpoint cost answer (RFC 7285 §11.5.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointCostMeta {
    /// Type of the costs.
    pub cost_type: CostType,
    /// Version tag of the costs, allowed by RFC 7285 §11.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// A request for endpoint costs (RFC 7285 §11.5.1.3).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointCostRequest<A = TypedEndpointAddr> {
    /// Requested cost types, and tests that the costs must pass.
    #[serde(flatten)]
    pub costs: CostSelection,
    /// Requested pairs of endpoints.
    pub endpoints: EndpointFilter<A>,
}

/// The requested source and destination endpoints; one list may be empty and then stands for the client's own address.
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
            // The RFC forbids this without naming a code; the object as a whole has an invalid value.
            return Err(ProtocolError::InvalidFieldValue { field: fields.path("endpoints"), value: None });
        }
        Ok(Self { costs, endpoints: EndpointFilter { srcs, dsts } })
    }
}
