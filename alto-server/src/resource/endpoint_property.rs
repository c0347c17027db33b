//! The endpoint property service (RFC 7285 §11.4).

use std::net::IpAddr;

use alto_history::{Content, Key, Meta, Table};
use alto_types::{
    Capabilities, EndpointProperties, EndpointPropertyMeta, EndpointPropertyRequest, MediaType, PropertyType,
    ProtocolError, SpeltAddr,
};
use serde::ser::{Serialize, Serializer};
use topo::{EntityKind, Property, View};

use super::catalogue::{Entry, MERGE_PATCHES, Resource, Service};
use super::endpoint_cost::distinct;
use super::limits::WorkLimits;
use super::lookup::Lookup;
use super::property::{Values, rows};
use super::{json, network_map};
use crate::http::HttpError;
use crate::http::answer::Answer;
use crate::http::offload::Cancel;
use crate::state::snapshot::Snapshot;

/// Resource ID of the endpoint property service.
const ID: &str = "endpoint-property";

/// Lookup of properties of endpoints.
struct EndpointPropertyLookup;

pub(super) fn resources() -> Vec<Resource> {
    vec![Resource {
        id: ID.into(),
        path: "endpointprop/lookup".into(),
        media_type: MediaType::ENDPOINT_PROPERTY,
        service: Service::lookup::<EndpointPropertyLookup>(),
        // Endpoint properties use no other resource (§11.4.1.5).
        entry: Some(Entry { uses: Vec::new(), capabilities: Box::new(capabilities) }),
        patches: MERGE_PATCHES,
    }]
}

fn capabilities(snapshot: &Snapshot) -> Capabilities {
    let prop_types = offered(snapshot.view()).map(|(_, name)| name.as_str().to_owned()).collect();
    Capabilities { prop_types, ..Capabilities::default() }
}

/// Properties by endpoint, serialized straight from the view.
struct Properties<'a> {
    view: &'a View,
    wanted: Vec<(Property, PropertyType)>,
    endpoints: Vec<SpeltAddr>,
}

/// Properties of one endpoint, without those that have no value.
struct OfEndpoint<'a> {
    view: &'a View,
    wanted: &'a [(Property, PropertyType)],
    address: IpAddr,
}

/// Lists the properties that endpoints may have: their PID, and the operator's properties of addresses, which have
/// global names here (RFC 7285 §10.8.2) and resource-specific ones in the property map.
fn offered(view: &View) -> impl Iterator<Item = (Property, PropertyType)> {
    let properties = view.properties();
    let mut known = [properties.of(EntityKind::Ipv4), properties.of(EntityKind::Ipv6)].concat();
    // The PID is offered for every map, even one without addresses (§11.4.1.4).
    known.push(Property::Pid);
    known.sort_unstable();
    known.dedup();
    known.into_iter().map(|property| {
        let name = match property {
            Property::Pid => PropertyType::pid_of(&network_map::ID.parse().expect("legal resource ID")),
            Property::Operators(_) => properties.name(property).parse().expect("checked with the topology"),
        };
        (property, name)
    })
}

impl Lookup for EndpointPropertyLookup {
    type Request = EndpointPropertyRequest<SpeltAddr>;
    type Work = Self::Request;

    fn weigh(
        request: Self::Request,
        snapshot: &Snapshot,
        limits: &WorkLimits,
    ) -> Result<(usize, Self::Work), ProtocolError> {
        let properties = limits.bound_list("properties", request.properties.len())?;
        let endpoints = limits.bound_list("endpoints", request.endpoints.len())?;
        // Repeated properties count once (§11.4.1.3).
        let offered = offered(snapshot.view()).count();
        let pairs = limits.bound_pairs("endpoints", (endpoints, properties.min(offered)), 1)?;
        Ok((pairs, request))
    }

    fn answer(
        snapshot: &Snapshot,
        request: Self::Request,
        _client: IpAddr,
        cancel: &Cancel,
    ) -> Result<Answer, HttpError> {
        let endpoint_properties = Properties::of(snapshot.view(), request)?;
        let vtag = endpoint_properties.depends_on_map().then(|| snapshot.network_map_vtag().clone());
        let meta = EndpointPropertyMeta { dependent_vtags: vtag.into_iter().collect() };
        let message = EndpointProperties { meta, endpoint_properties };
        cancel.check()?;
        Ok(Answer::whole(MediaType::ENDPOINT_PROPERTY, json::to_bytes(&message)))
    }

    fn content(
        snapshot: &Snapshot,
        request: Self::Request,
        _client: IpAddr,
        cancel: &Cancel,
    ) -> Result<Content, HttpError> {
        let properties = Properties::of(snapshot.view(), request)?;
        cancel.check()?;
        let vtags = || (Key::new("dependent-vtags"), json::to_bytes(&[snapshot.network_map_vtag()]).into());
        let members = properties.depends_on_map().then(vtags).into_iter().collect();
        let entries = properties.iter().map(|(spelling, of_endpoint)| {
            let values = of_endpoint.values().map(|(name, value)| (name, Some(value))).collect();
            (spelling.to_owned(), Values(values))
        });
        let table = Table::Rows(rows(entries));
        Ok(Content::new(Meta { members, vtag: None }, "endpoint-properties", table))
    }
}

impl<'a> Properties<'a> {
    /// Resolves the properties and endpoints of a request.
    fn of(view: &'a View, request: EndpointPropertyRequest<SpeltAddr>) -> Result<Self, ProtocolError> {
        let offered: Vec<_> = offered(view).collect();
        let is_offered = |wanted: &PropertyType| offered.iter().any(|(_, name)| name == wanted);
        if let Some(other) = request.properties.iter().find(|property| !is_offered(property)) {
            return Err(ProtocolError::invalid_value("properties", other.as_str()));
        }
        let wanted = offered.into_iter().filter(|(_, name)| request.properties.contains(name)).collect();
        Ok(Self { view, wanted, endpoints: distinct(request.endpoints).collect() })
    }

    /// Tells whether a property depends on the network map, which only the PID does.
    fn depends_on_map(&self) -> bool {
        self.wanted.iter().any(|(property, _)| *property == Property::Pid)
    }

    /// Iterates over the endpoints as the client spelt them.
    fn iter(&self) -> impl Iterator<Item = (&str, OfEndpoint<'_>)> {
        self.endpoints.iter().map(|SpeltAddr { address, spelling }| {
            (spelling.as_str(), OfEndpoint { view: self.view, wanted: &self.wanted, address: address.0 })
        })
    }
}

impl<'a> OfEndpoint<'a> {
    fn values(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let Self { view, wanted, address } = *self;
        let map = view.network_map();
        let value = move |property: Property| match property {
            // Equal to the property of that name, and found faster in the table of addresses.
            Property::Pid => map.lookup(address).map(|id| map.pid(id).name().as_str()),
            Property::Operators(_) => view.properties().value(&address.into(), property),
        };
        wanted.iter().filter_map(move |(property, name)| Some((name.as_str(), value(*property)?)))
    }
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for OfEndpoint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values())
    }
}
