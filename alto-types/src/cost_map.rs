//! Cost maps (RFC 7285 §11.2.3) and requests for a part of one (§11.3.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::cost::{Constraint, CostType};
use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::name::PidName;
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// A cost map, whole or filtered. `D` is the data member: a map for a client, anything that serialises for a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CostMap<D = BTreeMap<PidName, BTreeMap<PidName, f64>>> {
    /// What the costs are and which network map they are keyed on.
    pub meta: CostMapMeta,
    /// Cost by source and destination PID. What is absent is undefined: not 0, not infinite.
    pub cost_map: D,
}

/// The `meta` of a cost map (RFC 7285 §11.2.3.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CostMapMeta {
    /// Exactly one: the network map.
    pub dependent_vtags: Vec<VersionTag>,
    /// The type of the costs.
    pub cost_type: CostType,
    /// The version of the costs themselves (allowed by RFC 7285 §11.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// Request for a part of a cost map (RFC 7285 §11.3.2.3).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FilteredCostMapRequest {
    /// The type of the costs wanted.
    pub cost_type: CostType,
    /// Tests that every cost in the answer passes.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_strings")]
    pub constraints: Vec<Constraint>,
    /// The pairs wanted; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<PidFilter>,
}

/// Sources and destinations, each empty for all. Unknown names are not errors (RFC 7285 §11.3.2.6), so they stay
/// unchecked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PidFilter {
    /// Source PIDs.
    pub srcs: Vec<String>,
    /// Destination PIDs.
    pub dsts: Vec<String>,
}

impl<D> Message for CostMap<D> {
    const MEDIA_TYPE: MediaType = MediaType::COST_MAP;
}

impl Message for FilteredCostMapRequest {
    const MEDIA_TYPE: MediaType = MediaType::COST_MAP_FILTER;
}

impl Request for FilteredCostMapRequest {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        let pids = match fields.optional_object("pids")? {
            None => None,
            Some(pids) => {
                let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
                Some(PidFilter { srcs: owned(pids.strings("srcs")?), dsts: owned(pids.strings("dsts")?) })
            }
        };
        Ok(Self { cost_type: decode_cost_type(&fields)?, constraints: decode_constraints(&fields)?, pids })
    }
}

/// The `cost-type` of a request; its `description` is ignored, whatever it is (RFC 7285 §11.3.2.3).
pub(crate) fn decode_cost_type(fields: &Fields<'_>) -> Result<CostType, ProtocolError> {
    let cost_type = fields.object("cost-type")?;
    Ok(CostType::new(cost_type.string("cost-metric")?, cost_type.string("cost-mode")?))
}

/// The `constraints` of a request; absent means none.
pub(crate) fn decode_constraints(fields: &Fields<'_>) -> Result<Vec<Constraint>, ProtocolError> {
    fields.parse_each("constraints", &fields.optional_strings("constraints")?)
}

pub(crate) fn as_strings<S: Serializer>(constraints: &[Constraint], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(constraints.iter().map(Constraint::to_string))
}
