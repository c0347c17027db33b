//! The costs that a request selects and the tests that it filters by, resolved to this server's cost types (RFC 8189
//! §4.1.2).

use alto_types::{Capabilities, Constraint, CostSelection, CostType, CostTypes, ProtocolError, Tests};

use super::kind::CostKind;
use crate::resource::limits::WorkLimits;

/// Largest number of cost types in one request: all that exist.
const MAX_COST_TYPES: usize = CostKind::COUNT;

/// Costs to look up for every pair, and how to show and filter them.
pub(in crate::resource) struct Selection {
    /// Distinct cost types to look up.
    pub(in crate::resource) columns: Vec<CostKind>,
    pub(in crate::resource) shown: Shown,
    /// Groups of tests by column. A pair is in the answer if it passes every test of one group, or if there is no group.
    pub(in crate::resource) groups: Vec<Vec<(usize, Constraint)>>,
}

/// Columns that are in the answer.
pub(in crate::resource) enum Shown {
    /// One cost, written as a number.
    One(usize),
    /// Several costs, written as an array (RFC 8189 §4.1.3).
    Multi(Vec<usize>),
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
        Self { columns: vec![kind], shown: Shown::One(0), groups: Vec::new() }
    }

    /// Returns the largest number of costs that a request looks up per pair, or refuses lists that are too long.
    pub(in crate::resource) fn weigh(asked: &CostSelection, limits: &WorkLimits) -> Result<usize, ProtocolError> {
        let types = asked.types.as_slice().len();
        if types > MAX_COST_TYPES {
            let value = format!("{types} entries, at most {MAX_COST_TYPES} are answered");
            return Err(ProtocolError::invalid_value("multi-cost-types", value));
        }
        let testable = limits.bound_list("testable-cost-types", asked.testable.len())?;
        let (field, tests) = match &asked.tests {
            Tests::All(tests) => ("constraints", tests.len()),
            any @ Tests::Any(_) => ("or-constraints", any.len()),
        };
        limits.bound_list(field, tests)?;
        Ok((types + testable).min(MAX_COST_TYPES))
    }

    /// Resolves a request. Every cost type of this server can be tested.
    pub(in crate::resource) fn of(asked: &CostSelection) -> Result<Self, ProtocolError> {
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
        let group = |tests: &[alto_types::Predicate]| -> Vec<(usize, Constraint)> {
            tests.iter().filter_map(|test| Some((*tested.get(test.index)?, test.constraint))).collect()
        };
        let groups = match &asked.tests {
            Tests::All(tests) if tests.is_empty() => Vec::new(),
            Tests::All(tests) => vec![group(tests)],
            Tests::Any(groups) => groups.iter().map(|tests| group(tests)).collect(),
        };
        let shown = match shown.as_slice() {
            [only] if !multi => Shown::One(*only),
            _ => Shown::Multi(shown),
        };
        Ok(Self { columns, shown, groups })
    }
}
