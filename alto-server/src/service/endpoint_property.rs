//! The endpoint property service (RFC 7285 §11.4).

use std::net::IpAddr;

use alto_types::{
    EndpointProperties, EndpointPropertyMeta, EndpointPropertyRequest, MediaType, PropertyType, ProtocolError,
    SpeltAddr,
};
use serde::ser::{Serialize, Serializer};

use super::endpoint_cost::distinct;
use super::{Lookup, WorkLimits, bound_list, id};
use crate::published::Published;

pub(crate) struct EndpointPropertyLookup;

/// Properties by endpoint, streamed from the view.
struct Properties<'a> {
    map: &'a topo::NetworkMap,
    pid: &'a PropertyType,
    endpoints: Vec<SpeltAddr>,
}

/// The properties of one endpoint: its PID, or nothing where no PID holds it.
struct PidProperty<'a> {
    property: &'a PropertyType,
    pid: Option<&'a str>,
}

impl Lookup for EndpointPropertyLookup {
    type Request = EndpointPropertyRequest<SpeltAddr>;
    const ANSWER: MediaType = MediaType::ENDPOINT_PROPERTY;
    const ID: &'static str = id::ENDPOINT_PROPERTY;

    fn weigh(request: &Self::Request, _published: &Published, limits: &WorkLimits) -> Result<usize, ProtocolError> {
        bound_list("properties", request.properties.len(), limits)?;
        bound_list("endpoints", request.endpoints.len(), limits)
    }

    fn answer(published: &Published, request: Self::Request, _client: IpAddr) -> Result<Vec<u8>, ProtocolError> {
        let vtag = published.network_map_vtag();
        let pid = PropertyType::pid_of(&vtag.resource_id);
        if let Some(other) = request.properties.iter().find(|property| **property != pid) {
            return Err(ProtocolError::invalid_value("properties", other.as_str()));
        }
        let meta = EndpointPropertyMeta { dependent_vtags: vec![vtag.clone()] };
        let endpoints = distinct(request.endpoints).collect();
        let properties = Properties { map: published.view().network_map(), pid: &pid, endpoints };
        Ok(super::to_bytes(&EndpointProperties { meta, endpoint_properties: properties }))
    }
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.endpoints.iter().map(|SpeltAddr { address, spelling }| {
            let pid = self.map.lookup(address.0).map(|id| self.map.pid(id).name().as_str());
            (spelling, PidProperty { property: self.pid, pid })
        }))
    }
}

impl Serialize for PidProperty<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.pid.map(|pid| (self.property.as_str(), pid)))
    }
}
