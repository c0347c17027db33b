//! Costs of several types at once (RFC 8189): which are wanted, who is asked for which of them, and the answers joined.

use std::collections::BTreeMap;

use alto_types::{Constraint, CostSelection, CostType, CostTypes, Predicate, Tests};

use super::decode;
use super::document::Entry;
use super::error::Error;
use super::exchange::Answer;
use super::map_queries::undescribed;

/// Which types of costs are wanted, and for which pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct SeveralCosts {
    /// The types, in the order in which the answer has them; each counts once.
    pub types: Vec<CostType>,
    /// Groups of tests: pairs are wanted that pass all tests of at least one group. No group: all pairs. What is
    /// undefined passes no test.
    pub tests: Vec<Vec<CostTest>>,
}

/// A test of the cost of a pair, which need not be one of those that are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct CostTest {
    /// What is tested.
    pub cost_type: CostType,
    /// What it must pass.
    pub constraint: Constraint,
}

/// Costs of several types by source and destination.
#[derive(Clone, Debug, PartialEq)]
pub struct CostTable<K: Ord> {
    /// The types of the costs of each pair, in order, as the server described them.
    pub cost_types: Vec<CostType>,
    /// As many for each pair as there are types. What is undefined is nothing; a pair with no cost at all is absent.
    pub costs: BTreeMap<K, BTreeMap<K, Vec<Option<f64>>>>,
    /// How many resources it took, or times one was asked for another type: one where it can answer for all of them.
    pub questions: usize,
}

/// How costs of several types are had: one question after the other.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) steps: Vec<Step<'a>>,
    /// The tests are part of the only question; else they are made here.
    pub(crate) tested_there: bool,
}

/// A question.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// For several types at once, or tests that RFC 7285 does not know.
    Several(&'a Entry, Vec<CostType>),
    /// For one type, of whom and in whatever way it can be had.
    One(CostType),
}

impl Default for SeveralCosts {
    /// All of `routingcost` in numbers.
    fn default() -> Self {
        Self { types: vec![super::routing_cost()], tests: Vec::new() }
    }
}

impl SeveralCosts {
    /// All pairs, costs of these types.
    pub fn of(types: impl IntoIterator<Item = CostType>) -> Self {
        Self { types: types.into_iter().collect(), tests: Vec::new() }
    }

    /// The types without repetition.
    pub(crate) fn distinct(&self) -> Vec<CostType> {
        distinct(&self.types)
    }

    /// The types that have to be known to answer here: those wanted, and those tested.
    pub(crate) fn with_tested(&self) -> Vec<CostType> {
        distinct(self.types.iter().chain(self.tested()))
    }

    fn tested(&self) -> impl Iterator<Item = &CostType> {
        self.tests.iter().flatten().map(|test| &test.cost_type)
    }

    /// Whether a server without extensions understands all of it.
    fn is_plain(&self) -> bool {
        let types = self.distinct();
        types.len() == 1 && self.tests.len() <= 1 && self.tested().all(|tested| tested.is(&types[0]))
    }

    /// Whom of these to ask for what. As many types as can be are asked for at once; types that nobody has among
    /// others are asked for alone (RFC 8189 §4.1.2).
    pub(crate) fn plan<'a>(&self, entries: &(impl Iterator<Item = &'a Entry> + Clone)) -> Plan<'a> {
        let types = self.distinct();
        if self.is_plain() {
            return Plan { steps: types.into_iter().map(Step::One).collect(), tested_there: true };
        }
        let whole = |entry: &&Entry| {
            at_once(entry, &types) == types.len() && self.tested().all(|tested| entry.can_test(tested))
        };
        if let Some(entry) = entries.clone().find(whole) {
            return Plan { steps: vec![Step::Several(entry, types)], tested_there: true };
        }
        let mut left = self.with_tested();
        let mut steps = Vec::new();
        while !left.is_empty() {
            let offers = entries.clone().map(|entry| (at_once(entry, &left), entry));
            let best = offers.reduce(|best, next| if next.0 > best.0 { next } else { best });
            match best.filter(|(count, _)| *count > 1) {
                Some((count, entry)) => {
                    let (taken, rest) = take(left, count, |one| entry.offers(one));
                    steps.push(Step::Several(entry, taken));
                    left = rest;
                }
                None => steps.extend(left.drain(..).map(Step::One)),
            }
        }
        Plan { steps, tested_there: false }
    }

    /// The tests that go with a question for one type, which are all there are or none.
    pub(crate) fn constraints(&self) -> Vec<Constraint> {
        let plain = self.is_plain();
        self.tests.iter().flatten().filter(|_| plain).map(|test| test.constraint).collect()
    }

    /// The part of a request for these types, with all tests if they are to be made there.
    pub(crate) fn selection(&self, types: &[CostType], tested_there: bool) -> CostSelection {
        let plain: Vec<CostType> = types.iter().map(undescribed).collect();
        let tested = if tested_there { distinct(self.tested()) } else { Vec::new() };
        let place = |test: &CostTest| tested.iter().position(|tested| tested.is(&test.cost_type)).unwrap_or_default();
        let predicate = |test: &CostTest| Predicate { index: place(test), constraint: test.constraint };
        let mut groups: Vec<Vec<Predicate>> =
            self.tests.iter().map(|group| group.iter().map(predicate).collect()).collect();
        if !tested_there || groups.iter().any(Vec::is_empty) {
            // A group without tests is passed by all.
            groups.clear();
        }
        let tests = if groups.len() > 1 { Tests::Any(groups) } else { Tests::All(groups.pop().unwrap_or_default()) };
        let types = match plain.as_slice() {
            [one] => CostTypes::One(one.clone()),
            _ => CostTypes::Several(plain),
        };
        let testable = if tests.is_empty() { Vec::new() } else { tested.iter().map(undescribed).collect() };
        CostSelection { types, testable, tests }
    }
}

