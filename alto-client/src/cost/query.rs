//! Query for costs of one type or several, with tests that select pairs by their costs (RFC 8189 §4.1.2).

use alto_types::{Constraint, CostSelection, CostType, CostTypes, Predicate, Tests};

use crate::error::Error;

/// Types of the costs that are wanted, and tests that pairs must pass.
///
/// The default is `routingcost` in numbers for every pair.
#[derive(Clone, Debug, PartialEq)]
pub struct CostQuery {
    /// Types of the costs, at least one, in the order of the answer; a repeated type counts once.
    pub types: Vec<CostType>,
    /// Groups of tests. The answer has the pairs that pass all tests of at least one group; without groups it has every
    /// pair. An undefined cost passes no test.
    pub tests: Vec<Vec<CostTest>>,
}

/// Test of a pair's cost. Its type need not be one of those that are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct CostTest {
    /// Type of the cost that is tested.
    pub cost_type: CostType,
    /// Bound on the cost.
    pub constraint: Constraint,
}

impl Default for CostQuery {
    fn default() -> Self {
        super::routing_cost().into()
    }
}

impl From<CostType> for CostQuery {
    fn from(cost_type: CostType) -> Self {
        Self::of([cost_type])
    }
}

impl CostQuery {
    /// Query for costs of these types, without tests.
    pub fn of(types: impl IntoIterator<Item = CostType>) -> Self {
        Self { types: types.into_iter().collect(), tests: Vec::new() }
    }

    /// Query for costs of one type that pass all these constraints (RFC 7285 §11.3.2.3).
    pub fn constrained(cost_type: CostType, constraints: impl IntoIterator<Item = Constraint>) -> Self {
        let test = |constraint| CostTest { cost_type: cost_type.clone(), constraint };
        let tests: Vec<CostTest> = constraints.into_iter().map(test).collect();
        Self { types: vec![cost_type], tests: if tests.is_empty() { Vec::new() } else { vec![tests] } }
    }

    /// Refuses a query that no server can be asked.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.types.is_empty() {
            return Err(Error::Query("a query for costs needs a cost type: CostQuery::types is empty"));
        }
        Ok(())
    }

    /// Types that are wanted, without repetition.
    pub(crate) fn distinct(&self) -> Vec<CostType> {
        distinct(&self.types)
    }

    /// Types that must be known to select pairs in this process: those that are wanted and those that are tested.
    pub(crate) fn with_tested(&self) -> Vec<CostType> {
        distinct(self.types.iter().chain(self.tested()))
    }

    /// Types that are tested, with repetitions.
    pub(crate) fn tested(&self) -> impl Iterator<Item = &CostType> {
        self.tests.iter().flatten().map(|test| &test.cost_type)
    }

    /// True if the query has any test.
    pub(crate) fn is_tested(&self) -> bool {
        self.tested().next().is_some()
    }

    /// True if RFC 7285 can express the query: one type, and no tests or one group of tests of that type.
    pub(crate) fn is_plain(&self) -> bool {
        let types = self.distinct();
        types.len() == 1 && self.tests.len() <= 1 && self.tested().all(|tested| tested.is(&types[0]))
    }

    /// The part of a request that asks for these types, with all tests if the server is to apply them.
    pub(crate) fn selection(&self, types: &[CostType], send_tests: bool) -> CostSelection {
        let requested: Vec<CostType> = types.iter().map(undescribed).collect();
        let tested = if send_tests { distinct(self.tested()) } else { Vec::new() };
        let index = |test: &CostTest| tested.iter().position(|tested| tested.is(&test.cost_type)).unwrap_or_default();
        let predicate = |test: &CostTest| Predicate { index: index(test), constraint: test.constraint };
        let mut groups: Vec<Vec<Predicate>> =
            self.tests.iter().map(|group| group.iter().map(predicate).collect()).collect();
        if !send_tests || groups.iter().any(Vec::is_empty) {
            // Every pair passes a group without tests.
            groups.clear();
        }
        let tests = if groups.len() > 1 { Tests::Any(groups) } else { Tests::All(groups.pop().unwrap_or_default()) };
        let types = match requested.as_slice() {
            [one] => CostTypes::One(one.clone()),
            _ => CostTypes::Several(requested),
        };
        // Servers without RFC 8189 do not know testable types; a plain query needs none.
        let implied = tests.is_empty() || self.is_plain();
        let testable = if implied { Vec::new() } else { tested.iter().map(undescribed).collect() };
        CostSelection { types, testable, tests }
    }
}

/// The type as requests name it: without description and context (RFC 7285 §11.3.2.3).
fn undescribed(cost_type: &CostType) -> CostType {
    CostType { description: None, cost_context: None, ..cost_type.clone() }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(metric: &str) -> CostType {
        crate::cost_type(metric, "numerical").unwrap()
    }

    fn test(metric: &str, constraint: &str) -> CostTest {
        CostTest { cost_type: kind(metric), constraint: constraint.parse().unwrap() }
    }

    fn json(query: &CostQuery, send_tests: bool) -> serde_json::Value {
        serde_json::to_value(query.selection(&query.distinct(), send_tests)).unwrap()
    }

    #[test]
    fn requests_say_no_more_than_they_must() {
        let metric = |name: &str| serde_json::json!({"cost-metric": name, "cost-mode": "numerical"});
        let mut query = CostQuery::of(["delay-ow", "routingcost", "delay-ow"].map(kind));
        let types = [metric("delay-ow"), metric("routingcost")];
        assert_eq!(json(&query, true), serde_json::json!({"multi-cost-types": types}));
        query.tests = vec![vec![test("lossrate", "le 1"), test("delay-ow", "lt 5")]];
        let tested = [metric("lossrate"), metric("delay-ow")];
        let expected = serde_json::json!({
            "multi-cost-types": types, "testable-cost-types": tested, "constraints": ["le 1", "[1] lt 5"],
        });
        assert_eq!(json(&query, true), expected);
        assert_eq!(json(&query, false), serde_json::json!({"multi-cost-types": types}));
        query.tests.push(vec![test("delay-ow", "ge 9")]);
        assert_eq!(json(&query, true)["or-constraints"], serde_json::json!([["le 1", "[1] lt 5"], ["[1] ge 9"]]));
        // One type is one type, whatever is tested (RFC 8189 §4.1.2).
        query.types.truncate(1);
        assert_eq!(json(&query, true)["cost-type"], types[0]);
        query.tests.push(Vec::new());
        assert_eq!(json(&query, true), serde_json::json!({"cost-type": types[0]}), "a group that all pass");
    }

    #[test]
    fn a_plain_query_asks_in_words_of_rfc_7285() {
        let constraints = ["ge 2".parse().unwrap(), "le 1e3".parse().unwrap()];
        let query = CostQuery::constrained(kind("routingcost"), constraints);
        let cost_type = serde_json::json!({"cost-metric": "routingcost", "cost-mode": "numerical"});
        let expected = serde_json::json!({"cost-type": cost_type, "constraints": ["ge 2", "le 1000"]});
        assert_eq!(json(&query, true), expected);
        assert_eq!(json(&query, false), serde_json::json!({"cost-type": cost_type}));
    }
}
