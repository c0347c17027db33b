//! Network maps (RFC 7285 §11.2.1) and requests for a part of one (§11.3.1).

use std::collections::BTreeMap;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::name::PidName;
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// A network map, whole or filtered. `D` is the data member: a map for a client, anything that serialises for a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NetworkMap<D = BTreeMap<PidName, EndpointAddrGroup>> {
    /// The version of the map.
    pub meta: NetworkMapMeta,
    /// Groups of endpoints by PID.
    pub network_map: D,
}

/// The `meta` of a network map (RFC 7285 §11.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkMapMeta {
    /// Of the whole map, also where the answer is filtered (RFC 7285 §11.3.1.6).
    pub vtag: VersionTag,
}

/// The prefixes of one PID by address type (RFC 7285 §10.4.5). Groups of unknown types are ignored (§11.2.1.7).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointAddrGroup {
    /// IPv4 prefixes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ipv4: Vec<Ipv4Net>,
    /// IPv6 prefixes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ipv6: Vec<Ipv6Net>,
}

/// Request for a part of a network map (RFC 7285 §11.3.1.3).
///
/// The lists stay unchecked strings: names that no PID has are not errors but are treated as if they were not there
/// (§11.3.1.6), and so are address types.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FilteredNetworkMapRequest {
    /// The PIDs wanted; empty means all.
    pub pids: Vec<String>,
    /// The address types wanted; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub address_types: Vec<String>,
}

impl<D> Message for NetworkMap<D> {
    const MEDIA_TYPE: MediaType = MediaType::NETWORK_MAP;
}

impl Message for FilteredNetworkMapRequest {
    const MEDIA_TYPE: MediaType = MediaType::NETWORK_MAP_FILTER;
}

impl Request for FilteredNetworkMapRequest {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
        Ok(Self {
            pids: owned(fields.strings("pids")?),
            address_types: owned(fields.optional_strings("address-types")?),
        })
    }
}
