//! The endpoint property service (RFC 7285 §11.4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::{SpeltAddr, TypedEndpointAddr};
use crate::error::ProtocolError;
use crate::media_type::{MediaType, Message};
use crate::name::PropertyType;
use crate::request::{Fields, Request};
use crate::version_tag::VersionTag;

/// Properties of endpoints. `D` is the data member: a map for clients, any serialisable type for servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointProperties<D = BTreeMap<TypedEndpointAddr, BTreeMap<PropertyType, String>>> {
    /// Network maps that the values derive from.
    pub meta: EndpointPropertyMeta,
    /// Values by endpoint and property; absent values are undefined.
    pub endpoint_properties: D,
}

/// The `meta` member of an endpoint property answer (RFC 7285 §11.4.1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EndpointPropertyMeta {
    /// Version tag of each network map whose `pid` property was requested.
    #[serde(default)]
    pub dependent_vtags: Vec<VersionTag>,
}

/// A request for endpoint properties (RFC 7285 §11.4.1.3); neither list may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndpointPropertyRequest<A = TypedEndpointAddr> {
    /// Requested properties.
    pub properties: Vec<PropertyType>,
    /// Endpoints to look up.
    pub endpoints: Vec<A>,
}

impl<D> Message for EndpointProperties<D> {
    const MEDIA_TYPE: MediaType = MediaType::ENDPOINT_PROPERTY;
}

impl<A> Message for EndpointPropertyRequest<A> {
    const MEDIA_TYPE: MediaType = MediaType::ENDPOINT_PROPERTY_PARAMS;
}

impl Request for EndpointPropertyRequest<SpeltAddr> {
    fn decode(fields: Fields<'_>) -> Result<Self, ProtocolError> {
        Ok(Self {
            properties: fields.parse_each("properties", &fields.non_empty_strings("properties")?)?,
            endpoints: fields.parse_each("endpoints", &fields.non_empty_strings("endpoints")?)?,
        })
    }
}
