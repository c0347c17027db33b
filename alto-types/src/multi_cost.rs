//! The `meta` members of multi-cost answers (RFC 8189 §4.1.3 and §4.2.3).

use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::cost::CostType;
use crate::version_tag::VersionTag;

/// The `meta` member of a multi-cost map, in which costs are arrays.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MultiCostMapMeta {
    /// Version tag of the network map, exactly one.
    pub dependent_vtags: Vec<VersionTag>,
    /// Empty object in place of the cost type.
    #[serde(default)]
    pub cost_type: NoCostType,
    /// Types of the values in each array, in order.
    pub multi_cost_types: Vec<CostType>,
    /// Version tag of the costs themselves, allowed by RFC 7285 §11.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// The `meta` member of a multi-cost endpoint cost answer, in which costs are arrays.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MultiEndpointCostMeta {
    /// Empty object in place of the cost type.
    #[serde(default)]
    pub cost_type: NoCostType,
    /// Types of the values in each array, in order.
    pub multi_cost_types: Vec<CostType>,
    /// Version tag of the costs, allowed by RFC 7285 §11.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// An empty object for clients that expect a cost type; any value is accepted and ignored when reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoCostType;

impl Serialize for NoCostType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}

impl<'de> Deserialize<'de> for NoCostType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}
