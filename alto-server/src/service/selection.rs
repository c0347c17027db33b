//! Which costs an answer gives and which it is selected by, in terms of this server (RFC 8189 §4.1.2).

use alto_types::{Constraint, CostSelection, CostType, CostTypes, ProtocolError, Tests};
use topo::Metric;

use super::{CostKind, WorkLimits, bound_list};

/// Most cost types of one request: all there are.
pub(super) const MAX_COST_TYPES: usize = 2 * Metric::ALL.len();

/// What to look up for every pair, and what becomes of it.
pub(super) struct Selection {
    /// Everything that is looked up, each once.
    pub(super) columns: Vec<CostKind>,
    pub(super) shown: Shown,
    /// A pair is in the answer that passes every test of one group; without groups, every pair is. Tests name a column.
    pub(super) groups: Vec<Vec<(usize, Constraint)>>,
}

/// The costs of a pair in the answer, by columns.
pub(super) enum Shown {
    /// A number.
    One(usize),
    /// An array.
    Several(Vec<usize>),
}

impl Selection {
    /// Everything of one cost type.
    pub(super) fn all(kind: CostKind) -> Self {
        Self { columns: vec![kind], shown: Shown::One(0), groups: Vec::new() }
    }

    /// Refuses lists that are too long. How many costs are looked up for every pair, at most.
    pub(super) fn weigh(asked: &CostSelection, limits: &WorkLimits) -> Result<usize, ProtocolError> {
        let types = asked.types.as_slice().len();
        if types > MAX_COST_TYPES {
            let value = format!("{types} entries, at most {MAX_COST_TYPES} are answered");
            return Err(ProtocolError::invalid_value("multi-cost-types", value));
        }
        let testable = bound_list("testable-cost-types", asked.testable.len(), limits)?;
        let (field, tests) = match &asked.tests {
            Tests::All(tests) => ("constraints", tests.len()),
            any @ Tests::Any(_) => ("or-constraints", any.len()),
        };
        bound_list(field, tests, limits)?;
        Ok((types + testable).min(MAX_COST_TYPES))
    }

    /// Finds what is asked for among what is offered. Every cost type that is offered can be tested.
    pub(super) fn of(asked: &CostSelection) -> Result<Self, ProtocolError> {
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
        let (field, several) = match &asked.types {
            CostTypes::One(_) => ("cost-type", false),
            CostTypes::Several(_) => ("multi-cost-types", true),
        };
        let shown = find(field, asked.types.as_slice())?;
        let testable = find("testable-cost-types", &asked.testable)?;
        let tested = if testable.is_empty() { &shown } else { &testable };
        // Places were checked when the request was read.
        let group = |tests: &[alto_types::Predicate]| -> Vec<(usize, Constraint)> {
            tests.iter().filter_map(|test| Some((*tested.get(test.index)?, test.constraint))).collect()
        };
        let groups = match &asked.tests {
            Tests::All(tests) if tests.is_empty() => Vec::new(),
            Tests::All(tests) => vec![group(tests)],
            Tests::Any(groups) => groups.iter().map(|tests| group(tests)).collect(),
        };
        let shown = match shown.as_slice() {
            [only] if !several => Shown::One(*only),
            _ => Shown::Several(shown),
        };
        Ok(Self { columns, shown, groups })
    }
}
