//! The information resource directory (RFC 7285 §9.2): the resources of a server and their URIs.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::cost::CostType;
use crate::media_type::{MediaType, Message};
use crate::name::ResourceId;

/// An information resource directory, RFC 7285 §9.2.2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Cost types and default network map.
    pub meta: DirectoryMeta,
    /// Resources by ID.
    pub resources: BTreeMap<ResourceId, Resource>,
}

/// The `meta` member of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DirectoryMeta {
    /// Cost types by the names that `cost-type-names` in the same document refers to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cost_types: BTreeMap<String, CostType>,
    /// Default network map, present in every root directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_alto_network_map: Option<ResourceId>,
}

/// An entry of a directory, RFC 7285 §9.2.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Resource {
    /// URI of the resource, relative to that of the directory.
    pub uri: String,
    /// Media type of the answer; any string, because extensions define more types.
    pub media_type: String,
    /// Media type of the request body; if absent or empty the method is GET, otherwise POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepts: Option<String>,
    /// Capabilities of the resource.
    #[serde(default, skip_serializing_if = "Capabilities::is_empty")]
    pub capabilities: Capabilities,
    /// Resources that this one depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<ResourceId>,
}

/// The capabilities that RFC 7285 (§11.2.3.4, §11.3.2.4, §11.4.1.4), RFC 8189 (§4.1.1), RFC 9240 (§7.4), RFC 8895 (§6.3)
/// and RFC 9569 (§5.2) define.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Capabilities {
    /// Names of the supported cost types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cost_type_names: Vec<String>,
    /// Whether constraints are supported; not if absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cost_constraints: bool,
    /// Largest number of cost types in one request; 0 if multi-cost requests are not supported. Invalid values count as 0.
    #[serde(default, skip_serializing_if = "is_zero", deserialize_with = "count")]
    pub max_cost_types: u64,
    /// Names of the cost types that support constraints, if not all do; mutually exclusive with `cost-constraints`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub testable_cost_type_names: Vec<String>,
    /// Supported properties; unchecked, so that one malformed name does not invalidate the whole directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prop_types: Vec<String>,
    /// Supported properties by entity domain; unchecked, like `prop_types`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mappings: BTreeMap<String, Vec<String>>,
    /// Media types of patches by resource, separated by commas; no entry means whole documents only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub incremental_change_media_types: BTreeMap<String, String>,
    /// Whether the resources of a stream can be changed while it is open; not known if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_stream_control: Option<bool>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Deserialises a count; anything but a non-negative whole number becomes 0.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturation is intended")]
    let whole = |number: f64| (number.fract() == 0.0).then_some(number as u64);
    Ok(value.as_u64().or_else(|| value.as_f64().and_then(whole)).unwrap_or(0))
}

impl Message for Directory {
    const MEDIA_TYPE: MediaType = MediaType::DIRECTORY;
}

impl Capabilities {
    /// Returns whether no capability is set.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
