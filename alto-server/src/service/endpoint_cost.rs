//! The endpoint cost service (RFC 7285 §11.5), also for several costs at once (RFC 8189 §4.2).

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::SystemTime;

use alto_types::{EndpointCostRequest, MediaType, ProtocolError, SpeltAddr, TypedEndpointAddr};
use topo::{Endpoint, View};

use super::cost_matrix::CostMatrix;
use super::cost_meta::CostMeta;
use super::selection::Selection;
use super::{Lookup, WorkLimits, bound_list, bound_pairs, id};
use crate::published::Published;

pub(crate) struct EndpointCosts;

/// The data member of an answer (RFC 7285 §11.5.1.6).
const MEMBER: &str = "endpoint-cost-map";

impl Lookup for EndpointCosts {
    type Request = EndpointCostRequest<SpeltAddr>;
    const ANSWER: MediaType = MediaType::ENDPOINT_COST;
    const ID: &'static str = id::ENDPOINT_COST;

    fn weigh(request: &Self::Request, _published: &Published, limits: &WorkLimits) -> Result<usize, ProtocolError> {
        let costs = Selection::weigh(&request.costs, limits)?;
        // An empty list is one endpoint: the client.
        let srcs = bound_list("endpoints/srcs", request.endpoints.srcs.len(), limits)?.max(1);
        let dsts = bound_list("endpoints/dsts", request.endpoints.dsts.len(), limits)?.max(1);
        bound_pairs("endpoints", (srcs, dsts), costs, limits)
    }

    fn since(published: &Published) -> Option<SystemTime> {
        Some(published.costs_since())
    }

    fn answer(published: &Published, request: Self::Request, client: IpAddr) -> Result<Vec<u8>, ProtocolError> {
        let selection = Selection::of(&request.costs)?;
        let view = published.view();
        let srcs = resolve(view, request.endpoints.srcs, client);
        let dsts = resolve(view, request.endpoints.dsts, client);
        let meta = CostMeta::new(published, id::ENDPOINT_COST, &selection, false);
        let costs = CostMatrix::new(srcs, dsts, selection, |metric, src, dst| view.cost_between(metric, src, dst));
        Ok(super::cost_answer(&meta, MEMBER, &costs))
    }
}

/// Each endpoint of a list once, by value, under the spelling that came first; the client where the list is empty
/// (§11.5.1.3).
fn resolve(view: &View, list: Vec<SpeltAddr>, client: IpAddr) -> Vec<(String, Endpoint)> {
    if list.is_empty() {
        let client = TypedEndpointAddr::from(client);
        return vec![(client.to_string(), view.endpoint(client.0))];
    }
    distinct(list).map(|SpeltAddr { address, spelling }| (spelling, view.endpoint(address.0))).collect()
}

/// Every address once, by value.
pub(super) fn distinct(list: Vec<SpeltAddr>) -> impl Iterator<Item = SpeltAddr> {
    let mut seen = HashSet::with_capacity(list.len());
    list.into_iter().filter(move |spelt| seen.insert(spelt.address))
}
