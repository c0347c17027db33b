//! The endpoint cost service (RFC 7285 §11.5), multi-cost requests included (RFC 8189 §4.2).

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::SystemTime;

use alto_history::{Content, Costs, Table};
use alto_types::{EndpointCostRequest, EndpointFilter, MediaType, ProtocolError, SpeltAddr, TypedEndpointAddr};
use topo::{Endpoint, View};

use super::catalogue::{Entry, MERGE_PATCHES, Resource, Service};
use super::cost::matrix::look_up;
use super::cost::meta::CostMeta;
use super::cost::selection::{self, Selection};
use super::cost::text::CostText;
use super::limits::WorkLimits;
use super::lookup::Lookup;
use crate::http::HttpError;
use crate::http::answer::Answer;
use crate::http::offload::{Abandoned, Cancel};
use crate::state::snapshot::Snapshot;

/// Data member of an answer (RFC 7285 §11.5.1.6).
const MEMBER: &str = "endpoint-cost-map";

/// Resource ID of the endpoint cost service.
const ID: &str = "endpoint-cost";

/// Lookup of costs between endpoints.
struct EndpointCosts;

pub(super) fn resources() -> Vec<Resource> {
    vec![Resource {
        id: ID.into(),
        path: "endpointcost/lookup".into(),
        media_type: MediaType::ENDPOINT_COST,
        service: Service::lookup::<EndpointCosts>(),
        // Endpoint costs use no other resource (§11.5.1.5).
        entry: Some(Entry { uses: Vec::new(), capabilities: Box::new(|_| selection::capabilities()) }),
        patches: MERGE_PATCHES,
    }]
}

impl Lookup for EndpointCosts {
    type Request = EndpointCostRequest<SpeltAddr>;
    type Work = (Selection, EndpointFilter<SpeltAddr>);

    fn weigh(
        request: Self::Request,
        _snapshot: &Snapshot,
        limits: &WorkLimits,
    ) -> Result<(usize, Self::Work), ProtocolError> {
        let EndpointCostRequest { costs, endpoints } = request;
        let selection = Selection::of(&costs, limits)?;
        // An empty list stands for the client.
        let srcs = limits.bound_list("endpoints/srcs", endpoints.srcs.len())?.max(1);
        let dsts = limits.bound_list("endpoints/dsts", endpoints.dsts.len())?.max(1);
        Ok((selection.weigh("endpoints", (srcs, dsts), limits)?, (selection, endpoints)))
    }

    fn since(snapshot: &Snapshot) -> Option<SystemTime> {
        Some(snapshot.costs_since())
    }

    fn depends_on_client(request: &Self::Request) -> bool {
        request.endpoints.srcs.is_empty() || request.endpoints.dsts.is_empty()
    }

    fn answer(snapshot: &Snapshot, work: Self::Work, client: IpAddr, cancel: &Cancel) -> Result<Answer, HttpError> {
        let (meta, costs) = costs(snapshot, work, client, cancel)?;
        Ok(CostText::new(meta.into_head(MEMBER), costs).into_answer(MediaType::ENDPOINT_COST, cancel)?)
    }

    fn content(snapshot: &Snapshot, work: Self::Work, client: IpAddr, cancel: &Cancel) -> Result<Content, HttpError> {
        let (meta, costs) = costs(snapshot, work, client, cancel)?;
        Ok(Content::new(meta.into_meta(), MEMBER, Table::Costs(costs)))
    }
}

/// Looks up the costs of a request.
fn costs<'a>(
    snapshot: &'a Snapshot,
    (selection, endpoints): <EndpointCosts as Lookup>::Work,
    client: IpAddr,
    cancel: &Cancel,
) -> Result<(CostMeta<'a>, Costs), Abandoned> {
    let view = snapshot.view();
    let srcs = resolve(view, endpoints.srcs, client);
    let dsts = resolve(view, endpoints.dsts, client);
    let meta = CostMeta::new(snapshot, ID, &selection, false);
    let costs_into = |metric, dst| {
        let costs = view.costs_into(metric, dst);
        move |src: &Endpoint| costs.from(src)
    };
    Ok((meta, look_up(&srcs, &dsts, selection, costs_into, cancel)?))
}

/// Resolves a list of endpoints, each once and under its first spelling; an empty list is the client (§11.5.1.3).
fn resolve(view: &View, list: Vec<SpeltAddr>, client: IpAddr) -> Vec<(String, Endpoint)> {
    if list.is_empty() {
        let client = TypedEndpointAddr::from(client);
        return vec![(client.to_string(), view.endpoint(client.0))];
    }
    distinct(list).map(|SpeltAddr { address, spelling }| (spelling, view.endpoint(address.0))).collect()
}

/// Removes repeated addresses, whatever their spelling.
pub(super) fn distinct(list: Vec<SpeltAddr>) -> impl Iterator<Item = SpeltAddr> {
    let mut seen = HashSet::with_capacity(list.len());
    list.into_iter().filter(move |spelt| seen.insert(spelt.address))
}
