//! Parts of the cost maps (RFC 7285 §11.3.2), also of several at once (RFC 8189 §4.1).

use std::net::IpAddr;
use std::time::SystemTime;

use alto_types::{FilteredCostMapRequest, MediaType, ProtocolError};

use super::cost_map::render_part;
use super::filtered_network_map::requested_pids;
use super::selection::Selection;
use super::{Lookup, WorkLimits, bound_list, bound_pairs, id};
use crate::published::Published;

pub(crate) struct FilteredCostMap;

impl Lookup for FilteredCostMap {
    type Request = FilteredCostMapRequest;
    const ANSWER: MediaType = MediaType::COST_MAP;
    const ID: &'static str = id::FILTERED_COST_MAP;

    fn weigh(request: &Self::Request, published: &Published, limits: &WorkLimits) -> Result<usize, ProtocolError> {
        let all = published.view().network_map().len();
        // Unknown and repeated names cost nothing, so a list counts for no more than there are PIDs.
        let count = |len: usize| if len == 0 { all } else { len.min(all) };
        let costs = Selection::weigh(&request.costs, limits)?;
        let (srcs, dsts) = match &request.pids {
            None => (0, 0),
            Some(pids) => {
                let srcs = bound_list("pids/srcs", pids.srcs.len(), limits)?;
                (srcs, bound_list("pids/dsts", pids.dsts.len(), limits)?)
            }
        };
        match (srcs, dsts, costs) {
            // The full map of one cost is served to whoever asks for it by GET, however large.
            (0, 0, 1) => Ok(all.saturating_mul(all)),
            (0, 0, _) => bound_pairs("multi-cost-types", (all, all), costs, limits),
            _ => bound_pairs("pids", (count(srcs), count(dsts)), costs, limits),
        }
    }

    fn since(published: &Published) -> Option<SystemTime> {
        Some(published.costs_since())
    }

    fn answer(published: &Published, request: Self::Request, _client: IpAddr) -> Result<Vec<u8>, ProtocolError> {
        let selection = Selection::of(&request.costs)?;
        let map = published.view().network_map();
        let (srcs, dsts) = match &request.pids {
            None => (requested_pids(map, &[]), requested_pids(map, &[])),
            Some(pids) => (requested_pids(map, &pids.srcs), requested_pids(map, &pids.dsts)),
        };
        Ok(render_part(published, id::FILTERED_COST_MAP, selection, (srcs, dsts)))
    }
}
