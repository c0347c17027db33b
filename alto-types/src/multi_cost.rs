//! What answers with several costs have in place of `cost-type` (RFC 8189 §4.1.3 and §4.2.3).

use serde::de::{Deserialize, Deserializer, IgnoredAny};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::cost::CostType;
use crate::version_tag::VersionTag;

/// The `meta` of a cost map whose costs are arrays.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MultiCostMapMeta {
    /// Exactly one: the network map.
    pub dependent_vtags: Vec<VersionTag>,
    /// Nothing.
    #[serde(default)]
    pub cost_type: NoCostType,
    /// The types of the values of each array, in order.
    pub multi_cost_types: Vec<CostType>,
    /// The version of the costs themselves (allowed by RFC 7285 §11.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// The `meta` of an endpoint cost answer whose costs are arrays.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MultiEndpointCostMeta {
    /// Nothing.
    #[serde(default)]
    pub cost_type: NoCostType,
    /// The types of the values of each array, in order.
    pub multi_cost_types: Vec<CostType>,
    /// The version of the costs (allowed by RFC 7285 §11.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// An empty object for clients that look for a cost type; whatever is read in its place does not count.
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
