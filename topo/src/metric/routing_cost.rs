//! The metric `routingcost` (RFC 7285 §6.1.1.1).

use super::{Context, Definition};
use crate::route::measures::{Measures, Wanted};
use crate::value::Value;

/// Sum of link costs and prices.
pub(super) enum RoutingCost {}

impl Definition for RoutingCost {
    const NAME: &'static str = "routingcost";
    const DESCRIPTION: &'static str = "cost of the least-cost route, without unit";
    const LARGER_IS_BETTER: bool = false;
    // RFC 9439 §6.3 expects an estimation, which is what an absent context means.
    const CONTEXT: Option<Context> = None;
    const WANTED: Wanted = Wanted::CostAndHops;

    fn value(route: &Measures) -> Option<Value> {
        Some(route.cost.plus(route.price))
    }
}
