//! The full cost maps, one for each cost type (RFC 7285 §11.2.3).

use alto_history::{Content, Costs, Table};
use alto_types::{Capabilities, MediaType};
use topo::PidId;

use super::catalogue::{Catalogue, Document, Entry, MERGE_PATCHES, Previous, Resource, Service};
use super::cost::kind::{CostKind, Mode};
use super::cost::matrix::look_up;
use super::cost::meta::CostMeta;
use super::cost::selection::Selection;
use super::cost::text::CostText;
use super::network_map;
use super::scope::Scope;
use crate::http::offload::{Abandoned, Cancel};
use crate::state::snapshot::Snapshot;

/// Data member of an answer (RFC 7285 §11.2.3.6).
const MEMBER: &str = "cost-map";

/// Cost map of one cost type.
struct CostMap(CostKind);

/// Beginning of the resource IDs of cost maps.
const ID: &str = "cost-map";

pub(super) fn resources(scope: &Scope) -> Vec<Resource> {
    CostKind::all().map(|kind| resource(scope, kind)).collect()
}

fn resource(scope: &Scope, kind: CostKind) -> Resource {
    let capabilities =
        move |_: &Snapshot| Capabilities { cost_type_names: vec![kind.name()], ..Capabilities::default() };
    Resource {
        id: id(scope, kind).into(),
        path: scope.path(&format!("costmap/{}/{}", kind.mode.name(), kind.metric.name())).into(),
        media_type: MediaType::COST_MAP,
        service: Service::document_of(scope, CostMap(kind)),
        entry: Some(Entry { uses: vec![scope.id(network_map::ID).into()], capabilities: Box::new(capabilities) }),
        patches: MERGE_PATCHES,
    }
}

fn id(scope: &Scope, kind: CostKind) -> String {
    let (stem, metric) = (scope.id(ID), kind.metric.name());
    match kind.mode {
        Mode::Numerical => format!("{stem}-{metric}"),
        Mode::Ordinal => format!("{stem}-{metric}-ordinal"),
    }
}

impl Document for CostMap {
    fn render(&self, snapshot: &Snapshot, _catalogue: &Catalogue) -> Vec<u8> {
        // Rendered for all clients, so it is finished even if the first one leaves.
        let cancel = Cancel::default();
        let costs = self.costs(snapshot, &cancel);
        costs.and_then(|costs| costs.into_text().whole(&cancel)).expect("a flag that nobody sets")
    }

    fn is_unchanged(&self, previous: &Snapshot, next: &Snapshot, _catalogue: &Catalogue) -> bool {
        previous.has_same_costs(next, self.0)
    }

    fn values(&self, snapshot: &Snapshot) -> usize {
        let pids = snapshot.view().network_map().len();
        pids.saturating_mul(pids)
    }

    fn content(&self, snapshot: &Snapshot, previous: Option<Previous<'_>>) -> Option<Content> {
        let known = previous.and_then(|previous| self.updated(snapshot, previous));
        // Computed for all clients, like the document.
        let costs = || self.costs(snapshot, &Cancel::default()).ok();
        known.or_else(costs).map(PidCosts::into_content)
    }
}

impl CostMap {
    /// Looks up only the costs that may differ from those of the version before; none if that is not known, or if one
    /// changed cost may change the ranks of all.
    fn updated<'a>(&self, snapshot: &'a Snapshot, previous: Previous<'_>) -> Option<PidCosts<'a>> {
        let Self(kind) = self;
        let (view, before) = (snapshot.view(), previous.snapshot.view());
        let Table::Costs(costs) = previous.content.table() else { return None };
        let changed = view.changed_pairs(before).filter(|_| kind.mode == Mode::Numerical)?;
        let mut costs = costs.clone();
        let pids = view.network_map().len();
        let column = costs.columns.first_mut()?;
        for (src, dst) in changed.of_metric(kind.metric) {
            let pair = src.0 as usize * pids + dst.0 as usize;
            match view.pid_cost(kind.metric, src, dst) {
                Some(value) => column.set(pair, value.micros()),
                None => column.clear(pair),
            }
        }
        Some(PidCosts {
            meta: CostMeta::new(snapshot, &id(snapshot.scope(), *kind), &Selection::all(*kind), true),
            costs,
        })
    }

    fn costs<'a>(&self, snapshot: &'a Snapshot, cancel: &Cancel) -> Result<PidCosts<'a>, Abandoned> {
        let pids: Vec<_> = snapshot.view().network_map().pids().map(|(pid, _)| pid).collect();
        let id = id(snapshot.scope(), self.0);
        pid_costs(snapshot, &id, Selection::all(self.0), (pids.clone(), pids), cancel)
    }
}

/// Costs between PIDs, with what an answer says about them.
pub(super) struct PidCosts<'a> {
    meta: CostMeta<'a>,
    costs: Costs,
}

impl PidCosts<'_> {
    /// Begins the text of the answer.
    pub(super) fn into_text(self) -> CostText {
        CostText::new(self.meta.into_head(MEMBER), self.costs)
    }

    /// Converts to a version in a history.
    pub(super) fn into_content(self) -> Content {
        Content::new(self.meta.into_meta(), MEMBER, Table::Costs(self.costs))
    }
}

/// Returns the costs selected between the given sources and destinations, as an answer of the resource `id`.
pub(super) fn pid_costs<'a>(
    snapshot: &'a Snapshot,
    id: &str,
    selection: Selection,
    (srcs, dsts): (Vec<PidId>, Vec<PidId>),
    cancel: &Cancel,
) -> Result<PidCosts<'a>, Abandoned> {
    let view = snapshot.view();
    let map = view.network_map();
    let named = |pids: Vec<PidId>| pids.into_iter().map(|pid| (map.pid(pid).name().as_str(), pid)).collect::<Vec<_>>();
    let meta = CostMeta::new(snapshot, id, &selection, true);
    let (srcs, dsts) = (named(srcs), named(dsts));
    let costs_into = |metric, dst: &PidId| {
        let costs = view.costs_into_pid(metric, *dst);
        move |src: &PidId| costs.from(*src)
    };
    let costs = look_up(&srcs, &dsts, selection, costs_into, cancel)?;
    Ok(PidCosts { meta, costs })
}
