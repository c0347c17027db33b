//! The information resource directory (RFC 7285 §9.2): what a server offers, and where.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::cost::CostType;
use crate::media_type::{MediaType, Message};
use crate::name::ResourceId;

/// The directory message, RFC 7285 §9.2.2.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Cost types by name, and the default network map.
    pub meta: DirectoryMeta,
    /// The resources, by their IDs.
    pub resources: BTreeMap<ResourceId, Resource>,
}

/// The `meta` of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DirectoryMeta {
    /// Names that `cost-type-names` of this very document refer to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub cost_types: BTreeMap<String, CostType>,
    /// The network map to use when nothing speaks for another; every root directory has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_alto_network_map: Option<ResourceId>,
}

/// One entry of a directory, RFC 7285 §9.2.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Resource {
    /// Where to ask; relative to the URI the directory was read from.
    pub uri: String,
    /// Type of the answer. A client meets types of extensions here, so it is any string.
    pub media_type: String,
    /// Type of the request body. Absent or empty: GET; otherwise POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepts: Option<String>,
    /// What the resource can do.
    #[serde(default, skip_serializing_if = "Capabilities::is_empty")]
    pub capabilities: Capabilities,
    /// Resources this one's information depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<ResourceId>,
}

/// The capabilities that RFC 7285 (§11.2.3.4, §11.3.2.4, §11.4.1.4), RFC 8189 (§4.1.1) and RFC 9240 (§7.4) define.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Capabilities {
    /// The cost types that can be asked for, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cost_type_names: Vec<String>,
    /// Whether constraints are understood; absent means no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cost_constraints: bool,
    /// How many cost types can be asked for at once; 0: this is not understood. What is no such number counts as 0.
    #[serde(default, skip_serializing_if = "is_zero", deserialize_with = "count")]
    pub max_cost_types: u64,
    /// The cost types that constraints may be about, where they are not understood for all; never there together with
    /// `cost-constraints`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub testable_cost_type_names: Vec<String>,
    /// The properties that can be asked for. Unchecked: one ill-formed name must not make a client lose a directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prop_types: Vec<String>,
    /// The properties that can be asked for by entity domain. Unchecked, as above.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mappings: BTreeMap<String, Vec<String>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which serves")]
    let whole = |number: f64| (number.fract() == 0.0).then_some(number as u64);
    Ok(value.as_u64().or_else(|| value.as_f64().and_then(whole)).unwrap_or(0))
}

impl Message for Directory {
    const MEDIA_TYPE: MediaType = MediaType::DIRECTORY;
}

impl Capabilities {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
