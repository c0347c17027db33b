//! Network maps (RFC 7285 §11.2.1) and requests for filtered ones (§11.3.1).

use std::collections::BTreeMap;

use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::name::PidName;
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// A network map, whole or filtered. `D` is the data member: a map for clients, any serialisable type for servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NetworkMap<D = BTreeMap<PidName, EndpointAddrGroup>> {
    /// Version tag of the map.
    pub meta: NetworkMapMeta,
    /// Groups of endpoints by PID.
    pub network_map: D,
}

/// The `meta` member of a network map (RFC 7285 §11.2.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkMapMeta {
    /// Version tag of the whole map, even in a filtered answer (RFC 7285 §11.3.1.6).
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

/// A request for a filtered network map (RFC 7285 §11.3.1.3).
///
/// Both lists are unchecked, because unknown PID names and address types are ignored rather than errors (§11.3.1.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FilteredNetworkMapRequest {
    /// Requested PIDs; all if empty.
    pub pids: Vec<String>,
    /// Requested address types; all if empty.
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
