//! Ranks made of numbers, for servers that offer a metric in numbers only (RFC 7285 §6.1.2).

use std::collections::BTreeMap;

use alto_types::{CostMode, CostType};

use super::metric::{Better, Metric};
use super::table::CostColumn;

/// The numerical type that ranks of this type can be made of, if it is an ordinal one of a metric whose better end is
/// known.
pub(crate) fn numbers_for(cost_type: &CostType) -> Option<CostType> {
    let ordinal = cost_type.cost_mode.as_str() == CostMode::ORDINAL;
    let known = ordinal && Metric::of(&cost_type.cost_metric).better().is_some();
    known.then(|| super::cost_type(cost_type.cost_metric.as_str(), CostMode::NUMERICAL).ok()).flatten()
}

/// Turns costs into ranks of an ordinal type: dense, from 1, equal costs into equal ranks.
pub(crate) fn rank<K: Ord + Clone>(column: &CostColumn<K>, ordinal: &CostType) -> CostColumn<K> {
    let better = Better::of(&column.cost_type);
    let mut levels: Vec<f64> = column.costs.values().flat_map(BTreeMap::values).copied().collect();
    levels.sort_by(|a, b| better.compare(*a, *b));
    levels.dedup();
    let mut ranks = CostColumn { cost_type: ordinal.clone(), costs: column.costs.clone() };
    for cost in ranks.costs.values_mut().flat_map(BTreeMap::values_mut) {
        // Every cost is one of the levels.
        let rank = levels.binary_search_by(|level| better.compare(*level, *cost)).unwrap_or_else(|place| place);
        *cost = u32::try_from(rank + 1).unwrap_or(u32::MAX).into();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_has_rank_one_and_equals_have_equal_ranks() {
        for (metric, ranks) in [("routingcost", [3.0, 1.0, 2.0, 1.0]), ("bw-residual", [1.0, 3.0, 2.0, 3.0])] {
            let numbers = crate::cost_type(metric, CostMode::NUMERICAL).unwrap();
            let ordinal = crate::cost_type(metric, CostMode::ORDINAL).unwrap();
            assert_eq!(numbers_for(&ordinal), Some(numbers.clone()));
            let mut column = CostColumn::new(numbers);
            column.costs.insert(0, (0..4).zip([9.0, -1.0, 0.5, -1.0]).collect());
            let found = rank(&column, &ordinal);
            assert_eq!(found.cost_type, ordinal);
            assert_eq!(found.iter().map(|(_, _, rank)| rank).collect::<Vec<_>>(), ranks, "{metric}");
        }
    }

    #[test]
    fn a_metric_whose_better_end_is_unknown_cannot_be_ranked() {
        assert_eq!(numbers_for(&crate::cost_type("priv:x", CostMode::ORDINAL).unwrap()), None);
    }
}
