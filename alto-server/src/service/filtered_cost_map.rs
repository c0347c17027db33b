//! Parts of the cost maps (RFC 7285 §11.3.2).

use std::net::IpAddr;
use std::time::SystemTime;

use alto_types::{FilteredCostMapRequest, MediaType, ProtocolError};

use super::cost_map::render_part;
use super::filtered_network_map::requested_pids;
use super::{CostKind, Lookup, WorkLimits, bound_list, bound_pairs, id};
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
        bound_list("constraints", request.constraints.len(), limits)?;
        match &request.pids {
            // The full map is served to whoever asks for it by GET, however large.
            None => Ok(all.saturating_mul(all)),
            Some(pids) => {
                let srcs = bound_list("pids/srcs", pids.srcs.len(), limits)?;
                let dsts = bound_list("pids/dsts", pids.dsts.len(), limits)?;
                if srcs == 0 && dsts == 0 {
                    return Ok(all.saturating_mul(all));
                }
                bound_pairs("pids", count(srcs), count(dsts), limits)
            }
        }
    }

    fn since(published: &Published) -> Option<SystemTime> {
        Some(published.costs_since())
    }

    fn answer(published: &Published, request: Self::Request, _client: IpAddr) -> Result<Vec<u8>, ProtocolError> {
        let kind = CostKind::requested(&request.cost_type)?;
        let map = published.view().network_map();
        let (srcs, dsts) = match &request.pids {
            None => (requested_pids(map, &[]), requested_pids(map, &[])),
            Some(pids) => (requested_pids(map, &pids.srcs), requested_pids(map, &pids.dsts)),
        };
        Ok(render_part(published, id::FILTERED_COST_MAP, kind, (srcs, dsts), &request.constraints))
    }
}
