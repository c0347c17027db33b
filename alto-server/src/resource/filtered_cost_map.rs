//! The filtered cost map (RFC 7285 §11.3.2), multi-cost requests included (RFC 8189 §4.1).

use std::net::IpAddr;
use std::time::SystemTime;

use alto_history::Content;
use alto_types::{FilteredCostMapRequest, MediaType, PidFilter, ProtocolError};

use super::catalogue::{Entry, MERGE_PATCHES, Resource, Service};
use super::cost::selection::{self, Selection};
use super::cost_map::{PidCosts, pid_costs};
use super::filtered_network_map::requested_pids;
use super::limits::WorkLimits;
use super::lookup::Lookup;
use super::network_map;
use super::scope::Scope;
use crate::http::HttpError;
use crate::http::answer::Answer;
use crate::http::offload::{Abandoned, Cancel};
use crate::state::snapshot::Snapshot;

/// Resource ID of the filtered cost map.
const ID: &str = "filtered-cost-map";

/// Lookup of parts of the cost maps.
struct FilteredCostMap;

pub(super) fn resources(scope: &Scope) -> Vec<Resource> {
    vec![Resource {
        id: scope.id(ID).into(),
        path: scope.path("costmap/filtered").into(),
        media_type: MediaType::COST_MAP,
        service: Service::lookup_of::<FilteredCostMap>(scope),
        entry: Some(Entry {
            uses: vec![scope.id(network_map::ID).into()],
            capabilities: Box::new(|_| selection::capabilities()),
        }),
        patches: MERGE_PATCHES,
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

    fn answer(snapshot: &Snapshot, work: Self::Work, _client: IpAddr, cancel: &Cancel) -> Result<Answer, HttpError> {
        Ok(costs(snapshot, work, cancel)?.into_text().into_answer(MediaType::COST_MAP, cancel)?)
    }

    fn content(snapshot: &Snapshot, work: Self::Work, _client: IpAddr, cancel: &Cancel) -> Result<Content, HttpError> {
        Ok(costs(snapshot, work, cancel)?.into_content())
    }
}

/// Looks up the costs of a request.
fn costs<'a>(
    snapshot: &'a Snapshot,
    (selection, pids): <FilteredCostMap as Lookup>::Work,
    cancel: &Cancel,
) -> Result<PidCosts<'a>, Abandoned> {
    let map = snapshot.view().network_map();
    let (srcs, dsts) = match &pids {
        None => (requested_pids(map, &[]), requested_pids(map, &[])),
        Some(pids) => (requested_pids(map, &pids.srcs), requested_pids(map, &pids.dsts)),
    };
    pid_costs(snapshot, &snapshot.scope().id(ID), selection, (srcs, dsts), cancel)
}
