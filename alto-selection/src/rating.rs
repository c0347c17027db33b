//! Combination of several costs of each candidate into one number that policies compare.
//!
//! Microseconds and bytes per second cannot be added. So each metric is brought to a common scale first:
//!
//! 1. Metrics where more is better (bandwidths) count by their reciprocal: the time to transfer a byte.
//! 2. Each value is divided by the median of the positive values of all candidates (of an even number, the lower of the
//!    two in the middle): 1 is usual and 2 twice as bad, whatever the unit. The median, rather than the mean or the range,
//!    because one candidate behind a link of very high price must not hide the differences between all others.
//! 3. A candidate whose value is unknown, or whose bandwidth is 0, counts as the worst known one: never an advantage, and
//!    never more of a penalty than the metric gives to any other candidate.
//! 4. The rating is the weighted sum of these, divided by the sum of the weights. Less is better.
//!
//! A metric with the same value for all candidates, or with no value for any, has no influence. Candidates without any
//! cost have no rating. Ratings keep ratios (the policy `alto` draws by them), and a candidate that is no worse than
//! another by any metric and better by one has the better rating, whatever other candidates there are.
//!
//! A single metric where less is better is its own rating, unchanged.

/// A metric to rate candidates by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Criterion {
    /// Influence of the metric; positive. Only its ratio to other weights matters.
    pub weight: f64,
    /// Direction in which the metric gets better.
    pub preference: Preference,
}

/// Direction in which a metric gets better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// Lower values are better: costs, delays, losses.
    Lower,
    /// Higher values are better: bandwidths.
    Higher,
}

/// Computes the ratings of candidates from their costs: a row per candidate, with a cost per criterion, in that order.
pub fn ratings<R: AsRef<[Option<f64>]>>(criteria: &[Criterion], costs: &[R]) -> Vec<Option<f64>> {
    if !is_compromise(criteria) {
        return costs.iter().map(|row| cost(row.as_ref(), 0)).collect();
    }
    let total: f64 = criteria.iter().map(|criterion| criterion.weight).sum();
    let known = |row: &[Option<f64>]| (0..criteria.len()).any(|column| cost(row, column).is_some());
    let mut ratings: Vec<Option<f64>> = costs.iter().map(|row| known(row.as_ref()).then_some(0.0)).collect();
    let mut scaled = Vec::with_capacity(costs.len());
    for (column, Criterion { weight, preference }) in criteria.iter().enumerate() {
        let value = |row: &R| cost(row.as_ref(), column).and_then(|cost| burden(cost, *preference));
        scale(costs.iter().map(value), &mut scaled);
        for (rating, scaled) in ratings.iter_mut().zip(&scaled) {
            *rating = rating.map(|sum| sum + weight * scaled);
        }
    }
    ratings.iter_mut().flatten().for_each(|rating| *rating /= total);
    ratings
}

/// True if ratings by these criteria differ from the costs themselves.
pub fn is_compromise(criteria: &[Criterion]) -> bool {
    !matches!(criteria, [Criterion { preference: Preference::Lower, .. }])
}

fn cost(row: &[Option<f64>], column: usize) -> Option<f64> {
    row.get(column).copied().flatten().filter(|cost| cost.is_finite())
}

/// The cost as a value where less is better and 0 is best.
fn burden(cost: f64, preference: Preference) -> Option<f64> {
    match preference {
        Preference::Lower => Some(cost.max(0.0)),
        Preference::Higher => (cost > 0.0).then(|| cost.recip()).filter(|burden| burden.is_finite()),
    }
}