/// How many of these types a resource gives in one answer.
fn at_once(entry: &Entry, types: &[CostType]) -> usize {
    let most = usize::try_from(entry.capabilities().max_cost_types).unwrap_or(usize::MAX);
    types.iter().filter(|cost_type| entry.offers(cost_type)).count().min(most)
}

/// The first `count` types that are wanted, and all others.
fn take(types: Vec<CostType>, count: usize, wanted: impl Fn(&CostType) -> bool) -> (Vec<CostType>, Vec<CostType>) {
    let mut taken = 0;
    types.into_iter().partition(|one| {
        let take = taken < count && wanted(one);
        taken += usize::from(take);
        take
    })
}

fn distinct<'a>(types: impl IntoIterator<Item = &'a CostType>) -> Vec<CostType> {
    let mut distinct: Vec<CostType> = Vec::new();
    for one in types {
        if !distinct.iter().any(|known| known.is(one)) {
            distinct.push(one.clone());
        }
    }
    distinct
}

impl<K: Ord + Clone> CostTable<K> {
    /// No costs yet of types that were asked for.
    pub(crate) fn none(types: &[CostType]) -> Self {
        Self { cost_types: types.to_vec(), costs: BTreeMap::new(), questions: 0 }
    }

    /// The costs of a pair, where any is defined.
    pub fn get(&self, source: &K, destination: &K) -> Option<&[Option<f64>]> {
        self.costs.get(source)?.get(destination).map(Vec::as_slice)
    }

    /// All pairs that have costs.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &K, &[Option<f64>])> {
        self.costs.iter().flat_map(|(source, row)| row.iter().map(move |(to, costs)| (source, to, costs.as_slice())))
    }

    /// Takes what an answer says of one of the types.
    pub(crate) fn add(&mut self, described: &CostType, costs: impl IntoIterator<Item = (K, K, f64)>) {
        let Some(column) = self.cost_types.iter().position(|known| known.is(described)) else { return };
        self.cost_types[column] = described.clone();
        let width = self.cost_types.len();
        for (source, destination, cost) in costs {
            let cells = self.costs.entry(source).or_default().entry(destination).or_insert_with(|| vec![None; width]);
            cells[column] = Some(cost);
        }
    }

    /// Leaves the pairs that pass, and of those the costs that are wanted.
    pub(crate) fn select(&mut self, wanted: &SeveralCosts, tested_there: bool) {
        let place = |cost_type: &CostType| self.cost_types.iter().position(|known| known.is(cost_type));
        let admits = |test: &CostTest, costs: &[Option<f64>]| {
            let cost = place(&test.cost_type).and_then(|column| costs.get(column).copied().flatten());
            cost.is_some_and(|cost| test.constraint.admits(cost))
        };
        let kept: Vec<usize> = wanted.distinct().iter().filter_map(place).collect();
        let all = tested_there || wanted.tests.is_empty();
        for row in self.costs.values_mut() {
            row.retain(|_, costs| {
                let wanted_pair = all || wanted.tests.iter().any(|group| group.iter().all(|test| admits(test, costs)));
                *costs = kept.iter().map(|column| costs.get(*column).copied().flatten()).collect();
                wanted_pair && costs.iter().any(Option::is_some)
            });
        }
        self.cost_types = kept.iter().filter_map(|column| self.cost_types.get(*column).cloned()).collect();
    }
}

/// Where each of the types that were asked for stands in the arrays of an answer (RFC 8189 §4.1.3).
pub(crate) fn columns(answer: &Answer, got: &[CostType], wanted: &[CostType]) -> Result<Vec<usize>, Error> {
    let place = |one: &CostType| got.iter().position(|got| got.is(one));
    let columns: Option<Vec<usize>> = wanted.iter().map(place).collect();
    columns.filter(|_| got.len() == wanted.len()).ok_or_else(|| {
        let names = |types: &[CostType]| types.iter().map(name).collect::<Vec<_>>().join(", ");
        let (got, wanted) = (names(got), names(wanted));
        decode::malformed(answer, &format!("meta.multi-cost-types is {got}; {wanted} was asked for"))
    })
}

