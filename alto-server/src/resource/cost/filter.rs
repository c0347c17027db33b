//! The tests of a request (RFC 7285 §11.3.2.3, RFC 8189 §4.1.2), folded into as few comparisons as have the same result.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use alto_types::{Comparison, Constraint};

/// Test of one cost, by its column.
pub(super) type Test = (usize, Constraint);

/// Folded groups of tests: a pair passes if its costs pass all tests of at least one group.
pub(super) struct Filter {
    /// By column, the union of all groups that test that column only: disjoint intervals in ascending order.
    single: Vec<(usize, Vec<Interval>)>,
    /// Groups that test several columns: an interval for each.
    several: Vec<Vec<(usize, Interval)>>,
}

/// Costs from `low` to `high`, both included. An open end is the next number, which is the same for doubles.
#[derive(Clone, Copy, Debug)]
struct Interval {
    low: f64,
    high: f64,
}

impl Filter {
    /// Folds groups of tests. The tests of a group become one interval per column, whatever their number; groups that
    /// no costs pass are left out, and equal groups are joined.
    pub(super) fn fold<G: IntoIterator<Item = Test>>(groups: impl IntoIterator<Item = G>) -> Self {
        let mut single: BTreeMap<usize, Vec<Interval>> = BTreeMap::new();
        let mut several = BTreeSet::new();
        for group in groups {
            let mut folded: BTreeMap<usize, Interval> = BTreeMap::new();
            for (column, constraint) in group {
                let interval = Interval::of(constraint);
                folded.entry(column).and_modify(|known| *known = known.and(interval)).or_insert(interval);
            }
            if folded.values().any(Interval::is_empty) {
                continue;
            }
            match folded.iter().next() {
                Some((column, interval)) if folded.len() == 1 => single.entry(*column).or_default().push(*interval),
                _ => drop(several.insert(folded.into_iter().collect::<Vec<_>>())),
            }
        }
        let single = single.into_iter().map(|(column, intervals)| (column, union(intervals))).collect();
        Self { single, several: several.into_iter().collect() }
    }

    /// Largest number of comparisons per pair.
    pub(super) fn comparisons(&self) -> usize {
        // A union is searched by halves.
        let searches = self.single.iter().map(|(_, union)| 1 + union.len().checked_ilog2().unwrap_or(0) as usize);
        searches.chain(self.several.iter().map(Vec::len)).sum()
    }

    /// Tells whether a pair passes, given its costs by column. An undefined cost passes no test.
    pub(super) fn admits(&self, cost: impl Fn(usize) -> Option<f64>) -> bool {
        let in_union = |(column, union): &(usize, Vec<Interval>)| {
            cost(*column).is_some_and(|cost| {
                let next = union.partition_point(|interval| interval.high < cost);
                union.get(next).is_some_and(|interval| interval.has(cost))
            })
        };
        let in_interval = |(column, interval): &(usize, Interval)| cost(*column).is_some_and(|cost| interval.has(cost));
        self.single.iter().any(in_union) || self.several.iter().any(|group| group.iter().all(in_interval))
    }
}

impl Interval {
    fn of(Constraint { comparison, value }: Constraint) -> Self {
        let (low, high) = match comparison {
            Comparison::Greater => (value.next_up(), f64::INFINITY),
            Comparison::GreaterOrEqual => (value, f64::INFINITY),
            Comparison::Less => (f64::NEG_INFINITY, value.next_down()),
            Comparison::LessOrEqual => (f64::NEG_INFINITY, value),
            Comparison::Equal => (value, value),
        };
        Self { low, high }
    }

    fn and(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.min(other.high) }
    }

    fn is_empty(&self) -> bool {
        self.low > self.high
    }

    fn has(self, cost: f64) -> bool {
        self.low <= cost && cost <= self.high
    }
}

