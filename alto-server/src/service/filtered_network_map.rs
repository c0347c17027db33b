//! Parts of the network map (RFC 7285 §11.3.1).

use std::collections::BTreeSet;
use std::net::IpAddr;

use alto_types::{AddressType, FilteredNetworkMapRequest, MediaType, ProtocolError};
use topo::PidId;

use super::network_map::{AddressTypes, message};
use super::{Lookup, WorkLimits, bound_list, id};
use crate::published::Published;

pub(crate) struct FilteredNetworkMap;

impl Lookup for FilteredNetworkMap {
    type Request = FilteredNetworkMapRequest;
    const ANSWER: MediaType = MediaType::NETWORK_MAP;
    const ID: &'static str = id::FILTERED_NETWORK_MAP;

    fn weigh(request: &Self::Request, published: &Published, limits: &WorkLimits) -> Result<usize, ProtocolError> {
        bound_list("address-types", request.address_types.len(), limits)?;
        bound_list("pids", request.pids.len(), limits)?;
        Ok(published.view().network_map().prefix_count())
    }

    fn answer(published: &Published, request: Self::Request, _client: IpAddr) -> Result<Vec<u8>, ProtocolError> {
        let map = published.view().network_map();
        let pids = requested_pids(map, &request.pids);
        let wants = |wanted: AddressType| {
            let types = &request.address_types;
            types.is_empty() || types.iter().any(|name| AddressType::from_identifier(name) == Some(wanted))
        };
        let types = AddressTypes { ipv4: wants(AddressType::Ipv4), ipv6: wants(AddressType::Ipv6) };
        Ok(super::to_bytes(&message(map, published.network_map_vtag(), pids, types)))
    }
}

/// The PIDs a list asks for: all if it is empty as sent; else those that exist, each once (§11.3.1.3, §11.3.1.6).
pub(super) fn requested_pids(map: &topo::NetworkMap, names: &[String]) -> Vec<PidId> {
    if names.is_empty() {
        return map.pids().map(|(id, _)| id).collect();
    }
    let known: BTreeSet<PidId> = names.iter().filter_map(|name| map.id(name)).collect();
    known.into_iter().collect()
}
