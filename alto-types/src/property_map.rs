//! Property maps (RFC 9240 §7) and requests for a part of one (§8).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// A property map, whole or filtered. `D` is the data member: a map for a client, anything that serialises for a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PropertyMap<D = BTreeMap<String, BTreeMap<String, serde_json::Value>>> {
    /// Which versions of which maps this is made of.
    #[serde(default)]
    pub meta: PropertyMapMeta,
    /// Values by entity and property. What is absent may be inherited from a prefix around it; a `null` is not (§6.1.3).
    pub property_map: D,
}

/// The `meta` of a property map (RFC 9240 §7.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PropertyMapMeta {
    /// One tag for every resource that the map depends on, in the order of its `uses`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependent_vtags: Vec<VersionTag>,
    /// Of the whole map itself. The RFC defines none, but resources that depend on a property map need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vtag: Option<VersionTag>,
}

/// Request for a part of a property map (RFC 9240 §8.3).
///
/// Both lists stay unchecked: how an entity identifier is to be read depends on the domains that the resource has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PropertyMapRequest {
    /// The entities wanted; empty means all.
    pub entities: Vec<String>,
    /// The properties wanted; empty means all, and absent means none: then the answer tells which entities have any.
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
