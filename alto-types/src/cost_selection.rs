//! The costs that a request selects and the tests they must pass, shared by requests for cost maps and endpoint costs:
//! one cost type (RFC 7285 §11.3.2.3), or several with tests on any of them (RFC 8189 §4.1.2).

use std::fmt;
use std::str::FromStr;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::cost::{Constraint, ConstraintError, CostType};
use crate::error::ProtocolError;
use crate::request::Fields;

/// The cost types that a request selects, with tests that filter the pairs in the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct CostSelection {
    /// Cost types in the answer.
    pub types: CostTypes,
    /// Cost types that the tests refer to; if empty, those in the answer.
    pub testable: Vec<CostType>,
    /// Tests that a pair in the answer must pass.
    pub tests: Tests,
}

/// A single cost type, or a list of them, which changes the shape of the answer even for a list of one.
#[derive(Clone, Debug, PartialEq)]
pub enum CostTypes {
    /// Single-cost: every cost is a number.
    One(CostType),
    /// Multi-cost: every cost is an array with one value per cost type, in this order.
    Several(Vec<CostType>),
}

/// The tests that select pairs by their costs.
#[derive(Clone, Debug, PartialEq)]
pub enum Tests {
    /// Conjunction: a pair must pass all tests; an empty list selects every pair.
    All(Vec<Predicate>),
    /// Disjunction of conjunctions: a pair must pass all tests of at least one group.
    Any(Vec<Vec<Predicate>>),
}

/// A test of one of several costs, such as `[1] le 100`; without an index, of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Predicate {
    /// Index of the cost type among the tested ones, from 0.
    pub index: usize,
    /// Constraint on the cost.
    pub constraint: Constraint,
}

impl CostSelection {
    /// Selects one cost type whose costs satisfy all constraints, which every server supports.
    pub fn one(cost_type: CostType, constraints: impl IntoIterator<Item = Constraint>) -> Self {
        let tests = constraints.into_iter().map(|constraint| Predicate { index: 0, constraint }).collect();
        Self { types: CostTypes::One(cost_type), testable: Vec::new(), tests: Tests::All(tests) }
    }

    /// Returns the cost types that tests refer to by index.
    pub fn tested(&self) -> &[CostType] {
        if self.testable.is_empty() { self.types.as_slice() } else { &self.testable }
    }

    pub(crate) fn decode(fields: &Fields<'_>) -> Result<Self, ProtocolError> {
        let types = CostTypes::decode(fields)?;
        let testable = cost_types(fields, "testable-cost-types")?.unwrap_or_default();
        let mut selection = Self { types, testable, tests: Tests::All(Vec::new()) };
        selection.tests = Tests::decode(fields, selection.tested().len())?;
        Ok(selection)
    }
}

impl CostTypes {
    /// Returns the cost types, in order.
    pub fn as_slice(&self) -> &[CostType] {
        match self {
            Self::One(cost_type) => std::slice::from_ref(cost_type),
            Self::Several(cost_types) => cost_types,
        }
    }

    fn decode(fields: &Fields<'_>) -> Result<Self, ProtocolError> {
        let several = cost_types(fields, "multi-cost-types")?;
        match (several, fields.optional_object("cost-type")?) {
            (None, _) => fields.object("cost-type").and_then(|one| cost_type(&one)).map(Self::One),
            // Some clients send an empty object next to the list, as in answers (RFC 8896 §5.2.4).
            (Some(several), one) if one.as_ref().is_none_or(Fields::is_empty) => Ok(Self::Several(several)),
            (Some(_), _) => {
                Err(ProtocolError::InvalidFieldValue { field: fields.path("multi-cost-types"), value: None })
            }
        }
    }
}

impl Tests {
    /// Returns the number of tests.
    pub fn len(&self) -> usize {
        match self {
            Self::All(tests) => tests.len(),
            Self::Any(groups) => groups.iter().map(Vec::len).sum(),
        }
    }

