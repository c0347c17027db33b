//! Property maps (RFC 9240 §7) and requests for filtered ones (§8).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// A property map, whole or filtered. `D` is the data member: a map for clients, any serialisable type for servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PropertyMap<D = BTreeMap<String, BTreeMap<String, serde_json::Value>>> {
    /// Version tags of the map and of the resources it depends on.
    #[serde(default)]
    pub meta: PropertyMapMeta,
    /// Values by entity and property; an absent value may be inherited from a covering prefix, a `null` is not (§6.1.3).
    pub property_map: D,
}

/// The `meta` member of a property map (RFC 9240 §7.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PropertyMapMeta {
    /// Version tag of each resource the map depends on, in the order of its `uses`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependent_vtags: Vec<VersionTag>,
    /// Version tag of the whole map. The RFC defines none, but resources that depend on a property map need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// A request for a filtered property map (RFC 9240 §8.3).
///
/// Both lists are unchecked, because the grammar of entity identifiers depends on the domains of the resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PropertyMapRequest {
    /// Requested entities; all if empty.
    pub entities: Vec<String>,
    /// Requested properties; all if empty. If absent, the answer lists the entities that have properties, without values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Vec<String>>,
}

impl<D> Message for PropertyMap<D> {
    const MEDIA_TYPE: MediaType = MediaType::PROPERTY_MAP;
}

impl Message for PropertyMapRequest {
    const MEDIA_TYPE: MediaType = MediaType::PROPERTY_MAP_PARAMS;
}

impl Request for PropertyMapRequest {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
        Ok(Self {
            entities: owned(fields.strings("entities")?),
            properties: fields.strings_if_present("properties")?.map(owned),
        })
    }
}
