//! The filtered network map (RFC 7285 §11.3.1).

use std::collections::BTreeSet;
use std::net::IpAddr;

use alto_history::Content;
use alto_types::{AddressType, FilteredNetworkMapRequest, MediaType, ProtocolError};
use topo::PidId;

use super::catalogue::{ALL_PATCHES, Entry, Resource, Service};
use super::json;
use super::limits::WorkLimits;
use super::lookup::Lookup;
use super::network_map::{self, AddressTypes, content, message};
use super::scope::Scope;
use crate::http::HttpError;
use crate::http::answer::Answer;
use crate::http::offload::Cancel;
use crate::state::snapshot::Snapshot;

/// Resource ID of the filtered network map.
const ID: &str = "filtered-network-map";

/// Lookup of parts of the network map.
struct FilteredNetworkMap;

pub(super) fn resources(scope: &Scope) -> Vec<Resource> {
    vec![Resource {
        id: scope.id(ID).into(),
        path: scope.path("networkmap/filtered").into(),
        media_type: MediaType::NETWORK_MAP,
        service: Service::lookup_of::<FilteredNetworkMap>(scope),
        entry: Some(Entry::plain(vec![scope.id(network_map::ID).into()])),
        patches: ALL_PATCHES,
    }]
}

impl Lookup for FilteredNetworkMap {
    type Request = FilteredNetworkMapRequest;
    type Work = Self::Request;

    fn weigh(
        request: Self::Request,
        snapshot: &Snapshot,
        limits: &WorkLimits,
    ) -> Result<(usize, Self::Work), ProtocolError> {
        limits.bound_list("address-types", request.address_types.len())?;
        limits.bound_list("pids", request.pids.len())?;
        Ok((snapshot.view().network_map().prefix_count(), request))
    }

    fn answer(
        snapshot: &Snapshot,
        request: Self::Request,
        _client: IpAddr,
        cancel: &Cancel,
    ) -> Result<Answer, HttpError> {
        cancel.check()?;
        let (pids, types) = requested(snapshot, &request);
        Ok(Answer::whole(MediaType::NETWORK_MAP, json::to_bytes(&message(snapshot, pids, types))))
    }

    fn content(
        snapshot: &Snapshot,
        request: Self::Request,
        _client: IpAddr,
        cancel: &Cancel,
    ) -> Result<Content, HttpError> {
        cancel.check()?;
        let (pids, types) = requested(snapshot, &request);
        Ok(content(snapshot, pids, types, None))
    }
}

/// Returns the PIDs and address types that a request is about.
fn requested(snapshot: &Snapshot, request: &FilteredNetworkMapRequest) -> (Vec<PidId>, AddressTypes) {
    let wants = |wanted: AddressType| {
        let types = &request.address_types;
        types.is_empty() || types.iter().any(|name| AddressType::from_identifier(name) == Some(wanted))
    };
    let types = AddressTypes { ipv4: wants(AddressType::Ipv4), ipv6: wants(AddressType::Ipv6) };
    (requested_pids(snapshot.view().network_map(), &request.pids), types)
}

/// Returns the PIDs that a list requests: all if it is empty, else each existing one once (§11.3.1.3, §11.3.1.6).
pub(super) fn requested_pids(map: &topo::NetworkMap, names: &[String]) -> Vec<PidId> {
    if names.is_empty() {
        return map.pids().map(|(id, _)| id).collect();
    }
    let known: BTreeSet<PidId> = names.iter().filter_map(|name| map.id(name)).collect();
    known.into_iter().collect()
}
