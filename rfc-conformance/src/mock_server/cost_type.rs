//! Cost types, and the conversion of costs to a cost mode (RFC 7285 §6.1, RFC 9274).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::metric::more_is_better;

/// Costs by source and destination.
pub type Costs = BTreeMap<(String, String), f64>;

/// Cost metric and cost mode of costs (RFC 7285 §10.7).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServedCostType {
    /// Cost metric, such as `routingcost`.
    pub metric: String,
    /// Cost mode, such as `numerical`.
    pub mode: String,
}

impl ServedCostType {
    /// Creates a cost type from its metric and mode.
    pub fn new(metric: &str, mode: &str) -> Self {
        Self { metric: metric.into(), mode: mode.into() }
    }

    /// Returns `routingcost` in numerical mode.
    pub fn numerical() -> Self {
        Self::new("routingcost", "numerical")
    }

    /// Returns `routingcost` in ordinal mode.
    pub fn ordinal() -> Self {
        Self::new("routingcost", "ordinal")
    }

    /// Returns the `CostType` object of ALTO messages.
    pub fn to_json(&self) -> Value {
        json!({ "cost-mode": self.mode, "cost-metric": self.metric })
    }
}

/// Converts costs to JSON values of a cost type; where more is better, the largest cost ranks first.
pub(super) fn as_type(cost_type: &ServedCostType, mut costs: Costs) -> BTreeMap<(String, String), Value> {
    if cost_type.mode == "ordinal" && more_is_better(&cost_type.metric) == Some(true) {
        for cost in costs.values_mut() {
            *cost = -*cost;
        }
    }
    in_mode(&cost_type.mode, &costs)
}

/// Converts costs to JSON values of a cost mode: dense ranks from 1 over all given costs in ordinal mode, the costs
/// themselves in any other.
pub fn in_mode<K: Ord + Clone>(mode: &str, costs: &BTreeMap<K, f64>) -> BTreeMap<K, Value> {
    let mut distinct: Vec<f64> = costs.values().copied().collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let rank = |cost: f64| distinct.iter().take_while(|other| **other < cost).count() + 1;
    let value = |cost: f64| match mode {
        "ordinal" => Value::from(rank(cost)),
        _ => number(cost),
    };
    costs.iter().map(|(pair, cost)| (pair.clone(), value(*cost))).collect()
}

/// Converts a number to JSON, as an integer where it is whole.
pub fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    if value.fract() == 0.0 && value.abs() < 9e15 { Value::from(value as i64) } else { Value::from(value) }
}
