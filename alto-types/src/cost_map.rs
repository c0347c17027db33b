//! Cost maps (RFC 7285 §11.2.3) and requests for a part of one (§11.3.2), also of several costs (RFC 8189 §4.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::CostType;
use crate::cost_selection::CostSelection;
use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::name::PidName;
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// A cost map, whole or filtered. `D` is the data member, and `M` is another `meta` where the costs are arrays
/// ([`MultiCostMapMeta`](crate::MultiCostMapMeta)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CostMap<D = BTreeMap<PidName, BTreeMap<PidName, f64>>, M = CostMapMeta> {
    /// What the costs are and which network map they are keyed on.
    pub meta: M,
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
    /// The costs wanted, and the tests that they pass.
    #[serde(flatten)]
    pub costs: CostSelection,
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

impl<D, M> Message for CostMap<D, M> {
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
        Ok(Self { costs: CostSelection::decode(&fields)?, pids })
    }
}
