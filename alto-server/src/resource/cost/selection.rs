//! The costs that a request selects and the tests that it filters by, resolved to this server's cost types (RFC 8189
//! §4.1.2).

use alto_history::Shown;
use alto_types::{Capabilities, CostSelection, CostType, CostTypes, Predicate, ProtocolError, Tests};

use super::filter::Filter;
use super::kind::CostKind;
use crate::resource::limits::WorkLimits;

/// Largest number of cost types in one request: all that exist.
const MAX_COST_TYPES: usize = CostKind::COUNT;

/// Costs to look up for every pair, and how to show and filter them.
pub(in crate::resource) struct Selection {
    /// Distinct cost types to look up.
    pub(in crate::resource) columns: Vec<CostKind>,
    pub(in crate::resource) shown: Shown,
    /// Tests that a pair in the answer has to pass; absent if every pair is in the answer.
    pub(super) filter: Option<Filter>,
    /// Number of costs per pair that the limit on pairs counts: the cost types that the request names.
    costs: usize,
    /// Member of the request that has the tests.
    tests: &'static str,
}

/// Returns the capabilities of the resources that take cost selections.
pub(in crate::resource) fn capabilities() -> Capabilities {
    Capabilities {
        cost_type_names: CostKind::all().map(CostKind::name).collect(),
        // Constraints work for every cost type, so that `testable-cost-type-names` must be absent (RFC 8189 §4.1.1).
        cost_constraints: true,
        max_cost_types: MAX_COST_TYPES as u64,
        ..Capabilities::default()
    }
}

impl Selection {
    /// Selects every pair of one cost type.
    pub(in crate::resource) fn all(kind: CostKind) -> Self {
        Self { columns: vec![kind], shown: Shown::One(0), filter: None, costs: 1, tests: "constraints" }
    }

    /// Resolves what a request selects, or refuses lists that are too long. Every cost type of this server can be tested.
    pub(in crate::resource) fn of(asked: &CostSelection, limits: &WorkLimits) -> Result<Self, ProtocolError> {
        let types = asked.types.as_slice().len();
        if types > MAX_COST_TYPES {
            let value = format!("{types} entries, at most {MAX_COST_TYPES} are answered");
            return Err(ProtocolError::invalid_value("multi-cost-types", value));
        }
        let testable = limits.bound_list("testable-cost-types", asked.testable.len())?;
        let tests = match &asked.tests {
            Tests::All(_) => "constraints",
            Tests::Any(_) => "or-constraints",
        };
        limits.bound_list(tests, asked.tests.len())?;
        let (columns, shown, filter) = resolve(asked)?;
        Ok(Self { columns, shown, filter, costs: (types + testable).min(MAX_COST_TYPES), tests })
    }

    /// Refuses the selection for too many pairs of the two numbers of elements. Returns the weight of the answer.
    pub(in crate::resource) fn weigh(
        &self,
        field: &str,
        pairs: (usize, usize),
        limits: &WorkLimits,
    ) -> Result<usize, ProtocolError> {
        let costs = limits.bound_pairs(field, pairs, self.costs)?;
        Ok(costs.saturating_add(self.weigh_tests(pairs, limits)?))
    }

    /// Refuses too many tests of all pairs of the two numbers of elements. Returns the weight of the tests.
    pub(in crate::resource) fn weigh_tests(
        &self,
        (srcs, dsts): (usize, usize),
        limits: &WorkLimits,
    ) -> Result<usize, ProtocolError> {
        let comparisons = self.filter.as_ref().map_or(0, Filter::comparisons);
        limits.bound_comparisons(self.tests, srcs.saturating_mul(dsts), comparisons)
    }

    /// Tells whether the request names one cost type only.
    pub(in crate::resource) fn is_single(&self) -> bool {
        self.costs == 1
    }
}

/// Resolves the cost types of a request: those to look up, those to show, and the tests on them.
fn resolve(asked: &CostSelection) -> Result<(Vec<CostKind>, Shown, Option<Filter>), ProtocolError> {
    let mut columns = Vec::new();
    let mut find = |field: &str, types: &[CostType]| -> Result<Vec<usize>, ProtocolError> {
        let column = |cost_type: &CostType| {
            let kind = CostKind::requested(cost_type, field)?;
            Ok(columns.iter().position(|known| *known == kind).unwrap_or_else(|| {
                columns.push(kind);
                columns.len() - 1
            }))
        };
        types.iter().map(column).collect()
    };
    let (field, multi) = match &asked.types {
        CostTypes::One(_) => ("cost-type", false),
        CostTypes::Several(_) => ("multi-cost-types", true),
    };
    let shown = find(field, asked.types.as_slice())?;
    let testable = find("testable-cost-types", &asked.testable)?;
    let tested = if testable.is_empty() { &shown } else { &testable };
    // Decoding the request has checked the indices.
    let test = |test: &Predicate| Some((*tested.get(test.index)?, test.constraint));
    let filter = match &asked.tests {
        Tests::All(tests) if tests.is_empty() => None,
        Tests::All(tests) => Some(Filter::fold([tests.iter().filter_map(test)])),
        Tests::Any(groups) => Some(Filter::fold(groups.iter().map(|tests| tests.iter().filter_map(test)))),
    };
    let shown = match shown.as_slice() {
        [only] if !multi => Shown::One(*only),
        _ => Shown::Multi(shown),
    };
    Ok((columns, shown, filter))
}
