//! The endpoint property service (RFC 7285 §11.4).

use std::net::IpAddr;

use alto_history::{Content, Key, Meta, Table};
use alto_types::{
    Capabilities, EndpointProperties, EndpointPropertyMeta, EndpointPropertyRequest, MediaType, PropertyType,
    ProtocolError, SpeltAddr, VersionTag,
};
use serde::ser::{Serialize, Serializer};
use topo::{EntityKind, Property, View};

use super::catalogue::{Entry, MERGE_PATCHES, Resource, Service};
use super::endpoint_cost::distinct;
use super::json;
use super::limits::WorkLimits;
use super::lookup::Lookup;
use super::property::{Values, rows};
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
    let prop_types = offered(snapshot).map(|(_, name)| name.as_str().to_owned()).collect();
    Capabilities { prop_types, ..Capabilities::default() }
}

/// Properties by endpoint, serialized straight from the view.
struct Properties<'a> {
    view: &'a View,
    wanted: Vec<(Origin<'a>, PropertyType)>,
    endpoints: Vec<SpeltAddr>,
}

/// Properties of one endpoint, without those that have no value.
struct OfEndpoint<'p, 'a> {
    view: &'a View,
    wanted: &'p [(Origin<'a>, PropertyType)],
    address: IpAddr,
}

/// Where the value of a property comes from.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// The PID in the network map of a snapshot.
    Pid(&'a Snapshot),
    /// The operator's property of addresses.
    Operators(Property),
}

/// Lists the properties that endpoints may have: their PID in each network map, and the operator's properties of addresses,
/// which have global names here (RFC 7285 §10.8.2) and resource-specific ones in the property map.
fn offered(snapshot: &Snapshot) -> impl Iterator<Item = (Origin<'_>, PropertyType)> {
    // The PID is offered for every map, even one without addresses (§11.4.1.4).
    let pids = snapshot.with_maps().map(|snapshot| {
        let name = PropertyType::pid_of(&snapshot.network_map_vtag().resource_id);
        (Origin::Pid(snapshot), name)
    });
    let properties = snapshot.view().properties();
    let mut known = [properties.of(EntityKind::Ipv4), properties.of(EntityKind::Ipv6)].concat();
    known.retain(|property| *property != Property::Pid);
    known.sort_unstable();
    known.dedup();
    pids.chain(known.into_iter().map(|property| {
        (Origin::Operators(property), properties.name(property).parse().expect("checked with the topology"))
    }))
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
        let offered = offered(snapshot).count();
        let pairs = limits.bound_pairs("endpoints", (endpoints, properties.min(offered)), 1)?;
        Ok((pairs, request))
    }

    fn answer(
        snapshot: &Snapshot,
        request: Self::Request,
        _client: IpAddr,
        cancel: &Cancel,
    ) -> Result<Answer, HttpError> {
        let endpoint_properties = Properties::of(snapshot, request)?;
        let meta = EndpointPropertyMeta { dependent_vtags: endpoint_properties.vtags().cloned().collect() };
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
        let properties = Properties::of(snapshot, request)?;
        cancel.check()?;
        let vtags: Vec<_> = properties.vtags().collect();
        let member = || (Key::new("dependent-vtags"), json::to_bytes(&vtags).into());
        let members = (!vtags.is_empty()).then(member).into_iter().collect();
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
    fn of(snapshot: &'a Snapshot, request: EndpointPropertyRequest<SpeltAddr>) -> Result<Self, ProtocolError> {
        let offered: Vec<_> = offered(snapshot).collect();
        let is_offered = |wanted: &PropertyType| offered.iter().any(|(_, name)| name == wanted);
        if let Some(other) = request.properties.iter().find(|property| !is_offered(property)) {
            return Err(ProtocolError::invalid_value("properties", other.as_str()));
        }
        let wanted = offered.into_iter().filter(|(_, name)| request.properties.contains(name)).collect();
        Ok(Self { view: snapshot.view(), wanted, endpoints: distinct(request.endpoints).collect() })
    }

    /// Iterates over the version tags of the network maps that a property depends on, which only PIDs do.
    fn vtags(&self) -> impl Iterator<Item = &'a VersionTag> {
        self.wanted.iter().filter_map(|(origin, _)| match origin {
            Origin::Pid(snapshot) => Some(snapshot.network_map_vtag()),
            Origin::Operators(_) => None,
        })
    }

    /// Iterates over the endpoints as the client spelt them.
    fn iter(&self) -> impl Iterator<Item = (&str, OfEndpoint<'_, 'a>)> {
        self.endpoints.iter().map(|SpeltAddr { address, spelling }| {
            (spelling.as_str(), OfEndpoint { view: self.view, wanted: &self.wanted, address: address.0 })
        })
    }
}

impl<'p, 'a: 'p> OfEndpoint<'p, 'a> {
    fn values(&self) -> impl Iterator<Item = (&'p str, &'a str)> + use<'p, 'a> {
        let Self { view, wanted, address } = *self;
        let value = move |origin: Origin<'a>| match origin {
            Origin::Pid(snapshot) => {
                let map = snapshot.view().network_map();
                map.lookup(address).map(|id| map.pid(id).name().as_str())
            }
            Origin::Operators(property) => view.properties().value(&address.into(), property),
        };
        wanted.iter().filter_map(move |(origin, name)| Some((name.as_str(), value(*origin)?)))
    }
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for OfEndpoint<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values())
    }
}
