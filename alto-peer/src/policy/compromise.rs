//! One number for each holder out of several costs, so that the policies that go by costs can go by all of them.
//!
//! Microseconds and bytes per second cannot be added. So each metric is brought to a common measure first:
//!
//! 1. Of metrics where more is better (bandwidths) the reciprocal counts: the time that a byte takes.
//! 2. Each value is divided by the median of the positive values of all holders (of an even number, the lower of the
//!    two in the middle): 1 is usual, 2 twice as bad, whatever the unit is. The median, rather than the mean or the
//!    range, because one holder behind a link of very high price must not make all others look the same.
//! 3. A holder whose value is not known, or whose bandwidth is 0, is as bad as the worst that is known: that is never an
//!    advantage, and no more than the metric gives it.
//! 4. The rating is the sum of these by weight, divided by the sum of the weights. Less is better.
//!
//! Where all holders have the same value, or nobody has one, a metric decides nothing. Holders without any cost have no
//! rating. Ratings keep ratios (the policy `alto` draws by them), and who is no worse than another by any metric and
//! better by one has the better rating, whoever else there is.
//!
//! A single metric of which less is better is its own rating, unchanged.

use alto_types::CostMetric;

use super::metrics::{Metrics, Weighted};
use alto_client::metric::{Better, Metric};

/// The ratings of holders: `costs` has their costs by these metrics, in order.
pub fn ratings(metrics: &Metrics, costs: &[&[Option<f64>]]) -> Vec<Option<f64>> {
    let weighted = metrics.as_slice();
    if let [Weighted { metric, .. }] = weighted
        && better(metric) == Better::Less
    {
        return costs.iter().map(|costs| cost(costs, 0)).collect();
    }
    let columns: Vec<(f64, Vec<f64>)> = (0..weighted.len())
        .map(|column| {
            let Weighted { metric, weight } = &weighted[column];
            let better = better(metric);
            (*weight, measures(costs.iter().map(|costs| cost(costs, column).and_then(|cost| burden(cost, better)))))
        })
        .collect();
    let total: f64 = columns.iter().map(|(weight, _)| weight).sum();
    let rating = |row: usize| columns.iter().map(|(weight, column)| weight * column[row]).sum::<f64>() / total;
    let known = |costs: &[Option<f64>]| (0..weighted.len()).any(|column| cost(costs, column).is_some());
    costs.iter().enumerate().map(|(row, costs)| known(costs).then(|| rating(row))).collect()
}

/// Whether the rating by these metrics is another number than the cost.
pub fn is_compromise(metrics: &Metrics) -> bool {
    !matches!(metrics.as_slice(), [only] if better(&only.metric) == Better::Less)
}

/// A metric that nobody knows is a cost: less is better.
fn better(metric: &CostMetric) -> Better {
    Metric::of(metric).better().unwrap_or(Better::Less)
}

fn cost(costs: &[Option<f64>], column: usize) -> Option<f64> {
    costs.get(column).copied().flatten().filter(|cost| cost.is_finite())
}

/// A value of which less is better, and 0 is best.
fn burden(cost: f64, better: Better) -> Option<f64> {
    match better {
        Better::Less => Some(cost.max(0.0)),
        Better::More => (cost > 0.0).then(|| cost.recip()).filter(|burden| burden.is_finite()),
    }
}

