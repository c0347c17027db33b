//! Requests for network maps: whole ones by GET, parts by POST (RFC 7285 §11.2.1, §11.3.1).

use std::collections::HashSet;
use std::sync::Arc;

use alto_types::{
    AddressType, FilteredNetworkMapRequest, MediaType, NetworkMap as NetworkMapMessage, PidName, ResourceId,
};

use super::Client;
use crate::decode;
use crate::directory::{Entry, Kind};
use crate::error::Error;
use crate::exchange::{Answer, Question, Reuse};
use crate::network_map::{NetworkMap, PartialNetworkMap, masked};

impl Client {
    /// Network map with this resource ID, or the default one.
    pub fn network_map(&self, id: Option<&str>) -> Result<Arc<NetworkMap>, Error> {
        self.by_directory(|directory| self.whole_network_map(directory.network_map(id)?, Reuse::WhileFresh))
    }

    /// Part of a network map: these PIDs (all, if none are named) with prefixes of these address types (likewise). PIDs
    /// that the map does not have are absent (RFC 7285 §11.3.1.6).
    ///
    /// If the server has no filter for the map, or nothing is to be filtered, the whole map is fetched.
    pub fn partial_network_map(
        &self,
        id: Option<&str>,
        pids: &[PidName],
        types: &[AddressType],
    ) -> Result<PartialNetworkMap, Error> {
        self.by_directory(|directory| {
            let whole = directory.network_map(id)?;
            let filter = directory.based_on(Kind::FilteredNetworkMap, whole.id()).next();
            if let Some(filter) = filter.filter(|_| !pids.is_empty() || !types.is_empty()) {
                let request = FilteredNetworkMapRequest {
                    pids: pids.iter().map(ToString::to_string).collect(),
                    address_types: types.iter().map(|kind| kind.as_str().to_owned()).collect(),
                };
                let part = self.post(filter, MediaType::NETWORK_MAP, &request, |answer| {
                    let map = network_map_message(answer, whole.id())?;
                    let pids = map.network_map.into_iter().map(|(pid, group)| (pid, masked(group))).collect();
                    Ok(PartialNetworkMap { vtag: map.meta.vtag, pids })
                })?;
                Ok(only(part, pids, types))
            } else {
                let map = self.whole_network_map(whole, Reuse::WhileFresh)?;
                let part = PartialNetworkMap { vtag: map.vtag().clone(), pids: map.pids().clone() };
                Ok(only(part, pids, types))
            }
        })
    }

    /// Whole network map of a directory entry, cached or fetched.
    pub(super) fn whole_network_map(&self, entry: &Entry, reuse: Reuse) -> Result<Arc<NetworkMap>, Error> {
        let question = Question::get(&entry.uri, MediaType::NETWORK_MAP);
        self.inner
            .network_maps
            .get(&self.inner.exchange, question, reuse, |answer| {
                Ok(NetworkMap::new(network_map_message(answer, entry.id())?))
            })
            .map(|kept| kept.value)
    }
}

/// Decodes a network map, which must state that it is the one asked for (RFC 7285 §11.2.1.6, §11.3.1.6).
fn network_map_message(answer: &Answer, id: &ResourceId) -> Result<NetworkMapMessage, Error> {
    let map: NetworkMapMessage = decode::message(answer)?;
    if map.meta.vtag.resource_id == *id {
        return Ok(map);
    }
    let other = &map.meta.vtag.resource_id;
    Err(decode::malformed(answer, &format!("meta.vtag is one of {other}, the network map {id} was asked for")))
}

/// Drops PIDs and prefixes that were not asked for.
fn only(mut part: PartialNetworkMap, pids: &[PidName], types: &[AddressType]) -> PartialNetworkMap {
    let asked: HashSet<&PidName> = pids.iter().collect();
    part.pids.retain(|pid, _| asked.is_empty() || asked.contains(pid));
    let wanted = |kind| types.is_empty() || types.contains(&kind);
    for group in part.pids.values_mut() {
        if !wanted(AddressType::Ipv4) {
            group.ipv4.clear();
        }
        if !wanted(AddressType::Ipv6) {
            group.ipv6.clear();
        }
    }
    part
}