/// Joins intervals that overlap, or that follow each other without a number in between.
fn union(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut joined: Vec<Interval> = Vec::new();
    for next in intervals {
        match joined.last_mut() {
            Some(last) if next.low <= last.high.next_up() => last.high = last.high.max(next.high),
            _ => joined.push(next),
        }
    }
    joined
}

impl Ord for Interval {
    fn cmp(&self, other: &Self) -> Ordering {
        self.low.total_cmp(&other.low).then(self.high.total_cmp(&other.high))
    }
}

impl PartialOrd for Interval {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Interval {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Interval {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn comparison() -> impl Strategy<Value = Comparison> {
        prop::sample::select(vec![
            Comparison::Greater,
            Comparison::Less,
            Comparison::GreaterOrEqual,
            Comparison::LessOrEqual,
            Comparison::Equal,
        ])
    }

    /// A number that other numbers of a test often equal or nearly equal.
    fn number() -> impl Strategy<Value = f64> {
        let few = prop::sample::select(vec![0.0, -0.0, 1.0, 2.0, 3.0, 4.0, f64::MAX, f64::MIN]);
        (few, prop::sample::select(vec![-1, 0, 1])).prop_map(|(number, step)| match step {
            1 if number < f64::MAX => number.next_up(),
            -1 if number > f64::MIN => number.next_down(),
            _ => number,
        })
    }

    proptest! {
        #[test]
        fn folded_tests_admit_exactly_what_the_tests_one_by_one_admit(
            groups in prop::collection::vec(prop::collection::vec((0..3_usize, comparison(), number()), 1..5), 0..6),
            costs in prop::array::uniform3(prop::option::of(number())),
        ) {
            let groups: Vec<Vec<Test>> = groups
                .into_iter()
                .map(|group| group.into_iter().map(|(column, comparison, value)| (column, Constraint { comparison, value })))
                .map(Iterator::collect)
                .collect();
            let expected = groups.iter().any(|group| {
                group.iter().all(|(column, constraint)| costs[*column].is_some_and(|cost| constraint.admits(cost)))
            });
            let filter = Filter::fold(groups.iter().map(|group| group.iter().copied()));
            prop_assert_eq!(filter.admits(|column| costs[column]), expected);
            prop_assert!(filter.comparisons() <= groups.iter().map(Vec::len).sum());
        }
    }

    fn folded(groups: &[&[&str]]) -> usize {
        let test = |text: &&str| {
            let (column, constraint) = text.split_once(' ').unwrap();
            (column.parse().unwrap(), constraint.parse().unwrap())
        };
        Filter::fold(groups.iter().map(|group| group.iter().map(test))).comparisons()
    }

    #[test]
    fn redundant_tests_cost_nothing() {
        assert_eq!(folded(&[&["0 le 9", "0 le 8", "0 ge 1", "0 lt 8", "0 gt 0"]]), 1);
        assert_eq!(folded(&[&["0 le 1"], &["0 le 2"], &["0 ge 2"]]), 1, "groups that overlap");
        assert_eq!(folded(&[&["0 lt 1"], &["0 gt 1"], &["0 eq 1"]]), 1, "groups without a gap between them");
        assert_eq!(folded(&[&["0 lt 1", "1 lt 1"], &["0 lt 1", "1 lt 1"]]), 2, "equal groups");
        assert_eq!(folded(&[&["0 lt 1", "0 gt 1"], &["0 lt 1", "1 lt 1", "1 gt 1"]]), 0, "groups that nothing passes");
    }

    #[test]
    fn many_separate_values_are_searched_by_halves() {
        let groups: Vec<[Test; 1]> = (0..1024)
            .map(|value| [(0, Constraint { comparison: Comparison::Equal, value: f64::from(value) })])
            .collect();
        let filter = Filter::fold(groups);
        assert_eq!(filter.comparisons(), 11);
        assert!(filter.admits(|_| Some(700.0)) && !filter.admits(|_| Some(700.5)) && !filter.admits(|_| None));
    }
}
