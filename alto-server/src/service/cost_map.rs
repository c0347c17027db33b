//! Full cost maps (RFC 7285 §11.2.3).

use alto_types::{Constraint, CostMap, CostMapMeta};
use topo::PidId;

use super::CostKind;
use super::cost_matrix::CostMatrix;
use crate::published::Published;

/// The full map of one cost type.
pub(crate) fn render(published: &Published, kind: CostKind) -> Vec<u8> {
    let all: Vec<PidId> = published.view().network_map().pids().map(|(id, _)| id).collect();
    render_part(published, &kind.cost_map_id(), kind, (all.clone(), all), &[])
}

/// The part of a cost map that has the given sources and destinations and passes the constraints, as an answer of
/// the resource `id`.
pub(super) fn render_part(
    published: &Published,
    id: &str,
    kind: CostKind,
    (srcs, dsts): (Vec<PidId>, Vec<PidId>),
    constraints: &[Constraint],
) -> Vec<u8> {
    let view = published.view();
    let map = view.network_map();
    let named = |pids: Vec<PidId>| pids.into_iter().map(|pid| (map.pid(pid).name().as_str(), pid)).collect();
    let costs =
        CostMatrix::new(named(srcs), named(dsts), kind, constraints, |&src, &dst| view.pid_cost(kind.metric, src, dst));
    let meta = CostMapMeta {
        dependent_vtags: vec![published.network_map_vtag().clone()],
        cost_type: kind.to_wire(view),
        vtag: Some(published.cost_vtag(id)),
    };
    super::to_bytes(&CostMap { meta, cost_map: costs })
}
