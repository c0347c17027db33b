//! The filtered cost map (RFC 7285 §11.3.2), multi-cost requests included (RFC 8189 §4.1).

use std::net::IpAddr;
use std::time::SystemTime;

use alto_types::{FilteredCostMapRequest, MediaType, PidFilter, ProtocolError};

use super::catalogue::{Entry, Resource, Service};
use super::cost::selection::{self, Selection};
use super::cost_map::pid_costs;
use super::filtered_network_map::requested_pids;
use super::limits::WorkLimits;
use super::lookup::Lookup;
use super::network_map;
use crate::http::HttpError;
use crate::http::answer::Answer;
use crate::http::offload::Cancel;
use crate::state::snapshot::Snapshot;

/// Resource ID of the filtered cost map.
const ID: &str = "filtered-cost-map";

/// Lookup of parts of the cost maps.
struct FilteredCostMap;

pub(super) fn resources() -> Vec<Resource> {
    vec![Resource {
        id: ID.into(),
        path: "costmap/filtered".into(),
        media_type: MediaType::COST_MAP,
        service: Service::lookup::<FilteredCostMap>(),
        entry: Some(Entry { uses: vec![network_map::ID], capabilities: Box::new(|_| selection::capabilities()) }),
    }]
}

impl Lookup for FilteredCostMap {
    type Request = FilteredCostMapRequest;
    type Work = (Selection, Option<PidFilter>);

    fn weigh(
        request: Self::Request,
        snapshot: &Snapshot,
        limits: &WorkLimits,
    ) -> Result<(usize, Self::Work), ProtocolError> {
        let FilteredCostMapRequest { costs, pids } = request;
        let all = snapshot.view().network_map().len();
        // Unknown and repeated names cost nothing, so a list counts as no more than all PIDs.
        let count = |len: usize| if len == 0 { all } else { len.min(all) };
        let selection = Selection::of(&costs, limits)?;
        let (srcs, dsts) = match &pids {
            None => (0, 0),
            Some(pids) => {
                let srcs = limits.bound_list("pids/srcs", pids.srcs.len())?;
                (srcs, limits.bound_list("pids/dsts", pids.dsts.len())?)
            }
        };
        let weight = match (srcs, dsts) {
            // The full map of one cost can be read with GET as well, whatever its size.
            (0, 0) if selection.is_single() => {
                all.saturating_mul(all).saturating_add(selection.weigh_tests((all, all), limits)?)
            }
            (0, 0) => selection.weigh("multi-cost-types", (all, all), limits)?,
            _ => selection.weigh("pids", (count(srcs), count(dsts)), limits)?,
        };
        Ok((weight, (selection, pids)))
    }

    fn since(snapshot: &Snapshot) -> Option<SystemTime> {
        Some(snapshot.costs_since())
    }

    fn answer(
        snapshot: &Snapshot,
        (selection, pids): Self::Work,
        _client: IpAddr,
        cancel: &Cancel,
    ) -> Result<Answer, HttpError> {
        let map = snapshot.view().network_map();
        let (srcs, dsts) = match &pids {
            None => (requested_pids(map, &[]), requested_pids(map, &[])),
            Some(pids) => (requested_pids(map, &pids.srcs), requested_pids(map, &pids.dsts)),
        };
        let costs = pid_costs(snapshot, ID, selection, (srcs, dsts), cancel)?;
        Ok(costs.into_answer(MediaType::COST_MAP, cancel)?)
    }
}
