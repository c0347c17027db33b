//! Full cost maps (RFC 7285 §11.2.3), and the form that parts of them share with them.

use topo::PidId;

use super::CostKind;
use super::cost_matrix::CostMatrix;
use super::cost_meta::CostMeta;
use super::selection::Selection;
use crate::published::Published;

/// The data member of an answer (RFC 7285 §11.2.3.6).
const MEMBER: &str = "cost-map";

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
    let meta = CostMeta::new(published, id, &selection, true);
    let costs =
        CostMatrix::new(named(srcs), named(dsts), selection, |metric, &src, &dst| view.pid_cost(metric, src, dst));
    super::cost_answer(&meta, MEMBER, &costs)
}
