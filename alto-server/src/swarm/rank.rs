//! Order of holders by the cost of fetching from them.

use std::net::IpAddr;

use alto_registry::Holder;
use topo::{Metric, Value, View};

/// A holder with its cost to the client.
pub(super) struct Ranked {
    pub(super) holder: Holder,
    /// Absent where the cost is undefined.
    pub(super) cost: Option<Value>,
}

/// Sorts holders and returns the first `rows`, least cost first.
///
/// The cost is that of the way the content takes, from the holder to the client, as the endpoint cost service gives it.
/// Holders without a cost come last; of equal ones, the name decides.
pub(super) fn rank(view: &View, client: IpAddr, holders: Vec<Holder>, rows: usize) -> Vec<Ranked> {
    let client = view.endpoint(client);
    let with_cost = |holder: Holder| {
        let cost = view.cost_between(Metric::RoutingCost, &view.endpoint(holder.address.ip()), &client);
        Ranked { holder, cost }
    };
    let mut ranked: Vec<Ranked> = holders.into_iter().map(with_cost).collect();
    let order = |one: &Ranked, other: &Ranked| {
        let [one, other] = [one, other]
            .map(|Ranked { holder, cost }| (cost.is_none(), *cost, &holder.name, holder.address.ip(), holder.peer));
        one.cmp(&other)
    };
    if ranked.len() > rows {
        ranked.select_nth_unstable_by(rows, order);
        ranked.truncate(rows);
    }
    ranked.sort_unstable_by(order);
    ranked
}