/// Values in units of their median, those missing as the worst.
fn measures(values: impl Iterator<Item = Option<f64>> + Clone) -> Vec<f64> {
    let worst = values.clone().flatten().fold(0.0, f64::max);
    let mut positive: Vec<f64> = values.clone().flatten().filter(|value| *value > 0.0).collect();
    positive.sort_by(f64::total_cmp);
    let median = positive.get(positive.len().saturating_sub(1) / 2).copied().unwrap_or(1.0);
    // Bounded, so that sums and ratios of ratings stay finite.
    values.map(|value| (value.unwrap_or(worst) / median).clamp(0.0, 1e12)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(metrics: &str, costs: &[Vec<Option<f64>>]) -> Vec<Option<f64>> {
        let rows: Vec<&[Option<f64>]> = costs.iter().map(Vec::as_slice).collect();
        ratings(&metrics.parse().unwrap(), &rows)
    }

    #[track_caller]
    fn assert_near(ratings: &[Option<f64>], expected: &[f64]) {
        assert_eq!(ratings.len(), expected.len());
        for (rating, expected) in ratings.iter().zip(expected) {
            assert!((rating.unwrap() - expected).abs() < 1e-9, "{ratings:?} should be {expected:?}");
        }
    }

    #[test]
    fn one_cost_is_its_own_rating_and_bandwidth_is_turned_round() {
        let costs = [vec![Some(3.0)], vec![None], vec![Some(12.0)]];
        assert_eq!(rate("routingcost=5", &costs), [Some(3.0), None, Some(12.0)]);
        let bandwidths = [vec![Some(50.0)], vec![Some(100.0)], vec![Some(200.0)], vec![Some(0.0)], vec![None]];
        let ratings = rate("bw-residual", &bandwidths);
        assert_near(&ratings[..4], &[2.0, 1.0, 0.5, 2.0]);
        assert_eq!(ratings[4], None, "nothing is known of it");
        assert!(is_compromise(&"bw-residual".parse().unwrap()) && !is_compromise(&Metrics::default()));
    }

    #[test]
    fn a_compromise_is_a_weighted_sum_of_ratios() {
        // Near and narrow, far and wide, and in between.
        let costs = [vec![Some(1000.0), Some(1e6)], vec![Some(4000.0), Some(8e6)], vec![Some(2000.0), Some(4e6)]];
        assert_near(&rate("delay-ow=0.5,bw-residual=0.5", &costs), &[2.25, 1.25, 1.0]);
        assert_near(&rate("delay-ow=3,bw-residual=1", &costs), &[1.375, 1.625, 1.0]);
        // The other unit changes nothing.
        let milliseconds: Vec<Vec<Option<f64>>> =
            costs.iter().map(|row| vec![row[0].map(|cost| cost / 1000.0), row[1]]).collect();
        assert_near(&rate("delay-ow=3,bw-residual=1", &milliseconds), &[1.375, 1.625, 1.0]);
    }

    #[test]
    fn what_is_equal_missing_or_zero_decides_nothing() {
        let costs = [
            vec![Some(5.0), Some(0.0), None, Some(9.0)],
            vec![Some(5.0), Some(0.0), None, Some(3.0)],
            vec![Some(5.0), None, None, Some(1.0)],
        ];
        let by_last = rate("hopcount,lossrate,bw-residual,delay-ow", &costs);
        assert!(by_last[2] < by_last[1] && by_last[1] < by_last[0], "{by_last:?}");
        // One of very high price leaves the others apart by the other metric, and is last.
        let costs = [
            vec![Some(3.0), Some(2.0)],
            vec![Some(4.0), Some(1.0)],
            vec![Some(2.0), Some(3.0)],
            vec![Some(5000.0), Some(1.0)],
        ];
        let ratings = rate("routingcost=0.9,delay-ow=0.1", &costs);
        assert!(ratings[2] < ratings[0] && ratings[0] < ratings[1] && ratings[1] < ratings[3], "{ratings:?}");
    }

    const METRICS: &str = "delay-ow=0.7,bw-residual=0.3,lossrate=2";

    fn any_costs() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        let cost = prop_oneof![Just(None), (0..5u8).prop_map(|cost| Some(cost.into())), any::<f64>().prop_map(Some)];
        prop::collection::vec(prop::collection::vec(cost, 3), 0..12)
    }

    proptest! {
        #[test]
        fn ratings_are_numbers_for_whom_anything_is_known(costs in any_costs()) {
            for (rating, costs) in rate(METRICS, &costs).iter().zip(&costs) {
                prop_assert_eq!(rating.is_some(), costs.iter().flatten().any(|cost| cost.is_finite()));
                prop_assert!(rating.is_none_or(|rating| rating.is_finite() && rating >= 0.0));
            }
        }

        #[test]
        fn no_worse_by_any_metric_is_no_worse_at_all(costs in prop::collection::vec(
            (0..1000u32, 1..1000u32, 0..100u32), 2..12)) {
            let rows: Vec<Vec<Option<f64>>> =
                costs.iter().map(|(a, b, c)| vec![Some((*a).into()), Some((*b).into()), Some((*c).into())]).collect();
            let ratings = rate(METRICS, &rows);
            for (x, a) in costs.iter().enumerate() {
                for (y, b) in costs.iter().enumerate() {
                    if a.0 <= b.0 && a.1 >= b.1 && a.2 <= b.2 {
                        prop_assert!(ratings[x] <= ratings[y], "{:?} {:?}", a, b);
                        if a != b {
                            prop_assert!(ratings[x] < ratings[y], "{:?} {:?}", a, b);
                        }
                    }
                }
            }
        }

        #[test]
        fn not_to_be_known_is_no_advantage(costs in prop::collection::vec((1..1000u32, 1..1000u32), 2..12)) {
            let mut rows: Vec<Vec<Option<f64>>> =
                costs.iter().map(|(a, b)| vec![Some((*a).into()), Some((*b).into())]).collect();
            // The first is like the second, but for what is not known of it.
            rows[0] = vec![rows[1][0], None];
            let ratings = rate("delay-ow,bw-available", &rows);
            prop_assert!(ratings[0] >= ratings[1]);
        }

        #[test]
        fn the_order_of_holders_and_the_scale_of_weights_do_not_matter(costs in any_costs(), by in 0..12usize) {
            let mut turned = costs.clone();
            let by = by % costs.len().max(1);
            turned.rotate_left(by);
            let mut expected = rate(METRICS, &costs);
            expected.rotate_left(by);
            prop_assert_eq!(rate(METRICS, &turned), expected.clone());
            for (heavier, rating) in rate("delay-ow=7,bw-residual=3,lossrate=20", &turned).iter().zip(expected) {
                let (heavier, rating) = (heavier.unwrap_or(-1.0), rating.unwrap_or(-1.0));
                prop_assert!((heavier - rating).abs() <= rating.abs() * 1e-9);
            }
        }
    }
}