    /// Returns whether there are no tests.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn decode(fields: &Fields<'_>, tested: usize) -> Result<Self, ProtocolError> {
        const ALL: &str = "constraints";
        const ANY: &str = "or-constraints";
        let parse = |name: &str, texts: &[&str]| {
            let predicates: Vec<Predicate> = fields.parse_each(name, texts)?;
            match predicates.iter().zip(texts).find(|(predicate, _)| predicate.index >= tested) {
                Some((_, text)) => Err(fields.invalid(name, text)),
                None => Ok(predicates),
            }
        };
        let all = parse(ALL, &fields.optional_strings(ALL)?)?;
        let Some(groups) = fields.optional_string_lists(ANY)? else { return Ok(Self::All(all)) };
        if fields.has(ALL) {
            // The two members exclude each other, even if one is empty.
            return Err(ProtocolError::InvalidFieldValue { field: fields.path(ANY), value: None });
        }
        if groups.is_empty() || groups.iter().any(Vec::is_empty) {
            return Err(fields.invalid(ANY, "[]"));
        }
        groups.iter().map(|group| parse(ANY, group)).collect::<Result<_, _>>().map(Self::Any)
    }
}

/// A cost type of a request; its description and context are ignored, whatever they are (RFC 7285 §11.3.2.3).
fn cost_type(fields: &Fields<'_>) -> Result<CostType, ProtocolError> {
    Ok(CostType::new(fields.string("cost-metric")?, fields.string("cost-mode")?))
}

/// Decodes a non-empty list of cost types.
fn cost_types(fields: &Fields<'_>, name: &str) -> Result<Option<Vec<CostType>>, ProtocolError> {
    let Some(elements) = fields.optional_objects(name)? else { return Ok(None) };
    if elements.is_empty() {
        return Err(fields.invalid(name, "[]"));
    }
    elements.iter().map(cost_type).collect::<Result<_, _>>().map(Some)
}

impl FromStr for Predicate {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Self, ConstraintError> {
        let blank = [' ', '\t'];
        let Some(rest) = text.trim_start_matches(blank).strip_prefix('[') else {
            return Ok(Self { index: 0, constraint: text.parse()? });
        };
        let (index, constraint) = rest.split_once(']').ok_or(ConstraintError)?;
        let digits = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
        if !digits || (index.len() > 1 && index.starts_with('0')) || !constraint.starts_with(blank) {
            return Err(ConstraintError);
        }
        Ok(Self { index: index.parse().map_err(|_| ConstraintError)?, constraint: constraint.parse()? })
    }
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Single-cost servers do not support indices.
        if self.index > 0 {
            write!(f, "[{}] ", self.index)?;
        }
        self.constraint.fmt(f)
    }
}

impl Serialize for CostSelection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = |list: &[Predicate]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut members = serializer.serialize_map(None)?;
        match &self.types {
            CostTypes::One(cost_type) => members.serialize_entry("cost-type", cost_type)?,
            CostTypes::Several(cost_types) => members.serialize_entry("multi-cost-types", cost_types)?,
        }
        if !self.testable.is_empty() {
            members.serialize_entry("testable-cost-types", &self.testable)?;
        }
        match &self.tests {
            Tests::All(tests) if tests.is_empty() => {}
            Tests::All(tests) => members.serialize_entry("constraints", &written(tests))?,
            Tests::Any(groups) => {
                let groups: Vec<_> = groups.iter().map(|group| written(group)).collect();
                members.serialize_entry("or-constraints", &groups)?;
            }
        }
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_index_is_a_number_in_brackets_followed_by_a_blank() {
        for (text, index) in [("le 5", 0), ("[0] le 5", 0), ("[12]\t le 5.5", 12), (" [1] ge -1 ", 1)] {
            assert_eq!(text.parse::<Predicate>().map(|predicate| predicate.index), Ok(index), "{text}");
        }
        for bad in [
            "[0]le 5",
            "[] le 5",
            "[01] le 5",
            "[-1] le 5",
            "[1.0] le 5",
            "[ 1] le 5",
            "[1 le 5",
            "1 le 5",
            "[1] 5",
            "[1] le",
            "[1] [1] le 5",
            "[99999999999999999999] le 5",
            "[+1] le 5",
            "[1] le 5 6",
        ] {
            assert!(bad.parse::<Predicate>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "[\\[\\] 0-9a-z.+-]{0,20}") {
            let _ = text.parse::<Predicate>();
        }

        #[test]
        fn formatted_predicates_parse_back_equal(index in any::<u32>(), value in proptest::num::f64::NORMAL) {
            let constraint = Constraint { comparison: crate::cost::Comparison::Less, value };
            let predicate = Predicate { index: index as usize, constraint };
            prop_assert_eq!(predicate.to_string().parse::<Predicate>(), Ok(predicate));
        }
    }
}
