//! Cost maps (RFC 7285 §11.2.3) and requests for filtered ones (§11.3.2), single-cost and multi-cost (RFC 8189 §4.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cost::CostType;
use crate::cost_selection::CostSelection;
use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::name::PidName;
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// A cost map, whole or filtered.
///
/// `D` is the type of the data member. `M` is the type of `meta`, [`MultiCostMapMeta`](crate::MultiCostMapMeta) if costs
/// are arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CostMap<D = BTreeMap<PidName, BTreeMap<PidName, f64>>, M = CostMapMeta> {
    /// Cost type and network map of the costs.
    pub meta: M,
    /// Costs by source and destination PID; absent costs are undefined, neither 0 nor infinite.
    pub cost_map: D,
}

/// The `meta` member of a cost map (RFC 7285 §11.2.3.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CostMapMeta {
    /// Version tag of the network map, exactly one.
    pub dependent_vtags: Vec<VersionTag>,
    /// Type of the costs.
    pub cost_type: CostType,
    /// Version tag of the costs themselves, allowed by RFC 7285 §11.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// A request for a filtered cost map (RFC 7285 §11.3.2.3).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FilteredCostMapRequest {
    /// Requested cost types, and tests that the costs must pass.
    #[serde(flatten)]
    pub costs: CostSelection,
    /// Requested pairs of PIDs; all if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<PidFilter>,
}

/// The requested source and destination PIDs; an empty list stands for all. Names are unchecked, because unknown ones
/// are not errors (RFC 7285 §11.3.2.6).
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
