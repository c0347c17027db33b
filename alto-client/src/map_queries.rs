//! Asking for maps: whole ones by GET, parts by POST, and costs that fit the network map (RFC 7285 §11.2, §11.3).

use std::collections::HashSet;
use std::sync::Arc;

use alto_types::{
    AddressType, Constraint, CostSelection, CostType, FilteredCostMapRequest, FilteredNetworkMapRequest, MediaType,
    NetworkMap as NetworkMapMessage, PidFilter, PidName, ResourceId,
};

use super::cache::Reuse;
use super::cost_map::{CostMap, CostMapQuery, Maps};
use super::directory::{Directory, Kind};
use super::document::Entry;
use super::error::Error;
use super::exchange::{Answer, Question};
use super::network_map::{NetworkMap, PartialNetworkMap, masked};
use super::{Client, decode};

/// How often both maps are read again to find them of one version.
pub(super) const ROUNDS: u32 = 3;

impl Client {
    /// The network map with this resource ID, or the default one.
    pub fn network_map(&self, id: Option<&str>) -> Result<Arc<NetworkMap>, Error> {
        self.by_directory(|directory| self.whole_network_map(directory.network_map(id)?, Reuse::WhileFresh))
    }

    /// A part of a network map: these PIDs (all, if none are named) with these address types (likewise). PIDs that
    /// the map does not have are not in the answer (RFC 7285 §11.3.1.6).
    ///
    /// Where the server has no filter for the map, or nothing is to be filtered, the whole map is fetched.
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

    /// Costs between PIDs, as the server has them at this moment. See [`Client::maps`] for costs that are sure to fit
    /// a network map.
    pub fn cost_map(&self, query: &CostMapQuery) -> Result<Arc<CostMap>, Error> {
        self.by_directory(|directory| {
            let network_map = directory.network_map(query.network_map.as_ref().map(ResourceId::as_str))?;
            self.costs_between_pids(directory, network_map.id(), query, Reuse::WhileFresh)
        })
    }

    /// A network map and costs between its PIDs that are of one version: where they are not, what is older is read
    /// again (RFC 7285 §11.3.2.6).
    pub fn maps(&self, query: &CostMapQuery) -> Result<Maps, Error> {
        self.by_directory(|directory| {
            let entry = directory.network_map(query.network_map.as_ref().map(ResourceId::as_str))?;
            let mut reuse = Reuse::WhileFresh;
            let mut round = 0;
            loop {
                let network = self.whole_network_map(entry, reuse)?;
                let costs = self.costs_between_pids(directory, entry.id(), query, reuse)?;
                round += 1;
                if costs.depends_on == *network.vtag() {
                    return Ok(Maps { network, costs });
                }
                if round == ROUNDS {
                    let (depends_on, network_map) = (costs.depends_on.clone(), network.vtag().clone());
                    return Err(Error::Inconsistent { depends_on, network_map });
                }
                // One of them was kept somewhere, or the network changed between the two answers.
                reuse = Reuse::Never;
            }
        })
    }

    pub(super) fn whole_network_map(&self, entry: &Entry, reuse: Reuse) -> Result<Arc<NetworkMap>, Error> {
        let question = Question::get(&entry.uri, MediaType::NETWORK_MAP);
        self.inner
            .network_maps
            .get(&self.inner.exchange, question, reuse, |answer| {
                Ok(NetworkMap::new(network_map_message(answer, entry.id())?))
            })
            .map(|kept| kept.value)
    }

    /// The whole map by GET where all of it is wanted or there is no filter; else a part by POST.
    pub(super) fn costs_between_pids(
        &self,
        directory: &Directory,
        network_map: &ResourceId,
        query: &CostMapQuery,
        reuse: Reuse,
    ) -> Result<Arc<CostMap>, Error> {
        let constrained = !query.constraints.is_empty();
        let find =
            |kind| Directory::with_cost_type(directory.based_on(kind, network_map), &query.cost_type, constrained);
        let whole = find(Kind::CostMap);
        match (whole, find(Kind::FilteredCostMap)) {
            (Some(entry), filter) if query.is_whole() || filter.is_none() => {
                let question = Question::get(&entry.uri, MediaType::COST_MAP);
                let costs = self
                    .inner
                    .cost_maps
                    .get(&self.inner.exchange, question, reuse, |answer| {
                        CostMap::read(answer, &query.cost_type, network_map)
                    })?
                    .value;
                if query.is_whole() {
                    return Ok(costs);
                }
                let mut costs = Arc::unwrap_or_clone(costs);
                costs.retain(query, &query.constraints);
                Ok(Arc::new(costs))
            }
            (_, Some(filter)) => self.filtered_costs(filter, network_map, query).map(Arc::new),
            _ => {
                let maps = [Kind::CostMap, Kind::FilteredCostMap];
                let offered = maps.iter().flat_map(|kind| directory.based_on(*kind, network_map)).cloned();
                Err(Directory::no_costs(offered, &format!("cost map of {network_map}"), &query.cost_type))
            }
        }
    }

    fn filtered_costs(&self, filter: &Entry, network_map: &ResourceId, query: &CostMapQuery) -> Result<CostMap, Error> {
        // Where the server knows no constraints none may be sent (RFC 7285 §11.3.2.3); they are applied here.
        let (there, here): (&[Constraint], &[Constraint]) =
            if filter.capabilities().cost_constraints { (&query.constraints, &[]) } else { (&[], &query.constraints) };
        let names = |pids: &[PidName]| pids.iter().map(ToString::to_string).collect();
        let all = query.sources.is_empty() && query.destinations.is_empty();
        let request = FilteredCostMapRequest {
            costs: CostSelection::one(undescribed(&query.cost_type), there.iter().copied()),
            pids: (!all).then(|| PidFilter { srcs: names(&query.sources), dsts: names(&query.destinations) }),
        };
        let mut costs = self.post(filter, MediaType::COST_MAP, &request, |answer| {
            CostMap::read(answer, &query.cost_type, network_map)
        })?;
        costs.retain(query, here);
        Ok(costs)
    }
}

/// A network map that says it is the one asked for (RFC 7285 §11.2.1.6, §11.3.1.6).
fn network_map_message(answer: &Answer, id: &ResourceId) -> Result<NetworkMapMessage, Error> {
    let map: NetworkMapMessage = decode::message(answer)?;
    if map.meta.vtag.resource_id == *id {
        return Ok(map);
    }
    let other = &map.meta.vtag.resource_id;
    Err(decode::malformed(answer, &format!("meta.vtag is one of {other}, the network map {id} was asked for")))
}

/// Leaves what was asked for, whatever the server sent.
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

/// Requests leave the description out (RFC 7285 §11.3.2.3).
pub(super) fn undescribed(cost_type: &CostType) -> CostType {
    CostType { description: None, cost_context: None, ..cost_type.clone() }
}