/// Writes the values in units of their median to `scaled`, missing ones as the worst.
fn scale(values: impl Iterator<Item = Option<f64>> + Clone, scaled: &mut Vec<f64>) {
    let worst = values.clone().flatten().fold(0.0, f64::max);
    scaled.clear();
    scaled.extend(values.clone().flatten().filter(|value| *value > 0.0));
    let middle = scaled.len().saturating_sub(1) / 2;
    let median = if scaled.is_empty() { 1.0 } else { *scaled.select_nth_unstable_by(middle, f64::total_cmp).1 };
    scaled.clear();
    // Bounded, so that sums and ratios of ratings stay finite.
    scaled.extend(values.map(|value| (value.unwrap_or(worst) / median).clamp(0.0, 1e12)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A criterion where less is better.
    const fn low(weight: f64) -> Criterion {
        Criterion { weight, preference: Preference::Lower }
    }

    /// A criterion where more is better.
    const fn high(weight: f64) -> Criterion {
        Criterion { weight, preference: Preference::Higher }
    }

    #[track_caller]
    fn assert_near(ratings: &[Option<f64>], expected: &[f64]) {
        assert_eq!(ratings.len(), expected.len());
        for (rating, expected) in ratings.iter().zip(expected) {
            assert!((rating.unwrap() - expected).abs() < 1e-9, "{ratings:?} should be {expected:?}");
        }
    }

    #[test]
    fn a_single_cost_is_its_own_rating_and_a_bandwidth_counts_by_its_reciprocal() {
        let costs = [vec![Some(3.0)], vec![None], vec![Some(12.0)]];
        assert_eq!(ratings(&[low(5.0)], &costs), [Some(3.0), None, Some(12.0)]);
        let bandwidths = [vec![Some(50.0)], vec![Some(100.0)], vec![Some(200.0)], vec![Some(0.0)], vec![None]];
        let rated = ratings(&[high(1.0)], &bandwidths);
        assert_near(&rated[..4], &[2.0, 1.0, 0.5, 2.0]);
        assert_eq!(rated[4], None, "no value is known");
        assert!(is_compromise(&[high(1.0)]) && is_compromise(&[low(1.0), low(1.0)]) && !is_compromise(&[low(1.0)]));
    }

    #[test]
    fn a_compromise_is_a_weighted_sum_of_ratios() {
        // Near and narrow, far and wide, and in between.
        let costs = [vec![Some(1000.0), Some(1e6)], vec![Some(4000.0), Some(8e6)], vec![Some(2000.0), Some(4e6)]];
        assert_near(&ratings(&[low(0.5), high(0.5)], &costs), &[2.25, 1.25, 1.0]);
        assert_near(&ratings(&[low(3.0), high(1.0)], &costs), &[1.375, 1.625, 1.0]);
        // The unit makes no difference.
        let milliseconds: Vec<Vec<Option<f64>>> =
            costs.iter().map(|row| vec![row[0].map(|cost| cost / 1000.0), row[1]]).collect();
        assert_near(&ratings(&[low(3.0), high(1.0)], &milliseconds), &[1.375, 1.625, 1.0]);
    }

    #[test]
    fn equal_missing_or_zero_values_have_no_influence() {
        let costs = [
            vec![Some(5.0), Some(0.0), None, Some(9.0)],
            vec![Some(5.0), Some(0.0), None, Some(3.0)],
            vec![Some(5.0), None, None, Some(1.0)],
        ];
        let by_last = ratings(&[low(1.0), low(1.0), high(1.0), low(1.0)], &costs);
        assert!(by_last[2] < by_last[1] && by_last[1] < by_last[0], "{by_last:?}");
        // A very high price comes last and does not hide the differences between the others.
        let costs = [
            vec![Some(3.0), Some(2.0)],
            vec![Some(4.0), Some(1.0)],
            vec![Some(2.0), Some(3.0)],
            vec![Some(5000.0), Some(1.0)],
        ];
        let rated = ratings(&[low(0.9), low(0.1)], &costs);
        assert!(rated[2] < rated[0] && rated[0] < rated[1] && rated[1] < rated[3], "{rated:?}");
    }

    const CRITERIA: [Criterion; 3] = [low(0.7), high(0.3), low(2.0)];

    fn any_costs() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        let cost = prop_oneof![Just(None), (0..5u8).prop_map(|cost| Some(cost.into())), any::<f64>().prop_map(Some)];
        prop::collection::vec(prop::collection::vec(cost, 3), 0..12)
    }

    proptest! {
        #[test]
        fn a_candidate_with_any_known_cost_has_a_finite_rating(costs in any_costs()) {
            for (rating, costs) in ratings(&CRITERIA, &costs).iter().zip(&costs) {
                prop_assert_eq!(rating.is_some(), costs.iter().flatten().any(|cost| cost.is_finite()));
                prop_assert!(rating.is_none_or(|rating| rating.is_finite() && rating >= 0.0));
            }
        }

        #[test]
        fn a_candidate_no_worse_by_any_metric_is_rated_no_worse(costs in prop::collection::vec(
            (0..1000u32, 1..1000u32, 0..100u32), 2..12)) {
            let rows: Vec<Vec<Option<f64>>> =
                costs.iter().map(|(a, b, c)| vec![Some((*a).into()), Some((*b).into()), Some((*c).into())]).collect();
            let rated = ratings(&CRITERIA, &rows);
            for (x, a) in costs.iter().enumerate() {
                for (y, b) in costs.iter().enumerate() {
                    if a.0 <= b.0 && a.1 >= b.1 && a.2 <= b.2 {
                        prop_assert!(rated[x] <= rated[y], "{:?} {:?}", a, b);
                        if a != b {
                            prop_assert!(rated[x] < rated[y], "{:?} {:?}", a, b);
                        }
                    }
                }
            }
        }

        #[test]
        fn an_unknown_value_is_no_advantage(costs in prop::collection::vec((1..1000u32, 1..1000u32), 2..12)) {
            let mut rows: Vec<Vec<Option<f64>>> =
                costs.iter().map(|(a, b)| vec![Some((*a).into()), Some((*b).into())]).collect();
            // The first equals the second, apart from its unknown bandwidth.
            rows[0] = vec![rows[1][0], None];
            let rated = ratings(&[low(1.0), high(1.0)], &rows);
            prop_assert!(rated[0] >= rated[1]);
        }

        #[test]
        fn neither_the_order_of_candidates_nor_the_scale_of_weights_matters(costs in any_costs(), by in 0..12usize) {
            let mut turned = costs.clone();
            let by = by % costs.len().max(1);
            turned.rotate_left(by);
            let mut expected = ratings(&CRITERIA, &costs);
            expected.rotate_left(by);
            prop_assert_eq!(ratings(&CRITERIA, &turned), expected.clone());
            for (heavier, rating) in ratings(&[low(7.0), high(3.0), low(20.0)], &turned).iter().zip(expected) {
                let (heavier, rating) = (heavier.unwrap_or(-1.0), rating.unwrap_or(-1.0));
                prop_assert!((heavier - rating).abs() <= rating.abs() * 1e-9);
            }
        }
    }
}
