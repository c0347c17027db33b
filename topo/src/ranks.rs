//! Ranks of values, as ordinal cost modes publish them.

use crate::metric::Metric;
use crate::value::Value;

/// Returns the dense ranks of values: 1 for the best, no gaps, equal ranks for equal values.
pub fn dense_ranks(metric: Metric, values: &[Value]) -> Vec<u32> {
    let mut distinct = values.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let rank = |value: &Value| {
        let below = distinct.partition_point(|other| other < value);
        let better = if metric.larger_is_better() { distinct.len() - 1 - below } else { below };
        u32::try_from(better + 1).unwrap_or(u32::MAX)
    };
    values.iter().map(rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_dense_and_the_best_is_first() {
        let values = [30, 10, 30, 20].map(Value::from_integer);
        assert_eq!(dense_ranks(Metric::RoutingCost, &values), [3, 1, 3, 2]);
        assert_eq!(dense_ranks(Metric::AvailableBandwidth, &values), [1, 3, 1, 2]);
        assert!(dense_ranks(Metric::HopCount, &[]).is_empty());
    }
}
