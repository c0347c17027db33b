//! Full cost maps (RFC 7285 §11.2.3), and the form that parts of them share with them.

use alto_types::{CostMap, CostMapMeta, CostTypes, MultiCostMapMeta, NoCostType};
use topo::PidId;

use super::CostKind;
use super::cost_matrix::CostMatrix;
use super::selection::Selection;
use crate::published::Published;

/// The full map of one cost type.
pub(crate) fn render(published: &Published, kind: CostKind) -> Vec<u8> {
    let all: Vec<PidId> = published.view().network_map().pids().map(|(id, _)| id).collect();
    render_part(published, &kind.cost_map_id(), Selection::all(kind), (all.clone(), all))
}

/// What is selected of the costs between the given sources and destinations, as an answer of the resource `id`.
pub(super) fn render_part(
    published: &Published,
    id: &str,
    selection: Selection,
    (srcs, dsts): (Vec<PidId>, Vec<PidId>),
) -> Vec<u8> {
    let view = published.view();
    let map = view.network_map();
    let named = |pids: Vec<PidId>| pids.into_iter().map(|pid| (map.pid(pid).name().as_str(), pid)).collect();
    let types = selection.to_wire(view);
    let cost_map =
        CostMatrix::new(named(srcs), named(dsts), selection, |metric, &src, &dst| view.pid_cost(metric, src, dst));
    let dependent_vtags = vec![published.network_map_vtag().clone()];
    let vtag = Some(published.cost_vtag(id));
    match types {
        CostTypes::One(cost_type) => {
            super::to_bytes(&CostMap { meta: CostMapMeta { dependent_vtags, cost_type, vtag }, cost_map })
        }
        CostTypes::Several(multi_cost_types) => {
            let meta = MultiCostMapMeta { dependent_vtags, cost_type: NoCostType, multi_cost_types, vtag };
            super::to_bytes(&CostMap { meta, cost_map })
        }
    }
}
