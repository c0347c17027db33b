//! The endpoint property service (RFC 7285 §11.4).

use std::net::IpAddr;

use alto_types::{
    EndpointProperties, EndpointPropertyMeta, EndpointPropertyRequest, MediaType, PropertyType, ProtocolError,
    SpeltAddr,
};
use serde::ser::{Serialize, Serializer};
use topo::{EntityKind, Property, View};

use super::endpoint_cost::distinct;
use super::{Lookup, WorkLimits, bound_list, bound_pairs, id};
use crate::published::Published;

pub(crate) struct EndpointPropertyLookup;

/// Properties by endpoint, streamed from the view.
struct Properties<'a> {
    view: &'a View,
    wanted: &'a [(Property, PropertyType)],
    endpoints: Vec<SpeltAddr>,
}

/// The properties of one endpoint; those without a value are left out.
struct OfEndpoint<'a> {
    view: &'a View,
    wanted: &'a [(Property, PropertyType)],
    address: IpAddr,
}

/// The properties that endpoints may have: their PID, and what the operator says of addresses. The latter are global
/// here (RFC 7285 §10.8.2), where the property map calls them its own.
pub(super) fn offered(view: &View) -> impl Iterator<Item = (Property, PropertyType)> {
    let properties = view.properties();
    let mut known = [properties.of(EntityKind::Ipv4), properties.of(EntityKind::Ipv6)].concat();
    // In every map, even one that holds no address (§11.4.1.4).
    known.push(Property::Pid);
    known.sort_unstable();
    known.dedup();
    known.into_iter().map(|property| {
        let name = match property {
            Property::Pid => PropertyType::pid_of(&id::NETWORK_MAP.parse().expect("legal resource ID")),
            Property::Operators(_) => properties.name(property).parse().expect("checked with the topology"),
        };
        (property, name)
    })
}

impl Lookup for EndpointPropertyLookup {
    type Request = EndpointPropertyRequest<SpeltAddr>;
    const ANSWER: MediaType = MediaType::ENDPOINT_PROPERTY;
    const ID: &'static str = id::ENDPOINT_PROPERTY;

    fn weigh(request: &Self::Request, published: &Published, limits: &WorkLimits) -> Result<usize, ProtocolError> {
        let properties = bound_list("properties", request.properties.len(), limits)?;
        let endpoints = bound_list("endpoints", request.endpoints.len(), limits)?;
        // Repeated ones count once (§11.4.1.3).
        bound_pairs("endpoints", (endpoints, properties.min(offered(published.view()).count())), 1, limits)
    }

    fn answer(published: &Published, request: Self::Request, _client: IpAddr) -> Result<Vec<u8>, ProtocolError> {
        let view = published.view();
        let offered: Vec<_> = offered(view).collect();
        let is_offered = |wanted: &PropertyType| offered.iter().any(|(_, name)| name == wanted);
        if let Some(other) = request.properties.iter().find(|property| !is_offered(property)) {
            return Err(ProtocolError::invalid_value("properties", other.as_str()));
        }
        let wanted: Vec<_> = offered.into_iter().filter(|(_, name)| request.properties.contains(name)).collect();
        // Only the PID depends on the map.
        let depends = wanted.iter().any(|(property, _)| *property == Property::Pid);
        let dependent_vtags = depends.then(|| published.network_map_vtag().clone()).into_iter().collect();
        let meta = EndpointPropertyMeta { dependent_vtags };
        let endpoints = distinct(request.endpoints).collect();
        let endpoint_properties = Properties { view, wanted: &wanted, endpoints };
        Ok(super::to_bytes(&EndpointProperties { meta, endpoint_properties }))
    }
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { view, wanted, endpoints } = self;
        serializer.collect_map(
            endpoints
                .iter()
                .map(|SpeltAddr { address, spelling }| (spelling, OfEndpoint { view, wanted, address: address.0 })),
        )
    }
}

impl Serialize for OfEndpoint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let map = self.view.network_map();
        let value = |property: Property| match property {
            // The same as the property of that name, from the table that is made for addresses.
            Property::Pid => map.lookup(self.address).map(|id| map.pid(id).name().as_str()),
            Property::Operators(_) => self.view.properties().value(&self.address.into(), property),
        };
        serializer
            .collect_map(self.wanted.iter().filter_map(|(property, name)| Some((name.as_str(), value(*property)?))))
    }
}
