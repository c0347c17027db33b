//! Puts holders in the order of what it costs to fetch from them.

use std::net::IpAddr;

use topo::{Metric, Value, View};

use super::registry::Candidate;

/// A candidate with its cost.
pub(super) struct Ranked {
    pub(super) candidate: Candidate,
    /// Absent where the cost is undefined.
    pub(super) cost: Option<Value>,
}

/// The `rows` best candidates, least cost first: that of the way the content goes, from the holder to the client, as the
/// endpoint cost service gives it. Those without a cost come last; names decide between equals.
pub(super) fn rank(view: &View, client: IpAddr, candidates: Vec<Candidate>, rows: usize) -> Vec<Ranked> {
    let client = view.endpoint(client);
    let with_cost = |candidate: Candidate| {
        let cost = view.cost_between(Metric::RoutingCost, &view.endpoint(candidate.address), &client);
        Ranked { candidate, cost }
    };
    let mut ranked: Vec<Ranked> = candidates.into_iter().map(with_cost).collect();
    let order = |one: &Ranked, other: &Ranked| {
        let [one, other] = [one, other].map(|Ranked { candidate, cost }| {
            (cost.is_none(), *cost, &candidate.name, candidate.address, candidate.key)
        });
        one.cmp(&other)
    };
    if ranked.len() > rows {
        ranked.select_nth_unstable_by(rows, order);
        ranked.truncate(rows);
    }
    ranked.sort_unstable_by(order);
    ranked
}
