//! The full cost maps, one for each cost type (RFC 7285 §11.2.3).

use alto_types::{Capabilities, MediaType};
use topo::PidId;

use super::catalogue::{Catalogue, Document, Entry, Resource, Service};
use super::cost::kind::{CostKind, Mode};
use super::cost::matrix::CostMatrix;
use super::cost::meta::CostMeta;
use super::cost::selection::Selection;
use super::cost::text::CostText;
use super::network_map;
use crate::http::offload::{Abandoned, Cancel};
use crate::state::snapshot::Snapshot;

/// Data member of an answer (RFC 7285 §11.2.3.6).
const MEMBER: &str = "cost-map";

/// Cost map of one cost type.
struct CostMap(CostKind);

pub(super) fn resources() -> Vec<Resource> {
    CostKind::all().map(resource).collect()
}

fn resource(kind: CostKind) -> Resource {
    let capabilities =
        move |_: &Snapshot| Capabilities { cost_type_names: vec![kind.name()], ..Capabilities::default() };
    Resource {
        id: id(kind).into(),
        path: format!("costmap/{}/{}", kind.mode.name(), kind.metric.name()).into(),
        media_type: MediaType::COST_MAP,
        service: Service::document(CostMap(kind)),
        entry: Some(Entry { uses: vec![network_map::ID], capabilities: Box::new(capabilities) }),
    }
}

fn id(kind: CostKind) -> String {
    match kind.mode {
        Mode::Numerical => format!("cost-map-{}", kind.metric.name()),
        Mode::Ordinal => format!("cost-map-{}-ordinal", kind.metric.name()),
    }
}

impl Document for CostMap {
    fn render(&self, snapshot: &Snapshot, _catalogue: &Catalogue) -> Vec<u8> {
        let pids: Vec<_> = snapshot.view().network_map().pids().map(|(pid, _)| pid).collect();
        // Rendered for all clients, so it is finished even if the first one leaves.
        let cancel = Cancel::default();
        let costs = pid_costs(snapshot, &id(self.0), Selection::all(self.0), (pids.clone(), pids), &cancel);
        costs.and_then(|costs| costs.whole(&cancel)).expect("a flag that nobody sets")
    }

    fn is_unchanged(&self, previous: &Snapshot, next: &Snapshot, _catalogue: &Catalogue) -> bool {
        previous.has_same_costs(next, self.0)
    }

    fn values(&self, snapshot: &Snapshot) -> usize {
        let pids = snapshot.view().network_map().len();
        pids.saturating_mul(pids)
    }
}

/// Returns the costs selected between the given sources and destinations, as an answer of the resource `id`.
pub(super) fn pid_costs(
    snapshot: &Snapshot,
    id: &str,
    selection: Selection,
    (srcs, dsts): (Vec<PidId>, Vec<PidId>),
    cancel: &Cancel,
) -> Result<CostText, Abandoned> {
    let view = snapshot.view();
    let map = view.network_map();
    let named = |pids: Vec<PidId>| pids.into_iter().map(|pid| (map.pid(pid).name().as_str(), pid)).collect::<Vec<_>>();
    let meta = CostMeta::new(snapshot, id, &selection, true);
    let cost = |metric, src: &PidId, dst: &PidId| view.pid_cost(metric, *src, *dst);
    let costs = CostMatrix::new(&named(srcs), &named(dsts), selection, cost, cancel)?;
    Ok(CostText::new(meta.into_head(MEMBER), costs))
}