/// The costs of a pair, one of each type.
pub(crate) fn cells(answer: &Answer, costs: &[Option<f64>], types: &[CostType]) -> Result<(), Error> {
    if costs.len() == types.len() {
        return Ok(());
    }
    let (got, wanted) = (costs.len(), types.len());
    Err(decode::malformed(answer, &format!("an array has {got} costs; there are {wanted} cost types")))
}

fn name(cost_type: &CostType) -> String {
    format!("{} {}", cost_type.cost_mode, cost_type.cost_metric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(metric: &str) -> CostType {
        super::super::cost_type(metric, "numerical").unwrap()
    }

    fn test(metric: &str, constraint: &str) -> CostTest {
        CostTest { cost_type: kind(metric), constraint: constraint.parse().unwrap() }
    }

    fn json(wanted: &SeveralCosts, tested_there: bool) -> serde_json::Value {
        serde_json::to_value(wanted.selection(&wanted.distinct(), tested_there)).unwrap()
    }

    #[test]
    fn requests_say_no_more_than_they_must() {
        let metric = |name: &str| serde_json::json!({"cost-metric": name, "cost-mode": "numerical"});
        let mut wanted = SeveralCosts::of(["delay-ow", "routingcost", "delay-ow"].map(kind));
        let types = [metric("delay-ow"), metric("routingcost")];
        assert_eq!(json(&wanted, true), serde_json::json!({"multi-cost-types": types}));
        wanted.tests = vec![vec![test("lossrate", "le 1"), test("delay-ow", "lt 5")]];
        let tested = [metric("lossrate"), metric("delay-ow")];
        let expected = serde_json::json!({
            "multi-cost-types": types, "testable-cost-types": tested, "constraints": ["le 1", "[1] lt 5"],
        });
        assert_eq!(json(&wanted, true), expected);
        assert_eq!(json(&wanted, false), serde_json::json!({"multi-cost-types": types}));
        wanted.tests.push(vec![test("delay-ow", "ge 9")]);
        assert_eq!(json(&wanted, true)["or-constraints"], serde_json::json!([["le 1", "[1] lt 5"], ["[1] ge 9"]]));
        // One type is one type, whatever is tested (RFC 8189 §4.1.2).
        wanted.types.truncate(1);
        assert_eq!(json(&wanted, true)["cost-type"], types[0]);
        wanted.tests.push(Vec::new());
        assert_eq!(json(&wanted, true), serde_json::json!({"cost-type": types[0]}), "a group that all pass");
    }

    #[test]
    fn undefined_costs_pass_no_test_and_empty_pairs_are_gone() {
        let mut table = CostTable::none(&["delay-ow", "lossrate"].map(kind));
        table.add(&kind("delay-ow"), [(1, 2, 5.0), (1, 3, 6.0)]);
        table.add(&kind("lossrate"), [(1, 2, 0.0), (2, 1, 0.0)]);
        assert_eq!(table.get(&2, &1), Some(&[None, Some(0.0)][..]));
        let tests = vec![vec![test("lossrate", "ge 0")]];
        let wanted = SeveralCosts { types: vec![kind("delay-ow")], tests };
        table.select(&wanted, false);
        assert_eq!(table.iter().collect::<Vec<_>>(), [(&1, &2, &[Some(5.0)][..])]);
        assert_eq!(table.cost_types, [kind("delay-ow")]);
    }

    proptest! {
        #[test]
        fn columns_come_in_the_order_asked_for(
            costs in prop::collection::btree_map((0..4u8, 0..4u8), prop::array::uniform3(prop::option::of(0..9u8)), 0..12),
            order in Just(vec![0_usize, 1, 2]).prop_shuffle(),
        ) {
            let kinds = ["delay-ow", "lossrate", "hopcount"].map(kind);
            let mut table = CostTable::none(&kinds);
            for (column, kind) in kinds.iter().enumerate() {
                let defined = costs.iter().filter_map(|((from, to), cells)| Some((*from, *to, cells[column]?.into())));
                table.add(kind, defined.collect::<Vec<_>>());
            }
            table.select(&SeveralCosts::of(order.iter().map(|column| kinds[*column].clone())), false);
            for ((from, to), cells) in &costs {
                let expected: Vec<Option<f64>> = order.iter().map(|column| cells[*column].map(f64::from)).collect();
                let defined = expected.iter().any(Option::is_some);
                prop_assert_eq!(table.get(from, to), defined.then_some(expected.as_slice()));
            }
        }
    }
}
